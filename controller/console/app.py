"""The routes of the console; each says who may use it, and whatever is not listed is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from controller.console import api, charts, listing, past, slow
from controller.console.guards import Guards
from controller.console.hall import Answer, Hall, Wanting
from controller.console.hub import Full
from controller.console.rendered import PLOTLY, give_cookie, page, theme
from controller.console.sessions import Session
from controller.people import Denied

_STATIC = Path(__file__).with_name("static")
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_DAY = "private, max-age=86400"


@dataclass(frozen=True, slots=True)
class Way:
    """One route."""

    method: str
    """GET or POST."""
    path: str
    """Its path."""
    answer: Answer
    """Answers it."""
    uses: bool = True
    """Whether it keeps the session from ending."""


async def _events(hall: Hall, request: Request, session: Session) -> Response:
    topic = request.query_params.get("topic", "line")
    try:
        hall.pages.view(hall.board, topic)
    except LookupError:
        raise HTTPException(404, "there is no such page") from None

    def live() -> bool:
        return hall.people is None or hall.sessions.find(session.id, uses=False) is not None

    async def stream() -> AsyncIterator[bytes]:
        yield f"event: boot\ndata: {hall.boot}\n\n".encode()
        try:
            async for message in hall.hub.stream(topic, live):
                yield message
        except Full:
            return
        if not hall.hub.closing:
            yield b"event: over\ndata: 1\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


async def _charts(hall: Hall, request: Request, _session: Session) -> Response:
    topic = request.query_params.get("topic", "")
    since = number(request, "since", float("-inf"))
    try:
        view = hall.pages.view(hall.board, topic)
    except LookupError:
        raise HTTPException(404, "there is no such page") from None
    return JSONResponse(charts.told(hall.board, view.charts, since))


def number(request: Request, name: str, default: float) -> float:
    """Return a number of a query.

    Parameters
    ----------
    request
        What is asked.
    name
        Name of the number.
    default
        What it is where it is absent, in the unit of the number.

    Raises
    ------
    HTTPException
        If it is none.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise HTTPException(400, f"{name}: wanted a number")
    return value


async def _acted(hall: Hall, request: Request, session: Session) -> Response:
    form = await request.form(max_files=0, max_fields=40)
    sent = {key: value for key, value in form.items() if isinstance(value, str)}
    if not session.brings(sent.get("csrf", "")):
        raise HTTPException(403, "this form is not of this browser, or too old; load the page again")
    try:
        await hall.order(session, sent)
        session.say("ordered; what becomes of it stands below, once the cycle has taken it")
    except (ValueError, Denied) as error:
        session.say(str(error))
    back = sent.get("back", "/")
    return RedirectResponse(back if back.startswith("/") and not back.startswith("//") else "/", 303)


async def _ordered(hall: Hall, request: Request, session: Session) -> Response:
    if not session.brings(request.headers.get("x-csrf-token", "")):
        raise HTTPException(403, "found no token of this browser in X-CSRF-Token")
    try:
        sent = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise HTTPException(400, "wanted one JSON object") from None
    if not isinstance(sent, dict):
        raise HTTPException(400, "wanted one JSON object")
    try:
        await hall.order(session, cast("Mapping[str, object]", sent))
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    except Denied as error:
        raise HTTPException(403, str(error)) from None
    return JSONResponse({"ordered": True}, 202)


async def _logged_out(hall: Hall, request: Request, session: Session) -> Response:
    form = await request.form(max_files=0, max_fields=5)
    if not session.brings(str(form.get("csrf", ""))):
        raise HTTPException(403, "this form is not of this browser")
    hall.sessions.close(session.id)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(hall.cookie)
    return answer


WAYS: tuple[Way, ...] = (
    Way("GET", "/", page("line")),
    Way("GET", "/units/{name}", page("unit")),
    Way("GET", "/loops/{name}", page("loop")),
    Way("GET", "/alarms", listing.page),
    Way("GET", "/alarms/list.csv", listing.listed),
    Way("GET", "/alarms/history.csv", listing.history),
    Way("GET", "/health", page("health")),
    Way("GET", "/soft", page("soft")),
    Way("GET", "/material", page("material")),
    Way("GET", "/trends", page("trends")),
    Way("GET", "/cases/{name}", page("case")),
    Way("GET", "/loops/{name}/explain", page("explain")),
    Way("GET", "/loops/{name}/explained", slow.explained),
    Way("GET", "/audit", slow.audit),
    Way("GET", "/audit/verified", slow.verified),
    Way("GET", "/tags", page("tags")),
    Way("GET", "/tags/{name}", past.page),
    Way("GET", "/tags/{name}/past", past.past),
    Way("GET", "/events", _events, uses=False),
    Way("GET", "/api/charts", _charts, uses=False),
    Way("GET", "/api/line", api.line, uses=False),
    Way("GET", "/api/tags", api.tags, uses=False),
    Way("GET", "/api/tags/{name}", api.tag, uses=False),
    Way("GET", "/api/alarms", api.alarms, uses=False),
    Way("GET", "/api/openapi.json", api.described, uses=False),
    Way("POST", "/acts", _acted),
    Way("POST", "/api/orders", _ordered),
    Way("POST", "/logout", _logged_out),
)
"""Every route that wants to know who asks; the others are the log-in and the files of the pages."""


def _known(hall: Hall, way: Way) -> Route:
    async def answer(request: Request) -> Response:
        try:
            session = hall.session(request, uses=way.uses)
        except Wanting as wanting:
            if way.method == "GET" and "text/html" in request.headers.get("accept", ""):
                return RedirectResponse("/login", 303)
            raise HTTPException(401, str(wanting)) from None
        return await way.answer(hall, request, session)

    return Route(way.path, answer, methods=[way.method])


def _files() -> list[Route]:
    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        path = _STATIC / name
        if path.parent != _STATIC or path.suffix not in _KINDS or not path.is_file():
            raise HTTPException(404, "there is no such file")
        return FileResponse(path, media_type=_KINDS[path.suffix], headers={"cache-control": "no-cache"})

    async def drawing(_request: Request) -> Response:
        return FileResponse(PLOTLY, media_type="text/javascript", headers={"cache-control": _DAY})

    return [Route("/static/plotly.min.js", drawing), Route("/static/{name}", file)]


def _doorway(hall: Hall) -> list[Route]:
    async def ask(request: Request) -> Response:
        found = hall.sessions.find(request.cookies.get(hall.cookie, ""))
        before = hall.sessions.open(None) if found is None or found.user is not None else found
        text = hall.pages.write("login.html.j2", session=before, theme=theme(request), said=(), line=hall.board)
        answer = HTMLResponse(text)
        give_cookie(hall, request, answer, before)
        return answer

    async def enter(request: Request) -> Response:
        form = await request.form(max_files=0, max_fields=5)
        before = hall.sessions.find(request.cookies.get(hall.cookie, ""))
        if before is None or not before.brings(str(form.get("csrf", ""))):
            raise HTTPException(403, "this form is not of this browser, or too old; load the page again")
        try:
            session = await hall.logged_in(str(form.get("name", "")), str(form.get("password", "")))
        except Denied as error:
            text = hall.pages.write(
                "login.html.j2", session=before, theme=theme(request), said=(str(error),), line=hall.board
            )
            return HTMLResponse(text, 403)
        hall.sessions.close(before.id)
        answer = RedirectResponse("/", 303)
        give_cookie(hall, request, answer, session)
        return answer

    return [Route("/login", ask), Route("/login", enter, methods=["POST"])]


async def _refused(request: Request, error: Exception) -> Response:
    """Answer what went wrong in one sentence, and nothing of how the console is made."""
    status, said = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "this went wrong")
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": said}, status)
    return PlainTextResponse(said + "\n", status)


def app(hall: Hall) -> Guards:
    """Return the console as an application."""

    @asynccontextmanager
    async def around(_app: Starlette) -> AsyncGenerator[None]:
        hall.hub.open()
        try:
            yield
        finally:
            hall.hub.close()

    routes = [*_files(), *_doorway(hall), *(_known(hall, way) for way in WAYS)]
    inner = Starlette(routes=routes, lifespan=around, exception_handlers={HTTPException: _refused, 500: _refused})
    local = {"127.0.0.1", "localhost", "[::1]", "testserver"}
    open_to = {"0.0.0.0", "::"}  # noqa: S104  # every address of this machine
    hosts = local if hall.doors.local else None if hall.doors.host in open_to else {hall.doors.host}
    return Guards(inner, hosts, secure=hall.doors.secure)
