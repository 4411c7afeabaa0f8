"""What a policy says of the models a plan is made with, and of those it is to hold for besides."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policies.words import Declared, Word


class Scenarios(Declared):
    """Plants a plan is to hold for, besides the one identified: a scenario tree, solved by IPOPT."""

    parameters: Annotated[tuple[Word, ...], Field(min_length=1, max_length=4)]
    """Identified parameters that may be higher or lower, one at a time."""
    sds: Annotated[float, Field(gt=0, le=4, allow_inf_nan=False, strict=True)] = 2.0
    """How far each may be off, in its identified standard deviations [1]."""
    robust_horizon: Annotated[int, Field(ge=1, le=2)] = 1
    """Samples after which it may have turned out anew which plant it is [1]."""

    @property
    def plants(self) -> int:
        """Number of plants, the one identified included [1]."""
        return 1 + 2 * len(self.parameters)
