"""Two trends at once: what one entry explains is taken away, the rest is matched again, and both are refitted.

References
----------
S. G. Mallat, Z. Zhang, "Matching pursuits with time-frequency dictionaries", IEEE Trans. Signal Process. 41(12), 1993,
doi:10.1109/78.258082.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

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
    alike: float
    """What the entry that was tried first explains alone of the channels that the other one moves [1]."""


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


def pair(sight: Sight, found: Match, among: Sequence[int] = ()) -> Pair | None:
    """Return the two entries that explain a window best together, None where there are no two.

    Parameters
    ----------
    sight
        The window.
    found
        What it shows if there is one trend.
    among
        Places of the entries that are tried first, those that explain most where empty [1].
    """
    order: list[int] = list(among) or np.argsort(-found.entries, kind="stable").tolist()
    whole = worth(sight.points, sight.noise)
    tried = [_with(sight, found, i, whole) for i in order[:_FIRST] if found.entries[i] > 0.0]
    there = [one for one in tried if one is not None]
    if not there:
        return None
    return max(there, key=lambda one: one.both)


def beside(sight: Sight, found: Match, entry: int) -> float:
    """Return the logarithm of the likelihood ratio of the likeliest trend in what an entry leaves, on any course [1].

    Parameters
    ----------
    sight
        The window.
    found
        What it shows if there is one trend.
    entry
        Place of the entry [1].
    """
    return _left(sight, _made(sight, found, entry), inf).free


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
    gain = both - float(found.entries.max())
    return Pair(one, two, gain, both, left.free, _alike(sight, found, first, second))


def _alike(sight: Sight, found: Match, first: int, second: int) -> float:
    course, signatures = int(found.courses[first]), sight.signatures
    moved = (signatures.low[second] != 0.0) | (signatures.high[second] != 0.0)
    off = found.seen.moves[course] - _moved(sight, found, first)
    return float((found.seen.ratios[course] - 0.5 * found.seen.power[course] * off**2)[moved].sum())


def _made(sight: Sight, found: Match, entry: int) -> Floats:
    """Return what an entry has made of the window, shape ``(n_points, n_channels)``, in the sd of each channel [1]."""
    made: Floats = sight.bank.courses[int(found.courses[entry])][:, None] * _moved(sight, found, entry)
    return made


def _moved(sight: Sight, found: Match, entry: int) -> Floats:
    """Return how far an entry has moved each channel, shape ``(n_channels,)``, in its sd [1]."""
    size, signatures = float(found.sizes[entry]), sight.signatures
    moves = found.seen.moves[int(found.courses[entry])]
    moved: Floats = np.clip(moves, size * signatures.low[entry], size * signatures.high[entry])
    return moved


def _left(sight: Sight, made: Floats, least: float = 0.0) -> Match:
    return match(sight.points - made, sight.noise, sight.bank, sight.signatures, least)
