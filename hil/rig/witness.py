"""What a run is judged by besides the truth: phases, readings that assertions ask for, and every write."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan

import numpy as np

from controller.cycle import Cycle, Phase
from hil.scenario import Agrees, QualityComes, Quantity, Scenario
from plant_io.quality import Quality
from plant_io.signals import Floats
from policies import Policy
from policies.units import convert

Row = tuple[float, int]
"""Value in the unit of its tag, and quality [1]."""


@dataclass(frozen=True, slots=True)
class Readings:
    """One tag over the run, as the controller saw it."""

    times: Floats
    """Time since the start, shape ``(cycles,)`` [s]."""
    values: Floats
    """Value where it is good, else no number, shape ``(cycles,)``, in the unit of the tag."""
    quality: Sequence[int]
    """Quality in each cycle [1]."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a setpoint may be."""

    loop: str
    """Loop that writes it; empty for the gate of material, which no loop writes."""
    shown: str
    """Tag that shows the value in force."""
    low: float
    """Lowest value, in the unit of the tag."""
    high: float
    """Highest value, in the unit of the tag."""

    def off(self, value: float) -> float:
        """Return by how much a value is out of bounds; `value` in the unit of the tag."""
        return max(self.low - value, value - self.high, 0.0)


@dataclass(slots=True)
class Witness:
    """Remembers what the assertions of a scenario ask for; a sink of the loop."""

    bounds: Mapping[str, Bounds] = field(default_factory=dict[str, "Bounds"])
    """What each tag that loops write may be."""
    wanted: Collection[str] = ()
    """Tags whose readings are kept."""
    seen: list[tuple[float, str, str]] = field(default_factory=list[tuple[float, str, str]])
    """Time since the start [s], loop and phase, whenever the phase changed."""
    begun: float | None = None
    """Start of the first cycle, POSIX time [s]."""
    writes: list[float] = field(default_factory=list[float])
    """Times since the start at which setpoints were written [s]."""
    astray: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    """Time since the start [s] and sentence of every setpoint written by a loop not active, or out of its limits.

    One that was found out of its limits may be walked back to them.
    """
    _now: dict[str, str] = field(default_factory=dict[str, str])
    _times: list[float] = field(default_factory=list[float])
    _rows: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])

    def __call__(self, cycle: Cycle) -> None:
        """Look at one cycle."""
        at = cycle.snapshot.at
        self.begun = at if self.begun is None else self.begun
        since_s = at - self.begun
        for loop, (_, phase) in cycle.decision.modes.items():
            if self._now.get(loop) != phase.value:
                self._now[loop] = phase.value
                self.seen.append((since_s, loop, phase.value))
        if self.wanted:
            self._times.append(since_s)
            for tag in self.wanted:
                self._rows.setdefault(tag, []).append(_row(cycle, tag))
        if cycle.decision.setpoints:
            if any(self.bounds[setpoint.tag].loop for setpoint in cycle.decision.setpoints):
                self.writes.append(since_s)
            self.astray += [(since_s, what) for what in _astray(cycle, self.bounds)]

    def readings(self, tag: str) -> Readings:
        """Return a tag over the run.

        Raises
        ------
        KeyError
            If it was not asked for.
        """
        rows = self._rows[tag]
        values = [value if quality == Quality.GOOD else nan for value, quality in rows]
        return Readings(np.array(self._times), np.array(values), [quality for _, quality in rows])


def witness(scenario: Scenario, policy: Policy) -> Witness:
    """Return who sees what the assertions of a scenario ask for."""
    asked = (claim for claim in scenario.assertions.values() if isinstance(claim, Quantity | QualityComes | Agrees))
    bounds: dict[str, Bounds] = {}
    for name, loop in policy.loops.items():
        for moved in loop.moved.values():
            low, high = (convert(bound, moved.unit, policy.tags[moved.tag].unit) for bound in moved.limits)
            bounds[moved.tag] = Bounds(name, policy.tags[moved.tag].read_back or moved.tag, low, high)
    if policy.material is not None and (gate := policy.material.divert) is not None:
        ends = sorted((gate.accepts, gate.diverts))
        bounds[gate.tag] = Bounds("", policy.tags[gate.tag].read_back or gate.tag, *ends)
    return Witness(bounds, tuple(dict.fromkeys(claim.tag for claim in asked if claim.tag is not None)))


def _row(cycle: Cycle, tag: str) -> Row:
    if tag in cycle.decision.soft:
        value, _, quality = cycle.decision.soft[tag]
        return value, quality
    seen = cycle.snapshot[tag]
    value_now = cycle.snapshot.good(tag)
    return (nan if value_now is None else value_now), int(seen.quality)


def _astray(cycle: Cycle, bounds: Mapping[str, Bounds]) -> list[str]:
    found: list[str] = []
    for setpoint in cycle.decision.setpoints:
        bound = bounds[setpoint.tag]
        phase = cycle.decision.modes[bound.loop][1] if bound.loop else Phase.ACTIVE
        if phase is not Phase.ACTIVE:
            found.append(f"{setpoint.tag} written in phase {phase.value}")
        before = cycle.snapshot.good(bound.shown)
        if bound.off(setpoint.value) > 0.0 and (before is None or bound.off(setpoint.value) >= bound.off(before)):
            found.append(f"{setpoint.tag} set to {setpoint.value:g}, beyond {bound.low:g} to {bound.high:g}")
    return found
