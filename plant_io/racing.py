"""Devices that are not read as they hold their values: their scan counter runs faster than any device scans.

The words of a value in another order than declared turn its smallest steps into its largest. Of a measurement that can
look like a measurement; of a counter it cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plant_io.quality import Quality, Reason
from plant_io.signals import Floats
from plant_io.verdicts import NOTHING, Positions, Verdict

FASTEST_HZ = 20_000.0
"""Scans of the fastest controllers [Hz]; with its words swapped, a counter of 1 Hz shows 65,536 Hz."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Newest scan counter of each device, and when it was read."""

    counts: Floats
    """Counters, shape ``(n_connections,)`` [1]; not a number where none has come."""
    at: Floats
    """When each was read, shape ``(n_connections,)``, POSIX time [s]."""


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
        none = np.full(len(self._tags), np.nan)
        return Seen(none, none)

    def judged(self, counts: Floats, at: float, before: Seen) -> tuple[Verdict, Seen]:
        """Return what is said against the tags of devices whose counter races, and what is known now.

        Parameters
        ----------
        counts
            Scan counters read now, shape ``(n_connections,)`` [1]; not a number where none came.
        at
            Start of the cycle, POSIX time [s].
        before
            What was known before.
        """
        racing = counts - before.counts > FASTEST_HZ * (at - before.at)
        known = np.isfinite(counts)
        seen = Seen(np.where(known, counts, before.counts), np.where(known, at, before.at))
        if not racing.any():
            return NOTHING, seen
        tags = np.concatenate([self._tags[i] for i in np.flatnonzero(racing).tolist()])
        n = len(tags)
        return Verdict(tags, np.full(n, Quality.BAD, np.uint8), np.full(n, Reason.WRONG_TYPE, np.uint8)), seen
