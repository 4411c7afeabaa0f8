"""One page of HTML with plots and tables that needs nothing besides itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Protocol, cast

import numpy as np

from plant_io.signals import Floats

_STYLE = (
    "body{font-family:sans-serif;max-width:75em;margin:2em auto}table{border-collapse:collapse}"
    "td,th{border:1px solid #ccc;padding:.2em .6em;text-align:left}"
    "@page{size:A4;margin:12mm}@media print{.modebar{display:none!important}.js-plotly-plot,tr{break-inside:avoid}"
    "body{max-width:none;margin:0;font-size:80%}}"
)
Trace = Mapping[str, object]


class _ToHtml(Protocol):
    def __call__(
        self, figure: Mapping[str, object], *, full_html: bool, include_plotlyjs: bool, validate: bool
    ) -> str: ...


def page(title: str, parts: Iterable[str], style: str = "") -> str:
    """Return the page; `parts` are HTML already, `style` is CSS besides that of every page."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415  # heavy

    return words(title, parts, cast("Callable[[], str]", get_plotlyjs)(), style)


def words(title: str, parts: Iterable[str], script: str = "", style: str = "") -> str:
    """Return a page without plots; `parts` are HTML already."""
    said, styles = escape(title), f"<style>{_STYLE}{style}</style>"
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{said}</title>{styles}'
    return f"{head}<script>{script}</script></head><body><h1>{said}</h1>{''.join(parts)}</body></html>\n"


def drawn(traces: Sequence[Trace], x: str, y: str, more: Trace | None = None) -> str:
    """Return a plot with words beside its axes; `more` of its layout stands over what every plot has."""
    import plotly.io  # noqa: PLC0415  # heavy

    layout: dict[str, object] = {
        "height": 260,
        "margin": {"t": 20, "b": 45},
        "xaxis": {"title": {"text": x}},
        "yaxis": {"title": {"text": y}},
    } | dict(more or {})
    data = [{"type": "scatter"} | dict(trace) for trace in traces]
    to_html = cast("_ToHtml", plotly.io.to_html)
    return to_html({"data": data, "layout": layout}, full_html=False, include_plotlyjs=False, validate=False)


def plain(values: Floats) -> list[float | None]:
    """Return values as they are plotted; none where they are no numbers.

    Parameters
    ----------
    values
        The values, shape ``(n,)``, in any unit.
    """
    return list(_finite(values))


def _finite(values: Floats) -> Iterator[float | None]:
    for value in values.tolist():
        yield value if np.isfinite(value) else None


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of words."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def said(*sentences: str) -> str:
    """Return sentences, each a paragraph."""
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def plainly(text: str) -> str:
    """Return text as it stands in HTML."""
    return escape(text)
