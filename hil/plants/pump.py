"""The pump that doses the binder liquid in proportion to the powder flow."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi
from typing import Generic

from hil.plants.noise import lagged
from hil.plants.ops import Ops, Value

PULSATION = 0.02
"""Amplitude of the pulsation of a sound pump [1]."""

_TAU_S = 1.5
_FREQUENCY_HZ = 0.35
_ONE_CYLINDER = 0.13


class Pump(Generic[Value]):
    """The pump, running steadily from the start.

    Parameters
    ----------
    ops
        Operations of the run.
    flow
        Liquid flow at the start [kg/s].
    pulsation
        Amplitude of the pulsation of the sound pump [1].
    """

    __slots__ = ("_ops", "_phase", "_pulsation", "delivered", "flow", "shown")

    _ops: Ops[Value]
    _phase: Value
    flow: Value
    """Flow the drive is set to [kg/s]."""
    delivered: Value
    """Flow that truly reaches the granulator [kg/s]."""
    shown: Value
    """Flow the meter sees, without its noise [kg/s]."""

    def __init__(self, ops: Ops[Value], flow: Value, pulsation: float) -> None:
        self._ops = ops
        self._pulsation = pulsation
        self._phase = 0.0 * flow
        self.flow = self.delivered = self.shown = flow

    def step(self, dt: float, ratio: Value, powder: Value, hit: Mapping[str, Value]) -> Value:
        """Pump for one step and return the mass delivered in it [kg].

        Parameters
        ----------
        dt
            Step [s].
        ratio
            Liquid to dry solids ratio wanted [1].
        powder
            Powder flow as the PLC sees it [kg/s].
        hit
            Severity by fault in force, in the units of the catalogue.

        Raises
        ------
        FloatingPointError
            If the flow is no longer finite.
        """
        meter = 1.0 + hit.get("F21M", 0.0)
        self.flow = lagged(self.flow, ratio * powder, _TAU_S, dt)
        pumped = self.flow * (1.0 - hit.get("F21", 0.0)) / meter * self._pulse(dt, hit)
        self.delivered = self._ops.maximum(pumped, 0.0)
        self.shown = self.delivered * meter
        if not self._ops.finite(pumped):
            raise FloatingPointError(f"PMP: liquid flow {self.flow} kg/s")
        return self.delivered * dt

    def _pulse(self, dt: float, hit: Mapping[str, Value]) -> Value:
        """Return the mean delivery over a step relative to a steady one; exact, so no step aliases."""
        excess = 0.0 * self._phase + hit.get("F22", 0.0)
        turned = 2.0 * pi * _FREQUENCY_HZ * dt * (1.0 - 0.5 * self._ops.clip(excess / _ONE_CYLINDER, 0.0, 1.0))
        start, self._phase = self._phase, (self._phase + turned) % (2.0 * pi)
        sin = self._ops.sin
        return 1.0 + (self._pulsation + excess) * (sin(start + 0.5 * pi) - sin(start + turned + 0.5 * pi)) / turned
