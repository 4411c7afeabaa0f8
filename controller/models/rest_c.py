"""What the balances of line C say at rest: what leaves the coil, what the bed leaves over, and its activity.

The equations are those of `controller.models.line_c`, with nothing changing any more.
"""

from __future__ import annotations

from math import exp, log
from typing import NamedTuple

import numpy as np

from plant_io.signals import Floats

_CELLS, _HALVINGS = 3, 45
_KELVIN, _WARM_K, _HYDROGEN_BAR = 273.15, 333.15, 12.0
_SECONDS_PER_MINUTE, _MMOL_PER_MOL = 60.0, 1000.0
_TRACE, _MOST = 1e-3, 5.0


class Coil(NamedTuple):
    """What is identified of a coil; numbers, or arrays of shape ``(n,)``."""

    volume: Floats | float
    """Volume [mL]."""
    wanted: Floats | float
    """Rate constant of the wanted reaction at 60 degC [L/mol/s]."""
    by_heat: Floats | float
    """Its exponent of the absolute temperature [1]."""
    again: Floats | float
    """Rate constant of the second substitution at 60 degC [L/mol/s]."""


class Left(NamedTuple):
    """What leaves the coil, each of shape ``(n,)``."""

    sm: Floats
    """Starting material [mmol/L]."""
    bis: Floats
    """Bis adduct [mmol/L]."""


def left_over(coil: Coil, fed: tuple[Floats, Floats], flow: Floats, celsius: Floats) -> Left:
    """Return what leaves the coil.

    In every cell all follows from the amine, which is found by halving.

    Parameters
    ----------
    coil
        What is identified.
    fed
        Starting material and amine in the mixed feed [mmol/L], each of shape ``(n,)``.
    flow
        Total flow [mL/min], shape ``(n,)``.
    celsius
        Temperature of the coil [degC], shape ``(n,)``.
    """
    stay = coil.volume / _CELLS / flow * _SECONDS_PER_MINUTE / _MMOL_PER_MOL
    heat = _powers((celsius + _KELVIN) / _WARM_K, coil.by_heat)
    ka, kc = stay * coil.wanted * heat, stay * coil.again * heat
    s, n, b = fed[0], fed[1], np.zeros_like(fed[0])
    for _ in range(_CELLS):
        entering = (s, n, b)
        low, high = np.zeros_like(n), n.copy()
        for _ in range(_HALVINGS):
            n = 0.5 * (low + high)
            s = entering[0] / (1.0 + ka * n)
            b = (entering[2] + kc * n * (fed[0] - s)) / (1.0 + kc * n)
            enough = n + entering[0] - s + b - entering[2] >= entering[1]
            low, high = np.where(enough, low, n), np.where(enough, n, high)
    return Left(s, b)


def effort(order: Floats | float, active: Floats, run: tuple[Floats, Floats]) -> Floats:
    """Return activity times hydrogen over flow, each relative to the usual [1], shape ``(n,)``.

    Parameters
    ----------
    order
        Order in hydrogen [1].
    active
        Activity of the catalyst [1], shape ``(n,)``.
    run
        Pressure of hydrogen [bar] and total flow over the usual one [1], each of shape ``(n,)``.
    """
    hydrogen, swift = run
    return active * _powers(hydrogen / _HYDROGEN_BAR, order) / swift


def reduced(law: tuple[Floats | float, Floats | float, Floats | float], tried: Floats, celsius: Floats) -> Floats:
    """Return what the bed leaves of a compound that it consumes [%], shape ``(n,)``.

    Parameters
    ----------
    law
        Level at usual settings [%], exponents of effort and heat, downwards [1].
    tried
        Effort [1], shape ``(n,)``.
    celsius
        Temperature of the bed [degC], shape ``(n,)``.
    """
    level, by_effort, by_heat = law
    heat = _powers((celsius + _KELVIN) / _WARM_K, by_heat)
    return level / _powers(np.maximum(tried, _TRACE), by_effort) / heat


def activity(
    law: tuple[Floats | float, Floats | float, Floats | float, Floats | float],
    nitro: Floats,
    celsius: Floats,
    run: tuple[Floats, Floats],
) -> Floats:
    """Return the activity of the catalyst that leaves as much nitro compound as was seen [1], shape ``(n,)``.

    Parameters
    ----------
    law
        Nitro compound at usual settings [%], exponents of effort and heat, and order in hydrogen [1].
    nitro
        Nitro compound behind the bed [%], shape ``(n,)``.
    celsius
        Temperature of the bed [degC], shape ``(n,)``.
    run
        Pressure of hydrogen [bar] and total flow over the usual one [1], each of shape ``(n,)``.
    """
    level, by_effort, by_heat, order = law
    hydrogen, swift = run
    heat = _powers((celsius + _KELVIN) / _WARM_K, by_heat)
    effort = _powers(np.maximum(nitro, _TRACE) / level * heat, -1.0 / by_effort)
    return np.minimum(effort * swift / _powers(hydrogen / _HYDROGEN_BAR, order), _MOST)


def _powers(base: Floats, exponent: Floats | float) -> Floats:
    """Return powers of numbers above zero, made one by one: those of NumPy differ from processor to processor."""
    logs = np.array([log(max(one, 1e-12)) for one in base.ravel().tolist()]).reshape(base.shape) * exponent
    return np.array([exp(min(one, 50.0)) for one in logs.ravel().tolist()]).reshape(logs.shape)
