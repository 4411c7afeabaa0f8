"""Short gaps in the evidence that the model may bridge, where the policy lets it."""

from __future__ import annotations

from collections.abc import Mapping

from controller.kit import LoopKit
from controller.service import HOLDING
from controller.state import LoopState
from plant_io import Snapshot


def lost(kit: LoopKit, seen: Snapshot, before: Mapping[str, float]) -> dict[str, float]:
    """Return since when tags of controlled variables have been no evidence, POSIX time [s].

    Parameters
    ----------
    kit
        The loop.
    seen
        The line.
    before
        What was returned in the cycle before, POSIX time [s].
    """
    missing = (tag for tag in kit.bridges if seen.good(tag) is None)
    return {tag: before.get(tag, seen.at) for tag in missing}


def bridged(kit: LoopKit, at: float, state: LoopState) -> list[str]:
    """Return the tags that are missing and for which the model may stand in; only while the loop is in service.

    Parameters
    ----------
    kit
        The loop.
    at
        Start of the cycle, POSIX time [s].
    state
        Memory of the loop.
    """
    if not state.lost or state.phase not in HOLDING:
        return []
    return [tag for tag, since in state.lost.items() if at - since <= kit.bridges[tag]]
