"""The one file of a record, as SQLite keeps it; nobody else needs to know SQLite's errors."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, cast

FILE = "steadyline.sqlite"
"""Name of the one file in a record directory."""
PATIENCE_MS = 250
"""Longest wait for somebody else who has the file locked, well below a period [ms]."""
SCHEMA = """
CREATE TABLE records (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, at REAL NOT NULL, body BLOB NOT NULL, chain BLOB NOT NULL, digest BLOB
) STRICT;
CREATE TABLE tags (tag INTEGER PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL, length INTEGER NOT NULL) STRICT;
CREATE TABLE blocks (
    block INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL,
    begins REAL NOT NULL, ends REAL NOT NULL, times BLOB NOT NULL
) STRICT;
CREATE TABLE chunks (place INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT
"""
"""Tables of a record, version 2; docs/records.md says what is in them."""


class Connection(Protocol):
    """A connection to a file, as far as it is used here."""

    in_transaction: bool
    """Whether something has begun that is not finished."""

    def execute(self, sql: str, bindings: tuple[object, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Run statements."""
        ...

    def executemany(self, sql: str, bindings: list[tuple[object, ...]]) -> Iterator[tuple[Any, ...]]:
        """Run a statement many times."""
        ...

    def create_scalar_function(self, name: str, callable: Callable[[bytes], bytes], numargs: int) -> None:  # noqa: A002
        """Let SQL call a function."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class Full(OSError):  # noqa: N818  # the condition, in the words of the field
    """There is no room on the disk."""


@contextmanager
def told(kind: type[Exception], what: str) -> Generator[None]:
    """Turn what SQLite has to say into an error of `kind`; for `OSError`, a full disk is told as `Full`."""
    import apsw  # noqa: PLC0415  # loaded only by those who keep or read records

    try:
        yield
    except cast("type[Exception]", apsw.Error) as error:
        full = kind is OSError and isinstance(error, apsw.FullError)
        raise (Full if full else kind)(f"{what}: {error}") from error


def connect(path: Path, *, write: bool, vfs: str | None = None, schema: str = "") -> Connection:
    """Open a file; one that is written is durable with every transaction, and is never waited for by its readers.

    Parameters
    ----------
    path
        The file.
    write
        Whether it is written, and made if it is not there.
    vfs
        How SQLite reaches the disk; as usual where None.
    schema
        What a new file is to hold.
    """
    import apsw  # noqa: PLC0415  # loaded only by those who keep or read records

    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE if write else apsw.SQLITE_OPEN_READONLY
    db = cast("Connection", apsw.Connection(str(path), flags=flags, vfs=vfs))
    first = f"PRAGMA busy_timeout={PATIENCE_MS};"
    try:
        list(db.execute(first + f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {schema}" if write else first))
    except BaseException:
        with suppress(cast("type[Exception]", apsw.Error)):
            db.close()
        raise
    return db


def found(directory: Path) -> Path:
    """Return the file of a record, given its directory, or the file itself.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    path = directory if directory.is_file() else directory / FILE
    if not path.exists():
        raise FileNotFoundError(f"{directory}: there is no record here (wanted a file {FILE})")
    return path


def version(db: Connection) -> int:
    """Return the version of the format of a record [1].

    Raises
    ------
    ValueError
        If it is one of a later release.
    """
    ((number,),) = db.execute("PRAGMA user_version")
    if number not in {0, 2}:
        raise ValueError(f"the record is of format {number}; this release reads formats 1 and 2")
    return int(number) or 1
