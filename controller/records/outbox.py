"""What of a record is still to be copied: its writer keeps it anyway, so that nothing is stored twice to be sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from controller.records.chain import FORMAT, START
from controller.records.entry import Entry
from controller.records.file import Connection, connect, found, told, version
from controller.records.sealing import BITS

MOST = 1000
"""Most records of one batch [1]."""
MOST_BYTES = 4_000_000
"""Bytes of bodies at which a batch is closed [B]; a single record may be larger."""


class Forked(ValueError):  # noqa: N818  # the condition, in the words of the field
    """The copy holds another record than the one that is to be copied; nothing is overwritten, a person must look."""


@dataclass(frozen=True, slots=True)
class About:
    """Which record it is."""

    first: bytes
    """Chain value of its first record, by which it is known everywhere."""
    line: str
    """Name of the line."""
    began: float
    """Time of its first record, POSIX time [s]."""
    name: str
    """Name of its directory."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a copy goes."""

    next: int = 0
    """Sequence number of the record that is to come next [1]."""
    chain: bytes = START
    """Chain value of the one before it."""


@dataclass(frozen=True, slots=True)
class Block:
    """Columns of values that a record speaks of."""

    row: tuple[object, ...]
    """Number, first and last record, cycles, first and last time, and times, as in the record."""
    chunks: Sequence[tuple[int, bytes]]
    """Place and body of each column."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records one after another, with the columns they speak of."""

    entries: Sequence[Entry]
    """The records, oldest first."""
    blocks: Sequence[Block] = ()
    """Columns that those of kind ``sealed`` speak of."""
    tags: Sequence[tuple[int, str, str, int]] = ()
    """Number, name, unit and length [1] of each tag, where there are blocks."""

    @property
    def mark(self) -> Mark:
        """Return how far a copy goes that holds it."""
        last = self.entries[-1]
        return Mark(last.seq + 1, last.chain)

    @property
    def size(self) -> int:
        """Return what is to be carried [B]."""
        columns = sum(len(body) for block in self.blocks for _, body in block.chunks)
        return columns + sum(len(entry.body) for entry in self.entries)

    def halves(self) -> tuple[Batch, Batch]:
        """Return its older and its newer half."""
        middle = len(self.entries) // 2
        last = self.entries[middle - 1].seq
        said = [int(each.content()["block"]) for each in self.entries if each.kind == "sealed" and each.seq <= last]
        old = [block for block in self.blocks if block.row[0] in said]
        new = [block for block in self.blocks if block.row[0] not in said]
        return Batch(self.entries[:middle], old, self.tags), Batch(self.entries[middle:], new, self.tags)


@dataclass(slots=True)
class Outbox:
    """The records of one directory, as a reader that the writer never waits for."""

    directory: Path
    """Record directory."""
    about: About = field(init=False)
    """Which record it is."""
    _db: Connection = field(init=False)

    def __post_init__(self) -> None:
        file = found(self.directory)
        with self._reading():
            self._db = connect(file, write=False)
        try:
            head = self._head()
        except BaseException:
            self._db.close()
            raise
        line = str(head.content().get("line", ""))
        self.about = About(head.chain, line, head.at, self.directory.resolve().name)

    def _head(self) -> Entry:
        with self._reading():
            form = version(self._db)
            head = next(self._entries("WHERE seq = 0", ()), None) if form == FORMAT else None
        if form != FORMAT:
            raise ValueError(f"{self.directory}: found a record of format {form}, wanted {FORMAT} to copy it")
        if head is None or head.kind != "head" or not head.follows(START):
            raise ValueError(f"{self.directory}: the record does not begin with a head")
        return head

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def end(self) -> tuple[int, bool]:
        """Return how many records there are [1], and whether the run was closed in order."""
        with self._reading():
            last = list(self._db.execute("SELECT seq, kind FROM records ORDER BY seq DESC LIMIT 2"))
        return int(last[0][0]) + 1, any(kind == "tail" for _, kind in last)

    def since(self, seq: int) -> float | None:
        """Return the time of a record, POSIX time [s]; None where there is none.

        Parameters
        ----------
        seq
            Its sequence number [1].
        """
        with self._reading():
            row = next(self._db.execute("SELECT at FROM records WHERE seq = ?", (seq,)), None)
        return None if row is None else float(row[0])

    def alone(self, entry: Entry) -> Batch:
        """Return a record that was read before, with the columns it speaks of."""
        return self._batch([entry])

    def check(self, mark: Mark) -> None:
        """See that a copy is one of this record.

        Raises
        ------
        Forked
            If it holds more, or something else.
        """
        if mark.next == 0:
            return
        with self._reading():
            row = next(self._db.execute("SELECT chain FROM records WHERE seq = ?", (mark.next - 1,)), None)
        if row is None:
            here = f"{self.end()[0]} records here, {mark.next} in the copy"
            raise Forked(f"{self.directory}: {here}: this one was cut off, or is an older one that was put back")
        if bytes(row[0]) != mark.chain:
            raise Forked(f"{self.directory}: record {mark.next - 1} is another one in the copy")

    def after(self, mark: Mark, most: int = MOST, most_bytes: int = MOST_BYTES) -> Batch | None:
        """Return the next records that are not in a copy; None where there are none.

        Parameters
        ----------
        mark
            How far the copy goes.
        most
            How many at most [1].
        most_bytes
            Bytes of bodies at which it is enough [B].

        Raises
        ------
        ValueError
            If they cannot be read, or do not follow on what was copied.
        """
        taken, size, chain = list[Entry](), 0, mark.chain
        with self._reading():
            for entry in self._entries("WHERE seq >= ? ORDER BY seq LIMIT ?", (mark.next, most)):
                if entry.seq != mark.next + len(taken) or not entry.follows(chain):
                    raise Forked(f"{self.directory}: record {entry.seq} does not follow on the one before it")
                taken.append(entry)
                size, chain = size + len(entry.body), entry.chain
                if size >= most_bytes:
                    break
        return self._batch(taken) if taken else None

    def _batch(self, entries: Sequence[Entry]) -> Batch:
        """Return records with the columns they speak of."""
        sealed = [int(entry.content()["block"]) for entry in entries if entry.kind == "sealed"]
        with self._reading():
            tags = [*self._db.execute("SELECT tag, name, unit, length FROM tags ORDER BY tag")] if sealed else []
            blocks = [block for number in sealed if (block := self._block(number, len(tags))) is not None]
        return Batch(entries, blocks, [(int(tag), str(name), str(unit), int(n)) for tag, name, unit, n in tags])

    def _block(self, number: int, tags: int) -> Block | None:
        """Return the columns of a block; None where they were removed as the policy says."""
        row = next(self._db.execute("SELECT * FROM blocks WHERE block = ?", (number,)), None)
        if row is None:
            return None
        chunks = list[tuple[int, bytes]]()
        for tag in range(tags):
            chunks += self._db.execute("SELECT place, body FROM chunks WHERE place = ?", ((tag << BITS) | number,))
        return Block(row, chunks)

    def _entries(self, which: str, bindings: tuple[object, ...]) -> Iterator[Entry]:
        sql = f"SELECT seq, kind, at, body, chain, digest FROM records {which}"  # noqa: S608  # our own words
        for row in self._db.execute(sql, bindings):
            yield Entry(*row)

    def _reading(self) -> AbstractContextManager[None]:
        return told(ValueError, f"{self.directory}: the record cannot be read")
