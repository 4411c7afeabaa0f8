"""Material in one cycle: what was fed moves on, what leaves is judged, the gate is asked, containers are filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, inf, isfinite
from typing import NamedTuple

from controller.cycle import Event, Mode, Order, SetMode
from controller.material import balance, divert, flow, phases, unseen
from controller.material.batches import Batch, Batching, Totals
from controller.material.course import Cut, Stepped, conformed, cut, directed, stood
from controller.material.kit import MaterialKit
from controller.material.phases import STANDING, Phase, PhaseChange
from controller.material.state import (
    NOTHING,
    TOTAL,
    Belief,
    Container,
    Diversion,
    Filling,
    Gate,
    Line,
    MaterialState,
    Unseen,
    Weighing,
)
from plant_io import Setpoint, Snapshot
from plant_io.changes import replace
from plant_io.values import quick

_DIGITS = 9
_NOBODY: frozenset[str] = frozenset()


@quick
@dataclass(frozen=True, slots=True)
class Tracked:
    """What one cycle concludes of material."""

    state: MaterialState
    """What it leaves to the next."""
    setpoints: tuple[Setpoint, ...] = ()
    """The setpoint of the gate, where it is to move."""
    wants: frozenset[str] = frozenset()
    """Connection of the gate, while it serves."""
    diversions: tuple[Diversion, ...] = ()
    """Diversions that began or ended."""
    containers: tuple[Container, ...] = ()
    """Containers that are full."""
    batches: tuple[Batch, ...] = ()
    """Batches that ended."""
    line_phases: tuple[PhaseChange, ...] = ()
    """Steps of the line from phase to phase."""
    events: tuple[Event, ...] = ()
    """What to keep in the audit trail."""


def track(
    seen: Snapshot, orders: Sequence[Order], remote: frozenset[str], old: MaterialState, kit: MaterialKit
) -> Tracked:
    """Conclude one cycle of material.

    Parameters
    ----------
    seen
        The line, virtual tags included.
    orders
        What people asked since the last cycle.
    remote
        Connections whose PLC takes remote setpoints of this controller.
    old
        What the last cycle left.
    kit
        The material.
    """
    asked = _asked(orders, old.asked) if orders else old.asked
    now = _moved_on(seen, old, kit)
    course = directed(seen.at, sum(now.flows), orders, old.phase, kit)
    lost = stood(seen.at, course.phase, now.line, kit)
    if lost is not None:
        now = now._replace(line=lost, belief=NOTHING)
    shown, words = divert.corrected(seen, old, kit), kit.declared.divert
    gate, told, setpoint, since, late = old.gate, None, None, inf, False
    if words is not None:
        holding = phases.holding(course.phase.phase, kit.declared.phases)
        limits = holding.limits or kit.declared.content.limits
        known = divert.Evidence(now.belief, shown, sum(now.flows) * words.ahead_s, now.known, limits)
        told_phases, stands = kit.declared.phases is not None, course.phase.phase in STANDING
        judged = divert.STANDS if told_phases and stands else divert.judge(seen, known, kit)
        hold_s = words.hold_s if holding.hold_s is None else holding.hold_s
        gate, told = divert.moved(seen.at, _with_mass(old.gate, now.rejected_kg), judged, hold_s)
        setpoint = divert.asked(seen, gate, kit, serves=bool(asked), remote=kit.connection in remote)
        since, late = divert.deaf(seen.at, old.unfollowed_since, setpoint)
    course = conformed(seen.at, course, kit, lets_out=words is None or not gate.open)
    batch, now = _cut(seen.at, orders, old, (now, course), kit)
    diversions = () if told is None else (_rounded(told),)
    events = tuple(Event(seen.at, what) for what in (*now.said, *map(_sentence, diversions)))
    if late and words is not None:
        events += (Event(seen.at, f"material: the gate does not follow {words.tag}"),)
    return Tracked(
        state=_left(seen.at, old, now, (asked, shown, gate, since), (course.phase, batch.batching)),
        setpoints=() if setpoint is None else (setpoint,),
        wants=kit.wants if asked else _NOBODY,
        diversions=diversions,
        containers=now.full,
        batches=batch.ended,
        line_phases=course.changes,
        events=(*events, *course.events, *batch.events),
    )


def _cut(
    at: float, orders: Sequence[Order], old: MaterialState, now: tuple[_Now, Stepped], kit: MaterialKit
) -> tuple[Cut, _Now]:
    """Return the batches, and what came of the cycle with the container closed where a batch ends."""
    moved, course = now
    totals = Totals(old.fed_kg + moved.fed_kg, old.made_kg + moved.made_kg, old.diverted_kg + moved.rejected_kg)
    held = 0.0 if moved.line is None else float(moved.line.cells[0, :, TOTAL].sum())
    done = cut(at, orders, old.batching, (totals, held, course), kit)
    filling = moved.filling
    if not done.ended or filling is None or filling.mass_kg <= 0.0:
        return done, moved
    return done, moved._replace(full=(*moved.full, _closed(at, filling, kit)), filling=_empty(at, filling))


def where(line: Line, lot: str, kit: MaterialKit) -> dict[str, float]:
    """Return the mass of a lot in each unit [kg]."""
    if lot not in line.names:
        return dict.fromkeys((unit.name for unit in kit.units), 0.0)
    column = line.lots[:, line.names.index(lot)]
    return {unit.name: float(column[unit.cells].sum()) for unit in kit.units}


def _asked(orders: Sequence[Order], before: frozenset[str]) -> frozenset[str]:
    """Return the loops people want in AUTO."""
    for order in orders:
        if isinstance(order.act, SetMode):
            before = before | {order.act.loop} if order.act.mode is Mode.AUTO else before - {order.act.loop}
    return before


class _Now(NamedTuple):
    flows: tuple[float, ...]
    pending: tuple[float, ...]
    line: Line | None
    belief: Belief
    known: bool
    filling: Filling | None = None
    weighings: tuple[Weighing | None, ...] = ()
    unseen: tuple[Unseen | None, ...] = ()
    said: tuple[str, ...] = ()
    fed_kg: float = 0.0
    made_kg: float = 0.0
    rejected_kg: float = 0.0
    full: tuple[Container, ...] = ()


def _left(
    at: float,
    old: MaterialState,
    now: _Now,
    judged: tuple[frozenset[str], divert.Shown, Gate, float],
    course: tuple[Phase, Batching],
) -> MaterialState:
    asked, shown, gate, since = judged
    return MaterialState(
        asked=asked,
        at=at,
        flows=now.flows,
        pending=now.pending,
        weighings=now.weighings,
        unseen=now.unseen,
        line=now.line,
        belief=now.belief,
        corrected=shown.offset,
        corrected_at=shown.good_at,
        shown_at=shown.shown_at,
        gate=gate,
        filling=now.filling,
        made_kg=old.made_kg + now.made_kg,
        diverted_kg=old.diverted_kg + now.rejected_kg,
        unfollowed_since=since,
        fed_kg=old.fed_kg + now.fed_kg,
        phase=course[0],
        batching=course[1],
        turndown=old.turndown,
    )


def _moved_on(seen: Snapshot, old: MaterialState, kit: MaterialKit) -> _Now:
    """Return what came of what was fed since the last cycle."""
    read = flow.feeds(seen, old.flows, kit)
    if read is None:
        return _Now((), (), None, old.belief, known=False)
    passed, lost = flow.passed_s(seen.at, old.at)
    doubt = read.doubt * (passed - lost)
    if lost > 0.0:
        doubt += kit.declared.content.unknown_sd / kit.whole * sum(read.flows) * lost
    fed = [*(one * passed for one in read.flows), doubt]
    pending = [a + b for a, b in zip(old.pending, fed, strict=True)] if old.pending else fed
    line = flow.begun(seen, read, kit) if old.line is None else flow.charged(seen, old.line, kit)
    weighings, doubted = balance.weighed(seen, read, passed, old.weighings, kit)
    looked = unseen.looked(seen, read.blind, old.unseen, kit)
    for one in (*doubted, *looked.doubted):
        line = balance.applied(line, one, flow.moved(seen, sum(read.flows), kit), kit)
    now = _Now(
        read.flows,
        tuple(pending),
        line,
        old.belief,
        read.known,
        old.filling,
        weighings,
        looked.unseen,
        said=(*(balance.sentence(one, kit) for one in doubted), *looked.said),
        fed_kg=sum(read.flows) * passed,
    )
    return now if sum(pending[:-1]) < kit.quick_kg else _stepped(seen, old, now, kit)


def _stepped(seen: Snapshot, old: MaterialState, now: _Now, kit: MaterialKit) -> _Now:
    """Return what came of it once as many quanta as are there have moved on."""
    line, belief, filling, pending = now.line, now.belief, now.filling, list(now.pending)
    total, made, full = sum(pending[:-1]), 0.0, list[Container]()
    if line is None:
        return now
    way, rejected = flow.moved(seen, sum(now.flows), kit), _rejected(seen, old, kit)
    part = [one * kit.quick_kg / total for one in pending]
    while total >= kit.quick_kg:
        line, left = flow.step(line, part, way, kit)
        belief = flow.believed(line, belief, kit)
        made += left.mass_kg
        if not rejected and kit.declared.containers is not None:
            filling = _filled(seen.at, filling, (line, left, belief, old.corrected), kit)
            if filling.mass_kg >= kit.declared.containers.mass:
                full.append(_closed(seen.at, filling, kit))
                filling = _empty(seen.at, filling)
        pending = [a - b for a, b in zip(pending, part, strict=True)]
        total -= kit.quick_kg
    gone = made if rejected else 0.0
    return now._replace(
        pending=tuple(pending),
        line=line,
        belief=belief,
        filling=filling,
        made_kg=made,
        rejected_kg=gone,
        full=tuple(full),
    )


def _rejected(seen: Snapshot, old: MaterialState, kit: MaterialKit) -> bool:
    """Return whether what leaves now is rejected, by what the gate shows."""
    words = kit.declared.divert
    if words is None:
        return False
    shown = None if words.shown is None else seen.good(words.shown)
    return old.gate.open if shown is None else shown > 0.0


def _with_mass(gate: Gate, mass: float) -> Gate:
    if gate.diversion is None or mass == 0.0:
        return gate
    return gate._replace(diversion=replace(gate.diversion, mass_kg=gate.diversion.mass_kg + mass))


def _filled(
    at: float,
    before: Filling | None,
    what: tuple[Line, flow.Left, Belief, tuple[float, float]],
    kit: MaterialKit,
) -> Filling:
    """Return the container with one more quantum in it."""
    line, left, belief, (offset, offset_sd) = what
    wide = kit.distance * hypot(belief.sd, offset_sd if isfinite(offset_sd) else 0.0)
    least, most = divert.bounds(belief.mean + offset, wide, kit.whole)
    now = before or Filling(1, at, 0.0, 0.0, inf, -inf, {})
    lots = dict(now.lots)
    for name, mass in zip(line.names, left.lots.tolist(), strict=True):
        lots[name] = lots.get(name, 0.0) + mass
    return Filling(
        now.number,
        now.since,
        now.mass_kg + left.mass_kg,
        now.active_kg + left.active_kg + left.mass_kg * offset / kit.whole,
        min(now.lowest, least),
        max(now.highest, most),
        lots,
    )


def _empty(at: float, full: Filling) -> Filling:
    """Return the container after a full one."""
    return Filling(full.number + 1, at, 0.0, 0.0, inf, -inf, {})


def _closed(at: float, now: Filling, kit: MaterialKit) -> Container:
    content = kit.whole * now.active_kg / now.mass_kg
    mass, mean, low, high = (round(one, _DIGITS) for one in (now.mass_kg, content, now.lowest, now.highest))
    return Container(now.number, now.since, at, mass, mean, low, high, _parts(now.lots, now.mass_kg))


def _parts(lots: Mapping[str, float], mass: float) -> dict[str, float]:
    return {name: round(part, _DIGITS) for name, part in lots.items() if part > mass * 1e-6}


def _rounded(told: Diversion) -> Diversion:
    mass, low, high = (round(one, _DIGITS) for one in (told.mass_kg, told.low, told.high))
    return replace(told, mass_kg=mass, low=low, high=high)


def _sentence(told: Diversion) -> str:
    if told.until is None:
        return f"material: diversion {told.number} begins: {told.reason}"
    return f"material: diversion {told.number} ends after {told.until - told.since:.0f} s, {told.mass_kg:.3f} kg"
