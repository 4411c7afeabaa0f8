"""Watches on single tags, looked at once in every cycle: charts, sensors, drift, oddity, and detectors of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anomaly import charts, drift, entries, expecting, hosted, oddity, sensing
from anomaly.alerts import Alert
from anomaly.charts import ChartsKit, ChartsState
from anomaly.drift import DriftKit, DriftState
from anomaly.expecting import ExpectingKit, ExpectingState
from anomaly.heard import NOTHING
from anomaly.hosted import HostKit, HostState
from anomaly.oddity import OddityKit, OddityState
from anomaly.sensing import SensingKit, SensingState
from anomaly.watched import BUFFER, MonitorKit, MonitorState
from plant_io import Snapshot
from policies import Policy, library
from policies.charts import Chart
from policies.expectations import Expectations
from policies.learners import Detector, Drift, Univariate
from policies.sensors import Sensors


@dataclass(frozen=True, slots=True, eq=False)
class KindsKit:
    """These watches of a policy, ready; each kind in the order of the policy."""

    charts: tuple[ChartsKit, ...] = ()
    """Charts people know, locked."""
    sensors: tuple[SensingKit, ...] = ()
    """Groups of sensors, locked."""
    drifts: tuple[DriftKit, ...] = ()
    """Detectors of change, which advise only."""
    oddities: tuple[OddityKit, ...] = ()
    """Tags by themselves, which advise only."""
    hosted: tuple[HostKit, ...] = ()
    """Detectors of others, which advise only."""
    expected: tuple[ExpectingKit, ...] = ()
    """Expectations of libraries, locked."""


@dataclass(slots=True, eq=False)
class KindsState:
    """What these watches remember; it changes in place, so a state is used once."""

    charts: list[ChartsState]
    """In the order of the kit."""
    sensors: tuple[SensingState, ...]
    """In the order of the kit."""
    drifts: tuple[DriftState, ...]
    """In the order of the kit."""
    oddities: tuple[OddityState, ...]
    """In the order of the kit."""
    hosted: tuple[HostState, ...]
    """In the order of the kit."""
    expected: list[ExpectingState]
    """In the order of the kit."""


def prepare(policy: Policy, monitors: Sequence[MonitorKit]) -> KindsKit:
    """Return these watches of `policy`, ready.

    Raises
    ------
    ValueError
        If a detector is not installed, or cannot be made with its options.
    """
    units, watches = policy.units(), policy.watches.items()
    places = {(kit.name, tag): (i, j) for i, kit in enumerate(monitors) for j, tag in enumerate(kit.model.model.tags)}

    def felt(w: Chart | Drift) -> tuple[int, int] | None:
        return places.get((w.monitor or "", w.tag))

    return KindsKit(
        charts=tuple(ChartsKit(name, w, units[w.tag], felt(w)) for name, w in watches if isinstance(w, Chart)),
        sensors=tuple(sensing.prepare(name, w, list(monitors)) for name, w in watches if isinstance(w, Sensors)),
        drifts=tuple(drift.prepare(name, w, units[w.tag], felt(w)) for name, w in watches if isinstance(w, Drift)),
        oddities=tuple(oddity.prepare(name, w, units[w.tag]) for name, w in watches if isinstance(w, Univariate)),
        hosted=tuple(hosted.prepare(name, w, units, monitors) for name, w in watches if isinstance(w, Detector)),
        expected=tuple(_expected(name, w, policy) for name, w in watches if isinstance(w, Expectations)),
    )


def _expected(name: str, declared: Expectations, policy: Policy) -> ExpectingKit:
    known = library.read(policy.files[declared.library], declared.library)
    entries.measured(declared.library, entries.chosen(declared.library, known, declared.entries), policy)
    return expecting.prepare(name, declared, known, policy.units())


def start(kit: KindsKit) -> KindsState:
    """Return the memory of watches that have seen nothing."""
    return KindsState(
        charts=[ChartsState() for _ in kit.charts],
        sensors=tuple(sensing.start(one) for one in kit.sensors),
        drifts=tuple(drift.start(one) for one in kit.drifts),
        oddities=tuple(oddity.start(one) for one in kit.oddities),
        hosted=tuple(hosted.start(one) for one in kit.hosted),
        expected=[expecting.start(one) for one in kit.expected],
    )


def look(
    snapshot: Snapshot,
    state: KindsState,
    kit: KindsKit,
    monitors: Sequence[MonitorState],
    phases: Mapping[str, str] = NOTHING.phases,
) -> tuple[list[Alert], list[Alert]]:
    """Let every one of these watches look at the line.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    state
        What the last cycle left; it changes.
    kit
        The watches.
    monitors
        Memory of the monitors after this cycle, in the order of the policy.
    phases
        How far each loop is in service.

    Returns
    -------
    locked
        Conditions of charts and sensors that began or ended now.
    advice
        Conditions of what learns that began or ended now.
    """
    locked: list[Alert] = []
    for i, one in enumerate(kit.charts):
        before = state.charts[i]
        if one.felt is None:
            state.charts[i], alert = charts.look(snapshot, before, one)
        else:
            state.charts[i], alert = charts.feel(snapshot.at, *_left(one.felt, monitors), before, one)
        locked += [alert] if alert else []
    for i, expectation in enumerate(kit.expected):
        state.expected[i], alert = expecting.look(snapshot, state.expected[i], expectation, phases)
        locked += [alert] if alert else []
    for old, group in zip(state.sensors, kit.sensors, strict=True):
        locked += sensing.look(snapshot, old, group, tuple(monitors))
    if not (state.drifts or state.oddities or state.hosted):
        return locked, []
    told: list[Alert | None] = [
        drift.look(snapshot, old, one)
        if one.felt is None
        else drift.feel(snapshot.at, *_left(one.felt, monitors), old, one)
        for old, one in zip(state.drifts, kit.drifts, strict=True)
    ]
    told += [oddity.look(snapshot, old, one) for old, one in zip(state.oddities, kit.oddities, strict=True)]
    told += [hosted.look(snapshot, old, one, monitors) for old, one in zip(state.hosted, kit.hosted, strict=True)]
    return locked, [alert for alert in told if alert]


def _left(felt: tuple[int, int], monitors: Sequence[MonitorState]) -> tuple[int, float]:
    """Return the looks of a monitor so far, and what it left of a tag at the last of them."""
    monitor = monitors[felt[0]]
    return monitor.looks, monitor.ring.item((monitor.looks - 1) % BUFFER, felt[1])
