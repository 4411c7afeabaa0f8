"""From what the devices answered to one snapshot: scaled, judged, aged, and latched together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plant_io.flags import every
from plant_io.frozen import Standstill, Watched
from plant_io.ne43 import Currents, limits
from plant_io.ne107 import Health, Told
from plant_io.ports import Batch
from plant_io.quality import Quality, Reason
from plant_io.racing import Racing
from plant_io.signals import Floats, Snapshot, TagIndex
from plant_io.values import quick
from plant_io.verdicts import Flags, Positions, Verdict, in_a_row, mark
from policies import Connection, Modbus, Policy, Tag
from policies.quality import Ne43

Span = tuple[float, float]
# numpy takes ten times as long to compare with a member of an enum.
_TAME = 1e300  # far from overflow, whatever offset is added; and its root from that of a square
_GOOD, _BAD, _LINK_DOWN, _NEVER_READ = map(int, (Quality.GOOD, Quality.BAD, Reason.LINK_DOWN, Reason.NEVER_READ))


@quick
@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What one connection gave in one cycle."""

    batch: Batch
    """Raw values and quality of its tags."""
    arrival: float
    """When it arrived here, POSIX time [s]."""


class Latch:
    """Makes snapshots of one line; from one to the next it keeps scan counters, and how long each signal stood still.

    Parameters
    ----------
    policy
        Gives scale, range, staleness and the further rules of every tag.
    """

    def __init__(self, policy: Policy) -> None:
        self.index = TagIndex.of(policy)
        """Where each tag stands."""
        tags = tuple(policy.tags.values())
        self._signals = len(tags)
        self._parts = {name: _Part.of(name, policy, self.index) for name in policy.connections}
        self._owner: Positions = np.repeat(np.arange(len(self.index)), self.index.lengths)
        self._start: Positions = np.array(self.index.start, np.intp)
        self._scale = self._spread([tag.scale for tag in tags], 1.0)
        self._offset = self._spread([tag.offset for tag in tags], 0.0)
        self._tame = min(_TAME / max(1.0, *(abs(tag.scale) for tag in tags)), _TAME**0.5) ** 2
        spans = [limits(tag) for tag in tags]
        self._low = self._spread([believed[0] for believed, _ in spans], -np.inf)
        self._high = self._spread([believed[1] for believed, _ in spans], np.inf)
        self._least = self._spread([possible[0] for _, possible in spans], -np.inf)
        self._most = self._spread([possible[1] for _, possible in spans], np.inf)
        self._stale_after = self._padded([tag.stale_after_s for tag in tags], np.inf)
        self._by_source = self._padded([tag.age_from == "source" for tag in tags], 0.0).astype(bool)
        self._sound = _Sound.of(tags, spans)
        # What no tag asks for is not worked out.
        self._wider = any(believed != possible for believed, possible in spans)
        self._dated = bool(self._by_source.any())
        self._none = Snapshot.empty(0.0, self.index)
        self._none.reason[:] = self._padded([Reason.LINK_DOWN for _ in tags], Reason.NO_EVIDENCE)
        self._rules = _Rules.of(policy, self.index)
        self._memory = self._rules.standstill.begin(len(policy.connections))
        self._racing = Racing([part.tags for part in self._parts.values()])
        self._counted = self._racing.begin()

    def snapshot(self, at: float, answers: Mapping[str, Answer], last: Snapshot) -> Snapshot:
        """Return the line as it is known at `at`.

        Where no value came, or one that is none, the last value stays with its times and with bad quality. The worst
        quality counts, and of several reasons for it the first: the device's own status, not finite, the state of the
        device, the current of the channel, range, age, a scan counter that cannot be true, standstill.

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
        values = self._scaled(new.values)
        if self._sound.throughout(new, values, self._aged(new)):  # as in nearly every cycle
            health, currents = self._rules.health, self._rules.currents
            told = health.judged(values, self._sound.believed)
            verdicts: Iterable[Verdict] = told, currents.judged(new.values)
            new.values[:] = values
        else:
            finite = self._all(np.isfinite(values))
            came = (new.quality != _BAD) & finite
            verdicts = self._said(new, values, finite)
            self._keep(new, values, came, last)
        for verdict in verdicts:
            mark(new, verdict)
        self._watch(new, answers, last)
        return new

    def _scaled(self, raw: Floats) -> Floats:
        """Return values in the units of their tags, shape ``(index.width,)``; what is too large is infinite."""
        came = raw[: self._sound.width]
        if not np.vdot(came, came) < self._tame:  # as where one is no number; unlike dot it does not warn
            with np.errstate(over="ignore", invalid="ignore"):
                return np.asarray(raw * self._scale + self._offset)
        return np.asarray(raw * self._scale + self._offset)

    def _aged(self, new: Snapshot) -> Floats:
        """Return the age of each tag [s], shape ``(n_tags,)``."""
        age: Floats = new.at - (np.where(self._by_source, new.source, new.arrival) if self._dated else new.arrival)
        return age

    def _gathered(self, at: float, answers: Mapping[str, Answer], last: Snapshot) -> Snapshot:
        """Return the answers in the order of the index, values still raw."""
        new = self._nothing(at)
        if len(answers) < len(self._parts):
            new.reason[(new.reason == _LINK_DOWN) & np.isnan(last.arrival)] = _NEVER_READ
        for name, answer in answers.items():
            part, batch = self._parts[name], answer.batch
            here = part.run
            new.values[part.stretch] = batch.values
            new.quality[here] = batch.quality
            new.reason[here] = batch.reason
            arrival = answer.arrival if batch.age is None else answer.arrival - batch.age
            new.source[here] = batch.source if part.stamped else arrival
            new.arrival[here] = arrival
        return new

    def _nothing(self, at: float) -> Snapshot:
        none = self._none
        return Snapshot(
            at=at,
            index=self.index,
            values=none.values.copy(),
            sd=none.sd.copy(),
            quality=none.quality.copy(),
            reason=none.reason.copy(),
            source=none.source.copy(),
            arrival=none.arrival.copy(),
        )

    def _said(self, new: Snapshot, values: Floats, finite: Flags) -> Iterable[Verdict]:
        """Return what the rules that know one instant only say of the tags, in the order in which it counts."""
        inside = self._all((values >= self._low) & (values <= self._high))
        possible = self._all((values >= self._least) & (values <= self._most)) if self._wider else inside
        age = self._aged(new)
        # Written so that an unknown age is stale.
        fresh = age <= self._stale_after
        # A clock may differ a little; one that is far ahead would keep a value fresh for ever.
        ahead = self._by_source & (age < -self._stale_after)
        believed = (new.quality == _GOOD) & finite & inside & fresh & ~ahead
        told = self._rules.health.judged(values, believed), self._rules.currents.judged(new.values)
        return (
            Verdict.where(~finite, Quality.BAD, Reason.NOT_FINITE),
            *told,
            Verdict.where(~possible, Quality.BAD, Reason.OUT_OF_RANGE),
            Verdict.where(~inside, Quality.UNCERTAIN, Reason.OUT_OF_RANGE),
            Verdict.where(~fresh, Quality.BAD, Reason.STALE),
            Verdict.where(ahead, Quality.BAD, Reason.FUTURE),
        )

    def _keep(self, new: Snapshot, values: Floats, came: Flags, last: Snapshot) -> None:
        """Enter the values that came; where none did, the last one with its times."""
        new.values[:] = values
        if np.count_nonzero(came) == self._signals:
            return  # virtual tags never come, and are empty in every snapshot
        gone = ~came
        slots = gone[self._owner]
        new.values[slots] = last.values[slots]
        new.source[gone], new.arrival[gone] = last.source[gone], last.arrival[gone]

    def _watch(self, new: Snapshot, answers: Mapping[str, Answer], last: Snapshot) -> None:
        """Enter what the rules say that remember earlier snapshots."""
        rules = self._rules
        counts = rules.counts(new, answers) if rules.standstill.tags.size else ()
        if rules.counted:
            raced, self._counted = self._racing.judged(rules.shown(new, answers), new.at, self._counted)
            mark(new, raced)
        verdict, self._memory = rules.standstill.judged(new, counts, last.at, self._memory)
        mark(new, verdict)

    def _all(self, flags: Flags) -> Flags:
        """Return for each tag whether all its values are flagged, shape ``(n_tags,)``."""
        return flags if len(flags) == len(self._start) else np.logical_and.reduceat(flags, self._start)

    def _padded(self, known: Sequence[float], virtual: float) -> Floats:
        return np.array([*known, *[virtual] * (len(self.index) - len(known))], np.float64)

    def _spread(self, known: Sequence[float], virtual: float) -> Floats:
        return self._padded(known, virtual)[self._owner]


@dataclass(frozen=True, slots=True, eq=False)
class _Sound:
    """What a line looks like of which every value came good, in range and in time."""

    low: Floats
    """Lowest values, shape ``(sum of lengths,)``, each in the unit of its tag."""
    high: Floats
    """Highest values, likewise."""
    youngest: Floats
    """Least age of each tag [s], shape ``(n_signals,)``; below zero, as clocks differ."""
    oldest: Floats
    """Greatest age of each tag [s], shape ``(n_signals,)``."""
    believed: Flags
    """That every tag is believed, as far as it goes without its device, shape ``(n_signals,)``."""
    good: bytes
    """The quality of every tag."""
    width: int
    """Number of their values [1]."""

    @classmethod
    def of(cls, tags: Sequence[Tag], spans: Sequence[tuple[Span, Span]]) -> _Sound:
        """Return it for `tags`, of each of which is given which values are believed, and which are possible."""
        lengths = [tag.length for tag in tags]
        low = np.repeat([max(believed[0], possible[0]) for believed, possible in spans], lengths).astype(np.float64)
        high = np.repeat([min(believed[1], possible[1]) for believed, possible in spans], lengths).astype(np.float64)
        stale = np.array([tag.stale_after_s for tag in tags], np.float64)
        by_source = np.array([tag.age_from == "source" for tag in tags], np.bool_)
        youngest = np.where(by_source, -stale, -np.inf)
        return cls(low, high, youngest, stale, np.ones(len(tags), np.bool_), bytes([_GOOD]) * len(tags), len(low))

    def throughout(self, new: Snapshot, values: Floats, age: Floats) -> bool:
        """Return whether every signal is sound.

        Parameters
        ----------
        new
            What came, as the devices judge it.
        values
            Values, shape ``(index.width,)``, each in the unit of its tag.
        age
            Age of each tag [s], shape ``(n_tags,)``.
        """
        n = len(self.oldest)
        here, passed = values[: self.width], age[:n]
        return (
            new.quality[:n].tobytes() == self.good
            and every((here >= self.low) & (here <= self.high))
            and every((passed >= self.youngest) & (passed <= self.oldest))
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What of a snapshot comes through one connection."""

    tags: Positions
    """Positions of its tags, shape ``(n,)``."""
    run: Positions | slice
    """The tags, in a form that is quick to write to."""
    stretch: Positions | slice
    """Their values, likewise."""
    stamped: bool
    """Whether the device gives source times; if not, the arrival stands for them."""

    @classmethod
    def of(cls, connection: str, policy: Policy, index: TagIndex) -> _Part:
        here = [index.position[name] for name in tags_of(connection, policy)]
        tags = np.array(here, np.intp)
        slots = [np.arange(index.start[i], index.start[i] + index.lengths[i], dtype=np.intp) for i in here]
        return cls(
            tags=tags,
            run=in_a_row(tags),
            stretch=in_a_row(np.concatenate([np.empty(0, np.intp), *slots])),
            stamped=not isinstance(policy.connections[connection], Modbus),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Rules:
    """What the policy says of single tags beyond scale, range and age."""

    health: Health
    currents: Currents
    standstill: Standstill
    counters: tuple[tuple[str, str | None], ...]
    """Connections, and the tag by which the device of each shows that it runs."""
    counted: bool
    """Whether there is such a tag."""

    @classmethod
    def of(cls, policy: Policy, index: TagIndex) -> _Rules:
        place, start = index.position, index.start
        connections = list(policy.connections)
        told, channels, watched = list[Told](), list[tuple[int, int, Ne43]](), list[Watched]()
        for i, tag in enumerate(policy.tags.values()):
            if tag.ne107 is not None:
                teller = place[tag.ne107.tag]
                told.append(Told(i, teller, start[teller], tag.ne107))
            if tag.ne43 is not None:
                channels += [(i, start[i] + k, tag.ne43) for k in range(tag.length)]
            if tag.frozen is not None:
                also = tuple(place[name] for name in tag.frozen.also)
                watched.append(Watched(i, start[i], tag.length, connections.index(tag.connection), tag.frozen, also))
        counters = tuple((name, _counter(link)) for name, link in policy.connections.items())
        counted = any(name is not None for _, name in counters)
        return cls(Health.of(told), Currents.of(channels), Standstill.of(watched), counters, counted)

    def counts(self, seen: Snapshot, answers: Mapping[str, Answer]) -> list[float]:
        """Return the scan counter of each device [1]; of one that has none, something new with each answer."""
        return [
            (seen.at if name in answers else np.nan) if counter is None else _number(seen, counter)
            for name, counter in self.counters
        ]

    def shown(self, seen: Snapshot, answers: Mapping[str, Answer]) -> list[float]:
        """Return the scan counter of each device as it was read [1], however good; not a number where there is none."""
        index = seen.index
        there = [None if name not in answers else counter for name, counter in self.counters]
        return [np.nan if name is None else seen.values.item(index.start[index.position[name]]) for name in there]


def _counter(link: Connection) -> str | None:
    if link.coherence is not None and link.coherence.counter is not None:
        return link.coherence.counter
    return None if link.handshake is None else link.handshake.scan_tag


def _number(seen: Snapshot, name: str) -> float:
    found = seen.good(name)
    return np.nan if found is None else found


def tags_of(connection: str, policy: Policy) -> dict[str, Tag]:
    """Return the tags that come through a connection, by name, in the order of every batch."""
    return {name: tag for name, tag in policy.tags.items() if tag.connection == connection}
