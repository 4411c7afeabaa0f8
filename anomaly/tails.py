"""Generalised Pareto tails: what is left beyond a threshold, fitted by likelihood or by weighted moments.

References
----------
J. Pickands, "Statistical inference using extreme order statistics", Ann. Statist. 3(1), 1975,
doi:10.1214/aos/1176343003.
"""

from __future__ import annotations

from math import exp

import numpy as np

from plant_io.signals import Floats

SHAPES = (-0.25, 0.5)
"""Least and largest shape of a generalised Pareto tail that is believed [1]; beyond, its scale is fitted anew."""

STRAIGHT = 1e-6
"""Shape that is as good as none [1]."""


def left(above: float, shape: float) -> float:
    """Return what is left of a generalised Pareto tail [1].

    Parameters
    ----------
    above
        Distance above the threshold, in scales [1].
    shape
        Shape [1].

    Examples
    --------
    >>> left(0.0, 0.1), round(left(1.0, 0.0), 3), left(10.0, -0.2)
    (1.0, 0.368, 0.0)
    """
    if abs(shape) < STRAIGHT:
        return exp(-above)
    inner = 1.0 + shape * above
    return inner ** (-1.0 / shape) if inner > 0.0 else 0.0


def pareto(above: Floats) -> tuple[float, float]:
    """Return scale and shape of the generalised Pareto distribution that excesses most likely come from.

    The likelihood is sought along its profile, ``shape(t) = mean(log(1 + t x))`` and ``scale = shape/t``; a shape
    outside of `SHAPES` is put at their end, and the scale is that of the mean then.

    Parameters
    ----------
    above
        Excesses above the threshold, shape ``(n,)``, any one unit.

    References
    ----------
    S. D. Grimshaw, "Computing maximum likelihood estimates for the generalized Pareto distribution", Technometrics
    35(2), 1993, doi:10.1080/00401706.1993.10485040.
    """
    mean = float(above.mean())
    # t = shape/scale between the least that keeps every excess in reach and what heavy tails need.
    grid: Floats = np.concatenate([-np.geomspace(0.999 / float(above.max()), 1e-4 / mean, 80), [0.0]])
    grid = np.concatenate([grid, np.geomspace(1e-4 / mean, 10.0 / mean, 80)])
    best = int(_profile(grid, above).argmax())
    lo, hi = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    fine: Floats = np.linspace(float(lo), float(hi), 201)
    t = float(fine[int(_profile(fine, above).argmax())])
    shape = float(np.log1p(t * above).mean())
    if abs(t * mean) < STRAIGHT or abs(shape) < STRAIGHT:
        return mean, 0.0
    if SHAPES[0] <= shape <= SHAPES[1]:
        return shape / t, shape
    shape = min(max(shape, SHAPES[0]), SHAPES[1])
    return mean * (1.0 - shape), shape


def _profile(t: Floats, above: Floats) -> Floats:
    shape: Floats = np.log1p(t[:, None] * above).mean(axis=1)
    flat = np.abs(t) * above.mean() < STRAIGHT
    scale = np.where(flat, above.mean(), shape / np.where(flat, 1.0, t))
    best: Floats = -np.log(scale) - np.where(flat, 0.0, shape) - 1.0
    return best


def weighted(above: Floats, shapes: tuple[float, float] = SHAPES) -> tuple[float, float]:
    """Return scale and shape of the generalised Pareto distribution with the probability-weighted moments of excesses.

    Nearly as good as the likelihood for shapes that are believed, and much faster.

    Parameters
    ----------
    above
        Excesses above the threshold, rising, shape ``(n,)``, any one unit.
    shapes
        Least and largest shape that is believed [1].

    References
    ----------
    J. R. M. Hosking, J. R. Wallis, "Parameter and quantile estimation for the generalized Pareto distribution",
    Technometrics 29(3), 1987, doi:10.1080/00401706.1987.10488243.
    """
    n, mean = len(above), float(above.mean())
    first = float(above @ (1.0 - (np.arange(1, n + 1) - 0.35) / n)) / n
    if mean <= 2.0 * first:
        return mean, 0.0
    shape = min(max(2.0 - mean / (mean - 2.0 * first), shapes[0]), shapes[1])
    return mean * (1.0 - shape), shape
