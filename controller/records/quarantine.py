"""Records that the database of a site refuses, kept beside the record until a person has seen to it."""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from controller.records.entry import Entry

FOLDER = "quarantine"
"""Name of the folder in a record directory."""


@dataclass(frozen=True, slots=True)
class Held:
    """A record in quarantine."""

    file: Path
    """Where it lies."""
    entry: Entry
    """The record, whole, whatever becomes of it where it was written."""
    reason: str
    """Why the database refuses it."""


def put(directory: Path, entry: Entry, reason: str) -> Path:
    """Put a record into quarantine, durably, and return its file.

    Parameters
    ----------
    directory
        Record directory.
    entry
        The record.
    reason
        Why the database refuses it.

    Raises
    ------
    OSError
        If it cannot be kept.
    """
    folder = directory / FOLDER
    folder.mkdir(exist_ok=True)
    said = {
        "seq": entry.seq,
        "kind": entry.kind,
        "at": entry.at,
        "body": b64encode(entry.body).decode(),
        "chain": entry.chain.hex(),
        "digest": None if entry.digest is None else entry.digest.hex(),
        "reason": reason,
    }
    file = folder / f"{entry.seq:012}.json"
    write_durably(file, json.dumps(said, indent=1).encode())
    return file


def held(directory: Path) -> Iterator[Held]:
    """Give the records in quarantine, oldest first.

    Raises
    ------
    ValueError
        If a file is not what was put there.
    """
    folder = directory / FOLDER
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            said = cast("dict[str, Any]", json.loads(file.read_bytes()))
            digest = None if said["digest"] is None else bytes.fromhex(said["digest"])
            chain = bytes.fromhex(said["chain"])
            entry = Entry(said["seq"], said["kind"], said["at"], b64decode(said["body"]), chain, digest)
            yield Held(file, entry, said["reason"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{file}: this is no record in quarantine") from error


def write_durably(file: Path, content: bytes) -> None:
    """Write a file whole or not at all, so that it is there after the power went.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    part = file.with_name(f"{file.name}.part")
    with part.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
