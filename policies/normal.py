"""What a policy says is normal for a signal."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from policies.words import Declared, Name, Number, Positive, Word


class Reference(Declared):
    """What is normal for a signal, frozen at approval."""

    mean: Number
    """Normal value, in the unit of the tag."""
    sd: Positive
    """Normal standard deviation, in the unit of the tag."""


class Residual(Declared):
    """What is left of a tag: without its normal value, or without what a monitor foretells."""

    tag: Name
    """Tag watched."""
    reference: Reference | None = None
    """What is normal; absent where a monitor tells it."""
    monitor: Word | None = None
    """Watch of kind monitor whose residual of the tag is meant; the value itself where absent."""
    memory: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Correlation of one value with the next in normal operation; what is left without it is looked at [1]."""

    @model_validator(mode="after")
    def _one(self) -> Residual:
        if (self.reference is None) == (self.monitor is None):
            raise ValueError("found both or neither of reference and monitor, expected one of them")
        return self
