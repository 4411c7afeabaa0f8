"""Powder in tanks: five components, moved so that no gram is lost."""

from __future__ import annotations

Masses = tuple[float, float, float, float, float]
"""Masses of API, excipient, lubricant, water above the nominal moisture, and unknown product [kg]."""

API, EXC, LUB, WATER, UNKNOWN = range(5)
EMPTY: Masses = (0.0, 0.0, 0.0, 0.0, 0.0)


def added(a: Masses, b: Masses) -> Masses:
    """Return the sum of two masses of powder [kg]."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4])


def scaled(a: Masses, factor: float) -> Masses:
    """Return a mass of powder times a factor, composition unchanged [kg].

    Parameters
    ----------
    a
        Component masses [kg].
    factor
        Multiplier [1].
    """
    return (a[0] * factor, a[1] * factor, a[2] * factor, a[3] * factor, a[4] * factor)


def washed(held: Masses, fed: Masses, ratio: float) -> tuple[Masses, Masses]:
    """Return what a mixed tank holds after a step, and what left it in that step [kg].

    Semi-implicit washout: positive for every step, and held + fed equals kept + left.

    Parameters
    ----------
    held
        Component masses before the step [kg].
    fed
        Component masses entering during the step [kg].
    ratio
        Outflow during the step over the mass held [1].

    Examples
    --------
    >>> washed((1.0, 0.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0, 0.0), 1.0)
    ((0.5, 0.5, 0.0, 0.0, 0.0), (0.5, 0.5, 0.0, 0.0, 0.0))
    """
    keep = 1.0 / (1.0 + ratio)
    a = (held[0] + fed[0]) * keep
    b = (held[1] + fed[1]) * keep
    c = (held[2] + fed[2]) * keep
    d = (held[3] + fed[3]) * keep
    e = (held[4] + fed[4]) * keep
    return (a, b, c, d, e), (a * ratio, b * ratio, c * ratio, d * ratio, e * ratio)
