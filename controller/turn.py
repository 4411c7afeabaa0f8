"""One loop's part of one cycle: orders, evidence, estimate, plan, phase, guard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anomaly import Alert
from controller import aims, alarm, bridges, clamp, dropout, gate, limits, samples
from controller.advise import accept, advise
from controller.believe import believe
from controller.confirm import expect, verify
from controller.cycle import Accept, Event, Mode, Offer, Phase, SetLimits, SetMode, SetTarget
from controller.guard import Permit, guard, permit
from controller.kit import LoopKit
from controller.modes import ASKED, follow
from controller.outlook import View
from controller.plan import Problem, Status
from controller.service import WILLING, Inputs, advance, ask
from controller.state import LoopState
from controller.tell import Condition, tell
from controller.wish import Use, Wish, guess, wish
from plant_io import Setpoint, Snapshot
from plant_io.changes import replace
from plant_io.values import quick

_OFF, _ADVISORY, _READY = Mode.OFF, Mode.ADVISORY, Phase.READY  # members are found slowly
_STANDS = (Use.HELD, Use.OVER)
_LATE = (Use.SHIFTED, *_STANDS)


@quick
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
    alerts: tuple[Alert, ...] = ()
    """What people are told at once."""


def turn(kit: LoopKit, given: Inputs, old: LoopState) -> Turn:
    """Conclude one cycle of one loop."""
    at, given = given.seen.at, gate.looked_at(kit, given, old)
    new, obeyed = _obey(kit, given, old)
    new = _look(kit, given.seen, _plan(given, new))
    new, changed = dropout.look(kit, given.seen, given.links, new)
    missing = _missing(kit, given, new)
    new, unused = believe(kit, given.seen, _settle(kit, given, new, missing))
    new, confirmed, late = verify(kit, given.seen, new)
    wanted = wish(new.plan, at, kit.declared)
    new, judged, followed = clamp.judge(kit, given.seen, new, confirmed, late)
    followed &= dropout.followed(kit, given.seen, new)
    new, moved = advance(kit, given, new, wanted, followed=followed)
    allowed = permit(
        kit.name,
        new.phase,
        given.verdict,
        evidence=new.blind_since is None,
        remote=kit.connections - new.away <= given.links.remote,
    )
    new, setpoints, proposal = _move(kit, given, new, wanted, allowed)
    new, problem = _pose(kit, given.seen, new)
    said, told = tell(at, _conditions(kit, given, new, wanted, missing), new.said)
    new, alerts = alarm.look(kit, given, old, new, missing)
    return Turn(
        state=new if said == new.said else replace(new, said=said),
        setpoints=setpoints,
        confirmed=confirmed,
        proposal=proposal,
        problem=problem,
        events=obeyed + changed + unused + judged + moved + told,
        alerts=alerts,
    )


def _obey(kit: LoopKit, given: Inputs, old: LoopState) -> tuple[LoopState, tuple[Event, ...]]:
    new, events, at = old, list[Event](), given.seen.at
    for order in given.orders:
        if isinstance(order.act, SetMode):
            new = ask(new, follow(new.mode, ASKED[order.act.mode]))
            events.append(Event(at, f"{kit.name}: mode {new.mode.value} asked for: {order.why}", order.who))
        elif isinstance(order.act, Accept | SetLimits | SetTarget):
            new, sentence = _obeyed(kit, new, order.act)
            events.append(Event(at, f"{kit.name}: {sentence}: {order.why}", order.who))
    return new, tuple(events)


def _obeyed(kit: LoopKit, old: LoopState, act: Accept | SetLimits | SetTarget) -> tuple[LoopState, str]:
    if isinstance(act, SetLimits):
        return limits.set_limits(kit, old, act)
    if isinstance(act, SetTarget):
        return limits.set_target(kit, old, act)
    proposal, sentence = accept(old.proposal, act)
    return replace(old, proposal=proposal), sentence


def _plan(given: Inputs, old: LoopState) -> LoopState:
    if old.mode is _OFF:
        return replace(old, plan=None, estimate=None, next_at=None, pending=())
    if not given.plans:
        return old
    solved = [plan for plan in given.plans if plan.status is Status.SOLVED]
    return replace(old, plan=solved[-1]) if solved else old


def _look(kit: LoopKit, seen: Snapshot, old: LoopState) -> LoopState:
    if not kit.target_tags and not kit.bridges:
        return old
    return replace(old, targets=aims.look(kit, seen, old.targets), lost=bridges.lost(kit, seen, old.lost))


def _settle(kit: LoopKit, given: Inputs, old: LoopState, missing: Sequence[str]) -> LoopState:
    at = given.seen.at
    if old.mode is _OFF:
        return replace(old, settled=0, blind_since=None)
    if (kit.connections - old.away) & given.links.restarted or missing:
        return replace(old, settled=0, blind_since=at if old.blind_since is None else old.blind_since)
    if old.settled >= kit.declared.settle and old.blind_since is None:
        return old  # as in nearly every cycle
    return replace(old, settled=old.settled + 1, blind_since=None)


def _missing(kit: LoopKit, given: Inputs, old: LoopState) -> list[str]:
    """Return what the loop may not move without, and why it is not there."""
    bridged = bridges.bridged(kit, given.seen.at, old)
    excused = dropout.excused(kit, old)
    wanting = [
        tag for tag in kit.evidence if given.seen.good(tag) is None and tag not in bridged and tag not in excused
    ]
    wanting += aims.unread(kit, given.seen, old.targets)[0]
    tags = [f"{tag} ({given.seen[tag].reason.name.lower()})" for tag in wanting]
    unheard = kit.connections - old.away - given.links.heard
    return tags + [f"the PLC behind {name} (not heard, or stopped)" for name in sorted(unheard)]


def _move(
    kit: LoopKit, given: Inputs, old: LoopState, wanted: Wish, allowed: Permit
) -> tuple[LoopState, tuple[Setpoint, ...], Offer | None]:
    asked = {} if wanted.inputs is None else limits.asked(kit, old, wanted.inputs)
    if old.mode is _ADVISORY:
        return advise(kit, given.seen, old, asked, allowed)
    more = clamp.probe(kit, given.seen.at, old, asked) if old.closed and allowed else {}
    more = limits.inside(kit, replace(old, closed={}), more) if more else {}
    asked |= more
    found = [
        guard(fence, allowed, asked.get(key), given.seen.good(kit.read_backs[key]), kit.period_s)
        for key, fence in kit.fences.items()
    ]
    setpoints = tuple([f for f in found if isinstance(f, Setpoint)])
    if not more:
        return expect(kit, given.seen, old, setpoints), setpoints, None
    # What is asked only to see whether it is taken need not be.
    sure = tuple(s for s in setpoints if s.tag not in {kit.fences[key].tag for key in more})
    return expect(kit, given.seen, clamp.tried(kit, given.seen.at, old, more), sure), setpoints, None


def _pose(kit: LoopKit, seen: Snapshot, old: LoopState) -> tuple[LoopState, Problem | None]:
    at = seen.at
    if (
        not samples.due(kit, at, old)
        or old.estimate is None
        or old.inputs is None
        or old.known is None
        or old.mode is Mode.OFF
    ):
        return old, None
    low, high = limits.bounds(kit, old)
    inputs, number = np.array(old.inputs), old.number + 1
    view = View(np.array(old.known), dropout.targets(kit, at, old), *limits.acceptable(kit, old))
    if kit.outlook is not None:
        view = kit.outlook.over(view, seen, old.estimate, inputs)
    problem = Problem(
        loop=kit.name,
        number=number,
        at=at,
        state=old.estimate.x,
        inputs=inputs,
        known=view.known,
        targets=view.targets,
        low=np.array(low),
        high=np.array(high),
        guess=guess(old.plan, at, kit.declared),
        present=dropout.present(kit, old),
        lowest=view.lowest,
        highest=view.highest,
    )
    return replace(old, number=number, next_at=at + kit.declared.sample_s, posed=old.count), problem


def _conditions(kit: LoopKit, given: Inputs, new: LoopState, wanted: Wish, wanting: Sequence[str]) -> list[Condition]:
    seen, on = given.seen, new.mode is not _OFF
    missing = wanting if on else ()
    failed = [plan for plan in given.plans if plan.status is not Status.SOLVED]
    unread = [tag for tag in kit.declared.known.values() if seen.usable(tag) is None and on]
    bridged = bridges.bridged(kit, seen.at, new) if on else []
    aimless = aims.unread(kit, seen, new.targets)[1] if on else []
    refused = new.requested_at is not None and seen.at - new.requested_at > kit.declared.verify_s
    waits = new.mode in WILLING and new.phase is _READY and new.settled >= kit.declared.settle
    late, stands = wanted.use in _LATE, wanted.use in _STANDS
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
    good = {"remote": kit.connections - new.away <= given.links.remote, "late": wanted.use is Use.FRESH}
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
