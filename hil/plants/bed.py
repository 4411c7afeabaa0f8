"""The cells of a dryer, whatever the way of the granules through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

import numpy as np

from hil.plants.air import Supply
from hil.plants.drying import METAL_J, Air, Cell, Exchange, Lot, capacity, dried, exchanged
from hil.plants.granules import Granules
from hil.plants.ops import Floats, Ops, Value, one_by_one
from hil.plants.sizes import percentile

FEED_C = 28.0
"""Temperature of granules from the granulator, which is that of its barrel [degC]."""

_SIZE_POWER = 0.4
_LEAST_AIR = 1e-9


def entering(fed: Granules[Value]) -> Lot[Value]:
    """Return granules from the granulator with their enthalpy.

    Parameters
    ----------
    fed
        The granules.
    """
    return Lot(fed.dry, fed.water, fed.api, FEED_C * capacity(fed.dry, fed.water))


class Bed(Generic[Value]):
    """Cells with granules in warm air, and the books on what has passed their bounds.

    Parameters
    ----------
    ops
        Operations of the run.
    supply
        Heater, fan, outdoor air and room.
    cells
        What each cell holds at the start.
    sizes
        Sizes of all granules at the start, mass fractions of shape ``(..., 12)`` [1].
    """

    __slots__ = (
        "_exchanges", "_ops", "_supply", "cells", "evaporated", "given", "humidity", "received", "sizes", "temperature",
    )  # fmt: skip

    _ops: Ops[Value]
    _supply: Supply[Value]
    _exchanges: list[Exchange[Value]]
    cells: list[Cell[Value]]
    """What each cell holds."""
    sizes: Floats
    """Sizes of the granules in each cell, mass fractions of shape ``(cells, ..., 12)`` [1]."""
    humidity: Value
    """Water per dry air at the outlet [kg/kg]."""
    temperature: Value
    """Temperature of the air at the outlet [degC]."""
    evaporated: Value
    """Water that has left with the air since the start [kg]."""
    received: Value
    """Enthalpy that has come with granules and from the air [J]."""
    given: Value
    """Enthalpy that has left with granules and vapour and to the room [J]."""

    def __init__(self, ops: Ops[Value], supply: Supply[Value], cells: Sequence[Cell[Value]], sizes: Floats) -> None:
        self._ops = ops
        self._supply = supply
        self._exchanges = []
        self.cells = list(cells)
        self.sizes = np.array([sizes] * len(cells))
        self.humidity = supply.humidity
        self.temperature = supply.temperature
        self.evaporated = self.received = self.given = 0.0 * supply.humidity

    def critical(self, base: Value, reference: float) -> list[Value]:
        """Return the critical moisture of the granules in each cell [kg/kg].

        Parameters
        ----------
        base
            Critical moisture of granules of the reference size [kg/kg].
        reference
            Reference size [um].
        """
        coarse = one_by_one(lambda size: (size / reference) ** _SIZE_POWER, percentile(self.sizes, 0.5))
        return [base * factor for factor in self._ops.unstack(coarse)]

    def dry(
        self, dt: float, place: int, moved: tuple[Lot[Value], Value], air: Air[Value], critical: Value
    ) -> Lot[Value]:
        """Dry the granules of one cell for one step and return those that left in it.

        Parameters
        ----------
        dt
            Step [s].
        place
            Number of the cell, from 0.
        moved
            What enters the cell, and mass leaving over mass held [1].
        air
            What surrounds its granules.
        critical
            Their critical moisture [kg/kg].
        """
        by = exchanged(self._ops, dt, self.cells[place], air, critical)
        self.cells[place], left = dried(self.cells[place], *moved, by)
        self._exchanges.append(by)
        return left

    def close(self, dt: float, fed: Value, left: Value) -> None:
        """Sum up a step in which every cell had its turn.

        Parameters
        ----------
        dt
            Step [s].
        fed
            Enthalpy that came with granules [J].
        left
            Enthalpy that left with granules [J].

        Raises
        ------
        FloatingPointError
            If a state is no longer finite.
        """
        done, self._exchanges = self._exchanges, []
        evaporated = sum((each.evaporated for each in done[1:]), done[0].evaporated)
        cooled = sum((each.cooled for each in done[1:]), done[0].cooled)
        self.evaporated = self.evaporated + evaporated
        self.received = sum((each.warmed for each in done), self.received + fed)
        self.given = sum((each.gone for each in done), self.given + left)
        whole = self._supply.share(1)
        self.humidity = whole.humidity + evaporated / self._ops.maximum(dt * whole.flow, _LEAST_AIR)
        self.temperature = whole.temperature - cooled / len(done)
        if not self._ops.finite(self.received + self.given):
            raise FloatingPointError(f"DRY: cells {self.cells}, outlet air {self.temperature} degC")

    def blend(self, incoming: Floats, shares: Sequence[Value]) -> None:
        """Mix the sizes of what came into what was there.

        Parameters
        ----------
        incoming
            Sizes of what came into each cell, mass fractions of shape ``(cells, ..., 12)`` [1].
        shares
            Share of what came in what each cell holds now [1].
        """
        self.sizes = self.sizes + self._ops.stack(shares)[..., np.newaxis] * (incoming - self.sizes)

    def heat(self) -> Value:
        """Return the enthalpy of granules and metal above 0 degC and liquid water [J]."""
        each = [(capacity(cell.dry, cell.water) + METAL_J) * cell.temperature for cell in self.cells]
        return sum(each[1:], each[0])
