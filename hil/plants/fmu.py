"""An FMU as a truth plant: the face of our own plants, whatever tool the model came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isclose, isfinite

import numpy as np

from hil.plants.fmi import Described, Instance
from plant_io.signals import Floats


@dataclass(frozen=True, slots=True)
class Wire:
    """How a variable becomes a tag: tag = zero + gain times variable."""

    variable: str
    """Name of the variable."""
    gain: float = 1.0
    """Unit of the tag per unit of the variable."""
    zero: float = 0.0
    """Value of the tag where the variable is zero, unit of the tag."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """Every wire between an FMU and the tags."""

    inputs: Mapping[str, Wire]
    """Setpoints, by tag."""
    outputs: Mapping[str, Sequence[Wire]]
    """What the instruments show, by tag; several wires for an array."""
    truth: Mapping[str, Wire] = field(default_factory=dict[str, Wire])
    """What is really so, by name."""
    fixed: Mapping[str, float] = field(default_factory=dict[str, float])
    """Variables that are set once at the start, each in its own unit."""


class FmuPlant:
    """An FMU behind the tags of a simulated line.

    Parameters
    ----------
    about
        The FMU.
    wiring
        How its variables become tags.
    start
        Setpoints at the start, by tag, each in its unit.

    Raises
    ------
    PlantStopped
        If the FMU cannot be started.
    FloatingPointError
        If a variable is not finite.
    """

    def __init__(self, about: Described, wiring: Wiring, start: Mapping[str, float]) -> None:
        self._about, self._wiring = about, wiring
        self._fmu = Instance(about, {**wiring.fixed, **self._driven(start)})
        wires = [*(wire for each in wiring.outputs.values() for wire in each), *wiring.truth.values()]
        self._names = sorted({wire.variable for wire in wires})
        self.time = 0.0
        """Plant time [s]."""
        self.tags: dict[str, float | Floats] = {}
        """What the instruments show, in the units of the tags; a new mapping every step."""
        self.taken: dict[str, float] = {}
        """When arrays last changed, plant time [s]."""
        self.quality: dict[str, str] = {}
        """Always empty: an FMU has no word for it."""
        self._sense()

    def step(self, dt: float, setpoints: Mapping[str, float]) -> None:
        """Run the plant for one step.

        Parameters
        ----------
        dt
            Step [s]; a whole multiple of the FMU's own where it has one.
        setpoints
            All setpoints, by tag, each in its unit.

        Raises
        ------
        PlantStopped
            If the FMU refuses the step.
        FloatingPointError
            If a variable is no longer finite.
        ValueError
            If the FMU cannot take such a step.
        """
        count, size = self._steps(dt)
        self._fmu.set(self._driven(setpoints))
        for k in range(count):
            self._fmu.step(self.time + k * size, size)
        self.time = round(self.time + dt, 9)
        self._sense()

    def truth(self) -> dict[str, float]:
        """Return what the wiring calls the truth, each in the unit it names."""
        return {name: self._shown([wire]).item() for name, wire in self._wiring.truth.items()}

    def close(self) -> None:
        """Put the FMU away; without it, that happens when the plant is forgotten."""
        self._fmu.close()

    def _steps(self, dt: float) -> tuple[int, float]:
        own = self._about.step_s
        if own is None:
            return 1, dt
        count = max(1, round(dt / own))
        if not isclose(count * own, dt, rel_tol=1e-9):
            raise ValueError(f"{self._about.name}: found a step of {dt:g} s, wanted a multiple of its own, {own:g} s")
        return count, own

    def _driven(self, setpoints: Mapping[str, float]) -> dict[str, float]:
        return {wire.variable: (setpoints[t] - wire.zero) / wire.gain for t, wire in self._wiring.inputs.items()}

    def _sense(self) -> None:
        self._values = self._fmu.get(self._names)
        if wild := [name for name, value in self._values.items() if not isfinite(value)]:
            raise FloatingPointError(f"{self._about.name}: not finite at {self.time:g} s: {', '.join(wild)}")
        before, self.tags = self.tags, {}
        for tag, wires in self._wiring.outputs.items():
            shown = self._shown(wires)
            self.tags[tag] = shown if len(wires) > 1 else shown.item()
            if len(wires) > 1 and not np.array_equal(shown, before.get(tag, ())):
                self.taken[tag] = self.time

    def _shown(self, wires: Sequence[Wire]) -> Floats:
        return np.array([wire.zero + wire.gain * self._values[wire.variable] for wire in wires])
