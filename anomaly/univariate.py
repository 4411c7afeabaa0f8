"""One signal watched by itself: five reasons why a value may be unusual, each against its own past.

* value: distance from the usual value
* step: distance from the last value
* level: distance of the mean of the last 48 values from the usual value
* time of day: distance from what is usual at this time of day, once that is known
* pattern: distance of the last three values from the nearest three of the past

How unusual a distance is, is read off the tail of the same distance in the past, a generalised Pareto tail above its
highest twentieth. The score is minus the decimal logarithm of the smallest of the five chances: 3 stands for one value
in a thousand. Nothing is set by labels, and nothing depends on the scale of the signal.

It takes in whatever comes, faults too, and so it gets used to what stays: it advises people, and alone it is no guard
against slow drift. Memory is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, log, log10, nan, sqrt
from typing import Literal, NamedTuple, get_args

import numpy as np

from anomaly.tails import STRAIGHT, weighted
from plant_io.signals import Floats

Reason = Literal["value", "step", "level", "time of day", "pattern"]
"""Why a value is unusual."""

REASONS: tuple[Reason, ...] = get_args(Reason)
"""All reasons, in order."""

TIME = "time"
"""Key of the time among the features of `learn_one` and `score_one`."""

STANDS = 110
"""Values for which an alarm stands before the next one may begin [1]."""

_SLOW = 2000
_BELIEVED = 4.0
_RECENT = 48
_PATTERN = 3
_PATTERNS = 2000
_DAY, _SLOTS = 86_400.0, 48
_KNOWN, _PROFILE, _SMOOTH = 6, 200, 0.5
_PAST, _LEAST, _REFIT = 5000, 150, 48
_SHARE, _FEW = 0.05, 10
_SHAPES = (0.0, 0.5)
_MOST, _NEARLY = 20.0, 0.75
_GAP = 10.0
_ROUNDING, _HUGE = 1e-9, 1e100

Deviations = tuple[float, ...]
"""Distance for each reason, with its sign, unit of the signal."""


class Suspicion(NamedTuple):
    """How unusual a value is, and why."""

    score: float
    """Minus the decimal logarithm of its chance [1]; 0 for a value that is usual."""
    reason: Reason
    """The plainest of the strongest reasons."""
    away: float
    """Distance for this reason, with its sign, unit of the signal."""


class Standing(NamedTuple):
    """Whether an alarm stands; begins with ``Standing()``."""

    left: int = 0
    """Values for which it stands yet [1]."""

    def after(self, *, high: bool) -> tuple[Standing, bool]:
        """Return what stands after one more value, and whether an alarm begins with it."""
        left = max(self.left - 1, 0)
        begins = high and left == 0
        return Standing(STANDS if begins else left), begins


class _Tail(NamedTuple):
    threshold: float
    share: float
    scale: float
    shape: float

    def decades(self, distance: float) -> float:
        if distance <= self.threshold:
            return 0.0
        above = (distance - self.threshold) / self.scale
        curved = log(1.0 + self.shape * above) / self.shape if self.shape > STRAIGHT else above
        return min((curved - log(self.share)) / log(10.0), _MOST)


class Univariate:
    """A detector of one signal; it changes in place.

    Parameters
    ----------
    every
        Time between two values [s].
    name
        Key of the signal among the features of `learn_one` and `score_one`.

    Examples
    --------
    >>> detector = Univariate(60.0)
    >>> for minute in range(300):
    ...     detector.take(60.0 * minute, float(minute % 7))
    >>> detector.judge(18000.0, 6.0).score
    0.0
    >>> suspicion = detector.judge(18000.0, 30.0)
    >>> suspicion.score > 3.0, suspicion.reason
    (True, 'value')
    """

    def __init__(self, every: float, name: str = "value") -> None:
        self.every, self.name = every, name
        self._mean = self._variance = 0.0
        self._seen = 0
        self._recent: list[float] = []
        self._at = nan
        self._profile, self._counts = [0.0] * _SLOTS, [0] * _SLOTS
        self._offset = 0.0
        self._values: Floats = np.zeros(2 * _PATTERNS)
        self._filled = 0
        self._past: Floats = np.zeros((_PAST, len(REASONS)))
        self._kept = 0
        self._tails: tuple[_Tail, ...] = ()

    @property
    def sd(self) -> float:
        """Standard deviation of the values taken in, unit of the signal."""
        return sqrt(self._variance)

    def score_one(self, x: Mapping[str, float]) -> float:
        """Return how unusual the signal in `x`, in its unit, is [1], as river asks; its time is optional [s]."""
        at, value = self._read(x)
        return self.judge(at, value).score

    def learn_one(self, x: Mapping[str, float]) -> None:
        """Take in the signal in `x`, in its unit, as river asks; its time is optional [s]."""
        self.take(*self._read(x))

    def judge(self, at: float, value: float) -> Suspicion:
        """Return how unusual a value is, and change nothing.

        Parameters
        ----------
        at
            When it was taken, POSIX time [s].
        value
            Value, unit of the signal; one that is no number, or beyond 1e100, is not judged.
        """
        return self.suspect(self.deviations(at, value))

    def suspect(self, deviations: Deviations) -> Suspicion:
        """Return how unusual distances are.

        Parameters
        ----------
        deviations
            What `deviations` gave, unit of the signal.
        """
        if not self._tails or not deviations:
            return Suspicion(0.0, "value", deviations[0] if deviations else nan)
        decades = [tail.decades(abs(away)) for tail, away in zip(self._tails, deviations, strict=True)]
        score = max(decades)
        # Of reasons that are about as strong, the plainest is given.
        given = next(i for i, each in enumerate(decades) if each >= _NEARLY * score)
        return Suspicion(score, REASONS[given], deviations[given])

    def deviations(self, at: float, value: float) -> Deviations:
        """Return the distance for each reason, unit of the signal; none for a value that is no number.

        Parameters
        ----------
        at
            When it was taken, POSIX time [s].
        value
            Value, unit of the signal.
        """
        if not _usable(value):
            return ()
        broken = self._broken(at)
        recent = [] if broken else self._recent
        mean = (sum(recent[1 - _RECENT :]) + value) / (min(len(recent), _RECENT - 1) + 1)
        step = value - recent[-1] if recent else 0.0
        offset = self._usual_then(at, value)
        pattern = self._nearest(value) if len(recent) >= _PATTERN else 0.0
        found = (value - self._mean, step, mean - self._mean, offset, pattern)
        rounding = _ROUNDING * abs(value)
        return tuple(away if abs(away) > rounding else 0.0 for away in found)

    def take(self, at: float, value: float, deviations: Deviations | None = None) -> None:
        """Take in a value.

        Parameters
        ----------
        at
            When it was taken, POSIX time [s].
        value
            Value, unit of the signal; one that is no number changes nothing.
        deviations
            What `deviations` gives for it, unit of the signal, where that is known already.
        """
        if not _usable(value):
            return
        away = self.deviations(at, value) if deviations is None else deviations
        if self._broken(at):
            self._recent, self._filled, self._offset = [], 0, 0.0
        self._remember(away)
        self._learn_profile(at, value)
        self._learn_value(value)
        self._recent.append(value)
        del self._recent[:-_RECENT]
        self._at = at
        self._push(value)

    def _read(self, x: Mapping[str, float]) -> tuple[float, float]:
        following = self._at + self.every if isfinite(self._at) else 0.0
        return x.get(TIME, following), x.get(self.name, nan)

    def _broken(self, at: float) -> bool:
        return not -self.every <= at - self._at <= _GAP * self.every

    def _usual_then(self, at: float, value: float) -> float:
        slot = int(at % _DAY / _DAY * _SLOTS)
        if self._counts[slot] < _KNOWN:
            return 0.0
        return self._offset + _SMOOTH * (value - self._profile[slot] - self._offset)

    def _nearest(self, value: float) -> float:
        """Return the distance of the newest pattern from the nearest that is over, 0 where there is none."""
        end = self._filled
        start = max(0, end - _PATTERNS)
        known = end - start - 2 * _PATTERN + 2
        if known < 1:
            return 0.0
        values, total = self._values, np.zeros(known)
        newest = (*values[end - _PATTERN + 1 : end].tolist(), value)
        for i, one in enumerate(newest):
            off = values[start + i : start + i + known] - one
            total += off * off
        return sqrt(float(total.min()) / _PATTERN)

    def _push(self, value: float) -> None:
        if self._filled == len(self._values):
            self._values[:_PATTERNS] = self._values[-_PATTERNS:]
            self._filled = _PATTERNS
        self._values[self._filled] = value
        self._filled += 1

    def _learn_value(self, value: float) -> None:
        if self._seen == 0:
            self._mean = value
        weight, away = 1.0 / min(self._seen + 1, _SLOW), value - self._mean
        if self._seen >= _RECENT:
            far = _BELIEVED * sqrt(self._variance)
            away = max(min(away, far), -far)
        self._mean += weight * away
        self._variance = (1.0 - weight) * (self._variance + weight * away * away)
        self._seen += 1

    def _learn_profile(self, at: float, value: float) -> None:
        slot = int(at % _DAY / _DAY * _SLOTS)
        known, away = self._counts[slot], value - self._profile[slot]
        if known >= _KNOWN:
            self._offset += _SMOOTH * (away - self._offset)
            far = _BELIEVED * sqrt(self._variance)
            away = max(min(away, far), -far)
        self._counts[slot] = min(known + 1, _PROFILE)
        self._profile[slot] += away / self._counts[slot]

    def _remember(self, away: Deviations) -> None:
        if self._seen < _RECENT:
            return
        self._past[self._kept % _PAST] = away
        self._kept += 1
        if self._kept >= _LEAST and (not self._tails or self._kept % _REFIT == 0):
            past: Floats = np.abs(self._past[: min(self._kept, _PAST)])
            self._tails = tuple(_tail(past[:, i]) for i in range(len(REASONS)))


def _usable(value: float) -> bool:
    return -_HUGE < value < _HUGE


def _tail(past: Floats) -> _Tail:
    n = len(past)
    top: Floats = np.sort(np.partition(past, n - int(_SHARE * n) - 1)[n - int(_SHARE * n) - 1 :])
    threshold = float(top[0])
    above: Floats = top[top > threshold] - threshold
    least = 1e-12 + _ROUNDING * threshold
    if len(above) < _FEW:
        return _Tail(threshold, max(len(above), 1) / n, max(float(top[-1]) - threshold, least), 0.0)
    scale, shape = weighted(above, _SHAPES)
    return _Tail(threshold, len(above) / n, max(scale, least), shape)


def chance(score: float) -> float:
    """Return the chance that a `score` stands for, both of them pure numbers [1].

    Examples
    --------
    >>> round(chance(3.0), 6)
    0.001
    """
    return float(10.0**-score)


def decades(share: float) -> float:
    """Return the score that stands for a chance `share` [1].

    Examples
    --------
    >>> decades(0.001)
    3.0
    """
    return -log10(share)
