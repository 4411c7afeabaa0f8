"""What a policy says of control charts that people know: which rules are on, and their numbers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policies.normal import Residual
from policies.told import Lane, Told
from policies.words import Declared, Positive

Rule = Literal[
    "shewhart", "ewma", "cusum",
    "western_electric_1", "western_electric_2", "western_electric_3", "western_electric_4",
    "nelson_1", "nelson_2", "nelson_3", "nelson_4", "nelson_5", "nelson_6", "nelson_7", "nelson_8",
]  # fmt: skip
"""A rule by which a chart speaks."""


class Averaging(Declared):
    """Numbers of the EWMA rule; as they stand, one false alarm in 500 values."""

    weight: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Weight of the newest value [1]."""
    limit: Positive = 2.814
    """Distance from normal at which it speaks, in standard deviations of the average [1]."""


class Summing(Declared):
    """Numbers of the CUSUM rule; as they stand, one false alarm in 465 values."""

    slack: Annotated[float, Field(ge=0)] = 0.5
    """Distance from normal that is not summed up, in standard deviations: half of the shift sought [1]."""
    limit: Positive = 5.0
    """Sum at which it speaks, in standard deviations [1]."""


class Chart(Residual, Told):
    """Control charts on one tag, each rule switched on by its name."""

    kind: Literal["chart"]
    """Form of the watch."""
    lane: Literal[Lane.LOCKED] = Lane.LOCKED
    """Always locked: nothing is learnt on line."""
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]
    """Rules that are on."""
    ewma: Averaging = Averaging()
    """Numbers of the rule ewma."""
    cusum: Summing = Summing()
    """Numbers of the rule cusum."""
    action: Literal["alert"] = "alert"
    """Tells people."""
