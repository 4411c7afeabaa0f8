"""One cycle of all alarms: what people do to them, what begins and ends, what time brings, what the design keeps back.

The order is always the same: what an earlier run left, people, conditions, delays, shelving that ends, suppression.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from math import inf

from anomaly import Alert
from anomaly.cases import OWN
from anomaly.incident import Change, Incident
from controller.alarms.kit import AlarmKit
from controller.alarms.lifecycle import REFUSED, AlarmEvent, AlarmState, after
from controller.alarms.state import Alarm, AlarmChange, AlarmMemory, Source
from controller.cycle import Attention, CarryAlarms, Delivered, Event, HandleAlarm, Mode, Order, Phase
from plant_io import Snapshot
from plant_io.changes import replace
from plant_io.values import quick
from policies import Priority, Route
from policies.alarms import Suppressed

_URGENCY: Mapping[Priority, int] = {"low": 0, "medium": 1, "high": 2}
_SPEAKING: frozenset[Source] = frozenset({"watch", "loop", "incident", "notice", "case"})
EVENTS: Mapping[Attention, AlarmEvent] = {
    Attention.ACKNOWLEDGE: AlarmEvent.ACKNOWLEDGED,
    Attention.RESET: AlarmEvent.RESET,
    Attention.SHELVE: AlarmEvent.SHELVED,
    Attention.UNSHELVE: AlarmEvent.UNSHELVED,
    Attention.REMOVE: AlarmEvent.REMOVED,
    Attention.RESTORE: AlarmEvent.RETURNED,
}
"""What each act of a person is to the life cycle."""
_KEEPS = frozenset({Attention.SHELVE, Attention.REMOVE})
_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Signal:
    """What something says of one condition."""

    name: str
    """Name of the alarm."""
    source: Source
    """What says it."""
    seen: bool
    """Whether it stands."""
    what: str
    """One sentence."""
    priority: Priority
    """How soon a person must act."""
    routing: tuple[Route, ...]
    """Who is told."""
    response: str
    """What the person told should do."""
    anew: bool = False
    """Whether people are called again though it stands already."""


@quick
@dataclass(frozen=True, slots=True)
class Given:
    """What the alarms are given in one cycle."""

    seen: Snapshot
    """The line, virtual tags included."""
    orders: Sequence[Order]
    """What people asked, oldest first; what is not about alarms is left alone."""
    alerts: Sequence[Alert]
    """Conditions of watches and loops that began or ended."""
    incidents: Sequence[Incident]
    """Incidents of which something became."""
    heard: AbstractSet[str]
    """Connections whose PLC is heard, and scans."""
    modes: Mapping[str, tuple[Mode, Phase]]
    """Mode and phase of each loop."""


@quick
@dataclass(frozen=True, slots=True)
class Looked:
    """What one cycle makes of the alarms."""

    memory: AlarmMemory
    """What is remembered now."""
    changes: tuple[AlarmChange, ...] = ()
    """Steps through the life cycle, in their order."""
    events: tuple[Event, ...] = ()
    """What to keep of what people did."""


def look(given: Given, old: AlarmMemory, kit: AlarmKit) -> Looked:
    """Return what one cycle makes of the alarms.

    Parameters
    ----------
    given
        What they are given.
    old
        What the last cycle left.
    kit
        What the policy says of them.
    """
    signals = _met(given, old, kit)
    if given.alerts or given.orders or given.incidents:
        signals = [*_spoken(given, kit), *signals]
    orders = [order for order in given.orders if isinstance(order.act, HandleAlarm | CarryAlarms)]
    if not signals and not orders and given.seen.at < old.due and not _suppressing(given, old, kit):
        return Looked(old)  # as in nearly every cycle
    turn = _Turn(given.seen.at, kit, dict(old.alarms))
    for order in orders:
        turn.obey(order)
    for signal in signals:
        turn.hear(signal)
    turn.ripen()
    for name, condition in kit.suppressed.items():
        turn.suppress(name, holds=_holds(condition, given))
    return turn.end(old)


def _spoken(given: Given, kit: AlarmKit) -> Iterable[Signal]:
    """Give what watches, loops and incidents say."""
    for alert in given.alerts:
        known = kit.known.get(alert.watch)
        if alert.watch.startswith(OWN):
            routing = (alert.route,)
            yield Signal(alert.watch, "case", alert.active, alert.what, alert.priority, routing, alert.response)
        if known is not None:
            said = known.handling
            yield Signal(
                alert.watch,
                known.source,
                alert.active,
                alert.what,
                said.priority or alert.priority,
                said.routing or (alert.route,),
                known.response or alert.response,
            )
    for order in given.orders:
        if isinstance(order.act, Delivered) and order.act.final:
            yield from _delivered(order.act, kit)
    for one in given.incidents:
        said = kit.incidents
        yield Signal(
            one.id,
            "incident",
            one.closed is None,
            one.what,
            said.priority or one.priority,
            said.routing or one.routes,
            said.response or one.response,
            anew=one.change is Change.RAISED,
        )


def _delivered(act: Delivered, kit: AlarmKit) -> Iterable[Signal]:
    """Give what an attempt to tell people says of who was to be told."""
    name = f"notices.{act.receiver}"
    known = kit.known.get(name)
    if known is not None:
        what = f"notice {act.key} was not delivered to {act.receiver} in {act.attempt} attempts: {act.status}"
        yield Signal(name, "notice", not act.delivered, what, known.priority, known.routing, known.response)


def _met(given: Given, old: AlarmMemory, kit: AlarmKit) -> list[Signal]:
    """Return what is new of the conditions that only the policy raises."""
    found, line, heard, alarms = list[Signal](), given.seen, given.heard, old.alarms
    for condition in kit.conditions:
        alarm = alarms.get(condition.name)
        before = alarm is not None and alarm.seen
        seen, what = condition.met(line, heard, before=before)
        if seen != before:
            known = kit.known[condition.name]
            found.append(
                Signal(condition.name, known.source, seen, what, known.priority, known.routing, known.response)
            )
    return found


def _suppressing(given: Given, old: AlarmMemory, kit: AlarmKit) -> bool:
    """Return whether an alarm is, or is to be, suppressed by design."""
    return any(
        _holds(condition, given)
        or ((alarm := old.alarms.get(name)) is not None and alarm.state is AlarmState.SUPPRESSED)
        for name, condition in kit.suppressed.items()
    )


def _holds(condition: Suppressed, given: Given) -> bool:
    if condition.loop is not None:
        found = given.modes.get(condition.loop)
        return found is not None and found[1].value in condition.phases
    value = given.seen.good(condition.tag or "")
    low, high = condition.at_least, condition.at_most
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


@dataclass(slots=True)
class _Turn:
    """The alarms in the middle of one cycle."""

    at: float
    """Start of the cycle, POSIX time [s]."""
    kit: AlarmKit
    """What the policy says of them."""
    alarms: dict[str, Alarm]
    """Alarms by name."""
    changes: list[AlarmChange] = field(default_factory=list[AlarmChange])
    """Steps so far."""
    events: list[Event] = field(default_factory=list[Event])
    """Sentences so far."""

    def obey(self, order: Order) -> None:
        """Do what a person asks, or say why not."""
        act = order.act
        if isinstance(act, CarryAlarms):
            for alarm in act.alarms:
                self._carried(alarm)
        elif isinstance(act, HandleAlarm):
            said = self._refused(act, order.why) or self._handled(act, order)
            done = f"alarm {act.alarm}: {said}" + (f": {order.why}" if order.why.strip() else "")
            self.events.append(Event(self.at, done, order.who))

    def _refused(self, act: HandleAlarm, why: str) -> str:
        """Return why something is not done to an alarm; empty where it may be."""
        alarm, not_done = self.alarms.get(act.alarm), f"not {EVENTS[act.attention].value}, "
        if alarm is None and act.alarm not in self.kit.known:
            return not_done + "there is no such alarm"
        if act.raised is not None and (alarm is None or alarm.raised != act.raised):
            return not_done + "the one that was seen is over, or was raised anew since"
        state = AlarmState.NORMAL if alarm is None else alarm.state
        sentence = REFUSED.get((state, EVENTS[act.attention]), "")
        if not sentence and act.attention in _KEEPS and not why.strip():
            sentence = "no reason was given"
        if not sentence and act.attention is Attention.SHELVE:
            sentence = self._too_long(act)
        if not sentence and act.attention is Attention.REMOVE and act.alarm not in self.kit.known:
            sentence = "an incident comes once; it can be shelved"
        return not_done + sentence if sentence else ""

    def _too_long(self, act: HandleAlarm) -> str:
        handling = self.kit.handling(act.alarm)
        longest = self.kit.max_shelving_s if handling.max_shelving_s is None else handling.max_shelving_s
        if act.for_s is None or not 0.0 < act.for_s <= longest:
            return f"expected a time of {longest:g} s at most"
        return ""

    def _handled(self, act: HandleAlarm, order: Order) -> str:
        alarm = self.alarms.get(act.alarm) or self._quiet(act.alarm)
        shelves = act.attention is Attention.SHELVE and act.for_s is not None
        until = self.at + (act.for_s or 0.0) if shelves else None
        new = replace(alarm, who=order.who, why=order.why, until=until)
        self.step(new, EVENTS[act.attention])
        done, state = EVENTS[act.attention].value, self.alarms[act.alarm].state.value
        return f"{done} for {act.for_s:g} s" if shelves else f"{done}, {state} now"

    def _quiet(self, name: str) -> Alarm:
        """Return an alarm that is normal."""
        known = self.kit.known[name]
        return Alarm(
            name=name,
            source=known.source,
            state=AlarmState.NORMAL,
            since=self.at,
            stands=False,
            seen=False,
            seen_since=self.at,
            raised=None,
            what="",
            priority=known.priority,
            sort=known.handling.sort,
            consequence=known.handling.consequence,
            response=known.response,
            routing=known.routing,
        )

    def _carried(self, alarm: Alarm) -> None:
        """Take over an alarm that an earlier run left; what begins anew with a run is over until it says otherwise."""
        if alarm.name not in self.kit.known and alarm.source not in {"incident", "case"}:
            return
        if alarm.name in self.alarms:
            return
        self.alarms[alarm.name] = alarm
        self.changes.append(AlarmChange(self.at, None, alarm.state, alarm))
        if alarm.source in _SPEAKING and alarm.seen:
            self.alarms[alarm.name] = replace(alarm, seen=False, seen_since=self.at)
            self.settle(alarm.name)

    def hear(self, signal: Signal) -> None:
        """Remember what is said of a condition."""
        old = self.alarms.get(signal.name)
        if old is None and not signal.seen:
            return
        handling = self.kit.handling(signal.name)
        alarm = old or Alarm(
            signal.name,
            signal.source,
            AlarmState.NORMAL,
            self.at,
            stands=False,
            seen=False,
            seen_since=self.at,
            raised=None,
            what=signal.what,
            priority=signal.priority,
            sort=handling.sort,
            consequence=handling.consequence,
            response=signal.response,
            routing=signal.routing,
        )
        worse = alarm.stands and signal.seen and _worse(alarm, signal)
        since = alarm.seen_since if alarm.seen == signal.seen else self.at
        new = replace(alarm, seen=signal.seen, seen_since=since)
        if signal.seen:
            new = replace(
                new, what=signal.what, priority=signal.priority, response=signal.response, routing=signal.routing
            )
        self.alarms[signal.name] = new
        if worse:
            self.step(new, AlarmEvent.WORSENED)

    def ripen(self) -> None:
        """Tell what has lasted as long as its delay asks, and end shelving whose time has gone by."""
        for name, alarm in list(self.alarms.items()):
            if alarm.until is not None and alarm.until - self.at <= _ROUNDING_S:
                self.step(replace(alarm, until=None), AlarmEvent.EXPIRED)
            if alarm.seen != alarm.stands and self.at - alarm.seen_since >= self._delay_s(alarm) - _ROUNDING_S:
                self.settle(name)

    def settle(self, name: str) -> None:
        """Let an alarm stand, or be over, as it is seen."""
        alarm, handling = self.alarms[name], self.kit.handling(name)
        over = AlarmEvent.LATCHED if handling.latching else AlarmEvent.CLEARED
        new = replace(alarm, stands=alarm.seen, raised=self.at if alarm.seen else alarm.raised)
        self.step(new, AlarmEvent.RAISED if alarm.seen else over)

    def suppress(self, name: str, *, holds: bool) -> None:
        """Let an alarm be suppressed by design, or no longer."""
        alarm = self.alarms.get(name)
        if holds:
            self.step(alarm or self._quiet(name), AlarmEvent.SUPPRESSED)
        elif alarm is not None and alarm.state is AlarmState.SUPPRESSED:
            self.step(alarm, AlarmEvent.UNSUPPRESSED)

    def step(self, alarm: Alarm, event: AlarmEvent) -> None:
        """Take an alarm one step through the table; what the table refuses leaves its state as it was."""
        state = after(alarm.state, event, stands=alarm.stands)
        if state is None:
            self.alarms[alarm.name] = alarm
            return
        new = alarm if state is alarm.state else replace(alarm, state=state, since=self.at)
        self.alarms[alarm.name] = new
        self.changes.append(AlarmChange(self.at, event, alarm.state, new))

    def end(self, old: AlarmMemory) -> Looked:
        """Return what is remembered; what is normal and not about to be told is forgotten."""
        alarms = {name: one for name, one in self.alarms.items() if one.state is not AlarmState.NORMAL or one.seen}
        due = min((self._due(alarm) for alarm in alarms.values()), default=inf)
        memory = old if alarms == old.alarms and due == old.due else AlarmMemory(alarms, due)
        return Looked(memory, tuple(self.changes), tuple(self.events))

    def _due(self, alarm: Alarm) -> float:
        ripe = alarm.seen_since + self._delay_s(alarm) if alarm.seen != alarm.stands else inf
        return min(ripe, inf if alarm.until is None else alarm.until) - _ROUNDING_S

    def _delay_s(self, alarm: Alarm) -> float:
        """Return how long what is seen of an alarm must last before it is told [s]."""
        handling = self.kit.handling(alarm.name)
        return (handling.on_delay_s if alarm.seen else handling.off_delay_s) or 0.0


def _worse(alarm: Alarm, signal: Signal) -> bool:
    return signal.anew or _URGENCY[signal.priority] > _URGENCY[alarm.priority]
