"""Writes are confirmed by the read-back of later cycles, never by the link's word."""

from __future__ import annotations

from dataclasses import replace

from controller.cycle import Event
from controller.kit import LoopKit
from controller.state import LoopState, Pending
from plant_io import Setpoint, Snapshot


def expect(old: LoopState, setpoints: tuple[Setpoint, ...], at: float) -> LoopState:
    """Return the memory that waits for the read-back of `setpoints`.

    Parameters
    ----------
    old
        Memory of the loop.
    setpoints
        What is written in this cycle.
    at
        Start of the cycle, POSIX time [s].
    """
    written = {s.tag for s in setpoints}
    kept = tuple(p for p in old.pending if p.setpoint.tag not in written)
    return replace(old, pending=kept + tuple(Pending(s, at) for s in setpoints))


def verify(kit: LoopKit, seen: Snapshot, old: LoopState) -> tuple[LoopState, tuple[Setpoint, ...], tuple[Event, ...]]:
    """Return the memory, the setpoints now seen in force, and what to say of those that are not in time."""
    keys = {fence.tag: key for key, fence in kit.fences.items()}
    confirmed, kept, events = list[Setpoint](), list[Pending](), list[Event]()
    for pending in old.pending:
        tag, asked = pending.setpoint.tag, pending.setpoint.value
        shown = seen.good(kit.read_backs[keys[tag]])
        if shown is not None and abs(shown - asked) <= kit.fences[keys[tag]].tolerance:
            confirmed.append(pending.setpoint)
        elif seen.at - pending.since <= kit.declared.verify_s:
            kept.append(pending)
        else:
            found = "nothing" if shown is None else f"{shown:.6g}"
            events.append(Event(seen.at, f"{tag}: wrote {asked:.6g}, the PLC shows {found}"))
    return replace(old, pending=tuple(kept)), tuple(confirmed), tuple(events)
