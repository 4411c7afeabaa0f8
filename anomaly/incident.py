"""Alerts of all watches and loops folded into incidents, so that one fault is told once, with all that speaks for it.

A condition that begins while an incident stands, or soon after, joins it, unless the policy's units say that the two
have nothing to do with each other. Only that an incident opens, becomes more urgent and closes is annunciated, and
never more often than ten times in ten minutes (EEMUA 191 calls more a flood): what is over that waits, the most urgent
first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from anomaly import reading
from anomaly.alerts import Alert, Origin, Sign
from anomaly.reading import Meaning, UnitKit
from anomaly.words import span
from policies import Lane, Policy, Priority, Route
from policies.incidents import Incidents

MOST, MOST_IN_S = 10, 600.0
"""Most annunciations [1] in this time [s]."""
_NAMED = 3
_URGENCY: dict[Priority, int] = {"low": 0, "medium": 1, "high": 2}


class Change(StrEnum):
    """What became of an incident."""

    OPENED = "opened"
    """It is new."""
    RAISED = "raised"
    """It is more urgent, concerns more people, or has reached another unit after a long time."""
    UPDATED = "updated"
    """More is known of it; nobody is called for that."""
    REOPENED = "reopened"
    """It had been closed, and goes on."""
    CLOSED = "closed"
    """Nothing of it has stood for a while."""


@dataclass(frozen=True, slots=True)
class Incident:
    """What is known of one incident when something became of it."""

    id: str
    """Line, time of opening in whole POSIX seconds and number of the incident in the run; stable and unique."""
    change: Change
    """What became of it."""
    at: float
    """When, POSIX time [s]."""
    opened: float
    """When its first condition began, POSIX time [s]."""
    onset: float
    """When the trouble is believed to have begun, POSIX time [s]."""
    closed: float | None
    """When it was closed, POSIX time [s]; None while it stands."""
    what: str
    """One sentence: where, what, by which signs, since when."""
    unit: str
    """Unit of the line; empty where nothing says which."""
    kind: Origin
    """Whether what measures is wrong, or what is measured; empty where nothing says which."""
    reading: str
    """Reading of the policy; empty where none is like enough."""
    likeness: float
    """Likeness to the reading that comes nearest [1]."""
    signs: tuple[Sign, ...]
    """Three tags: those that speak most for the reading, without one those that were off first."""
    sop: str
    """Procedure and step for the unit or the reading."""
    response: str
    """What its most urgent watch asks people to do."""
    priority: Priority
    """How soon a person must act."""
    lane: Lane
    """Locked, unless everything that speaks for it learns."""
    routes: tuple[Route, ...]
    """Who is told, those of the most urgent watch first."""
    watches: tuple[str, ...]
    """Watches that joined, in their order."""
    entry: str
    """Library entry a trend was named after last; empty where none was."""

    @property
    def direction(self) -> str:
        """Side to which its first tag is off: up, down, or empty."""
        return _side(self.signs[0].z) if self.signs else ""

    @property
    def annunciated(self) -> bool:
        """Whether people are called for it."""
        return self.change is not Change.UPDATED


@dataclass(frozen=True, slots=True, eq=False)
class IncidentKit:
    """How incidents are made, ready."""

    line: str
    """Name of the line."""
    declared: Incidents
    """What the policy says of them."""
    units: UnitKit
    """Units and readings."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What people know of an incident."""

    at: float
    """When they were called last, POSIX time [s]."""
    urgency: int
    """Rank of its priority then [1]."""
    routes: frozenset[Route]
    """Who was told."""
    closed: bool
    """Whether it was closed then."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Memory of one incident."""

    id: str
    """Its name."""
    opened: float
    """When its first condition began, POSIX time [s]."""
    conditions: frozenset[str]
    """Watches of which a condition stands."""
    members: tuple[Alert, ...]
    """Newest beginning of each watch that joined, in the order in which they joined."""
    units: frozenset[str]
    """Units its watches spoke of."""
    first: tuple[Sign, ...] = ()
    """Signs of the first condition of the locked lane."""
    quiet: float | None = None
    """Since when nothing of it stands, POSIX time [s]."""
    closed: float | None = None
    """When it was closed, POSIX time [s]."""
    wider: bool = False
    """Whether it has reached another unit long after people were called."""
    news: bool = True
    """Whether something of it has not been said."""
    told: _Told | None = None
    """What people know; None for nothing."""


@dataclass(frozen=True, slots=True)
class IncidentState:
    """Memory of all incidents."""

    standing: tuple[Standing, ...] = ()
    """Incidents that stand or may be joined, the oldest first."""
    advice: tuple[Alert, ...] = ()
    """Conditions of the learning lane that stand beside all incidents."""
    calls: tuple[float, ...] = ()
    """When people were called lately, POSIX times [s]."""
    count: int = 0
    """Incidents so far [1]."""


def prepare(policy: Policy) -> IncidentKit | None:
    """Return how the incidents of a policy are made; None where it wants none."""
    if policy.incidents is None:
        return None
    return IncidentKit(policy.line, policy.incidents, reading.prepare(policy, policy.incidents))


def fold(
    alerts: Sequence[Alert], at: float, state: IncidentState, kit: IncidentKit
) -> tuple[IncidentState, tuple[Incident, ...]]:
    """Fold what began and ended in this cycle into incidents.

    Parameters
    ----------
    alerts
        Conditions that began or ended now, of watches and loops.
    at
        Start of the cycle, POSIX time [s].
    state
        What the last cycle left.
    kit
        How incidents are made.

    Returns
    -------
    state
        What is remembered now.
    incidents
        Incidents of which something became now.
    """
    if not alerts and not any(_stirs(one, at, kit.declared) for one in state.standing):
        return state, ()
    for alert in alerts:
        state = _begun(alert, state, kit) if alert.active else _ended(alert, state)
    state = replace(state, standing=tuple(_aged(one, at, kit.declared) for one in state.standing))
    return _said(state, at, kit)


def _begun(alert: Alert, state: IncidentState, kit: IncidentKit) -> IncidentState:
    found = _joined(alert, state, kit)
    if found is not None:
        standing = tuple(_with(each, alert, kit) if each is found else each for each in state.standing)
        return replace(state, standing=standing)
    if alert.lane is Lane.LEARNING and kit.declared.advice == "joins":
        return replace(state, advice=(*_without(state.advice, alert), alert))
    count, units = state.count + 1, reading.of(alert, kit.units)
    new = Standing(
        f"{kit.line}-{alert.at:.0f}-{count}", alert.at, frozenset({alert.watch}), (alert,), units, _first(alert)
    )
    beside = [each for each in state.advice if reading.akin(reading.of(each, kit.units), units, kit.units.related)]
    for each in beside:
        new = _with(new, each, kit)
    advice = tuple(each for each in state.advice if each not in beside)
    return replace(state, standing=(*state.standing, new), advice=advice, count=count)


def _joined(alert: Alert, state: IncidentState, kit: IncidentKit) -> Standing | None:
    """Return the incident a condition is part of: one that has it already, one of its unit, or the newest akin."""
    units = reading.of(alert, kit.units)
    open_ = [one for one in reversed(state.standing) if _near(one, alert.at, kit.declared)]
    near = [one for one in open_ if reading.akin(units, one.units, _links(one, alert.at, kit))]
    known = [one for one in near if any(member.watch == alert.watch for member in one.members)]
    same = [one for one in near if units & one.units]
    return next(iter(known or same or near), None)


def _links(one: Standing, at: float, kit: IncidentKit) -> Mapping[str, frozenset[str]]:
    """Return which units may share an incident: at its very beginning all that hang together, later those akin."""
    return kit.units.together if at - one.opened <= kit.declared.together_s else kit.units.related


def _near(one: Standing, at: float, declared: Incidents) -> bool:
    return one.closed is None or one.quiet is None or at - one.quiet < declared.merge_s


def _with(one: Standing, alert: Alert, kit: IncidentKit) -> Standing:
    units = reading.of(alert, kit.units)
    late = one.told is not None and alert.at - one.told.at > kit.declared.merge_s
    return replace(
        one,
        conditions=one.conditions | {alert.watch},
        members=(*(each for each in one.members if not _renews(alert, each)), alert),
        units=one.units | units,
        first=one.first or _first(alert),
        quiet=None,
        closed=None,
        wider=one.wider or (late and not units <= one.units),
        news=True,
    )


def _first(alert: Alert) -> tuple[Sign, ...]:
    return alert.signs if alert.lane is Lane.LOCKED else ()


def _renews(new: Alert, old: Alert) -> bool:
    """Return whether an alert takes the place of another one of its watch; two faulty sensors of a watch are two."""
    tags = [sign.tag for one in (new, old) for sign in one.signs[:1]]
    both = new.origin == old.origin == "sensor" and len(set(tags)) > 1
    return new.watch == old.watch and not both


def _without(alerts: Sequence[Alert], gone: Alert) -> tuple[Alert, ...]:
    return tuple(each for each in alerts if each.watch != gone.watch)


def _ended(alert: Alert, state: IncidentState) -> IncidentState:
    def left(one: Standing) -> Standing:
        if alert.watch not in one.conditions:
            return one
        conditions = one.conditions - {alert.watch}
        return replace(one, conditions=conditions, quiet=None if conditions else alert.at)

    standing = tuple(left(one) for one in state.standing)
    return replace(state, standing=standing, advice=_without(state.advice, alert))


def _stirs(one: Standing, at: float, declared: Incidents) -> bool:
    """Return whether something becomes of an incident though nothing began or ended."""
    if one.quiet is None or one.news:
        return one.news
    return at - one.quiet >= (declared.clear_s if one.closed is None else declared.merge_s)


def _aged(one: Standing, at: float, declared: Incidents) -> Standing:
    over = one.quiet is not None and one.closed is None and at - one.quiet >= declared.clear_s
    return replace(one, closed=at, news=True) if over else one


def _said(state: IncidentState, at: float, kit: IncidentKit) -> tuple[IncidentState, tuple[Incident, ...]]:
    """Say what is new, the most urgent first, as far as people may be called; forget what can be joined no more."""
    calls = tuple(call for call in state.calls if at - call < MOST_IN_S)
    said: dict[str, Incident] = {}
    new = [one for one in state.standing if one.news]
    for one in sorted(new, key=lambda one: -_urgency(one)):
        change = _change(one)
        if change is Change.UPDATED or len(calls) < MOST:
            said[one.id] = _told_of(one, change, at, kit)
            calls = calls if change is Change.UPDATED else (*calls, at)
    standing = tuple(_known(one, said.get(one.id)) for one in state.standing)
    kept = tuple(one for one in standing if one.news or one.closed is None or _near(one, at, kit.declared))
    return replace(state, standing=kept, calls=calls), tuple(said.values())


def _change(one: Standing) -> Change:
    told = one.told
    if told is None:
        return Change.OPENED
    if one.closed is not None:
        return Change.UPDATED if told.closed else Change.CLOSED
    if told.closed:
        return Change.REOPENED
    more = _urgency(one) > told.urgency or not {alert.route for alert in one.members} <= told.routes
    return Change.RAISED if more or one.wider else Change.UPDATED


def _known(one: Standing, said: Incident | None) -> Standing:
    """Return the memory after something was said."""
    if said is None:
        return one
    if not said.annunciated:
        return replace(one, news=False)
    ended = said.change is Change.CLOSED
    # What was closed before people could be called for it at all is told open first.
    owed = said.closed is not None and not ended
    told = _Told(said.at, _urgency(one), frozenset(said.routes), ended)
    return replace(one, news=owed, wider=False, told=told)


def _urgency(one: Standing) -> int:
    return max(_URGENCY[alert.priority] for alert in one.members)


def _told_of(one: Standing, change: Change, at: float, kit: IncidentKit) -> Incident:
    urgent = sorted(one.members, key=lambda alert: -_URGENCY[alert.priority])
    locked = tuple(alert for alert in one.members if alert.lane is Lane.LOCKED)
    speaking = locked or one.members  # advice is no part of what a locked incident is read from
    signs = reading.strongest(sign for alert in speaking for sign in alert.signs)
    meaning = reading.read(signs, speaking, kit.units, one.first)
    signs = reading.ordered(signs, meaning.reading, kit.units) if meaning.reading else reading.led(signs, one.first)
    onset = min((alert.at if alert.onset is None else alert.onset for alert in speaking), default=one.opened)
    return Incident(
        id=one.id,
        change=change,
        at=at,
        opened=one.opened,
        onset=onset,
        closed=one.closed,
        what=" ".join(_sentence(one, meaning, signs[:_NAMED], one.opened - onset)),
        unit=meaning.unit,
        kind=meaning.kind,
        reading=meaning.reading,
        likeness=meaning.likeness,
        signs=signs[:_NAMED],
        sop=meaning.sop,
        response=urgent[0].response,
        priority=urgent[0].priority,
        lane=Lane.LOCKED if locked else Lane.LEARNING,
        routes=tuple(dict.fromkeys(alert.route for alert in urgent)),
        watches=tuple(dict.fromkeys(alert.watch for alert in one.members)),
        entry=next((alert.entry for alert in reversed(one.members) if alert.entry), ""),
    )


def _sentence(one: Standing, meaning: Meaning, signs: Sequence[Sign], before_s: float) -> Iterator[str]:
    """Give the sentence in parts; `before_s` [s] is the time from the onset to the opening."""
    where = meaning.unit or "The line"
    kind = f" ({meaning.kind})" if meaning.kind else ""
    yield f"{where}{kind}: {meaning.reading or one.members[0].what.rstrip('.')};"
    if signs:
        yield f"{', '.join(map(_shown, signs))};"
    lasted = f"it began about {span(before_s)} before it was seen, " if before_s >= 1.0 else ""
    watches = len({alert.watch for alert in one.members})
    yield f"{lasted}{watches} watch{'es say' if watches > 1 else ' says'} so."


def _side(z: float) -> str:
    return "up" if z > 0.0 else "down" if z < 0.0 else ""


def _shown(sign: Sign) -> str:
    return f"{sign.tag} {_side(sign.z)} {abs(sign.z):.1f} sd" if sign.z else sign.tag
