"""The page of `report alarms`: figures beside what is wanted of them, plots, and the list as it was left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from controller.alarms.figures import FLOOD, WANTED, WINDOW_S, Figures
from controller.alarms.state import Alarm
from controller.cli import page
from controller.cli.alarms_said import JUDGED, Judged, judged
from policies.sentences import counted

_GREY, _RED, _LINE = "#7f8c99", "#b03a2e", "#b03a2e"
_STYLE = (
    "<style>.tiles{display:flex;flex-wrap:wrap;gap:.8em;margin:1em 0}.tile{border:1px solid #ccc;border-left:.4em solid"
    " #7f8c99;padding:.5em .9em;min-width:9em;flex:1}.tile.bad{border-left-color:#b03a2e}.tile b{display:block;"
    "font-size:1.5em}.tile small{color:#555}h2{margin-top:1.6em}table{margin:.6em 0}</style>"
)
_TILED = ("average", "most alarms", "floods", "chatter", "stale", "priorities")
_HOUR_S = 3600.0
_ROOM: dict[str, object] = {"margin": {"t": 40, "b": 45}}
"""Leaves room for the buttons of a plot."""


def parts(found: Figures, line: str) -> Iterator[str]:
    """Give the parts of the page that are about alarms, as HTML."""
    rows = list(judged(found))
    yield _STYLE
    yield page.said(
        f"{counted(found.count, 'alarm')} of line {line} in {found.span_s / _HOUR_S:.3g} h, from the record alone."
    )
    tiles = "".join(_tile(row) for row in rows if any(word in row.figure for word in _TILED))
    yield f'<div class="tiles">{tiles}</div>'
    yield "<h2>Alarms in ten minutes</h2>"
    yield _load(found)
    yield "<h2>The most frequent alarms</h2>"
    yield _frequent(found)
    yield "<h2>Priorities</h2>"
    yield _priorities(found)
    yield "<h2>Floods, chattering and stale alarms</h2>"
    yield _worst(found)
    yield "<h2>Alarms that were not normal at the end</h2>"
    yield _left(found.standing)
    yield "<h2>All figures</h2>"
    yield page.table(JUDGED, rows)


def _tile(row: Judged) -> str:
    bad = " bad" if row.verdict == "NOT KEPT" else ""
    words = page.plainly(f"{row.figure}; wanted {row.wanted}: {row.verdict.lower()}")
    return f'<div class="tile{bad}"><b>{page.plainly(row.found.partition(" (")[0])}</b><small>{words}</small></div>'


def _load(found: Figures) -> str:
    times = [_iso(begin + WINDOW_S / 2.0) for begin, _ in found.windows]
    counts = [count for _, count in found.windows]
    ends = [_iso(found.windows[0][0]), _iso(found.windows[-1][0] + WINDOW_S)] if found.windows else []
    bars = {
        "type": "bar",
        "x": times,
        "y": counts,
        "width": 0.9 * WINDOW_S * 1000.0,
        "name": "alarms",
        "marker": {"color": [_RED if count > FLOOD else _GREY for count in counts]},
    }
    limit = {
        "x": ends,
        "y": [FLOOD, FLOOD],
        "mode": "lines",
        "name": "more is a flood",
        "line": {"color": _LINE, "dash": "dash", "width": 1.5},
    }
    top: dict[str, object] = {
        "yaxis": {"title": {"text": "alarms in ten minutes [1]"}, "range": [0, max([FLOOD, *counts]) * 1.15]}
    }
    return page.drawn([bars, limit], "time [UTC]", "", _ROOM | top | {"legend": {"orientation": "h", "y": 1.2}})


def _frequent(found: Figures) -> str:
    if not found.count:
        return page.said("There was no alarm.")
    top = list(found.top())
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": [name for name, _, _ in reversed(top)],
        "x": [count for _, count, _ in reversed(top)],
        "text": [f"{100.0 * share:.0f} %" for _, _, share in reversed(top)],
        "textposition": "auto",
        "marker": {"color": _GREY},
    }
    left = {"margin": {"t": 40, "b": 45}, "height": 110 + 28 * len(top), "yaxis": {"automargin": True}}
    return page.drawn([bars], "alarms [1]", "", left)


def _priorities(found: Figures) -> str:
    names, shares = list(WANTED), found.shares()
    seen = {
        "type": "bar",
        "name": "found",
        "x": names,
        "y": [100.0 * shares.get(name, 0.0) for name in names],
        "text": [str(found.priorities[name]) for name in names],
        "marker": {"color": _GREY},
    }
    wanted = {
        "type": "bar",
        "name": "wanted",
        "x": names,
        "y": [100.0 * WANTED[name] for name in names],
        "marker": {"color": "rgba(0,0,0,0)", "line": {"color": "#333", "width": 1.5}},
    }
    return page.drawn([seen, wanted], "priority", "share of the alarms [%]", _ROOM | {"barmode": "group"})


def _worst(found: Figures) -> str:
    floods = [
        (_clock(one.begin), f"{(one.end - one.begin) / 60.0:.0f}", str(one.count), str(one.peak))
        for one in found.floods
    ]
    said = [
        page.table(("flood from [UTC]", "lasted [min]", "alarms [1]", "most in ten minutes [1]"), floods)
        if floods
        else page.said("There was no flood."),
        page.table(("chatters", "most in a minute [1]"), [(n, str(c)) for n, c in found.chattering.items()])
        if found.chattering
        else page.said("Nothing chattered."),
        page.table(("stale", "stood [h]"), [(n, f"{s / _HOUR_S:.1f}") for n, s in found.stale.items()])
        if found.stale
        else page.said("Nothing was stale."),
    ]
    return "".join(said)


def _left(standing: Mapping[str, Alarm]) -> str:
    if not standing:
        return page.said("All were normal.")
    head = ("alarm", "state", "priority", "since [UTC]", "what", "to do", "by whom and why")
    rows = (
        (one.name, one.state.value, one.priority, _clock(one.since), one.what, one.response, _by(one))
        for one in standing.values()
    )
    return page.table(head, rows)


def _by(alarm: Alarm) -> str:
    return f"{alarm.who}: {alarm.why}" if alarm.who else ""


def _iso(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
