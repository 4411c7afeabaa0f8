"""What every claim of a scenario says: what it shows, and when."""

from __future__ import annotations

from typing import TypeVar

from pydantic import Field

from policies.words import Declared, Duration

Some = TypeVar("Some", bound=Declared)
"""Any claim."""


def bounded(claim: Some, low: str, high: str) -> Some:
    """Return a claim if one of two bounds of it, or both, are there."""
    if getattr(claim, low) is None and getattr(claim, high) is None:
        raise ValueError(f"found neither {low} nor {high}, wanted one or both")
    return claim


class Claim(Declared):
    """What every assertion says."""

    requirement: str
    """What it shows, in one sentence, or the id of one of the requirements above."""


class Within(Claim):
    """An assertion that something comes within a time."""

    after_s: Duration = Field(alias="after", default=0.0)
    """Time since the start from which it counts; from the start if absent [s]."""
    within_s: Duration = Field(alias="within")
    """Time from then in which it must come [s]."""

    @property
    def end_s(self) -> float:
        """Time since the start until which it must have come [s]."""
        return self.after_s + self.within_s


class During(Claim):
    """An assertion about a span of the run."""

    after_s: Duration = Field(alias="after", default=0.0)
    """Time since the start from which it counts; from the start if absent [s]."""
    until_s: Duration | None = Field(default=None, alias="until")
    """Time since the start until which it counts; to the end if absent [s]."""
