"""What was promised of false alarms and what came of it, by what people judged each case to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from anomaly.budget import Kept as Budget
from anomaly.budget import Tally, kept
from anomaly.cases import Case, Disposition
from controller.cases.history import Kept, newest
from policies import Policy, Trend
from policies.library import read

WEEK_S = 604_800.0
"""Length of a week [s]; weeks begin at midnight UTC between Wednesday and Thursday, as POSIX time began."""
FALSE = (Disposition.ANALYTICAL, Disposition.REJECTED)
"""What counts as a false alarm of the product."""


@dataclass(slots=True)
class Rate:
    """Cases of one kind."""

    opened: int = 0
    """Cases opened [1]."""
    confirmed: int = 0
    """Of these, judged confirmed [1]."""
    analytical: int = 0
    """Of these, judged analytical [1]."""
    rejected: int = 0
    """Of these, judged rejected [1]."""
    detect_s: list[float] = field(default_factory=list[float])
    """Time from the beginning to the opening of each that was confirmed [s]."""
    confirm_s: list[float] = field(default_factory=list[float])
    """Time from the opening to the first result that confirms of each that has one [s]."""
    close_s: list[float] = field(default_factory=list[float])
    """Time from the opening to the closing of each that is closed [s]."""

    @property
    def false(self) -> int:
        """Cases judged to be false alarms [1]."""
        return self.analytical + self.rejected

    @property
    def open(self) -> int:
        """Cases nobody has judged [1]."""
        return self.opened - self.confirmed - self.false

    def take(self, case: Case, begun: float) -> None:
        """Count a case.

        Parameters
        ----------
        case
            The case.
        begun
            When what it tells of began, POSIX time [s].
        """
        judged = case.disposition if case.closed is not None else None
        self.opened += 1
        self.confirmed += judged is Disposition.CONFIRMED
        self.analytical += judged is Disposition.ANALYTICAL
        self.rejected += judged is Disposition.REJECTED
        if judged is Disposition.CONFIRMED:
            self.detect_s.append(case.opened - begun)
        confirming = [result.at for result in case.results if result.supports == "confirms"]
        if confirming:
            self.confirm_s.append(confirming[0] - case.opened)
        if case.closed is not None:
            self.close_s.append(case.closed - case.opened)

    def plain(self, watched_s: float) -> dict[str, object]:
        """Return it as plain values; `watched_s` is the time looked at [s]."""
        weeks = watched_s / WEEK_S
        return {
            "opened": self.opened,
            "confirmed": self.confirmed,
            "analytical": self.analytical,
            "rejected": self.rejected,
            "false": self.false,
            "open": self.open,
            "false_per_week": self.false / weeks if weeks else None,
            "median_detect_s": _median(self.detect_s),
            "median_confirm_s": _median(self.confirm_s),
            "median_close_s": _median(self.close_s),
        }


@dataclass(slots=True)
class Rates:
    """Cases over some records of one line."""

    line: str
    """Name of the line."""
    promised: Mapping[str, float]
    """False alarms promised to each class of people [1/s]."""
    tally: Tally = field(default_factory=Tally)
    """Time looked at, and cases by who was told, those that were confirmed left out."""
    judged: dict[str, int] = field(default_factory=dict[str, int])
    """Cases judged to be false alarms, by who was told [1]."""
    kinds: dict[tuple[str, str], Rate] = field(default_factory=dict[tuple[str, str], Rate])
    """Cases by product and method."""
    weeks: dict[int, Rate] = field(default_factory=dict[int, Rate])
    """Cases by week of their opening, counted since POSIX time began [1]."""
    watched_s: dict[int, float] = field(default_factory=dict[int, float])
    """Time looked at in each week [s]."""
    open: list[Case] = field(default_factory=list[Case])
    """Cases that are not closed, the oldest first."""

    def budgets(self) -> dict[str, Budget]:
        """Return promise and outcome of every class that has a budget."""
        return kept(self.promised, self.tally)


def rates(records: Sequence[Kept], onsets: Mapping[str, float] | None = None) -> Rates:
    """Return the cases of some records, by what people judged them to be.

    Parameters
    ----------
    records
        What the records hold, the oldest first; at least one.
    onsets
        When what a case tells of really began, where that is known, by name of the case, POSIX time [s].
    """
    found = Rates(str(records[-1].head["line"]), records[-1].policy.budgets.declared)
    for one in records:
        found.tally = found.tally.after(one.ended - one.begun)
        _watched(found.watched_s, one.begun, one.ended)
    for case, one in newest(records).values():
        _counted(found, case, one.policy, (onsets or {}).get(case.id, case.evidence.onset))
    return found


def _counted(found: Rates, case: Case, policy: Policy, begun: float) -> None:
    found.kinds.setdefault(kind(case, policy), Rate()).take(case, begun)
    found.weeks.setdefault(int(case.opened // WEEK_S), Rate()).take(case, begun)
    if case.closed is None:
        found.open.append(case)
    for route in case.evidence.routes:
        found.tally = found.tally.alarmed(route)
        if case.closed is not None and case.disposition is Disposition.CONFIRMED:
            found.tally = found.tally.confirmed(route)
        if case.closed is not None and case.disposition in FALSE:
            found.judged[route] = found.judged.get(route, 0) + 1


def kind(case: Case, policy: Policy) -> tuple[str, str]:
    """Return the product a case is about, and the method that told it.

    Parameters
    ----------
    case
        The case.
    policy
        Policy it was followed up under.
    """
    lead = case.evidence.watches[0]
    watch = policy.watches.get(lead)
    products = (one for one in policy.watches.values() if isinstance(one, Trend))
    named = (read(policy.files[one.library], one.library).product for one in products)
    product = next((one.name for one in named if one is not None), policy.line)
    return product, lead if watch is None else f"{lead} ({watch.kind})"


def _watched(weeks: dict[int, float], begun: float, ended: float) -> None:
    """Add a span of time to the weeks it lies in.

    Parameters
    ----------
    weeks
        Time looked at in each week [s].
    begun
        Beginning of the span, POSIX time [s].
    ended
        Its end, POSIX time [s].
    """
    while begun < ended:
        week = int(begun // WEEK_S)
        until = min(ended, (week + 1) * WEEK_S)
        weeks[week] = weeks.get(week, 0.0) + until - begun
        begun = until


def _median(values: Iterable[float]) -> float | None:
    there = list(values)
    return median(there) if there else None
