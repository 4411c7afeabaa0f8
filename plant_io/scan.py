"""When tags are read, which of them together, and what they come to: scan classes without clock or connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor, inf

import numpy as np

from plant_io.latch import Answer, tags_of
from plant_io.ports import Batch, nothing
from plant_io.quality import Quality, Reason
from plant_io.verdicts import Positions
from policies import Policy, Tag
from policies.registers import REGISTERS
from policies.scans import CONTROL, SUBSCRIBE, ScanClass

_ROUNDING_S = 1e-5  # POSIX seconds are known to a quarter of a microsecond, and some are added up
_WRAP = 2.0**32  # of counters that are held as no integer

Counters = tuple[float, float]
"""Scan counter of a device before and after its values were read [1]."""


def scans_of(connection: str, policy: Policy) -> dict[str, dict[str, Tag]]:
    """Return the tags of a connection by scan class, in the order of every batch.

    Classes without tags are absent; what the server reports by itself comes with those of every cycle.

    Parameters
    ----------
    connection
        Name of the connection.
    policy
        Gives its tags and their classes.
    """
    found: dict[str, dict[str, Tag]] = {name: {} for name in policy.classes}
    for name, tag in tags_of(connection, policy).items():
        found[CONTROL if tag.scan == SUBSCRIBE else tag.scan][name] = tag
    return {name: tags for name, tags in found.items() if tags}


@dataclass(frozen=True, slots=True)
class Schedule:
    """Instants at which one class is to be read: whole multiples of a time, all by the same phase later."""

    every_s: float
    """Time from one scan to the next [s]; endless for a class that is read on connect."""
    phase_s: float = 0.0
    """By how much they come after the whole multiples [s]."""

    @classmethod
    def of(cls, scan: ScanClass) -> Schedule:
        """Return when a class is to be read."""
        return cls(scan.every_s, scan.phase_s)

    def count(self, at: float) -> int:
        """Return how many instants have come by `at`, POSIX time [s]; a rounding error is no period."""
        return 0 if self.every_s == inf else floor((at - self.phase_s + _ROUNDING_S) / self.every_s)

    def after(self, at: float) -> float:
        """Return the first instant after `at`, POSIX time [s]; endless for a class that is read on connect.

        Examples
        --------
        >>> Schedule(10.0, 3.0).after(20.0)
        23.0
        """
        return inf if self.every_s == inf else (self.count(at) + 1) * self.every_s + self.phase_s

    def skipped(self, one: float, other: float) -> int:
        """Return how many instants have come after `one` and by `other`, POSIX times [s]."""
        return max(0, self.count(other) - self.count(one))


@dataclass(frozen=True, slots=True)
class Coherence:
    """What tells whether the values of one connection come from one scan of its device."""

    counter: str
    """Tag that counts the scans."""
    within: int
    """Most scans that may go by while values are read [1]."""
    wrap: float
    """Where the counter begins again [1]."""
    alone: frozenset[str]
    """Tags that mean something whatever the others are: the words of the handshake."""

    @classmethod
    def of(cls, connection: str, policy: Policy) -> Coherence | None:
        """Return what the policy says of a connection; None where nothing counts the scans of its device."""
        link = policy.connections[connection]
        declared, words = link.coherence, link.handshake
        counter = declared.counter if declared and declared.counter else words.scan_tag if words else None
        tag = policy.tags.get(counter or "")
        if counter is None or tag is None or tag.connection != connection:
            return None
        alone = () if words is None else (name for _, name in words if name is not None)
        wrap = float(2 ** (16 * REGISTERS[tag.type])) if "int" in tag.type else _WRAP
        return cls(counter, declared.within if declared else 0, wrap, frozenset((counter, *alone)))

    def apart(self, counters: Counters) -> float:
        """Return how many scans went by between two readings of the counter [1]; it may have begun again."""
        first, last = counters
        return (last - first) % self.wrap

    def holds(self, batch: Batch) -> bool:
        """Return whether the values come from as few scans as wanted; a counter that is no number proves nothing."""
        return batch.counters is None or self.apart(batch.counters) <= self.within


class Gathered:
    """The newest answers of one connection, scan class by scan class, as one.

    Parameters
    ----------
    connection
        Name of the connection.
    policy
        Gives its tags and their classes.
    """

    def __init__(self, connection: str, policy: Policy) -> None:
        tags = tags_of(connection, policy)
        scans = scans_of(connection, policy)
        starts = np.cumsum([0, *(tag.length for tag in tags.values())])
        names = {name: i for i, name in enumerate(tags)}
        self._parts = {name: _Part.of([names[tag] for tag in each], starts) for name, each in scans.items()}
        self._whole = nothing([tag.length for tag in tags.values()], Quality.BAD, Reason.NEVER_READ)
        self._arrival = np.full(len(tags), np.nan)
        self._have: dict[str, Answer] = {}
        self._met: set[str] = set()

    def put(self, scan: str, batch: Batch, arrival: float) -> None:
        """Keep what came for one class.

        Parameters
        ----------
        scan
            Name of the class.
        batch
            Its values.
        arrival
            When they arrived, POSIX time [s].
        """
        self._have[scan] = Answer(batch, arrival)
        self._met.add(scan)
        if len(self._parts) == 1:
            return
        part, whole = self._parts[scan], self._whole
        whole.values[part.slots] = batch.values
        whole.quality[part.tags], whole.reason[part.tags] = batch.quality, batch.reason
        whole.source[part.tags] = batch.source
        self._arrival[part.tags] = arrival if batch.age is None else arrival - batch.age

    def lose(self, *scans: str) -> None:
        """Let go of what came for some classes, or for all where none is named."""
        for scan in scans or self._parts:
            self._have.pop(scan, None)
            part, whole = self._parts[scan], self._whole
            whole.values[part.slots] = np.nan
            whole.quality[part.tags] = Quality.BAD
            whole.reason[part.tags] = Reason.LINK_DOWN if scan in self._met else Reason.NEVER_READ

    def answer(self, now: float) -> Answer | None:
        """Return all that is had of the connection, each value with its true age; None where it is nothing.

        Parameters
        ----------
        now
            The present, POSIX time [s].
        """
        if not self._have:
            return None
        if len(self._parts) == 1:
            return next(iter(self._have.values()))
        return Answer(replace(self._whole, age=now - self._arrival), now)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Where the tags of one class stand among those of their connection."""

    tags: Positions
    """Positions of the tags, shape ``(n,)``."""
    slots: Positions
    """Positions of their values, shape ``(sum of lengths,)``."""

    @classmethod
    def of(cls, tags: Sequence[int], starts: Positions) -> _Part:
        slots: list[Positions] = [np.arange(starts[i], starts[i + 1], dtype=np.intp) for i in tags]
        return cls(np.array(tags, np.intp), np.concatenate([np.empty(0, np.intp), *slots]))


def doubted(batch: Batch, judged: Positions) -> Batch:
    """Return a batch whose values are not from one scan: what would be good is uncertain.

    Parameters
    ----------
    batch
        What came.
    judged
        Positions of the tags that only mean something together, shape ``(n,)``.
    """
    quality, reason = batch.quality.copy(), batch.reason.copy()
    hit = judged[quality[judged] == Quality.GOOD]
    quality[hit], reason[hit] = Quality.UNCERTAIN, Reason.NOT_COHERENT
    return replace(batch, quality=quality, reason=reason)
