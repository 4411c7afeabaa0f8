"""Continuous dryer of line B: three mixed zones in a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Protocol

import numpy as np

from hil.plants.air import Supply, Wanted
from hil.plants.bed import Bed, entering
from hil.plants.drying import CELL_KG, Cell
from hil.plants.granules import FEED_KG_S, LEAST_KG, Granules, Traits
from hil.plants.ops import Ops, Value

Hits = Mapping[str, Mapping[str, Value]]
"""Severity of the faults in force, by target and name, in the units of the catalogue."""

_ZONES = 3
_REFERENCE_UM = 600.0
_START_X, _START_C = (0.148, 0.065, 0.023), (24.9, 28.6, 38.9)


class Dryer(Protocol[Value]):
    """What the line asks of a dryer."""

    @property
    def bed(self) -> Bed[Value]:
        """Return its cells."""
        ...

    @property
    def settling(self) -> tuple[int, float]:
        """Return the number of steps in which it comes to rest, and their length [s]."""
        ...

    @property
    def cell(self) -> Value:
        """Return the number of the cell being filled, from 1; 0 if there are none [1]."""
        ...

    @property
    def temperature(self) -> Value:
        """Return the temperature of the granules that leave next [degC]."""
        ...

    @property
    def discharged(self) -> tuple[Value, Value]:
        """Return moisture [kg/kg] and temperature [degC] of the granules let out last."""
        ...

    def step(self, dt: float, fed: Granules[Value], wanted: Wanted[Value], hits: Hits[Value]) -> Granules[Value]:
        """Move and dry the granules for one step and return those that left in it.

        Parameters
        ----------
        dt
            Step [s].
        fed
            What enters during the step.
        wanted
            Setpoints.
        hits
            Severity by target and fault in force, in the units of the catalogue.

        Raises
        ------
        FloatingPointError
            If a state is no longer finite.
        """
        ...


class ContinuousDryer(Generic[Value]):
    """Three zones; a weir lets out the more, the fuller a zone is.

    Parameters
    ----------
    ops
        Operations of the run.
    supply
        Heater, fan, outdoor air and room.
    traits
        What sets this line apart.
    fed
        What enters in a second at the start.
    """

    __slots__ = ("_ops", "_supply", "_traits", "bed")

    _ops: Ops[Value]
    _supply: Supply[Value]
    _traits: Traits[Value]
    bed: Bed[Value]
    """The zones, in the order of flow."""

    def __init__(self, ops: Ops[Value], supply: Supply[Value], traits: Traits[Value], fed: Granules[Value]) -> None:
        self._ops = ops
        self._supply = supply
        self._traits = traits
        dry = CELL_KG * ops.power(fed.dry / FEED_KG_S, 1.0 / 3.0)
        api = dry * fed.api / fed.dry
        cells = [Cell(dry, x * dry, api, 0.0 * dry + at) for x, at in zip(_START_X, _START_C, strict=True)]
        self.bed = Bed(ops, supply, cells, fed.sizes)

    @property
    def settling(self) -> tuple[int, float]:
        """Return the number of steps in which it comes to rest, and their length [s]."""
        return 600, 4.0

    @property
    def cell(self) -> Value:
        """Return 0, for there are no cells to fill by turns [1]."""
        return 0.0 * self.bed.humidity

    @property
    def temperature(self) -> Value:
        """Return the temperature of the granules in the last zone [degC]."""
        return self.bed.cells[-1].temperature

    @property
    def discharged(self) -> tuple[Value, Value]:
        """Return moisture [kg/kg] and temperature [degC] of the granules in the last zone."""
        last = self.bed.cells[-1]
        return last.water / self._ops.maximum(last.dry, LEAST_KG), last.temperature

    def step(self, dt: float, fed: Granules[Value], wanted: Wanted[Value], hits: Hits[Value]) -> Granules[Value]:  # noqa: ARG002  # as every dryer
        """Move and dry the granules for one step and return those that left in it.

        Parameters
        ----------
        dt
            Step [s].
        fed
            What enters during the step.
        wanted
            Setpoints.
        hits
            Severity by target and fault in force, in the units of the catalogue.

        Raises
        ------
        FloatingPointError
            If a state is no longer finite.
        """
        bed, air = self.bed, self._supply.share(_ZONES)
        critical = bed.critical(self._traits.critical, _REFERENCE_UM)
        incoming = np.concatenate([fed.sizes[np.newaxis], bed.sizes[:-1]])
        moving = first = entering(fed)
        shares: list[Value] = []
        for place, cell in enumerate(bed.cells):
            shares.append(moving.dry / (cell.dry + moving.dry + LEAST_KG))
            washed = dt * FEED_KG_S / CELL_KG * self._ops.power(cell.dry / CELL_KG, 2.0)
            moving = bed.dry(dt, place, (moving, washed), air, critical[place])
        bed.blend(incoming, shares)
        bed.close(dt, first.heat, moving.heat)
        return Granules(moving.dry, moving.water, moving.api, bed.sizes[-1])
