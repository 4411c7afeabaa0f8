"""What the balances of line B say at rest: moisture behind dryers, in formulas that take many runs at once.

The equations are those of `controller.models.line_b`, with nothing changing any more.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from controller.models.base import Expression
from controller.models.vapour import AIR_J_KG_K, VAPOUR_J_KG, dry_air, granule_c, saturated, wet_bulb_c
from plant_io.signals import Floats

_SOLID_J_KG_K, _WATER_J_KG_K, _FEED_C = 1300.0, 4186.0, 25.0
_ROUND = 0.01
_HALVINGS = 36
_COLDEST_C, _HOTTEST_C = 0.0, 90.0
_SECONDS_PER_HOUR = 3600.0
_CELLS, _TURNS, _EMPTYING_S, _STEPS = 6, 6.0, 25.0, 48
_HALF_KG, _FAINT, _CRUMB_KG = 0.03, 1e-4, 1e-3


class Dryer(NamedTuple):
    """What is identified of a dryer; numbers, or arrays of shape ``(n,)``."""

    air: Floats | float
    """True over indicated flow of air [1]."""
    critical: Floats | float
    """Critical moisture [kg/kg]."""
    equilibrium: Floats | float
    """Equilibrium moisture [kg/kg]."""


class Fed(NamedTuple):
    """What a dryer is run with, each array of shape ``(n,)``."""

    liquid: Floats
    """Liquid to solids [1]."""
    powder: Floats
    """Flow of dry powder [kg/h]."""
    inlet: Floats
    """Temperature of the inlet air [degC]."""
    air: Floats
    """Flow of the inlet air [m3/h]."""
    humidity: Floats
    """Water per dry air at the inlet [kg/kg]."""


class Cells(NamedTuple):
    """What is identified of a dryer of six cells that take turns, and how long one is filled."""

    dryer: Dryer
    """What is identified."""
    fill: Floats
    """Time to fill a cell [s], shape ``(n,)``."""


def moistures(dryer: Dryer, fed: Fed) -> tuple[Floats, Floats]:
    """Return moisture [kg/kg] and temperature [degC] of the granules that leave the second zone, shapes ``(n,)``.

    Parameters
    ----------
    dryer
        What is identified.
    fed
        What it is run with.
    """
    powder = fed.powder / _SECONDS_PER_HOUR
    volume = _symbol(fed.air / _SECONDS_PER_HOUR)
    gas = 0.5 * dryer.air * _floats(dry_air(volume, _symbol(fed.inlet), _symbol(fed.humidity)))
    x, t = fed.liquid, np.full_like(fed.liquid, _FEED_C)
    for _ in range(2):
        x, t = _zone(dryer, fed, (x, t), (powder, gas))
    return x, t


def batch(cells: Cells, fed: Fed) -> tuple[Floats, Floats]:
    """Return moisture [kg/kg] and temperature [degC] of a batch when it leaves its cell, shapes ``(n,)``.

    A cell is filled for one turn and dries for five more, less the time to empty it; heat the air gives goes into
    evaporation at once. The equations are those of `controller.models.six_cell`, in equal implicit steps.

    Parameters
    ----------
    cells
        What is identified, and the time to fill.
    fed
        What the dryer is run with.
    """
    dryer, full = cells.dryer, fed.powder / _SECONDS_PER_HOUR * cells.fill
    inlet, humidity = _symbol(fed.inlet), _symbol(fed.humidity)
    gas = dryer.air / _CELLS * _floats(dry_air(_symbol(fed.air / _SECONDS_PER_HOUR), inlet, humidity))
    wet, step = wet_bulb_c(inlet, humidity), (_TURNS * cells.fill - _EMPTYING_S) / _STEPS
    x, warm = fed.liquid, _floats(wet)
    for k in range(_STEPS):
        held = np.minimum((k + 0.5) * step / cells.fill, 1.0) * full
        part = (x - dryer.equilibrium) / (dryer.critical - dryer.equilibrium)
        slow = 0.5 * (1.0 + part - np.sqrt((1.0 - part) * (1.0 - part) + _ROUND))
        ease = 0.5 * (slow + np.sqrt(slow * slow + _FAINT))
        warm = _floats(granule_c(inlet, wet, _symbol(ease)))
        evaporated = gas * held / (held + _HALF_KG) * (fed.inlet - warm) * (AIR_J_KG_K / VAPOUR_J_KG)
        arriving = np.where((k + 1) * step <= cells.fill, step / ((k + 1.0) * step), 0.0)
        x = np.maximum(x + arriving * (fed.liquid - x) - evaporated * step / np.maximum(held, _CRUMB_KG), 0.0)
    return x, warm


def _zone(
    dryer: Dryer, fed: Fed, entering: tuple[Floats, Floats], flows: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Return moisture [kg/kg] and temperature [degC] in a zone at rest, by halving."""
    powder, gas = flows
    low, high = np.zeros_like(entering[0]), entering[0].copy()
    for _ in range(_HALVINGS):
        x = 0.5 * (low + high)
        t = _warmth(x, fed.inlet, entering, flows)
        part = (x - dryer.equilibrium) / (dryer.critical - dryer.equilibrium)
        share = 0.5 * (1.0 + part - np.sqrt((1.0 - part) * (1.0 - part) + _ROUND))
        wetter = powder * (entering[0] - x) > gas * share * (_floats(saturated(_symbol(t))) - fed.humidity)
        low, high = np.where(wetter, x, low), np.where(wetter, high, x)
    x = 0.5 * (low + high)
    return x, _warmth(x, fed.inlet, entering, flows)


def _warmth(x: Floats, inlet: Floats, entering: tuple[Floats, Floats], flows: tuple[Floats, Floats]) -> Floats:
    """Return the temperature at which heat from the air and heat for evaporation agree [degC]."""
    powder, gas = flows
    moved = powder * (_SOLID_J_KG_K + _WATER_J_KG_K * x)
    given = gas * AIR_J_KG_K * inlet - VAPOUR_J_KG * powder * (entering[0] - x) + moved * entering[1]
    return np.clip(given / (gas * AIR_J_KG_K + moved), _COLDEST_C, _HOTTEST_C)


def _symbol(values: Floats) -> Expression:
    return cast("Expression", values)


def _floats(expression: Expression) -> Floats:
    return cast("Floats", expression)
