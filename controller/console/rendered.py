"""Pages written out for whoever asks: the menu, the buttons they may press, and the cookie of their session."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import quote, unquote

import plotly
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from controller.console.hall import Answer, Hall
from controller.console.pages import View
from controller.console.sessions import Session
from controller.cycle import Mode, SetMode
from controller.rights import needed
from policies.people import Right

PLOTLY = Path(str(plotly.__file__)).with_name("package_data") / "plotly.min.js"
"""The program that draws charts, as the installed package carries it."""
_GUARD = re.compile(rb'getElementById\("([0-9a-f]{64})"\)')


def page(topic: str) -> Answer:
    """Return what answers with a page."""

    async def answer(hall: Hall, request: Request, session: Session) -> Response:
        name = unquote(request.path_params.get("name", ""))
        return shown(hall, request, session, f"{topic}:{name}" if name else topic)

    return answer


def shown(hall: Hall, request: Request, session: Session, topic: str) -> Response:
    """Return a page.

    Raises
    ------
    HTTPException
        If there is none.
    """
    try:
        view = hall.pages.view(hall.board, topic)
    except LookupError:
        raise HTTPException(404, "there is no such page") from None
    return written(hall, request, session, view)


def written(hall: Hall, request: Request, session: Session, view: View) -> Response:
    """Return a page from what it shows."""
    text = hall.pages.write(
        view.template,
        board=hall.board,
        hall=hall,
        session=session,
        secured=hall.people is not None,
        theme=theme(request),
        title=view.title,
        topic=view.topic,
        boot=hall.boot,
        path=request.url.path,
        menu=menu(hall),
        said=session.told(),
        rights=RIGHTS,
        cells=view.shown.cells,
        parts=view.shown.parts,
        charts=view.charts,
        spared=spared() if view.charts or view.plots else "",
        **view.more,
    )
    answer = HTMLResponse(text)
    give_cookie(hall, request, answer, session)
    return answer


RIGHTS = {mode.value: needed(SetMode("", mode)) for mode in Mode} | {
    "adjust": Right.ADJUST,
    "lead": Right.LEAD,
    "direct": Right.DIRECT,
    "follow": Right.FOLLOW,
    "judge": Right.JUDGE,
}
"""Right each button of a page wants, by name."""


def menu(hall: Hall) -> list[tuple[str, str]]:
    """Return the pages of the menu."""
    loops = [(f"/loops/{quote(name)}", f"Loop {name}") for name in hall.board.kit.loops]
    first = [("/", "Line"), *loops, ("/alarms", "Alarms"), ("/trends", "Out of trend"), ("/soft", "Soft sensors")]
    return [*first, ("/material", "Material"), ("/audit", "Audit"), ("/health", "Health"), ("/tags", "Tags")]


def give_cookie(hall: Hall, request: Request, answer: Response, session: Session) -> None:
    """Let a browser keep the name of its session."""
    if request.cookies.get(hall.cookie) != session.id:
        answer.set_cookie(hall.cookie, session.id, path="/", httponly=True, samesite="strict", secure=hall.doors.secure)


@cache
def spared() -> str:
    """Return the name of the element at which plotly.js looks before it writes styles for maps into a page."""
    found = _GUARD.search(PLOTLY.read_bytes())
    return "" if found is None else found[1].decode()


def theme(request: Request) -> str:
    """Return whether a browser wants it light or dark; empty where it does not say."""
    found = request.cookies.get("steadyline_theme", "")
    return found if found in {"light", "dark"} else ""
