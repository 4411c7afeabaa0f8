"""Seeded randomness, handed out as plain floats."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from math import copysign, exp, sqrt
from typing import Literal

import numpy as np
from numpy.random import Generator

from hil.plants.ops import Value
from plant_io.signals import Floats

Mismatch = float | Literal["hard"]
"""How far true parameters lie from their defaults: as drawn, times this; or each two standard deviations off [1]."""

_HARD = 2.0
"""How far each parameter of a hard line lies from its default, in standard deviations [1]."""


class Noise:
    """Standard normal values from one generator, drawn in blocks because single draws are dear.

    Parameters
    ----------
    rng
        Source of randomness; nobody else may draw from it.
    scale
        Multiplier of every value [1]; 0 gives zeros, in the same number.
    ahead
        Number of values drawn at once [1].
    """

    __slots__ = ("_ahead", "_rng", "draw", "scale")

    def __init__(self, rng: Generator, scale: float = 1.0, ahead: int = 65_536) -> None:
        self._rng = rng
        self._ahead = ahead
        self.scale = scale
        self.draw: Callable[[], float] = chain.from_iterable(iter(self._block, [])).__next__
        """Return the next value [1]; what a call of this object does, without a function of Python."""

    def __call__(self) -> float:
        """Return the next value [1]."""
        return self.draw()

    def _block(self) -> list[float]:
        """Return the next values, those drawn last first [1]."""
        values: list[float] = (self.scale * self._drawn(self._rng.standard_normal(self._ahead)))[::-1].tolist()
        return values

    def _drawn(self, normals: Floats) -> Floats:
        return normals


class Skew(Noise):
    """What sets one line apart from the nominal one, in standard deviations.

    A hard line leans as the ordinary line of its seed does, but every parameter by two standard deviations.

    Parameters
    ----------
    rng
        Source of randomness; nobody else may draw from it.
    mismatch
        Multiplier of every value [1]; or ``hard``.
    ahead
        Number of values drawn at once [1].
    """

    __slots__ = ("_hard",)

    def __init__(self, rng: Generator, mismatch: Mismatch, ahead: int = 65_536) -> None:
        super().__init__(rng, 1.0 if mismatch == "hard" else mismatch, ahead)
        self._hard = mismatch == "hard"

    def _drawn(self, normals: Floats) -> Floats:
        return _HARD * np.sign(normals) if self._hard else normals


def apart(normal: float, mismatch: Mismatch) -> float:
    """Return how far one parameter lies from its default, in standard deviations [1].

    Parameters
    ----------
    normal
        Standard normal value [1].
    mismatch
        Its multiplier [1]; or ``hard``.

    Examples
    --------
    >>> apart(-0.3, 1.0), apart(-0.3, "hard")
    (-0.3, -2.0)
    """
    return copysign(_HARD, normal) if mismatch == "hard" else mismatch * normal


def kept(tau: float, dt: float) -> float:
    """Return the share of its distance that a first-order lag has left after a step [1].

    Parameters
    ----------
    tau
        Time constant [s].
    dt
        Step [s].
    """
    return exp(-dt / tau)


def lagged(x: Value, target: Value, tau: float, dt: float) -> Value:
    """Return a first-order lag one step on, exact for a constant target, in the unit of `x`.

    Parameters
    ----------
    x
        State now, unit of the process.
    target
        Value it tends to, same unit.
    tau
        Time constant [s].
    dt
        Step [s].

    Examples
    --------
    >>> round(lagged(0.0, 1.0, 10.0, 10.0), 3)
    0.632
    """
    return target + (x - target) * exp(-dt / tau)


def wandered(x: Value, sd: float, tau: float, dt: float, normal: Value) -> Value:
    """Return an Ornstein-Uhlenbeck process about zero one step on, exact for any step, in the unit of `x`.

    Parameters
    ----------
    x
        State now, unit of the process.
    sd
        Standard deviation in the long run, same unit.
    tau
        Correlation time [s].
    dt
        Step [s].
    normal
        Standard normal value of this step [1].

    References
    ----------
    D. T. Gillespie, "Exact numerical simulation of the Ornstein-Uhlenbeck process and its integral", Phys. Rev. E 54,
    1996, doi:10.1103/PhysRevE.54.2084.
    """
    keep = exp(-dt / tau)
    return keep * x + sqrt(1.0 - keep * keep) * sd * normal
