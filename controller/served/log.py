"""A log for machines: one JSON object on a line for everything that happened (structlog)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import structlog

from controller.cycle import Cycle, Mode, Phase
from controller.loop import Sink
from plant_io.clocks import WallClock


class Log:
    """Writes what happened in each cycle; a view of the loop. What is written is no record: that is in the journal.

    Parameters
    ----------
    to
        Where the lines go; each is flushed.
    line
        Name of the line, on each of them.
    """

    def __init__(self, to: TextIO, line: str) -> None:
        said = structlog.wrap_logger(structlog.PrintLogger(to), processors=[structlog.processors.JSONRenderer()])
        self._say = said.bind(line=line)
        self._modes: Mapping[str, tuple[Mode, Phase]] = {}

    def __call__(self, cycle: Cycle) -> None:
        """Write what happened in one cycle."""
        stamp = datetime.fromtimestamp(cycle.snapshot.at, UTC).isoformat(timespec="milliseconds")
        for what, more in (*self._changed(cycle), *_happened(cycle)):
            self._say.info(what, at=stamp, cycle=cycle.number, **more)
        self._modes = cycle.decision.modes

    def _changed(self, cycle: Cycle) -> Iterable[tuple[str, Mapping[str, object]]]:
        for loop, (mode, phase) in cycle.decision.modes.items():
            if self._modes.get(loop) != (mode, phase):
                yield "mode", {"loop": loop, "mode": mode.value, "phase": phase.value}


def _happened(cycle: Cycle) -> Iterable[tuple[str, Mapping[str, object]]]:
    decision = cycle.decision
    for order in cycle.obeyed:
        yield "order", {"who": order.who, "why": order.why, "act": type(order.act).__name__, "asked": str(order.act)}
    for event in decision.events:
        yield "event", {"who": event.who, "what": event.what}
    for alert in decision.alerts:
        told = {"watch": alert.watch, "active": alert.active, "priority": alert.priority, "route": alert.route}
        yield "alert", told | {"score": alert.score, "limit": alert.limit, "what": alert.what}
    for one in decision.incidents:
        yield "incident", {"id": one.id, "change": one.change.value, "priority": one.priority, "what": one.what}
    for change in decision.alarms:
        alarm, step = change.alarm, None if change.event is None else change.event.value
        told = {"alarm": alarm.name, "step": step, "state": alarm.state.value, "priority": alarm.priority}
        yield "alarm", told | {"what": alarm.what}
    for receipt in cycle.receipts:
        if receipt.why:
            yield "write", {"tag": receipt.setpoint.tag, "outcome": receipt.outcome.value, "why": receipt.why}


def note(file: Path | None, line: str, what: str, trace: str) -> None:
    """Append what went wrong beside the loop; a log that cannot be written is no reason to stop.

    Parameters
    ----------
    file
        Where it is appended; None for nowhere.
    line
        Name of the line.
    what
        What it went wrong with, such as ``console``.
    trace
        Its traceback.
    """
    if file is None:
        return
    stamp = datetime.fromtimestamp(WallClock().now(), UTC).isoformat(timespec="milliseconds")
    with suppress(OSError), file.open("a", encoding="utf-8") as to:
        said = structlog.wrap_logger(structlog.PrintLogger(to), processors=[structlog.processors.JSONRenderer()])
        said.bind(line=line).info("trouble", at=stamp, of=what, trace=trace)


@contextmanager
def logged(file: Path | None, line: str) -> Generator[tuple[Sink, ...]]:
    """Give the view that appends to a file; none where there is no file.

    Parameters
    ----------
    file
        Where it is appended; None for nowhere.
    line
        Name of the line, on each of its lines.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    if file is None:
        yield ()
        return
    with file.open("a", encoding="utf-8", buffering=1) as to:
        yield (Log(to, line),)
