"""One well-mixed cell of granules in warm air: the kernel of both dryers of line B.

Heat capacities are those of common excipients and water; sorption and transfer are chosen, not measured.
"""

from __future__ import annotations

from typing import Generic, NamedTuple

from hil.plants.granules import LEAST_KG
from hil.plants.ops import Ops, Value

CELL_KG = 0.6
"""Dry solids of a full cell [kg]."""

SOLID_J = 1250.0
"""Heat capacity of the dry solids [J/kg/K]."""

WATER_J = 4186.0
"""Heat capacity of water [J/kg/K]."""

METAL_J = 60.0
"""Heat capacity of the metal of a cell [J/K]."""

LATENT_J = 2.43e6
"""Heat of evaporation [J/kg]."""

_AIR_J = 1006.0
_MOLAR_RATIO, _PRESSURE_PA = 0.62198, 101325.0
_FULLEST = 1.5
_DAMPEST = 0.95
_NARROWEST = 0.01


class Lot(NamedTuple, Generic[Value]):
    """Granules that enter or leave a cell in one step."""

    dry: Value
    """Dry solids [kg]."""
    water: Value
    """Water [kg]."""
    api: Value
    """API, a part of the dry solids [kg]."""
    heat: Value
    """Enthalpy above 0 degC and liquid water [J]."""


class Cell(NamedTuple, Generic[Value]):
    """What a cell holds."""

    dry: Value
    """Dry solids [kg]."""
    water: Value
    """Water [kg]."""
    api: Value
    """API, a part of the dry solids [kg]."""
    temperature: Value
    """Temperature of granules and metal [degC]."""


class Air(NamedTuple, Generic[Value]):
    """What surrounds the granules of a cell."""

    flow: Value
    """Dry air through the cell [kg/s]."""
    temperature: Value
    """Temperature of the air at the inlet [degC]."""
    humidity: Value
    """Water per dry air at the inlet [kg/kg]."""
    room: Value
    """Temperature of the room [degC]."""
    loss: Value
    """Heat loss of the cell to the room [W/K]."""
    transfer: Value
    """Number of transfer units of a full cell [1]."""


class Exchange(NamedTuple, Generic[Value]):
    """What a cell and its surroundings exchanged in one step."""

    evaporated: Value
    """Water that left with the air [kg]."""
    warmed: Value
    """Heat the air gave [J]."""
    gone: Value
    """Enthalpy that left with vapour and to the room [J]."""
    cooled: Value
    """Fall of the temperature of the air [K]."""


def saturation(ops: Ops[Value], temperature: Value) -> Value:
    """Return the water per dry air that saturates it at atmospheric pressure [kg/kg].

    Parameters
    ----------
    ops
        Operations of the run.
    temperature
        Temperature [degC].

    References
    ----------
    A. L. Buck, "New equations for computing vapor pressure and enhancement factor", J. Appl. Meteorol. 20, 1981,
    doi:10.1175/1520-0450(1981)020<1527:NEFCVP>2.0.CO;2.

    Examples
    --------
    >>> from hil.plants.ops import SINGLE
    >>> round(saturation(SINGLE, 25.0), 4)
    0.0201
    """
    pressure = 611.21 * ops.exp((18.678 - temperature / 234.5) * temperature / (257.14 + temperature))
    return _MOLAR_RATIO * pressure / (_PRESSURE_PA - pressure)


def sorption(activity: Value) -> Value:
    """Return the moisture of granules at rest with air, by Guggenheim, Anderson and de Boer [kg/kg].

    Parameters
    ----------
    activity
        Relative humidity at the temperature of the granules [1].

    Examples
    --------
    >>> round(sorption(0.4), 4)
    0.0209
    """
    bound = 0.80 * activity
    return 0.018 * 8.0 * bound / ((1.0 - bound) * (1.0 + 7.0 * bound))


def capacity(dry: Value, water: Value) -> Value:
    """Return the heat capacity of granules [J/K].

    Parameters
    ----------
    dry
        Dry solids [kg].
    water
        Water [kg].
    """
    return SOLID_J * dry + WATER_J * water


def exchanged(ops: Ops[Value], dt: float, cell: Cell[Value], air: Air[Value], critical: Value) -> Exchange[Value]:
    """Return what a cell and its surroundings exchange in one step.

    Heat and water share one contact efficiency. Below the critical moisture the granules dry ever more slowly, in
    proportion to what is still above the moisture at rest; drier than that, they take up water.

    Parameters
    ----------
    ops
        Operations of the run.
    dt
        Step [s].
    cell
        What the cell holds.
    air
        What surrounds it.
    critical
        Critical moisture [kg/kg].
    """
    saturated = saturation(ops, cell.temperature)
    rest = sorption(ops.minimum(air.humidity / saturated, _DAMPEST))
    x = cell.water / ops.maximum(cell.dry, LEAST_KG)
    ease = ops.clip((x - rest) / ops.maximum(critical - rest, _NARROWEST), -1.0, 1.0)
    contact = 1.0 - ops.exp(-air.transfer * ops.minimum(cell.dry / CELL_KG, _FULLEST))
    swept = dt * air.flow * contact
    evaporated = swept * ease * ops.maximum(saturated - air.humidity, 0.0)
    cooled = contact * (air.temperature - cell.temperature)
    lost = dt * air.loss * (cell.temperature - air.room)
    vapour = evaporated * (LATENT_J + WATER_J * cell.temperature)
    return Exchange(evaporated, dt * air.flow * _AIR_J * cooled, vapour + lost, cooled)


def dried(cell: Cell[Value], fed: Lot[Value], washed: Value, by: Exchange[Value]) -> tuple[Cell[Value], Lot[Value]]:
    """Return what a cell holds one step on, and what left it.

    The exchange is counted forward, the outflow implicitly. No water, solid or heat is lost.

    Parameters
    ----------
    cell
        What the cell holds.
    fed
        What enters.
    washed
        Mass leaving over mass held [1].
    by
        What the cell and its surroundings exchange.
    """
    keep = 1.0 / (1.0 + washed)
    dry = (cell.dry + fed.dry) * keep
    water = (cell.water + fed.water - by.evaporated) * keep
    api = (cell.api + fed.api) * keep
    heat = (capacity(cell.dry, cell.water) + METAL_J) * cell.temperature + fed.heat + by.warmed - by.gone
    held = capacity(dry, water)
    temperature = heat / (held * (1.0 + washed) + METAL_J)
    leaving = Lot(dry * washed, water * washed, api * washed, held * washed * temperature)
    return Cell(dry, water, api, temperature), leaving
