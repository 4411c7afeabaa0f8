"""Which known trend, if any, a window of points shows: matched filters, each giving a generalised likelihood ratio.

Every channel is whitened as an autoregression of the first order about a line whose level and slope differ from run to
run: of what a course and such a line explain alike, the line takes what is likely for it beforehand. Every course
(shape and onset) then gives an estimate of how far each channel has moved. With free moves the ratio says that there is
a trend; with the moves held within the signature of an entry it says how much of it that entry explains.

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
from plant_io.sums import product
from policies.library import Entry, Exponential, Ramp, Shape

_NEWTONS = 7
_FEWEST = 2
_BEFORE = (4.0, 2.0, 1.0, 0.5, 0.25)
_WEIGHED = 3
_NEXT_TAU = 2.2

Indices = NDArray[np.intp]


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
class Noise:
    """What is normal beside the trends."""

    memory: Floats
    """Correlation of one point with the next, shape ``(n_channels,)`` [1]."""
    lines: Floats
    """Standard deviations of level and of slope between runs, shape ``(2, n_channels)``, in the sd of each channel, the
    slope for one interval [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """How far each channel has moved on every course, by the points of one window."""

    power: Floats
    """What is known of each move, one over its variance, shape ``(n_courses, n_channels)`` [1]."""
    moves: Floats
    """Likeliest moves, same shape, in the sd of each channel [1]."""
    ratios: Floats
    """Logarithm of the likelihood ratio of each move to none, same shape [1]."""


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
    courses: Indices
    """Likeliest course of each entry, shape ``(n_entries,)`` [1]."""
    sizes: Floats
    """How many of its moves each entry has made, shape ``(n_entries,)`` [1]."""
    seen: Seen
    """What all of it rests on."""

    def explained(self, channels: int) -> Floats:
        """Return the share of the trend each entry explains, shape ``(n_entries,)`` [1].

        What noise alone would add to a free ratio, half a unit for each of the `channels`, is left out of account.
        """
        share: Floats = np.clip(self.entries / max(self.free - channels / 2.0, 1.0), 0.0, 1.0)
        return share


def courses_of(entry: Entry) -> tuple[Shape, ...]:
    """Return the shapes of an entry, a range of time constants as some of it, each about twice the one before."""
    found: dict[Shape, None] = {}
    for shape in entry.shapes:
        if isinstance(shape, Exponential) and shape.to_s is not None:
            tau = shape.tau_s
            while tau < shape.to_s:
                found[shape.model_copy(update={"tau_s": tau, "to_s": None})] = None
                tau *= _NEXT_TAU
            found[shape.model_copy(update={"tau_s": shape.to_s, "to_s": None})] = None
        else:
            found[shape] = None
    return tuple(found)


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


def match(points: Floats, noise: Noise, courses: Bank, signatures: Signatures, least: float = 0.0) -> Match:
    """Return what a window shows.

    Parameters
    ----------
    points
        Distance from normal, shape ``(n_points, n_channels)``, in the sd of each channel [1]; not a number in gaps.
    noise
        What is normal.
    courses
        Courses a trend may take.
    signatures
        What the entries allow.
    least
        Ratio below which the entries are not weighed, and count as nothing [1].
    """
    seen = look(points, noise, courses)
    sums = seen.ratios.sum(axis=1)
    best = int(sums.argmax())
    free = float(sums[best])
    n = len(signatures.low)
    entries, astray, sizes = np.zeros((3, n))
    likeliest = np.zeros(n, np.intp)
    if free >= least:
        likeliest, entries, sizes = _weighed(seen, signatures)
        astray = np.maximum(sums[likeliest] - entries, 0.0)
    shares = seen.ratios[best] / max(free, 1e-12)
    return Match(free, best, seen.moves[best], shares, entries, astray, likeliest, sizes, seen)


def look(points: Floats, noise: Noise, courses: Bank) -> Seen:
    """Return how far each channel has moved on every course.

    Parameters
    ----------
    points
        Distance from normal, shape ``(n_points, n_channels)``, in the sd of each channel [1]; not a number in gaps.
    noise
        What is normal.
    courses
        Courses a trend may take.
    """
    there = np.isfinite(points)
    fitting = _matched(courses, noise.memory.tobytes(), noise.lines.tobytes(), there.tobytes())
    weighed = fitting.white.weighed(np.where(there, points, 0.0))
    along = product(courses.courses, weighed)
    if noise.lines.any():
        along = along - _shared(fitting.alike, fitting.kept, _on_lines(weighed)[:, None])
    moves: Floats = along / np.maximum(fitting.power, 1e-12)
    return Seen(fitting.power, moves, 0.5 * fitting.power * moves**2)


def worth(points: Floats, noise: Noise) -> float:
    """Return the square of the whitened points without what the line of a run explains, halved [1].

    Parameters
    ----------
    points
        Distance from normal, shape ``(n_points, n_channels)``, in the sd of each channel [1]; not a number in gaps.
    noise
        What is normal.
    """
    there = np.isfinite(points)
    white, known = _white(noise.memory, there), np.where(there, points, 0.0)
    weighed = white.weighed(known)
    line = _on_lines(weighed)
    return 0.5 * float((known * weighed).sum() - _shared(line, _kept(white, noise, there), line).sum())


@dataclass(frozen=True, slots=True, eq=False)
class _White:
    """What whitens points where these are seen."""

    here: Floats
    """Share of each point, shape ``(n_points, n_channels)`` [1]."""
    back: Floats
    """Share of the point before it, same shape [1]."""

    def weighed(self, known: Floats) -> Floats:
        """Return the inverse of the covariance times some points, shape as theirs, 0 in gaps [1].

        Parameters
        ----------
        known
            Points, 0 in gaps, shape ``(n_points, n_channels)`` [1].
        """
        white = self.here * known - self.back * np.vstack([known[:1], known[:-1]])
        after = np.vstack([self.back[1:] * white[1:], np.zeros_like(white[:1])])
        return np.asarray(self.here * white - after)


@dataclass(frozen=True, slots=True, eq=False)
class _Matched:
    """What whitens points where these are seen, and what is then known of moves."""

    white: _White
    """What whitens the points."""
    alike: Floats
    """Likeness of each course to a level and to a slope, shape ``(2, n_courses, n_channels)`` [1]."""
    kept: Floats
    """What the line of the run takes of that, shape ``(2, 2, n_channels)`` [1]."""
    power: Floats
    """What is known of the move on each course, shape ``(n_courses, n_channels)`` [1]."""


@lru_cache(maxsize=16)  # a window without gaps is like the one before
def _matched(bank: Bank, correlations: bytes, lines: bytes, flags: bytes) -> _Matched:
    courses, memory = bank.courses, np.frombuffer(correlations)
    noise = Noise(memory, np.frombuffer(lines).reshape(2, -1))
    seen = np.frombuffer(flags, np.bool_).reshape(courses.shape[1], -1)
    white = _white(memory, seen)
    here, back = white.here, white.back
    before = np.hstack([courses[:, :1], courses[:, :-1]])
    power: Floats = product(courses**2, here**2) - 2.0 * product(courses * before, here * back)
    power = power + product(before**2, back**2)
    kept, time = _kept(white, noise, seen), _time(len(seen))
    alike = np.array([product(courses, white.weighed(seen * one)) for one in (np.ones_like(time), time)])
    if noise.lines.any():
        power = np.maximum(power - _shared(alike, kept, alike), 0.0)
    return _Matched(white, alike, kept, power)


def _white(memory: Floats, seen: NDArray[np.bool_]) -> _White:
    # x_t - f x_(t-1) has variance 1 - f^2; after a gap nothing is known of x_(t-1), and x_t has variance 1.
    joined = seen & np.vstack([np.zeros_like(seen[:1]), seen[:-1]])
    scale = 1.0 / np.sqrt(1.0 - memory**2)
    return _White(np.where(joined, scale, seen), np.where(joined, memory * scale, 0.0))


def _time(points: int) -> Floats:
    """Return the time of each point from the middle of the window, shape ``(n_points, 1)``, in intervals [1]."""
    middle: Floats = np.arange(float(points)) - 0.5 * (points - 1)
    return middle[:, None]


def _on_lines(weighed: Floats) -> Floats:
    """Return how much of whitened points lies along a level and along a slope, shape ``(2, n_channels)`` [1]."""
    return np.array([weighed.sum(axis=0), (_time(len(weighed)) * weighed).sum(axis=0)])


def _shared(one: Floats, kept: Floats, other: Floats) -> Floats:
    """Return what the line of a run takes of the product of two things, by their likeness to level and slope [1]."""
    alike: Floats = kept[0, 0] * one[0] * other[0] + kept[1, 1] * one[1] * other[1]
    across: Floats = kept[0, 1] * (one[0] * other[1] + one[1] * other[0])
    return np.asarray(alike + across)


def _kept(white: _White, noise: Noise, seen: NDArray[np.bool_]) -> Floats:
    """Return the correction of the inverse of the covariance for the line of a run, shape ``(2, 2, n_channels)`` [1].

    By the formula of Woodbury it is ``S (I + S G S)**-1 S``, with the deviations `S` of level and slope and with what
    is known of both, `G`.
    """
    on = seen.astype(float)
    level, slope = _on_lines(white.weighed(on))
    rising = (_time(len(on)) * white.weighed(_time(len(on)) * on)).sum(axis=0)
    a, b = noise.lines
    first, second, mixed = 1.0 + a * a * level, 1.0 + b * b * rising, a * b * slope
    share = 1.0 / (first * second - mixed * mixed)
    across = -a * b * mixed * share
    return np.array([[a * a * second * share, across], [across, b * b * first * share]])


def _weighed(seen: Seen, signatures: Signatures) -> tuple[Indices, Floats, Floats]:
    """Return the likeliest course of each entry, its ratio there, and how many of its moves it has made."""
    chosen = _promising(seen, signatures)
    ratios, sizes = held(seen.power[chosen], seen.moves[chosen], signatures.low[:, None], signatures.high[:, None])
    ratios = np.where(np.take_along_axis(signatures.courses, chosen, axis=1), ratios, -1.0)
    rows, best = np.arange(len(chosen)), ratios.argmax(axis=1)
    return chosen[rows, best], np.maximum(ratios[rows, best], 0.0), sizes[rows, best]


def _promising(seen: Seen, signatures: Signatures) -> Indices:
    """Return the courses worth a look for each entry, shape ``(n_entries, n)``.

    They are those best for the middle of its signature, and the best of its own where moves are free.
    """
    middle = 0.5 * (signatures.low + signatures.high)
    along = np.maximum(product(middle, (seen.power * seen.moves).T), 0.0)
    single = along**2 / np.maximum(product(middle**2, seen.power.T), 1e-12)
    few = min(_WEIGHED, single.shape[1])
    best = np.argpartition(-np.where(signatures.courses, single, -1.0), few - 1, axis=1)[:, :few]
    anyhow = np.where(signatures.courses, seen.ratios.sum(axis=1), -1.0).argmax(axis=1)
    return np.column_stack([best, anyhow])


def held(power: Floats, moves: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return the ratio of the moves that a signature allows, and how many of them were made.

    They are the moves nearest to those found that are a positive multiple of something between `low` and `high`:
    the root of a rising piecewise linear function, by Newton's method within a bracket.

    Parameters
    ----------
    power
        What is known of each move, shape ``(..., n_channels)`` [1].
    moves
        Moves found, same shape [1].
    low, high
        Lowest and highest move, shapes that fit [1].
    """
    bounds = np.abs(np.concatenate([low, high], axis=-1))
    least = np.zeros(moves.shape[:-1])
    most: Floats = np.abs(moves).max(axis=-1) / np.where(bounds > 0.0, bounds, np.inf).min(axis=-1)
    middle = 0.5 * (low + high)
    size = (power * middle * moves).sum(axis=-1) / np.maximum((power * middle**2).sum(axis=-1), 1e-12)
    size = np.clip(size, least, most)
    for _ in range(_NEWTONS):
        slope, steep = _slope(power, moves, size, (low, high))
        least, most = np.where(slope > 0.0, least, size), np.where(slope > 0.0, size, most)
        step = size - slope / np.maximum(steep, 1e-12)
        size = np.where((step >= least) & (step <= most), step, 0.5 * (least + most))
    off = np.maximum(size[..., None] * low - moves, 0.0) + np.maximum(moves - size[..., None] * high, 0.0)
    return 0.5 * (power * (moves**2 - off**2)).sum(axis=-1), size


def _slope(power: Floats, moves: Floats, size: Floats, bounds: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    low, high = bounds
    under, over = size[..., None] * low - moves, moves - size[..., None] * high
    below, above = power * low * (under > 0.0), power * high * (over > 0.0)
    return (below * under - above * over).sum(axis=-1), (below * low + above * high).sum(axis=-1)
