"""Detectors of others in the learning lane: of river, or installed under an entry point.

They are looked at as the forest of a learner is: once in every interval, on tags in standard deviations or scaled to
the unit cube, learning only below their own limit and not at all in an incident. On a monitor they see averages of what
it leaves of its tags, once for each of its looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import cast

import numpy as np

from anomaly import learner
from anomaly.alerts import Alert
from anomaly.learner import Forest, LearnerKit, LearnerState
from anomaly.residual import STANDARD
from anomaly.watched import BUFFER, MonitorKit, MonitorState
from plant_io import Snapshot
from plant_io.signals import Floats
from policies.learners import Detector

GROUP = "steadyline.detectors"
"""Entry points of plug-ins: a name, and what makes a detector when it is called with the options of the policy."""

RIVER = "river.anomaly."
"""How names of detectors of river begin."""


@dataclass(frozen=True, slots=True, eq=False)
class HostKit:
    """A detector of others, ready."""

    learner: LearnerKit
    """It, as a learner."""
    monitor: int | None
    """Position of its monitor [1]; None for one on the values themselves."""


@dataclass(slots=True, eq=False)
class HostState:
    """Memory of a detector of others; it changes in place, so a state is used once."""

    learner: LearnerState
    """What it has learnt."""
    looks: int = 0
    """Looks of its monitor that were taken in [1]."""
    averages: Floats | None = None
    """Average residual of each tag of the monitor, shape ``(n,)``, in standard deviations [1]."""


def prepare(name: str, declared: Detector, units: Mapping[str, str], monitors: Sequence[MonitorKit]) -> HostKit:
    """Return a detector of others, ready.

    Raises
    ------
    ValueError
        If there is none of that name, or it cannot be made with the options.
    """
    make, options = maker(declared.detector), dict(declared.options)

    def plant() -> Forest:
        return make(**options)

    try:
        plant()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{declared.detector} cannot be made with its options: {error}") from None
    monitor = next((i for i, one in enumerate(monitors) if one.name == declared.monitor), None)
    if monitor is not None:
        tags = dict.fromkeys(monitors[monitor].model.model.tags, STANDARD)
        declared, units = declared.model_copy(update={"tags": tags}), dict.fromkeys(tags, "1")
    units_of, cube = tuple(units[tag] for tag in declared.tags), declared.scale == "unit"
    return HostKit(LearnerKit(name, declared, units_of, plant, cube, declared.warm), monitor)


def start(kit: HostKit) -> HostState:
    """Return the memory of a detector that has seen nothing."""
    return HostState(learner.start(kit.learner))


def look(snapshot: Snapshot, state: HostState, kit: HostKit, monitors: Sequence[MonitorState]) -> Alert | None:
    """Let a detector look at the tags once in every interval, or at what its monitor has left.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    state
        What the last look left; it changes.
    kit
        The detector.
    monitors
        Memory of the monitors after this cycle, in the order of the policy.
    """
    if kit.monitor is None:
        state.learner, alert = learner.look(snapshot, state.learner, kit.learner)
        return alert
    monitor, weight = monitors[kit.monitor], cast("Detector", kit.learner.declared).weight
    if monitor.looks == state.looks:
        return None
    state.looks = monitor.looks
    left = monitor.ring[(monitor.looks - 1) % BUFFER]
    if not bool(np.isfinite(left).all()):
        return None
    before = left if state.averages is None else state.averages
    averages: Floats = before + weight * (left - before)
    state.averages, values = averages, averages.tolist()
    state.learner, alert = learner.judge(snapshot.at, values, state.learner, kit.learner)
    return alert


def maker(detector: str) -> Callable[..., Forest]:
    """Return what makes a detector.

    Raises
    ------
    ValueError
        If river has none of that name, and none is installed.
    """
    if detector.startswith(RIVER):
        return _of_river(detector.removeprefix(RIVER))
    installed = entry_points(group=GROUP)
    if detector not in installed.names:
        names = ", ".join(sorted(installed.names)) or "none"
        raise ValueError(f"no detector {detector} is installed; installed are {names}, and those of {RIVER[:-1]}")
    return cast("Callable[..., Forest]", installed[detector].load())


def _of_river(name: str) -> Callable[..., Forest]:
    from river import anomaly, base  # noqa: PLC0415  # takes a second

    known = {
        key: value
        for key, value in vars(anomaly).items()
        if isinstance(value, type) and issubclass(value, base.AnomalyDetector)
    }
    if name not in known:
        raise ValueError(f"found {RIVER}{name}, expected one of {', '.join(sorted(known))} behind {RIVER}")
    return cast("Callable[..., Forest]", known[name])
