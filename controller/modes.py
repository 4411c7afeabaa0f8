"""Modes of a loop as a table of data; the diagram in the docs is drawn from the same table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from controller.cycle import Mode


class Cause(StrEnum):
    """Why a loop changes its mode."""

    ASKED_OFF = "a person asks for off"
    ASKED_SHADOW = "a person asks for shadow"
    ASKED_ADVISORY = "a person asks for advisory"
    ASKED_AUTO = "a person asks for auto"
    RESTARTED = "a PLC was restarted"
    TAKEN_BACK = "a PLC took its setpoints back"
    BLIND = "evidence was missing for too long"
    NO_PLAN = "no plan came for too long"
    NOT_FOLLOWED = "a PLC did not follow what was written"


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
        for cause in (Cause.RESTARTED, Cause.TAKEN_BACK, Cause.BLIND, Cause.NO_PLAN, Cause.NOT_FOLLOWED)
    }
)
"""Mode that follows from a mode and a cause; a pair that is absent changes nothing."""


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


def diagram() -> str:
    """Return the table as a Mermaid state diagram, for the docs."""
    edges: dict[tuple[Mode, Mode], list[Cause]] = {}
    for (mode, cause), wanted in TRANSITIONS.items():
        edges.setdefault((mode, wanted), []).append(cause)
    lines = [f"    {a} --> {b}: {' / '.join(causes)}" for (a, b), causes in edges.items()]
    return "\n".join(["stateDiagram-v2", "    [*] --> shadow", *lines])
