"""The journal of a run: one SQLite file, one record a cycle, each chained to the one before by SHA-256.

Record n is the row with ``seq = n`` of table ``records``: ``kind`` (head, cycle, tail), ``at`` (POSIX time [s]),
``body`` (CBOR, zlib) and ``chain``. The chain of a record is the SHA-256 of the previous chain (32 zero bytes before
the first), the sequence number as eight bytes big-endian, the kind, a zero byte, and the body as stored. One process
writes the file; any number may read it while it grows.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from controller.cycle import Cycle
from controller.records.codec import pack, unpack

FILE = "steadyline.sqlite"
"""Name of the one file in a record directory."""
PATIENCE_MS = 250
"""Longest wait for somebody else who has the file locked, well below a period [ms]."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, at REAL NOT NULL, body BLOB NOT NULL, chain BLOB NOT NULL
) STRICT
"""


class _Connection(Protocol):
    def execute(self, sql: str, bindings: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as stored."""

    seq: int
    """Sequence number, from 0 [1]."""
    kind: str
    """head, cycle or tail."""
    at: float
    """Clock time, POSIX time [s]."""
    body: bytes
    """CBOR, zlib-compressed."""
    chain: bytes
    """SHA-256 that ties the record to all before it."""

    def content(self) -> dict[str, Any]:
        """Return the body as plain values.

        Raises
        ------
        ValueError
            If it has been damaged.
        """
        try:
            return cast("dict[str, Any]", unpack(zlib.decompress(self.body)))
        except (zlib.error, ValueError) as error:
            raise ValueError(f"record {self.seq} cannot be read: {error}") from error


def link(before: bytes, seq: int, kind: str, body: bytes) -> bytes:
    """Return the chain value of a record."""
    return hashlib.sha256(before + seq.to_bytes(8, "big") + kind.encode() + b"\0" + body).digest()


class Journal:
    """Writes the records of one run, each durable before the next cycle begins.

    Parameters
    ----------
    directory
        Record directory; made if it is not there.

    Raises
    ------
    FileExistsError
        If the directory already holds a record; a run never continues another one's file.
    OSError
        If the file cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / FILE
        if self.path.exists():
            raise FileExistsError(f"{self.path}: a record is already there; choose another directory")
        with _told(OSError, f"{self.path}: no record can be kept here"):
            self._db = _open(self.path, write=True)
            self._db.execute(_SCHEMA)
        self._seq = 0
        self._chain = bytes(32)
        self.bytes = 0
        """Size of all bodies written so far [B]."""

    def head(self, at: float, content: dict[str, object]) -> None:
        """Write the first record: everything that replay needs besides the cycles.

        Parameters
        ----------
        at
            Start of the run, POSIX time [s].
        content
            Policy, files, versions and site bindings.
        """
        self._append("head", at, content)

    def cycle(self, cycle: Cycle) -> None:
        """Write one cycle.

        Raises
        ------
        OSError
            If it cannot be made durable.
        """
        self._append("cycle", cycle.snapshot.at, cycle)

    def tail(self, at: float, content: dict[str, object]) -> None:
        """Write the last record, and close.

        Parameters
        ----------
        at
            End of the run, POSIX time [s].
        content
            Why and how the run ended.
        """
        self._append("tail", at, content)
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _append(self, kind: str, at: float, content: object) -> None:
        body = zlib.compress(pack(content), 1)
        chain = link(self._chain, self._seq, kind, body)
        with _told(OSError, f"{self.path}: the record cannot be written"):
            self._db.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?)", (self._seq, kind, at, body, chain))
        self._seq, self._chain = self._seq + 1, chain
        self.bytes += len(body)


def entries(directory: Path) -> Iterator[Entry]:
    """Give every record of a run, oldest first; its directory is named, or the file in it.

    Raises
    ------
    FileNotFoundError
        If the directory holds no record.
    ValueError
        If what it holds cannot be read as one.
    """
    path = directory if directory.is_file() else directory / FILE
    if not path.exists():
        raise FileNotFoundError(f"{directory}: there is no record here (wanted a file {FILE})")
    with _told(ValueError, f"{path}: this cannot be read as a record"):
        db = _open(path, write=False)
        try:
            for row in db.execute("SELECT seq, kind, at, body, chain FROM records ORDER BY seq"):
                yield Entry(*row)
        finally:
            db.close()


@contextmanager
def _told(kind: type[Exception], what: str) -> Generator[None]:
    """Turn what SQLite has to say into an error of `kind`, so that nobody else needs to know SQLite's errors."""
    import apsw  # noqa: PLC0415  # loaded only by those who keep or read records

    try:
        yield
    except cast("type[Exception]", apsw.Error) as error:
        raise kind(f"{what}: {error}") from error


def _open(path: Path, *, write: bool) -> _Connection:
    import apsw  # noqa: PLC0415  # loaded only by those who keep or read records

    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE if write else apsw.SQLITE_OPEN_READONLY
    db = cast("_Connection", apsw.Connection(str(path), flags=flags))
    db.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
    if write:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
    return db
