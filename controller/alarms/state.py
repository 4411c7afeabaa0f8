"""What is remembered of alarms from one cycle to the next, and what is said when one changes its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from controller.alarms.lifecycle import AlarmEvent, AlarmState
from plant_io.values import quick
from policies import Priority, Route

Source = Literal["watch", "loop", "incident", "limit", "quality", "link", "notice", "case"]
"""What raises an alarm."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is known of one alarm."""

    name: str
    """Its name: that of the watch, of the incident, or its own in the policy; ``loops.NAME.released`` for a loop."""
    source: Source
    """What raises it."""
    state: AlarmState
    """Where it is in its life cycle."""
    since: float
    """Since when it has been there, POSIX time [s]."""
    stands: bool
    """Whether its condition stands, as people were told."""
    seen: bool
    """Whether its condition is seen now; people are told once that has lasted as long as its delay asks."""
    seen_since: float
    """Since when it has or has not been, POSIX time [s]."""
    raised: float | None
    """When it was raised last, POSIX time [s]; None where it never was."""
    what: str
    """One sentence: what is wrong."""
    priority: Priority
    """How soon a person must act."""
    sort: str
    """What it is about: its class."""
    consequence: str
    """What happens if nobody acts."""
    response: str
    """What the person told should do."""
    routing: tuple[Route, ...]
    """Who is told, the first to act first."""
    until: float | None = None
    """When its shelving ends, POSIX time [s]; None where it is not shelved."""
    who: str = ""
    """Who acknowledged or shelved it or took it out of service last; empty where nobody did."""
    why: str = ""
    """Reason given."""


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """One step of an alarm through its life cycle."""

    at: float
    """When, POSIX time [s]."""
    event: AlarmEvent | None
    """What happened; None for an alarm that an earlier run left."""
    before: AlarmState
    """State before."""
    alarm: Alarm
    """The alarm as it is now."""


@quick
@dataclass(frozen=True, slots=True)
class AlarmMemory:
    """Memory of all alarms."""

    alarms: Mapping[str, Alarm] = field(default_factory=dict[str, Alarm])
    """Alarms that are not normal, or about to be told, by name, in the order in which they came."""
    due: float = inf
    """When something becomes of one of them by itself, POSIX time [s]."""
