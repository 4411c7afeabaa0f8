"""A tag over hours and days, out of the record; the page stands at once, what takes its time is worked out beside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, isfinite
from pathlib import Path
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from controller.console import words
from controller.console.charts import titled
from controller.console.hall import Hall
from controller.console.rendered import written
from controller.console.sessions import Session
from controller.console.slow import beside

SPANS: Mapping[str, float] = {"1h": 3_600.0, "8h": 28_800.0, "1d": 86_400.0, "7d": 604_800.0, "all": inf}
"""How far back may be looked, by its word [s]."""
POINTS = 600
"""Most equal times into which a span is cut [1]."""
_CYCLES = 4


@dataclass(frozen=True, slots=True)
class Past:
    """What a tag was."""

    begins: list[float]
    """When each of the equal times begins, POSIX times [s]."""
    low: list[float]
    """Least value that is not bad, in the unit of the tag; not a number where there is none."""
    mean: list[float]
    """Mean of them, in the unit of the tag."""
    high: list[float]
    """Greatest of them, in the unit of the tag."""
    good: float
    """Share of good values among the cycles [1]."""
    cycles: int
    """How many cycles there are [1]."""


def remembered(record: Path, tag: str, span_s: float, period_s: float) -> Past | None:
    """Return what a record holds of a tag; None where that is nothing yet. For the process beside.

    Parameters
    ----------
    record
        Record directory.
    tag
        Name of the tag.
    span_s
        How far back from the newest cycle [s].
    period_s
        Time from one cycle to the next [s]; the span is cut so that several of them fall into each part.

    Raises
    ------
    ValueError
        If the record does not hold the tag, or cannot be read.
    """
    import numpy as np  # noqa: PLC0415  # in the other process

    from controller.records.history import History  # noqa: PLC0415  # the same

    with History(record) as history:
        first, last = history.span()
        begin = max(first, last - span_s)
        if not begin < last:
            return None
        count = min(POINTS, max(1, int((last - begin) / (_CYCLES * period_s))))
        found = history.buckets(tag, begin, last, count)
    cycles = float(found.cycles.sum())
    good = float(np.nansum(found.good * found.cycles)) / cycles if cycles else 0.0
    begins, low, mean, high = (each.tolist() for each in (found.begins, found.low, found.mean, found.high))
    return Past(begins, low, mean, high, good, int(cycles))


async def page(hall: Hall, request: Request, session: Session) -> Response:
    """Answer with the page of a tag."""
    try:
        view = hall.pages.view(hall.board, f"tag:{unquote(request.path_params['name'])}")
    except LookupError:
        raise HTTPException(404, "there is no such page") from None
    more = {**view.more, "spans": list(SPANS), "span": _span(request)}
    return written(hall, request, session, replace(view, more=more))


def _span(request: Request) -> str:
    found = request.query_params.get("span", "1h")
    if found not in SPANS:
        raise HTTPException(400, f"span: wanted one of {', '.join(SPANS)}")
    return found


async def past(hall: Hall, request: Request, _session: Session) -> Response:
    """Answer with what a tag was over a time, as a part of a page."""
    name, span = unquote(request.path_params["name"]), _span(request)
    if name not in hall.board.ring.tags:
        raise HTTPException(404, "there is no such tag")
    if hall.board.record is None:
        return HTMLResponse('<p class="calm">No record is kept in this run; the newest hour is all there is.</p>')
    given = hall.board.record, name, SPANS[span], hall.board.kit.policy.period_s
    found = await beside(hall, remembered, *given)
    if found is None:
        return HTMLResponse('<p class="calm">The record holds nothing of it yet.</p>')
    drawn = json.dumps(figure(found, titled(name, hall.board.units[name])))
    return HTMLResponse(hall.pages.write("_past_of_tag.html.j2", figure=drawn, past=found))


def figure(found: Past, title: str) -> dict[str, object]:
    """Return what a tag was as a figure that stands still: the mean, with the least and the greatest behind it."""
    at = [words.stamp(each) for each in found.begins]
    traces = [
        {"x": at, "y": [_plain(y) for y in values], "name": name, "faint": name != "mean"}
        for name, values in (("mean", found.mean), ("least", found.low), ("greatest", found.high))
    ]
    return {"traces": traces, "title": title, "x": "UTC", "levels": [], "calm": "least and greatest"}


def _plain(value: float) -> float | None:
    return float(f"{value:.7g}") if isfinite(value) else None
