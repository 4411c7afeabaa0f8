"""How far a case can be, what can happen to it, and what becomes of it: one table, every pair listed.

A pair either leads to a stage or is refused with one sentence, so that nothing is left to the code around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Stage(StrEnum):
    """How far a case is."""

    RAISED = "raised"
    """Nobody has taken it in hand."""
    IN_HAND = "in hand"
    """Steps of the procedure are being done."""
    TESTED = "tested"
    """A confirmatory result is there."""
    JUDGED = "judged"
    """A disposition is there, and waits for a signature."""
    CLOSED = "closed"
    """The disposition stands."""


class Happening(StrEnum):
    """What can happen to a case."""

    STEP = "a step is done"
    CALLED = "it is told again, or otherwise"
    LATE = "the time of a step has ended"
    RESULT = "a confirmatory result is entered"
    JUDGED = "it is judged by a result: confirmed or analytical"
    REJECTED = "it is judged without a cause: rejected"
    SIGNED = "a further signature, not the last"
    COMPLETED = "no further signature is wanted"
    RETURNED = "a signature is denied, and there is a result"
    UNTESTED = "a signature is denied, and there is no result"
    REOPENED = "it is opened again"
    PROPOSED = "a library entry is drafted from it"


_NO_RESULT = "no confirmatory result has been entered"
_NOTHING_TO_SIGN = "there is no disposition to be signed"
_OPEN = "it is not closed"
_NOT_CONFIRMED = "a library entry is drafted only from a closed case"
_SIGNING = "a disposition waits for a signature: sign it or send it back first"
_CLOSED = "it is closed: open it again first"
_UNCONCLUDED = {
    Happening.SIGNED: _NOTHING_TO_SIGN,
    Happening.COMPLETED: _NOTHING_TO_SIGN,
    Happening.RETURNED: _NOTHING_TO_SIGN,
    Happening.UNTESTED: _NOTHING_TO_SIGN,
    Happening.REOPENED: _OPEN,
    Happening.PROPOSED: _NOT_CONFIRMED,
}
TABLE: Mapping[Stage, Mapping[Happening, Stage | str]] = {
    Stage.RAISED: {
        Happening.STEP: Stage.IN_HAND,
        Happening.CALLED: Stage.RAISED,
        Happening.LATE: Stage.RAISED,
        Happening.RESULT: Stage.TESTED,
        Happening.JUDGED: _NO_RESULT,
        Happening.REJECTED: "nobody has taken it in hand: no step of its procedure is done",
        **_UNCONCLUDED,
    },
    Stage.IN_HAND: {
        Happening.STEP: Stage.IN_HAND,
        Happening.CALLED: Stage.IN_HAND,
        Happening.LATE: Stage.IN_HAND,
        Happening.RESULT: Stage.TESTED,
        Happening.JUDGED: _NO_RESULT,
        Happening.REJECTED: Stage.JUDGED,
        **_UNCONCLUDED,
    },
    Stage.TESTED: {
        Happening.STEP: Stage.TESTED,
        Happening.CALLED: Stage.TESTED,
        Happening.LATE: Stage.TESTED,
        Happening.RESULT: Stage.TESTED,
        Happening.JUDGED: Stage.JUDGED,
        Happening.REJECTED: Stage.JUDGED,
        **_UNCONCLUDED,
    },
    Stage.JUDGED: {
        Happening.STEP: _SIGNING,
        Happening.CALLED: Stage.JUDGED,
        Happening.LATE: Stage.JUDGED,
        Happening.RESULT: _SIGNING,
        Happening.JUDGED: _SIGNING,
        Happening.REJECTED: _SIGNING,
        Happening.SIGNED: Stage.JUDGED,
        Happening.COMPLETED: Stage.CLOSED,
        Happening.RETURNED: Stage.TESTED,
        Happening.UNTESTED: Stage.IN_HAND,
        Happening.REOPENED: _OPEN,
        Happening.PROPOSED: _NOT_CONFIRMED,
    },
    Stage.CLOSED: {
        Happening.STEP: _CLOSED,
        Happening.CALLED: "it is closed: what is told now opens another case",
        Happening.LATE: "it is closed: none of its times runs any more",
        Happening.RESULT: _CLOSED,
        Happening.JUDGED: _CLOSED,
        Happening.REJECTED: _CLOSED,
        Happening.SIGNED: "it is closed and has every signature that is wanted",
        Happening.COMPLETED: "it is closed and has every signature that is wanted",
        Happening.RETURNED: _CLOSED,
        Happening.UNTESTED: _CLOSED,
        Happening.REOPENED: Stage.IN_HAND,
        Happening.PROPOSED: Stage.CLOSED,
    },
}
"""What becomes of a case at each stage by what happens, or why it cannot happen."""


class CaseRefused(ValueError):  # noqa: N818  # the condition, in the words of the field
    """Something cannot happen to a case at its stage; the message says why."""


def follow(stage: Stage, happening: Happening) -> Stage:
    """Return the stage something leads to.

    Raises
    ------
    CaseRefused
        If it cannot happen at that stage.

    Examples
    --------
    >>> follow(Stage.TESTED, Happening.JUDGED)
    <Stage.JUDGED: 'judged'>
    """
    found = TABLE[stage][happening]
    if isinstance(found, Stage):
        return found
    raise CaseRefused(found)
