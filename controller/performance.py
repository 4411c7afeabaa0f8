"""Figures that tell how well a loop does, from series of its record."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from controller.models.identify_tf import correlation, whiteness
from plant_io.signals import Floats

REGULAR = 1.0
"""Regularity above which a series is said to oscillate [1]."""
_CROSSINGS = 11
_FEWEST = 20


@dataclass(frozen=True, slots=True)
class Oscillation:
    """How regularly a series swings."""

    regularity: float
    """A third of mean over standard deviation of the times between zero crossings of its autocorrelation [1]; not a
    number where there are too few."""
    period_s: float
    """Twice their mean [s]; not a number where there are too few."""
    kept: float
    """Autocorrelation one period later [1]; not a number where there are too few."""

    @property
    def regular(self) -> bool:
        """Whether the series is said to oscillate."""
        return self.regularity > REGULAR and self.kept > 0.0


def oscillation(values: Floats, step_s: float) -> Oscillation:
    """Return how regularly a series swings.

    N. F. Thornhill, B. Huang and H. Zhang, "Detection of multiple oscillations in control loops", J. Process Control
    13(1), 2003, doi:10.1016/S0959-1524(02)00007-0: of the autocorrelation, in which noise has little part, the times
    between the first eleven zero crossings are compared; a regularity above 1 is three standard deviations.

    Parameters
    ----------
    values
        The series, shape ``(n,)``, in any unit; what is not finite counts as the mean.
    step_s
        Time between two values [s].

    Examples
    --------
    >>> found = oscillation(np.sin(2.0 * np.pi * np.arange(600) / 40.0), 10.0)
    >>> found.regular, round(found.period_s)
    (True, 400)
    """
    none = Oscillation(nan, nan, nan)
    there = np.isfinite(values)
    if there.sum() < _FEWEST or np.ptp(values[there]) == 0.0:
        return none
    whole = np.where(there, values, values[there].mean())
    correlated = correlation(whole, np.arange(1, len(whole) // 2))
    crossings = _crossings(correlated)[:_CROSSINGS]
    between = np.diff(crossings)
    if len(between) < _CROSSINGS // 2:
        return none
    period = 2.0 * float(between.mean())
    spread = float(between.std(ddof=1))
    regularity = float(between.mean()) / (3.0 * spread) if spread > 0.0 else np.inf
    at = round(period) - 1
    return Oscillation(regularity, period * step_s, float(correlated[at]) if at < len(correlated) else nan)


def _crossings(values: Floats) -> Floats:
    """Return where a series crosses zero, by straight lines between its values, shape ``(m,)`` [1]."""
    at = np.flatnonzero(values[:-1] * values[1:] < 0.0)
    return at + values[at] / (values[at] - values[at + 1])


@dataclass(frozen=True, slots=True)
class Mismatch:
    """How a model fails to foretell a measurement by one step."""

    count: int
    """Readings [1]."""
    bias: float
    """Mean of measured less foretold, in the unit of the model."""
    sd: float
    """Standard deviation of the same, in the unit of the model."""
    ratio: float
    """Mean square of the same over the variance the estimator itself expects [1]; 1 where its doubt is right."""
    correlated: float
    """Correlation of one innovation with the next [1]; 0 for a model that leaves nothing."""
    white: float
    """Probability that white innovations are as correlated as these [1]."""


def mismatch(innovations: Floats, sd: Floats) -> Mismatch:
    """Return how a model fails to foretell a measurement.

    G. M. Ljung and G. E. P. Box, Biometrika 65(2), 1978, doi:10.1093/biomet/65.2.297; R. K. Mehra, IEEE Trans. Autom.
    Control 15(2), 1970, doi:10.1109/TAC.1970.1099422, for innovations as a test of a filter.

    Parameters
    ----------
    innovations
        Measured less foretold by one step, shape ``(n,)``, in the unit of the model; not a number where nothing came.
    sd
        What the estimator itself expects of it, shape ``(n,)``, in the unit of the model.
    """
    there = np.isfinite(innovations) & np.isfinite(sd) & (sd > 0.0)
    found, expected = innovations[there], sd[there]
    if len(found) < _FEWEST:
        return Mismatch(len(found), nan, nan, nan, nan, nan)
    return Mismatch(
        count=len(found),
        bias=float(found.mean()),
        sd=float(found.std(ddof=1)),
        ratio=float(np.mean((found / expected) ** 2)),
        correlated=float(correlation(found, np.array([1]))[0]),
        white=whiteness(found, fitted=0),
    )


@dataclass(frozen=True, slots=True)
class Missed:
    """How far predictions of one controlled variable were off, so many samples ahead."""

    ahead: int
    """Samples ahead [1]."""
    count: int
    """Predictions compared [1]."""
    bias: float
    """Mean of what came less what was foretold, in the unit of the policy."""
    rmse: float
    """Root of the mean square of the same, in the unit of the policy."""
    unchanged: float
    """The same had it been foretold that nothing changes, in the unit of the policy."""


def missed(ahead: int, came: Floats, foretold: Floats, began: Floats) -> Missed:
    """Return how far predictions were off.

    Parameters
    ----------
    ahead
        Samples ahead [1].
    came
        What came, shape ``(n,)``, in the unit of the policy; not a number where nothing did.
    foretold
        What was foretold for that instant, shape ``(n,)``, in the unit of the policy.
    began
        What there was when it was foretold, shape ``(n,)``, in the unit of the policy.
    """
    there = np.isfinite(came) & np.isfinite(foretold) & np.isfinite(began)
    off, change = (came - foretold)[there], (came - began)[there]
    if not len(off):
        return Missed(ahead, 0, nan, nan, nan)
    return Missed(ahead, len(off), float(off.mean()), _root(off), _root(change))


def _root(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


def at_end(values: Floats, low: Floats, high: Floats, near: Floats) -> NDArray[np.bool_]:
    """Return whether inputs are at a limit, shape ``(n, n_u)``.

    Parameters
    ----------
    values, low, high
        Inputs and their limits, shape ``(n, n_u)``, units of the model.
    near
        Distance that counts as none, shape ``(n_u,)``, units of the model.
    """
    return (values <= low + near) | (values >= high - near)


def horizons(longest: int) -> tuple[int, ...]:
    """Return the horizons at which predictions are judged, up to the longest.

    Parameters
    ----------
    longest
        Samples a loop looks ahead [1].

    Examples
    --------
    >>> horizons(40)
    (1, 5, 10, 20, 40)
    """
    return tuple(sorted({n for n in (1, 5, 10, 20, 40, 80, 160) if n < longest} | {longest}))


def share(found: NDArray[np.bool_]) -> float:
    """Return the share of true ones [1]; not a number of none."""
    return float(found.mean()) if found.size else nan
