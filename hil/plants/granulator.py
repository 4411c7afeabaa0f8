"""Twin-screw granulator: three zones of powder, liquid and API; in the last two the granules stick and break."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import Generic, NamedTuple

import numpy as np

from hil.plants.drive import DRAG
from hil.plants.granules import FEED_KG_S, LEAST_KG, Granules, Powder, Traits, moisture
from hil.plants.noise import lagged, wandered
from hil.plants.ops import BY_ROW, Floats, Ops, Value, one_by_one
from hil.plants.sizes import SIZES_UM, encounters, fragments, lognormal

TAU_S = 12.0
"""Mean residence time at the flow the line is made for, 700 rpm and a liquid to solid ratio of 0.25 [s]."""

LONGEST_STEP_S = 0.5
"""Longest step in which aggregation, counted forward, does not run out of fines [s]."""

_ZONES = 3
_DRIVE_TAU_S = 2.0
_SPEED_REF, _RATIO_REF = 700.0, 0.25
_LEAST_FLOW = 0.05 * FEED_KG_S
_POWDER, _NUCLEI = lognormal(80.0, 1.9), lognormal(1900.0, 1.6)
(_FIRST, _SECOND), _STUCK = encounters()
_FRAGMENTS = fragments(1.0)
_WEAKNESS: Floats = one_by_one(lambda size: (size / 1000.0) ** 1.1, SIZES_UM)
_STICKY_FROM, _STICKY_WIDTH = 0.20, 0.035
_SHEAR_POWER, _TOUGHENING = 0.8, 3.0
_WETTABILITY_SD, _WETTABILITY_TAU_S = 0.03, 1200.0
_TORQUE_NM = 1.8
_SLOWED_BY_FOULING = 2.0 / 3.0
_SETTLE_STEPS = 240


class Kneading(NamedTuple, Generic[Value]):
    """What happens to the granules of a kneading zone in one step."""

    fed: Value
    """Mass entering over mass held [1]."""
    left: Value
    """Mass leaving over mass held [1]."""
    stuck: Value
    """Rate of aggregation times the step [1]."""
    broken: Value
    """Rate of breakage of granules of 1 mm times the step [1]."""


def wetted(ops: Ops[Value], ratio: Value, soaking: Value) -> Floats:
    """Return the sizes behind the wetting zone, powder and large nuclei where the drops fell, shape ``(..., 12)`` [1].

    Parameters
    ----------
    ops
        Operations of the run.
    ratio
        Effective liquid to solid ratio [1].
    soaking
        Ratio at which all powder is wetted into nuclei [1].
    """
    nuclei = ops.column(ops.clip(ratio / soaking, 0.0, 0.97))
    return np.asarray((1.0 - nuclei) * _POWDER + nuclei * _NUCLEI)


def stickiness(ops: Ops[Value], ratio: Value) -> Value:
    """Return the share of encounters that end in sticking [1].

    Parameters
    ----------
    ops
        Operations of the run.
    ratio
        Effective liquid to solid ratio [1].
    """
    return 1.0 / (1.0 + ops.exp((_STICKY_FROM - ratio) / _STICKY_WIDTH))


def fragility(ops: Ops[Value], ratio: Value, speed: Value) -> Value:
    """Return how much faster granules break than at 700 rpm and a liquid to solid ratio of 0.25 [1].

    Parameters
    ----------
    ops
        Operations of the run.
    ratio
        Liquid to solid ratio [1].
    speed
        Screw speed [rpm].
    """
    tough = 1.0 + _TOUGHENING * ops.maximum(ratio / _RATIO_REF - 1.0, -0.25)
    return ops.power(speed / _SPEED_REF, _SHEAR_POWER) / tough


def kneaded(ops: Ops[Value], sizes: Floats, entering: Floats, by: Kneading[Value]) -> Floats:
    """Return the sizes in a kneading zone one step on, shape ``(..., 12)`` [1].

    Aggregation is counted forward, washout and loss by breakage implicitly; the fractions are made to add up to 1.

    Parameters
    ----------
    ops
        Operations of the run.
    sizes
        Mass fractions in the zone, shape ``(..., 12)`` [1].
    entering
        Mass fractions of what enters, shape ``(..., 12)`` [1].
    by
        What happens in the step.

    References
    ----------
    D. Ramkrishna, "Population Balances", Academic Press 2000, chapters 3 and 4.
    """
    met = sizes[..., _FIRST] * sizes[..., _SECOND]
    breaking = ops.column(by.broken) * _WEAKNESS
    stuck, broken = np.einsum(BY_ROW, met, _STUCK), np.einsum(BY_ROW, breaking * sizes, _FRAGMENTS)
    gained = ops.column(by.stuck) * stuck + broken
    held = sizes + ops.column(by.fed) * entering + gained
    kept = np.maximum(held / (1.0 + ops.column(by.left) + breaking), 0.0)
    return np.asarray(kept / kept.sum(axis=-1, keepdims=True))


def _part(fed: Powder[Value], share: float) -> Powder[Value]:
    return Powder(fed.dry * share, fed.water * share, fed.api * share)


class Granulator(Generic[Value]):
    """The granulator with its granules, at a steady state from the start.

    Parameters
    ----------
    ops
        Operations of the run.
    draw
        Source of standard normal values, scaled by the noise of the run [1].
    traits
        What sets this line apart.
    fed
        What enters in a second at the start [kg].
    speed
        Screw speed at the start [rpm].
    """

    __slots__ = ("_draw", "_ops", "_traits", "_wandering", "speed", "torque", "wettability", "zones")

    _ops: Ops[Value]
    _draw: Callable[[], Value]
    _traits: Traits[Value]
    _wandering: Value
    speed: Value
    """Screw speed [rpm]."""
    wettability: Value
    """Excess of the effective over the true liquid to solid ratio [1]."""
    torque: Value
    """Torque on the screws [Nm]."""
    zones: list[Granules[Value]]
    """Granules in each zone, in the order of flow."""

    def __init__(
        self, ops: Ops[Value], draw: Callable[[], Value], traits: Traits[Value], fed: Powder[Value], speed: Value
    ) -> None:
        self._ops = ops
        self._draw = draw
        self._traits = traits
        self._wandering = _WETTABILITY_SD * draw()
        self.wettability = self._wandering
        self.speed = speed
        tau = self._residence(fed.dry, fed.water / fed.dry)
        sizes = wetted(ops, fed.water / fed.dry, traits.soaking)
        held = Granules(fed.dry * tau, fed.water * tau, fed.api * tau, sizes)
        self.zones = [held] * _ZONES
        self.torque = 0.0 * speed
        for _ in range(_SETTLE_STEPS):
            self._pass(LONGEST_STEP_S, _part(fed, LONGEST_STEP_S), {})

    def step(self, dt: float, fed: Powder[Value], speed: Value, hit: Mapping[str, Value]) -> Granules[Value]:
        """Granulate for one step and return the granules that left in it.

        Parameters
        ----------
        dt
            Step [s].
        fed
            What enters during the step [kg].
        speed
            Screw speed wanted [rpm].
        hit
            Severity by fault in force, in the units of the catalogue.

        Raises
        ------
        FloatingPointError
            If a state is no longer finite.
        """
        self.speed = lagged(self.speed, speed, _DRIVE_TAU_S, dt)
        self._wandering = wandered(self._wandering, _WETTABILITY_SD, _WETTABILITY_TAU_S, dt, self._draw())
        self.wettability = self._wandering + hit.get("F20", 0.0)
        if not self._ops.finite(self.speed + fed.dry + fed.water):
            raise FloatingPointError(f"TSG: screw speed {self.speed} rpm, fed {fed.dry} kg and {fed.water} kg of water")
        parts = ceil(dt / LONGEST_STEP_S - 1e-9)
        fed = _part(fed, 1.0 / parts)
        left = self._pass(dt / parts, fed, hit)
        for _ in range(parts - 1):
            more = self._pass(dt / parts, fed, hit)
            left = Granules(left.dry + more.dry, left.water + more.water, left.api + more.api, more.sizes)
        return left

    def _residence(self, flow: Value, ratio: Value) -> Value:
        """Return the mean residence time of one zone [s] for a dry flow in kg/s."""
        ops = self._ops
        slow = ops.power(_SPEED_REF / ops.maximum(self.speed, 1.0), 0.7)
        lean = ops.power(FEED_KG_S / ops.maximum(flow, _LEAST_FLOW), 0.35)
        return TAU_S / _ZONES * slow * lean * (1.0 + 1.2 * (ratio - _RATIO_REF))

    def _pass(self, dt: float, fed: Powder[Value], hit: Mapping[str, Value]) -> Granules[Value]:
        ops, soaking = self._ops, self._traits.soaking
        fouled = 0.0 * self.speed + hit.get("F23", 0.0)
        tau = self._residence(fed.dry / dt, moisture(ops, self.zones[0])) * (1.0 + _SLOWED_BY_FOULING * fouled)
        washed = dt / tau
        first = wetted(ops, moisture(ops, self.zones[0]) * (1.0 + self.wettability), soaking)
        moving = Granules(fed.dry, fed.water, fed.api, first)
        for i, zone in enumerate(self.zones):
            sizes = self._knead(dt, zone, moving, washed) if i else moving.sizes
            keep = 1.0 / (1.0 + washed)
            held = Granules(
                (zone.dry + moving.dry) * keep,
                (zone.water + moving.water) * keep,
                (zone.api + moving.api) * keep,
                sizes,
            )
            self.zones[i] = held
            moving = Granules(held.dry * washed, held.water * washed, held.api * washed, sizes)
        twist = self._twist(moving.dry / dt, moisture(ops, moving)) * (1.0 + fouled)
        self.torque = twist + hit.get(DRAG, 0.0)
        return moving

    def _knead(self, dt: float, zone: Granules[Value], moving: Granules[Value], washed: Value) -> Floats:
        ops, traits = self._ops, self._traits
        ratio = moisture(ops, zone)
        stuck = dt * traits.sticking * stickiness(ops, ratio * (1.0 + self.wettability))
        broken = dt * traits.breaking * fragility(ops, ratio, ops.maximum(self.speed, 0.0))
        fed = moving.dry / ops.maximum(zone.dry, LEAST_KG)
        return kneaded(ops, zone.sizes, moving.sizes, Kneading(fed, washed, stuck, broken))

    def _twist(self, flow: Value, ratio: Value) -> Value:
        """Return the torque [Nm] at a dry flow in kg/s."""
        power = self._ops.power
        full, fast = power(flow / FEED_KG_S, 0.7), power(self._ops.maximum(self.speed, 1.0) / _SPEED_REF, -0.6)
        return _TORQUE_NM * full * fast * (1.0 + 2.5 * (ratio - _RATIO_REF))
