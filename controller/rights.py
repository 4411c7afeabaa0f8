"""Which right it takes to order something, over whatever way it is ordered."""

from __future__ import annotations

from collections.abc import Mapping

from anomaly.cases import CaseAct
from controller.cases.plain import needed as followed
from controller.cycle import Accept, Act, Attention, DirectLine, HandleAlarm, SetMode
from controller.service import WILLING
from policies.people import Right

_ATTENDING: Mapping[Attention, Right] = {
    Attention.ACKNOWLEDGE: Right.ATTEND,
    Attention.RESET: Right.ATTEND,
    Attention.SHELVE: Right.SHELVE,
    Attention.UNSHELVE: Right.SHELVE,
    Attention.REMOVE: Right.DISABLE,
    Attention.RESTORE: Right.DISABLE,
}


def needed(act: Act) -> Right:
    """Return the right it takes to order something."""
    if isinstance(act, CaseAct):
        return followed(act)
    if isinstance(act, DirectLine):
        return Right.DIRECT
    if isinstance(act, HandleAlarm):
        return _ATTENDING[act.attention]
    if isinstance(act, SetMode):
        return Right.LEAD if act.mode in WILLING else Right.RELEASE
    return Right.LEAD if isinstance(act, Accept) else Right.ADJUST
