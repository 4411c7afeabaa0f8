"""Plots of runs as HTML: variables over line time, and how often cycles took how long."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, cast

import numpy as np

from hil.outcome import EDGES_S, Counts
from hil.panels import Mark, Panel

_COLOURS: Mapping[str, str] = {"fault": "#c00", "alert": "#a50", "phase": "#36a"}


def script() -> str:
    """Return the program that draws the plots, to stand once on a page."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415  # heavy

    return cast("Callable[[], str]", get_plotlyjs)()


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
    height = 1.0 / len(panels)
    layout: dict[str, object] = {
        "height": 190 * len(panels) + 100,
        "showlegend": False,
        "margin": {"t": 70},
        "xaxis": {"title": {"text": "line time [min]"}, "anchor": f"y{len(panels)}"},
        "shapes": [*_levels(panels), *_bars(marks)],
        "annotations": list(_words(marks)),
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


def _words(marks: Sequence[Mark]) -> Iterator[dict[str, object]]:
    for mark in marks:
        yield {
            "x": mark.begin,
            "y": 1.0,
            "xref": "x",
            "yref": "paper",
            "text": mark.text,
            "showarrow": False,
            "textangle": -30,
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


class _ToHtml(Protocol):
    def __call__(
        self, figure: Mapping[str, object], *, full_html: bool, include_plotlyjs: bool, validate: bool
    ) -> str: ...


def _drawn(traces: Sequence[Mapping[str, object]], layout: Mapping[str, object]) -> str:
    import plotly.io  # noqa: PLC0415  # heavy

    to_html = cast("_ToHtml", plotly.io.to_html)
    return to_html({"data": traces, "layout": layout}, full_html=False, include_plotlyjs=False, validate=False)
