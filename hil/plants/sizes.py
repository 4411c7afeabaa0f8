"""Granule sizes in twelve classes: how they are summed up, how granules stick and how they break.

Distributions are mass fractions with the classes on the last axis, finest first. Any number of leading axes will do.
"""

from __future__ import annotations

from math import erf, log, sqrt

import numpy as np
from numpy.typing import NDArray

from hil.plants.ops import Floats, one_by_one

CLASSES = 12
"""Number of size classes [1]."""

_FINEST_UM, _COARSEST_UM, _PARTNER_UM = 45.0, 3200.0, 600.0
_RATIO: float = (_COARSEST_UM / _FINEST_UM) ** (1.0 / (CLASSES - 1))
_TINY = 1e-30

SIZES_UM: Floats = np.array([_FINEST_UM * _RATIO**k for k in range(CLASSES)])
"""Size of each class, shape ``(12,)`` [um]."""

EDGES_UM: Floats = np.array([_FINEST_UM * _RATIO ** (k - 0.5) for k in range(CLASSES + 1)])
"""Bounds of the classes, shape ``(13,)`` [um]."""


def percentile(fractions: Floats, share: float) -> Floats:
    """Return the size below which a share of the mass lies, linear in mass over the logarithm of size [um].

    Parameters
    ----------
    fractions
        Mass fractions, shape ``(..., 12)`` [1].
    share
        Share of the mass [1].

    Returns
    -------
    NDArray
        Size, shape ``(...)`` [um].

    Examples
    --------
    >>> print(round(float(percentile(np.full(12, 1 / 12), 0.5)), 1))
    379.5
    """
    within = (share - fractions.cumsum(axis=-1) + fractions) / np.maximum(fractions, _TINY)
    passed = np.minimum(np.maximum(within, 0.0), 1.0).sum(axis=-1)
    return np.asarray(EDGES_UM[0] * one_by_one(_grown, np.asarray(passed)))


def _grown(classes: float) -> float:
    return float(_RATIO**classes)


def lognormal(median: float, spread: float) -> Floats:
    """Return a lognormal size distribution, cut off at the outer bounds, shape ``(12,)`` [1].

    Parameters
    ----------
    median
        Median size [um].
    spread
        Geometric standard deviation [1].
    """
    below = np.array([0.5 + 0.5 * erf(log(edge / median) / log(spread) / sqrt(2.0)) for edge in EDGES_UM])
    share = np.diff(below)
    return np.asarray(share / share.sum())


def fragments(power: float) -> Floats:
    """Return which share of a broken class goes to which, from row to column, shape ``(12, 12)`` [1].

    Fragments are finer than the class they come from, their cumulative mass a power of size; the finest class stays.

    Parameters
    ----------
    power
        Power of the cumulative mass over size [1].
    """
    table = np.zeros((CLASSES, CLASSES))
    table[0, 0] = 1.0
    for origin in range(1, CLASSES):
        below = (EDGES_UM[1 : origin + 1] / EDGES_UM[origin]) ** power
        table[origin, :origin] = np.diff(below, prepend=0.0)
    return table


def encounters() -> tuple[NDArray[np.intp], Floats]:
    """Return the pairs of classes that meet, and how the mass fractions change when they stick.

    The kernel is that of equal kinetic energy, scaled so that the finest class loses mass to the class nearest 600 um
    at 1/s times the product of their fractions. The grown granule is shared between the two classes next to its mass,
    so that mass and number are kept; what outgrows the grid goes to the coarsest class.

    Returns
    -------
    tuple
        Indices of the pairs, shape ``(2, 78)`` [1], and change of the fractions per product of the fractions of a pair,
        shape ``(78, 12)`` [1/s].

    References
    ----------
    S. Kumar and D. Ramkrishna, "On the solution of population balance equations by discretization, I", Chem. Eng. Sci.
    51(8), 1996, doi:10.1016/0009-2509(96)88489-2; M. J. Hounslow, "The population balance as a tool for understanding
    particle rate processes", KONA 16, 1998, doi:10.14356/kona.1998021.
    """
    pairs = np.array(np.triu_indices(CLASSES))
    partner = int(np.argmin(np.abs(np.log(SIZES_UM / _PARTNER_UM))))
    scale = float(SIZES_UM[partner]) ** 3 / _kernel(SIZES_UM[0], SIZES_UM[partner])
    rows = [_moved(i, j) * scale * (0.5 if i == j else 1.0) for i in range(CLASSES) for j in range(i, CLASSES)]
    return pairs, np.array(rows)


def _kernel(a: float, b: float) -> float:
    return (a + b) ** 2 * sqrt(a**-3 + b**-3)


def _moved(i: int, j: int) -> Floats:
    """Return the masses moved by one event, times its kernel, per mass of the two granules."""
    mass = SIZES_UM * SIZES_UM * SIZES_UM
    grown = float(mass[i] + mass[j])
    moved = np.zeros(CLASSES)
    moved[i] -= mass[i]
    moved[j] -= mass[j]
    below = int(np.searchsorted(mass, grown, side="right")) - 1
    if below >= CLASSES - 1:
        moved[-1] += grown
    else:
        number = (mass[below + 1] - grown) / (mass[below + 1] - mass[below])
        moved[below] += number * mass[below]
        moved[below + 1] += (1.0 - number) * mass[below + 1]
    return np.asarray(moved * _kernel(SIZES_UM[i], SIZES_UM[j]) / (mass[i] * mass[j]))
