"""Water in air at 101.325 kPa, and granules that dry in it, in smooth formulas."""

from __future__ import annotations

from collections.abc import Sequence

from controller.models.base import Expression

AIR_J_KG_K, VAPOUR_J_KG = 1005.0, 2.44e6
"""Specific heat of dry air [J/(kg K)] and heat of evaporation at 25 degC [J/kg]."""

_KELVIN, _AIR_K_KG_M3 = 273.15, 353.1
"""Celsius zero [K], and density of dry air times its temperature [kg K/m3]."""
_SATURATED = (3.4087794e-3, 3.8075845e-4, -2.2173190e-6, 7.4164676e-7, -1.18447400e-8, 1.62590214e-10)
_FIRST_C, _TRIALS = 24.0, 3


def dry_air(volume: Expression, celsius: Expression, humidity: Expression) -> Expression:
    """Return the flow of dry air [kg/s].

    Parameters
    ----------
    volume
        Flow of the humid air [m3/s].
    celsius
        Its temperature [degC].
    humidity
        Water per dry air [kg/kg].
    """
    return volume * _AIR_K_KG_M3 / (celsius + _KELVIN) / (1.0 + humidity)


def saturated(t: Expression) -> Expression:
    """Return the water per dry air over water at 101.325 kPa [kg/kg], within 1e-4 between 10 and 50 degC.

    Parameters
    ----------
    t
        Temperature [degC].

    References
    ----------
    A polynomial through D. Sonntag, "Important new values of the physical constants of 1986", Z. Meteorol. 40(5), 1990.
    """
    return _value(_SATURATED, t)


def wet_bulb_c(inlet: Expression, humidity: Expression) -> Expression:
    """Return the temperature of a wet surface in air [degC], by three steps of Newton's method.

    Parameters
    ----------
    inlet
        Temperature of the air [degC].
    humidity
        Water per dry air in it [kg/kg].
    """
    found = _FIRST_C + 0.0 * inlet
    for _ in range(_TRIALS):
        over = AIR_J_KG_K * (inlet - found) - VAPOUR_J_KG * (saturated(found) - humidity)
        found = found + over / (AIR_J_KG_K + VAPOUR_J_KG * _value(_slopes(_SATURATED), found))
    return found


def granule_c(inlet: Expression, wet: Expression, ease: Expression) -> Expression:
    """Return the temperature of granules at which the heat the air gives them evaporates water [degC].

    Saturation above the wet bulb is taken as a parabola, which makes this the root of a quadratic equation.

    Parameters
    ----------
    inlet
        Temperature of the air [degC].
    wet
        Temperature of a wet surface in it [degC].
    ease
        Evaporation relative to that from a wet surface [1].
    """
    slope = _value(_slopes(_SATURATED), wet)
    bend = 0.5 * _value(_slopes(_slopes(_SATURATED)), wet)
    spare = AIR_J_KG_K * (1.0 - ease) * (inlet - wet)
    linear, square = AIR_J_KG_K + VAPOUR_J_KG * ease * slope, VAPOUR_J_KG * ease * bend
    return wet + 2.0 * spare / (linear + (linear * linear + 4.0 * square * spare) ** 0.5)


def _value(factors: Sequence[float], t: Expression) -> Expression:
    """Return the value of a polynomial at a temperature [degC]."""
    value: Expression = 0.0 * t + factors[-1]
    for factor in reversed(factors[:-1]):
        value = value * t + factor
    return value


def _slopes(factors: Sequence[float]) -> list[float]:
    return [k * factor for k, factor in enumerate(factors)][1:]
