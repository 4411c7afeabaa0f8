"""Cone mill of line B: one mixed chamber in which dry granules break until the screen lets them pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic

import numpy as np

from hil.plants.drive import BITE
from hil.plants.granules import FEED_KG_S, LEAST_KG, Granules, drying_loss
from hil.plants.noise import lagged
from hil.plants.ops import BY_ROW, Floats, Ops, Value
from hil.plants.sizes import SIZES_UM, fragments

_DRIVE_TAU_S = 2.0
_SPEED_REF = 900.0
_SCREEN_MM = 1.4
_PASSING = 1.0 / 6.0
_BREAKING = 0.12
_BLINDING_FROM_PCT = 4.0
_IDLE_W, _DRAG_W_KG = 120.0, 2000.0
_TINY = 1e-30
_FLOWING_KG_S = 0.1 * FEED_KG_S
_SIZES_MM: Floats = SIZES_UM / 1000.0
_WEAKNESS: Floats = _SIZES_MM**2
_FRAGMENTS = fragments(2.0)


class Mill(Generic[Value]):
    """The mill, empty at the start.

    Parameters
    ----------
    ops
        Operations of the run.
    fed
        Granules that it is fed at the start.
    speed
        Speed of the impeller at the start [rpm].
    """

    __slots__ = ("_masses", "_ops", "api", "product", "speed", "water")

    _ops: Ops[Value]
    _masses: Floats
    speed: Value
    """Speed of the impeller [rpm]."""
    water: Value
    """Water in the chamber [kg]."""
    api: Value
    """API in the chamber [kg]."""
    product: Granules[Value]
    """What came out last, per dry solids [kg/kg]; what came before while less than a tenth of nominal comes."""

    def __init__(self, ops: Ops[Value], fed: Granules[Value], speed: Value) -> None:
        self._ops = ops
        self._masses = 0.0 * fed.sizes
        self.speed = speed
        self.water = self.api = 0.0 * fed.dry
        self.product = Granules(fed.dry / fed.dry, fed.water / fed.dry, fed.api / fed.dry, fed.sizes)

    @property
    def dry(self) -> Value:
        """Return the dry solids in the chamber [kg]."""
        return self._ops.total(self._masses)

    @property
    def power(self) -> Value:
        """Return the power of the drive [W]."""
        return self.speed / _SPEED_REF * (_IDLE_W + _DRAG_W_KG * self.dry)

    def step(self, dt: float, fed: Granules[Value], speed: Value, hit: Mapping[str, Value]) -> Granules[Value]:
        """Mill for one step and return the granules that left in it.

        Fragments are counted forward, breakage and passing implicitly; the sum is made to keep the mass.

        Parameters
        ----------
        dt
            Step [s].
        fed
            What enters during the step.
        speed
            Speed of the impeller wanted [rpm].
        hit
            Severity by fault in force, in the units of the catalogue.

        Raises
        ------
        FloatingPointError
            If a state is no longer finite.
        """
        ops = self._ops
        self.speed = lagged(self.speed, speed, _DRIVE_TAU_S, dt)
        if not ops.finite(self.speed + fed.dry + fed.water):
            raise FloatingPointError(f"MIL: speed {self.speed} rpm, fed {fed.dry} kg and {fed.water} kg of water")
        breaking, passing = dt * self._breaking(hit), dt * self._passing(hit)
        broken = np.einsum(BY_ROW, breaking * self._masses, _FRAGMENTS)
        gained = self._masses + ops.column(fed.dry) * fed.sizes + broken
        kept = gained / (1.0 + breaking + passing)
        left = passing * kept
        held, out = ops.total(kept), ops.total(left)
        scale = (self.dry + fed.dry) / ops.maximum(held + out, _TINY)
        self._masses = ops.column(scale) * kept
        sizes = left / ops.column(ops.maximum(out, _TINY))
        washed = out / ops.maximum(held, _TINY)
        self.water, self.api = (self.water + fed.water) / (1.0 + washed), (self.api + fed.api) / (1.0 + washed)
        leaving = Granules(scale * out, self.water * washed, self.api * washed, sizes)
        self._remember(dt, leaving)
        return leaving

    def _breaking(self, hit: Mapping[str, Value]) -> Floats:
        """Return the rate at which each class breaks [1/s]."""
        ops = self._ops
        x = self.water / ops.maximum(self.dry, LEAST_KG)
        fast = ops.power(ops.maximum(self.speed, 0.0) / _SPEED_REF, 1.2)
        biting = _BREAKING * hit.get(BITE, 1.0) * fast
        return np.asarray(ops.column(biting / (1.0 + 20.0 * (x - 0.02))) * _WEAKNESS)

    def _passing(self, hit: Mapping[str, Value]) -> Floats:
        """Return the rate at which each class passes the screen [1/s]."""
        ops, zero = self._ops, 0.0 * self.speed
        x = self.water / ops.maximum(self.dry, LEAST_KG)
        blind = ops.where(drying_loss(x) > _BLINDING_FROM_PCT, zero + hit.get("F41", 1.0), zero + 1.0)
        opening = ops.column(zero + hit.get("F40", _SCREEN_MM))
        large = (_SIZES_MM / opening) ** 2
        return np.asarray(ops.column(_PASSING / blind) / (1.0 + large * large * large))

    def _remember(self, dt: float, leaving: Granules[Value]) -> None:
        ops, last = self._ops, self.product
        flowing = leaving.dry > _FLOWING_KG_S * dt
        one = 0.0 * leaving.dry + 1.0
        dry = ops.where(flowing, leaving.dry, one)
        fresh = ops.column(ops.where(flowing, one, 0.0 * one))
        self.product = Granules(
            one,
            ops.where(flowing, leaving.water / dry, last.water),
            ops.where(flowing, leaving.api / dry, last.api),
            fresh * leaving.sizes + (1.0 - fresh) * last.sizes,
        )
