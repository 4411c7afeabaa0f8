"""How far a result may be from what history says: z, prediction and tolerance intervals.

With an estimate that rests on `df` degrees of freedom, whose mean has the variance ``h s^2``:

* z: ``z s``
* prediction: ``t s sqrt(1 + h)``
* tolerance, one side: ``t' s sqrt(h)`` with t' of the noncentral t distribution of noncentrality ``z_p / sqrt(h)``
* tolerance, both sides: ``s sqrt(df (1 + h) z^2 / chi^2)`` (Howe)

References
----------
W. G. Howe, "Two-sided tolerance limits for normal populations", J. Am. Stat. Assoc. 64(326), 1969,
doi:10.1080/01621459.1969.10500999. ISO 16269-6:2014. N. R. Draper, H. Smith, "Applied regression analysis", 3rd ed.,
1998, section 3.1, doi:10.1002/9781118625590.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt
from typing import cast

from anomaly.oot.study import Held, Settings

_Of = Callable[..., float]


def t_quantile(share: float, df: float) -> float:
    """Return the quantile of Student's t distribution [1].

    Parameters
    ----------
    share
        Share below it [1].
    df
        Degrees of freedom [1].
    """
    from scipy.special import stdtrit  # noqa: PLC0415  # takes a while to import

    return float(cast("_Of", stdtrit)(df, share))


def f_above(found: float, over: float, under: float) -> float:
    """Return the chance of a larger F ratio [1].

    Parameters
    ----------
    found
        F ratio [1].
    over, under
        Degrees of freedom of numerator and denominator [1].
    """
    from scipy.special import fdtrc  # noqa: PLC0415  # takes a while to import

    return float(cast("_Of", fdtrc)(over, under, found))


def f_quantile(share: float, over: float, under: float) -> float:
    """Return the quantile of the F distribution [1].

    Parameters
    ----------
    share
        Share below it [1].
    over, under
        Degrees of freedom of numerator and denominator [1].
    """
    from scipy.special import fdtri  # noqa: PLC0415  # takes a while to import

    return float(cast("_Of", fdtri)(over, under, share))


def normal_quantile(share: float) -> float:
    """Return the quantile of the standard normal distribution [1].

    Parameters
    ----------
    share
        Share below it [1].
    """
    from scipy.special import ndtri  # noqa: PLC0415  # takes a while to import

    return float(cast("_Of", ndtri)(share))


def reach(settings: Settings, df: float, h: float) -> float:
    """Return the limit in residual standard deviations [1].

    Parameters
    ----------
    settings
        Kind of the limits.
    df
        Degrees of freedom of the standard deviation [1].
    h
        Variance of the mean as a multiple of the residual variance [1].
    """
    if settings.limits == "z":
        return settings.z
    two = settings.side == "both"
    if settings.limits == "prediction":
        share = 0.5 * (1.0 + settings.coverage) if two else settings.coverage
        return t_quantile(share, df) * sqrt(1.0 + h)
    return _tolerance(settings, df, h, two=two)


def _tolerance(settings: Settings, df: float, h: float, *, two: bool) -> float:
    from scipy.special import chdtri, nctdtrit  # noqa: PLC0415  # takes a while to import

    if two:
        z = normal_quantile(0.5 * (1.0 + settings.coverage))
        lowest = float(cast("_Of", chdtri)(df, settings.confidence))
        return sqrt(df * (1.0 + h) * z * z / lowest)
    centre = normal_quantile(settings.coverage) / sqrt(h)
    return float(cast("_Of", nctdtrit)(df, centre, settings.confidence)) * sqrt(h)


@dataclass(frozen=True, slots=True)
class Told:
    """What history says of one result."""

    expected: float
    """What is expected, in the unit of the result."""
    sd: float
    """Residual standard deviation, in the unit of the result."""
    df: float
    """Degrees of freedom of it [1]."""
    h: float
    """Variance of what is expected as a multiple of the residual variance [1]."""


def held(where: tuple[str, float], found: float, told: Told, settings: Settings, what: str = "result") -> Held:
    """Return a result held against its limits.

    Parameters
    ----------
    where
        Batch and age, in the unit of ages.
    found
        What was found, in the unit of the result.
    told
        What history says of it.
    settings
        Kind and side of the limits.
    what
        What it is.
    """
    far = reach(settings, told.df, told.h) * told.sd
    low = -inf if settings.side == "high" else told.expected - far
    high = inf if settings.side == "low" else told.expected + far
    return Held(where[0], where[1], found, told.expected, low, high, not low <= found <= high, what)
