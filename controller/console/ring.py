"""The newest values of every tag, for trends; what is older stands in the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan

import numpy as np
from numpy.typing import NDArray

from plant_io import Quality, Snapshot, TagIndex
from plant_io.signals import Floats

CYCLES = 3600
"""Cycles kept [1]."""
POINTS = 1200
"""Most points of one trend [1]."""
_BAD = int(Quality.BAD)


class Ring:
    """Values of single-valued tags over the newest cycles.

    Parameters
    ----------
    index
        Tags of the line.
    more
        Names of what else is kept beside the tags.
    cycles
        How many cycles are kept [1].
    """

    def __init__(self, index: TagIndex, more: Sequence[str] = (), cycles: int = CYCLES) -> None:
        names = [name for name, length in zip(index.names, index.lengths, strict=True) if length == 1]
        self.tags: Sequence[str] = names
        self.column: Mapping[str, int] = {name: i for i, name in enumerate((*names, *more))}
        self._places = np.array([index.position[name] for name in names], np.intp)
        self._first = index.first[self._places]
        self._times = np.full(cycles, nan)
        self._values = np.full((cycles, len(self.column)), nan, np.float32)
        self._quality = np.full((cycles, len(self.column)), _BAD, np.uint8)
        self._count = 0

    def add(self, seen: Snapshot, soft: Mapping[str, tuple[float, float, int]], more: Mapping[str, float]) -> None:
        """Keep the values of one cycle.

        Parameters
        ----------
        seen
            What was read.
        soft
            Virtual tags: value and standard deviation in the unit of the tag, and quality.
        more
            What else is kept, each in its own unit.
        """
        count = len(self.tags)
        row = self._count % len(self._times)
        self._times[row] = seen.at
        with np.errstate(over="ignore"):
            self._values[row, :count] = seen.values[self._first]
        self._quality[row, :count] = seen.quality[self._places]
        self._quality[row, count:] = _BAD
        for name, value in more.items():
            self._values[row, self.column[name]], self._quality[row, self.column[name]] = value, 0
        for name, (value, _, quality) in soft.items():
            place = self.column.get(name)
            if place is not None:
                self._values[row, place], self._quality[row, place] = value, quality
        self._count += 1

    def since(self, names: Sequence[str], begin: float, most: int = POINTS) -> tuple[Floats, list[list[float | None]]]:
        """Return what tags were after an instant.

        Parameters
        ----------
        names
            Tags; those that are not kept are empty.
        begin
            The instant, POSIX time [s].
        most
            Most points [1]; every second, third ... one where there are more.

        Returns
        -------
        times
            When each cycle began, shape ``(n,)``, POSIX time [s].
        values
            Values of each tag in its unit; None where there is none.
        """
        rows = self._rows(begin)
        rows = rows[:: max(1, -(-len(rows) // most))]
        found = list[list[float | None]]()
        for name in names:
            place = self.column.get(name)
            if place is None:
                found.append([None] * len(rows))
                continue
            values, quality = self._values[rows, place], self._quality[rows, place]
            usable = (quality != _BAD) & np.isfinite(values)
            pairs = zip(values.tolist(), usable.tolist(), strict=True)
            found.append([float(f"{value:.7g}") if good else None for value, good in pairs])
        return self._times[rows], found

    def _rows(self, begin: float) -> NDArray[np.intp]:
        """Return the rows after an instant, oldest first; `begin` is POSIX time [s]."""
        size, held = len(self._times), min(self._count, len(self._times))
        rows = (self._count - held + np.arange(held, dtype=np.intp)) % size
        return rows[int(np.searchsorted(self._times[rows], begin, "right")) :]
