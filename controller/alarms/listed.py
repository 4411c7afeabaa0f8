"""The list of alarms as it stands, out of the steps in the record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.alarms.lifecycle import AlarmState
from controller.alarms.state import Alarm, AlarmChange


def listed(before: Mapping[str, Alarm], changes: Iterable[AlarmChange]) -> Mapping[str, Alarm]:
    """Return every alarm that is not normal by name, after some steps.

    Parameters
    ----------
    before
        The list before them.
    changes
        The steps, in their order.
    """
    found = dict(before)
    for change in changes:
        found[change.alarm.name] = change.alarm
        if change.alarm.state is AlarmState.NORMAL:
            del found[change.alarm.name]
    return found
