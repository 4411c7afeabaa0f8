"""The cases' part of one cycle, where a policy wants any."""

from __future__ import annotations

from collections.abc import Sequence

from anomaly.cases import Case, CaseAct, CaseState
from controller.cases import life
from controller.cases.kit import CaseKit
from controller.cases.life import Asked, Worked
from controller.cases.opening import Seen
from controller.cycle import Order

__all__ = ["Seen", "followed", "told"]


def followed(orders: Sequence[Order], at: float, old: CaseState, kit: CaseKit | None) -> Worked:
    """Return what becomes of cases by orders of people and by times that end.

    Parameters
    ----------
    orders
        What people asked, oldest first; those of others are left to them.
    at
        Start of the cycle, POSIX time [s].
    old
        Memory of the cases.
    kit
        How they are followed up; None where the policy wants none.
    """
    asked = [Asked(one.who, one.why, one.act, at) for one in orders if isinstance(one.act, CaseAct)]
    if kit is None:
        return Worked(old, refused=tuple((one.who, f"case {one.act.case}: refused: {_NONE}") for one in asked))
    return life.work(asked, at, old, kit) if asked or old.cases else Worked(old)


def told(seen: Seen, worked: Worked, kit: CaseKit | None) -> tuple[CaseState, tuple[Case, ...]]:
    """Return the memory, and every case of which something became in this cycle, as it stands.

    Parameters
    ----------
    seen
        What the cycle gives.
    worked
        What became of them before.
    kit
        How they are followed up; None where the policy wants none.
    """
    if kit is None or not (seen.alerts or seen.told):
        return worked.state, worked.changed
    state, changed = life.told(seen, worked.state, kit)
    newest = {case.id: case for case in (*worked.changed, *changed)}
    return state, tuple(newest.values())


_NONE = "the policy has no section cases"
