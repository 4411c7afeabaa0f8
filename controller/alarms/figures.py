"""Figures of an alarm system over a time, from the steps of its alarms alone.

What is counted and where it becomes too much is that of EEMUA publication 191 (edition 3) and ISA-18.2-2016, clause 16:
ten minutes with more than ten alarms are a flood, which lasts until there are fewer than five; an alarm that comes
three times in a minute chatters; one that stands for more than a day is stale; 80, 15 and 5 of a hundred alarms should
be of low, medium and high priority.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from controller.alarms.lifecycle import TOLD, AlarmEvent, AlarmState
from controller.alarms.listed import listed
from controller.alarms.state import Alarm, AlarmChange
from policies import Priority

WINDOW_S = 600.0
"""Length of the windows in which alarms are counted [s]."""
FLOOD, OVER = 10, 5
"""Alarms in a window [1]: more begin a flood, fewer end it."""
CHATTER, CHATTER_S = 3, 60.0
"""An alarm that comes so often [1] in this time [s] chatters."""
STALE_S = 86_400.0
"""Time after which an alarm that stands is stale [s]."""
WANTED: Mapping[Priority, float] = {"low": 0.80, "medium": 0.15, "high": 0.05}
"""Shares of the priorities that are wanted [1]."""
_TOP = 10
_LEFT_OVER_S = 60.0


@dataclass(frozen=True, slots=True)
class Span:
    """A time that was looked at without a gap."""

    begin: float
    """Its beginning, POSIX time [s]."""
    end: float
    """Its end, POSIX time [s]."""
    changes: tuple[AlarmChange, ...]
    """Steps of alarms in it, the oldest first."""


@dataclass(frozen=True, slots=True)
class Flood:
    """A time with too many alarms for anybody to follow."""

    begin: float
    """Beginning of its first window, POSIX time [s]."""
    end: float
    """End of its last window, POSIX time [s]."""
    count: int
    """Alarms in it [1]."""
    peak: int
    """Most alarms in one of its windows [1]."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How an alarm system did."""

    span_s: float
    """Time looked at [s]."""
    windows: tuple[tuple[float, int], ...]
    """Beginning of each window, POSIX time [s], and alarms in it [1]."""
    floods: tuple[Flood, ...]
    """Floods, the oldest first."""
    counts: Mapping[str, int]
    """Alarms by name, the most frequent first [1]."""
    priorities: Mapping[Priority, int]
    """Alarms by priority [1]."""
    chattering: Mapping[str, int]
    """Most alarms in a minute of each that chatters, by name [1]."""
    stale: Mapping[str, float]
    """Longest time each stale alarm stood, by name [s]."""
    answered_s: tuple[float, ...]
    """Time from each raise to its acknowledgement, where there was one [s]."""
    kept: Mapping[str, int]
    """Times that alarms were shelved, suppressed by design or taken out of service [1]."""
    standing: Mapping[str, Alarm]
    """Alarms that are not normal at the end, by name."""

    @property
    def count(self) -> int:
        """Return how many alarms there were [1]."""
        return sum(self.counts.values())

    @property
    def average(self) -> float:
        """Return how many alarms there were in ten minutes, on average [1]."""
        return self.count * WINDOW_S / self.span_s if self.span_s > 0.0 else 0.0

    @property
    def peak(self) -> int:
        """Return the most alarms in a window [1]."""
        return max((count for _, count in self.windows), default=0)

    @property
    def flooded(self) -> float:
        """Return the share of the time that was in flood [1]."""
        return sum(one.end - one.begin for one in self.floods) / self.span_s if self.span_s > 0.0 else 0.0

    @property
    def median_s(self) -> float | None:
        """Return the median time from a raise to its acknowledgement [s]; None where there was none."""
        return median(self.answered_s) if self.answered_s else None

    def shares(self) -> dict[Priority, float]:
        """Return the share of the alarms of each priority [1]; nothing where there was no alarm."""
        return {priority: count / self.count for priority, count in self.priorities.items() if self.count}

    def plain(self) -> dict[str, object]:
        """Return them as plain values."""
        return {
            "span_s": self.span_s,
            "count": self.count,
            "average_per_ten_minutes": self.average,
            "peak_per_ten_minutes": self.peak,
            "windows_over_ten": sum(count > FLOOD for _, count in self.windows),
            "windows": len(self.windows),
            "floods": [
                {"begin": one.begin, "end": one.end, "count": one.count, "peak": one.peak} for one in self.floods
            ],
            "share_in_flood": self.flooded,
            "chattering": dict(self.chattering),
            "stale": dict(self.stale),
            "priorities": dict(self.priorities),
            "top_ten": [{"alarm": name, "count": count, "share": share} for name, count, share in self.top()],
            "acknowledged": len(self.answered_s),
            "median_to_acknowledge_s": self.median_s,
            "longest_to_acknowledge_s": max(self.answered_s, default=None),
            "kept_from_people": dict(self.kept),
            "standing": {name: alarm.state.value for name, alarm in self.standing.items()},
        }

    def top(self) -> Iterator[tuple[str, int, float]]:
        """Give the most frequent alarms with their counts and shares of all [1]."""
        for name, count in list(self.counts.items())[:_TOP]:
            yield name, count, count / self.count


def figures(spans: Sequence[Span]) -> Figures:
    """Return how an alarm system did.

    Parameters
    ----------
    spans
        Times that were looked at, POSIX times [s], the oldest first.
    """
    told = [change for span in spans for change in span.changes if annunciates(change)]
    names = Counter(change.alarm.name for change in told)
    raised = Counter(change.alarm.priority for change in told)
    windows = [_windows(span) for span in spans]
    kept = Counter(
        str(change.alarm.state)
        for span in spans
        for change in span.changes
        if change.event in {AlarmEvent.SHELVED, AlarmEvent.SUPPRESSED, AlarmEvent.REMOVED}
    )
    standing: Mapping[str, Alarm] = {}
    for span in spans:
        standing = listed(standing, span.changes)
    return Figures(
        span_s=sum(span.end - span.begin for span in spans),
        windows=tuple(each for found in windows for each in found),
        floods=tuple(flood for found in windows for flood in _floods(found)),
        counts=dict(sorted(names.items(), key=lambda item: (-item[1], item[0]))),
        priorities={priority: raised[priority] for priority in WANTED},
        chattering=_chattering(spans),
        stale=_stale(spans),
        answered_s=tuple(_answered(spans)),
        kept=dict(sorted(kept.items())),
        standing=standing,
    )


def annunciates(change: AlarmChange) -> bool:
    """Return whether people are called by a step of an alarm."""
    return change.event is not None and change.alarm.state is AlarmState.UNACKNOWLEDGED


def _windows(span: Span) -> list[tuple[float, int]]:
    counts = Counter(int((one.at - span.begin) // WINDOW_S) for one in span.changes if annunciates(one))
    whole = ceil((span.end - span.begin - _LEFT_OVER_S) / WINDOW_S)  # what is left over for a moment is no window
    number = max(1, whole, *(i + 1 for i in counts))
    return [(span.begin + i * WINDOW_S, counts[i]) for i in range(number)]


def _floods(windows: Sequence[tuple[float, int]]) -> Iterator[Flood]:
    found: list[tuple[float, int]] = []
    for begin, count in [*windows, (windows[-1][0] + WINDOW_S, 0)]:
        if count > FLOOD or (found and count >= OVER):
            found.append((begin, count))
        elif found:
            counts = [each for _, each in found]
            yield Flood(found[0][0], found[-1][0] + WINDOW_S, sum(counts), max(counts))
            found = []


def _chattering(spans: Sequence[Span]) -> dict[str, int]:
    most: dict[str, int] = defaultdict(int)
    for span in spans:
        times: dict[str, list[float]] = defaultdict(list)
        for change in span.changes:
            if annunciates(change):
                times[change.alarm.name].append(change.at)
        for name, each in times.items():
            most[name] = max(most[name], _most(each))
    chatter = {name: count for name, count in most.items() if count >= CHATTER}
    return dict(sorted(chatter.items(), key=lambda item: (-item[1], item[0])))


def _most(times: Sequence[float]) -> int:
    """Return the most of some times, in their order, POSIX times [s], that lie in a minute [1]."""
    return max(bisect_left(times, at + CHATTER_S) - i for i, at in enumerate(times))


def _stale(spans: Sequence[Span]) -> dict[str, float]:
    stood, since = dict[str, float](), dict[str, float]()
    for span in spans:
        for change in span.changes:
            name, alarm = change.alarm.name, change.alarm
            if alarm.stands and alarm.state in TOLD:
                since.setdefault(name, change.at)
            elif name in since:
                stood[name] = max(stood.get(name, 0.0), change.at - since.pop(name))
    for name, begin in since.items():
        stood[name] = max(stood.get(name, 0.0), spans[-1].end - begin)
    return {name: lasted for name, lasted in stood.items() if lasted > STALE_S}


def _answered(spans: Sequence[Span]) -> Iterator[float]:
    raised = dict[str, float]()
    for span in spans:
        for change in span.changes:
            if annunciates(change):
                raised.setdefault(change.alarm.name, change.at)
            elif change.event is AlarmEvent.ACKNOWLEDGED and change.alarm.name in raised:
                yield change.at - raised.pop(change.alarm.name)
            elif change.alarm.state is AlarmState.NORMAL:
                raised.pop(change.alarm.name, None)
