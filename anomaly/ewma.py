"""A control chart of the exponentially weighted moving average of one tag, against a frozen reference.

References
----------
S. W. Roberts, "Control chart tests based on geometric moving averages", Technometrics 1(3), 1959,
doi:10.1080/00401706.1959.10489860.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, sqrt

from anomaly import silence
from anomaly.alerts import Alert, Sign
from anomaly.heard import MOVING, NOTHING
from anomaly.words import amount, span
from plant_io import Snapshot
from plant_io.changes import replace
from policies import Ewma


@dataclass(frozen=True, slots=True)
class ChartKit:
    """One chart, ready."""

    name: str
    """Name of the watch."""
    declared: Ewma
    """What the policy says of it."""
    unit: str
    """UCUM unit of the tag."""

    @property
    def sd(self) -> float:
        """Standard deviation of the average, unit of the tag.

        For values of which one is correlated with the next by f, so that k values apart it is f^k, the double sum over
        all pairs of weights gives ``sd^2 w/(2 - w) (1 + f(1 - w))/(1 - f(1 - w))``; f = 0 is the classical chart.
        """
        weight, kept = self.declared.weight, self.declared.memory * (1.0 - self.declared.weight)
        return self.declared.reference.sd * sqrt(weight / (2.0 - weight) * (1.0 + kept) / (1.0 - kept))


@dataclass(frozen=True, slots=True)
class ChartState:
    """Memory of one chart."""

    average: float
    """Weighted average, unit of the tag."""
    source: float = -inf
    """Source time of the newest value taken in, POSIX time [s]."""
    since: float | None = None
    """Since when the average has been beyond the limit, POSIX time [s]."""
    active: bool = False
    """Whether the condition has been told and stands."""
    calm: float | None = None
    """When the average was last within half the limit of normal, POSIX time [s]."""
    rests: bool = False
    """Whether it leaves its tag to other watches, since a loop moves it or has left it elsewhere."""
    ran: float | None = None
    """Since when the line has run, POSIX time [s]; None while it does not, or nobody asks."""


def start(kit: ChartKit) -> ChartState:
    """Return the memory of a chart that has seen nothing."""
    return ChartState(kit.declared.reference.mean)


def look(
    snapshot: Snapshot, state: ChartState, kit: ChartKit, phases: Mapping[str, str] = NOTHING.phases
) -> tuple[ChartState, Alert | None]:
    """Take in the value of the tag, once for each source time.

    A value that is no evidence changes nothing: neither does it clear a condition nor bring one about.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    state
        What the last look left.
    kit
        The chart.
    phases
        How far each loop is in service.

    Returns
    -------
    state
        What the chart remembers now.
    alert
        The condition, if it began or ended now.
    """
    source = snapshot.taken(kit.declared.tag)
    value = None if source == state.source else snapshot.good(kit.declared.tag)
    if value is None:
        return state, None
    runs = kit.declared.runs
    ran = None if runs is None else silence.ran(snapshot, state.ran, runs)
    if runs is not None and not silence.settled(ran, snapshot.at, runs):
        after = replace(start(kit), source=source, ran=ran)
        return after, _alert(after, 0.0, snapshot.at, kit) if state.active else None
    average = state.average + kit.declared.weight * (value - state.average)
    distance = abs(average - kit.declared.reference.mean) / kit.sd
    calm = snapshot.at if distance < 0.5 * kit.declared.limit else state.calm
    taken = ChartState(average, source, state.since, state.active, calm, state.rests, ran)
    moved = any(phases.get(loop) in MOVING for loop in kit.declared.yields)
    if moved or (state.rests and distance >= kit.declared.clear * kit.declared.limit):
        after = replace(taken, since=None, active=False, rests=True)
    else:
        after = _stand(replace(taken, rests=False), distance, snapshot.at, kit.declared)
    return after, _alert(after, distance, snapshot.at, kit) if after.active != state.active else None


def _stand(state: ChartState, distance: float, at: float, declared: Ewma) -> ChartState:
    if state.active:
        ended = distance < declared.clear * declared.limit
        return replace(state, active=False, since=None) if ended else state
    if distance < declared.limit:
        return state if state.since is None else replace(state, since=None)
    since = at if state.since is None else state.since
    return replace(state, since=since, active=at - since >= (declared.on_delay_s or 0.0))


def _onset(state: ChartState) -> float | None:
    """Return when the average set out [s]: as long before half the limit as the limit was after it."""
    if not state.active or state.calm is None or state.since is None:
        return None
    return 2.0 * state.calm - state.since


def _what(state: ChartState, distance: float, at: float, kit: ChartKit) -> str:
    """Return what to say of a condition that began or ended."""
    declared, unit, mean = kit.declared, kit.unit, kit.declared.reference.mean
    average, normal = amount(state.average, unit), amount(mean, unit)
    far = f"{distance:.1f} standard deviations of its chart"
    if state.active:
        side = "above" if state.average > mean else "below"
        lasted = f" for {span(at - state.since)}" if state.since is not None and at > state.since else ""
        return f"{declared.tag} is {side} normal: its average {average} has been {far} from {normal}{lasted}."
    if state.rests:
        return f"{declared.tag} is left to other watches: a loop moves it."
    if declared.runs is not None and not silence.settled(state.ran, at, declared.runs):
        return f"{declared.tag} is not judged: the line does not run, or has only just begun to."
    return f"{declared.tag} is normal again: its average is {average}, {far} from {normal}."


def _alert(state: ChartState, distance: float, at: float, kit: ChartKit) -> Alert:
    declared, unit, mean = kit.declared, kit.unit, kit.declared.reference.mean
    return Alert(
        at=at,
        watch=kit.name,
        lane=declared.lane,
        active=state.active,
        what=_what(state, distance, at, kit),
        score=distance,
        limit=declared.limit,
        priority=declared.priority,
        route=declared.route,
        response=declared.response,
        evidence={f"average [{unit}]": state.average, f"normal [{unit}]": mean, f"chart sd [{unit}]": kit.sd},
        signs=(Sign(declared.tag, (state.average - mean) / kit.sd),),
        onset=_onset(state),
    )
