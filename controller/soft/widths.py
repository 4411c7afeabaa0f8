"""How wide intervals are after samples have been left out in turn: by the normal law where they are few, else by rank.

The place of the 90th percentile among a dozen errors is a matter of luck: intervals made by rank cover nine results in
ten on average over lines, but two thirds on one and all on another. Errors of a core are near enough to normal for a
Student interval, and at nine in ten the shape of their distribution matters little. What is known of a core before any
sample counts as a few samples more.

References
----------
A. Gelman et al., "Bayesian Data Analysis", 3rd ed., 2013, sections 2.6 and 3.2 (predictive distribution with an
inverse-chi-squared prior of the variance), doi:10.1201/b16018.
V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2nd ed., 2022, section 2.2,
doi:10.1007/978-3-031-06649-8 (by rank).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plant_io.signals import Floats
from policies.regions import Region

KNOWN_BEFORE = 6
"""Samples that what is known of a core before any counts for [1]."""


@dataclass(frozen=True, slots=True)
class Widths:
    """How wide intervals are."""

    whole: float
    """Half width of those of the model, in multiples of what is stated with a prediction [1]."""
    core: float
    """The same of its core alone, in multiples of the typical error of the model [1]."""
    growth: float
    """Share of the variance of errors, at a usual value, that grows with the square of the value [1]."""
    regions: tuple[Region, ...] = ()
    """Those of the model by what it says; one for all if empty."""


def half_width(scores: Floats, coverage: float) -> float:
    """Return the half width that covers a new sample with a probability of `coverage` on average, in multiples [1].

    Where `coverage` falls between two scores, it is taken between them: a sample lies below the k-th of n scores with
    an average probability of ``k/(n + 1)``. Where it falls above the largest, that is widened in proportion.

    Parameters
    ----------
    scores
        How far samples left out were missed, shape ``(n,)`` [1].
    coverage
        Probability [1].

    Examples
    --------
    >>> half_width(np.array([4.0, 1.0, 2.0, 3.0]), 0.5)
    2.5
    """
    place, ordered = coverage * (len(scores) + 1), np.sort(scores)
    if place > len(scores):
        return float(ordered[-1]) * place / len(scores)
    return float(np.interp(place, np.arange(1, len(scores) + 1), ordered))


def student(scores: Floats, coverage: float, before: float | None = None) -> float:
    """Return the half width that covers a new normal error with a probability of `coverage`, in multiples [1].

    Parameters
    ----------
    scores
        How far samples left out were missed, shape ``(n,)`` [1].
    coverage
        Probability [1].
    before
        Standard deviation of errors that was reckoned with before any sample, in the same multiples [1]; None where
        nothing was known.

    Examples
    --------
    Of many errors it is the quantile of the normal law:

    >>> round(student(np.full(10_000, 1.0), 0.9), 3)
    1.645
    """
    from scipy.stats import t  # noqa: PLC0415  # slow to import

    n, more = len(scores), 0 if before is None else KNOWN_BEFORE
    variance = (more * (before or 0.0) ** 2 + float(np.sum(scores**2))) / (more + n)
    return float(t.ppf(0.5 + 0.5 * coverage, n + more - 1)) * float(np.sqrt((1.0 + 1.0 / n) * variance))
