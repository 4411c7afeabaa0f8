"""Steps of alarms as people read them while the line runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from controller.alarms.lifecycle import UNSEEN, AlarmEvent
from controller.alarms.listed import listed
from controller.alarms.state import Alarm, AlarmChange
from controller.cycle import Cycle

_OWN = frozenset({"limit", "quality", "link", "notice"})
_BY_ITSELF = frozenset({AlarmEvent.EXPIRED, AlarmEvent.SUPPRESSED, AlarmEvent.UNSUPPRESSED})
_BEGINS = frozenset({AlarmEvent.RAISED, AlarmEvent.WORSENED})


def sentences(cycle: Cycle) -> Iterator[str]:
    """Give what became of alarms in one line each, where no alert, incident or order says it already."""
    for change in cycle.decision.alarms:
        own = change.alarm.source in _OWN and change.event in {*_BEGINS, AlarmEvent.CLEARED, AlarmEvent.LATCHED}
        if change.event is None or own or change.event in _BY_ITSELF:
            yield _sentence(change)


def _sentence(change: AlarmChange) -> str:
    alarm = change.alarm
    if change.event is None:
        return f"alarm {alarm.name} is {alarm.state.value}, as the run before left it"
    source = f"{alarm.priority}, {' and '.join(alarm.routing)}"
    if change.event in _BEGINS:
        return f"ALARM {alarm.name} [{source}] {alarm.what}; {alarm.response}"
    return f"alarm {alarm.name} [{source}] {change.event.value}, {alarm.state.value} now"


def unseen() -> Callable[[Cycle], str]:
    """Return a function that is given every cycle and says in a few words how many alarms nobody acknowledged."""
    alarms: Mapping[str, Alarm] = {}

    def seen(cycle: Cycle) -> str:
        nonlocal alarms
        if cycle.decision.alarms:
            alarms = listed(alarms, cycle.decision.alarms)
        waiting = sum(alarm.state in UNSEEN for alarm in alarms.values())
        return f"  alarms not acknowledged: {waiting}" if waiting else ""

    return seen
