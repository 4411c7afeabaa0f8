"""Whether a record is what was written: its chain, its signatures, and a head that was kept elsewhere."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, cast

from controller.records.chain import START, Checkpoint
from controller.records.columns import digest
from controller.records.entry import Entry, entries, latest
from controller.records.file import FILE, connect, told
from controller.records.file import found as there
from policies.sentences import counted

_OF_USERS = frozenset({"format", "signing_key"})


@dataclass(frozen=True, slots=True)
class Head:
    """How far a record went at some time, kept elsewhere: what is cut off the record later is missed."""

    seq: int
    """Sequence number of the last record then [1]."""
    chain: bytes
    """Its chain value."""
    key: str | None = None
    """Fingerprint of the key that signed the record; None where nobody did."""

    def plain(self) -> dict[str, object]:
        """Return it as plain values."""
        return {"seq": self.seq, "chain": self.chain.hex(), "key": self.key}

    @classmethod
    def read(cls, file: Path) -> Head:
        """Return the head in a file.

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            If it holds none.
        """
        try:
            found = cast("dict[str, Any]", json.loads(file.read_bytes()))
            return cls(int(found["seq"]), bytes.fromhex(found["chain"]), found.get("key"))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ValueError(f"{file}: this is no head of a record, made by: steadyline audit head RECORD") from None


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where a record is not what was written."""

    seq: int
    """Sequence number of the record there, or of the one that should be there [1]."""
    cause: str
    """missing, changed, clock, signature, key, removed, columns, truncated, head or unreadable."""
    what: str
    """What is wrong, one sentence."""


@dataclass(slots=True)
class Verified:
    """What was found about a record."""

    records: int = 0
    """Records gone through [1]."""
    kinds: dict[str, int] = field(default_factory=dict[str, int])
    """Records of each kind [1]."""
    broken: Break | None = None
    """The first break; None where the record is intact."""
    complete: bool = False
    """Whether the run was closed in order."""
    signed: int | None = None
    """Sequence number of the last record that a signature covers [1]; None where nothing is signed."""
    key: str | None = None
    """Fingerprint of the key that signed; None where nobody did."""
    removed: int = 0
    """Records whose bodies were removed as the policy says [1]."""
    version: int = 0
    """Version of the format [1]."""
    of_users: bool = False
    """Whether it is the chain of the users of a station, which is never over, and not the record of a run."""

    def sentence(self) -> str:
        """Return what was found in words."""
        if self.broken is not None:
            return f"broken at record {self.broken.seq}: {self.broken.what}"
        end = "" if self.complete or self.of_users else "; the run was not closed in order, or is not over"
        if self.version == 1:
            signed = "of format 1, which has no signatures"
        elif self.signed is None:
            signed = "not signed: whoever can write the file could have made the chain anew"
        else:
            signed = f"signed up to record {self.signed} by the key {self.key}"
        gone = f", {self.removed} of them without their bodies as the policy says" if self.removed else ""
        whose = "users of a station: " if self.of_users else ""
        return f"{whose}{counted(self.records, 'record')}{gone}, intact, {signed}{end}"

    def plain(self) -> dict[str, object]:
        """Return it as plain values."""
        broken = self.broken
        return {
            "records": self.records,
            "intact": broken is None,
            "first_break": None if broken is None else broken.seq,
            "cause": None if broken is None else broken.cause,
            "what": None if broken is None else broken.what,
            "complete": self.complete,
            "signed_to": self.signed,
            "key": self.key,
            "removed": self.removed,
            "kinds": dict(self.kinds),
            "format": self.version,
            "of": "users" if self.of_users else "run",
        }


@dataclass(slots=True)
class _Past:
    """What the records so far have left."""

    chain: bytes = START
    """Chain value of the last one."""
    at: float = -inf
    """Its time, POSIX time [s]."""
    retired: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """First and last record of each range whose bodies were removed as the policy says [1]."""
    empty: list[int] = field(default_factory=list[int])
    """Records without a body [1]."""
    sealed: dict[int, tuple[int, tuple[int, int, str]]] = field(
        default_factory=dict[int, tuple[int, tuple[int, int, str]]]
    )
    """What was said of each block of columns, and by which record: its first and last record and its digest."""
    gone: set[int] = field(default_factory=set[int])
    """Blocks whose columns were removed as the policy says [1]."""


def verify(
    directory: Path, head: Head | None = None, key: str | None = None, seen: Callable[[Entry], None] = lambda _: None
) -> Verified:
    """Go through a record and return what was found, up to the first break.

    Parameters
    ----------
    directory
        Record directory.
    head
        How far the record is known to have gone.
    key
        Fingerprint of the key that must have signed it; the one it names itself where None.
    seen
        Given each record that follows from those before it, as it was read for that.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    """
    found, past = Verified(key=key or (None if head is None else head.key)), _Past()
    try:
        for entry in entries(directory):
            found.broken = _looked(found, past, entry, head)
            if found.broken is not None:
                return found
            _counted(found, past, entry)
            seen(entry)
    except ValueError as error:
        found.broken = Break(found.records, "unreadable", str(error))
        return found
    found.broken = _ended(found, past, head, wanted=key is not None)
    if found.broken is None:
        try:
            found.broken = _columns(directory, past)
        except (ValueError, zlib.error) as error:
            found.broken = Break(found.records, "unreadable", str(error))
    return found


def _looked(found: Verified, past: _Past, entry: Entry, head: Head | None) -> Break | None:
    """Return what is wrong with one record."""
    seq = entry.seq
    if seq != found.records:
        return Break(found.records, "missing", f"record {found.records} is missing, the next one there is {seq}")
    if not entry.follows(past.chain) or (seq == 0 and entry.kind != "head"):
        return Break(seq, "changed", f"record {seq} ({entry.kind}) or its place in the chain was changed")
    if entry.at < past.at:
        back = past.at - entry.at
        return Break(seq, "clock", f"the clock went back by {back:g} s from record {seq - 1} to record {seq}")
    wrong = _signed(found, past, entry) if entry.kind == "checkpoint" else None
    if wrong is None and head is not None and seq == head.seq and entry.chain != head.chain:
        return Break(seq, "head", f"record {seq} is another one than in the head that was kept elsewhere")
    return wrong


def _signed(found: Verified, past: _Past, entry: Entry) -> Break | None:
    """Return what is wrong with a checkpoint."""
    since = 0 if found.signed is None else found.signed + 1
    try:
        checkpoint = Checkpoint.read(entry.body)
        fits = checkpoint.fits(past.chain)
    except ValueError as error:
        return Break(entry.seq, "signature", f"checkpoint {entry.seq}: {error}")
    if not fits:
        said = f"the signature of checkpoint {entry.seq} does not fit: something from record {since} on was changed"
        return Break(entry.seq, "signature", said)
    if found.key is None:
        found.key = checkpoint.signer
    if checkpoint.signer != found.key:
        said = f"checkpoint {entry.seq} is signed by the key {checkpoint.signer[:16]}, expected {found.key[:16]}"
        return Break(entry.seq, "key", said)
    return None


def _counted(found: Verified, past: _Past, entry: Entry) -> None:
    found.records += 1
    found.version = entry.version
    found.kinds[entry.kind] = found.kinds.get(entry.kind, 0) + 1
    found.complete = found.complete or entry.kind == "tail"
    past.chain, past.at = entry.chain, entry.at
    if entry.kind == "head" and entry.digest is None:
        found.of_users = entry.content().keys() <= _OF_USERS
    elif entry.kind == "checkpoint":
        found.signed = entry.seq - 1
    elif entry.kind == "retired":
        said: Mapping[str, Any] = entry.content()
        if said["class"] == "cycles":
            past.retired.append((int(said["first"]), int(said["last"])))
        else:
            past.gone.update(range(int(said["first"]), int(said["last"]) + 1))
    elif entry.kind == "sealed":
        said = entry.content()
        past.sealed[int(said["block"])] = entry.seq, (int(said["first"]), int(said["last"]), str(said["digest"]))
    if entry.digest is not None:
        past.empty.append(entry.seq)


def _ended(found: Verified, past: _Past, head: Head | None, *, wanted: bool) -> Break | None:
    """Return what is wrong with the record as a whole."""
    if head is not None and head.seq >= found.records:
        ends = f"it ends with record {found.records - 1}, the head kept elsewhere is {head.seq}"
        return Break(found.records, "truncated", f"the record was cut off: {ends}")
    if not found.records:
        return Break(0, "missing", f"there is no record in {FILE}")
    said = iter(sorted(past.retired))
    first, last = 0, -1
    for seq in past.empty:
        while seq > last and (span := next(said, None)) is not None:
            first, last = span
        if not first <= seq <= last:
            return Break(seq, "removed", f"the body of record {seq} was removed, and nothing in the chain says so")
    found.removed = len(past.empty)
    if wanted and found.signed is None:
        return Break(0, "signature", "nothing in the record is signed, expected signatures of the key that was named")
    return None


def _columns(directory: Path, past: _Past) -> Break | None:
    """Return what is wrong with the columns of values."""
    if not past.sealed:
        return None
    path = there(directory)
    with told(ValueError, f"{path}: this cannot be read as a record"):
        db = connect(path, write=False)
        try:
            stray = [n for (n,) in db.execute("SELECT block FROM blocks ORDER BY block") if n not in past.sealed]
            for number, (seq, said) in past.sealed.items():
                if number not in past.gone and digest(db, number) != said:
                    return Break(seq, "columns", f"the columns of values that record {seq} speaks of were changed")
        finally:
            db.close()
    newer = max(past.sealed) + 1
    stray = [number for number in stray if number < newer]
    return Break(0, "columns", f"block {stray[0]} of columns was added") if stray else None


def newest(directory: Path) -> Head:
    """Return how far a record goes.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read.
    """
    key, last = None, None
    for entry in latest(directory):
        last = last or entry
        if entry.kind == "checkpoint":
            key = Checkpoint.read(entry.body).signer
            break
    if last is None:
        raise ValueError(f"{directory}: the record is empty")
    return Head(last.seq, last.chain, key)
