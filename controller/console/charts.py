"""Charts of a page: which tags over time, and the targets, limits, predictions and marks beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from controller.console.board import Board
from controller.console.faces import Face, Variable
from controller.console.words import unit
from controller.kit import Scale
from plant_io.signals import Floats
from policies.units import convert

Plain = dict[str, object]
_MARKS = 40


@dataclass(frozen=True, slots=True)
class Trace:
    """One line of a chart."""

    tag: str
    """Tag whose values it shows."""
    name: str
    """What it is called."""
    look: str = "line"
    """How it is drawn: line, step, faint or band."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart, but for the values."""

    key: str
    """Its name on the page."""
    title: str
    """What stands beside its axis."""
    traces: tuple[Trace, ...]
    """Its lines."""
    more: Mapping[str, object] = field(default_factory=dict[str, object])
    """Targets, limits, prediction and marks, as plain values."""

    def plain(self) -> Plain:
        """Return what the page is told of it once."""
        traces = [{"tag": one.tag, "name": one.name, "look": one.look} for one in self.traces]
        return {"key": self.key, "title": self.title, "traces": traces} | dict(self.more)


def titled(name: str, code: str) -> str:
    """Return a name with its unit."""
    shown = unit(code)
    return f"{name} [{shown}]" if shown else name


def of_loop(board: Board, face: Face) -> list[Chart]:
    """Return a chart of each variable of a loop, in the unit of its tag."""
    return [_of_variable(board, face, one) for one in face.variables]


def _of_variable(board: Board, face: Face, one: Variable) -> Chart:
    code = board.units[one.tag]
    kit = board.kit.loops[face.name]
    written = kit.declared.moved[one.name].tag if one.moved else ""
    traces = [Trace(one.tag, one.name, "step" if one.moved else "line")]
    levels = {
        "target": _level(one.target, one.unit, code),
        "low": _level(one.low, one.unit, code),
        "high": _level(one.high, one.unit, code),
    }
    moves = [[moved.at, _short(moved.value)] for moved in board.moves if moved.tag == written][-_MARKS:]
    more = levels | {"ahead": _ahead(board, face, one, code), "moves": moves, "events": _events(board, face.name)}
    return Chart(f"{face.name}.{one.name}", titled(f"{one.name}: {one.tag}", code), tuple(traces), more)


def _events(board: Board, loop: str) -> list[list[object]]:
    found = [event for event in board.events if event.what.startswith(f"{loop}:")][:12]
    return [[event.at, event.what.partition(": ")[2][:60]] for event in reversed(found)]


def _ahead(board: Board, face: Face, one: Variable, code: str) -> Plain | None:
    """Return what the newest plan expects of a variable, in the unit `code` of its tag."""
    solved = None if board.now is None else board.now.state.loops[face.name].plan
    if solved is None or not len(solved.outputs):
        return None
    kit = board.kit.loops[face.name]
    names = list(kit.model.inputs if one.moved else kit.model.controlled)
    units = kit.model.inputs if one.moved else kit.model.controlled
    rows: Floats = (solved.moves if one.moved else solved.outputs)[:, names.index(one.name)]
    shown = Scale.between(units[one.name], one.unit)
    values = [_short(convert(shown.to_model(value), one.unit, code)) for value in rows.tolist()]
    return {"at": [solved.at + k * kit.declared.sample_s for k in range(len(values))], "y": values}


def _level(value: float, old: str, new: str) -> float | None:
    return _short(convert(value, old, new)) if isfinite(value) else None


def _short(value: float) -> float | None:
    return float(f"{value:.6g}") if isfinite(value) else None


def told(board: Board, charts: Sequence[Chart], begin: float) -> Plain:
    """Return charts with their values after an instant.

    Parameters
    ----------
    board
        What is known of the run.
    charts
        The charts.
    begin
        The instant, POSIX time [s].
    """
    tags = tags_of(charts)
    times, values = board.ring.since(tags, begin)
    rows: Plain = {"at": times.tolist(), **dict(zip(tags, values, strict=True))}
    return {"charts": [chart.plain() for chart in charts], "rows": rows}


def tags_of(charts: Sequence[Chart]) -> tuple[str, ...]:
    """Return the tags charts show, each once."""
    return tuple(dict.fromkeys(trace.tag for chart in charts for trace in chart.traces))


def extras(charts: Sequence[Chart]) -> dict[str, object]:
    """Return what changes on charts besides values, by name of the chart."""
    return {chart.key: dict(chart.more) for chart in charts}
