"""Verdicts by intervals: conforming and not conforming only where that is certain, undecided anywhere else.

The acceptance value of a sample (USP <905>, Ph. Eur. 2.9.40) is ``|M - mean| + k s``. What is inferred of the units is
off in a way that lasts, so that its standard deviation moves the mean of all of them to either side; how units differ
from each other is not seen and is added to what is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import nan, sqrt

from policies.release import Criterion, DosageUnits
from policies.sentences import counted

_LOW, _HIGH = 98.5, 101.5
_LEAST = 10


class Verdict(StrEnum):
    """What is said of a container or a batch."""

    CONFORMING = "conforming"
    NOT_CONFORMING = "not conforming"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Uniformity:
    """Uniformity of dosage units in one sample."""

    n: int
    """Units in the sample [1]."""
    mean: float
    """Their mean [% of the claim]."""
    sd: float
    """Their standard deviation, units among each other included [% of the claim]."""
    doubt: float
    """By how much the mean may be off to either side [% of the claim]."""
    k: float
    """Acceptability constant [1]."""
    value: tuple[float, float]
    """Least and greatest acceptance value there may be [1]."""
    beyond: tuple[int, int]
    """Least and greatest number of units beyond what a single one may be [1]."""
    allowed: int
    """How many may be [1]."""
    verdict: Verdict
    """What is said of it."""
    why: str
    """One sentence."""


def uniformity(contents: Sequence[tuple[float, float]], declared: DosageUnits, far: float) -> Uniformity:
    """Return the uniformity of dosage units of a sample.

    Parameters
    ----------
    contents
        Content of each unit of the sample and its standard deviation, in % of the claim.
    declared
        What it is held against.
    far
        Standard deviations of what is inferred by which a verdict is certain [1].
    """
    n = len(contents)
    if n < _LEAST:
        few = f"{counted(n, 'unit')}, wanted {_LEAST} at least"
        return Uniformity(n, nan, nan, nan, nan, (nan, nan), (0, 0), 0, Verdict.UNDECIDED, few)
    values = [value for value, _ in contents]
    mean = sum(values) / n
    seen = sum((value - mean) ** 2 for value in values) / (n - 1)
    sd, doubt = sqrt(seen + declared.unit_sd**2), far * sqrt(sum(sd * sd for _, sd in contents) / n)
    row, k = criterion(n, declared.criteria)
    offs = [_off(mean + move, declared.target) for move in (-doubt, doubt)]
    nearest = 0.0 if _inside(mean, doubt, declared.target) else min(offs)
    value = (nearest + k * sd, max(offs) + k * sd)
    beyond = _beyond(contents, mean, declared, far)
    verdict, why = _judged(value, beyond, row.c2, declared.l1)
    return Uniformity(n, mean, sd, doubt, k, value, beyond, row.c2, verdict, why)


def criterion(n: int, rows: Sequence[Criterion]) -> tuple[Criterion, float]:
    """Return the row that holds for a sample, and the acceptability constant.

    Constants rise with the sample from 30 units on, and so does the number of units that may be far off; where rows
    are missing between two, the constant of the next one and the number of the one before are never laxer.

    Parameters
    ----------
    n
        Units in the sample [1].
    rows
        The rows, sizes rising.

    Examples
    --------
    >>> rows = (Criterion(n=10, k=2.4), Criterion(n=30, k=2.0), Criterion(n=385, k=2.23, c2=3))
    >>> [(row.c2, k) for row, k in (criterion(n, rows) for n in (10, 30, 200, 400))]
    [(0, 2.4), (0, 2.0), (0, 2.23), (3, 2.23)]
    """
    at = max((i for i, row in enumerate(rows) if row.n <= n), default=0)
    row = rows[at]
    after = rows[at + 1] if at + 1 < len(rows) and n > row.n else row
    return row, max(row.k, after.k)


def _reference(mean: float, target: float) -> float:
    """Return the reference value M (USP <905>, table 2) [% of the claim]."""
    return min(max(mean, _LOW), max(target, _HIGH))


def _off(mean: float, target: float) -> float:
    return abs(_reference(mean, target) - mean)


def _inside(mean: float, doubt: float, target: float) -> bool:
    """Return whether the mean may be where nothing is taken off."""
    return mean + doubt >= _LOW and mean - doubt <= max(target, _HIGH)


def _beyond(contents: Sequence[tuple[float, float]], mean: float, declared: DosageUnits, far: float) -> tuple[int, int]:
    m = _reference(mean, declared.target)
    low, high = m * (1.0 - declared.l2 / 100.0), m * (1.0 + declared.l2 / 100.0)
    least = sum(value + far * sd < low or value - far * sd > high for value, sd in contents)
    most = sum(not low <= value - far * sd <= value + far * sd <= high for value, sd in contents)
    return least, most


def _judged(value: tuple[float, float], beyond: tuple[int, int], allowed: int, l1: float) -> tuple[Verdict, str]:
    said = f"acceptance value {value[0]:.1f} to {value[1]:.1f}, at most {l1:g}"
    single = f"{beyond[1]} units may be beyond what a single one may, {allowed} allowed"
    if value[0] > l1 or beyond[0] > allowed:
        return Verdict.NOT_CONFORMING, said if value[0] > l1 else single
    if value[1] > l1 or beyond[1] > allowed:
        return Verdict.UNDECIDED, said if value[1] > l1 else single
    return Verdict.CONFORMING, said
