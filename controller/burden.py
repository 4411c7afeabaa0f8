"""What people were told over some time: how often, in what floods, by what, and against which budgets.

Figures are those of EEMUA 191 and ISA-18.2: calls by day, ten-minute windows with more than ten, shares of priorities,
the sources that call most, and what has stood for longer than a day. Every alarm counts against the budget of false
alarms of those who were told, until people have said that it was right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from anomaly.budget import Kept, Tally, kept
from anomaly.incident import Incident

_WINDOW_S, _FLOOD = 600.0, 10
_DAY_S = 86_400.0
_SOURCES = 10
_CALLS = frozenset({"opened", "reopened", "raised"})
_ANEW = frozenset({"opened", "reopened"})


@dataclass(slots=True)
class Burden:
    """What people were told."""

    right: frozenset[str] = frozenset()
    """Incidents of which people have said that they were right, and so no false alarms, by name."""
    tally: Tally = field(default_factory=Tally)
    """Time looked at, and incidents by who was told."""
    calls: list[float] = field(default_factory=list[float])
    """When people were called, POSIX time [s]."""
    priorities: Counter[str] = field(default_factory=Counter[str])
    """Incidents by priority, as they were opened [1]."""
    sources: Counter[str] = field(default_factory=Counter[str])
    """Incidents by the watch that began them [1]."""
    stale: int = 0
    """Incidents that stood for longer than a day [1]."""
    _told: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    _opened: dict[str, float] = field(default_factory=dict[str, float])
    _last: float = 0.0

    @classmethod
    def of(cls, incidents: Iterable[Incident], watched_s: float) -> Burden:
        """Return what people were told in one run.

        Parameters
        ----------
        incidents
            What became of incidents.
        watched_s
            Length of the run [s].
        """
        found = cls(tally=Tally().after(watched_s))
        for one in incidents:
            known = {"change": one.change.value, "id": one.id, "priority": one.priority}
            found.take([known | {"watches": one.watches, "routes": one.routes}], one.at, 0.0)
        return found

    def take(self, incidents: Iterable[Mapping[str, object]], at: float, time_s: float) -> None:
        """Add one cycle.

        Parameters
        ----------
        incidents
            What became of incidents in it, as plain values.
        at
            When, POSIX time [s].
        time_s
            Its length [s].
        """
        self.tally, self._last = self.tally.after(time_s), at
        for one in incidents:
            change, name = str(one["change"]), str(one["id"])
            if change in _CALLS:
                self._call(one, name, at, anew=change in _ANEW)
            elif change == "closed" and at - self._opened.pop(name, at) > _DAY_S:
                self.stale += 1

    def _call(self, one: Mapping[str, object], name: str, at: float, *, anew: bool) -> None:
        self.calls.append(at)
        if anew:
            self._told[name] = set()
            self._opened[name] = at
            self.priorities[str(one["priority"])] += 1
            self.sources[next(iter(_texts(one["watches"])), "")] += 1
        fresh = set(_texts(one["routes"])) - self._told.setdefault(name, set())
        self._told[name] |= fresh
        for route in fresh:
            self.tally = self.tally.alarmed(route)
            if name in self.right:
                self.tally = self.tally.confirmed(route)

    @property
    def days(self) -> float:
        """Time looked at [d]."""
        return self.tally.watched_s / _DAY_S

    def windows(self) -> Counter[int]:
        """Return the calls in each window of ten minutes that had any [1]."""
        return Counter(int(at // _WINDOW_S) for at in self.calls)

    def budgets(self, promised: Mapping[str, float]) -> dict[str, Kept]:
        """Return promise and outcome of every class that has a budget.

        Parameters
        ----------
        promised
            False alarms promised to each class [1/s].
        """
        return kept(promised, self.tally)

    def plain(self, promised: Mapping[str, float]) -> dict[str, object]:
        """Return all figures as plain values.

        Parameters
        ----------
        promised
            False alarms promised to each class [1/s].
        """
        windows = self.windows()
        return {
            "days": self.days,
            "calls": len(self.calls),
            "calls_per_day": len(self.calls) / self.days if self.days else None,
            "most_in_ten_minutes": max(windows.values(), default=0),
            "windows_with_more_than_ten": sum(count > _FLOOD for count in windows.values()),
            "priorities": dict(self.priorities),
            "sources": dict(self.sources.most_common(_SOURCES)),
            "stood_longer_than_a_day": self.stale + self._stand_long(),
            "budgets": {route: _plain(one) for route, one in self.budgets(promised).items()},
        }

    def _stand_long(self) -> int:
        return sum(self._last - begun > _DAY_S for begun in self._opened.values())


def _texts(found: object) -> Iterator[str]:
    yield from map(str, cast("Sequence[object]", found) if isinstance(found, list | tuple) else ())


def _plain(one: Kept) -> dict[str, object]:
    week = 7.0 * _DAY_S
    return {
        "promised_per_week": one.promised * week,
        "told": one.told,
        "realised_per_week": one.realised * week,
        "realised_vs_promised": one.ratio,
        "lower_95_vs_promised": one.low / one.promised,
        "upper_95_vs_promised": one.ratio_high,
        "broken": one.broken,
        "what": one.why,
    }
