"""The line the solvers are compared on: continuous wet granulation, drying and milling, 20 states, 4 moved, 3 held.

The equations are ours, in the style of lumped models of such lines; nothing in them is fitted to a real one. The plant
is the same set of equations with other parameters, noise and disturbances.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOIST = ("fp", "fb", "m1", "m2", "m3", "m4", "w1", "w2", "w3", "w4")
_DRY = ("g1", "g2", "x1", "x2", "t1", "t2", "ta", "nm", "dm", "xo")
STATES = _MOIST + _DRY
INPUTS = ("powder", "binder", "air", "mill")
KNOWN = ("humidity", "moisture", "off_g", "off_x", "off_m")
HELD = ("lod", "d50", "rate")

LOW = np.array([10.0, 1.0, 45.0, 600.0])
"""Lowest inputs, shape ``(4,)``: powder [kg/h], binder [kg/h], air [Cel], mill [/min]."""
HIGH = np.array([32.0, 9.0, 85.0, 2000.0])
"""Highest inputs, shape ``(4,)``, units as above."""
NOMINAL = np.array([20.0, 3.9, 66.0, 1100.0])
"""Inputs in the middle of the day, shape ``(4,)``, units as above."""
SCALE = np.array([0.15, 8.0, 0.5])
"""Deviation of loss on drying [%], milled d50 [um] and rate [kg/h] that matters alike, shape ``(3,)``."""
MOVE = np.array([0.6, 0.15, 1.5, 40.0])
"""Move of each input that costs as much, shape ``(4,)``, units of the inputs."""
LIMITS = np.array([[1.2, 2.8], [165.0, 235.0], [16.0, 24.0]])
"""Soft limits of what is held, shape ``(3, 2)``, units as above."""
PENALTY = 60.0
"""Cost of leaving a soft limit by one scale [1]."""
SAMPLE_S = 5.0
SUBSTEPS = 2


@dataclass(frozen=True, slots=True)
class Parameters:
    """What makes one such line."""

    tau: float = 8.0
    """Residence time of one granulator compartment [s]."""
    growth: float = 1.6
    """Growth of granules with the liquid [1]."""
    drying: float = 0.018
    """Rate of drying at 40 Cel [/s]."""
    heating: float = 0.12
    """Heat transfer from the air [/s]."""
    held: float = 0.6
    """Mass in one dryer zone [kg]."""
    milling: float = 0.6
    """Exponent of the mill speed [1]."""


MODEL = Parameters()
PLANT = replace(MODEL, tau=9.0, growth=1.72, drying=0.0168, heating=0.112, held=0.64, milling=0.55)


def rates(x: Sequence[Any], u: Sequence[Any], w: Sequence[Any], p: Parameters, exp: Callable[[Any], Any]) -> list[Any]:
    """Return the time derivatives of the states, unit of the state per second."""
    fp, fb, m1, m2, m3, m4, w1, w2, w3, w4, g1, g2, x1, x2, t1, t2, ta, nm, dm, xo = x
    humidity, moisture, off_g, off_x, off_m = w
    solids, water = fp / 3600.0, fb / 3600.0
    mass = (m1, m2, m3, m4)
    flow = [m / p.tau for m in mass]
    size = 320.0 * exp(p.growth * (w4 / 0.22 - 1.0))
    turnover = flow[3] / p.held
    dry = [p.drying * exp(0.035 * (t - 40.0)) * (c - 0.004 - 0.02 * humidity) for c, t in ((x1, t1), (x2, t2))]
    milled = 95.0 + 105.0 * (g2 / 320.0) * exp(p.milling * (1100.0 - nm) / 1100.0) * (1.0 + 4.0 * (x2 - 0.02))
    return [
        (u[0] - fp) / 10.0,
        (u[1] - fb) / 6.0,
        solids - flow[0] + off_m,
        *[a - b for a, b in pairwise(flow)],
        (solids * (moisture - w1) + water) / m1,
        *[a * (v - c) / m for a, v, c, m in zip(flow, (w1, w2, w3), (w2, w3, w4), mass[1:], strict=False)],
        (size - g1) / 20.0 + off_g,
        (g1 - g2) / 20.0,
        turnover * (w4 - x1) - dry[0] + off_x,
        turnover * (x1 - x2) - dry[1],
        turnover * (22.0 - t1) + p.heating * (ta - t1) - 900.0 * dry[0],
        turnover * (t1 - t2) + p.heating * (ta - t2) - 900.0 * dry[1],
        (u[2] - ta) / 40.0,
        (u[3] - nm) / 5.0,
        (milled - dm) / 10.0,
        (100.0 * x2 - xo) / 8.0,
    ]


def held(x: Sequence[Any], p: Parameters) -> list[Any]:
    """Return loss on drying [%], milled d50 [um] and rate of solids [kg/h]."""
    return [x[19], x[18], x[5] / p.tau * 3600.0]


def step(x: Floats, u: Floats, w: Floats, p: Parameters, *, span_s: float = SAMPLE_S, parts: int = 5) -> Floats:
    """Return the states after a span of time with the inputs held, by Runge-Kutta.

    Parameters
    ----------
    x, u, w
        States ``(20,)``, inputs ``(4,)`` and known inputs ``(5,)``, units of the line.
    p
        The line.
    span_s
        Length of the span [s].
    parts
        Steps it is cut into [1].
    """
    h = span_s / parts

    def f(at: Floats) -> Floats:
        return np.array(rates(list(at), list(u), list(w), p, np.exp))

    for _ in range(parts):
        k1 = f(x)
        k2 = f(x + h / 2 * k1)
        k3 = f(x + h / 2 * k2)
        k4 = f(x + h * k3)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x


def steady(u: Floats, w: Floats, p: Parameters) -> Floats:
    """Return the state the line settles at, shape ``(20,)``, units of the line.

    Parameters
    ----------
    u, w
        Inputs ``(4,)`` and known inputs ``(5,)``, units of the line.
    p
        The line.
    """
    x = np.array([u[0], u[1], *[u[0] / 3600 * p.tau] * 4, *[0.2] * 4, 320, 320, 0.05, 0.02, 35, 45, u[2], u[3], 200, 2])
    return step(x, u, w, p, span_s=3600.0, parts=900)


def typical_given(horizon: int) -> Floats:
    """Return known inputs and targets of a quiet day for each sample, shape ``(horizon + 1, 8)``, units of the line."""
    return np.tile([0.4, 0.02, 0.0, 0.0, 0.0, 2.0, 195.0, 20.0], (horizon + 1, 1))
