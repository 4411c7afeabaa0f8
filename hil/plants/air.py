"""Heater and fan of the dryer of line B, the outdoor air they draw in, and the room they stand in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple

from hil.plants.drying import Air
from hil.plants.granules import Traits
from hil.plants.noise import lagged, wandered
from hil.plants.ops import Ops, Value

_HEATER_TAU_S, _FAN_TAU_S = 80.0, 5.0
_HUMIDITY, _HUMIDITY_SD, _HUMIDITY_TAU_S = 0.008, 0.0012, 1800.0
_DRIEST = 0.001
_ROOM_C, _ROOM_SD_K, _ROOM_TAU_S = 22.0, 1.5, 3600.0
_KELVIN = 273.15
_KG_S_PER_M3_H = 353.1 / 3600.0


class Wanted(NamedTuple, Generic[Value]):
    """Setpoints of a dryer."""

    temperature: Value
    """Temperature of the air at the inlet [degC]."""
    volume: Value
    """Flow of air at the inlet [m3/h]."""
    fill_s: Value
    """Time to fill one cell [s]; the continuous dryer has no use for it."""


class Supply(Generic[Value]):
    """Heater, fan, outdoor air and room.

    Parameters
    ----------
    ops
        Operations of the run.
    draw
        Source of standard normal values, scaled by the noise of the run [1].
    traits
        What sets this line apart.
    wanted
        Setpoints at the start.
    """

    __slots__ = (
        "_draw",
        "_fan",
        "_ops",
        "_outdoor",
        "_traits",
        "humidity",
        "room",
        "temperature",
        "true_volume",
        "volume",
    )

    _ops: Ops[Value]
    _draw: Callable[[], Value]
    _traits: Traits[Value]
    _fan: Value
    _outdoor: Value
    temperature: Value
    """Temperature at the inlet [degC]."""
    volume: Value
    """Flow the meter sees, without its noise [m3/h]."""
    true_volume: Value
    """Flow that truly reaches the granules [m3/h]."""
    humidity: Value
    """Water per dry air at the inlet [kg/kg]."""
    room: Value
    """Temperature of the room [degC]."""

    def __init__(
        self, ops: Ops[Value], draw: Callable[[], Value], traits: Traits[Value], wanted: Wanted[Value]
    ) -> None:
        self._ops = ops
        self._draw = draw
        self._traits = traits
        self._outdoor = _HUMIDITY_SD * draw()
        self.room = _ROOM_C + _ROOM_SD_K * draw()
        self.temperature = wanted.temperature
        self._fan = wanted.volume
        self._take_in({})

    def step(self, dt: float, wanted: Wanted[Value], hit: Mapping[str, Value]) -> None:
        """Heat and blow for one step.

        Parameters
        ----------
        dt
            Step [s].
        wanted
            Setpoints.
        hit
            Severity by fault in force, in the units of the catalogue.

        Raises
        ------
        FloatingPointError
            If a state is no longer finite.
        """
        self.temperature = lagged(self.temperature, wanted.temperature - hit.get("F31", 0.0), _HEATER_TAU_S, dt)
        self._fan = lagged(self._fan, wanted.volume, _FAN_TAU_S, dt)
        self._outdoor = wandered(self._outdoor, _HUMIDITY_SD, _HUMIDITY_TAU_S, dt, self._draw())
        self.room = _ROOM_C + wandered(self.room - _ROOM_C, _ROOM_SD_K, _ROOM_TAU_S, dt, self._draw())
        self._take_in(hit)
        if not self._ops.finite(self.temperature + self._fan):
            raise FloatingPointError(f"DRY: air of {self.temperature} degC, {self._fan} m3/h")

    def share(self, cells: int) -> Air[Value]:
        """Return what surrounds the granules of one cell, all being equal.

        Parameters
        ----------
        cells
            Number of cells [1].
        """
        flow = self.true_volume * _KG_S_PER_M3_H / (_KELVIN + self.temperature) / (1.0 + self.humidity)
        loss, transfer = self._traits.loss / cells, self._traits.transfer
        return Air(flow / cells, self.temperature, self.humidity, self.room, loss, transfer)

    def _take_in(self, hit: Mapping[str, Value]) -> None:
        self.humidity = self._ops.maximum(_HUMIDITY + self._outdoor + hit.get("F30", 0.0), _DRIEST)
        self.volume = self._ops.maximum(self._fan * (1.0 - hit.get("F32", 0.0)), 0.0)
        self.true_volume = self.volume * self._traits.air * (1.0 - hit.get("F32M", 0.0))
