"""The life cycle of an alarm as a table: states, events, and what is refused and why (ISA-18.2, IEC 62682).

Every pair of a state and an event stands either in `TABLE` or in `REFUSED`; nothing is left to chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class AlarmState(StrEnum):
    """Where an alarm is in its life cycle; letters are those of the diagram in ISA-18.2."""

    NORMAL = "normal"
    """A: nothing is wrong, and nothing is left to be said."""
    UNACKNOWLEDGED = "unacknowledged"
    """B: its condition stands, and nobody has said that they saw it."""
    ACKNOWLEDGED = "acknowledged"
    """C: its condition stands, and somebody has."""
    RETURNED = "returned unacknowledged"
    """D: its condition is over, and nobody has said that they saw it."""
    LATCHED_UNACKNOWLEDGED = "latched unacknowledged"
    """E: its condition is over, nobody has said that they saw it, and somebody must reset it."""
    LATCHED_ACKNOWLEDGED = "latched acknowledged"
    """F: its condition is over, and somebody must reset it."""
    SHELVED = "shelved"
    """G: a person keeps it from people for a time."""
    SUPPRESSED = "suppressed by design"
    """H: the policy keeps it from people while a condition holds."""
    OUT_OF_SERVICE = "out of service"
    """I: a person keeps it from people until a person puts it back."""


class AlarmEvent(StrEnum):
    """What happens to an alarm."""

    RAISED = "raised"
    """Its condition stands, for as long as its delay asks."""
    WORSENED = "worsened"
    """It is more urgent than when people were told."""
    CLEARED = "cleared"
    """Its condition is over, for as long as its delay asks."""
    LATCHED = "latched"
    """The same, of an alarm that latches."""
    ACKNOWLEDGED = "acknowledged"
    """A person has seen it."""
    RESET = "reset"
    """A person resets what latched."""
    SHELVED = "shelved"
    """A person shelves it."""
    UNSHELVED = "unshelved"
    """A person ends that."""
    EXPIRED = "shelving expired"
    """The time for which it was shelved has gone by."""
    SUPPRESSED = "suppressed"
    """The condition under which the policy suppresses it holds."""
    UNSUPPRESSED = "unsuppressed"
    """That condition is over."""
    REMOVED = "removed from service"
    """A person takes it out of service."""
    RETURNED = "returned to service"
    """A person puts it back."""


_A, _B, _C, _D, _E, _F, _G, _H, _I = AlarmState
UNSEEN = frozenset({_B, _D, _E})
"""States in which nobody has said that they saw it."""
KEPT = frozenset({_G, _H, _I})
"""States in which it is kept from people."""
TOLD = frozenset({_B, _C, _D, _E, _F})
"""States in which it is on the list of alarms."""


class Next(NamedTuple):
    """What follows."""

    standing: AlarmState
    """State while the condition stands."""
    over: AlarmState
    """State while it does not."""


def _to(state: AlarmState, over: AlarmState | None = None) -> Next:
    return Next(state, state if over is None else over)


TABLE: Mapping[tuple[AlarmState, AlarmEvent], Next] = MappingProxyType(
    {
        (_A, AlarmEvent.RAISED): _to(_B),
        (_B, AlarmEvent.WORSENED): _to(_B),
        (_B, AlarmEvent.CLEARED): _to(_D),
        (_B, AlarmEvent.LATCHED): _to(_E),
        (_B, AlarmEvent.ACKNOWLEDGED): _to(_C),
        (_C, AlarmEvent.WORSENED): _to(_B),
        (_C, AlarmEvent.CLEARED): _to(_A),
        (_C, AlarmEvent.LATCHED): _to(_F),
        (_D, AlarmEvent.RAISED): _to(_B),
        (_D, AlarmEvent.ACKNOWLEDGED): _to(_A),
        (_E, AlarmEvent.RAISED): _to(_B),
        (_E, AlarmEvent.ACKNOWLEDGED): _to(_F),
        (_F, AlarmEvent.RAISED): _to(_B),
        (_F, AlarmEvent.RESET): _to(_A),
    }
    | {(state, AlarmEvent.SHELVED): _to(_G) for state in (_A, _B, _C, _D, _E, _F, _G)}
    | {(state, AlarmEvent.SUPPRESSED): _to(_H) for state in (_A, _B, _C, _D, _E, _F)}
    | {(state, AlarmEvent.REMOVED): _to(_I) for state in (_A, _B, _C, _D, _E, _F, _G, _H)}
    | {
        (state, event): _to(state)
        for state in (_G, _H, _I)
        for event in (AlarmEvent.RAISED, AlarmEvent.WORSENED, AlarmEvent.CLEARED, AlarmEvent.LATCHED)
    }
    | {
        (_G, AlarmEvent.UNSHELVED): _to(_B, _A),
        (_G, AlarmEvent.EXPIRED): _to(_B, _A),
        (_H, AlarmEvent.UNSUPPRESSED): _to(_B, _A),
        (_I, AlarmEvent.RETURNED): _to(_B, _A),
    }
)
"""State that follows from a state and an event: two, of which the condition of the alarm chooses."""

_NOT_SHELVED, _NOT_OUT = "it is not shelved", "it is not out of service"
_NOT_SUPPRESSED = "it is not suppressed"
_STANDS, _OVER = "its condition stands already", "its condition is over already"
_NOT_STANDING = "its condition does not stand"


def _refused(
    sentence: str, event: AlarmEvent, states: Iterable[AlarmState]
) -> dict[tuple[AlarmState, AlarmEvent], str]:
    return {(state, event): sentence for state in states}


REFUSED: Mapping[tuple[AlarmState, AlarmEvent], str] = MappingProxyType(
    _refused(_STANDS, AlarmEvent.RAISED, (_B, _C))
    | _refused(_NOT_STANDING, AlarmEvent.WORSENED, (_A, _D, _E, _F))
    | {(state, event): _OVER for event in (AlarmEvent.CLEARED, AlarmEvent.LATCHED) for state in (_A, _D, _E, _F)}
    | {
        (_A, AlarmEvent.ACKNOWLEDGED): "there is nothing to acknowledge",
        (_C, AlarmEvent.ACKNOWLEDGED): "it is acknowledged already",
        (_F, AlarmEvent.ACKNOWLEDGED): "it is acknowledged already; it waits to be reset",
        (_G, AlarmEvent.ACKNOWLEDGED): "it is shelved; it must be unshelved first",
        (_H, AlarmEvent.ACKNOWLEDGED): "it is suppressed by design; nobody is told of it",
        (_I, AlarmEvent.ACKNOWLEDGED): "it is out of service; it must be put back first",
        (_A, AlarmEvent.RESET): "there is nothing to reset",
        (_B, AlarmEvent.RESET): "its condition stands; it can only be acknowledged",
        (_C, AlarmEvent.RESET): "its condition stands; it can only be reset once that is over",
        (_D, AlarmEvent.RESET): "it does not latch; it can only be acknowledged",
        (_E, AlarmEvent.RESET): "it must be acknowledged first",
        (_G, AlarmEvent.RESET): "it is shelved; it must be unshelved first",
        (_H, AlarmEvent.RESET): "it is suppressed by design; nobody is told of it",
        (_I, AlarmEvent.RESET): "it is out of service; it must be put back first",
        (_H, AlarmEvent.SHELVED): "it is suppressed by design; nobody is told of it",
        (_I, AlarmEvent.SHELVED): "it is out of service; it must be put back first",
        (_I, AlarmEvent.REMOVED): "it is out of service already",
        (_G, AlarmEvent.SUPPRESSED): "it is shelved, which comes first",
        (_H, AlarmEvent.SUPPRESSED): "it is suppressed already",
        (_I, AlarmEvent.SUPPRESSED): "it is out of service, which comes first",
    }
    | _refused(_NOT_SHELVED, AlarmEvent.UNSHELVED, set(AlarmState) - {_G})
    | _refused(_NOT_SHELVED, AlarmEvent.EXPIRED, set(AlarmState) - {_G})
    | _refused(_NOT_SUPPRESSED, AlarmEvent.UNSUPPRESSED, set(AlarmState) - {_H})
    | _refused(_NOT_OUT, AlarmEvent.RETURNED, set(AlarmState) - {_I})
)
"""Why nothing follows from a state and an event, in one sentence."""


def after(state: AlarmState, event: AlarmEvent, *, stands: bool) -> AlarmState | None:
    """Return the state that follows; None where the event is refused, for the reason in `REFUSED`.

    Parameters
    ----------
    state
        State of the alarm.
    event
        What happens to it.
    stands
        Whether its condition stands.

    Examples
    --------
    >>> after(AlarmState.SHELVED, AlarmEvent.EXPIRED, stands=True)
    <AlarmState.UNACKNOWLEDGED: 'unacknowledged'>
    """
    found = TABLE.get((state, event))
    if found is None:
        return None
    return found.standing if stands else found.over
