"""The values that cross the boundary between the plant and the controller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite, nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plant_io.flags import finite
from plant_io.quality import Quality, Reason
from plant_io.values import quick
from policies import Policy

Floats = NDArray[np.float64]
Codes = NDArray[np.uint8]
# Members are found slowly.
_GOOD, _UNCERTAIN, _BAD = int(Quality.GOOD), int(Quality.UNCERTAIN), int(Quality.BAD)
_NEVER_READ, _SUBSTITUTED = int(Reason.NEVER_READ), int(Reason.SUBSTITUTED)
_LITTLE = np.dtype("<f8")
_QUALITIES: Mapping[int, Quality] = {int(each): each for each in Quality}
_REASONS: Mapping[int, Reason] = {int(each): each for each in Reason}


class TagIndex:
    """Where each tag stands in the arrays of a snapshot.

    Parameters
    ----------
    lengths
        Number of values by tag name, in order.
    """

    __slots__ = ("first", "lengths", "names", "places", "position", "start", "width")

    def __init__(self, lengths: Mapping[str, int]) -> None:
        self.names: tuple[str, ...] = tuple(lengths)
        self.lengths: tuple[int, ...] = tuple(lengths.values())
        self.position: Mapping[str, int] = {name: i for i, name in enumerate(self.names)}
        ends = np.cumsum(self.lengths, dtype=np.int64)
        self.width: int = int(ends[-1]) if len(ends) else 0
        self.start: tuple[int, ...] = tuple(int(e) - n for e, n in zip(ends, self.lengths, strict=True))
        self.first: NDArray[np.intp] = np.array(self.start, np.intp)
        self.places: Mapping[str, tuple[int, int]] = {n: (i, self.start[i]) for n, i in self.position.items()}

    @classmethod
    def of(cls, policy: Policy) -> TagIndex:
        """Return the index of a policy: plant tags in its order, then the virtual ones."""
        plant = {name: tag.length for name, tag in policy.tags.items()}
        return cls(plant | {n: 1 for name, s in policy.soft_sensors.items() for n in s.outputs(name)})

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)


class Sample(NamedTuple):
    """One value of one tag at one instant."""

    value: float
    """Value in the unit of its tag; the last one known where `quality` is bad, and not a number if there is none."""
    quality: Quality
    """How far the value may be believed."""
    source: float
    """When the source took it, POSIX time [s]."""
    arrival: float
    """When it arrived here, POSIX time [s]."""
    reason: Reason = Reason.NONE
    """Why `quality` is not good."""
    sd: float = nan
    """Standard deviation, in the unit of its tag; not a number where unknown."""


@quick
@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """Every tag of the line, latched together at the start of one cycle; equal means bit for bit."""

    at: float
    """When the cycle began, POSIX time [s]."""
    index: TagIndex
    """Where each tag stands."""
    values: Floats
    """Values, shape ``(index.width,)``, each in the unit of its tag."""
    sd: Floats
    """Standard deviations, shape ``(n_tags,)``, each in the unit of its tag; not a number where unknown."""
    quality: Codes
    """`Quality` of each tag, shape ``(n_tags,)``."""
    reason: Codes
    """`Reason` of each tag, shape ``(n_tags,)``."""
    source: Floats
    """Source times, shape ``(n_tags,)``, POSIX time [s]."""
    arrival: Floats
    """Arrival times, shape ``(n_tags,)``, POSIX time [s]."""
    restarted: frozenset[str] = frozenset()
    """Connections whose device says that it was started anew since the last snapshot."""
    notes: tuple[str, ...] = ()
    """What else the connections have to say since the last snapshot, one sentence each."""
    torn: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    """Connections whose values are not from one scan of their device: its scan counter before and after them [1]."""
    _known: list[float | None] | None = field(default=None, init=False, repr=False)

    @classmethod
    def empty(cls, at: float, index: TagIndex) -> Snapshot:
        """Return a snapshot in which nothing has been read yet.

        Parameters
        ----------
        at
            Start of the cycle, POSIX time [s].
        index
            Tags of the line.
        """
        n = len(index)
        return cls(
            at=at,
            index=index,
            values=np.full(index.width, nan),
            sd=np.full(n, nan),
            quality=np.full(n, _BAD, np.uint8),
            reason=np.full(n, _NEVER_READ, np.uint8),
            source=np.full(n, nan),
            arrival=np.full(n, nan),
        )

    def __getitem__(self, name: str) -> Sample:
        i = self.index.position[name]
        return Sample(
            value=self.values.item(self.index.start[i]),
            quality=_QUALITIES[self.quality.item(i)],
            source=self.source.item(i),
            arrival=self.arrival.item(i),
            reason=_REASONS[self.reason.item(i)],
            sd=self.sd.item(i),
        )

    def __contains__(self, name: str) -> bool:
        return name in self.index.position

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Snapshot):
            return NotImplemented
        return self._plain() == other._plain() and self.data() == other.data()

    def _plain(self) -> tuple[object, ...]:
        return self.at, self.index.names, self.restarted, self.notes, dict(self.torn)

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    def data(self) -> bytes:
        """Return all arrays as bytes, little-endian, in the order of the fields."""
        floats = [self.values, self.sd, self.source, self.arrival]
        codes = (self.quality, self.reason)
        if not _LITTLE.isnative:
            floats = [a.astype(_LITTLE) for a in floats]
        return b"".join([a.tobytes() for a in floats] + [c.tobytes() for c in codes])

    def good(self, name: str) -> float | None:
        """Return the value of a tag in its unit, or None if it is no evidence about the present.

        Age needs no second look: the latch has marked what is older than the policy allows.
        """
        if self._known is not None:
            return self._known[self.index.position[name]]
        i, start = self.index.places[name]
        if self.quality.item(i) != _GOOD:
            return None
        value = self.values.item(start)
        return value if isfinite(value) else None

    def taken(self, name: str) -> float:
        """Return when the source took the value of a tag, POSIX time [s]."""
        return self.source.item(self.index.position[name])

    def taken_each(self, tags: Mapping[str, str]) -> dict[str, float]:
        """Return when the source took the values of some tags, POSIX time [s], by the names they are given."""
        source, places = self.source.item, self.index.position
        return {name: source(places[tag]) for name, tag in tags.items()}

    def arrived(self, name: str) -> float:
        """Return when the value of a tag arrived here, POSIX time [s]."""
        return self.arrival.item(self.index.position[name])

    def usable(self, name: str) -> float | None:
        """Return the value of a tag in its unit if it is good or stands in for a bad one, else None.

        It may be reckoned with where the last value would be otherwise; it is no evidence.
        """
        value = self.good(name)
        if value is not None:
            return value
        i, start = self.index.places[name]
        if self.quality.item(i) != _UNCERTAIN or self.reason.item(i) != _SUBSTITUTED:
            return None
        value = self.values.item(start)
        return value if isfinite(value) else None

    def vector(self, name: str) -> Floats | None:
        """Return all values of a tag in its unit, shape ``(length,)``, or None if they are no evidence."""
        i = self.index.position[name]
        if self.quality.item(i) != _GOOD:
            return None
        start = self.index.start[i]
        found = self.values[start : start + self.index.lengths[i]]
        return found if finite(found) else None

    def extended(self, samples: Mapping[str, Sample]) -> Snapshot:
        """Return a copy in which single-valued tags have the given samples."""
        whole = Snapshot(
            self.at,
            self.index,
            self.values.copy(),
            self.sd.copy(),
            self.quality.copy(),
            self.reason.copy(),
            self.source.copy(),
            self.arrival.copy(),
            self.restarted,
            self.notes,
            self.torn,
        )
        whole.enter(samples)
        return whole

    def enter(self, samples: Mapping[str, Sample]) -> None:
        """Enter samples of single-valued tags in a snapshot that is being made."""
        values, sd, quality, reason = self.values, self.sd, self.quality, self.reason
        source, arrival, places = self.source, self.arrival, self.index.places
        known = self._known
        for name, (value, good, taken, came, why, spread) in samples.items():
            i, start = places[name]
            values[start], sd[i] = value, spread
            quality[i], reason[i] = good, why
            source[i], arrival[i] = taken, came
            if known is not None:
                known[i] = value if good == _GOOD and isfinite(value) else None

    def settled(self) -> Snapshot:
        """Return it, whose arrays change no more but by samples that are entered, ready to be asked for many values."""
        if self._known is None:
            first = self.values[self.index.first]
            known: list[float | None] = first.tolist()
            sure = ((self.quality == _GOOD) & np.isfinite(first)).tobytes()
            doubtful = sure.find(0)
            while doubtful >= 0:
                known[doubtful] = None
                doubtful = sure.find(0, doubtful + 1)
            object.__setattr__(self, "_known", known)
        return self


@quick
@dataclass(frozen=True, slots=True)
class Setpoint:
    """A value asked of the plant; only the guard makes one that moves it, the rest are words of the handshake."""

    tag: str
    """Name of the tag written."""
    value: float
    """Value in the unit of the tag."""


class Outcome(StrEnum):
    """What became of a write, as far as the link can tell."""

    TAKEN = "taken"
    REFUSED = "refused"
    NOT_CONFIRMED = "not confirmed"


@quick
@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one setpoint; whether the plant follows it is seen in the next read-back."""

    setpoint: Setpoint
    """What was asked."""
    outcome: Outcome
    """What became of it."""
    why: str = ""
    """Reason given, where it was not taken."""
