"""The records of a run as they are stored, one after another."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from controller.records.chain import PLAIN, first_link, link
from controller.records.codec import unpack
from controller.records.file import connect, found, told, version


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as stored."""

    seq: int
    """Sequence number, from 0 [1]."""
    kind: str
    """head, cycle or tail; audit; checkpoint, sealed or retired."""
    at: float
    """Clock time, POSIX time [s]."""
    body: bytes
    """What it holds: CBOR, zlib-compressed, or JSON; empty where it was removed as the policy says."""
    chain: bytes
    """SHA-256 that ties the record to all before it."""
    digest: bytes | None = None
    """SHA-256 of a body that was removed."""
    version: int = 2
    """Version of the format [1]."""

    def content(self) -> dict[str, Any]:
        """Return the body as plain values.

        Raises
        ------
        ValueError
            If it has been damaged, or removed.
        """
        if self.digest is not None:
            raise ValueError(f"record {self.seq} was removed as the policy says: only its place in the chain is left")
        try:
            said = json.loads(self.body) if self.kind in PLAIN else unpack(zlib.decompress(self.body))
        except (zlib.error, ValueError) as error:
            why = "it was damaged or changed; `steadyline audit verify` names the first break"
            raise ValueError(f"record {self.seq} ({self.kind}) cannot be read: {why}") from error
        return cast("dict[str, Any]", said)

    def follows(self, before: bytes) -> bool:
        """Return whether it is the one that follows on the record with this chain value."""
        if self.version == 1:
            return self.chain == first_link(before, self.seq, self.kind, self.body)
        if self.digest is not None and self.body:
            return False
        digest = sha256(self.body).digest() if self.digest is None else self.digest
        return self.chain == link(before, self.seq, self.at, self.kind, digest)


def entries(directory: Path, since: int = 0) -> Iterator[Entry]:
    """Give every record of a run, oldest first; its directory is named, or the file in it.

    Parameters
    ----------
    directory
        Record directory.
    since
        Sequence number of the first record wanted [1].

    Raises
    ------
    FileNotFoundError
        If the directory holds no record.
    ValueError
        If what it holds cannot be read as one.
    """
    return _read(directory, "WHERE seq >= ? ORDER BY seq", since)


def audited(directory: Path) -> Iterator[Entry]:
    """Give the entries of the audit trail of a run, newest first.

    Raises
    ------
    FileNotFoundError
        If the directory holds no record.
    ValueError
        If what it holds cannot be read as one.
    """
    return _read(directory, "WHERE kind = 'audit' ORDER BY seq DESC")


def cycles_in(directory: Path) -> int:
    """Return how many cycles the record of a run holds [1].

    Raises
    ------
    FileNotFoundError
        If the directory holds no record.
    ValueError
        If what it holds cannot be read as one.
    """
    path = found(directory)
    with told(ValueError, f"{path}: this cannot be read as a record"), closing(connect(path, write=False)) as db:
        ((count,),) = db.execute("SELECT count(*) FROM records WHERE kind = 'cycle'")
        return int(count)


def latest(directory: Path, most: int = 2000) -> Iterator[Entry]:
    """Give the last records of a run, newest first.

    Parameters
    ----------
    directory
        Record directory.
    most
        How many at most [1].

    Raises
    ------
    FileNotFoundError
        If the directory holds no record.
    ValueError
        If what it holds cannot be read as one.
    """
    return _read(directory, "ORDER BY seq DESC LIMIT ?", most)


def _read(directory: Path, which: str, *bindings: int) -> Iterator[Entry]:
    path = found(directory)
    with told(ValueError, f"{path}: this cannot be read as a record"):
        db = connect(path, write=False)
        try:
            form = version(db)
            columns = "seq, kind, at, body, chain" + (", digest" if form > 1 else "")
            for row in db.execute(f"SELECT {columns} FROM records {which}", bindings):  # noqa: S608  # our own words
                seq, kind, at, body, chain = row[:5]
                yield Entry(seq, kind, at, body, chain, row[5] if form > 1 else None, form)
        finally:
            db.close()
