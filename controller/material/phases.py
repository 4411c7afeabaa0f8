"""The phases of a line as a table: what follows from which event, by the names of ISA-88.

A supervisory controller starts and stops nothing. It sees by the flows whether the line runs, hears from people that
it is to be shut down, and knows from the gate whether what is made conforms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import nan
from types import MappingProxyType
from typing import NamedTuple

from policies.phases import PhaseLimits, Phases


class LinePhase(StrEnum):
    """What the line does."""

    IDLE = "idle"
    """Nothing has been fed yet."""
    STARTING = "starting"
    """Something is fed; nothing has been let out yet."""
    RUNNING = "running"
    """In production."""
    PAUSED = "paused"
    """Stands, and is to go on."""
    RESTARTING = "restarting"
    """Something is fed again; nothing has been let out since the pause."""
    STOPPING = "stopping"
    """Is being shut down, by order."""
    STOPPED = "stopped"
    """Stands, and its batch is over."""


class PhaseEvent(StrEnum):
    """What happens to the line."""

    FED = "the feeds run"
    STANDS = "the feeds stand"
    CONFORMS = "the gate lets out"
    SHUT_DOWN = "a person shuts it down"
    GO_ON = "a person lets it go on"


_P, _E = LinePhase, PhaseEvent
TABLE: Mapping[tuple[LinePhase, PhaseEvent], LinePhase] = MappingProxyType(
    {
        (_P.IDLE, _E.FED): _P.STARTING,
        (_P.STARTING, _E.STANDS): _P.PAUSED,
        (_P.STARTING, _E.CONFORMS): _P.RUNNING,
        (_P.STARTING, _E.SHUT_DOWN): _P.STOPPING,
        (_P.RUNNING, _E.STANDS): _P.PAUSED,
        (_P.RUNNING, _E.SHUT_DOWN): _P.STOPPING,
        (_P.PAUSED, _E.FED): _P.RESTARTING,
        (_P.PAUSED, _E.SHUT_DOWN): _P.STOPPED,
        (_P.RESTARTING, _E.STANDS): _P.PAUSED,
        (_P.RESTARTING, _E.CONFORMS): _P.RUNNING,
        (_P.RESTARTING, _E.SHUT_DOWN): _P.STOPPING,
        (_P.STOPPING, _E.STANDS): _P.STOPPED,
        (_P.STOPPING, _E.GO_ON): _P.RESTARTING,
        (_P.STOPPED, _E.FED): _P.STARTING,
    }
)
"""Phase that follows; any other event leaves the line in its phase."""
REFUSED: Mapping[PhaseEvent, str] = MappingProxyType(
    {
        PhaseEvent.SHUT_DOWN: "the line is not running",
        PhaseEvent.GO_ON: "the line is not being shut down",
    }
)
"""Why an order changes nothing, where it does not."""
STANDING = frozenset({_P.IDLE, _P.PAUSED, _P.STOPPED})
"""Phases in which nothing is fed."""


@dataclass(frozen=True, slots=True)
class PhaseChange:
    """One step from phase to phase."""

    at: float
    """When, POSIX time [s]."""
    before: LinePhase
    """Phase before."""
    phase: LinePhase
    """Phase now."""
    event: PhaseEvent
    """What happened."""


class Phase(NamedTuple):
    """The phase the line is in."""

    phase: LinePhase = LinePhase.IDLE
    """The phase."""
    since: float = nan
    """Since when, POSIX time [s]; not a number before the first cycle."""


UNTOLD = Phase()
"""The phase before the first cycle."""


def stepped(at: float, old: Phase, events: Iterable[PhaseEvent]) -> tuple[Phase, tuple[PhaseChange, ...]]:
    """Return the phase after some events, and the steps to it.

    Parameters
    ----------
    at
        Now, POSIX time [s].
    old
        The phase before.
    events
        What happened, in this order.
    """
    now, steps = old, list[PhaseChange]()
    for event in events:
        after = TABLE.get((now.phase, event))
        if after is not None:
            steps.append(PhaseChange(at, now.phase, after, event))
            now = Phase(after, at)
    return now, tuple(steps)


def seen(flow: float, old: Phase, declared: Phases) -> PhaseEvent | None:
    """Return what the flows say; nothing between half the throughput at which the line runs, and that.

    Parameters
    ----------
    flow
        Throughput [kg/h].
    old
        The phase before.
    declared
        What the policy says.
    """
    if flow >= declared.flows:
        return PhaseEvent.FED if old.phase in STANDING else None
    return PhaseEvent.STANDS if flow < declared.flows / 2.0 and old.phase not in STANDING else None


def holding(phase: LinePhase, declared: Phases | None) -> PhaseLimits:
    """Return what holds in a phase instead of what holds in production."""
    if declared is None:
        return _PRODUCTION
    match phase:
        case LinePhase.IDLE | LinePhase.STARTING:
            return declared.start_up
        case LinePhase.PAUSED | LinePhase.RESTARTING:
            return declared.restart
        case LinePhase.STOPPING | LinePhase.STOPPED:
            return declared.shut_down
        case LinePhase.RUNNING:
            return _PRODUCTION


_PRODUCTION = PhaseLimits()
