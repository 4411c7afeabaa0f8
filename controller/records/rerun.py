"""A record gone through again with another policy: what would have been said, and decided, on the same readings.

The readings stay what they were, so where a setpoint would have been another one, what the line had made of it is not
in them. What changes in the watches alone is told in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from controller.cycle import Decision, LoopAct
from controller.decide import decide
from controller.kit import Kit, prepare
from controller.records import codec
from controller.records.cycles import Walk, inputs
from controller.records.replay import YOUNGER
from plant_io import Snapshot, TagIndex
from policies import Policy

_SHOWN = 20
_SAME_S = 1800.0


@dataclass(frozen=True, slots=True)
class Moved:
    """A condition that would have begun at another time."""

    watch: str
    """Watch that speaks."""
    old: float
    """When it began, POSIX time [s]."""
    new: float
    """When it would have begun, POSIX time [s]."""


@dataclass(slots=True)
class Rerun:
    """What another policy would have made of a record."""

    cycles: int = 0
    """Cycles gone through [1]."""
    identical: int = 0
    """Cycles whose decision would have been the same, bit for bit [1]."""
    differences: list[tuple[int, float, tuple[str, ...]]] = field(
        default_factory=list[tuple[int, float, tuple[str, ...]]]
    )
    """Number, POSIX time [s] and parts of the first decisions that would have been others."""
    first_break: int | None = None
    """Sequence number of the first record that does not fit the chain; None where all do [1]."""
    setpoints: int = 0
    """Cycles in which other setpoints would have been asked for [1]."""
    old_alerts: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    """Alerts as they were, in plain form."""
    new_alerts: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    """Alerts as they would have been, in plain form."""
    old_incidents: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    """What became of incidents, in plain form."""
    new_incidents: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    """What would have become of incidents, in plain form."""

    def alerts(self) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]], list[Moved]]:
        """Return the beginnings that only were, that only would have been, and those at another time."""
        gone, come, moved = list[Mapping[str, Any]](), list[Mapping[str, Any]](), list[Moved]()
        for watch in sorted({one["watch"] for one in (*self.old_alerts, *self.new_alerts)}):
            old = [one for one in self.old_alerts if one["watch"] == watch and one["active"]]
            new = [one for one in self.new_alerts if one["watch"] == watch and one["active"]]
            left = [one for one in old if all(one["at"] != other["at"] for other in new)]
            right = [one for one in new if all(one["at"] != other["at"] for other in old)]
            for one in left:
                near = [other for other in right if abs(other["at"] - one["at"]) <= _SAME_S]
                if near:
                    moved.append(Moved(watch, one["at"], near[0]["at"]))
                    right.remove(near[0])
                else:
                    gone.append(one)
            come += right
        return gone, come, moved

    def plain(self) -> dict[str, object]:
        """Return it as plain values."""
        gone, come, moved = self.alerts()
        return {
            "cycles": self.cycles,
            "identical": self.identical,
            "differences": [{"cycle": n, "at": at, "fields": list(parts)} for n, at, parts in self.differences],
            "first_break": self.first_break,
            "setpoints_differ": self.setpoints,
            "alerts": {
                "only_old": [_short(one) for one in gone],
                "only_new": [_short(one) for one in come],
                "moved": [{"watch": one.watch, "old": one.old, "new": one.new} for one in moved],
            },
            "incidents": {"old": _last(self.old_incidents), "new": _last(self.new_incidents)},
        }


def rerun(directory: Path, policy: Policy, progress: Callable[[int], None] = lambda _: None) -> Rerun:
    """Go through a record with another policy.

    Parameters
    ----------
    directory
        Record directory.
    policy
        The other policy.
    progress
        Told the number of cycles done so far.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If the record cannot be read, or the policy is of another line.
    """
    walk = Walk(directory)
    before, kit = walk.kit(), prepare(policy, walk.station)
    there = Reader(before, kit)
    found, state = Rerun(), kit.start()
    for data in walk.cycles(progress):
        decision, state = decide(*there.read(data), state, kit)
        _compared(found, data, decision, data["snapshot"]["at"])
    found.first_break = walk.first_break
    return found


class Reader:
    """Reads what was recorded under one policy as another one would have seen it.

    Parameters
    ----------
    before
        The policy of the record, ready.
    kit
        The other one, ready.

    Raises
    ------
    ValueError
        If they are of two lines.
    """

    def __init__(self, before: Kit, kit: Kit) -> None:
        self._before, self._kit = before, kit
        if before.policy.line != kit.policy.line:
            raise ValueError(f"the record is of line {before.policy.line}, the policy of line {kit.policy.line}")
        same = before.index.names == kit.index.names and before.index.lengths == kit.index.lengths
        self._places = None if same else _places(before.index, kit.index)
        self._loops = frozenset(
            name
            for name, loop in kit.loops.items()
            if name in before.loops and before.policy.loops[name] == loop.declared
        )

    def read(self, data: codec.Fields) -> tuple[Snapshot, list[Any], list[Any]]:
        """Return snapshot, orders and plans of one recorded cycle; plans are those of loops that are the same."""
        snapshot, orders, plans = inputs(data, self._before)
        orders = [order for order in orders if not isinstance(order.act, LoopAct) or order.act.loop in self._kit.loops]
        return self._seen(snapshot), orders, [plan for plan in plans if plan.loop in self._loops]

    def _seen(self, old: Snapshot) -> Snapshot:
        if self._places is None:
            return old
        new = Snapshot.empty(old.at, self._kit.index)
        (into, of), values = self._places
        for name in ("sd", "quality", "reason", "source", "arrival"):
            getattr(new, name)[into] = getattr(old, name)[of]
        new.values[values[0]] = old.values[values[1]]
        return replace(new, restarted=old.restarted, notes=old.notes, torn=old.torn)


Pair = tuple[np.typing.NDArray[np.intp], np.typing.NDArray[np.intp]]


def _places(old: TagIndex, new: TagIndex) -> tuple[Pair, Pair]:
    """Return where each tag both know stands, in the new index and in the old one, and where its values do."""
    both = [
        name
        for name in new.names
        if name in old.position and new.lengths[new.position[name]] == old.lengths[old.position[name]]
    ]
    tags = np.array([(new.position[name], old.position[name]) for name in both], np.intp).reshape(-1, 2)
    spans = [(new.start[n] + k, old.start[o] + k) for n, o in tags.tolist() for k in range(new.lengths[n])]
    values = np.array(spans, np.intp).reshape(-1, 2)
    return (tags[:, 0], tags[:, 1]), (values[:, 0], values[:, 1])


def _compared(found: Rerun, data: codec.Fields, decision: Decision, at: float) -> None:
    again, was = codec.unpack(codec.pack(decision)), data["decision"]
    known = [k for k in again if k in was or k not in YOUNGER]
    parts = tuple(k for k in known if codec.pack(again[k]) != codec.pack(was.get(k, type(again[k])())))
    found.cycles += 1
    found.identical += not parts
    found.setpoints += "setpoints" in parts
    if parts and len(found.differences) < _SHOWN:
        found.differences.append((data["number"], at, parts))
    found.old_alerts += was["alerts"]
    found.new_alerts += again["alerts"]
    found.old_incidents += was.get("incidents", ())
    found.new_incidents += again["incidents"]


def _short(alert: Mapping[str, Any]) -> dict[str, object]:
    return {key: alert[key] for key in ("at", "watch", "priority", "route", "what")}


def _last(incidents: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """Return every incident as it was known last."""
    return [dict(one) for one in {one["id"]: one for one in incidents}.values()]


def sentences(found: Rerun) -> Iterator[str]:
    """Give in words what would have been otherwise."""
    gone, come, moved = found.alerts()
    for verb, alerts in (("no longer told", gone), ("told now", come)):
        for one in alerts:
            yield f"{verb}: {one['watch']}: {one['what']}"
    for each in moved:
        later = each.new - each.old
        yield f"told {abs(later):.0f} s {'later' if later > 0.0 else 'earlier'}: {each.watch}"
    old, new = _last(found.old_incidents), _last(found.new_incidents)
    yield f"{len(old)} incidents were, {len(new)} would have been"
    yield from (f"incident: {one['what']}" for one in new)
