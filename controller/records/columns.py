"""The columns of a record as they are stored, read again."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from controller.records.file import Connection
from controller.records.sealing import BITS, tied
from plant_io.signals import Codes, Floats


@dataclass(frozen=True, slots=True)
class Block:
    """Cycles whose values stand together."""

    number: int
    """Number of the block [1]."""
    first: int
    """Sequence number of the record of its first cycle [1]."""
    last: int
    """Sequence number of the record of its last cycle [1]."""
    count: int
    """Cycles [1]."""
    begins: float
    """First cycle, POSIX time [s]."""
    ends: float
    """Last cycle, POSIX time [s]."""
    packed: bytes
    """Time of each cycle, compressed."""

    def times(self) -> Floats:
        """Return the time of each cycle, shape ``(count,)``, POSIX time [s]."""
        return np.frombuffer(zlib.decompress(self.packed), "<f8")


def blocks(db: Connection, begin: float, end: float) -> Iterator[Block]:
    """Give the blocks that reach into a span of time, oldest first.

    Parameters
    ----------
    db
        The record.
    begin, end
        First and last instant, POSIX time [s].
    """
    rows = db.execute("SELECT * FROM blocks WHERE ends >= ? AND begins <= ? ORDER BY block", (begin, end))
    return (Block(*row) for row in rows)


def column(db: Connection, tag: int, block: Block, length: int = 1) -> tuple[Floats, Codes] | None:
    """Return values, shape ``(count, length)``, and qualities, ``(count,)``, of a tag; None where they were removed.

    Raises
    ------
    ValueError
        If they were damaged.
    """
    for (body,) in db.execute("SELECT body FROM chunks WHERE place = ?", ((tag << BITS) | block.number,)):
        try:
            data = zlib.decompress(body)
            values = np.frombuffer(data, "<f8", offset=block.count).reshape(length, block.count).T
        except (zlib.error, ValueError) as error:
            raise ValueError(f"a column of block {block.number} cannot be read: {error}") from error
        return values, np.frombuffer(data, np.uint8, block.count)
    return None


def digest(db: Connection, number: int) -> tuple[int, int, str] | None:
    """Return the first and the last record of a block and the digest of its columns; None where it is not there.

    Parameters
    ----------
    db
        The record.
    number
        Number of the block [1].
    """
    rows = [Block(*row) for row in db.execute("SELECT * FROM blocks WHERE block = ?", (number,))]
    if not rows:
        return None
    times, stated = rows[0].times(), (rows[0].count, rows[0].begins, rows[0].ends)
    if (len(times), times[0], times[-1]) != stated:
        return rows[0].first, rows[0].last, ""
    found = sha256(sha256(rows[0].packed).digest())
    for tag, name, unit, length in db.execute("SELECT * FROM tags ORDER BY tag"):
        for (body,) in db.execute("SELECT body FROM chunks WHERE place = ?", ((tag << BITS) | number,)):
            found.update(tied(name, unit, length, body))
    return rows[0].first, rows[0].last, found.hexdigest()
