"""Two trends at once: what one entry explains is taken away, the rest is matched again, and both are refitted.

References
----------
S. G. Mallat, Z. Zhang, "Matching pursuits with time-frequency dictionaries", IEEE Trans. Signal Process. 41(12), 1993,
doi:10.1109/78.258082.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anomaly.match import Bank, Match, Noise, Signatures, match, worth
from plant_io.signals import Floats

_FIRST = 6
_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Pair:
    """Two entries that explain a window together."""

    first: int
    """Place of the entry that explains more [1]."""
    second: int
    """Place of the other one [1]."""
    gain: float
    """Logarithm of the likelihood ratio of both to the better one alone [1]."""
    both: float
    """Logarithm of the likelihood ratio of both to no trend [1]."""
    astray: float
    """Logarithm of the likelihood ratio of the likeliest trend in what both leave [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """One window, and what it is held against."""

    points: Floats
    """Distance from normal, shape ``(n_points, n_channels)``, in the sd of each channel [1]; not a number in gaps."""
    noise: Noise
    """What is normal."""
    bank: Bank
    """Courses a trend may take."""
    signatures: Signatures
    """What the entries allow."""


def pair(sight: Sight, found: Match) -> Pair | None:
    """Return the two entries that explain a window best together, None where there are no two.

    Parameters
    ----------
    sight
        The window.
    found
        What it shows if there is one trend.
    """
    order: list[int] = np.argsort(-found.entries, kind="stable").tolist()
    whole = worth(sight.points, sight.noise)
    tried = [_with(sight, found, i, whole) for i in order[:_FIRST] if found.entries[i] > 0.0]
    there = [one for one in tried if one is not None]
    if not there:
        return None
    best = max(there, key=lambda one: one.both)
    return Pair(best.first, best.second, best.both - float(found.entries.max()), best.both, best.astray)


def _with(sight: Sight, found: Match, first: int, whole: float) -> Pair | None:
    ours = _made(sight, found, first)
    rest = _left(sight, ours)
    entries = np.where(np.arange(len(rest.entries)) == first, 0.0, rest.entries)
    second = int(entries.argmax())
    if not entries[second] > 0.0:
        return None
    again, theirs = found, _made(sight, rest, second)
    for _ in range(_ROUNDS):
        again = _left(sight, theirs)
        ours = _made(sight, again, first)
        rest = _left(sight, ours)
        theirs = _made(sight, rest, second)
    made = ours + theirs
    # By how much the squares of the whitened window fall when both are taken away, halved.
    both, left = whole - worth(sight.points - made, sight.noise), _left(sight, made)
    size = float(again.entries[first]), float(rest.entries[second])
    one, two = (first, second) if size[0] >= size[1] else (second, first)
    return Pair(one, two, 0.0, both, left.free)


def _made(sight: Sight, found: Match, entry: int) -> Floats:
    """Return what an entry has made of the window, shape ``(n_points, n_channels)``, in the sd of each channel [1]."""
    course, size = int(found.courses[entry]), float(found.sizes[entry])
    low, high = size * sight.signatures.low[entry], size * sight.signatures.high[entry]
    moves = np.clip(found.seen.moves[course], low, high)
    made: Floats = sight.bank.courses[course][:, None] * moves
    return made


def _left(sight: Sight, made: Floats) -> Match:
    return match(sight.points - made, sight.noise, sight.bank, sight.signatures)
