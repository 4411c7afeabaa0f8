"""When a loop's next sample begins: by the clock, or when a tag of the plant counts it."""

from __future__ import annotations

from controller.kit import LoopKit
from controller.state import LoopState
from plant_io import Snapshot

_ROUNDING_S = 1e-6


def steps(kit: LoopKit, seen: Snapshot, old: LoopState) -> int:
    """Return how many steps of its model a loop has to go to be up to date [1].

    By the clock it is one for each period since the last estimate, a sample's worth at most. Where a tag counts the
    samples it is as many as were counted; one where the tag has changed in a way that is no counting on.

    Parameters
    ----------
    kit
        The loop.
    seen
        The line.
    old
        Memory of the loop.
    """
    if kit.trigger is None:
        missed = 0 if old.estimated_at is None else round((seen.at - old.estimated_at) / kit.period_s) - 1
        return 1 + min(max(0, missed), round(kit.declared.sample_s / kit.period_s))
    count = seen.good(kit.trigger)
    if count is None or count == old.count:
        return 0
    gone = 1.0 if old.count is None else count - old.count
    return int(gone) if 1.0 <= gone <= kit.declared.horizon and gone == round(gone) else 1


def due(kit: LoopKit, at: float, state: LoopState) -> bool:
    """Return whether a new problem is to be posed.

    Parameters
    ----------
    kit
        The loop.
    at
        Start of the cycle, POSIX time [s].
    state
        Memory of the loop.
    """
    if state.next_at is None:
        return True
    return at >= state.next_at - _ROUNDING_S if kit.trigger is None else state.count != state.posed
