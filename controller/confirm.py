"""Writes are confirmed by the read-back of later cycles, never by the link's word."""

from __future__ import annotations

from math import nan

from controller.kit import LoopKit
from controller.state import LoopState, Pending
from plant_io import Setpoint, Snapshot
from plant_io.changes import replace


def expect(kit: LoopKit, seen: Snapshot, old: LoopState, setpoints: tuple[Setpoint, ...]) -> LoopState:
    """Return the memory that waits for the read-back of `setpoints`, longest for a plant that does not move at all."""
    if not setpoints:
        return old
    before = {p.setpoint.tag: p for p in old.pending}
    keys = {fence.tag: key for key, fence in kit.fences.items()}
    for setpoint in setpoints:
        key, earlier = keys[setpoint.tag], before.get(setpoint.tag)
        found = seen.good(kit.read_backs[key])
        shown = nan if found is None else found
        still = earlier is not None and not abs(shown - earlier.shown) > kit.fences[key].tolerance
        since, first = (earlier.since, earlier.shown) if earlier is not None and still else (seen.at, shown)
        before[setpoint.tag] = Pending(setpoint, since, first)
    return replace(old, pending=tuple(before.values()))


def verify(kit: LoopKit, seen: Snapshot, old: LoopState) -> tuple[LoopState, tuple[Setpoint, ...], tuple[Pending, ...]]:
    """Return the memory, the setpoints now seen in force, and those that are not in time."""
    if not old.pending:
        return old, (), ()
    keys = {fence.tag: key for key, fence in kit.fences.items()}
    confirmed, kept, late = list[Setpoint](), list[Pending](), list[Pending]()
    for pending in old.pending:
        tag, asked = pending.setpoint.tag, pending.setpoint.value
        shown = seen.good(kit.read_backs[keys[tag]])
        if shown is None:
            kept.append(replace(pending, since=seen.at))  # a link that is away says nothing about the plant
        elif abs(shown - asked) <= kit.fences[keys[tag]].tolerance:
            confirmed.append(pending.setpoint)
        elif seen.at - pending.since <= kit.declared.verify_s:
            kept.append(pending)
        else:
            late.append(pending)
    return replace(old, pending=tuple(kept)), tuple(confirmed), tuple(late)
