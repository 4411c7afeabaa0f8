"""One loop in one cycle of a record, with the problem its plan answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.cycle import Mode, Phase
from controller.explain import Moment
from controller.kit import Kit
from controller.plan import Plan, Status
from controller.records import codec
from controller.records.cycles import Walk
from controller.wish import Use, wish
from policies import Loop


@dataclass(frozen=True, slots=True)
class Pick:
    """Which cycle is meant; the last in which the loop moved something where nothing is said."""

    cycle: int | None = None
    """Number of the cycle [1]."""
    at: float | None = None
    """An instant, POSIX time [s]; the last cycle that had begun by then is meant."""
    since_s: float | None = None
    """The same as time since the first cycle [s]."""


@dataclass(slots=True)
class _Past:
    """What of a loop is remembered on the way."""

    problems: deque[codec.Fields]
    """Problems in plain form, the oldest first."""
    plan: Plan | None = None
    """Newest solved plan."""
    posed: dict[str, codec.Fields] = field(default_factory=dict[str, codec.Fields])
    """Problem of the newest solved plan, and the one a horizon before it, in plain form."""


def moment(directory: Path, loop: str | None, pick: Pick) -> tuple[Kit, Moment]:
    """Return the policy of a record, ready, and what it holds of one loop in one cycle.

    Parameters
    ----------
    directory
        Record directory.
    loop
        Name of the loop; None where there is only one.
    pick
        Which cycle.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read, or holds no such loop, no such cycle, or no solved plan that was followed there.
    """
    walk = Walk(directory)
    kit = walk.kit()
    name = _named(directory, kit, loop)
    found = _picked(walk.cycles(), kit.policy.loops[name], name, pick)
    if found is None:
        raise ValueError(f"{directory}: the record holds {_missed(name, pick)}")
    return kit, found


def _named(directory: Path, kit: Kit, loop: str | None) -> str:
    names = list(kit.loops)
    if loop is None and len(names) == 1:
        return names[0]
    if loop not in names:
        there = ", ".join(names) or "none"
        raise ValueError(f"{directory}: found {'no --loop' if loop is None else f'--loop {loop}'}, its loops: {there}")
    return str(loop)


def _missed(name: str, pick: Pick) -> str:
    if pick.cycle is not None:
        return f"no solved plan that loop {name} could follow in a cycle {pick.cycle}"
    if pick.at is not None or pick.since_s is not None:
        return f"no solved plan that loop {name} could follow at that time"
    return f"no solved plan of loop {name}"


def _picked(cycles: Iterator[codec.Fields], loop: Loop, name: str, pick: Pick) -> Moment | None:
    past, began, found = _Past(deque(maxlen=loop.horizon + 2)), None, None
    moved, followed, last = None, None, None
    tags = {one.tag for one in loop.moved.values()}
    for data in cycles:
        at = data["snapshot"]["at"]
        began = at if began is None else began
        if _beyond(pick, data["number"], at, began):
            break
        _taken(past, data, name)
        written = {s["tag"]: s["value"] for s in data["decision"]["setpoints"] if s["tag"] in tags}
        last = (data, began, written)
        if past.plan is None or wish(past.plan, at, loop).use is Use.OVER or not past.posed:
            found = None
            continue
        found = _Kept(data, began, written, past.plan, dict(past.posed))
        followed, moved = found, found if written else moved
    if last is None:
        return None
    if pick == Pick():
        found = moved or followed
    elif pick.cycle is not None and last[0]["number"] != pick.cycle:
        found = None
    return None if found is None else found.moment(name)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A cycle, not yet taken apart."""

    data: codec.Fields
    """The cycle in plain form."""
    began: float
    """First cycle of the record, POSIX time [s]."""
    written: Mapping[str, float]
    """Setpoints of the loop by tag, each in the unit of its tag."""
    plan: Plan
    """Newest solved plan."""
    posed: Mapping[str, codec.Fields]
    """Its problem, and the one a horizon before it, in plain form."""

    def moment(self, name: str) -> Moment:
        """Return what was in it of a loop."""
        decision, at = self.data["decision"], self.data["snapshot"]["at"]
        mode, phase = decision["modes"][name]
        limits = decision.get("limits", {}).get(name, {})
        return Moment(
            number=self.data["number"],
            at=at,
            since_s=at - self.began,
            state=(Mode(mode), Phase(phase)),
            written=self.written,
            plan=self.plan,
            problem=codec.problem(self.posed["problem"]),
            before=codec.problem(self.posed["before"]),
            narrowed={key: (low, high) for key, (low, high) in limits.items()},
            without=tuple(decision.get("without", {}).get(name, ())),
        )


def _beyond(pick: Pick, number: int, at: float, began: float) -> bool:
    """Return whether a cycle is later than the one meant; `at` and `began` are POSIX times [s]."""
    return (
        (pick.cycle is not None and number > pick.cycle)
        or (pick.at is not None and at > pick.at)
        or (pick.since_s is not None and at - began > pick.since_s + 1e-6)
    )


def _taken(past: _Past, data: codec.Fields, name: str) -> None:
    """Take from a cycle what it holds of a loop: what a solver answered, then what it is asked."""
    for plain in data["plans"]:
        if plain["loop"] == name and plain["status"] == Status.SOLVED.value:
            past.plan = codec.plan(plain)
            posed = [one for one in past.problems if one["number"] == past.plan.number]
            past.posed = {"problem": posed[0], "before": past.problems[0]} if posed else {}
    past.problems.extend(one for one in data["decision"]["problems"] if one["loop"] == name)
    if data["decision"]["modes"][name][0] == Mode.OFF.value:
        past.plan = None
