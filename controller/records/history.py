"""What the signals of a recorded run were: ranges, buckets, the last before, the whole line at one instant.

Sealed blocks are read by column; what is younger is read from the records of the cycles. A reader sees a run while it
goes on, and never makes it wait.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf, nan
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np

from controller.records import codec
from controller.records.columns import Block, blocks, column
from controller.records.entry import Entry
from controller.records.file import Connection, connect, found, told, version
from controller.records.table import Bucket, Table, buckets
from plant_io import Quality, TagIndex
from plant_io.signals import Codes, Floats
from policies import parse

_BLOCKS_KNOWN = 256


class Tagged(NamedTuple):
    """A tag of a record."""

    place: int
    """Its number in the record [1]."""
    unit: str
    """UCUM unit."""
    length: int
    """Number of its values [1]."""


class Point(NamedTuple):
    """One value of one tag."""

    at: float
    """When the cycle began, POSIX time [s]."""
    value: tuple[float, ...]
    """Its value, or values, in the unit of the tag."""
    quality: Quality
    """How far it may be believed."""


@dataclass(slots=True)
class _Hot:
    """Cycles that are not in columns yet, as far as they were read."""

    next: int = 0
    """Sequence number of the record to go on with [1]."""
    times: list[float] = field(default_factory=list[float])
    """Time of each cycle, POSIX time [s]."""
    values: list[Floats] = field(default_factory=list[Floats])
    """Values of each cycle, each shape ``(width,)``, in the units of the tags."""
    quality: list[Codes] = field(default_factory=list[Codes])
    """Qualities of each cycle, each shape ``(n_tags,)``."""

    def begin(self, seq: int) -> None:
        """Forget all before a sequence number."""
        self.next, self.times, self.values, self.quality = seq, [], [], []


class History:
    """The signals of one record.

    Parameters
    ----------
    record
        Record directory.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read.
    """

    def __init__(self, record: Path) -> None:
        self._path = found(record)
        self._what = f"{self._path}: this cannot be read as a record"
        with told(ValueError, self._what):
            self._db: Connection = connect(self._path, write=False)
            self._version = version(self._db)
            self.tags: Mapping[str, Tagged] = self._tags()
            """Tags of the record, virtual ones included, by name."""
        self._index = TagIndex({name: tag.length for name, tag in self.tags.items()})
        self._known = dict[int, Floats]()
        self._hot = _Hot()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the record."""
        self._db.close()

    def span(self) -> tuple[float, float]:
        """Return the first and the last cycle, POSIX times [s]; not a number where there is none."""
        with self._reading():
            cycles = "FROM records WHERE kind = 'cycle' ORDER BY seq"
            ends = [list(self._db.execute(f"SELECT at {cycles} {way} LIMIT 1")) for way in ("ASC", "DESC")]
        return (ends[0][0][0], ends[1][0][0]) if ends[0] else (nan, nan)

    def range(self, names: Sequence[str], begin: float = -inf, end: float = inf) -> Table:
        """Return what tags were over a time.

        Parameters
        ----------
        names
            Tags.
        begin, end
            First and last instant, POSIX time [s].

        Raises
        ------
        ValueError
            If the record has no such tag, or cannot be read.
        """
        tags = [self._tag(name) for name in names]
        with self._reading():
            parts = [
                part for block in blocks(self._db, begin, end) if (part := self._sealed(block, tags, (begin, end)))
            ]
            hot = self._young(tags, begin, end)
        return Table.joined(names, [tag.unit for tag in tags], [*parts, hot])

    def buckets(self, name: str, begin: float, end: float, count: int) -> Bucket:
        """Return the least, the mean and the greatest good value of a tag, and the share of them, in equal times.

        Parameters
        ----------
        name
            Tag.
        begin, end
            First and last instant, POSIX time [s].
        count
            Number of buckets [1].

        Raises
        ------
        ValueError
            If the record has no such tag, it is no single number, or the record cannot be read.
        """
        if self._tag(name).length != 1:
            raise ValueError(f"{name}: found {self.tags[name].length} values, expected a tag with one")
        if not (begin < end and count > 0):
            raise ValueError("expected a time with a beginning before its end, and at least one bucket")
        return buckets(self.range([name], begin, end), (begin, end), count)

    def last(self, name: str, before: float = inf) -> Point | None:
        """Return the last value of a tag that was not bad, at an instant or before it; None where there is none.

        Parameters
        ----------
        name
            Tag.
        before
            The instant, POSIX time [s].

        Raises
        ------
        ValueError
            If the record has no such tag, or cannot be read.
        """
        tag = [self._tag(name)]
        with self._reading():
            hot = self._young(tag, -inf, before)
            older = (self._sealed(block, tag, (-inf, before)) for block in self._backwards(before))
            for part in (hot, *older) if len(hot[0]) else older:
                if part is None:
                    continue
                times, values, quality = part
                usable = np.flatnonzero(quality[0] != Quality.BAD)
                if len(usable):
                    row = int(usable[-1])
                    return Point(float(times[row]), tuple(values[0][row].tolist()), Quality(int(quality[0][row])))
        return None

    def line(self, at: float) -> dict[str, Point]:
        """Return every tag as it was in the last cycle that had begun at an instant.

        Parameters
        ----------
        at
            The instant, POSIX time [s].

        Raises
        ------
        ValueError
            If the record cannot be read.
        """
        with self._reading():
            entry = self._cycle_at(at)
            if entry is None:
                return {}
            if entry.digest is None:
                values, quality = self._read(entry)
            else:
                return self._retired_line(entry.at)
        return {name: self._point(entry.at, values, quality, name) for name in self.tags}

    def _retired_line(self, at: float) -> dict[str, Point]:
        found = dict[str, Point]()
        tags = list(self.tags.values())
        for block in blocks(self._db, at, at):
            part = self._sealed(block, tags, (at, at))
            for n, name in enumerate(self.tags if part else ()):
                assert part is not None  # noqa: S101  # there are names only where there is one
                found[name] = Point(at, tuple(part[1][n][-1].tolist()), Quality(int(part[2][n][-1])))
        return found

    def _point(self, at: float, values: Floats, quality: Codes, name: str) -> Point:
        place, start = self._index.places[name]
        length = self._index.lengths[place]
        return Point(at, tuple(values[start : start + length].tolist()), Quality(int(quality[place])))

    def _tag(self, name: str) -> Tagged:
        if name not in self.tags:
            raise ValueError(f"{self._path}: found no tag {name} in the record")
        return self.tags[name]

    def _tags(self) -> dict[str, Tagged]:
        rows = list(self._db.execute("SELECT * FROM tags ORDER BY tag")) if self._version > 1 else []
        if rows:
            return {name: Tagged(tag, unit, length) for tag, name, unit, length in rows}
        head = next(self._entries("WHERE seq = 0"), None)
        if head is None or head.kind != "head":
            raise ValueError(f"{self._path}: the record does not begin with a head")
        content = head.content()
        if "files" not in content:
            return {}
        policy = parse(content["files"][""], content["policy_name"], content["files"])
        index, units = TagIndex.of(policy), policy.units()
        return {n: Tagged(i, units[n], index.lengths[i]) for i, n in enumerate(index.names)}

    def _entries(self, which: str, *bindings: object) -> Iterator[Entry]:
        more = ", digest" if self._version > 1 else ", NULL"
        rows = self._db.execute(f"SELECT seq, kind, at, body, chain{more} FROM records {which}", bindings)  # noqa: S608
        return (Entry(seq, kind, at, body, chain, digest, self._version) for seq, kind, at, body, chain, digest in rows)

    @contextmanager
    def _reading(self) -> Generator[None]:
        """Look at the record as it is at one moment."""
        with told(ValueError, self._what):
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("COMMIT")

    def _sealed(self, block: Block, tags: Sequence[Tagged], span: tuple[float, float]) -> Part | None:
        times, here = self._times_of(block), slice(None)
        if not span[0] <= block.begins <= block.ends <= span[1]:
            here = slice(int(times.searchsorted(span[0])), int(times.searchsorted(span[1], "right")))
        read = [column(self._db, tag.place, block, tag.length) for tag in tags]
        columns = [each for each in read if each is not None]
        if len(columns) < len(tags):
            return None
        return times[here], [values[here] for values, _ in columns], [quality[here] for _, quality in columns]

    def _times_of(self, block: Block) -> Floats:
        """Return the time of each cycle of a block, shape ``(count,)``, POSIX time [s]; many tags share them."""
        if block.number not in self._known:
            if len(self._known) >= _BLOCKS_KNOWN:
                self._known.clear()
            self._known[block.number] = block.times()
        return self._known[block.number]

    def _backwards(self, before: float) -> Iterator[Block]:
        rows = self._db.execute("SELECT * FROM blocks WHERE begins <= ? ORDER BY block DESC", (before,))
        return (Block(*row) for row in rows)

    def _young(self, tags: Sequence[Tagged], begin: float, end: float) -> Part:
        """Return what is not in columns yet."""
        sealed: int | None = None
        if self._version > 1:
            ((sealed,),) = self._db.execute("SELECT max(last) FROM blocks")
        since = 0 if sealed is None else sealed + 1
        hot = self._hot
        if hot.next <= since:
            hot.begin(since)
        elif sealed is not None and hot.times:
            self._forget(sealed)
        for entry in self._entries("WHERE seq >= ? AND kind = 'cycle' ORDER BY seq", hot.next):
            values, quality = self._read(entry)
            hot.times.append(entry.at)
            hot.values.append(values)
            hot.quality.append(quality)
            hot.next = entry.seq + 1
        times = np.array(hot.times)
        here = slice(*(int(n) for n in (np.searchsorted(times, begin), np.searchsorted(times, end, "right"))))
        rows, codes = np.array(hot.values[here]), np.array(hot.quality[here], np.uint8)
        starts = [self._index.start[tag.place] for tag in tags]
        empty = len(rows) == 0
        return (
            times[here],
            [
                np.empty((0, t.length)) if empty else rows[:, s : s + t.length]
                for t, s in zip(tags, starts, strict=True)
            ],
            [np.empty(0, np.uint8) if empty else codes[:, tag.place] for tag in tags],
        )

    def _forget(self, sealed: int) -> None:
        """Drop the cycles that came into columns since they were read."""
        ((at,),) = self._db.execute("SELECT at FROM records WHERE seq = ?", (sealed,))
        cut = bisect_right(self._hot.times, at)
        del self._hot.times[:cut], self._hot.values[:cut], self._hot.quality[:cut]

    def _read(self, entry: Entry) -> tuple[Floats, Codes]:
        """Return the values and the qualities of one cycle, virtual tags included."""
        data: Mapping[str, Any] = entry.content()
        seen = codec.snapshot(data["snapshot"], self._index)
        values, quality = seen.values.copy(), seen.quality.copy()
        for name, (value, _, code) in data["decision"]["soft"].items():
            if name in self._index.places:
                place, start = self._index.places[name]
                values[start], quality[place] = value, code
        return values, quality

    def _cycle_at(self, at: float) -> Entry | None:
        """Return the last cycle that had begun at an instant; the times of records never go back."""
        ((last,),) = self._db.execute("SELECT max(seq) FROM records")
        low, high = 0, -1 if last is None else int(last)
        while low <= high:
            middle = (low + high) // 2
            ((time,),) = self._db.execute("SELECT at FROM records WHERE seq = ?", (middle,))
            low, high = (middle + 1, high) if time <= at else (low, middle - 1)
        return next(self._entries("WHERE seq <= ? AND kind = 'cycle' ORDER BY seq DESC LIMIT 1", high), None)


Part = tuple[Floats, list[Floats], list[Codes]]
"""Times, shape ``(n,)``; values of each tag, each ``(n, length)``; qualities of each tag, each ``(n,)``."""
