"""A loop as its faceplate shows it: who leads it and why not, and each variable with limits, prediction and clamps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, nan

from controller.console.board import Board, Reading
from controller.console.words import about, age, clock, reason
from controller.cycle import Mode, Phase
from controller.kit import LoopKit, Scale
from controller.plan import Binding, Limit
from controller.service import IN_CHARGE
from controller.state import LoopState
from controller.wish import Use, Wish, wish
from policies.units import convert

_LOW = frozenset({Limit.INPUT_LOW, Limit.OUTPUT_LOW})
_HIGH = frozenset({Limit.INPUT_HIGH, Limit.OUTPUT_HIGH})
PHASES: dict[Phase, str] = {
    Phase.OFF: "not in service",
    Phase.READY: "ready",
    Phase.REQUEST: "asks for remote",
    Phase.INIT: "takes over",
    Phase.ACTIVE: "in charge",
    Phase.HOLD: "holds",
    Phase.SHED: "shed to the PLC",
}
"""What each phase is called."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One controlled or moved variable; every number in `unit`, not a number where there is none."""

    name: str
    """Its name in the loop."""
    tag: str
    """Tag that shows it."""
    unit: str
    """UCUM code of the policy."""
    moved: bool
    """Whether the loop moves it."""
    read: Reading
    """Its tag as it is now, in the unit of the tag."""
    value: float
    """Value, in `unit`."""
    target: float
    """Wanted value, in `unit`."""
    whose: str
    """Who wants it: the policy, a person, a tag."""
    low: float
    """Lowest value in force, in `unit`."""
    high: float
    """Highest value in force, in `unit`."""
    lowest: float
    """Lowest value of the policy, in `unit`."""
    highest: float
    """Highest value of the policy, in `unit`."""
    end: float
    """What the plan expects at its end, in `unit`."""
    asked: float
    """What the plan wants now, in `unit`."""
    limit: str
    """Limit the plan runs into; empty where there is none."""
    price: float
    """What that limit costs, in squared scales [1]."""
    clamp: str
    """How the PLC does not let it go further, or why the loop goes on without it; empty where neither."""
    scale: float
    """Deviation that matters as much as one of the others, in `unit`."""
    widest: tuple[float, float]
    """Ends of its picture, in `unit`."""

    @property
    def held(self) -> bool:
        """Return whether people narrowed its limits."""
        return (self.low, self.high) != (self.lowest, self.highest)

    @property
    def beyond(self) -> bool:
        """Return whether it lies at or beyond a limit in force."""
        reach = 1e-6 * max(abs(self.high - self.low), 1e-12) if isfinite(self.high - self.low) else 0.0
        return (isfinite(self.low) and self.value <= self.low + reach) or (
            isfinite(self.high) and self.value >= self.high - reach
        )


@dataclass(frozen=True, slots=True)
class Face:
    """One loop now."""

    name: str
    """Its name."""
    mode: Mode
    """Mode asked for."""
    phase: Phase
    """How far it is in service."""
    use: Use
    """What is made of its newest plan."""
    plan_age_s: float
    """Age of that plan [s]; not a number where there is none."""
    why_not: tuple[str, ...]
    """Why it does not move the plant; empty where it does."""
    variables: tuple[Variable, ...]
    """Controlled variables, then moved ones."""
    offer: tuple[tuple[str, float], ...]
    """Moves on offer by tag, in the units of the tags."""
    offered_at: float
    """When they were offered, POSIX time [s]; not a number where nothing is."""

    @property
    def actual(self) -> str:
        """Return the mode that is really in force."""
        if self.phase is Phase.ACTIVE:
            return self.mode.value.upper()
        return self.phase.value.upper() if self.phase is Phase.HOLD else "PLC"

    @property
    def abnormal(self) -> str:
        """Return what is abnormal about how far it is in service; empty where nothing is."""
        if self.phase is Phase.SHED:
            return "shed"
        willing = self.mode in {Mode.AUTO, Mode.ADVISORY}
        return "wait" if self.phase is Phase.HOLD or (willing and self.phase not in IN_CHARGE) else ""


def face(board: Board, name: str) -> Face:
    """Return a loop as it is now; before the first cycle, as a loop that has seen nothing."""
    kit, old = board.kit.loops[name], LoopState()
    if board.now is not None:
        old = board.now.state.loops.get(name, old)
    at = board.at if isfinite(board.at) else 0.0
    wanted = wish(old.plan, at, kit.declared)
    offers = () if board.now is None else board.now.cycle.decision.proposals
    mine = next((offer for offer in offers if offer.loop == name), None)
    return Face(
        name=name,
        mode=old.mode,
        phase=old.phase,
        use=wanted.use,
        plan_age_s=nan if old.plan is None else at - old.plan.at,
        why_not=tuple(_reasons(board, kit, old, wanted)),
        variables=(*_controlled(board, kit, old), *_moved(board, kit, old, wanted)),
        offer=() if mine is None else tuple(mine.moves.items()),
        offered_at=nan if mine is None else mine.at,
    )


def _reasons(board: Board, kit: LoopKit, old: LoopState, wanted: Wish) -> Iterator[str]:
    """Give why a loop does not move the plant, the first cause first."""
    if old.phase is Phase.ACTIVE and old.mode is Mode.AUTO:
        return
    yield from _asked(old)
    if old.phase is Phase.ACTIVE:
        return
    if "held" in old.said:
        yield "held by a locked watch"
    yield from _evidence(board, kit, old)
    if wanted.use is not Use.FRESH and old.mode is not Mode.OFF:
        yield f"plan: {wanted.use.value}"
    if old.phase is Phase.REQUEST:
        yield from _remote(board, kit, old)
    for connection in sorted(old.away):
        yield f"connection {connection} is done without"


def _asked(old: LoopState) -> Iterator[str]:
    """Give what mode is asked for, and what took it out of service."""
    if old.mode is Mode.ADVISORY:
        yield "ADVISORY: an operator accepts each move"
    elif old.mode is not Mode.AUTO and not old.trips:
        yield f"AUTO is not asked for: mode {old.mode.value.upper()}"
    for trip in old.trips:
        first = "released" if trip.sequence == 1 else "and then"
        yield f"{first} at {clock(trip.at)}: {trip.cause.value}"
    if old.phase is Phase.SHED:
        yield "only a person arms it again: ask for AUTO or ADVISORY"


def _evidence(board: Board, kit: LoopKit, old: LoopState) -> Iterator[str]:
    for tag in dict.fromkeys(kit.evidence):
        read = board.read(tag)
        if read.quality != 0 and old.mode is not Mode.OFF:
            yield f"no evidence from {tag}: {reason(read.reason) or 'it is uncertain'}"
    if old.settled < kit.declared.settle and old.mode is not Mode.OFF:
        yield f"evidence complete for {old.settled} of {kit.declared.settle} cycles"


def _remote(board: Board, kit: LoopKit, old: LoopState) -> Iterator[str]:
    for name in sorted(kit.connections - old.away):
        words = board.kit.handshakes.get(name)
        if words is None or words.state_tag is None:
            continue
        read = board.read(words.state_tag)
        said = {0.0: "is local", 2.0: "has fallen back", 3.0: "is starting"}.get(read.value)
        if said:
            yield f"the PLC behind {name} {said}"


def _controlled(board: Board, kit: LoopKit, old: LoopState) -> Iterator[Variable]:
    for name, unit in kit.model.controlled.items():
        goal = kit.declared.controlled[name]
        shown, read = Scale.between(unit, goal.unit), board.read(goal.tag)
        place = list(kit.model.controlled).index(name)
        widest = goal.limits or (nan, nan)
        low, high = old.limits.get(name, widest) if name not in kit.declared.moved else widest
        ends = [nan] if old.plan is None or not len(old.plan.outputs) else old.plan.outputs[:, place].tolist()
        target, whose = _target(kit, old, name, shown)
        limit, price = _bound(old, name)
        gone = old.absent.get(name)
        yield Variable(
            name=name,
            tag=goal.tag,
            unit=goal.unit,
            moved=False,
            read=read,
            value=convert(read.value, board.units[goal.tag], goal.unit),
            target=target,
            whose=whose,
            low=low,
            high=high,
            lowest=widest[0],
            highest=widest[1],
            end=shown.to_model(ends[-1]),
            asked=nan,
            limit=limit,
            price=price,
            clamp="" if gone is None or gone.back is not None else f"done without: {gone.why}",
            scale=goal.scale,
            widest=_widest(board, goal.tag, goal.unit, widest),
        )


def _target(kit: LoopKit, old: LoopState, name: str, shown: Scale) -> tuple[float, str]:
    goal = kit.declared.controlled[name]
    if name in old.wished:
        return old.wished[name], "a person"
    if isinstance(goal.target, str):
        return shown.to_model(old.targets.get(name, nan)), goal.target
    return (nan, "") if goal.target is None else (goal.target, "policy")


def _moved(board: Board, kit: LoopKit, old: LoopState, wanted: Wish) -> Iterator[Variable]:
    for place, (name, unit) in enumerate(kit.model.inputs.items()):
        goal, tag = kit.declared.moved[name], kit.read_backs[name]
        shown, read = Scale.between(unit, goal.unit), board.read(tag)
        low, high = old.limits.get(name, goal.limits)
        plan = [nan] if old.plan is None or not len(old.plan.moves) else old.plan.moves[:, place].tolist()
        limit, price = _bound(old, name)
        yield Variable(
            name=name,
            tag=tag,
            unit=goal.unit,
            moved=True,
            read=read,
            value=convert(read.value, board.units[tag], goal.unit),
            target=nan,
            whose="",
            low=low,
            high=high,
            lowest=goal.limits[0],
            highest=goal.limits[1],
            end=shown.to_model(plan[-1]),
            asked=nan if wanted.inputs is None else shown.to_model(float(wanted.inputs[place])),
            limit=limit,
            price=price,
            clamp=_clamp(board, old, name),
            scale=goal.scale,
            widest=_widest(board, tag, goal.unit, goal.limits),
        )


def _bound(old: LoopState, name: str) -> tuple[str, float]:
    """Return the limit of a variable the plan runs into that costs most, and what it costs [1]."""
    active: list[Binding] = [] if old.plan is None else [one for one in old.plan.active if one.name == name]
    if not active:
        return "", nan
    most = max(active, key=lambda one: one.price)
    word = "low" if most.limit in _LOW else "high" if most.limit in _HIGH else "move"
    return word, most.price


def _clamp(board: Board, old: LoopState, name: str) -> str:
    gone, closed = old.idle.get(name), old.closed.get(name)
    if gone is not None and gone.back is None:
        return f"done without for {age(board.at - gone.since)}: {gone.why}"
    if closed is None:
        return ""
    if closed.stuck:
        return "the PLC takes nothing"
    ends = [f"above {about(closed.low)}" if closed.low is not None else ""]
    ends += [f"below {about(closed.high)}" if closed.high is not None else ""]
    return f"the PLC takes only {' and '.join(filter(None, ends))}"


def _widest(board: Board, tag: str, unit: str, limits: tuple[float, float]) -> tuple[float, float]:
    """Return the ends of the picture of a variable: a bit more than its limits, or the range of its tag."""
    low, high = limits
    if isfinite(low) and isfinite(high):
        margin = 0.25 * (high - low)
        return low - margin, high + margin
    ends = board.span(tag) or (0.0, 1.0)
    return convert(ends[0], board.units[tag], unit), convert(ends[1], board.units[tag], unit)
