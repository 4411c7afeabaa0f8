"""Faults of sensors in the cycle: what is wrong with which, told once, and told when all is well again."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan

import numpy as np

from anomaly import sensor
from anomaly.alerts import Alert, Sign
from anomaly.sensor import Fault, Finding, SensorsKit, SensorsState
from anomaly.watched import BUFFER, MonitorKit, MonitorState
from plant_io import Snapshot
from plant_io.signals import Floats
from policies.sensors import Sensors


@dataclass(frozen=True, slots=True, eq=False)
class SensingKit:
    """The watch of a group of sensors, ready."""

    name: str
    """Name of the watch."""
    declared: Sensors
    """What the policy says of it."""
    sensors: SensorsKit
    """The sensors."""
    monitor: int | None
    """Position of its monitor among those of the policy [1]; None without one."""
    columns: tuple[int | None, ...]
    """Position of each tag in the monitor [1]; None for one it does not judge."""


@dataclass(slots=True, eq=False)
class SensingState:
    """Memory of the watch; it changes in place, so a state is used once."""

    sensors: SensorsState
    """What the sensors have shown."""
    slot: int | None = None
    """Number of the interval of the last look [1]."""
    sources: list[float] = field(default_factory=list[float])
    """Source time of the newest value of each tag, POSIX time [s]."""
    looks: int = 0
    """Looks of the monitor that were taken in [1]."""
    told: frozenset[tuple[str, Fault]] = frozenset()
    """What has been told and stands, by tag and fault."""


def prepare(name: str, declared: Sensors, monitors: list[MonitorKit]) -> SensingKit:
    """Return the watch of a group of sensors, ready."""
    tags = tuple(declared.tags)
    kit = SensorsKit(tags, np.array(list(declared.tags.values())), declared.still)
    places = {one.name: i for i, one in enumerate(monitors)}
    monitor = places.get(declared.monitor or "")
    judged = {} if monitor is None else {tag: i for i, tag in enumerate(monitors[monitor].model.model.tags)}
    return SensingKit(name, declared, kit, monitor, tuple(judged.get(tag) for tag in tags))


def start(kit: SensingKit) -> SensingState:
    """Return the memory of a watch that has seen nothing."""
    return SensingState(sensor.start(kit.sensors), sources=[nan] * len(kit.declared.tags))


def look(snapshot: Snapshot, state: SensingState, kit: SensingKit, monitors: tuple[MonitorState, ...]) -> list[Alert]:
    """Look at the sensors once in every interval.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    state
        What the last look left; it changes.
    kit
        The watch.
    monitors
        Memory of the monitors after this cycle, in the order of the policy.
    """
    slot = int(snapshot.at // kit.declared.every_s)
    if slot == state.slot:
        return []
    state.slot = slot
    residuals = _residuals(state, kit, monitors)
    found = sensor.look(snapshot.at, _values(snapshot, state, kit), state.sensors, kit.sensors, residuals)
    stands: dict[tuple[str, Fault], Finding] = {(one.tag, one.fault): one for one in found}
    if stands.keys() == state.told:
        return []
    alerts = [_alert(snapshot.at, one, kit) for key, one in stands.items() if key not in state.told]
    if state.told and not stands:
        alerts = [_over(snapshot.at, kit)]
    state.told = frozenset(stands)
    return alerts


def _values(snapshot: Snapshot, state: SensingState, kit: SensingKit) -> Floats:
    """Return the newest values; a sensor whose source gave nothing new has shown nothing."""
    values = np.full(len(kit.sensors.tags), nan)
    for i, tag in enumerate(kit.sensors.tags):
        source, value = snapshot.taken(tag), snapshot.good(tag)
        if value is None:
            continue
        values[i] = value if source != state.sources[i] else state.sensors.raw.item(0, i)
        state.sources[i] = source
    return values


def _residuals(state: SensingState, kit: SensingKit, monitors: tuple[MonitorState, ...]) -> Floats | None:
    if kit.monitor is None or monitors[kit.monitor].looks == state.looks:
        return None
    monitor = monitors[kit.monitor]
    state.looks = monitor.looks
    row = monitor.ring[(monitor.looks - 1) % BUFFER]
    return np.array([nan if i is None else row.item(i) for i in kit.columns])


def _alert(at: float, found: Finding, kit: SensingKit) -> Alert:
    declared = kit.declared
    size = found.size if found.fault in {"bias", "drift"} else 0.0
    return Alert(
        at=at,
        watch=kit.name,
        lane=declared.lane,
        active=True,
        what=found.what,
        score=1.0,
        limit=1.0,
        priority=declared.priority,
        route=declared.route,
        response=declared.response,
        evidence={f"{found.fault} [1]": found.size},
        signs=(Sign(found.tag, size),),
        onset=found.since,
        origin="sensor",
    )


def _over(at: float, kit: SensingKit) -> Alert:
    declared = kit.declared
    return Alert(
        at=at,
        watch=kit.name,
        lane=declared.lane,
        active=False,
        what=f"The sensors {', '.join(declared.tags)} show no fault of their own any more.",
        score=0.0,
        limit=1.0,
        priority=declared.priority,
        route=declared.route,
        response=declared.response,
        origin="sensor",
    )
