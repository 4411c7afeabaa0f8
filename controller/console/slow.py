"""Pages that take their time: why a loop moved, and the audit trail with its chain."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from math import isfinite
from typing import TypeVar
from urllib.parse import unquote

from markupsafe import escape
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from controller.console import explaining, picture
from controller.console.beside import Busy
from controller.console.charts import titled
from controller.console.hall import Hall
from controller.console.pages import View
from controller.console.picture import Picture
from controller.console.rendered import written
from controller.console.sessions import Session
from controller.explain import Course

_NEWEST = 500
_LONGEST = 120
_Found = TypeVar("_Found")


async def beside(hall: Hall, what: Callable[..., _Found], *given: object) -> _Found:
    """Return what the process beside works out, or refuse in a sentence that says whether to come again."""
    try:
        return await hall.beside.ask(what, *given)
    except Busy:
        raise HTTPException(503, "others are being answered; load this page again in a moment") from None
    except TimeoutError:
        raise HTTPException(503, "this took too long and was given up") from None
    except BrokenProcessPool:
        raise HTTPException(503, "the process that works this out has ended; load this page again") from None
    except (OSError, ValueError):
        raise HTTPException(503, "this could not be worked out") from None


async def explained(hall: Hall, request: Request, _session: Session) -> Response:
    """Answer with why a loop made its newest move, as a part of a page."""
    name = unquote(request.path_params["name"])
    if name not in hall.board.kit.loops:
        raise HTTPException(404, "there is no such loop")
    found = explaining.moment(hall.board, name)
    if found is None:
        return HTMLResponse("<p>There is nothing to be explained yet.</p>")
    why = await beside(hall, explaining.explained, hall.board.kit.policy, name, found)
    courses = [json.dumps(_drawn(course)) for course in why.courses]
    text = hall.pages.write("_explained.html.j2", why=why, summary=explaining.summary(why), courses=courses)
    return HTMLResponse(text)


def _drawn(course: Course) -> dict[str, object]:
    seconds = course.seconds.tolist()
    traces = [
        {"x": seconds, "y": [_plain(y) for y in values.tolist()], "name": name}
        for name, values in (("planned", course.planned), ("without the move", course.held))
    ]
    levels = [level for level in (course.target, *course.limits) if isfinite(level)]
    title = titled(course.name, course.unit)
    return {"traces": traces, "title": title, "x": "after the problem was posed [s]", "levels": levels}


def _plain(value: float) -> float | None:
    return float(f"{value:.6g}") if isfinite(value) else None


async def audit(hall: Hall, request: Request, session: Session) -> Response:
    """Answer with the newest entries of the audit trail."""
    exceptions, wrong = request.query_params.get("exceptions") == "1", ""
    trail = list[dict[str, object]]()
    if hall.board.record is None:
        wrong = "no record is kept in this run, and so no audit trail"
    else:
        try:
            trail = await run_in_threadpool(_trail, hall, exceptions)
        except (OSError, ValueError) as error:
            wrong = str(error)
    more = {"trail": trail, "wrong": wrong, "exceptions": exceptions, "shown": _shown}
    view = View("audit", "audit.html.j2", "Audit trail", Picture(picture.bar(hall.board)), (), more)
    return written(hall, request, session, view)


def _trail(hall: Hall, exceptions: bool) -> list[dict[str, object]]:  # noqa: FBT001  # as it was asked for
    from controller.records import review  # noqa: PLC0415  # heavy

    assert hall.board.record is not None  # noqa: S101  # looked at by who calls
    return [dict(one) for one in review.newest(hall.board.record, _NEWEST, exceptions=exceptions)]


def _shown(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


async def verified(hall: Hall, _request: Request, _session: Session) -> Response:
    """Answer with whether the record is whole, as a part of a page."""
    if hall.board.record is None:
        return HTMLResponse("<span>no record</span>")
    good, said = await beside(hall, explaining.verified, hall.board.record)
    state = "" if good else "bad"
    return HTMLResponse(f'<span class="v" data-s="{state}">chain: {escape(said)}</span>')
