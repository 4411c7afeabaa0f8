"""Which right it takes to order something, over whatever way it is ordered."""

from __future__ import annotations

from controller.cycle import Accept, Act, SetMode
from controller.service import WILLING
from policies.people import Right


def needed(act: Act) -> Right:
    """Return the right it takes to order something."""
    if isinstance(act, SetMode):
        return Right.LEAD if act.mode in WILLING else Right.RELEASE
    return Right.LEAD if isinstance(act, Accept) else Right.ADJUST
