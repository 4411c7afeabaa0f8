"""Which notices go to whom, as a pure function of the steps of alarms: ways, rate limit, digest and escalation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from controller.alarms.lifecycle import UNSEEN, AlarmEvent, AlarmState
from controller.alarms.state import Alarm, AlarmChange
from controller.notices.state import Item, Notice, NoticeKind, NoticeMemory, Unseen, Waiting
from plant_io.changes import replace
from policies.notices import Escalation, Notices, Way, When

MOST_ITEMS = 50
"""Most things told in one notice [1]; others are counted."""
_WORDS: Mapping[AlarmEvent, When] = {
    AlarmEvent.RAISED: "raised",
    AlarmEvent.WORSENED: "worsened",
    AlarmEvent.CLEARED: "cleared",
    AlarmEvent.LATCHED: "cleared",
    AlarmEvent.ACKNOWLEDGED: "acknowledged",
    AlarmEvent.SHELVED: "shelved",
    AlarmEvent.REMOVED: "out of service",
}
_BACK = frozenset({AlarmEvent.UNSHELVED, AlarmEvent.EXPIRED, AlarmEvent.UNSUPPRESSED, AlarmEvent.RETURNED})
_KEPT = frozenset({AlarmState.SHELVED, AlarmState.SUPPRESSED, AlarmState.OUT_OF_SERVICE})
_OF_PEOPLE = frozenset({AlarmEvent.SHELVED, AlarmEvent.REMOVED})


def route(
    changes: Sequence[AlarmChange], at: float, old: NoticeMemory, declared: Notices, line: str
) -> tuple[NoticeMemory, tuple[Notice, ...]]:
    """Return what is to be sent in one cycle.

    Parameters
    ----------
    changes
        Steps of alarms in this cycle.
    at
        Start of the cycle, POSIX time [s].
    old
        What the last cycle left.
    declared
        What the policy says of notices.
    line
        Name of the line.

    Returns
    -------
    memory
        What is remembered now.
    notices
        What is to be sent now. Equal arguments give equal notices, bit for bit.
    """
    if not changes and at < old.due:
        return old, ()  # as in nearly every cycle
    turn = _Turn(at, declared, line, dict(old.waiting), dict(old.unseen), old.count)
    for change in changes:
        turn.hear(change)
    turn.escalate()
    turn.send()
    return turn.memory(), tuple(turn.notices)


@dataclass(slots=True)
class _Turn:
    """What is to be sent, in the middle of one cycle."""

    at: float
    """Start of the cycle, POSIX time [s]."""
    declared: Notices
    """What the policy says."""
    line: str
    """Name of the line."""
    waiting: dict[str, Waiting]
    """What waits, by receiver."""
    unseen: dict[str, Unseen]
    """Alarms nobody has acknowledged, by name."""
    count: int
    """Notices so far [1]."""
    notices: list[Notice] = field(default_factory=list[Notice])
    """Notices of this cycle."""

    def hear(self, change: AlarmChange) -> None:
        """Let one step of an alarm wait for everybody it is to be told to, and know who has not been answered."""
        alarm, word = change.alarm, _word(change)
        item = _item(alarm, word or "raised", change.at)
        if word is not None:
            for way in self.declared.ways.values():
                if word in way.when and _fits(way, item):
                    self._wait(way.to, item, way.digest_s or 0.0)
        if alarm.state not in UNSEEN:
            self.unseen.pop(alarm.name, None)
        elif alarm.name not in self.unseen:
            if any(_fits(each, item) for each in self.declared.escalations.values()):
                self.unseen[alarm.name] = Unseen(self.at, item)
        else:
            self.unseen[alarm.name] = replace(self.unseen[alarm.name], item=item)

    def _wait(self, receivers: Iterable[str], item: Item, for_s: float) -> None:
        for name in dict.fromkeys(receivers):
            old = self.waiting.get(name, Waiting())
            full = len(old.items) >= MOST_ITEMS
            items = old.items if full else (*old.items, item)
            self.waiting[name] = replace(old, items=items, more=old.more + full, due=min(old.due, self.at + for_s))

    def escalate(self) -> None:
        """Tell those who come next of every alarm that has been unacknowledged for long enough."""
        for key, step in self.declared.escalations.items():
            late = {
                name: one
                for name, one in self.unseen.items()
                if key not in one.told and one.since + step.after_s <= self.at and _fits(step, one.item)
            }
            self.unseen |= {name: replace(one, told=one.told | {key}) for name, one in late.items()}
            items = tuple(replace(one.item, event="unacknowledged") for one in late.values())
            more = max(0, len(items) - MOST_ITEMS)
            for receiver in dict.fromkeys(step.to) if items else ():
                self._emit(receiver, "escalation", items[:MOST_ITEMS], more=more, owner=step.owner)

    def send(self) -> None:
        """Send what is due, as far as each receiver may be told so often."""
        for name, old in list(self.waiting.items()):
            receiver = self.declared.receivers[name]
            sent = tuple(time for time in old.sent if self.at - time < receiver.within_s)
            if self.at < old.due:
                self.waiting[name] = replace(old, sent=sent)
            elif len(sent) >= receiver.most:
                self.waiting[name] = replace(old, sent=sent, due=sent[-receiver.most] + receiver.within_s)
            else:
                kind: NoticeKind = "alarm" if len(old.items) == 1 else "digest"
                self._emit(name, kind, old.items, more=old.more)
                self.waiting[name] = Waiting(sent=(*sent, self.at))

    def _emit(
        self, receiver: str, kind: NoticeKind, items: tuple[Item, ...], *, more: int = 0, owner: str = ""
    ) -> None:
        self.count += 1
        key = f"{self.line}-{self.at:.3f}-{self.count}"
        self.notices.append(Notice(key, receiver, kind, self.at, self.line, items, more, owner))

    def memory(self) -> NoticeMemory:
        """Return what is remembered."""
        waiting = {name: one for name, one in self.waiting.items() if one.items or one.sent}
        due = min((one.due for one in waiting.values() if one.items), default=inf)
        return NoticeMemory(waiting, self.unseen, self.count, min(due, self._next()))

    def _next(self) -> float:
        """Return when the next escalation is due, POSIX time [s]."""
        steps = self.declared.escalations
        times = (
            one.since + step.after_s
            for one in self.unseen.values()
            for key, step in steps.items()
            if key not in one.told and _fits(step, one.item)
        )
        return min(times, default=inf)


def _word(change: AlarmChange) -> When | None:
    """Return what happened, in the words of a policy; None for what nobody is told of."""
    if change.event is None:
        return None
    if change.event in _BACK:
        return "unshelved" if change.alarm.state is AlarmState.UNACKNOWLEDGED else None
    kept = change.alarm.state in _KEPT and change.event not in _OF_PEOPLE
    return None if kept else _WORDS.get(change.event)


def _item(alarm: Alarm, event: str, at: float) -> Item:
    return Item(
        alarm=alarm.name,
        event=event,
        at=at,
        state=alarm.state.value,
        what=alarm.what,
        priority=alarm.priority,
        sort=alarm.sort,
        consequence=alarm.consequence,
        response=alarm.response,
        raised=alarm.raised,
        routing=alarm.routing,
    )


def _fits(chosen: Way | Escalation, item: Item) -> bool:
    return (
        (not chosen.priorities or item.priority in chosen.priorities)
        and (not chosen.classes or item.sort in chosen.classes)
        and (not chosen.roles or not set(chosen.roles).isdisjoint(item.routing))
    )
