"""The journal of a run: one SQLite file, one record a cycle, each chained to the one before by SHA-256.

docs/records.md is the format. One process writes the file; any number may read it while it grows.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from controller.cycle import Cycle
from controller.records.chain import FORMAT, START, Signer, link
from controller.records.codec import pack
from controller.records.entry import Entry, entries
from controller.records.file import FILE, SCHEMA, Connection, connect, told

__all__ = ["FILE", "Entry", "Journal", "Keeping", "entries"]

BALLAST = "ballast"
"""Name of the file that is given up where the disk is full."""
_INSERT = "INSERT INTO records VALUES (?, ?, ?, ?, ?, NULL)"
Row = tuple[str, float, bytes]
"""Kind, POSIX time [s] and body of a record to be written."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How a record is kept."""

    signer: Signer | None = None
    """Signs checkpoints; nobody does where None."""
    every_s: float = 60.0
    """Time from one checkpoint to the next [s]."""
    every: int = 1000
    """Most records from one checkpoint to the next [1]."""
    ballast: int = 0
    """Size of the file that is given up where the disk is full [B]."""
    vfs: str | None = None
    """How SQLite reaches the disk; as usual where None."""


class Journal:
    """Writes the records of one run, each durable before the next cycle begins.

    Parameters
    ----------
    directory
        Record directory; made if it is not there.
    keeping
        How the record is kept.

    Raises
    ------
    FileExistsError
        If the directory already holds a record; a run never continues another one's file.
    OSError
        If the file cannot be written.
    """

    def __init__(self, directory: Path, keeping: Keeping = Keeping()) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / FILE
        if self.path.exists():
            raise FileExistsError(f"{self.path}: a record is already there; choose another directory")
        with told(OSError, f"{self.path}: no record can be kept here"):
            self._db: Connection = connect(self.path, write=True, vfs=keeping.vfs)
            self._db.execute(f"BEGIN; {SCHEMA}; PRAGMA user_version={FORMAT}; COMMIT")
        self._keeping, self._ballast = keeping, directory / BALLAST
        if keeping.ballast:
            _reserve(self._ballast, keeping.ballast)
        self._seq, self._chain = 0, START
        self._signed, self._signed_at = 0, -float("inf")
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
        signer = self._keeping.signer
        self._keep([("head", at, _packed({**content, "signing_key": None if signer is None else signer.name}))])

    def cycle(self, cycle: Cycle) -> None:
        """Write one cycle.

        Raises
        ------
        OSError
            If it cannot be made durable.
        """
        self._keep([("cycle", cycle.snapshot.at, _packed(cycle))])

    def tail(self, at: float, content: dict[str, object]) -> None:
        """Write the last record, and close.

        Parameters
        ----------
        at
            End of the run, POSIX time [s].
        content
            Why and how the run ended.
        """
        self._signed_at = -float("inf")
        self._keep([("tail", at, _packed(content))])
        self.close()

    def close(self) -> None:
        """Close the file, and give up what was kept in reserve."""
        self._db.close()
        self._ballast.unlink(missing_ok=True)

    def _keep(self, rows: Sequence[Row]) -> None:
        """Make records durable, all or none, with a checkpoint where one is due."""
        seq, chain, made = self._seq, self._chain, list[tuple[object, ...]]()
        for kind, at, body in rows:
            chain = link(chain, seq, at, kind, sha256(body).digest())
            made.append((seq, kind, at, body, chain))
            seq += 1
        at, signer = rows[-1][1], self._keeping.signer
        due = seq - self._signed >= self._keeping.every or at - self._signed_at >= self._keeping.every_s
        if signer is not None and due:
            body = signer.checkpoint(chain)
            chain = link(chain, seq, at, "checkpoint", sha256(body).digest())
            made.append((seq, "checkpoint", at, body, chain))
            seq += 1
        with told(OSError, f"{self.path}: the record cannot be written"):
            self._written(made)
        if signer is not None and due:
            self._signed, self._signed_at = seq, at
        self._seq, self._chain = seq, chain
        self.bytes += sum(len(body) for _, _, body in rows)

    def _written(self, made: list[tuple[object, ...]]) -> None:
        if len(made) == 1:
            self._db.execute(_INSERT, made[0])
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(_INSERT, made)
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _packed(content: object) -> bytes:
    return zlib.compress(pack(content), 1)


def _reserve(file: Path, size: int) -> None:
    """Fill a file, so that there is room once it is given up; `size` in [B]."""
    with file.open("wb") as out:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(out.fileno(), 0, size)
        else:
            out.write(bytes(size))
