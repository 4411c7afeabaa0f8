"""Which known trend, if any, a window of points shows: matched filters, each giving a generalised likelihood ratio.

Every channel is whitened as an autoregression of the first order. Every course (shape and onset) then gives an estimate
of how far each channel has moved. With free moves the ratio says that there is a trend; with the moves held within the
signature of an entry it says how much of it that entry explains.

References
----------
A. S. Willsky, H. L. Jones, "A generalized likelihood ratio approach to the detection and estimation of jumps in linear
systems", IEEE Trans. Autom. Control 21(1), 1976, doi:10.1109/TAC.1976.1101146.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp

import numpy as np
from numpy.typing import NDArray

from plant_io.signals import Floats
from plant_io.sums import matched
from policies.library import Exponential, Ramp, Shape

_HALVINGS = 40
_FEWEST = 2
_BEFORE = (4.0, 2.0, 1.0, 0.5, 0.25)


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Courses a trend may take within the window."""

    courses: Floats
    """Courses, shape ``(n_courses, n_points)``, 0 before the onset and 1 at the newest point [1]."""
    onsets: NDArray[np.int64]
    """Point of each onset, negative before the window, shape ``(n_courses,)`` [1]."""
    shapes: tuple[Shape, ...]
    """Shape of each course."""


@dataclass(frozen=True, slots=True, eq=False)
class Signatures:
    """What the entries of a library allow."""

    low: Floats
    """Lowest move of each channel relative to the others, shape ``(n_entries, n_channels)``, in its sd [1]."""
    high: Floats
    """Highest move, shape ``(n_entries, n_channels)``, in its sd [1]."""
    courses: NDArray[np.bool_]
    """Whether an entry may take a course, shape ``(n_entries, n_courses)`` [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """What one window shows."""

    free: float
    """Logarithm of the likelihood ratio of the likeliest trend to no trend [1]."""
    course: int
    """Course of the likeliest trend, as a place in the list of courses [1]."""
    moves: Floats
    """How far each channel has moved on that course, shape ``(n_channels,)``, in its sd [1]."""
    weights: Floats
    """Share of each channel in the ratio, shape ``(n_channels,)`` [1]."""
    entries: Floats
    """Logarithm of the likelihood ratio of each entry to no trend, shape ``(n_entries,)`` [1]."""
    astray: Floats
    """Part of the ratio that each entry's signature leaves out on its likeliest course, shape ``(n_entries,)`` [1]."""

    def explained(self, channels: int) -> Floats:
        """Return the share of the trend each entry explains, shape ``(n_entries,)`` [1].

        What noise alone would add to a free ratio, half a unit for each of the `channels`, is left out of account.
        """
        share: Floats = np.clip(self.entries / max(self.free - channels / 2.0, 1.0), 0.0, 1.0)
        return share


def bank(shapes: Sequence[Shape], points: int, every_s: float) -> Bank:
    """Return every shape at every onset that leaves enough points to see it, and at a few onsets before the window.

    Parameters
    ----------
    shapes
        Shapes, each once.
    points
        Length of the window [1].
    every_s
        Time between two points [s].
    """
    within = range(points - _FEWEST + 1)
    before = tuple(int(-share * points) for share in _BEFORE)
    rows = [(shape, onset) for shape in shapes for onset in (*(before if isinstance(shape, Ramp) else ()), *within)]
    courses = [_course(shape, onset, points, every_s) for shape, onset in rows]
    return Bank(np.array(courses), np.array([onset for _, onset in rows]), tuple(shape for shape, _ in rows))


def _course(shape: Shape, onset: int, points: int, every_s: float) -> Floats:
    after = np.maximum(np.arange(points) - onset + 1.0, 0.0)
    if isinstance(shape, Exponential):
        # NumPy's own exponential differs in the last bit between processors.
        after = np.array([1.0 - exp(-t * every_s / shape.tau_s) for t in after.tolist()])
    elif not isinstance(shape, Ramp):
        after = np.minimum(after, 1.0)
    grown: Floats = after / after[-1]
    return grown


def match(points: Floats, memory: Floats, courses: Bank, signatures: Signatures, least: float = 0.0) -> Match:
    """Return what a window shows.

    Parameters
    ----------
    points
        Distance from normal, shape ``(n_points, n_channels)``, in the sd of each channel [1]; not a number in gaps.
    memory
        Correlation of one point with the next in normal operation, shape ``(n_channels,)`` [1].
    courses
        Courses a trend may take.
    signatures
        What the entries allow.
    least
        Ratio below which the entries are not weighed, and count as nothing [1].
    """
    power, moves = _moves(points, memory, courses)
    ratios = 0.5 * power * moves**2
    best = int(ratios.sum(axis=1).argmax())
    free = float(ratios[best].sum())
    entries, astray = np.zeros((2, len(signatures.low)))
    for i, may in enumerate(signatures.courses if free >= least else ()):
        held = _within(power[may], moves[may], signatures.low[i], signatures.high[i])
        likeliest = int(held.argmax())
        entries[i] = held[likeliest]
        astray[i] = ratios[may][likeliest].sum() - held[likeliest]
    return Match(free, best, moves[best], ratios[best] / max(free, 1e-12), entries, astray)


def _moves(points: Floats, memory: Floats, courses: Bank) -> tuple[Floats, Floats]:
    seen = np.isfinite(points)
    fitting = _matched(courses, memory.tobytes(), seen.tobytes())
    known = np.where(seen, points, 0.0)
    white = fitting.here * known - fitting.back * np.vstack([known[:1], known[:-1]])
    moves: Floats = matched(fitting.filters, white) / np.maximum(fitting.power, 1e-12)
    return fitting.power, moves


@dataclass(frozen=True, slots=True, eq=False)
class _Matched:
    """Filters matched to every course, where these points are seen."""

    here: Floats
    """Share of each point, shape ``(n_points, n_channels)`` [1]."""
    back: Floats
    """Share of the point before it, same shape [1]."""
    filters: Floats
    """Whitened courses, shape ``(n_courses, n_points, n_channels)`` [1]."""
    power: Floats
    """Their power, shape ``(n_courses, n_channels)`` [1]."""


@lru_cache(maxsize=4)  # a window without gaps is like the one before
def _matched(bank: Bank, correlations: bytes, flags: bytes) -> _Matched:
    # x_t - f x_(t-1) has variance 1 - f^2; after a gap nothing is known of x_(t-1), and x_t has variance 1.
    courses, memory = bank.courses, np.frombuffer(correlations)
    seen = np.frombuffer(flags, np.bool_).reshape(courses.shape[1], -1)
    joined = seen & np.vstack([np.zeros_like(seen[:1]), seen[:-1]])
    scale = 1.0 / np.sqrt(1.0 - memory**2)
    here, back = np.where(joined, scale, seen), np.where(joined, memory * scale, 0.0)
    before = np.hstack([courses[:, :1], courses[:, :-1]])
    filters = courses[:, :, None] * here - before[:, :, None] * back
    power: Floats = (filters**2).sum(axis=1)
    return _Matched(here, back, filters, power)


def _within(power: Floats, moves: Floats, low: Floats, high: Floats) -> Floats:
    # The moves nearest to those found that are a positive multiple of something between low and high.
    bounds = np.abs(np.concatenate([low, high]))
    least: Floats = np.zeros(len(moves))
    most: Floats = np.abs(moves).max(axis=1) / bounds[bounds > 0.0].min()
    for _ in range(_HALVINGS):
        size: Floats = 0.5 * (least + most)
        under = np.maximum(size[:, None] * low - moves, 0.0)
        over = np.maximum(moves - size[:, None] * high, 0.0)
        rising = (power * (low * under - high * over)).sum(axis=1) > 0.0
        least, most = np.where(rising, least, size), np.where(rising, size, most)
    off = np.maximum(least[:, None] * low - moves, 0.0) + np.maximum(moves - least[:, None] * high, 0.0)
    ratio: Floats = 0.5 * (power * (moves**2 - off**2)).sum(axis=1)
    return ratio
