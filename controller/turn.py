"""One loop's part of one cycle: orders, evidence, estimate, plan, phase, guard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from controller import aims, bridges, samples
from controller.advise import accept, advise
from controller.believe import believe
from controller.confirm import expect, verify
from controller.cycle import Event, Mode, Offer, Phase, SetMode
from controller.guard import Permit, guard, permit
from controller.kit import LoopKit
from controller.modes import ASKED, follow
from controller.plan import Problem, Status
from controller.service import WILLING, Inputs, advance, ask
from controller.state import LoopState
from controller.tell import Condition, tell
from controller.wish import Use, Wish, guess, wish
from plant_io import Setpoint, Snapshot


@dataclass(frozen=True, slots=True)
class Turn:
    """What one loop concludes in one cycle."""

    state: LoopState
    """What it leaves to the next."""
    setpoints: tuple[Setpoint, ...]
    """What passed the guard."""
    confirmed: tuple[Setpoint, ...]
    """Earlier setpoints whose read-back now agrees."""
    proposal: Offer | None
    """Moves an operator may accept."""
    problem: Problem | None
    """Control problem to be solved."""
    events: tuple[Event, ...]
    """What to keep in the audit trail."""


def turn(kit: LoopKit, given: Inputs, old: LoopState) -> Turn:
    """Conclude one cycle of one loop."""
    at = given.seen.at
    new, obeyed = _obey(kit, given, old)
    new = _look(kit, given.seen, _plan(given, new))
    missing = _missing(kit, given, new)
    new, unused = believe(kit, given.seen, _settle(kit, given, new, missing))
    new, confirmed, late = verify(kit, given.seen, new)
    wanted = wish(new.plan, at, kit.declared)
    new, moved = advance(kit, given, new, wanted, followed=not late)
    allowed = permit(
        kit.name,
        new.phase,
        given.verdict,
        evidence=new.blind_since is None,
        remote=kit.connections <= given.links.remote,
    )
    new, setpoints, proposal = _move(kit, given, new, wanted, allowed)
    new, problem = _pose(kit, at, new)
    said, told = tell(at, _conditions(kit, given, new, wanted, missing), new.said)
    return Turn(
        state=new if said == new.said else replace(new, said=said),
        setpoints=setpoints,
        confirmed=confirmed,
        proposal=proposal,
        problem=problem,
        events=obeyed + unused + late + moved + told,
    )


def _obey(kit: LoopKit, given: Inputs, old: LoopState) -> tuple[LoopState, tuple[Event, ...]]:
    new, events, at = old, list[Event](), given.seen.at
    for order in given.orders:
        if isinstance(order.act, SetMode):
            new = ask(new, follow(new.mode, ASKED[order.act.mode]))
            events.append(Event(at, f"{kit.name}: mode {new.mode.value} asked for: {order.why}", order.who))
        else:
            proposal, sentence = accept(new.proposal, order.act)
            new = replace(new, proposal=proposal)
            events.append(Event(at, f"{kit.name}: {sentence}: {order.why}", order.who))
    return new, tuple(events)


def _plan(given: Inputs, old: LoopState) -> LoopState:
    if old.mode is Mode.OFF:
        return replace(old, plan=None, estimate=None, next_at=None, pending=())
    solved = [plan for plan in given.plans if plan.status is Status.SOLVED]
    return replace(old, plan=solved[-1]) if solved else old


def _look(kit: LoopKit, seen: Snapshot, old: LoopState) -> LoopState:
    if not kit.target_tags and not kit.bridges:
        return old
    return replace(old, targets=aims.look(kit, seen, old.targets), lost=bridges.lost(kit, seen, old.lost))


def _settle(kit: LoopKit, given: Inputs, old: LoopState, missing: Sequence[str]) -> LoopState:
    at = given.seen.at
    if old.mode is Mode.OFF:
        return replace(old, settled=0, blind_since=None)
    if kit.connections & given.links.restarted or missing:
        return replace(old, settled=0, blind_since=at if old.blind_since is None else old.blind_since)
    return replace(old, settled=old.settled + 1, blind_since=None)


def _missing(kit: LoopKit, given: Inputs, old: LoopState) -> list[str]:
    """Return what the loop may not move without, and why it is not there."""
    bridged = bridges.bridged(kit, given.seen.at, old)
    wanting = [tag for tag in kit.evidence if given.seen.good(tag) is None and tag not in bridged]
    wanting += aims.unread(kit, given.seen, old.targets)[0]
    tags = [f"{tag} ({given.seen[tag].reason.name.lower()})" for tag in wanting]
    return tags + [
        f"the PLC behind {name} (not heard, or stopped)" for name in sorted(kit.connections - given.links.heard)
    ]


def _move(
    kit: LoopKit, given: Inputs, old: LoopState, wanted: Wish, allowed: Permit
) -> tuple[LoopState, tuple[Setpoint, ...], Offer | None]:
    asked = _asked(kit, old, wanted)
    if old.mode is Mode.ADVISORY:
        return advise(kit, given.seen, old, asked, allowed)
    found = [
        guard(fence, allowed, asked.get(key), given.seen.good(kit.read_backs[key]), kit.period_s)
        for key, fence in kit.fences.items()
    ]
    setpoints = tuple(f for f in found if isinstance(f, Setpoint))
    return expect(kit, given.seen, old, setpoints), setpoints, None


def _asked(kit: LoopKit, old: LoopState, wanted: Wish) -> dict[str, float]:
    if wanted.inputs is None:
        return {}
    low, high = _bounds(kit, old)
    return {
        key: kit.scales[kit.fences[key].tag].to_tag(min(max(value, least), most))
        for key, value, least, most in zip(kit.model.inputs, wanted.inputs.tolist(), low, high, strict=True)
    }


def _bounds(kit: LoopKit, old: LoopState) -> tuple[list[float], list[float]]:
    """Return the lowest and the highest inputs permitted now, units of the model."""
    share, low, high = kit.declared.authority, kit.low.tolist(), kit.high.tolist()
    if not old.anchors or share >= 1.0:
        return low, high
    found = zip((old.anchors[key] for key in kit.model.inputs), low, high, strict=True)
    anchors = [min(max(anchor, least), most) for anchor, least, most in found]
    return (
        [max(least, anchor - share * abs(anchor)) for anchor, least in zip(anchors, low, strict=True)],
        [min(most, anchor + share * abs(anchor)) for anchor, most in zip(anchors, high, strict=True)],
    )


def _pose(kit: LoopKit, at: float, old: LoopState) -> tuple[LoopState, Problem | None]:
    if (
        not samples.due(kit, at, old)
        or old.estimate is None
        or old.inputs is None
        or old.known is None
        or old.mode is Mode.OFF
    ):
        return old, None
    low, high = _bounds(kit, old)
    number = old.number + 1
    problem = Problem(
        loop=kit.name,
        number=number,
        at=at,
        state=old.estimate.x,
        inputs=np.array(old.inputs),
        known=np.array(old.known),
        targets=aims.targets(kit, old.targets),
        low=np.array(low),
        high=np.array(high),
        guess=guess(old.plan, at, kit.declared),
    )
    return replace(old, number=number, next_at=at + kit.declared.sample_s, posed=old.count), problem


def _conditions(kit: LoopKit, given: Inputs, new: LoopState, wanted: Wish, wanting: Sequence[str]) -> list[Condition]:
    seen = given.seen
    missing = wanting if new.mode is not Mode.OFF else ()
    failed = [plan for plan in given.plans if plan.status is not Status.SOLVED]
    unread = [tag for tag in kit.declared.known.values() if seen.usable(tag) is None and new.mode is not Mode.OFF]
    bridged = bridges.bridged(kit, seen.at, new) if new.mode is not Mode.OFF else []
    aimless = aims.unread(kit, seen, new.targets)[1] if new.mode is not Mode.OFF else []
    refused = new.requested_at is not None and seen.at - new.requested_at > kit.declared.verify_s
    waits = new.mode in WILLING and new.phase is Phase.READY and new.settled >= kit.declared.settle
    late = wanted.use in (Use.SHIFTED, Use.HELD, Use.OVER)
    stands = wanted.use in (Use.HELD, Use.OVER)
    held = kit.name in given.verdict.holds
    if not (new.said or missing or failed or unread or bridged or aimless or refused or waits or late or held):
        return []  # as in nearly every cycle
    found = {
        "evidence": (f"no evidence from {', '.join(missing)}" if missing else "", "evidence is complete again"),
        "held": ("held by a locked watch" if held else "", "no longer held by a watch"),
        "late": (Use.SHIFTED.value if late else "", "plans come again"),
        "stands": (Use.HELD.value if stands else "", ""),
        "known": (f"{', '.join(unread)} not read, last value used" if unread else "", "known inputs are read again"),
        "bridged": (
            f"the model stands in for {', '.join(bridged)}" if bridged else "",
            "the model stands in for nothing any more",
        ),
        "targets": (
            f"{', '.join(aimless)} not read, last target used" if aimless else "",
            "targets are read again",
        ),
        "waits": ("waits for a plan" if waits and wanted.use is not Use.FRESH else "", ""),
        "remote": (_unwilling(kit, given) if refused else "", "remote setpoints granted"),
        "solver": (
            f"plan {failed[-1].number} {failed[-1].status.value}: {failed[-1].why}" if failed else "",
            "solved again",
        ),
    }
    return _spoken(kit, given, new, wanted, found)


def _spoken(
    kit: LoopKit, given: Inputs, new: LoopState, wanted: Wish, found: Mapping[str, tuple[str, str]]
) -> list[Condition]:
    # What ends because nobody asks for it any more has not become good.
    good = {"remote": kit.connections <= given.links.remote, "late": wanted.use is Use.FRESH}
    return [
        Condition(
            key,
            begins and f"{kit.name}: {begins}",
            f"{kit.name}: {over}" if over and new.mode is not Mode.OFF and good.get(key, True) else "",
            stands=key == "solver" and not given.plans,
        )
        for key, (begins, over) in found.items()
        if begins or key in new.said
    ]


def _unwilling(kit: LoopKit, given: Inputs) -> str:
    foreign = sorted(kit.connections & given.links.foreign)
    held = f"another controller holds {', '.join(foreign)}"
    return held if foreign else "a PLC does not grant remote setpoints"
