"""Into service and out of it: which phase a loop goes to, what releases it, and which cause came first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from anomaly import Locked
from controller.cycle import Cause, Event, LoopAct, Mode, Order, Phase, Trip
from controller.handshake import Links
from controller.kit import LoopKit
from controller.modes import Signal, follow, step
from controller.plan import Plan
from controller.state import LoopState
from controller.wish import Use, Wish
from plant_io import Snapshot
from plant_io.changes import replace
from plant_io.values import quick

_OFF, _SHED = Mode.OFF, Phase.SHED  # members are found slowly
_FRESH, _OVER = Use.FRESH, Use.OVER
IN_CHARGE = (Phase.ACTIVE, Phase.HOLD)
"""Phases in which the plant follows the loop."""
HOLDING = (Phase.INIT, *IN_CHARGE)
"""Phases in which the setpoints of the PLCs are the loop's."""
WILLING = (Mode.ADVISORY, Mode.AUTO)
"""Modes in which a loop wants remote setpoints."""
PASSING = (Cause.RESTARTED, Cause.LAPSED, Cause.BLIND, Cause.NO_PLAN)
"""Causes that may pass by themselves; after any other only a person arms a loop again."""


@quick
@dataclass(frozen=True, slots=True)
class Inputs:
    """What one loop is given in one cycle."""

    seen: Snapshot
    """The line, virtual tags included."""
    links: Links
    """What the PLCs say of themselves."""
    verdict: Locked
    """Verdict of the locked watches."""
    orders: Sequence[Order]
    """What people asked of this loop, oldest first."""
    plans: Sequence[Plan]
    """What the solver answered for this loop, oldest first."""

    def of(self, loop: str) -> Inputs:
        """Return what concerns one loop, where orders and plans are those of all of them."""
        if not self.orders and not self.plans:
            return self
        orders = [order for order in self.orders if isinstance(order.act, LoopAct) and order.act.loop == loop]
        return replace(self, orders=orders, plans=[plan for plan in self.plans if plan.loop == loop])


def ask(old: LoopState, mode: Mode) -> LoopState:
    """Return the memory after a person asked for a mode; to ask for more than shadow is to arm the loop again."""
    armed = mode in WILLING
    signal = Signal.REARMED if armed else Signal.STOPPED if mode is Mode.OFF else Signal.DROPPED
    new = replace(old, mode=mode, proposal=None, trips=() if armed else old.trips, resume=Mode.SHADOW, reentries=0)
    return _placed(new, step(old.phase, signal))


def advance(
    kit: LoopKit, given: Inputs, old: LoopState, wanted: Wish, *, followed: bool
) -> tuple[LoopState, tuple[Event, ...]]:
    """Return the memory after one step through the table of phases, and what to say of it.

    Parameters
    ----------
    kit
        The loop.
    given
        What it is given.
    old
        Its memory.
    wanted
        What its newest plan asks for.
    followed
        Whether the PLCs followed what was written.
    """
    at, found = given.seen.at, tuple(_causes(kit, given, old, wanted, followed=followed))
    if found and (mode := follow(old.mode, found[0])) is not old.mode:
        released = f"{kit.name}: released to the PLC, mode {mode.value}: {found[0].value}"
        new = replace(old, mode=mode, resume=old.mode, releases=old.releases + 1, trips=(), proposal=None, pending=())
        return _placed(_listed(new, found, at), step(old.phase, Signal.TRIPPED)), (Event(at, released),)
    new = _listed(old, found, at) if old.trips and old.phase is _SHED else old
    then = tuple([Event(at, f"{kit.name}: and then {trip.cause.value}") for trip in new.trips[len(old.trips) :]])
    new, again = _rearmed(kit, at, new)
    phase = step(new.phase, *_signals(kit, given, new, wanted))
    if phase is new.phase:
        return new, then + again
    new = _begun(kit, at, _placed(new, phase))
    return new, (*then, *again, Event(at, f"{kit.name}: {old.phase.value} to {phase.value}"))


def _placed(old: LoopState, phase: Phase) -> LoopState:
    """Return the memory in another phase, without what has a meaning only in the one before."""
    return replace(
        old,
        phase=phase,
        requested_at=old.requested_at if phase is Phase.REQUEST else None,
        granted_at=old.granted_at if phase is Phase.INIT else None,
        anchors=old.anchors if phase in HOLDING else {},
        borne=old.borne if phase in HOLDING else {},
        took=old.took if phase in HOLDING else frozenset(),
        closed=old.closed if phase in HOLDING else {},
        away=old.away if phase in HOLDING else frozenset(),
    )


def _begun(kit: LoopKit, at: float, old: LoopState) -> LoopState:
    """Return the memory with what a phase begins with."""
    if old.phase is Phase.REQUEST:
        return replace(old, requested_at=at)
    if old.phase is Phase.INIT:
        found = () if old.inputs is None else zip(kit.model.inputs, old.inputs, strict=True)
        return replace(old, granted_at=at, next_at=None, anchors=dict(found))
    return old


def _signals(kit: LoopKit, given: Inputs, old: LoopState, wanted: Wish) -> Iterable[Signal]:
    """Return what stands, the most urgent first."""
    settled, fresh, willing = old.settled >= kit.declared.settle, wanted.use is _FRESH, old.mode in WILLING
    doubted = old.blind_since is not None or kit.name in given.verdict.holds
    begins = old.plan is not None and old.granted_at is not None and old.plan.at >= old.granted_at
    standing = (
        (Signal.STOPPED, old.mode is _OFF),
        (Signal.DROPPED, not willing),
        (Signal.UNSETTLED, not settled),
        (Signal.SETTLED, settled),
        (Signal.UNPLANNED, not fresh),
        (Signal.ASKED, willing and fresh),
        (Signal.GRANTED, kit.connections - old.away <= given.links.remote),
        (Signal.ALIGNED, begins and fresh and not doubted),
        (Signal.DOUBTED, doubted),
        (Signal.CLEARED, not doubted),
    )
    return [signal for signal, stands in standing if stands]


def _causes(kit: LoopKit, given: Inputs, old: LoopState, wanted: Wish, *, followed: bool) -> Iterable[Cause]:
    """Return what releases the loop, or would; what comes in one cycle, in the order of the table."""
    links, mine = given.links, kit.connections - old.away
    holding = old.phase in HOLDING
    besides = holding or old.phase is _SHED
    kept = links.remote | links.fallen | links.foreign
    blind_s = 0.0 if old.blind_since is None else given.seen.at - old.blind_since
    standing = (
        (Cause.RESTARTED, mine & links.restarted),
        (Cause.LAPSED, besides and mine & links.fallen),
        (Cause.SUPERSEDED, holding and mine & links.foreign),
        (Cause.TAKEN_BACK, holding and (mine & links.heard) - kept),
        (Cause.UNHEARD, holding and mine & links.deaf),
        (Cause.BLIND, besides and blind_s > kit.declared.hold_s),
        (Cause.NO_PLAN, besides and wanted.use is _OVER),
        (Cause.NOT_FOLLOWED, holding and not followed),
    )
    return [cause for cause, stands in standing if stands]


def _listed(old: LoopState, found: Sequence[Cause], at: float) -> LoopState:
    """Return the memory with every cause once, in the order in which they came."""
    known = [trip.cause for trip in old.trips]
    fresh = [cause for cause in found if cause not in known]
    more = [Trip(old.releases, len(known) + i, at, cause) for i, cause in enumerate(fresh, 1)]
    return replace(old, trips=(*old.trips, *more))


def _rearmed(kit: LoopKit, at: float, old: LoopState) -> tuple[LoopState, tuple[Event, ...]]:
    """Return the memory of a loop that arms itself again, where the policy lets it and every cause has passed."""
    declared = kit.declared.reentry
    if declared is None or old.phase is not _SHED or old.resume not in WILLING or old.reentries >= declared.times:
        return old, ()
    passed = all(trip.cause in PASSING for trip in old.trips) and at - old.trips[-1].at >= declared.after_s
    if not passed or old.settled < kit.declared.settle:
        return old, ()
    number = old.reentries + 1
    said = f"{kit.name}: arms itself again, {number} of {declared.times}: {old.trips[0].cause.value}"
    new = replace(old, mode=old.resume, trips=(), reentries=number)
    return _placed(new, step(old.phase, Signal.REARMED)), (Event(at, said),)
