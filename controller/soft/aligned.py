"""Inputs as they were when what the sensor speaks of passed them: later by a delay, smoothed by a lag.

A row of `n` mixed tanks through which material takes the mean time ``T`` spreads it by ``T/sqrt(n)``. A delay of
``T - T/sqrt(n)`` and one lag of ``T/sqrt(n)`` have the same mean and the same spread (O. Levenspiel, "Chemical Reaction
Engineering", 3rd ed., 1999, chapter 14).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, sqrt

from plant_io.signals import Floats

_PARTS = 60
"""Points in which the delay of an input is remembered, at most [1]."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How an input is aligned."""

    delay_s: float
    """Time by which it is taken later [s]."""
    lag_s: float
    """Time constant by which it is smoothed [s]."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What is remembered of one input."""

    points: tuple[tuple[float, float], ...]
    """Times [s] and values of it, in its unit, oldest first; one of them is as old as the delay, once there is one."""
    level: float
    """The input as aligned now, in its unit."""
    at: float
    """When that was [s]."""


def of_path(mean_s: float, tanks: float, share: float) -> Timing:
    """Return the alignment of an input that acts before a share of a row of mixed tanks.

    Parameters
    ----------
    mean_s
        Mean residence time of the row [s].
    tanks
        Number of tanks [1].
    share
        Share of the row behind where the input acts [1].

    Examples
    --------
    >>> of_path(400.0, 4.0, 1.0)
    Timing(delay_s=200.0, lag_s=200.0)
    >>> of_path(400.0, 4.0, 0.0)
    Timing(delay_s=0.0, lag_s=0.0)
    """
    if share <= 0.0:
        return Timing(0.0, 0.0)
    mean, number = share * mean_s, max(share * tanks, 1.0)
    lag = mean / sqrt(number)
    return Timing(mean - lag, lag)


def moved(lane: Lane | None, at: float, value: float, timing: Timing) -> Lane:
    """Return what is remembered after one more value; the first is taken to have stood for long.

    Parameters
    ----------
    lane
        What was remembered; None before the first value.
    at
        Now [s].
    value
        The input now, in its unit.
    timing
        How it is aligned.
    """
    if lane is None or at < lane.at:
        return Lane(((at, value),), value, at)
    points = lane.points
    if at - points[-1][0] >= timing.delay_s / _PARTS:
        points = (*points, (at, value))
    due = at - timing.delay_s
    first = next((i for i in range(len(points) - 1, 0, -1) if points[i][0] <= due), 0)
    delayed = points[first][1]
    share = 1.0 - exp((lane.at - at) / timing.lag_s) if timing.lag_s > 0.0 else 1.0
    return Lane(points[first:], lane.level + share * (delayed - lane.level), at)


def along(at: Floats, values: Floats, timing: Timing) -> Floats:
    """Return an input aligned at every time of a record, shape ``(n,)``, in its unit.

    Parameters
    ----------
    at
        Times, rising, shape ``(n,)`` [s].
    values
        The input at these times, shape ``(n,)``, in its unit.
    timing
        How it is aligned.
    """
    found, lane = values.copy(), None
    for i, (time, value) in enumerate(zip(at.tolist(), values.tolist(), strict=True)):
        lane = moved(lane, time, value, timing)
        found[i] = lane.level
    return found
