"""What a policy says of watches that learn on line; they advise people and can never act."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from policies.normal import Reference, Residual
from policies.told import Lane, Told
from policies.words import Duration, Name, Positive, Word


class _Learning(Told):
    lane: Literal[Lane.LEARNING]
    """Always learning: it can never act."""
    action: Literal["alert"] = "alert"
    """Tells people."""


class Univariate(_Learning):
    """One tag by itself, for five reasons, each against its own past."""

    kind: Literal["univariate"]
    """Form of the watch."""
    tag: Name
    """Tag watched."""
    every_s: Duration = Field(alias="every")
    """Time between two looks [s]; values in between are not seen."""
    chance: Annotated[float, Field(gt=0, le=0.05)] = 0.001
    """Share of normal values at which it speaks [1]."""


class Drift(Residual, _Learning):
    """A detector of change in what is left of one tag: whether its mean is no longer what it was."""

    kind: Literal["drift"]
    """Form of the watch."""
    method: Literal["adwin", "page_hinkley"]
    """Detector: windows that adapt, or sums of what lies above or below the mean so far."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.002
    """Chance by which ADWIN takes two windows of the same for different [1]."""
    slack: Annotated[float, Field(ge=0)] = 0.25
    """Distance from the mean that Page-Hinkley does not sum up, in standard deviations [1]."""
    limit: Positive = 20.0
    """Sum at which Page-Hinkley speaks, in standard deviations [1]."""
    stands_s: Duration = Field(default=3600.0, alias="stands")
    """Time after the last change for which the advice stands [s]."""


class Detector(_Learning):
    """A detector of others: of river, or installed under the entry points ``steadyline.detectors``."""

    kind: Literal["detector"]
    """Form of the watch."""
    detector: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.\-]*$")]
    """Name of an entry point, or of a class of river such as ``river.anomaly.LODA``."""
    options: dict[str, float | int | str | bool] = Field(default_factory=dict[str, float | int | str | bool])
    """What it is made with, by the names of its own parameters, each in its own unit."""
    tags: dict[Name, Reference] = Field(default_factory=dict[str, Reference])
    """Tags watched, with what is normal; absent where a monitor tells it."""
    monitor: Word | None = None
    """Watch of kind monitor whose residuals of all its tags are watched instead, at its own pace."""
    weight: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Weight of the newest residual in the average that is watched [1]."""
    scale: Literal["sd", "unit"] = "sd"
    """What it sees of a tag: standard deviations from normal, or 0 to 1 for four of them below and above."""
    limit: float
    """Score at which it speaks, and from which on it does not learn [1]."""
    warm: Annotated[int, Field(ge=0)] = 250
    """Looks at the beginning that it learns whatever they are, and does not judge [1]."""
    every_s: Duration = Field(default=5.0, alias="every")
    """Time between two looks [s]."""

    @model_validator(mode="after")
    def _one(self) -> Detector:
        if bool(self.tags) == (self.monitor is not None):
            raise ValueError("found both or neither of tags and monitor, expected one of them")
        return self
