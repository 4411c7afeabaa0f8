"""What a policy says of watches: detectors, their lane, and what they may do."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from policies.words import Declared, Duration, Name, Number, Positive

Priority = Literal["high", "medium", "low"]
"""How soon a person must act (ISA-18.2)."""

Route = Literal["operator", "qa", "maintenance", "lab"]
"""Who is told."""


class Lane(StrEnum):
    """Whether a model may act (draft EU GMP Annex 22, July 2025)."""

    LOCKED = "locked"
    """Deterministic, frozen, approved."""
    LEARNING = "learning"
    """Learns on line; advises people only."""


class Action(StrEnum):
    """What a standing alert does by itself."""

    ALERT = "alert"
    """Tells people."""
    HOLD = "hold"
    """Also freezes the setpoints of a loop while it stands; locked lane only."""


class _Watch(Declared):
    priority: Priority = "medium"
    """How soon a person must act."""
    route: Route = "operator"
    """Who is told."""
    response: str
    """What the person told should do."""


class Reference(Declared):
    """What is normal for a signal, frozen at approval."""

    mean: Number
    """Normal value, in the unit of the tag."""
    sd: Positive
    """Normal standard deviation, in the unit of the tag."""


class Ewma(_Watch):
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
    limit: Positive
    """Distance from normal at which it speaks, in standard deviations of the chart [1]."""
    on_delay_s: Duration | None = Field(default=None, alias="on_delay")
    """Time the condition must stand before it is told [s]."""
    action: Action = Action.ALERT
    """What it does by itself."""
    holds: tuple[str, ...] = ()
    """Loops frozen while it stands, where `action` is hold."""


class Learner(_Watch):
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


class Trend(_Watch):
    """Signatures of an impurity-trend library, matched on line."""

    kind: Literal["trend"]
    """Form of the watch."""
    lane: Literal[Lane.LOCKED] = Lane.LOCKED
    """Always locked: the library is approved as a file."""
    library: str
    """Library file, beside the policy."""
    channels: Annotated[dict[Name, Reference], Field(min_length=1)]
    """Tags the signatures are written in, with what is normal."""
    every_s: Duration = Field(alias="every")
    """Time between two points of the trend [s]."""
    window: Annotated[int, Field(ge=10, le=2000)]
    """Points looked back [1]."""
    action: Literal[Action.ALERT] = Action.ALERT
    """Tells people."""


Watch = Annotated[Ewma | Learner | Trend, Field(discriminator="kind")]
"""Any watch."""
