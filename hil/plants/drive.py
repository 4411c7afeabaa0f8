"""Rotating equipment: a bearing that wears out unseen, and the vibration, heat and current it shows meanwhile.

The equations run single or batched, see `hil.plants.ops`. Their constants are chosen, not measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, isfinite, log
from typing import NamedTuple

from hil.plants.noise import Noise, lagged
from hil.plants.ops import SINGLE, Ops, Value
from hil.plants.sensors import Sampled

ZONES_MM_S = (1.4, 2.8, 4.5)
"""Vibration at which zones B, C and D begin, medium machines on rigid foundations, ISO 20816-3 [mm/s]."""

DRAG, BITE = "drag", "bite"
"""What a drive does to its unit, told beside the faults: torque added [Nm], share of the breakage rate kept [1]."""

_HASTE = 3.0
_WEAR = (1.0 - exp(-_HASTE)) / _HASTE
_LIFE_S, _LIFE_SPREAD = 2000.0 * 3600.0, log(1.6)
_SMOOTH_MM_S, _SMOOTH_SD = 1.1, 0.06
_KURTOSIS_SD, _ENVELOPE_SD, _CURRENT_SD, _TEMPERATURE_SD_K = 0.15, 0.10, 0.005, 0.3
_AMBIENT_C, _WARMTH_K, _HEAT_K, _HEAT_TAU_S = 22.0, 18.0, 25.0, 900.0
_PERIOD_S = 10.0


@dataclass(frozen=True, slots=True)
class Design:
    """Size of a drive."""

    name: str
    """Name of the unit."""
    speed: float
    """Nominal speed [rpm]."""
    current: float
    """Motor current at nominal load [A]."""


class Features(NamedTuple):
    """What the condition monitor works out of one record."""

    vibration: float
    """Velocity of vibration, root mean square [mm/s]."""
    kurtosis: float
    """Kurtosis of the acceleration [1]."""
    envelope: float
    """Envelope spectrum at the frequency of the outer race [g]."""
    temperature: float
    """Temperature of the bearing [degC]."""
    current: float
    """Motor current [A]."""


def worn(ops: Ops[Value], damage: Value, wear: Value, dt: float) -> Value:
    """Return the damage of a bearing after a time at constant load [1], exact for any time.

    It solves ``dD/dt = c wear exp(3 D)``, with c such that damage reaches 1 after a time of ``1 / wear``.

    Parameters
    ----------
    ops
        Operations.
    damage
        Damage before, 0 sound and 1 seized [1].
    wear
        Reciprocal of the life of a sound bearing under this load [1/s].
    dt
        Time [s].

    Examples
    --------
    >>> round(worn(SINGLE, 0.0, 1.0 / 3600.0, 3600.0), 9)
    1.0
    """
    left = ops.exp(-_HASTE * damage) - _HASTE * _WEAR * wear * dt
    return -ops.log(ops.maximum(left, exp(-_HASTE))) / _HASTE


def vibration(ops: Ops[Value], damage: Value, speed: Value, load: Value) -> Value:
    """Return the velocity of vibration, root mean square [mm/s].

    Parameters
    ----------
    ops
        Operations.
    damage
        Damage of the bearing [1].
    speed
        Speed over nominal speed [1].
    load
        Load over nominal load [1].
    """
    return _SMOOTH_MM_S * speed * ops.power(load, 0.3) * (1.0 + 8.0 * damage * damage)


def kurtosis(ops: Ops[Value], damage: Value) -> Value:
    """Return the kurtosis of the acceleration [1]: it rises early and falls back as damage spreads.

    Parameters
    ----------
    ops
        Operations.
    damage
        Damage of the bearing [1].
    """
    return 3.0 + 6.0 * damage * ops.exp(-40.0 * (damage - 0.35) * (damage - 0.35))


def envelope(ops: Ops[Value], damage: Value) -> Value:
    """Return the envelope spectrum at the frequency of the outer race [g].

    Parameters
    ----------
    ops
        Operations.
    damage
        Damage of the bearing [1].
    """
    return 0.02 + 0.5 * ops.power(damage, 1.5)


class Drive:
    """One drive with its bearing, new and warm at the start.

    Parameters
    ----------
    design
        Size of the drive.
    noise
        Source of the randomness of the run.
    skew
        Source of what sets this bearing apart from the median one.
    """

    __slots__ = ("_design", "_life_s", "_noise", "_temperature", "damage", "features", "name")

    def __init__(self, design: Design, noise: Noise, skew: Noise) -> None:
        self._design, self._noise = design, noise
        self._life_s = _LIFE_S * exp(_LIFE_SPREAD * skew())
        self._temperature = _AMBIENT_C + _WARMTH_K
        self.name = design.name
        """Name of the unit."""
        self.damage = 0.0
        """Damage of the bearing, 0 sound and 1 seized [1]."""
        self.features = Sampled(_PERIOD_S, 0.0, self._looked((1.0, 1.0), {}))
        """What the condition monitor shows."""

    @property
    def drag(self) -> float:
        """Return the torque that the bearing adds to that of the process [Nm]."""
        return 0.2 * self.damage

    @property
    def ripple(self) -> float:
        """Return the amplitude of the unsteadiness of speed [1]."""
        return 0.01 * self.damage

    @property
    def bite(self) -> float:
        """Return the share of its breakage rate that a mill on this drive keeps [1]."""
        return 1.0 - 0.3 * self.damage

    def step(self, dt: float, t: float, turning: tuple[float, float], hit: Mapping[str, float]) -> None:
        """Turn for one step, and look at the condition if a look is due.

        Parameters
        ----------
        dt
            Step [s].
        t
            Plant time at the end of the step [s].
        turning
            Speed [rpm], and load over nominal load [1].
        hit
            Severity by fault in force, in the units of the catalogue.

        Raises
        ------
        FloatingPointError
            If a state is no longer finite.
        """
        speed, load = turning[0] / self._design.speed, max(turning[1], 0.0)
        wear = hit.get("E01", 1.0) * load**3 / self._life_s if speed > 0.0 else 0.0
        self.damage = worn(SINGLE, self.damage, wear, dt)
        warm = _AMBIENT_C + (_WARMTH_K * load + _HEAT_K * self.damage**3 if speed > 0.0 else 0.0)
        self._temperature = lagged(self._temperature, warm, _HEAT_TAU_S, dt)
        if not isfinite(speed + self.damage + self._temperature):
            raise FloatingPointError(f"{self.name}: {turning[0]} rpm, bearing {self._temperature} degC")
        if self.features.due(t):
            self.features.take(t, self._looked((speed, load), hit))
        self.features.show(t)

    def tags(self) -> dict[str, float]:
        """Return what the condition monitor shows, by tag, in the units of `Features`."""
        shown = zip(("VIB", "KURT", "ENV", "T_BRG", "CURR"), self.features.shown.value, strict=True)
        return {f"{self.name}.{tag}": value for tag, value in shown}

    def truth(self) -> dict[str, float]:
        """Return what no condition monitor knows: damage [1], and the life of this bearing at nominal load [h]."""
        return {"damage": self.damage, "life_h": self._life_s / 3600.0}

    def _looked(self, turning: tuple[float, float], hit: Mapping[str, float]) -> Features:
        shaken, peaked, rung, heated, drawn = (self._noise() for _ in range(5))
        loose, foot = hit.get("E04", 0.0), hit.get("E03", 1.0)
        unsteady = _SMOOTH_SD * (1.0 + 2.0 * loose) * (1.0 + 3.0 * (foot - 1.0))
        seen = (1.0 - 0.4 * loose) * hit.get("E02", 1.0) * foot * exp(unsteady * shaken)
        power = turning[1] if turning[0] > 0.0 else 0.0
        return Features(
            seen * vibration(SINGLE, self.damage, max(turning[0], 0.0), turning[1]),
            kurtosis(SINGLE, self.damage) + _KURTOSIS_SD * peaked,
            envelope(SINGLE, self.damage) * exp(_ENVELOPE_SD * rung),
            self._temperature + _TEMPERATURE_SD_K * heated,
            self._design.current * power * (1.0 + 0.04 * self.damage + _CURRENT_SD * drawn),
        )
