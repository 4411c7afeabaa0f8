"""A residence-time distribution as a row of mixed cells: linear, positive, and no gram is lost.

Mass that goes through is the clock. The masses ``X`` of some material in the cells obey ``dX/dm = D X + b x``, where
``dm`` is what has been fed, ``x`` its share of that material and ``b`` says into which cells it enters. Whatever leaves
a cell enters another or leaves the unit, so that a step moves mass and makes none.

* Tanks in series: equal cells and one smaller, so that hold-up and variance are those of any number of tanks, whole or
  not; those of `count` that are not needed stay empty.
* Axial dispersion and kernel: a mixture of Erlang distributions of a common stage. It comes as near to any distribution
  as its stages are short (H. C. Tijms, "Stochastic Models", Wiley 1994, section 4.5). Its mean is exact; so is its
  variance within a fifth, unless that is less than what the stages spread by themselves.

Axial dispersion in a closed-open vessel: the step response is that of A. Kreft and A. Zuber, Chem. Eng. Sci. 33, 1978,
doi:10.1016/0009-2509(78)85196-3, flux in and resident concentration out; mean ``1 + 1/Pe`` and variance
``2/Pe + 3/Pe^2`` over those of the hold-up.
"""

from __future__ import annotations

from math import ceil, erfc, exp, pi, sqrt
from typing import NamedTuple, cast

import numpy as np

from controller.material.rtd import Held, Rtd
from plant_io.signals import Floats

STAGES = 32
"""Stages of a mixture of Erlang distributions [1]."""
_PARTS = 400
_FEWEST_TANKS, _LONGEST_TAIL = 1.02, 4.0
_MOST_PECLET = 200.0
_SMALLEST = 2e-3
_TERMS = 14


class Row(NamedTuple):
    """The cells of one unit at one operating point."""

    leaves: Floats
    """Share of each cell that goes on to the next for each mass fed, shape ``(n,)`` [1/kg]."""
    enters: Floats
    """Share of what is fed that enters each cell, shape ``(n,)`` [1]."""


def count(rtd: Rtd, most: float) -> int:
    """Return how many cells a unit has.

    Parameters
    ----------
    rtd
        Its distribution.
    most
        Largest number of tanks there may be [1].
    """
    return max(2, ceil(most)) if rtd.form == "tanks" else STAGES


def row(rtd: Rtd, held: Held, number: int) -> Row:
    """Return the cells of a unit.

    Parameters
    ----------
    rtd
        Its distribution.
    held
        Hold-up and shape.
    number
        Number of cells [1].
    """
    if rtd.form == "tanks":
        shares = tanks(held.shape, number)
        enters, idle = np.zeros(number), number - len(shares)
        enters[idle] = 1.0
        return Row(1.0 / (held.holdup * np.concatenate([np.ones(idle), shares])), enters)
    response = _kernel(rtd) if rtd.form == "kernel" else _dispersed(min(held.shape, _MOST_PECLET))
    mean = 1.0 if rtd.form == "kernel" else 1.0 + 1.0 / min(held.shape, _MOST_PECLET)
    return _erlang(response, mean, held.holdup, number)


def tanks(number: float, most: int) -> Floats:
    """Return the share of the hold-up in each cell of a row with the variance of some tanks, shape ``(n,)`` [1].

    Parameters
    ----------
    number
        Number of equal tanks, whole or not [1].
    most
        Largest number of cells [1].

    Examples
    --------
    >>> tanks(3.0, 5).round(3).tolist(), len(tanks(2.4, 5)), round(float(1.0 / (tanks(2.4, 5) ** 2).sum()), 6)
    ([0.333, 0.333, 0.333], 3, 2.4)
    """
    some = min(max(number, _FEWEST_TANKS), float(most))
    cells = max(2, ceil(some - 1e-9))
    small = (1.0 - sqrt(max((cells - 1.0) * (cells / some - 1.0), 0.0))) / cells
    shares = np.full(cells, (1.0 - max(small, _SMALLEST)) / (cells - 1.0))
    shares[0] = max(small, _SMALLEST)
    return shares


def closed_open(theta: float, peclet: float) -> float:
    """Return the step response of axial dispersion in a closed-open vessel [1].

    Parameters
    ----------
    theta
        Time since the step over hold-up over flow [1].
    peclet
        Peclet number [1].

    Examples
    --------
    >>> closed_open(0.0, 10.0), round(closed_open(9.0, 10.0), 6)
    (0.0, 1.0)
    """
    if theta <= 0.0:
        return 0.0
    spread = sqrt(peclet / (4.0 * theta))
    here = exp(-peclet * (1.0 - theta) ** 2 / (4.0 * theta))
    back = 0.5 * (1.0 + peclet + peclet * theta) * exp(peclet) * erfc((1.0 + theta) * spread)
    return min(max(0.5 * erfc((1.0 - theta) * spread) + sqrt(peclet * theta / pi) * here - back, 0.0), 1.0)


def grown(rates: Floats, quantum: float) -> tuple[Floats, Floats]:
    """Return what a feed of one quantum does to a row of cells: the exact solution for a steady feed.

    The exponential of the rates is summed up by its series and squared back up.

    Parameters
    ----------
    rates
        ``D`` of rows of cells, shape ``(k, n, n)`` [1/kg].
    quantum
        Mass fed [kg].

    Returns
    -------
    kept
        Where the mass of each cell goes, shape ``(k, n, n)`` [1].
    spread
        Where mass fed in evenly goes, before `enters`, shape ``(k, n, n)`` [1].
    """
    size = rates.shape[-1]
    both = np.zeros((rates.shape[0], 2 * size, 2 * size))
    both[:, :size, :size], both[:, :size, size:] = rates * quantum, np.eye(size)
    norm = float(np.abs(both).sum(axis=1).max())
    halvings = max(0, ceil(np.log2(max(norm, 1e-12))))
    both /= 2.0**halvings
    term = np.broadcast_to(np.eye(2 * size), both.shape)
    total = term.copy()
    for n in range(1, _TERMS):
        term = term @ both / n
        total = total + term
    for _ in range(halvings):
        total = total @ total
    return np.ascontiguousarray(total[:, :size, :size]), np.ascontiguousarray(total[:, :size, size:])


def _kernel(rtd: Rtd) -> Floats:
    """Return the step response at equal parts of the longest residence, mean one, shape ``(2, parts + 1)`` [1]."""
    theta = np.linspace(0.0, rtd.kernel_until, len(rtd.kernel) + 1)
    share = np.array(rtd.kernel) / sum(rtd.kernel)
    mean = float((share * (theta[1:] + theta[:-1]) / 2.0).sum())
    return np.array([theta / mean, np.concatenate([[0.0], np.cumsum(share)])])


def _dispersed(peclet: float) -> Floats:
    mean, sd = 1.0 + 1.0 / peclet, sqrt(2.0 / peclet + 3.0 / peclet**2)
    theta = np.linspace(0.0, mean + 2.0 * _LONGEST_TAIL * sd, _PARTS)
    return np.array([theta, [closed_open(at, peclet) for at in theta.tolist()]])


def _erlang(response: Floats, mean: float, holdup: float, number: int) -> Row:
    """Return the stages whose mixture has a step response, given as times over that of the hold-up and shares."""
    theta, share = cast("tuple[Floats, Floats]", (response[0], response[1]))
    spread = np.diff(share)
    middle = (theta[1:] + theta[:-1]) / 2.0
    sd = sqrt(max(float((spread * (middle - mean) ** 2).sum() / spread.sum()), 0.0))
    ends = np.linspace(0.0, min(mean + _LONGEST_TAIL * sd, float(theta[-1])), number + 1)
    # The stages spread by themselves; what they add is taken off what is shared out among them.
    narrow = sqrt(max(1.0 - float(ends[1]) * mean / (sd * sd), 0.0)) if sd > 0.0 else 0.0
    reached = np.asarray(np.interp(ends, mean + narrow * (theta - mean), share), np.float64)
    weights = np.diff(reached)
    weights[-1] += 1.0 - reached[-1]
    stage = mean * holdup / float((weights * np.arange(1, number + 1)).sum())
    return Row(np.full(number, 1.0 / stage), weights[::-1].copy())
