"""Six-cell dryer of line B: one cell is filled while the others dry, and each is emptied before its next turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic

import numpy as np

from hil.plants.air import Supply, Wanted
from hil.plants.bed import Bed, entering
from hil.plants.dryer import Hits
from hil.plants.drying import Air, Cell, Lot
from hil.plants.granules import LEAST_KG, Granules, Traits
from hil.plants.ops import Ops, Truth, Value

CELLS = 6
"""Number of cells [1]."""

EMPTYING_S = 25.0
"""How long before its next turn a cell is opened [s]."""

_NAMES = tuple(f"CELL_{place + 1}" for place in range(CELLS))
_EMPTYING_TAU_S = 6.0
_REFERENCE_UM = 465.0
_HEEL_KG, _HEEL_X, _HEEL_C = 0.012, 0.015, 44.0
_SHORTEST_FILL_S, _LONGEST_FILL_S = 60.0, 600.0
_SLACK_S = 1e-6


class SixCellDryer(Generic[Value]):
    """Six cells that take turns; all of them get the same share of the air, empty ones too.

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

    __slots__ = ("_elapsed", "_filling", "_open", "_ops", "_slot", "_supply", "_traits", "bed", "discharged")

    _ops: Ops[Value]
    _supply: Supply[Value]
    _traits: Traits[Value]
    _filling: Value
    _elapsed: Value
    _slot: Value
    _open: Value
    bed: Bed[Value]
    """The cells."""
    discharged: tuple[Value, Value]
    """Moisture [kg/kg] and temperature [degC] of the cell opened last, when it was opened."""

    def __init__(self, ops: Ops[Value], supply: Supply[Value], traits: Traits[Value], fed: Granules[Value]) -> None:
        self._ops = ops
        self._supply = supply
        self._traits = traits
        zero = 0.0 * fed.dry
        self._elapsed = self._slot = self._open = zero
        self._filling = zero + (CELLS - 1.0)
        heel = Cell(zero + _HEEL_KG, zero + _HEEL_KG * _HEEL_X, _HEEL_KG * fed.api / fed.dry, zero + _HEEL_C)
        self.bed = Bed(ops, supply, [heel] * CELLS, fed.sizes)
        self.discharged = (zero + _HEEL_X, zero + _HEEL_C)

    @property
    def settling(self) -> tuple[int, float]:
        """Return the number of steps of one round of all cells, and their length [s]."""
        return 1080, 1.0

    @property
    def cell(self) -> Value:
        """Return the number of the cell being filled, from 1 [1]."""
        return self._filling + 1.0

    @property
    def temperature(self) -> Value:
        """Return the temperature of the granules in the cell that is emptied next [degC]."""
        return self._chosen([cell.temperature for cell in self.bed.cells])

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
        self._take_turns(wanted)
        bed, lot, critical = self.bed, entering(fed), self.bed.critical(self._traits.critical, _REFERENCE_UM)
        air = self._supply.share(CELLS)
        lots: list[Lot[Value]] = []
        shares: list[Value] = []
        for place, cell in enumerate(bed.cells):
            moved = self._moved(dt, place, lot)
            shares.append(moved[0].dry / (cell.dry + moved[0].dry + LEAST_KG))
            lots.append(bed.dry(dt, place, moved, _leaky(air, hits.get(_NAMES[place])), critical[place]))
        bed.blend(np.array([fed.sizes] * CELLS), shares)
        left = _together(lots)
        bed.close(dt, lot.heat, left.heat)
        self._elapsed = self._elapsed + dt
        weights = self._ops.stack([each.dry for each in lots]) / self._ops.maximum(left.dry, LEAST_KG)
        return Granules(left.dry, left.water, left.api, (weights[..., np.newaxis] * bed.sizes).sum(axis=0))

    @property
    def _due(self) -> Value:
        return (self._filling + 1.0) % CELLS

    def _chosen(self, each: list[Value]) -> Value:
        """Return the value of the cell that is emptied next."""
        due, found = self._due, each[0]
        for place in range(1, CELLS):
            found = self._ops.where(due == place, each[place], found)
        return found

    def _take_turns(self, wanted: Wanted[Value]) -> None:
        ops, zero = self._ops, 0.0 * self._filling
        if not ops.finite(wanted.fill_s):
            raise FloatingPointError(f"DRY: time to fill a cell {wanted.fill_s} s")
        over = ops.where(self._elapsed >= self._slot - _SLACK_S, zero + 1.0, zero)
        self._filling = (self._filling + over) % CELLS
        self._elapsed = self._elapsed - over * self._slot
        slot = ops.clip(wanted.fill_s, _SHORTEST_FILL_S, _LONGEST_FILL_S)
        self._slot = over * slot + (1.0 - over) * self._slot
        closed = over + (1.0 - over) * (1.0 - self._open)
        self._open = ops.where(self._elapsed >= self._slot - EMPTYING_S - _SLACK_S, zero + 1.0, zero)
        self._look(closed * self._open > 0.0)

    def _look(self, opened: Truth) -> None:
        """Remember what is in the cell that is opened now."""
        cells, where = self.bed.cells, self._ops.where
        x = self._chosen([cell.water / self._ops.maximum(cell.dry, LEAST_KG) for cell in cells])
        self.discharged = where(opened, x, self.discharged[0]), where(opened, self.temperature, self.discharged[1])

    def _moved(self, dt: float, place: int, lot: Lot[Value]) -> tuple[Lot[Value], Value]:
        """Return what enters a cell, and mass leaving over mass held."""
        zero = 0.0 * self._filling
        share = self._ops.where(self._filling == place, zero + 1.0, zero)
        washed = self._ops.where(self._due == place, self._open * dt / _EMPTYING_TAU_S, zero)
        return Lot(lot.dry * share, lot.water * share, lot.api * share, lot.heat * share), washed


def _leaky(air: Air[Value], leak: Mapping[str, Value] | None) -> Air[Value]:
    return air if leak is None else air._replace(flow=air.flow * (1.0 - leak.get("F34", 0.0)))


def _together(lots: list[Lot[Value]]) -> Lot[Value]:
    dry, water, api, heat = lots[0]
    for each in lots[1:]:
        dry, water, api, heat = dry + each.dry, water + each.water, api + each.api, heat + each.heat
    return Lot(dry, water, api, heat)
