"""From what the devices answered to one snapshot: scaled, judged, aged, and latched together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plant_io.ports import Batch
from plant_io.quality import Quality, Reason
from plant_io.signals import Floats, Snapshot, TagIndex
from policies import Modbus, Policy, Tag

Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What one connection gave in one cycle."""

    batch: Batch
    """Raw values and quality of its tags."""
    arrival: float
    """When it arrived here, POSIX time [s]."""


class Latch:
    """Makes snapshots of one line; it keeps nothing from one to the next.

    Parameters
    ----------
    policy
        Gives scale, range and staleness of every tag.
    """

    def __init__(self, policy: Policy) -> None:
        self.index = TagIndex.of(policy)
        """Where each tag stands."""
        tags = tuple(policy.tags.values())
        self._parts = {name: _Part.of(name, policy, self.index) for name in policy.connections}
        self._owner: Positions = np.repeat(np.arange(len(self.index)), self.index.lengths)
        self._start: Positions = np.array(self.index.start, np.intp)
        self._scale = self._spread([tag.scale for tag in tags], 1.0)
        self._offset = self._spread([tag.offset for tag in tags], 0.0)
        self._low = self._spread([tag.range[0] for tag in tags], -np.inf)
        self._high = self._spread([tag.range[1] for tag in tags], np.inf)
        self._stale_after = self._padded([tag.stale_after_s for tag in tags], np.inf)
        self._by_source = self._padded([tag.age_from == "source" for tag in tags], 0.0).astype(bool)
        self._reason = self._padded([Reason.LINK_DOWN for _ in tags], Reason.NO_EVIDENCE).astype(np.uint8)

    def snapshot(self, at: float, answers: Mapping[str, Answer], last: Snapshot) -> Snapshot:
        """Return the line as it is known at `at`.

        Where no value came, or one that is none, the last value stays with its times and with bad quality. Of several
        reasons the first counts: the device's own bad status, not finite, out of range, stale, uncertain status.

        Parameters
        ----------
        at
            Start of the cycle, POSIX time [s].
        answers
            What came, by connection; a connection that gave nothing is absent.
        last
            Snapshot before this one.
        """
        new = self._gathered(at, answers, last)
        values = new.values * self._scale + self._offset
        finite = self._all(np.isfinite(values))
        inside = self._all((values >= self._low) & (values <= self._high))
        came = (new.quality != Quality.BAD) & finite
        age = at - np.where(self._by_source, new.source, new.arrival)
        # Written so that an unknown age is stale.
        fresh = age <= self._stale_after
        # A clock may differ a little; one that is far ahead would keep a value fresh for ever.
        ahead = self._by_source & (age < -self._stale_after)
        for fault, why in (
            (~finite, Reason.NOT_FINITE),
            (~inside, Reason.OUT_OF_RANGE),
            (~fresh, Reason.STALE),
            (ahead, Reason.FUTURE),
        ):
            hit = fault & (new.quality != Quality.BAD)
            new.quality[hit], new.reason[hit] = Quality.BAD, why
        return Snapshot(
            at=at,
            index=self.index,
            values=np.where(came[self._owner], values, last.values),
            sd=new.sd,
            quality=new.quality,
            reason=new.reason,
            source=np.where(came, new.source, last.source),
            arrival=np.where(came, new.arrival, last.arrival),
        )

    def _gathered(self, at: float, answers: Mapping[str, Answer], last: Snapshot) -> Snapshot:
        """Return the answers in the order of the index, values still raw."""
        new = Snapshot.empty(at, self.index)
        unheard = (self._reason == Reason.LINK_DOWN) & np.isnan(last.arrival)
        new.reason[:] = np.where(unheard, Reason.NEVER_READ, self._reason)
        for name, answer in answers.items():
            part, batch = self._parts[name], answer.batch
            new.values[part.slots] = batch.values
            new.quality[part.tags] = batch.quality
            new.reason[part.tags] = batch.reason
            new.source[part.tags] = batch.source if part.stamped else answer.arrival
            new.arrival[part.tags] = answer.arrival if batch.age is None else answer.arrival - batch.age
        return new

    def _all(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return for each tag whether all its values are flagged, shape ``(n_tags,)``."""
        return np.logical_and.reduceat(flags, self._start)

    def _padded(self, known: Sequence[float], virtual: float) -> Floats:
        return np.array([*known, *[virtual] * (len(self.index) - len(known))], np.float64)

    def _spread(self, known: Sequence[float], virtual: float) -> Floats:
        return self._padded(known, virtual)[self._owner]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What of a snapshot comes through one connection."""

    tags: Positions
    """Positions of its tags, shape ``(n,)``."""
    slots: Positions
    """Positions of their values, shape ``(sum of lengths,)``."""
    stamped: bool
    """Whether the device gives source times; if not, the arrival stands for them."""

    @classmethod
    def of(cls, connection: str, policy: Policy, index: TagIndex) -> _Part:
        tags = [index.position[name] for name in tags_of(connection, policy)]
        slots = [np.arange(index.start[i], index.start[i] + index.lengths[i]) for i in tags]
        return cls(
            tags=np.array(tags, np.intp),
            slots=np.concatenate([np.empty(0, np.intp), *slots]),
            stamped=not isinstance(policy.connections[connection], Modbus),
        )


def tags_of(connection: str, policy: Policy) -> dict[str, Tag]:
    """Return the tags that come through a connection, by name, in the order of every batch."""
    return {name: tag for name, tag in policy.tags.items() if tag.connection == connection}
