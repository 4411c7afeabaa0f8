"""Plots of runs as HTML: variables over line time, and how often cycles took how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

import numpy as np

from hil.outcome import EDGES_S, Counts, Panel


def script() -> str:
    """Return the program that draws the plots, to stand once on a page."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415  # heavy

    return cast("Callable[[], str]", get_plotlyjs)()


def over_time(panels: Sequence[Panel]) -> str:
    """Return one panel above the other over line time."""
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
        "height": 190 * len(panels) + 60,
        "showlegend": False,
        "margin": {"t": 30},
        "xaxis": {"title": {"text": "line time [min]"}, "anchor": f"y{len(panels)}"},
    }
    for i, panel in enumerate(panels):
        top = 1.0 - i * height
        layout[f"yaxis{i + 1}"] = {"domain": [top - 0.8 * height, top], "title": {"text": panel.title}}
    return _drawn(traces, layout)


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
