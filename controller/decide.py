"""One control cycle as a pure function: no clock, no socket, no log, no random number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anomaly import Alert, engine
from anomaly.engine import WatchState
from anomaly.heard import NOTHING, Heard
from controller import beliefs, dropout, soft, substitute
from controller.alarms.look import Given
from controller.announce import Announced, announce
from controller.attended import Attended, attend
from controller.cycle import Decision, Event, Mode, Order, Phase
from controller.handshake import Links, Wanted, Words, look, speak
from controller.kit import Kit
from controller.material.state import MaterialState
from controller.material.track import Tracked, track
from controller.material.turndown import Led, followed
from controller.plan import Plan
from controller.service import HOLDING, WILLING, Inputs
from controller.soft import SoftState
from controller.state import State
from controller.substitute import SubstituteState
from controller.turn import Turn, turn
from plant_io import Snapshot
from plant_io.changes import replace
from plant_io.values import quick

__all__ = ["Perceived", "conclude", "decide", "perceive"]


def decide(
    snapshot: Snapshot, orders: Sequence[Order], plans: Sequence[Plan], state: State, kit: Kit
) -> tuple[Decision, State]:
    """Conclude one cycle.

    Parameters
    ----------
    snapshot
        The line as latched at the start of the cycle.
    orders
        What people asked since the last cycle, oldest first.
    plans
        What the solvers answered since the last cycle, oldest first.
    state
        What the last cycle left; it is consumed.
    kit
        What is permitted and wanted.

    Returns
    -------
    decision
        What to write, say, solve and keep. Equal arguments give an equal decision, bit for bit.
    state
        What to remember.
    """
    return conclude(perceive(snapshot, state, kit), orders, plans, state, kit)


@quick
@dataclass(frozen=True, slots=True, eq=False)
class Perceived:
    """The line as one cycle sees it, before anything is concluded."""

    seen: Snapshot
    """What was read, with virtual tags, and with what stands in for bad values."""
    heard: Heard
    """What the loops believed at the end of the last cycle."""
    soft: SoftState
    """What the soft sensors remember now."""
    substitutes: SubstituteState
    """What is remembered to stand in for bad values."""
    stood_in: Sequence[str]
    """What there is to say of that."""


def perceive(snapshot: Snapshot, state: State, kit: Kit) -> Perceived:
    """Return the line as a cycle sees it.

    Parameters
    ----------
    snapshot
        The line as latched at the start of the cycle.
    state
        What the last cycle left.
    kit
        What is permitted and wanted.
    """
    measured, soft_state = soft.enrich(snapshot, state.soft, kit.soft)
    whole, substitutes, stood_in = substitute.stand_in(measured, state.substitutes, kit.substitutes)
    heard = beliefs.heard(state.loops, kit.beliefs) if kit.beliefs.listens else NOTHING
    return Perceived(whole.settled(), heard, soft_state, substitutes, stood_in)


def conclude(
    perceived: Perceived, orders: Sequence[Order], plans: Sequence[Plan], state: State, kit: Kit
) -> tuple[Decision, State]:
    """Conclude one cycle from the line as it sees it; arguments and results as those of `decide`."""
    seen = perceived.seen
    watches, locked, advice = engine.watch(seen, state.watches, kit.watches, perceived.heard)
    links = look(seen, state, kit)
    given = Inputs(seen, links, locked, (*state.material.turndown.asks, *orders), plans)
    turns = {name: turn(loop, given.of(name), state.loops[name]) for name, loop in kit.loops.items()}
    tracked = _turned(seen.at, orders, turns, _tracked(given, state.material, kit), kit)
    words = speak(links, seen, state, wanted := _wanted(turns, tracked, kit), kit)
    said = announce((*locked.alerts, *advice.alerts, *_raised(turns)), seen, watches, orders, (state, kit))
    modes = {name: (t.state.mode, t.state.phase) for name, t in turns.items()}
    kept = attend(_heeded(given, said, modes), state, kit)
    decision = Decision(
        setpoints=tuple(wanted.setpoints),
        handshake=words.writes,
        confirmed=tuple([s for t in turns.values() for s in t.confirmed]),
        proposals=tuple([t.proposal for t in turns.values() if t.proposal is not None]),
        problems=tuple([t.problem for t in turns.values() if t.problem is not None]),
        alerts=said.alerts,
        events=_stood(perceived, links, state, kit) + _said(turns) + tracked.events + kept.events + said.events,
        armed=words.armed,
        modes=modes,
        trips={name: t.state.trips for name, t in turns.items() if t.state.trips},
        soft=_virtual(seen, kit),
        substituted=substitute.entered(seen, perceived.substitutes, kit.substitutes),
        without={name: out for name, t in turns.items() if (out := dropout.without(t.state))},
        limits={name: t.state.limits for name, t in turns.items() if t.state.limits},
        targets={name: t.state.wished for name, t in turns.items() if t.state.wished},
        incidents=said.incidents,
        diversions=tracked.diversions,
        containers=tracked.containers,
        batches=tracked.batches,
        line_phases=tracked.line_phases,
        alarms=kept.changes,
        notices=kept.notices,
        cases=said.cases,
        own=state.material.turndown.asks,
    )
    return decision, _left((perceived, watches, turns), (said, tracked.state, kept), links, words)


def _raised(turns: Mapping[str, Turn]) -> list[Alert]:
    return [alert for one in turns.values() for alert in one.alerts]


def _stood(perceived: Perceived, links: Links, state: State, kit: Kit) -> tuple[Event, ...]:
    news = (*perceived.stood_in, *soft.told(state.soft, perceived.soft, kit.soft))
    return _news(perceived.seen, links, news)


def _said(turns: Mapping[str, Turn]) -> tuple[Event, ...]:
    return tuple([e for t in turns.values() for e in t.events])


def _heeded(given: Inputs, said: Announced, modes: Mapping[str, tuple[Mode, Phase]]) -> Given:
    return Given(given.seen, given.orders, said.alerts, said.incidents, given.links.heard, modes)


def _tracked(given: Inputs, old: MaterialState, kit: Kit) -> Tracked:
    if kit.material is None:
        return Tracked(old)
    return track(given.seen, given.orders, given.links.remote, old, kit.material)


def _turned(at: float, orders: Sequence[Order], turns: Mapping[str, Turn], tracked: Tracked, kit: Kit) -> Tracked:
    words = None if kit.material is None else kit.material.turndown
    if words is None:
        return tracked
    loop = turns[words.loop].state
    span = None if words.name in kit.loops[words.loop].declared.moved else loop.limits.get(words.name)
    led = Led(loop.mode, loop.phase, loop.wished.get(words.name), span)
    turndown, events = followed(at, orders, led, tracked.state, words)
    state = replace(tracked.state, turndown=turndown)
    return replace(tracked, state=state, events=tracked.events + events)


def _left(
    own: tuple[Perceived, WatchState, Mapping[str, Turn]],
    kept: tuple[Announced, MaterialState, Attended],
    links: Links,
    words: Words,
) -> State:
    perceived, watches, turns = own
    return State(
        perceived.soft,
        watches,
        {name: t.state for name, t in turns.items()},
        perceived.substitutes,
        incidents=kept[0].incident_state,
        cases=kept[0].case_state,
        material=kept[1],
        alarms=kept[2].alarms,
        notices=kept[2].memory,
        scans=links.scans,
        armed=words.armed,
        claims=words.claims,
        beat=words.beat,
        standing=words.standing,
        echoes=links.echoes,
    )


def _wanted(turns: Mapping[str, Turn], tracked: Tracked, kit: Kit) -> Wanted:
    connections = frozenset([c for name, t in turns.items() for c in _wants(kit, name, t)])
    setpoints = tuple([s for t in turns.values() for s in t.setpoints])
    return Wanted(connections | tracked.wants, setpoints + tracked.setpoints)


def _wants(kit: Kit, name: str, concluded: Turn) -> frozenset[str]:
    state = concluded.state
    asking = state.mode in WILLING and state.phase in (Phase.REQUEST, *HOLDING)
    return kit.loops[name].connections if asking else frozenset()


def _news(seen: Snapshot, links: Links, news: Sequence[str]) -> tuple[Event, ...]:
    restarts = [f"PLC behind connection {name} was restarted" for name in sorted(links.restarted)]
    return tuple([Event(seen.at, what) for what in (*restarts, *seen.notes, *news)])


def _virtual(seen: Snapshot, kit: Kit) -> dict[str, tuple[float, float, int]]:
    index, first = kit.index, len(kit.policy.tags)
    names = index.names[first:]
    # They stand at the end, and each has one value.
    values = seen.values[index.width - len(names) :].tolist()
    return dict(
        zip(names, zip(values, seen.sd[first:].tolist(), seen.quality[first:].tolist(), strict=True), strict=True)
    )
