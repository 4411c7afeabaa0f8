"""Limits from a budget of false alarms, by the theory of extreme values, and how unusual a score is.

What an operator is told are episodes, not samples: scores that last out the delay, hold together by hysteresis, and
are merged where they follow closely. Calibration scores are therefore taken apart into episodes first, and the tail is
that of the peaks of episodes. How many episodes in a given time peak above a level x is then

* exponential peaks over a threshold u: ``n/T (1 + (x - u)/S)^-n``, for n episodes in a time T whose peaks lie S above u
  in all. This is the predictive form of the exponential tail, so that the promise also holds for few episodes.
* generalised Pareto: ``n/T (1 + xi (x - u)/sigma)^(-1/xi)``.
* Gumbel maxima of blocks of length B: ``exp(-(x - mu)/beta)/B``.

References
----------
R. L. Smith, "Maximum likelihood estimation in a class of nonregular cases", Biometrika
72(1), 1985, doi:10.1093/biomet/72.1.67. A. C. Davison, R. L. Smith, "Models for exceedances over high thresholds",
J. R. Statist. Soc. B 52(3), 1990, doi:10.1111/j.2517-6161.1990.tb01796.x. S. Coles, "An introduction to statistical
modeling of extreme values", Springer, 2001, doi:10.1007/978-1-4471-3675-0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, expm1, inf, isfinite, log, log1p, nan, sqrt
from typing import Literal, cast

import numpy as np

from anomaly.tails import STRAIGHT, left, pareto
from anomaly.words import span as told
from plant_io.signals import Floats
from policies.budgets import said
from policies.sentences import counted

Method = Literal["exponential", "gpd", "gumbel"]
"""Form of the tail."""

LONG_S = 20.0 * 86_400.0
"""Calibration from which on three parameters may be believed, time [s]; below it the tail is exponential."""

BLOCK_S = 4.0 * 3600.0
"""Length of a block whose maximum is taken, time [s]."""

LEAST_RUNS = 6
"""Runs from which on the differences between them can be judged [1]."""

_LEVELS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999)
_APART = 0.3
_ENOUGH, _MARGIN = 30, 1.5
_LEAST = 10
_NORMAL_95 = 1.96
_EULER = 0.5772156649015329


@dataclass(frozen=True, slots=True)
class Episodes:
    """How scores above a level become what is told."""

    every_s: float
    """Time between two scores [s]."""
    merge_s: float = 7200.0
    """Episodes that follow each other within this time are one [s]."""
    clear: float = 0.7
    """Share of the level below which an episode ends [1]."""
    on_delay_s: float = 0.0
    """Time a score must stay above the level before anything is told [s]."""

    @property
    def samples(self) -> int:
        """Scores in a row that must lie above the level [1]."""
        return 1 + round(self.on_delay_s / self.every_s)


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit, what it promises, and what it rests on."""

    value: float
    """Score at which it speaks [1]."""
    method: Method
    """Form of the tail."""
    promised: float
    """False alarms it promises at most, on average [1/s]."""
    threshold: float
    """Score above which the tail was fitted; location of the maxima for Gumbel [1]."""
    scale: float
    """Scale of the tail [1]."""
    shape: float
    """Shape of the tail, 0 for an exponential one [1]."""
    exceedances: int
    """Episodes above the threshold, or blocks, that it was fitted to [1]."""
    span_s: float
    """Time for which there were calibration scores [s]."""
    low: float
    """Lower end of the 95 % confidence interval of the limit [1]."""
    high: float
    """Upper end of the 95 % confidence interval of the limit [1]."""
    block_s: float = BLOCK_S
    """Length of a block of Gumbel maxima [s]."""

    @property
    def extrapolated(self) -> bool:
        """Whether the promise is rarer than once in the whole calibration."""
        return self.promised * self.span_s < 1.0

    @property
    def why(self) -> str:
        """One sentence: what the limit promises and what that rests on."""
        basis = f"{self.exceedances} {'maxima' if self.method == 'gumbel' else 'episodes'} in {told(self.span_s)}"
        form = {"exponential": "an exponential tail", "gpd": "a generalised Pareto tail", "gumbel": "a Gumbel tail"}
        sure = f"limit {self.value:.4g}, with 95 % confidence between {self.low:.4g} and {self.high:.4g}"
        rest = f"{said(self.promised)}: {sure}, by {form[self.method]} of {basis}"
        beyond = "; extrapolated, for this is rarer than once in the whole calibration"
        return f"{rest}{beyond if self.extrapolated else ''}."

    def rate(self, score: float) -> float:
        """Return how many normal episodes peak at a score or above it [1/s]; at most those above the threshold.

        Parameters
        ----------
        score
            Score [1].
        """
        above = (score - self.threshold) / self.scale
        if self.method == "gumbel":
            return exp(min(-above, 0.0)) / self.block_s
        often = self.exceedances / self.span_s
        if above <= 0.0:
            return often
        return often * (
            _predicted(above, self.exceedances) if self.method == "exponential" else left(above, self.shape)
        )

    def p_value(self, score: float, time_s: float = 86_400.0) -> float:
        """Return the chance that normal operation reaches a score at least once in a while [1].

        Parameters
        ----------
        score
            Score [1].
        time_s
            Length of the while [s].
        """
        return -expm1(-self.rate(score) * time_s)


def peaks(scores: Floats, level: float, episodes: Episodes) -> Floats:
    """Return the peak of every episode above a level, shape ``(n,)`` [1].

    Parameters
    ----------
    scores
        Scores in the order of time, shape ``(n_scores,)`` [1]; not a number where there is none, which ends nothing.
    level
        Score from which on an episode begins [1].
    episodes
        How scores become episodes.
    """
    return _told(_lasting(scores, episodes.samples), level, episodes)[0]


def _told(lasting: Floats, level: float, episodes: Episodes) -> tuple[Floats, float]:
    """Return the peaks of episodes, and the share of time in them or so soon after that another would be merged."""
    turns = np.where(lasting >= level, 1, np.where(lasting < episodes.clear * level, -1, 0))
    turning = np.flatnonzero(turns)
    inside = turns[turning] > 0
    before = np.concatenate([[False], inside[:-1]])
    begins = turning[inside & ~before]
    if not len(begins):
        return np.empty(0), 0.0
    ends = np.concatenate([turning[~inside & before], [len(lasting)]])[: len(begins)]
    merged = round(episodes.merge_s / episodes.every_s)
    quiet = begins[1:] - ends[:-1]
    apart = np.concatenate([[True], quiet > merged])
    filled: Floats = np.where(np.isnan(lasting), -inf, lasting)
    taken = int((ends - begins).sum()) + int(np.minimum(quiet, merged).sum())
    return cast("Floats", np.maximum.reduceat(filled, begins[apart])), taken / len(lasting)


def _lasting(scores: Floats, samples: int) -> Floats:
    """Return the least of the last few scores: what has lasted."""
    if samples == 1 or len(scores) < samples:
        return scores
    windows = np.lib.stride_tricks.sliding_window_view(scores, samples)
    return np.concatenate([np.full(samples - 1, np.nan), windows.min(axis=1)])


def limit(scores: Floats, rate: float, episodes: Episodes, method: Method | None = None) -> Limit:
    """Return the limit that keeps a budget.

    The tail is exponential where the calibration is shorter than `LONG_S`. Where it is longer, both generalised Pareto
    and Gumbel are fitted, and the higher limit is taken: a budget is a promise.

    Parameters
    ----------
    scores
        Scores of normal operation in the order of time, shape ``(n,)`` [1]; not a number where there is none.
    rate
        False alarms permitted [1/s].
    episodes
        How scores become episodes.
    method
        Form of the tail; chosen as above where None.

    Raises
    ------
    ValueError
        If the rate is none, or there are too few scores for any limit.
    """
    if not (isfinite(rate) and rate > 0.0):
        raise ValueError(f"found a budget of {rate:g} false alarms per second, expected more than none")
    span_s = float(np.isfinite(scores).sum()) * episodes.every_s
    if method is None:
        return _chosen(scores, rate, episodes, span_s)
    if method == "gumbel":
        return _gumbel(scores, rate, episodes, span_s)
    level, tops = _tops(scores, rate, episodes, span_s)
    return _over_threshold(tops - level, level, rate, span_s, method)


def between(runs: Sequence[Floats], rate: float, episodes: Episodes) -> Limit:
    """Return the limit that keeps a budget where runs differ from each other more than hours of one run.

    A run that lies far from the others is far for all of its hours: its episodes are not independent, and count for
    one. The tail is the predictive exponential one of the highest peak of each run, over the median of these.

    Parameters
    ----------
    runs
        Scores of each run in the order of time, each of shape ``(n,)`` [1]; not a number where there is none.
    rate
        False alarms permitted [1/s].
    episodes
        How scores become episodes.

    Raises
    ------
    ValueError
        If there are too few runs with scores for any limit.
    """
    tops = np.array([top(one, episodes) for one in runs])
    tops = tops[np.isfinite(tops)]
    span_s = float(sum(np.isfinite(one).sum() for one in runs)) * episodes.every_s
    if len(tops) < LEAST_RUNS:
        raise ValueError(f"found {counted(len(tops), 'run')} with scores, expected at least {LEAST_RUNS}")
    level = float(np.median(tops))
    return _over_threshold(tops[tops > level] - level, level, rate, span_s, "exponential")


def top(scores: Floats, episodes: Episodes) -> float:
    """Return the highest score that has lasted [1], not a number where there is none.

    Parameters
    ----------
    scores
        Scores in the order of time, shape ``(n,)`` [1]; not a number where there is none.
    episodes
        How long a score must last.
    """
    lasting = _lasting(scores, episodes.samples)
    heard = lasting[np.isfinite(lasting)]
    return float(heard.max()) if len(heard) else nan


def _chosen(scores: Floats, rate: float, episodes: Episodes, span_s: float) -> Limit:
    if span_s < LONG_S:
        return limit(scores, rate, episodes, "exponential")
    return max((limit(scores, rate, episodes, one) for one in ("gpd", "gumbel")), key=lambda found: found.value)


def _tops(scores: Floats, rate: float, episodes: Episodes, span_s: float) -> tuple[float, Floats]:
    """Return the lowest level at which episodes are well apart and more than the budget permits, and their peaks.

    Too low a level joins episodes into one, which hides how many there are; where none will do, the highest that
    leaves enough episodes is taken.
    """
    lasting = _lasting(scores, episodes.samples)
    usable = lasting[np.isfinite(lasting)]
    wanted = max(_ENOUGH, _MARGIN * rate * span_s)
    found: list[tuple[float, Floats]] = []
    for share in _LEVELS if len(usable) else ():
        level = float(np.quantile(usable, share))
        tops, taken = _told(lasting, level, episodes)
        found.append((level, tops))
        if len(tops) >= wanted and taken <= _APART:
            return level, tops
    enough = [one for one in found if len(one[1]) >= wanted]
    level, tops = enough[-1] if enough else max(found, key=lambda one: len(one[1]), default=(0.0, np.empty(0)))
    if len(tops) < _LEAST or float((tops - level).sum()) <= 0.0:
        found_in = f"found {len(tops)} episodes in {told(span_s)} of calibration"
        raise ValueError(f"{found_in}, expected at least {_LEAST}: more hours of normal operation are needed")
    return level, tops


def _over_threshold(above: Floats, level: float, rate: float, span_s: float, method: Method) -> Limit:
    n = len(above)
    ratio = max(n / (rate * span_s), 1.0)
    if method == "exponential":
        scale, shape = float(above.mean()), 0.0
        reach, spread = n * expm1(log(ratio) / n), sqrt((log(ratio) ** 2 + 1.0) / n)
    else:
        scale, shape = pareto(above)
        reach = log(ratio) if abs(shape) < STRAIGHT else expm1(shape * log(ratio)) / shape
        spread = _pareto_spread(ratio, shape, n)
    value, half = level + scale * reach, _NORMAL_95 * scale * spread
    return Limit(value, method, rate, level, scale, shape, n, span_s, value - half, value + half)


def _pareto_spread(ratio: float, shape: float, n: int) -> float:
    """Return the standard error of a level that is reached once in `ratio` episodes, in scales (delta method)."""
    many = ratio**shape
    small = abs(shape) < STRAIGHT
    by_scale = log(ratio) if small else (many - 1.0) / shape
    by_shape = 0.5 * log(ratio) ** 2 if small else (many * log(ratio) - by_scale) / shape
    by_count = many
    ours = 1.0 + shape
    variance = 2.0 * ours * by_scale**2 - 2.0 * ours * by_scale * by_shape + ours**2 * by_shape**2 + by_count**2
    return sqrt(max(variance, 0.0) / n)


def _gumbel(scores: Floats, rate: float, episodes: Episodes, span_s: float) -> Limit:
    lasting = _lasting(scores, episodes.samples)
    usable, size = lasting[np.isfinite(lasting)], max(round(BLOCK_S / episodes.every_s), 1)
    tops: Floats = usable[: len(usable) // size * size].reshape(-1, size).max(axis=1)
    if len(tops) < _LEAST:
        raise ValueError(f"found {len(tops)} blocks of {told(BLOCK_S)} with scores, expected at least {_LEAST}")
    scale = _gumbel_scale(tops)
    middle = -scale * log(float(np.exp(-(tops - tops.min()) / scale).mean())) + float(tops.min())
    far = -log(rate * size * episodes.every_s)
    # Asymptotic covariance of location and scale over scale^2/n: 1 + 6(1 - euler)^2/pi^2, 6/pi^2, 6(1 - euler)/pi^2.
    six, part = 6.0 / np.pi**2, 1.0 - _EULER
    half = _NORMAL_95 * scale * sqrt((1.0 + six * (part**2 + far**2 + 2.0 * part * far)) / len(tops))
    value, block_s = middle + scale * far, size * episodes.every_s
    return Limit(value, "gumbel", rate, middle, scale, 0.0, len(tops), span_s, value - half, value + half, block_s)


def _gumbel_scale(tops: Floats) -> float:
    """Solve ``scale = mean(x) - sum(x exp(-x/scale))/sum(exp(-x/scale))``, as likelihood wants it, by halves."""
    above = tops - tops.min()
    low, high = 1e-6 * float(above.max() + 1e-300), float(above.max() + 1e-300)
    for _ in range(80):
        scale = 0.5 * (low + high)
        weights = np.exp(-above / scale)
        too_small = float(above.mean() - (above * weights).sum() / weights.sum()) > scale
        low, high = (scale, high) if too_small else (low, scale)
    return 0.5 * (low + high)


def _predicted(above: float, n: int) -> float:
    return exp(-n * log1p(above / n))
