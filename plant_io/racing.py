"""Devices that are not read as they hold their values: their scan counter runs faster than any device scans.

The words of a value in another order than declared turn its smallest steps into its largest. Of a measurement that can
look like a measurement; of a counter it cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from plant_io.quality import Quality, Reason
from plant_io.values import quick
from plant_io.verdicts import NOTHING, Positions, Verdict

FASTEST_HZ = 20_000.0
"""Scans of the fastest controllers [Hz]; with its words swapped, a counter of 1 Hz shows 65,536 Hz."""


@quick
@dataclass(frozen=True, slots=True)
class Seen:
    """Newest scan counter of each device, and when it was read."""

    counts: tuple[float, ...]
    """Counters [1]; not a number where none has come."""
    at: tuple[float, ...]
    """When each was read, POSIX time [s]."""


class Racing:
    """Finds devices whose scan counter cannot be true.

    Parameters
    ----------
    tags
        Positions of the tags of each connection, in the order of the counters.
    """

    def __init__(self, tags: Sequence[Positions]) -> None:
        self._tags = tuple(tags)

    def begin(self) -> Seen:
        """Return what is known before the first cycle."""
        none = (nan,) * len(self._tags)
        return Seen(none, none)

    def judged(self, counts: Sequence[float], at: float, before: Seen) -> tuple[Verdict, Seen]:
        """Return what is said against the tags of devices whose counter races, and what is known now.

        Parameters
        ----------
        counts
            Scan counter of each device read now [1]; not a number where none came.
        at
            Start of the cycle, POSIX time [s].
        before
            What was known before.
        """
        racing, shown, read = list[int](), list[float](), list[float]()
        for i, (now, then, since) in enumerate(zip(counts, before.counts, before.at, strict=True)):
            heard = isfinite(now)
            shown.append(now if heard else then)
            read.append(at if heard else since)
            if now - then > FASTEST_HZ * (at - since):
                racing.append(i)
        seen = Seen(tuple(shown), tuple(read))
        if not racing:
            return NOTHING, seen
        tags = np.concatenate([self._tags[i] for i in racing])
        n = len(tags)
        return Verdict(tags, np.full(n, Quality.BAD, np.uint8), np.full(n, Reason.WRONG_TYPE, np.uint8)), seen
