"""The page of alarms at the sheets that are asked for, and the list and its history as CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from controller.alarms.lifecycle import KEPT, TOLD
from controller.alarms.state import Alarm, AlarmChange
from controller.console import words
from controller.console.hall import Hall
from controller.console.rendered import shown
from controller.console.sessions import Session
from controller.console.sheets import LISTS
from controller.console.slow import beside

_LISTED = ("name", "priority", "state", "since_utc", "unit", "what", "consequence", "response", "class")
_ACTED = ("until_utc", "who", "why")
_STEP = ("utc", "event", "before", "after", "priority", "name", "what", "who", "why")


async def page(hall: Hall, request: Request, session: Session) -> Response:
    """Answer with the page of alarms, at the sheets that were asked for."""
    asked = [request.query_params.get(name, "1") for name in LISTS]
    return shown(hall, request, session, "alarms" if set(asked) == {"1"} else f"alarms:{'.'.join(asked)}")


async def listed(hall: Hall, _request: Request, _session: Session) -> Response:
    """Answer with every alarm that is on the list or kept from people, as CSV."""
    board = hall.board
    rows = [_row(one, board.unit_of(one.name)) for one in board.alarms(TOLD | KEPT)]
    return _given(_table((*_LISTED, *_ACTED), rows), "alarms.csv")


def _row(one: Alarm, unit: str) -> Sequence[str]:
    until = "" if one.until is None else words.stamp(one.until)
    what = (one.name, one.priority, one.state.value, words.stamp(one.since), unit, one.what, one.consequence)
    return (*what, one.response, one.sort, until, one.who, one.why)


async def history(hall: Hall, _request: Request, _session: Session) -> Response:
    """Answer with every step of an alarm as CSV: of the whole run from its record, or those the console has seen."""
    board = hall.board
    if board.record is None:
        return _given(stepped(reversed(board.changes)), "alarm_history.csv")
    return _given(await beside(hall, recorded, board.record), "alarm_history.csv")


def recorded(record: Path) -> str:
    """Return every step of an alarm in a record as CSV; for the process beside."""
    from controller.records.alarmed import steps  # noqa: PLC0415  # in the other process
    from controller.records.cycles import Walk  # noqa: PLC0415  # the same

    return stepped(steps(Walk(record)))


def stepped(changes: Iterable[AlarmChange]) -> str:
    """Return steps of alarms as CSV, oldest first."""
    return _table(_STEP, (_step(one) for one in changes))


def _step(one: AlarmChange) -> Sequence[str]:
    event, alarm = "carried on" if one.event is None else one.event.value, one.alarm
    what = (words.stamp(one.at), event, one.before.value, alarm.state.value, alarm.priority)
    return (*what, alarm.name, alarm.what, alarm.who, alarm.why)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    from controller.records.review import safe  # noqa: PLC0415  # heavy

    found = io.StringIO()
    writer = csv.writer(found)
    writer.writerow(columns)
    writer.writerows([safe(cell) for cell in row] for row in rows)
    return found.getvalue()


def _given(text: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)
