"""What a server shows: values with their units, calls that may be made, and notices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from plant_io.quality import Quality

Kind = Literal["number", "count", "flag", "text"]
"""Kinds of values: a real number, a whole one, yes or no, words."""
Value = float | int | bool | str


@dataclass(frozen=True, slots=True)
class Fact:
    """Something others are shown."""

    path: str
    """Where it stands, levels parted by slashes."""
    kind: Kind
    """What kind of value it has."""
    unit: str
    """UCUM unit of a number; empty for anything else."""
    what: str
    """What it is, for people."""


class Shown(NamedTuple):
    """What a fact is now."""

    value: Value
    """Value, a number in the unit of its fact; a bad number is the last one known, or not a number."""
    quality: Quality
    """How far it may be believed."""
    at: float
    """When it was so, POSIX time [s]."""


@dataclass(frozen=True, slots=True)
class Call:
    """Something a client may ask for by name and words; all of them are text."""

    name: str
    """Name of the call."""
    words: tuple[tuple[str, str], ...]
    """Name and meaning of each word, in order."""
    what: str
    """What it does, for people."""
    run: Callable[..., str]
    """Does it and says what was done; raises `PermissionError` or `ValueError`, with the reason, where it does not."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that began, changed or ended: an alarm."""

    name: str
    """Name of the condition, the same each time."""
    at: float
    """When, POSIX time [s]."""
    active: bool
    """Whether it stands."""
    acked: bool
    """Whether somebody has acknowledged it."""
    suppressed: bool
    """Whether it is kept from people: shelved, suppressed by design or out of service."""
    retained: bool
    """Whether it is on the list of alarms, for clients that come later."""
    severity: int
    """Severity, 1 to 1000 [1]."""
    what: str
    """One sentence."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the audit trail."""

    at: float
    """When, POSIX time [s]."""
    who: str
    """Who did it."""
    what: str
    """One sentence."""
