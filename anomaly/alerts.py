"""What a watch can say, and the two lanes that keep learning away from the plant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from plant_io.values import quick
from policies import Lane, Priority, Route

Origin = Literal["", "sensor", "process"]
"""What a watch takes for the cause: what measures, what is measured, or neither where it cannot tell."""


@dataclass(frozen=True, slots=True)
class Sign:
    """How far one tag is from normal, and to which side."""

    tag: str
    """Tag, or what a loop believes, by name."""
    z: float
    """Distance from normal, positive above it, in standard deviations [1]."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that began or ended, with its evidence."""

    at: float
    """When, POSIX time [s]."""
    watch: str
    """Name of the watch in the policy."""
    lane: Lane
    """Whether the model behind it is locked or learns."""
    active: bool
    """True when the condition begins, False when it ends."""
    what: str
    """One sentence: which signal, which direction, how far, since when."""
    score: float
    """Score that crossed the limit [1]."""
    limit: float
    """Limit that was crossed [1]."""
    priority: Priority
    """How soon a person must act."""
    route: Route
    """Who is told."""
    response: str
    """What that person should do."""
    evidence: Mapping[str, float] = field(default_factory=dict[str, float])
    """Numbers behind the sentence; each key ends in its unit in brackets, for example ``slope [%/h]``."""
    signs: tuple[Sign, ...] = ()
    """Tags it speaks of, the farthest from normal first."""
    onset: float | None = None
    """When it is believed to have begun, POSIX time [s]; None where the watch cannot tell."""
    entry: str = ""
    """Library entry it is named after; empty where there is none."""
    origin: Origin = ""
    """What the watch takes for the cause."""


@quick
@dataclass(frozen=True, slots=True)
class Locked:
    """Verdict of a locked watch; the only kind that can hold a loop."""

    alerts: tuple[Alert, ...]
    """Conditions that began or ended in this cycle."""
    holds: frozenset[str]
    """Loops whose setpoints are to stand still."""


@quick
@dataclass(frozen=True, slots=True)
class Advice:
    """Verdict of the learning lane: words for people, and nothing the guard would take."""

    alerts: tuple[Alert, ...]
    """Conditions that began or ended in this cycle."""
