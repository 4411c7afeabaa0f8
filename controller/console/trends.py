"""What is suspected, as a page shows it: charts of watches, windows of libraries, cases with their evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan, sqrt

import numpy as np

from anomaly import Sign
from anomaly.cases import Case, CaseState, Window
from controller.cases.opening import window
from controller.console.board import SCORE, Board, chart_score
from controller.console.charts import Chart, Trace
from controller.console.words import about

Plain = dict[str, object]
_NEWEST = 5
_LIKE = 0.6
_MOST = 6
_FAR = 3.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A watch as it is now."""

    name: str
    """Its name."""
    kind: str
    """Its kind."""
    score: float
    """Its score now [1]; not a number where it shows none between its words."""
    limit: float
    """Limit of the score [1]; not a number where it has none of that kind."""
    active: bool
    """Whether its condition stands."""
    said: str
    """What it said last."""
    at: float
    """When, POSIX time [s]; not a number where it said nothing."""


def watched(board: Board) -> list[Watched]:
    """Return every watch of the policy."""
    scores = _scores(board)
    found = list[Watched]()
    for name, declared in board.kit.policy.watches.items():
        last = next((alert for alert in board.alerts if alert.watch == name), None)
        score, limit = scores.get(name, (nan, nan))
        if last is not None and not isfinite(score):
            score, limit = last.score, last.limit
        active = last is not None and last.active
        said, at = ("", nan) if last is None else (last.what, last.at)
        found.append(Watched(name, declared.kind, score, limit, active, said, at))
    return found


def _scores(board: Board) -> dict[str, tuple[float, float]]:
    """Return score and limit of each chart of an average [1]."""
    if board.now is None:
        return {}
    pairs = zip(board.kit.watches.charts, board.now.state.charts, strict=True)
    return {kit.name: (chart_score(kit, state), kit.declared.limit) for kit, state in pairs}


def windows(board: Board) -> dict[str, Window]:
    """Return the window each library looks at now."""
    if board.now is None:
        return {}
    pairs = zip(board.kit.watches.trends, board.now.state.trends, strict=True)
    return {kit.name: window(kit, state) for kit, state in pairs if state.points}


def figure(seen: Window, title: str) -> Plain:
    """Return how far each channel of a window is from normal over time, as a figure that stands still.

    Those that went farthest come first; those that stayed within three standard deviations stand back behind them.
    """
    points, normal, sd = np.array(seen.points), np.array(seen.normal), np.array(seen.sd)
    if len(points) == 0 or len(normal) == 0:
        return {"traces": [], "title": title, "x": "", "levels": []}
    minutes = (np.arange(len(points)) - len(points) + 1) * seen.every_s / 60.0
    scaled = (points - normal) / sd
    farthest = np.where(np.isfinite(scaled), np.abs(scaled), 0.0).max(axis=0)
    order: list[int] = np.argsort(-farthest, kind="stable").tolist()
    traces = [
        {
            "x": minutes.tolist(),
            "y": [_plain(z) for z in scaled[:, i].tolist()],
            "name": seen.tags[i],
            "faint": bool(farthest[i] < _FAR),
        }
        for i in order
    ]
    return {"traces": traces, "title": title, "x": "before the newest point [min]", "levels": [-_FAR, _FAR]}


def _plain(value: float) -> float | None:
    return float(f"{value:.4g}") if isfinite(value) else None


def contributions(seen: Window) -> list[tuple[str, float]]:
    """Return how far the newest points of each channel are from normal [1], the farthest first."""
    if not seen.points or not seen.normal:
        return []
    newest = np.array(seen.points[-_NEWEST:])
    with np.errstate(invalid="ignore"):
        kept = [newest[:, i][np.isfinite(newest[:, i])] for i in range(len(seen.tags))]
    pairs = zip(seen.tags, kept, seen.normal, seen.sd, strict=True)
    rows = [(tag, float((values.mean() - mean) / sd)) for tag, values, mean, sd in pairs if len(values)]
    return sorted((row for row in rows if isfinite(row[1])), key=lambda row: -abs(row[1]))


def drawn(board: Board) -> tuple[Chart, ...]:
    """Return the chart of the scores of all charts, as shares of their limits."""
    traces = tuple(Trace(SCORE + one.name, one.name) for one in board.kit.watches.charts)
    more = {"high": 1.0, "legend": True}
    return (Chart("scores", "scores of charts, 1 is the limit", traces, more),) if traces else ()


def named(board: Board, watch: str) -> list[tuple[str, float]]:
    """Return the entries a library found likeliest when it spoke last, with their probabilities [1]."""
    last = next((alert for alert in board.alerts if alert.watch == watch), None)
    if last is None:
        return []
    ends = " probability [1]"
    rows = [(name.removesuffix(ends), value) for name, value in last.evidence.items() if name.endswith(ends)]
    return sorted(rows, key=lambda row: -row[1])[:_MOST]


def cases(board: Board) -> tuple[Case, ...]:
    """Return the cases of the run, newest first."""
    state = CaseState() if board.now is None else board.now.state.cases
    return tuple(reversed(state.cases))


def case(board: Board, name: str) -> Case:
    """Return one case.

    Raises
    ------
    LookupError
        If there is none of that name.
    """
    found = next((one for one in cases(board) if one.id == name), None)
    if found is None:
        raise LookupError(name)
    return found


def similar(board: Board, one: Case) -> list[tuple[Case, float]]:
    """Return other cases whose signs are like those of one, with the likeness, the likest first."""
    rows = [(other, likeness(one.evidence.signs, other.evidence.signs)) for other in cases(board) if other.id != one.id]
    return sorted((row for row in rows if row[1] >= _LIKE), key=lambda row: -row[1])[:_MOST]


def likeness(one: Sequence[Sign], other: Sequence[Sign]) -> float:
    """Return the cosine between two sets of signs, 1 where they agree in full [1].

    Examples
    --------
    >>> likeness([Sign("A", 3.0)], [Sign("A", 6.0)]), likeness([Sign("A", 3.0)], [Sign("B", 3.0)])
    (1.0, 0.0)
    """
    left, right = ({sign.tag: sign.z for sign in signs if isfinite(sign.z)} for signs in (one, other))
    length = sqrt(_product(left, left) * _product(right, right))
    return _product(left, right) / length if length > 0.0 else 0.0


def _product(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum(value * other.get(tag, 0.0) for tag, value in one.items())


def facts(numbers: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return `numbers`, each in the unit its name ends in, with their names, in words."""
    return [(name, about(value)) for name, value in numbers.items()]
