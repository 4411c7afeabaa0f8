"""How long things took and how late they began: histograms that never grow, and counts beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log10

import numpy as np
from numpy.typing import NDArray

_SHORTEST_S, _LONGEST_S = 1e-5, 1e3
_BINS = 32  # per decade, so that a percentile is right within 4 %
_N = round(_BINS * log10(_LONGEST_S / _SHORTEST_S))


class Histogram:
    """Times in bins of equal ratio, from 10 us to 1000 s; what lies beyond is counted in the outermost bins."""

    __slots__ = ("_bins", "_longest")

    def __init__(self) -> None:
        self._bins: NDArray[np.int64] = np.zeros(_N, np.int64)
        self._longest = 0.0

    def __len__(self) -> int:
        return int(self._bins.sum())

    @property
    def longest_s(self) -> float:
        """Longest time met [s]."""
        return self._longest

    def add(self, time: float) -> None:
        """Count one time.

        Parameters
        ----------
        time
            How long it was [s].
        """
        spot = int(_BINS * log10(time / _SHORTEST_S)) if time > _SHORTEST_S else 0
        self._bins[min(spot, _N - 1)] += 1
        self._longest = max(self._longest, time)

    def percentile(self, share: float) -> float | None:
        """Return a time that a share of all times stays below, right within 4 %, or None where nothing was counted.

        Parameters
        ----------
        share
            Share of the times [%].

        Returns
        -------
        float | None
            Middle of the bin it falls into, at most the longest time [s].

        Examples
        --------
        >>> times = Histogram()
        >>> for time in (0.001, 0.002, 0.100):
        ...     times.add(time)
        >>> round(times.percentile(50.0), 4)
        0.002
        """
        counted = np.cumsum(self._bins)
        if not counted[-1]:
            return None
        spot = int(np.searchsorted(counted, max(1.0, np.ceil(share / 100.0 * counted[-1]))))
        return min(_SHORTEST_S * float(10.0 ** ((spot + 0.5) / _BINS)), self._longest)


@dataclass(slots=True)
class Figures:
    """How one scan class of one connection is kept to."""

    late: Histogram = field(default_factory=Histogram)
    """By how much scans began after their time, on the clock of the run; empty where time waits for the scans."""
    took: Histogram = field(default_factory=Histogram)
    """Wall time from a question to the last of its answers."""
    missed: int = 0
    """Scans without an answer in time [1]."""
    overruns: int = 0
    """Scans that were not over when the next one was due [1]."""
    skipped: int = 0
    """Scans left out because of that [1]."""
    torn: int = 0
    """Scans whose values are not from one scan of the device, although they were read twice [1]."""

    def plain(self) -> Mapping[str, float | None]:
        """Return the figures as plain values."""
        counts = {"scans": len(self.took), "missed": self.missed, "overruns": self.overruns, "skipped": self.skipped}
        shown: dict[str, float | None] = {**counts, "torn": self.torn}
        for name, times in (("late", self.late), ("took", self.took)):
            for share in (50, 99):
                found = times.percentile(float(share))
                shown[f"{name}_p{share}_ms"] = None if found is None else round(1e3 * found, 3)
        return shown
