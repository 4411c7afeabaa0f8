"""States of the controller in a record, so that decisions are made again from there and not from the beginning.

A state is loaded only where a signature of a key the reader names covers it: loading one runs code.
"""

from __future__ import annotations

import pickle
import platform
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

from controller.records.codec import pack
from controller.records.entry import Entry
from controller.records.verify import verify
from controller.state import State


class Resumed(NamedTuple):
    """Where decisions are made again from."""

    after: int
    """Number of the cycle that left the state [1]."""
    at: float
    """Time of the record, POSIX time [s]."""
    state: State
    """What it left."""


@dataclass(slots=True)
class _Kept:
    """The last state up to an instant, out of the very bytes whose chain and signatures are looked at."""

    before: float
    """The instant, POSIX time [s]."""
    latest: Entry | None = None
    """The last one so far."""
    signed: Entry | None = None
    """The last one that a checkpoint covers."""

    def look(self, entry: Entry) -> None:
        """Take note of one record."""
        if entry.kind == "state" and entry.digest is None and entry.at <= self.before:
            self.latest = entry
        elif entry.kind == "checkpoint":
            self.signed = self.latest


def packed(number: int, state: State) -> bytes:
    """Return the body of a record that holds what a cycle left.

    Parameters
    ----------
    number
        Number of the cycle [1].
    state
        What it left.
    """
    said = {"after": number, "python": platform.python_version(), "state": pickle.dumps(state, 5)}
    return zlib.compress(pack(said), 1)


def resumed(directory: Path, before: float, key: str) -> Resumed:
    """Return the last state that was kept at an instant or before it.

    Parameters
    ----------
    directory
        Record directory.
    before
        The instant, POSIX time [s].
    key
        Fingerprint of the key that must have signed the record.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it is broken, not signed by that key up to there, holds no such state, or another release made it.
    """
    kept = _Kept(before)
    found = verify(directory, key=key, seen=kept.look)
    if found.broken is not None:
        raise ValueError(f"{directory}: no state of it is loaded: {found.sentence()}")
    if kept.signed is None:
        raise ValueError(f"{directory}: found no signed state of the controller at that time or before")
    last = kept.signed
    said = last.content()
    if said["python"] != platform.python_version():
        raise ValueError(f"{directory}: its states are of Python {said['python']}, this is {platform.python_version()}")
    try:
        state = cast("State", pickle.loads(said["state"]))  # noqa: S301  # signed by the key the reader named
    except (AttributeError, ImportError, TypeError) as error:
        raise ValueError(f"{directory}: its states are of another release: {error}") from error
    return Resumed(int(said["after"]), last.at, state)
