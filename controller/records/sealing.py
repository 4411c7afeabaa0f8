"""Finished cycles as columns, one per tag and block of cycles, made in slices between the cycles.

A column holds the quality of each cycle, one byte each, then the values, little-endian float64, one element of the tag
after another; all compressed by zlib. A slice is one element of one tag, so that none takes longer than another.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from math import ceil

import numpy as np

from controller.cycle import Cycle
from controller.records.chain import plain
from plant_io.signals import Codes, Floats, TagIndex

Statement = tuple[str, tuple[object, ...]]
"""SQL, and what is put into it."""
BITS = 32
"""Bits of a block number in the place of a chunk [1]."""
_MOST_VALUES = 4_000_000
_FEWEST = 60
_PART = 0.8  # of the time in which the next block fills


def cycles_in_block(block_s: float, period_s: float, width: int) -> int:
    """Return how many cycles are sealed together [1].

    Parameters
    ----------
    block_s
        Time a block is to span [s].
    period_s
        Length of a cycle [s].
    width
        Values of one cycle [1]; of many, fewer cycles are taken together.
    """
    return max(_FEWEST, min(int(block_s / period_s), _MOST_VALUES // max(1, width)))


@dataclass(slots=True)
class Ready:
    """What goes into the next transaction beside the cycle."""

    statements: list[Statement] = field(default_factory=list[Statement])
    """Tags, columns and blocks."""
    sealed: list[bytes] = field(default_factory=list[bytes])
    """Bodies of the records that tie complete blocks to the chain."""


class _Block:
    """Cycles that are gathered until there are enough.

    Parameters
    ----------
    number
        Number of the block [1].
    most
        Cycles it takes [1].
    index
        Tags of the line.
    """

    def __init__(self, number: int, most: int, index: TagIndex) -> None:
        self.number, self.index, self.count = number, index, 0
        self.first = self.last = -1
        self.values: Floats = np.empty((most, index.width))
        self.quality: Codes = np.empty((most, len(index)), np.uint8)
        self.times: Floats = np.empty(most)

    def add(self, cycle: Cycle, seq: int) -> None:
        """Take a cycle that was kept under a sequence number."""
        row, seen = self.count, cycle.snapshot
        self.values[row], self.quality[row], self.times[row] = seen.values, seen.quality, seen.at
        for name, (value, _, quality) in cycle.decision.soft.items():
            place = self.index.places.get(name)
            if place is not None:
                self.quality[row, place[0]], self.values[row, place[1]] = quality, value
        self.first = seq if row == 0 else self.first
        self.last, self.count = seq, row + 1

    def column(self, element: int) -> bytes:
        """Return one element of one tag over all cycles."""
        return self.values[: self.count, element].astype("<f8").tobytes()


class Sealer:
    """Makes columns of finished cycles, a slice at a time.

    Parameters
    ----------
    units
        UCUM unit by tag.
    length
        Gives the cycles of a block [1], from the values of one cycle [1].
    """

    def __init__(self, units: Mapping[str, str], length: Callable[[int], int]) -> None:
        self.ready = Ready()
        """What goes into the next transaction."""
        self._units, self._length = units, length
        self._open: _Block | None = None
        self._slices: Iterator[Ready] = iter(())
        self._a_time = 1
        self._most = 0

    def due(self, cycle: Cycle) -> Ready:
        """Return what goes into the transaction of a cycle."""
        if self._open is None:
            self._begin(cycle.snapshot.index)
        return self.ready

    def kept(self, cycle: Cycle, seq: int) -> None:
        """Take a cycle that was kept under a sequence number, with all that was due, and make the next slice ready."""
        block, self.ready = self._open, Ready()
        if block is None:
            return
        block.add(cycle, seq)
        for _ in range(self._a_time):
            self._take(next(self._slices, None))
        if block.count == self._most:
            self._take(*self._slices)
            self._slices = self._sealed(block)
            self._open = _Block(block.number + 1, self._most, block.index)

    def end(self) -> Ready:
        """Return what is still to be written when the run ends."""
        self._take(*self._slices)
        if self._open is not None and self._open.count:
            self._take(*self._sealed(self._open))
            self._open = None
        return self.ready

    def _begin(self, index: TagIndex) -> None:
        self._most = self._length(index.width)
        self._a_time = ceil(index.width / (_PART * self._most))
        self._open = _Block(0, self._most, index)
        named = zip(index.names, index.lengths, strict=True)
        self.ready.statements += [
            ("INSERT OR IGNORE INTO tags VALUES (?, ?, ?, ?)", (tag, name, self._units.get(name, ""), length))
            for tag, (name, length) in enumerate(named)
        ]

    def _take(self, *slices: Ready | None) -> None:
        for made in slices:
            if made is not None:
                self.ready.statements += made.statements
                self.ready.sealed += made.sealed

    def _sealed(self, block: _Block) -> Iterator[Ready]:
        """Give the columns of a block, slice by slice, then what ties them to the chain."""
        times = zlib.compress(block.times[: block.count].astype("<f8").tobytes(), 1)
        digest = sha256(sha256(times).digest())
        for tag, (name, length) in enumerate(zip(block.index.names, block.index.lengths, strict=True)):
            packer = zlib.compressobj(1)
            parts = [packer.compress(block.quality[: block.count, tag].tobytes())]
            for element in range(length):
                parts.append(packer.compress(block.column(block.index.start[tag] + element)))
                if element < length - 1:
                    yield Ready()
            body = b"".join([*parts, packer.flush()])
            digest.update(tied(name, self._units.get(name, ""), length, body))
            place = (tag << BITS) | block.number
            yield Ready([("INSERT OR REPLACE INTO chunks VALUES (?, ?)", (place, body))])
        ends = float(block.times[0]), float(block.times[block.count - 1])
        row = (block.number, block.first, block.last, block.count, *ends, times)
        said = plain({"block": block.number, "first": block.first, "last": block.last, "digest": digest.hexdigest()})
        yield Ready([("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)", row)], [said])


def tied(name: str, unit: str, length: int, body: bytes) -> bytes:
    """Return what a column adds to the digest of its block.

    Parameters
    ----------
    name, unit
        Tag.
    length
        Number of its values [1].
    body
        The column as it is stored.
    """
    return f"{name}\0{unit}\0{length}\0".encode() + sha256(body).digest()
