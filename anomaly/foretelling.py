"""How sure a match is: chances of the entries, when the trend began, and when it reaches a limit.

References
----------
R. E. Kass, A. E. Raftery, "Bayes factors", J. Am. Stat. Assoc. 90(430), 1995, doi:10.1080/01621459.1995.10476572
(approximate evidence, section 4.1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import erf, exp, inf, isfinite, pi, sqrt

import numpy as np

from anomaly.match import Bank, Match, Signatures, held
from plant_io.signals import Floats
from policies.library import Exponential, Step

_DOUBLINGS, _HALVINGS = 24, 30
_HARDLY = 1e-4


@dataclass(frozen=True, slots=True)
class Between:
    """A value with the interval that holds it in nine cases of ten."""

    likely: float
    """Likeliest value, in the unit asked for."""
    low: float
    """Value below which it is in one case of twenty, same unit."""
    high: float
    """Value above which it is in one case of twenty, same unit; infinite where it may never be reached."""


@dataclass(frozen=True, slots=True)
class Grown:
    """One channel on the way to a limit, on its scale and in its standard deviations."""

    channel: int
    """Place of the channel [1]."""
    mean: float
    """Normal value of the channel over its standard deviation [1]."""
    limit: float
    """Limit over the standard deviation [1]."""


def chances(found: Match, signatures: Signatures) -> Floats:
    """Return how likely each entry is the trend, and last how likely none is, shape ``(n_entries + 1,)`` [1].

    All are equally likely beforehand. What an entry leaves open of its direction, and the freedom of an unknown trend,
    count against them as the volume of what they would have allowed (Occam's factor).

    Parameters
    ----------
    found
        What the window shows.
    signatures
        What the entries allow.
    """
    power = found.seen.power
    spread = max(float((found.moves**2).mean()), 1.0)
    known = spread * power[found.course]
    unknown = float((found.seen.ratios[found.course] * known / (1.0 + known) - 0.5 * np.log1p(known)).sum())
    sizes = found.sizes[:, None]
    width = (signatures.high - signatures.low) * sizes
    middle = 0.5 * (signatures.high + signatures.low) * sizes
    of_size = 0.5 * np.log1p((power[found.courses] * middle**2).sum(axis=1))
    of_width = 0.5 * np.log1p(power[found.courses] * width**2 / (2.0 * pi)).sum(axis=1)
    evidence = np.append(found.entries - of_size - of_width, unknown)
    weights = np.exp(evidence - evidence.max())
    share: Floats = weights / weights.sum()
    return share


def weights(found: Match, signatures: Signatures, entry: int | None) -> Floats:
    """Return how likely each course is, shape ``(n_courses,)`` [1].

    Parameters
    ----------
    found
        What the window shows.
    signatures
        What the entries allow.
    entry
        Place of the entry the trend is, None where it is unknown [1].
    """
    if entry is None:
        ratios: Floats = found.seen.ratios.sum(axis=1)
    else:
        ratios, _ = held(found.seen.power, found.seen.moves, signatures.low[entry], signatures.high[entry])
        ratios = np.where(signatures.courses[entry], ratios, -np.inf)
    likely = np.exp(ratios - ratios.max())
    share: Floats = likely / likely.sum()
    return share


def began(bank: Bank, likely: Floats, every_s: float) -> Between:
    """Return how long ago the trend began [s].

    Parameters
    ----------
    bank
        Courses.
    likely
        How likely each course is, shape ``(n_courses,)`` [1].
    every_s
        Time between two points [s].
    """
    points = bank.courses.shape[1]
    ages = (points - bank.onsets).astype(float) * every_s
    order = np.argsort(ages, kind="stable")
    summed = np.cumsum(likely[order])
    low, high = (float(ages[order[min(int(np.searchsorted(summed, p)), len(order) - 1)]]) for p in (0.05, 0.95))
    best = float(ages[int(likely.argmax())])
    return Between(best, min(low, best), max(high, best))


def out_of_order(found: Match, bank: Bank, groups: Sequence[Sequence[int]]) -> float:
    """Return how much likelier it is that some channels moved in another order than in that of an entry [1].

    It is the logarithm of a likelihood ratio: the likeliest onsets in another order to the likeliest in this one, each
    group of channels with one onset, and the greatest of it over neighbouring groups; below 0 where the order is kept.

    Parameters
    ----------
    found
        What the window shows.
    bank
        Courses.
    groups
        Places of channels in the order in which they begin to move [1].
    """
    onsets = np.unique(bank.onsets)
    by_onset = np.array([found.seen.ratios[bank.onsets == onset].max(axis=0) for onset in onsets])
    sums = [by_onset[:, list(group)].sum(axis=1) for group in groups]
    worst = -inf
    for early, late in pairwise(sums):
        kept = float((np.maximum.accumulate(early) + late).max())
        broken = float((np.maximum.accumulate(late)[:-1] + early[1:]).max())
        worst = max(worst, broken - kept)
    return worst


def reaches(found: Match, bank: Bank, likely: Floats, on: Grown, every_s: float) -> Between | None:
    """Return when a channel reaches a limit if the trend goes on as it does, from now [s]; None if it does not.

    Every course says where the channel is heading, each with the doubt about its move; courses count as they are
    likely. A step grows no more. Where it is over the limit already the time is 0.

    Parameters
    ----------
    found
        What the window shows.
    bank
        Courses.
    likely
        How likely each course is, shape ``(n_courses,)`` [1].
    on
        The channel and its limit.
    every_s
        Time between two points [s].
    """
    taken = np.flatnonzero(likely > _HARDLY)
    moves = found.seen.moves[taken, on.channel]
    doubt = 1.0 / np.sqrt(np.maximum(found.seen.power[taken, on.channel], 1e-12))
    ways = [_Way(bank, int(c), every_s, on.limit - on.mean) for c in taken]
    shares: list[float] = (likely[taken] / likely[taken].sum()).tolist()

    def reached(after: float) -> float:
        parts = (w.chance(after, float(m), float(s)) for w, m, s in zip(ways, moves, doubt, strict=True))
        return sum(share * part for share, part in zip(shares, parts, strict=True))

    quantiles = [_first(reached, level, every_s) for level in (0.5, 0.05, 0.95)]
    return Between(*quantiles) if isfinite(quantiles[0]) else None


@dataclass(frozen=True, slots=True)
class _Way:
    """Where one course heads."""

    bank: Bank
    course: int
    every_s: float
    away: float

    def chance(self, after: float, move: float, doubt: float) -> float:
        """Return how likely the limit is reached after a time [s]."""
        factor = self._factor(after)
        toward = 1.0 if self.away >= 0.0 else -1.0
        return 0.5 * (1.0 + erf((toward * (move * factor - self.away)) / (doubt * factor * sqrt(2.0))))

    def _factor(self, after: float) -> float:
        shape, points = self.bank.shapes[self.course], self.bank.courses.shape[1]
        age = float(points - self.bank.onsets[self.course]) * self.every_s
        if isinstance(shape, Step):
            return 1.0
        if isinstance(shape, Exponential):
            return (1.0 - exp(-(age + after) / shape.tau_s)) / (1.0 - exp(-age / shape.tau_s))
        return (age + after) / age


def _first(reached: Callable[[float], float], level: float, every_s: float) -> float:
    """Return the time at which a chance reaches a level [s]; infinite if it does not."""
    if reached(0.0) >= level:
        return 0.0
    high = every_s
    for _ in range(_DOUBLINGS):
        if reached(high) >= level:
            break
        high *= 2.0
    else:
        return inf
    low = 0.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if reached(middle) >= level else (middle, high)
    return high
