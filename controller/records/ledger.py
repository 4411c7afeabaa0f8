"""A chain of deeds that is kept for good beside any run: opened, added to and closed for each act.

It is a record as docs/records.md writes it down, without cycles: what verifies and exports records does so with it too.
What else must change with a deed, in tables of its own, changes in the same transaction.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from controller.records.audit import Deed
from controller.records.chain import FORMAT, START, Signer, link, plain
from controller.records.codec import pack
from controller.records.entry import Entry, entries
from controller.records.file import FILE, SCHEMA, Connection, connect, told
from controller.records.verify import verify
from plant_io.clocks import WallClock, beside_the_machine
from plant_io.security.store import check_private

Statement = tuple[str, tuple[object, ...]]
"""SQL and what is bound in it."""
Row = tuple[str, float, bytes]
"""Kind, POSIX time [s] and body of a record."""
_OWN, _OWN_FOLDER = 0o600, 0o700


@dataclass(frozen=True, slots=True)
class Ledger:
    """A chain of deeds in a directory that nobody else may read."""

    directory: Path
    """Where it lies."""
    signer: Signer | None = None
    """Signs each addition; nobody does where None."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.directory / FILE

    def begin(self, tables: str, deed: Deed, more: Sequence[Statement]) -> None:
        """Make it.

        Parameters
        ----------
        tables
            SQL of the tables beside the chain.
        deed
            The first deed.
        more
            What goes with it.

        Raises
        ------
        FileExistsError
            If there is one.
        OSError
            If it cannot be made.
        """
        self.directory.mkdir(mode=_OWN_FOLDER, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWN))
        with self._open(write=True) as db:
            db.execute(f"BEGIN; {SCHEMA}; {tables}; PRAGMA user_version={FORMAT}; COMMIT")
            key = None if self.signer is None else self.signer.name
            body = zlib.compress(pack({"format": FORMAT, "signing_key": key}), 1)
            self._added(db, [("head", deed.at, body), *_trail([deed])], more)

    def add(self, deed: Deed, more: Sequence[Statement] = (), after: int | None = None) -> None:
        """Make a deed durable, and what changes with it, both or none.

        Parameters
        ----------
        deed
            What was done.
        more
            What goes with it.
        after
            Deeds there must be already, where it was done on the strength of them [1]; any number where None.

        Raises
        ------
        OSError
            If it cannot be made durable, or somebody else has done something in between.
        """
        with self._open(write=True) as db:
            self._added(db, _trail([deed]), more, after)

    def deeds(self) -> list[dict[str, Any]]:
        """Return every deed, oldest first, after the chain has been gone through.

        Raises
        ------
        OSError
            If it cannot be read, or others may read it.
        ValueError
            If it is not what was written.
        """
        check_private(self.path)
        found = verify(self.directory)
        if found.broken is not None:
            raise ValueError(f"{self.path}: {found.sentence()}")
        return [entry.content() for entry in entries(self.directory) if entry.kind == "audit"]

    def rows(self, sql: str, *bound: object) -> list[tuple[Any, ...]]:
        """Return what stands in the tables beside the chain.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        with self._open(write=False) as db:
            return list(db.execute(sql, bound))

    @contextmanager
    def _open(self, *, write: bool) -> Generator[Connection]:
        check_private(self.path)
        with told(OSError, f"{self.path}: this cannot be opened or written"):
            db = connect(self.path, write=write)
            try:
                yield db
            finally:
                db.close()

    def _added(self, db: Connection, rows: Sequence[Row], more: Sequence[Statement], after: int | None = None) -> None:
        db.execute("BEGIN IMMEDIATE")
        try:
            self._unchanged(db, after)
            last = _last(db)
            seq, chain, at = (0, START, 0.0) if last is None else (last.seq + 1, last.chain, last.at)
            for kind, when, body in rows:
                at = max(at, when)
                seq, chain = _put(db, Entry(seq, kind, at, body, chain))
            if self.signer is not None:
                _put(db, Entry(seq, "checkpoint", at, self.signer.checkpoint(chain), chain))
            for sql, bound in more:
                db.execute(sql, bound)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def _unchanged(self, db: Connection, after: int | None) -> None:
        ((count,),) = db.execute("SELECT count(*) FROM records WHERE kind = 'audit'")
        if after is not None and count != after:
            raise OSError(f"{self.path}: somebody else changed something at the same time; do it again")


def _trail(deeds: Sequence[Deed]) -> list[Row]:
    clock = WallClock()
    clocks = asdict(beside_the_machine(clock, clock.now()))
    return [("audit", deed.at, plain(deed.plain() | clocks)) for deed in deeds]


def _last(db: Connection) -> Entry | None:
    found = list(db.execute("SELECT seq, kind, at, body, chain FROM records ORDER BY seq DESC LIMIT 1"))
    return Entry(*found[0]) if found else None


def _put(db: Connection, entry: Entry) -> tuple[int, bytes]:
    """Write a record that holds the chain value of the one before it; return the next number and its chain value."""
    chain = link(entry.chain, entry.seq, entry.at, entry.kind, sha256(entry.body).digest())
    db.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, NULL)", (entry.seq, entry.kind, entry.at, entry.body, chain))
    return entry.seq + 1, chain
