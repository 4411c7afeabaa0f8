"""How a fault comes and goes: how far it is developed at each time."""

from __future__ import annotations

from functools import lru_cache
from math import exp, sqrt
from typing import Literal

import numpy as np

from plant_io.signals import Floats

Shape = Literal["step", "ramp", "pulse", "ou", "random"]
"""Full at once; growing; full for a while; wandering about nothing; coming and going by chance."""

_STEP_S = 1.0
_BLOCK = 1024


def grown(shape: Shape, since_s: float, span_s: float, seed: int) -> float:
    """Return how far a fault is developed [1]: 0 absent, 1 full; a wandering one has standard deviation 1.

    Parameters
    ----------
    shape
        How it comes.
    since_s
        Time since it began, not negative [s].
    span_s
        Time a ramp takes, time constant of the wandering, or time between the draws of chance [s].
    seed
        Seed of chance.

    Examples
    --------
    >>> grown("ramp", 50.0, 200.0, 0), grown("step", 50.0, 0.0, 0)
    (0.25, 1.0)
    """
    match shape:
        case "ramp":
            return min(since_s / span_s, 1.0) if span_s > 0.0 else 1.0
        case "ou":
            block, place = divmod(int(since_s / _STEP_S), _BLOCK)
            return float(_wandering(seed, span_s, block)[place])
        case "random":
            block, place = divmod(int(since_s / span_s), _BLOCK)
            return float(_coming(seed, block)[place])
        case _:
            return 1.0


def bits(seed: int, count: int) -> Floats:
    """Return a pseudo-random binary sequence of -1 and 1, shape ``(count,)``."""
    return np.asarray(2.0 * np.random.default_rng(seed).integers(0, 2, count) - 1.0, np.float64)


@lru_cache(maxsize=64)
def _wandering(seed: int, tau_s: float, block: int) -> Floats:
    """Return one block of an Ornstein-Uhlenbeck path that begins at 0, shape ``(1024,)`` [1]."""
    before = float(_wandering(seed, tau_s, block - 1)[-1]) if block else 0.0
    kept = exp(-_STEP_S / tau_s)
    shocks = sqrt(1.0 - kept**2) * np.random.default_rng((seed, block)).standard_normal(_BLOCK)
    path = np.empty(_BLOCK)
    for i, shock in enumerate(shocks):
        path[i] = before = kept * before + shock
    return path


@lru_cache(maxsize=64)
def _coming(seed: int, block: int) -> Floats:
    """Return one block of draws whether a fault is there, shape ``(1024,)``; at its onset it is."""
    there = np.random.default_rng((seed, block)).integers(0, 2, _BLOCK).astype(np.float64)
    if block == 0:
        there[0] = 1.0
    return there
