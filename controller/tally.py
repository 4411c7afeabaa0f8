"""Counts and figures of a run, for its summary."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

import numpy as np

from anomaly import Alert, Sign
from anomaly.cases import Case
from anomaly.incident import Incident
from controller.alarms.state import AlarmChange
from controller.cycle import Cycle, Delivered, Event, Trip
from controller.notices.state import Notice
from controller.plan import Status
from plant_io import Outcome


class Digest(Protocol):
    """A running hash."""

    def update(self, data: bytes, /) -> None:
        """Add `data`."""
        ...

    def hexdigest(self) -> str:
        """Return the hash so far, hexadecimal."""
        ...


@cache
def _trace() -> Callable[[Cycle], bytes]:
    from controller.records.codec import trace  # noqa: PLC0415  # the codec is loaded by runs only

    return trace


@dataclass(slots=True)
class Tally:
    """Sums up cycles as they come; a sink of the loop."""

    period_s: float
    """Length of one cycle [s]."""
    cycles: int = 0
    """Cycles so far [1]."""
    overruns: int = 0
    """Periods skipped because a cycle took too long [1]."""
    alerts: list[Alert] = field(default_factory=list[Alert])
    """Every alert, begun or ended."""
    events: list[Event] = field(default_factory=list[Event])
    """Every event."""
    incidents: list[Incident] = field(default_factory=list[Incident])
    """What became of every incident."""
    alarms: list[AlarmChange] = field(default_factory=list[AlarmChange])
    """Every step of an alarm through its life cycle."""
    cases: list[Case] = field(default_factory=list[Case])
    """Cases as they stood whenever something became of them."""
    notices: list[Notice] = field(default_factory=list[Notice])
    """Every notice that was to be sent."""
    receipts: list[tuple[float, Delivered]] = field(default_factory=list[tuple[float, Delivered]])
    """What came of every attempt to send one, with its time, POSIX time [s]."""
    trips: dict[tuple[str, int], tuple[Trip, ...]] = field(default_factory=dict[tuple[str, int], tuple[Trip, ...]])
    """Why loops were released, the first-out first, by loop and number of the release."""
    writes: Counter[str] = field(default_factory=Counter[str])
    """Setpoints asked, confirmed and refused [1]."""
    plans: Counter[str] = field(default_factory=Counter[str])
    """Plans by status [1]."""
    busy_s: list[float] = field(default_factory=list[float])
    """Wall time of each cycle to read, decide and write, without waits and without the record [s]."""
    _digest: Digest = field(default_factory=hashlib.sha256)
    _first: float | None = None
    _last: float = 0.0

    def __call__(self, cycle: Cycle) -> None:
        """Add one cycle."""
        at = cycle.snapshot.at
        if self._first is None:
            self._first = at
        else:
            self.overruns += max(0, round((at - self._last) / self.period_s) - 1)
        self._last = at
        self.cycles += 1
        self.alerts += cycle.decision.alerts
        self.events += cycle.decision.events
        self.incidents += cycle.decision.incidents
        self.alarms += cycle.decision.alarms
        self.cases += cycle.decision.cases
        self.notices += cycle.decision.notices
        self.receipts += [(at, order.act) for order in cycle.orders if isinstance(order.act, Delivered)]
        for loop, trips in cycle.decision.trips.items():
            self.trips[loop, trips[0].release] = trips
        if moved := len(cycle.decision.setpoints):
            self.writes["asked"] += moved
            self.writes["refused"] += sum(r.outcome is not Outcome.TAKEN for r in cycle.receipts[:moved])
        if cycle.decision.confirmed:
            self.writes["confirmed"] += len(cycle.decision.confirmed)
        if cycle.plans:
            self.plans.update(plan.status.value for plan in cycle.plans)
        self.busy_s.append(sum([took for part, took in cycle.timing.items() if part != "plans"]))
        self._digest.update(_trace()(cycle))

    @property
    def simulated_s(self) -> float:
        """Time covered on the run's own clock [s]."""
        return 0.0 if self._first is None else self._last - self._first + self.period_s

    def digest(self) -> str:
        """Return the SHA-256 over all snapshots and decisions so far, hexadecimal."""
        return self._digest.hexdigest()

    def summary(self, solve_s: list[float], commit_s: list[float]) -> dict[str, object]:
        """Return the figures as plain values.

        Parameters
        ----------
        solve_s
            Wall time of each solution [s].
        commit_s
            Wall time of each record [s].
        """
        failed = sum(n for status, n in self.plans.items() if status != Status.SOLVED.value)
        return {
            "simulated_s": self.simulated_s,
            "cycles": self.cycles,
            "digest": self.digest(),
            "writes": {key: self.writes[key] for key in ("asked", "confirmed", "refused")},
            "cycle": {"count": self.cycles, "overruns": self.overruns} | percentiles(self.busy_s),
            "solve": {"count": self.plans.total(), "failed": failed, "late": self.plans[Status.LATE.value]}
            | percentiles(solve_s),
            "record": {"count": len(commit_s)} | percentiles(commit_s),
            "alerts": [_alert(alert) for alert in self.alerts],
            "incidents": told(self.incidents),
            "released": [_released(loop, trips) for (loop, _), trips in self.trips.items()],
            "events": [{"at": e.at, "what": e.what, "who": e.who} for e in self.events],
        }


def percentiles(times_s: list[float]) -> dict[str, float | None]:
    """Return median and 99th percentile in milliseconds, or None where nothing was timed.

    Parameters
    ----------
    times_s
        Times [s].
    """
    if not times_s:
        return {"p50_ms": None, "p99_ms": None}
    low, high = np.percentile(times_s, [50, 99])
    return {"p50_ms": round(1e3 * float(low), 3), "p99_ms": round(1e3 * float(high), 3)}


def _released(loop: str, trips: Sequence[Trip]) -> dict[str, object]:
    causes: list[dict[str, object]] = [{"at": trip.at, "cause": trip.cause.value} for trip in trips]
    return {"loop": loop, "release": trips[0].release, "first_out": causes[0], "then": causes[1:]}


def told(incidents: Sequence[Incident]) -> list[dict[str, object]]:
    """Return every incident as it was known last, with how often people were called for it, as plain values."""
    newest = {one.id: one for one in incidents}
    calls = {name: [one.at for one in incidents if one.id == name and one.annunciated] for name in newest}
    return [_incident(one) | {"calls": calls[name]} for name, one in newest.items()]


def _incident(one: Incident) -> dict[str, object]:
    return {
        "id": one.id,
        "opened": one.opened,
        "onset": one.onset,
        "closed": one.closed,
        "what": one.what,
        "unit": one.unit or None,
        "kind": one.kind or None,
        "reading": one.reading or None,
        "likeness": one.likeness,
        "direction": one.direction or None,
        "signs": _signs(one.signs),
        "sop": one.sop or None,
        "response": one.response,
        "priority": one.priority,
        "lane": one.lane.value,
        "routes": list(one.routes),
        "watches": list(one.watches),
        "entry": one.entry or None,
    }


def _signs(signs: Sequence[Sign]) -> list[dict[str, object]]:
    return [{"tag": sign.tag, "z": sign.z} for sign in signs]


def _alert(alert: Alert) -> dict[str, object]:
    return {
        "at": alert.at,
        "watch": alert.watch,
        "lane": alert.lane.value,
        "active": alert.active,
        "what": alert.what,
        "score": alert.score,
        "limit": alert.limit,
        "priority": alert.priority,
        "route": alert.route,
        "response": alert.response,
        "evidence": dict(alert.evidence),
        "signs": _signs(alert.signs),
        "onset": alert.onset,
        "entry": alert.entry or None,
        "origin": alert.origin or None,
    }
