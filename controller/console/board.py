"""What the console knows of the run, from finished cycles: the newest, what stands, what happened lately."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import NamedTuple

from anomaly import Alert
from anomaly.ewma import ChartKit, ChartState
from anomaly.incident import Incident
from controller.alarms.lifecycle import TOLD, UNSEEN, AlarmState
from controller.alarms.state import Alarm, AlarmChange
from controller.console.layout import Layout
from controller.console.ring import Ring
from controller.console.slot import Seen
from controller.console.words import places
from controller.cycle import Cycle, Event, Order
from controller.kit import Kit
from controller.material.state import Container, Diversion
from controller.plan import Plan, Problem, Status
from plant_io import Outcome, Quality
from plant_io.quality import Reason

_LOG = 500
PRIORITIES = ("high", "medium", "low")
"""Priorities of alarms, the most urgent first."""
SCORE = "score of "
"""Stands before the name of a watch where its score is kept."""
_TIMED = 600


class Reading(NamedTuple):
    """One tag as it is now."""

    value: float
    """Value in the unit of the tag; not a number where there is none."""
    quality: int
    """`Quality` of it [1]."""
    reason: Reason
    """Why it is not good."""
    age_s: float
    """How old it is [s]; not a number where nobody knows."""


class Moved(NamedTuple):
    """A setpoint that was written."""

    at: float
    """When, POSIX time [s]."""
    tag: str
    """Tag written."""
    value: float
    """Value in the unit of the tag."""
    taken: bool
    """Whether the link took it."""


@dataclass(slots=True)
class Solved:
    """Problems and plans of one loop, as far as they explain the newest move."""

    problems: deque[Problem]
    """Newest problems, oldest first."""
    plan: Plan | None = None
    """Newest plan that was solved."""
    problem: Problem | None = None
    """What it answers."""
    before: Problem | None = None
    """The problem a horizon earlier, or the oldest there is."""
    written: dict[str, float] = field(default_factory=dict[str, float])
    """Setpoints of the loop written last, by tag, each in the unit of its tag."""
    failed: str = ""
    """Why the newest problem was not solved; empty where it was."""

    def take(self, cycle: Cycle, loop: str, tags: frozenset[str]) -> None:
        """Take what a cycle holds of the loop."""
        for plan in cycle.plans:
            if plan.loop != loop:
                continue
            self.failed = "" if plan.status is Status.SOLVED else f"{plan.status.value}: {plan.why}".rstrip(": ")
            if plan.status is Status.SOLVED:
                posed = next((one for one in self.problems if one.number == plan.number), None)
                self.plan, self.problem = plan, posed
                self.before = self.problems[0] if posed is not None else None
        self.problems.extend(one for one in cycle.decision.problems if one.loop == loop)
        written = {one.tag: one.value for one in cycle.decision.setpoints if one.tag in tags}
        self.written = written or self.written


class Board:
    """The run as people see it; touched by the thread of the console only.

    Parameters
    ----------
    kit
        The policy, made ready.
    record
        Record directory; None where none is kept.
    """

    def __init__(self, kit: Kit, record: Path | None) -> None:
        self.kit, self.record = kit, record
        self.units = kit.policy.units()
        self.virtual = frozenset(self.units) - frozenset(kit.policy.tags)
        self.layout = Layout.of(kit.policy)
        self.ring = Ring(kit.index, [SCORE + one.name for one in kit.watches.charts])
        self.now: Seen | None = None
        self.began = nan
        self.changes: deque[AlarmChange] = deque(maxlen=_LOG)
        self.alerts: deque[Alert] = deque(maxlen=_LOG)
        self.events: deque[Event] = deque(maxlen=_LOG)
        self.orders: deque[tuple[float, Order]] = deque(maxlen=_LOG)
        self.incidents: dict[str, Incident] = {}
        self.diversions: dict[int, Diversion] = {}
        self.containers: deque[Container] = deque(maxlen=_LOG)
        self.moves: deque[Moved] = deque(maxlen=_LOG)
        self.solved = {name: Solved(deque(maxlen=one.declared.horizon + 2)) for name, one in kit.loops.items()}
        self.plans: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self.busy_s: deque[float] = deque(maxlen=_TIMED)
        self.late_s: deque[float] = deque(maxlen=_TIMED)
        self.overruns = 0
        self._spans = self._ranges()
        self._moved = {
            name: frozenset(one.tag for one in loop.declared.moved.values()) for name, loop in kit.loops.items()
        }

    def fold(self, found: Iterable[Seen]) -> None:
        """Take cycles, oldest first."""
        for seen in found:
            self._take(seen)

    def _take(self, seen: Seen) -> None:
        cycle, decision = seen.cycle, seen.cycle.decision
        if self.now is None:
            self.began = cycle.snapshot.at
        else:
            self._timed(self.now.cycle, cycle)
        self.now = seen
        self.ring.add(cycle.snapshot, decision.soft, _scores(self.kit, seen))
        self._told(cycle)
        for name, solved in self.solved.items():
            solved.take(cycle, name, self._moved[name])
        if cycle.plans:
            self.plans.update(plan.status.value for plan in cycle.plans)
        self.busy_s.append(sum(took for part, took in cycle.timing.items() if part != "plans"))
        for setpoint, receipt in zip(decision.setpoints, cycle.receipts, strict=False):
            taken = receipt.outcome is Outcome.TAKEN
            self.moves.append(Moved(cycle.snapshot.at, setpoint.tag, setpoint.value, taken))
            self.writes["taken" if taken else "refused"] += 1
        self.writes["confirmed"] += len(decision.confirmed)

    def _timed(self, before: Cycle, cycle: Cycle) -> None:
        period_s = self.kit.policy.period_s
        gap_s = cycle.snapshot.at - before.snapshot.at
        self.late_s.append(gap_s - period_s)
        if cycle.number == before.number + 1:
            self.overruns += max(0, round(gap_s / period_s) - 1)

    def _told(self, cycle: Cycle) -> None:
        decision = cycle.decision
        self.alerts.extendleft(decision.alerts)
        self.changes.extendleft(decision.alarms)
        self.events.extendleft(decision.events)
        self.orders.extendleft((cycle.snapshot.at, order) for order in cycle.obeyed)
        for incident in decision.incidents:
            self.incidents[incident.id] = incident
        for diversion in decision.diversions:
            self.diversions[diversion.number] = diversion
        self.containers.extendleft(decision.containers)

    def alarms(self, states: Collection[AlarmState] = TOLD) -> list[Alarm]:
        """Return alarms in some states, those nobody has seen first, then the most urgent, then the newest."""
        there = () if self.now is None else self.now.state.alarms.alarms.values()
        found = [one for one in there if one.state in states]
        return sorted(found, key=lambda one: (one.state not in UNSEEN, PRIORITIES.index(one.priority), -one.since))

    def unit_of(self, name: str) -> str:
        """Return the unit an alarm is about; empty where nothing says which."""
        if name in self.incidents:
            return self.incidents[name].unit
        return self.layout.of_alarm(name)

    @property
    def at(self) -> float:
        """When the newest cycle began, POSIX time [s]; not a number before the first."""
        return nan if self.now is None else self.now.cycle.snapshot.at

    def read(self, tag: str) -> Reading:
        """Return a tag as it is now, virtual ones included."""
        if self.now is None:
            return _UNREAD
        cycle = self.now.cycle
        if tag in cycle.decision.soft:
            value, _, quality = cycle.decision.soft[tag]
            return Reading(value, quality, Reason.NO_EVIDENCE if quality == Quality.BAD else Reason.NONE, 0.0)
        if tag not in cycle.snapshot:
            return _UNREAD
        sample = cycle.snapshot[tag]
        return Reading(sample.value, int(sample.quality), sample.reason, cycle.snapshot.at - sample.source)

    def places(self, tag: str) -> int:
        """Return how many decimals a tag is shown with [1]."""
        declared = self.kit.policy.tags.get(tag)
        if declared is not None and (declared.type == "bool" or "int" in declared.type) and declared.scale == 1.0:
            return 0
        found = places(self._spans.get(tag, nan))
        return max(found, 2) if tag in self.virtual else found

    def span(self, tag: str) -> tuple[float, float] | None:
        """Return the range of a tag in its unit; None where it has none."""
        return self._ends.get(tag)

    def _ranges(self) -> dict[str, float]:
        policy = self.kit.policy
        ends = {name: (tag.range[0], tag.range[1]) for name, tag in policy.tags.items()}
        for name, sensor in policy.soft_sensors.items():
            ends |= {tag: span for tag, (_, span) in sensor.outputs(name).items()}
        self._ends: dict[str, tuple[float, float]] = ends
        return {name: high - low for name, (low, high) in ends.items()}


def _scores(kit: Kit, seen: Seen) -> dict[str, float]:
    """Return the score of each chart of an average, as a share of its limit [1]."""
    pairs = zip(kit.watches.charts, seen.state.charts, strict=True)
    return {SCORE + one.name: chart_score(one, state) / one.declared.limit for one, state in pairs}


def chart_score(one: ChartKit, state: ChartState) -> float:
    """Return how far the average of a chart is from normal, in its standard deviations [1]."""
    return abs(state.average - one.declared.reference.mean) / one.sd


_UNREAD = Reading(nan, int(Quality.BAD), Reason.NEVER_READ, nan)
