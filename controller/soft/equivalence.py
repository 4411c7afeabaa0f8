"""Whether a soft sensor does as well as the method it stands in for: equivalence, agreement, limits for few results.

References
----------
D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power approach for assessing the
equivalence of average bioavailability", J. Pharmacokinet. Biopharm. 15(6), 1987, doi:10.1007/BF01068419.
J. M. Bland, D. G. Altman, "Statistical methods for assessing agreement between two methods of clinical measurement",
Lancet 327, 1986, doi:10.1016/S0140-6736(86)90837-8.
J. W. Moore, H. H. Flanner, "Mathematical comparison of dissolution profiles", Pharm. Technol. 20(6), 1996; EMA,
"Guideline on the investigation of bioequivalence", CPMP/EWP/QWP/1401/98 Rev. 1, 2010, appendix I (conditions of f2).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log10, sqrt
from typing import Literal

import numpy as np

from plant_io.signals import Floats

FEWEST = 6
"""Fewest pairs that are compared [1]."""

SIMILAR = 50.0
"""Least f2 of similar profiles [1]."""

RELEASED = 85.0
"""Release beyond which at most one point counts [%]."""

_FEWEST_POINTS = 3
_AGREEMENT = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Soft sensor against reference method on the same samples."""

    n: int
    """Pairs compared [1]."""
    bias: float
    """Mean of soft sensor less reference, in the unit of the result."""
    sd: float
    """Standard deviation of the differences, in the unit of the result."""
    interval: tuple[float, float]
    """Confidence interval of the bias that two one-sided tests at `risk` use, in the unit of the result."""
    margin: float
    """Largest bias that does not matter, in the unit of the result."""
    p: float
    """Larger p-value of the two tests [1]."""
    equivalent: bool
    """Whether the bias is shown to lie within the margin."""
    agreement: tuple[float, float]
    """Limits between which 95 % of the differences lie, in the unit of the result."""
    agreement_se: float
    """Standard error of each limit, in the unit of the result."""
    slope: float
    """Change of the difference with the size of the result [1]."""
    slope_p: float
    """Probability of such a slope where there is none [1]."""


def compared(found: Floats, reference: Floats, margin: float, risk: float = 0.05) -> Equivalence:
    """Return how a soft sensor compares with a reference method: TOST, and agreement by Bland and Altman.

    Parameters
    ----------
    found
        Values of the soft sensor at the samples, shape ``(n,)``, in the unit of the result.
    reference
        Results of the reference method, shape ``(n,)``, in the same unit.
    margin
        Largest bias that does not matter, in the same unit.
    risk
        Risk of calling equivalent what is not [1].

    Raises
    ------
    ValueError
        If there are too few pairs, one is not finite, or nothing differs from anything.
    """
    from scipy import stats  # noqa: PLC0415  # takes a second; only reports need it

    _fit(found, reference, margin)
    n, away = len(found), found - reference
    bias, sd = float(away.mean()), float(away.std(ddof=1))
    if sd == 0.0:
        raise ValueError("every difference is the same: the values were not measured twice")
    error = sd / sqrt(n)
    p = max(float(stats.t.sf((bias + margin) / error, n - 1)), float(stats.t.cdf((bias - margin) / error, n - 1)))
    reach = float(stats.t.ppf(1.0 - risk, n - 1)) * error
    size = (found + reference) / 2.0
    line = stats.linregress(size, away) if float(np.ptp(size)) > 0.0 else None
    return Equivalence(
        n=n,
        bias=bias,
        sd=sd,
        interval=(bias - reach, bias + reach),
        margin=margin,
        p=p,
        equivalent=p <= risk,
        agreement=(bias - _AGREEMENT * sd, bias + _AGREEMENT * sd),
        agreement_se=sd * sqrt(1.0 / n + _AGREEMENT**2 / (2.0 * (n - 1))),
        slope=float("nan") if line is None else float(line.slope),
        slope_p=float("nan") if line is None else float(line.pvalue),
    )


def acceptance(goal: float, n: int, confidence: float = 0.95) -> float:
    """Return the largest error (rms) over `n` results at which a sensor is still accepted, in the unit of `goal`.

    Few results scatter widely, so that the limit is wide at first and tightens towards the goal: for independent normal
    errors with the rms `goal` it is exceeded with a probability of one less `confidence` (chi-squared with `n` degrees
    of freedom).

    Parameters
    ----------
    goal
        Error (rms) the sensor is to have in the long run, in the unit of the result.
    n
        Results compared [1].
    confidence
        Probability with which a sensor that has it is accepted [1].

    Raises
    ------
    ValueError
        If there is no result.

    Examples
    --------
    >>> [round(acceptance(0.25, n), 3) for n in (4, 12, 40, 400)]
    [0.385, 0.331, 0.295, 0.264]
    """
    from scipy import stats  # noqa: PLC0415  # the same

    if n < 1:
        raise ValueError("found no result, expected at least one to accept a sensor by")
    return goal * sqrt(float(stats.chi2.ppf(confidence, n)) / n)


def similarity(profile: Floats, reference: Floats) -> float:
    """Return the similarity factor f2 of two dissolution profiles [1]: 100 where they are the same.

    ``f2 = 50 log10(100 / sqrt(1 + mean((profile - reference)^2)))`` over the points up to the first at which
    either has released more than `RELEASED`.

    Parameters
    ----------
    profile
        Released at each time, shape ``(n,)`` [%].
    reference
        Released by the reference at the same times, shape ``(n,)`` [%].

    Raises
    ------
    ValueError
        If fewer than three points count, or a value is no share.

    Examples
    --------
    >>> round(similarity(np.array([20.0, 45.0, 70.0, 88.0]), np.array([25.0, 50.0, 75.0, 90.0])), 1)
    67.1
    """
    _profiles(profile, reference)
    counted = min(int(np.sum(np.maximum(profile, reference) <= RELEASED)) + 1, len(reference))
    if counted < _FEWEST_POINTS:
        raise ValueError(f"found {counted} points up to {RELEASED:g} % released, expected at least {_FEWEST_POINTS}")
    away = profile[:counted] - reference[:counted]
    return 50.0 * log10(100.0 / sqrt(1.0 + float(np.mean(away * away))))


def verdict(low: Floats, high: Floats, reference: Floats) -> Literal["similar", "not similar", "undecided"]:
    """Return whether a predicted profile is similar to the reference wherever it lies within its interval.

    Parameters
    ----------
    low, high
        Bounds of what is released at each time, shape ``(n,)`` [%].
    reference
        Released by the reference at the same times, shape ``(n,)`` [%].

    Raises
    ------
    ValueError
        As for `similarity`, or if a lower bound lies above the upper.
    """
    if (low > high).any():
        raise ValueError("a lower bound lies above the upper one")
    farthest = np.where(np.abs(low - reference) > np.abs(high - reference), low, high)
    nearest = np.clip(reference, low, high)
    if similarity(farthest, reference) >= SIMILAR:
        return "similar"
    return "not similar" if similarity(nearest, reference) < SIMILAR else "undecided"


def _fit(found: Floats, reference: Floats, margin: float) -> None:
    if found.shape != reference.shape:
        raise ValueError(f"found {len(found)} values and {len(reference)} reference results, expected pairs")
    if len(found) < FEWEST:
        raise ValueError(f"found {len(found)} pairs, expected at least {FEWEST}")
    gaps = np.flatnonzero(~(np.isfinite(found) & np.isfinite(reference)))
    if len(gaps):
        raise ValueError(f"pair {gaps[0] + 1} has a value that is not a number")
    if not margin > 0.0:
        raise ValueError(f"found a margin of {margin:g}, expected one above zero")


def _profiles(profile: Floats, reference: Floats) -> None:
    if profile.shape != reference.shape:
        raise ValueError(f"found {len(profile)} points and {len(reference)} of the reference, expected the same times")
    for values, name in ((profile, "profile"), (reference, "reference")):
        if not np.isfinite(values).all() or float(values.min()) < 0.0 or float(values.max()) > 130.0:  # noqa: PLR2004  # a label claim and then some
            raise ValueError(f"the {name} has values that are no share released, expected 0 to 130 %")
