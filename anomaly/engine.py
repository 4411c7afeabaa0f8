"""All watches of a policy, looked at once in every cycle, each in its lane."""

from __future__ import annotations

from dataclasses import dataclass, field

from anomaly import entries, ewma, kinds, latched, learner, trend, trending, watched
from anomaly.alerts import Advice, Locked
from anomaly.ewma import ChartKit, ChartState
from anomaly.heard import NOTHING, Heard
from anomaly.kinds import KindsKit, KindsState
from anomaly.learner import LearnerKit, LearnerState
from anomaly.trend import TrendState
from anomaly.trending import TrendKit
from anomaly.watched import MonitorKit, MonitorState
from plant_io import Snapshot
from plant_io.values import quick
from policies import Action, Ewma, Learner, Monitor, Policy, Trend, library


@dataclass(frozen=True, slots=True, eq=False)
class WatchKit:
    """Every watch of a policy, ready; each kind in the order of the policy."""

    charts: tuple[ChartKit, ...]
    """EWMA charts, locked."""
    trends: tuple[TrendKit, ...]
    """Libraries, locked."""
    learners: tuple[LearnerKit, ...]
    """Learners, which advise only."""
    monitors: tuple[MonitorKit, ...] = ()
    """Monitors, locked; their twins advise only."""
    kinds: KindsKit = KindsKit()  # noqa: RUF009  # it is frozen
    """Watches on single tags of other kinds."""
    asked: tuple[str, ...] = ()
    """What monitors want to know of what loops believe."""


@quick
@dataclass(frozen=True, slots=True, eq=False)
class WatchState:
    """What the watches remember; learners in it change in place, so a state is used once."""

    charts: tuple[ChartState, ...]
    """In the order of the kit."""
    trends: tuple[TrendState, ...]
    """In the order of the kit."""
    learners: tuple[LearnerState, ...]
    """In the order of the kit."""
    monitors: tuple[MonitorState, ...] = ()
    """In the order of the kit; they change in place."""
    kinds: KindsState = field(default_factory=lambda: kinds.start(KindsKit()))
    """Of watches on single tags of other kinds; it changes in place."""


def prepare(policy: Policy) -> WatchKit:
    """Return the watches of `policy`, ready.

    Raises
    ------
    ValueError
        If a library file is no library, or is written in channels that its watch does not have; or a model file is no
        model of its monitor.
    """
    units, watches, asked = policy.units(), policy.watches.items(), latched.believed(policy)
    places = {name: i for i, name in enumerate(asked)}
    monitors = tuple(watched.prepare(name, w, policy, places) for name, w in watches if isinstance(w, Monitor))
    return WatchKit(
        charts=tuple(ChartKit(name, w, units[w.tag]) for name, w in watches if isinstance(w, Ewma)),
        trends=tuple(_trend(name, w, policy) for name, w in watches if isinstance(w, Trend)),
        learners=tuple(learner.prepare(name, w, units) for name, w in watches if isinstance(w, Learner)),
        monitors=monitors,
        kinds=kinds.prepare(policy, monitors),
        asked=asked,
    )


def _trend(name: str, declared: Trend, policy: Policy) -> TrendKit:
    known = library.read(policy.files[declared.library], declared.library)
    kit = trending.prepare(name, declared, known, policy.units())
    entries.measured(declared.library, kit.entries, policy)
    return kit


def start(kit: WatchKit) -> WatchState:
    """Return the memory of watches that have seen nothing."""
    return WatchState(
        charts=tuple(ewma.start(chart) for chart in kit.charts),
        trends=tuple(trend.start(one) for one in kit.trends),
        learners=tuple(learner.start(one) for one in kit.learners),
        monitors=tuple(watched.start(one) for one in kit.monitors),
        kinds=kinds.start(kit.kinds),
    )


def watch(
    snapshot: Snapshot, state: WatchState, kit: WatchKit, heard: Heard = NOTHING
) -> tuple[WatchState, Locked, Advice]:
    """Let every watch look at the line.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    state
        What the last cycle left; it must not be used again.
    kit
        Watches of the policy.
    heard
        What the loops believed at the end of the last cycle.

    Returns
    -------
    state
        What the watches remember now.
    locked
        Verdict of the locked lane: alerts, and loops to hold.
    advice
        Verdict of the learning lane: alerts for people.
    """
    phases = heard.phases
    charts = [ewma.look(snapshot, old, one, phases) for old, one in zip(state.charts, kit.charts, strict=True)]
    trends = [trend.look(snapshot, old, one, phases) for old, one in zip(state.trends, kit.trends, strict=True)]
    learners = [learner.look(snapshot, old, one) for old, one in zip(state.learners, kit.learners, strict=True)]
    after = WatchState(
        charts=tuple([new for new, _ in charts]),
        trends=tuple([new for new, _ in trends]) if trends else (),
        learners=tuple([new for new, _ in learners]) if learners else (),
        monitors=state.monitors,
        kinds=state.kinds,
    )
    judged = [watched.look(snapshot, heard, old, one) for old, one in zip(state.monitors, kit.monitors, strict=True)]
    known, hints = kinds.look(snapshot, state.kinds, kit.kinds, state.monitors, phases)
    told = [alert for _, alert in charts if alert]
    if trends or judged or known:
        told += [alert for _, alerts in trends for alert in alerts] + [alarm for alarm, _ in judged if alarm] + known
    active = [one.declared for new, one in zip(after.charts, kit.charts, strict=True) if new.active]
    holds = frozenset([loop for chart in active if chart.action is Action.HOLD for loop in chart.holds])
    if learners or judged or hints:
        hints = [alert for _, alert in learners if alert] + [alert for _, alert in judged if alert] + hints
    return after, Locked(tuple(told), holds), Advice(tuple(hints))
