"""Plots of runs as HTML: variables over line time, and how often cycles took how long."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from gzip import compress
from html import escape
from typing import cast

import numpy as np

from hil.outcome import EDGES_S, Counts
from hil.panels import Mark, Panel

_ROW, _LETTER, _WIDTH = (
    13,
    6.0,
    900.0,
)  # words over the panels: row, letter, panel, px
_COLOURS: Mapping[str, str] = {"fault": "#c00", "alert": "#a50", "incident": "#a0a", "phase": "#36a"}


@cache
def script() -> str:
    """Return the program that draws the plots, packed (gzip, base64), to stand once on a page; the page unpacks it."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415  # heavy

    program = cast("Callable[[], str]", get_plotlyjs)()
    return b64encode(compress(program.encode(), 9, mtime=0)).decode()


def over_time(panels: Sequence[Panel], marks: Sequence[Mark] = ()) -> str:
    """Return one panel above the other over line time, with targets, limits and what happened meanwhile."""
    traces = [
        {
            "type": "scatter",
            "x": panel.minutes.tolist(),
            "y": panel.values.tolist(),
            "xaxis": "x",
            "yaxis": f"y{i}",
            "name": panel.title,
        }
        for i, panel in enumerate(panels, start=1)
    ]
    said = _said(marks)
    rows = _rows(said, float(max(panel.minutes[-1] for panel in panels)))
    height = 1.0 / len(panels)
    layout: dict[str, object] = {
        "height": 190 * len(panels) + 100,
        "showlegend": False,
        "margin": {"t": 20 + _ROW * (1 + max(rows, default=0))},
        "xaxis": {"title": {"text": "line time [min]"}, "anchor": f"y{len(panels)}"},
        "shapes": [*_levels(panels), *_bars(marks)],
        "annotations": [_word(mark, row) for mark, row in zip(said, rows, strict=True)],
    }
    for i, panel in enumerate(panels):
        top = 1.0 - i * height
        layout[f"yaxis{i + 1}"] = {"domain": [top - 0.8 * height, top], "title": {"text": panel.title}}
    return _drawn(traces, layout)


def _levels(panels: Sequence[Panel]) -> Iterator[dict[str, object]]:
    """Yield a line for each target, and a dashed one for each limit, where it is near enough to be seen."""
    for i, panel in enumerate(panels, start=1):
        low, high = float(np.min(panel.values)), float(np.max(panel.values))
        reach = max(high - low, 1e-9)
        for value, look in ((panel.target, "solid"), *((limit, "dash") for limit in panel.limits)):
            if value is not None and low - 2.0 * reach <= value <= high + 2.0 * reach:
                place = {"xref": "x domain", "yref": f"y{i}", "x0": 0, "x1": 1, "y0": value, "y1": value}
                colour = "#2a7" if look == "solid" else "#b50"
                yield {"type": "line", **place, "line": {"color": colour, "width": 1, "dash": look}}


def _bars(marks: Sequence[Mark]) -> Iterator[dict[str, object]]:
    """Yield a band for each fault, and a line for each alert and each phase."""
    for mark in marks:
        ends = {"x0": mark.begin, "x1": mark.begin if mark.end is None else mark.end, "y0": 0, "y1": 1}
        place = {"xref": "x", "yref": "paper", **ends, "layer": "below"}
        if mark.end is not None:
            yield {"type": "rect", **place, "fillcolor": _COLOURS[mark.kind], "opacity": 0.12, "line": {"width": 0}}
        else:
            yield {"type": "line", **place, "line": {"color": _COLOURS[mark.kind], "width": 1, "dash": "dot"}}


def _said(marks: Sequence[Mark]) -> list[Mark]:
    """Return marks for their words, in the order of time; those of one kind and one moment are one."""
    found: dict[tuple[str, float], Mark] = {}
    for mark in sorted(marks, key=lambda mark: mark.begin):
        key = (mark.kind, mark.begin)
        before = found.get(key)
        found[key] = mark if before is None else replace(before, text=f"{before.text}, {mark.text}")
    return list(found.values())


def _rows(marks: Sequence[Mark], minutes: float) -> list[int]:
    """Return a row for the words of each mark, so that none stand on others.

    Parameters
    ----------
    marks
        The marks, in the order of time.
    minutes
        Length of the run [min].
    """
    free: list[float] = []
    rows: list[int] = []
    for mark in marks:
        width = (len(mark.text) * _LETTER + _LETTER) * minutes / _WIDTH
        row = next((i for i, at in enumerate(free) if at <= mark.begin), len(free))
        free[row : row + 1] = [mark.begin + width]
        rows.append(row)
    return rows


def _word(mark: Mark, row: int) -> dict[str, object]:
    return {
        "x": mark.begin,
        "y": 1.0,
        "yshift": _ROW * row,
        "xref": "x",
        "yref": "paper",
        "text": escape(mark.text),
        "showarrow": False,
        "xanchor": "left",
        "yanchor": "bottom",
        "font": {"size": 10, "color": _COLOURS[mark.kind]},
    }


def histogram(title: str, counts: Sequence[Counts]) -> str:
    """Return how often wall times fell into each class, all runs together; empty where none was taken."""
    taken = [each for each in counts if each]
    if not taken:
        return ""
    total = np.sum(taken, axis=0)
    middle_ms = 1e3 * np.sqrt(EDGES_S[1:] * EDGES_S[:-1])
    steps = {
        "type": "scatter",
        "x": middle_ms.tolist(),
        "y": total.tolist(),
        "fill": "tozeroy",
        "line": {"shape": "hvh"},
    }
    seen = np.flatnonzero(total)
    span = [float(np.log10(1e3 * EDGES_S[end])) for end in (seen[0], seen[-1] + 1)]
    layout: dict[str, object] = {
        "height": 260,
        "margin": {"t": 30},
        "xaxis": {"type": "log", "range": span, "title": {"text": title}},
        "yaxis": {"title": {"text": "cycles"}},
    }
    return _drawn([steps], layout)


def _drawn(traces: Sequence[Mapping[str, object]], layout: Mapping[str, object]) -> str:
    """Return a place on the page, with what is to be drawn there."""
    figure = json.dumps({"data": traces, "layout": layout}, default=str).replace("NaN", "null").replace("</", "<\\/")
    return f'<div class="plot"><script type="application/json">{figure}</script></div>'
