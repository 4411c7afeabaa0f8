"""What a policy says of watches: detectors, their lane, and what they may do."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, field_validator

from policies.charts import Chart
from policies.expectations import Expectations
from policies.learners import Detector, Drift, Univariate
from policies.monitors import Monitor, Running
from policies.normal import Reference
from policies.sensors import Sensors
from policies.told import Lane, Told
from policies.words import Duration, Name, Positive, Word


class Action(StrEnum):
    """What a standing alert does by itself."""

    ALERT = "alert"
    """Tells people."""
    HOLD = "hold"
    """Also freezes the setpoints of a loop while it stands; locked lane only."""


class Ewma(Told):
    """An EWMA chart on one tag against a frozen reference."""

    kind: Literal["ewma"]
    """Form of the watch."""
    lane: Literal[Lane.LOCKED] = Lane.LOCKED
    """Always locked: nothing is learnt on line."""
    tag: Name
    """Tag watched."""
    reference: Reference
    """What is normal."""
    weight: Annotated[float, Field(gt=0, le=1)]
    """Weight of the newest value [1]."""
    memory: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Correlation of one value with the next in normal operation [1]."""
    limit: Positive
    """Distance from normal at which it speaks, in standard deviations of the chart [1]."""
    on_delay_s: Duration | None = Field(default=None, alias="on_delay")
    """Time the condition must stand before it is told [s]."""
    clear: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Share of `limit` below which the condition ends [1]."""
    runs: Running | None = None
    """What shows that the line runs; nothing is judged while it does not, or has just begun to; always where absent."""
    yields: tuple[str, ...] = ()
    """Loops that move what it watches: it rests while one is in service, and then until its average is normal again."""
    action: Action = Action.ALERT
    """What it does by itself."""
    holds: tuple[str, ...] = ()
    """Loops frozen while it stands, where `action` is hold."""


class Learner(Told):
    """A river detector that learns on line and advises people."""

    kind: Literal["half_space_trees"]
    """Form of the watch."""
    lane: Literal[Lane.LEARNING]
    """Always learning: it can never act."""
    tags: Annotated[dict[Name, Reference], Field(min_length=1)]
    """Tags watched, with what is normal (used for scaling)."""
    limit: Annotated[float, Field(gt=0, lt=1)]
    """Anomaly score at which it speaks [1]."""
    every_s: Duration = Field(default=5.0, alias="every")
    """Time between two looks [s]."""
    action: Action = Action.ALERT
    """What it does by itself; only alert is accepted."""
    seed: int = 1
    """Seed of the trees [1]."""

    @field_validator("action")
    @classmethod
    def _advises_only(cls, action: Action) -> Action:
        if action is not Action.ALERT:
            raise ValueError("a learning watch can only alert; hold needs lane: locked")
        return action


class Channel(Reference):
    """What is normal for one channel of a trend, as the mean of the values between two points."""

    scale: Literal["linear", "log"] = "linear"
    """Whether the trend is sought in the value or in its natural logarithm, as `mean` and `sd` then also are."""
    memory: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Correlation of one point with the next in normal operation [1]."""
    between: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Standard deviation of the mean of one run from that of another, unit of the channel; all stand alike where 0."""
    drift_per_h: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Root mean square of the slopes of normal runs, unit of the channel per hour; runs do not drift where 0."""


class Trend(Told):
    """Signatures of an impurity-trend library, matched on line."""

    kind: Literal["trend"]
    """Form of the watch."""
    lane: Literal[Lane.LOCKED] = Lane.LOCKED
    """Always locked: the library is approved as a file."""
    library: str
    """Library file, beside the policy."""
    approved_by: tuple[str, ...] = ()
    """Fingerprints of the public keys of which one must have signed the library; none is asked for where empty."""
    entries: tuple[Word, ...] = ()
    """Entries that are matched; all that are in force where empty."""
    channels: Annotated[dict[Name, Channel], Field(min_length=1)]
    """Tags the signatures are written in, with what is normal."""
    every_s: Duration = Field(alias="every")
    """Time between two points of the trend [s]."""
    window: Annotated[int, Field(ge=10, le=240)]
    """Points looked back [1]; the work of a look grows with its square, and 240 points still fit into a period."""
    limit: Positive = 25.0
    """Logarithm of the likelihood ratio of trend to no trend at which it speaks [1]."""
    known: Positive | None = None
    """The same for a trend that moves as an entry does, which noise does more seldom; `limit` where absent [1]."""
    second: Positive = 12.0
    """Logarithm of the likelihood ratio of two entries to one at which both are named, no less than `limit` where the
    one explains the trend too [1]."""
    explained: Annotated[float, Field(gt=0, lt=1)] = 0.65
    """Share of the trend an entry must explain to be named; below it the trend is called unknown [1]."""
    misfit: Positive | None = None
    """Logarithm of the likelihood ratio that the moves of a trend may add to those an entry allows, so that it is still
    named; one that was refuted so is not named again while the trend stands. `limit` where absent [1]."""
    clear: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Share of `limit` below which a trend ends [1]."""
    settle_s: Annotated[Duration, Field(ge=0.0)] = Field(default=0.0, alias="settle")
    """Time at the beginning of a run that is left out, while the line and its instruments settle [s]."""
    baseline_s: Duration | None = Field(default=None, alias="baseline")
    """Time at the beginning of a run whose mean is normal for each channel; that of the policy where absent [s]."""
    yields: tuple[str, ...] = ()
    """Loops that move what it watches: it rests while one is in service, and begins anew afterwards."""
    action: Literal[Action.ALERT] = Action.ALERT
    """Tells people."""


Watch = Annotated[
    Ewma | Learner | Trend | Expectations | Monitor | Chart | Univariate | Drift | Detector | Sensors,
    Field(discriminator="kind"),
]
"""Any watch."""
