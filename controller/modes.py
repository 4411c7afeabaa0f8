"""Modes and phases of a loop as tables of data; the diagrams in the docs are drawn from the same tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from controller.cycle import Cause, Mode, Phase


class Signal(StrEnum):
    """What moves a loop from one phase to the next."""

    STOPPED = "off is asked for"
    DROPPED = "shadow is asked for"
    REARMED = "armed again"
    TRIPPED = "released"
    UNSETTLED = "evidence is not complete"
    SETTLED = "evidence is complete"
    UNPLANNED = "no fresh plan"
    ASKED = "advisory or auto is asked for, and a plan is there"
    GRANTED = "its PLCs take remote setpoints"
    ALIGNED = "a plan that begins at the setpoints in force is there"
    DOUBTED = "evidence is missing, or a locked watch holds"
    CLEARED = "evidence is back, and no watch holds"


ASKED: Mapping[Mode, Cause] = MappingProxyType(
    {
        Mode.OFF: Cause.ASKED_OFF,
        Mode.SHADOW: Cause.ASKED_SHADOW,
        Mode.ADVISORY: Cause.ASKED_ADVISORY,
        Mode.AUTO: Cause.ASKED_AUTO,
    }
)
"""Cause of an order for a mode."""

TRANSITIONS: Mapping[tuple[Mode, Cause], Mode] = MappingProxyType(
    {(mode, cause): wanted for mode in Mode for wanted, cause in ASKED.items() if wanted is not mode}
    | {
        (mode, cause): Mode.SHADOW
        for mode in (Mode.ADVISORY, Mode.AUTO)
        for cause in Cause
        if cause not in ASKED.values()
    }
)
"""Mode that follows from a mode and a cause; a pair that is absent changes nothing."""

SERVICE: Mapping[tuple[Phase, Signal], Phase] = MappingProxyType(
    {
        (Phase.OFF, Signal.SETTLED): Phase.READY,
        (Phase.READY, Signal.UNSETTLED): Phase.OFF,
        (Phase.READY, Signal.ASKED): Phase.REQUEST,
        (Phase.REQUEST, Signal.UNSETTLED): Phase.OFF,
        (Phase.REQUEST, Signal.UNPLANNED): Phase.READY,
        (Phase.REQUEST, Signal.GRANTED): Phase.INIT,
        (Phase.INIT, Signal.ALIGNED): Phase.ACTIVE,
        (Phase.ACTIVE, Signal.DOUBTED): Phase.HOLD,
        (Phase.HOLD, Signal.CLEARED): Phase.ACTIVE,
        (Phase.SHED, Signal.REARMED): Phase.READY,
    }
    | {(phase, Signal.DROPPED): Phase.READY for phase in (Phase.REQUEST, Phase.INIT, Phase.ACTIVE, Phase.HOLD)}
    | {(phase, Signal.TRIPPED): Phase.SHED for phase in Phase if phase is not Phase.SHED}
    | {(phase, Signal.STOPPED): Phase.OFF for phase in Phase if phase is not Phase.OFF}
)
"""Phase that follows from a phase and a signal; a pair that is absent changes nothing."""


def follow(mode: Mode, cause: Cause) -> Mode:
    """Return the mode that follows.

    Examples
    --------
    >>> follow(Mode.AUTO, Cause.BLIND)
    <Mode.SHADOW: 'shadow'>
    >>> follow(Mode.OFF, Cause.BLIND)
    <Mode.OFF: 'off'>
    """
    return TRANSITIONS.get((mode, cause), mode)


def step(phase: Phase, *signals: Signal) -> Phase:
    """Return the phase that follows from the first of `signals` that means anything in `phase`.

    Examples
    --------
    >>> step(Phase.READY, Signal.SETTLED, Signal.ASKED)
    <Phase.REQUEST: 'request'>
    >>> step(Phase.SHED, Signal.SETTLED, Signal.ASKED)
    <Phase.SHED: 'shed'>
    """
    return next((SERVICE[phase, signal] for signal in signals if (phase, signal) in SERVICE), phase)


def diagram() -> str:
    """Return the table of modes as a Mermaid state diagram, for the docs."""
    return _drawn(TRANSITIONS.items(), Mode.SHADOW)


def service() -> str:
    """Return the table of phases as a Mermaid state diagram, for the docs."""
    return _drawn(SERVICE.items(), Phase.OFF)


def _drawn(table: Iterable[tuple[tuple[StrEnum, StrEnum], StrEnum]], start: StrEnum) -> str:
    edges: dict[tuple[StrEnum, StrEnum], list[StrEnum]] = {}
    for (before, why), after in table:
        edges.setdefault((before, after), []).append(why)
    lines = [f"    {a} --> {b}: {' / '.join(whys)}" for (a, b), whys in edges.items()]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {start}", *lines])
