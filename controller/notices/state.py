"""What people are sent, and what is remembered of it from one cycle to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from plant_io.values import quick
from policies import Priority, Route

NoticeKind = Literal["alarm", "digest", "escalation"]
"""Whether a notice tells of one alarm, of several that were gathered, or of what nobody acknowledged."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing a notice tells."""

    alarm: str
    """Name of the alarm."""
    event: str
    """What happened to it, in the words of the policy."""
    at: float
    """When, POSIX time [s]."""
    state: str
    """State of its life cycle then."""
    what: str
    """One sentence: what is wrong."""
    priority: Priority
    """How soon a person must act."""
    sort: str
    """What it is about: its class."""
    consequence: str
    """What happens if nobody acts."""
    response: str
    """What the person told should do."""
    raised: float | None
    """When the alarm was raised, POSIX time [s]; None where it never was."""
    routing: tuple[Route, ...]
    """Roles the alarm is routed to, the first to act first."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What one receiver is to be sent."""

    key: str
    """Line, time and number: the same in every attempt, and of no other notice."""
    receiver: str
    """Receiver, by its name in the policy."""
    kind: NoticeKind
    """What it is."""
    at: float
    """When it was decided, POSIX time [s]."""
    line: str
    """Name of the line."""
    items: tuple[Item, ...]
    """What it tells, the oldest first."""
    more: int = 0
    """Things that happened besides and did not fit [1]."""
    owner: str = ""
    """Whose alarm it is now, where nobody acknowledged it; else empty."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits to be sent to one receiver."""

    items: tuple[Item, ...] = ()
    """Things to be told, the oldest first."""
    more: int = 0
    """Things that happened besides and did not fit [1]."""
    due: float = inf
    """When they are to be sent, POSIX time [s]."""
    sent: tuple[float, ...] = ()
    """When notices were sent lately, POSIX times [s]."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """An alarm nobody has acknowledged."""

    since: float
    """Since when, POSIX time [s]."""
    item: Item
    """What is known of it."""
    told: frozenset[str] = frozenset()
    """Escalations that have been sent."""


@quick
@dataclass(frozen=True, slots=True)
class NoticeMemory:
    """Memory of what was sent and waits to be."""

    waiting: Mapping[str, Waiting] = field(default_factory=dict[str, Waiting])
    """What waits, and what was sent lately, by receiver."""
    unseen: Mapping[str, Unseen] = field(default_factory=dict[str, Unseen])
    """Alarms nobody has acknowledged, by name; none where the policy escalates nothing."""
    count: int = 0
    """Notices so far [1]."""
    due: float = inf
    """When something is to be sent by itself, POSIX time [s]."""
