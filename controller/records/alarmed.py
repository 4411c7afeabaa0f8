"""The alarms a record leaves, so that the run after it goes on with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from controller.alarms.listed import listed
from controller.alarms.state import Alarm, AlarmChange
from controller.cycle import CarryAlarms, Order
from controller.desk import Timed
from controller.records import codec
from controller.records.cycles import Walk


def steps(walk: Walk) -> Iterator[AlarmChange]:
    """Give every step of an alarm in a record, the oldest first."""
    for data in walk.cycles():
        yield from (codec.alarm_change(one) for one in data["decision"].get("alarms", ()))


def left(directory: Path) -> Mapping[str, Alarm]:
    """Return every alarm that was not normal at the end of a record, by name.

    Parameters
    ----------
    directory
        Record directory.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read.
    """
    return listed({}, steps(Walk(directory)))


def carried(directory: Path) -> tuple[Timed, ...]:
    """Return the order with which a run goes on with the alarms of a record; none where it leaves none.

    Parameters
    ----------
    directory
        Record directory.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read.
    """
    alarms = tuple(left(directory).values())
    return (Timed(0.0, Order("system", f"as {directory.name} left them", CarryAlarms(alarms))),) if alarms else ()
