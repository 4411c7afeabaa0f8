"""The alarms of one cycle, and what people are sent of them."""

from __future__ import annotations

from dataclasses import dataclass

from controller.alarms.look import Given, look
from controller.alarms.state import AlarmChange, AlarmMemory
from controller.cycle import Event
from controller.kit import Kit
from controller.notices.router import route
from controller.notices.state import Notice, NoticeMemory
from controller.state import State
from plant_io.values import quick


@quick
@dataclass(frozen=True, slots=True)
class Attended:
    """What one cycle makes of the alarms and of telling people."""

    alarms: AlarmMemory
    """Memory of the alarms."""
    memory: NoticeMemory
    """Memory of what was sent."""
    changes: tuple[AlarmChange, ...]
    """Steps of alarms through their life cycle, in their order."""
    notices: tuple[Notice, ...]
    """What is to be sent."""
    events: tuple[Event, ...]
    """What to keep of what people did."""


def attend(given: Given, state: State, kit: Kit) -> Attended:
    """Return what one cycle makes of the alarms and of telling people.

    Parameters
    ----------
    given
        What the alarms are given.
    state
        What the last cycle left.
    kit
        What is permitted and wanted.
    """
    found, declared = look(given, state.alarms, kit.alarms), kit.policy.notices
    memory, notices = state.notices, tuple[Notice, ...]()
    if declared is not None:
        memory, notices = route(found.changes, given.seen.at, memory, declared, kit.policy.line)
    return Attended(found.memory, memory, found.changes, notices, found.events)
