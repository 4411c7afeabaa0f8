"""The course of a line in one cycle: the phase it is in, what that does to its material, and where batches end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import NamedTuple

import numpy as np

from controller.cycle import Directive, DirectLine, Event, Order
from controller.material import batches, phases
from controller.material.batches import Batch, Batching, Totals
from controller.material.kit import MaterialKit
from controller.material.phases import STANDING, LinePhase, Phase, PhaseChange, PhaseEvent
from controller.material.state import DOUBT, TOTAL, Line

_KG_PER_H = 3600.0
_DIRECTED: Mapping[Directive, PhaseEvent] = {
    Directive.SHUT_DOWN: PhaseEvent.SHUT_DOWN,
    Directive.GO_ON: PhaseEvent.GO_ON,
}


class Stepped(NamedTuple):
    """The phase after a cycle."""

    phase: Phase
    """The phase."""
    changes: tuple[PhaseChange, ...]
    """Steps to it."""
    events: tuple[Event, ...]
    """What to say of it."""


def directed(at: float, flow: float, orders: Sequence[Order], old: Phase, kit: MaterialKit) -> Stepped:
    """Return the phase by what the flows say and people ordered.

    Parameters
    ----------
    at
        Now, POSIX time [s].
    flow
        Throughput of all feeds [kg/s].
    orders
        What people asked since the last cycle.
    old
        The phase before.
    kit
        The material.
    """
    declared, said, steps = kit.declared.phases, list[Event](), list[PhaseChange]()
    if declared is None:
        asked = [one for one in orders if isinstance(one.act, DirectLine) and one.act.directive in _DIRECTED]
        refused = [_refused(at, one, "the policy tells no phases") for one in asked]
        return Stepped(old, (), tuple(refused))
    now = old
    for order in orders:
        if not isinstance(order.act, DirectLine) or order.act.directive not in _DIRECTED:
            continue
        event = _DIRECTED[order.act.directive]
        now, done = phases.stepped(at, now, (event,))
        said.append(_heard(at, order) if done else _refused(at, order, phases.REFUSED[event]))
        steps += done
    shown = phases.seen(_KG_PER_H * flow, now, declared)
    now, done = phases.stepped(at, now, () if shown is None else (shown,))
    return Stepped(now, (*steps, *done), tuple(said))


def conformed(at: float, before: Stepped, kit: MaterialKit, *, lets_out: bool) -> Stepped:
    """Return the phase once it is known whether the gate lets out, with a sentence for each step.

    Parameters
    ----------
    at
        Now, POSIX time [s].
    before
        The phase by what was seen and ordered.
    kit
        The material.
    lets_out
        Whether the gate lets out, or there is none.
    """
    if kit.declared.phases is None:
        return before
    now, done = phases.stepped(at, before.phase, (PhaseEvent.CONFORMS,) if lets_out else ())
    changes = (*before.changes, *done)
    told = tuple(Event(at, f"material: {one.before.value} to {one.phase.value}: {one.event.value}") for one in changes)
    return Stepped(now, changes, (*before.events, *told))


def stood(at: float, phase: Phase, line: Line | None, kit: MaterialKit) -> Line | None:
    """Return the line of which nothing is known any more, where it has just stood for too long; else None.

    Parameters
    ----------
    at
        Now, POSIX time [s].
    phase
        The phase.
    line
        What is in the line.
    kit
        The material.
    """
    declared = kit.declared.phases
    if declared is None or line is None or phase.phase not in STANDING or at - phase.since < declared.longest_pause_s:
        return None
    unknown = kit.declared.content.unknown_sd / kit.whole * line.cells[:, :, TOTAL]
    if bool((line.cells[:, :, DOUBT] >= unknown).all()):
        return None
    cells = line.cells.copy()
    cells[:, :, DOUBT] = np.maximum(cells[:, :, DOUBT], unknown)
    return Line(cells, line.names, line.lots, line.recipe, line.hoppers)


class Cut(NamedTuple):
    """Batches after a cycle."""

    batching: Batching
    """The batch that is being made."""
    ended: tuple[Batch, ...]
    """The batch that ended."""
    events: tuple[Event, ...]
    """What to say of it."""


def cut(at: float, orders: Sequence[Order], old: Batching, now: tuple[Totals, float, Stepped], kit: MaterialKit) -> Cut:
    """Return the batch that is being made, and the one that ended.

    Parameters
    ----------
    at
        Now, POSIX time [s].
    orders
        What people asked since the last cycle.
    old
        The batch before.
    now
        Masses since the start of the run, mass in the line [kg], and the phase.
    kit
        The material.
    """
    declared = kit.declared.batches
    asked = [one for one in orders if isinstance(one.act, DirectLine) and one.act.directive is Directive.END_BATCH]
    if declared is None:
        return Cut(old, (), tuple(_refused(at, one, "the policy tells no batches") for one in asked))
    totals, held_kg, course = now
    stops = any(one.phase is LinePhase.STOPPED for one in course.changes)
    making = kit.declared.phases is None or course.phase.phase not in {LinePhase.IDLE, LinePhase.STOPPED}
    if isnan(old.since):
        refused = tuple(_refused(at, one, "no batch is being made") for one in asked)
        return Cut(batches.begun(at, old, totals, declared, follows=False) if making else old, (), refused)
    after, full = batches.stepped(at, old, totals, held_kg, declared)
    why = "the line was shut down" if stops else f"{asked[0].who} ended it: {asked[0].why}" if asked else full
    if not why:
        return Cut(after, (), ())
    done = batches.ended(at, old, totals, why)
    said = f"material: batch {done.number} ends: {why}, {done.made_kg - done.diverted_kg:.3f} kg let out"
    follows = bool(full) and not stops and not asked
    following = Batching(old.number) if stops else batches.begun(at, after, totals, declared, follows=follows)
    return Cut(following, (done,), (Event(at, said, asked[0].who if asked else "controller"),))


def _heard(at: float, order: Order) -> Event:
    what = order.act.directive.value if isinstance(order.act, DirectLine) else ""
    return Event(at, f"material: {what}: {order.why}", order.who)


def _refused(at: float, order: Order, why: str) -> Event:
    what = order.act.directive.value if isinstance(order.act, DirectLine) else ""
    return Event(at, f"material: {what} is refused: {why}", order.who)
