"""Whether a soft sensor is good enough: limits of acceptance by the number of results, and equivalence to a method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from controller.cli import page
from controller.soft.equivalence import FEWEST, Equivalence, acceptance, compared
from controller.soft.hybrid_model import Acceptance
from plant_io.signals import Floats
from policies.sentences import counted

_STAGES = (4, 8, 12, 20, 40, 100)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """How a soft sensor did against what is declared of it."""

    wanted: Acceptance
    """What is declared."""
    unit: str
    """UCUM unit of the result."""
    n: int
    """Results compared [1]."""
    error: float
    """Error (rms), in the unit of the result."""
    limit: float
    """Largest error at which it is accepted with so many results, in the same unit; not a number where none is told."""
    equivalence: Equivalence | None
    """Equivalence to the reference method; None where no margin is told, or results are too few."""
    found: Floats
    """What was said, shape ``(n,)``, in the unit of the result."""
    results: Floats
    """The results, shape ``(n,)``, in the same unit."""

    @property
    def accepted(self) -> bool:
        """Return whether it stays below the limit, and is equivalent where a margin is told."""
        within = not np.isfinite(self.limit) or self.error <= self.limit
        return within and (self.wanted.margin is None or (self.equivalence is not None and self.equivalence.equivalent))


def judged(wanted: Acceptance, unit: str, found: Floats, results: Floats) -> Judged:
    """Return how a soft sensor did.

    Parameters
    ----------
    wanted
        What is declared of it.
    unit
        UCUM unit of the result.
    found
        What was said, shape ``(n,)``, in the unit of the result.
    results
        The results, shape ``(n,)``, in the same unit.

    Raises
    ------
    ValueError
        If the two cannot be compared.
    """
    n, error = len(results), float(np.sqrt(np.mean((found - results) ** 2)))
    limit = float("nan") if wanted.goal is None else acceptance(wanted.goal, n, wanted.confidence)
    margin = wanted.margin
    same = None if margin is None or n < FEWEST else compared(found, results, margin, 1.0 - wanted.confidence)
    return Judged(wanted, unit, n, error, limit, same, found, results)


def plain(one: Judged) -> dict[str, object]:
    """Return it as plain values."""
    goal = one.wanted.goal
    told: dict[str, object] = {"accepted": one.accepted, "goal": goal, "margin": one.wanted.margin, "n": one.n}
    if goal is not None:
        stages = {str(n): acceptance(goal, n, one.wanted.confidence) for n in _STAGES}
        told |= {"rmsep": one.error, "limit": one.limit, "limits": stages}
    return told | {"equivalence": None if one.equivalence is None else asdict(one.equivalence)}


def sentences(one: Judged) -> Iterator[str]:
    """Give in words how it did."""
    unit, wanted = one.unit, one.wanted
    if wanted.goal is not None:
        word, sign = ("accepted", "at most") if one.error <= one.limit else ("not accepted", "more than")
        later = acceptance(wanted.goal, 100, wanted.confidence)
        yield (
            f"{word}: error {one.error:.3g} {unit} (rms), {sign} {one.limit:.3g} {unit}, the limit with {one.n} "
            f"results for a goal of {wanted.goal:g} {unit}; with 100 it is {later:.3g} {unit}"
        )
    if wanted.margin is None:
        return
    if one.equivalence is None:
        yield f"equivalence is not shown: {counted(one.n, 'result')}, at least {FEWEST} are wanted"
        return
    found = one.equivalence
    word = "is shown" if found.equivalent else "is not shown"
    yield (
        f"equivalence {word}: the bias of {found.bias:+.3g} {unit} lies from {found.interval[0]:+.3g} to "
        f"{found.interval[1]:+.3g} {unit}, margin {found.margin:g} {unit} (two one-sided tests, p = {found.p:.2g})"
    )
    low, high, end = *found.agreement, found.agreement_se
    yield (
        f"95 % of differences lie from {low:+.3g} to {high:+.3g} {unit}, each end known to {end:.2g} {unit}; "
        f"they change by {found.slope:+.2g} {unit} with each {unit} of the result (p = {found.slope_p:.2g})"
    )


def drawn(one: Judged) -> str:
    """Return it as part of a page, with plots."""
    parts = ["<h2>Good enough?</h2>", page.said(*sentences(one))]
    if one.wanted.goal is not None:
        parts.append(_stages(one, one.wanted.goal))
    if one.equivalence is not None:
        parts.append(_altman(one, one.equivalence))
    return "".join(parts)


def _stages(one: Judged, goal: float) -> str:
    counts = np.arange(1, one.n + 1)
    running = np.sqrt(np.cumsum((one.found - one.results) ** 2) / counts)
    x = counts.tolist()
    limits = [acceptance(goal, n, one.wanted.confidence) for n in x]
    grey: dict[str, object] = {"color": "#999", "dash": "dot"}
    traces: list[dict[str, object]] = [
        {"x": x, "y": page.plain(running), "name": "error so far", "mode": "lines+markers"},
        {"x": x, "y": limits, "name": "limit", "line": {"color": "#d62728"}},
        {"x": [1, one.n], "y": [goal, goal], "name": "goal", "line": grey},
    ]
    return page.drawn(traces, "results [1]", f"error (rms) [{one.unit}]")


def _altman(one: Judged, found: Equivalence) -> str:
    size, away = (one.found + one.results) / 2.0, one.found - one.results
    ends = [float(size.min()), float(size.max())]
    lines: list[tuple[str, float, str]] = [
        ("bias", found.bias, "#1f77b4"),
        ("95 % of differences", found.agreement[0], "#d62728"),
        ("95 % of differences", found.agreement[1], "#d62728"),
        ("margin", -found.margin, "#999"),
        ("margin", found.margin, "#999"),
    ]
    drawn_lines = [_line(ends, one_line, shown=i not in {2, 4}) for i, one_line in enumerate(lines)]
    points: dict[str, object] = {"x": page.plain(size), "y": page.plain(away), "name": "sample", "mode": "markers"}
    return page.said("Difference against mean of both (Bland and Altman).") + page.drawn(
        [points, *drawn_lines], f"mean of said and result [{one.unit}]", f"said less result [{one.unit}]"
    )


def _line(ends: list[float], what: tuple[str, float, str], *, shown: bool) -> dict[str, object]:
    name, y, colour = what
    line: dict[str, object] = {"x": ends, "y": [y, y], "name": name, "mode": "lines", "showlegend": shown}
    return line | {"line": {"color": colour, "dash": "dot"}}
