"""What stands around the reactors of line C: dosing pumps with their ratio station, and thermostats."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from hil.plants import synthesis
from hil.plants.grip import Grip
from hil.plants.noise import Noise, lagged, wandered

PUMPS = ("P1", "P2", "P3")
"""The pumps: starting material, pyrrolidine, and ethanol to dilute."""

STOCKS = (800.0, 2800.0)
"""Strength of the stock of starting material and of pyrrolidine, in ethanol [mol/m3]."""

M3_S = 1e-6 / 60.0
"""One mL/min [m3/s]."""

_MOST = 2.0  # throughput
_FASTEST = 100.0 * M3_S
_TOTAL, _DILUENT = 60.0 * M3_S, 18.0 * M3_S
_PUMP_TAU_S = 3.0
_PUMP_SD, _PUMP_WANDER_S = 0.002, 300.0
_STOCK_SD, _STOCK_TAU_S = 0.003, 7200.0
_METER_SD, _BIAS = 0.003, 0.3
_COLDEST_C, _HOTTEST_C = 0.0, 150.0
_WANDER_K, _WANDER_TAU_S, _SENSOR_SD_K = 0.2, 900.0, 0.1
_SOUND: Mapping[str, float] = {}


def _wanted(setpoints: Mapping[str, float]) -> tuple[float, float, float]:
    scale = min(max(setpoints["Q_SP"], 0.0), _MOST)
    sm, amine, diluent = (scale * setpoints[f"{name}.F_SP"] * M3_S for name in PUMPS)
    ratio = setpoints["EQ_SP"]
    if ratio == 0.0:
        return sm, amine, diluent
    dosed = ratio * sm * STOCKS[0] / STOCKS[1]
    return sm, dosed, amine + diluent - dosed


class Pumps:
    """Three dosing pumps that run by stroke, each with a Coriolis meter behind it that shows but does not correct.

    The ratio station of the PLC doses as much pyrrolidine to the starting material as ``EQ_SP`` says, and takes from
    the ethanol what it adds of pyrrolidine, so that the sum of the three flow setpoints stays the total flow. With
    ``EQ_SP`` at 0 every pump follows its own setpoint. ``Q_SP`` multiplies all three flows: residence times change, the
    mixture does not.

    Parameters
    ----------
    noise
        Source of the randomness of the run.
    skew
        Source of what sets these meters apart from perfect ones.
    setpoints
        Setpoints at the start, as in `step`.
    """

    __slots__ = ("_bias", "_grips", "_noise", "_strength", "_strokes", "_wander", "fed", "flow", "flows", "shown")

    def __init__(self, noise: Noise, skew: Noise, setpoints: Mapping[str, float]) -> None:
        self._noise = noise
        self._bias = [_BIAS * skew() for _ in PUMPS]
        self._strokes = [setpoints["Q_SP"] * setpoints[f"{name}.F_SP"] * M3_S for name in PUMPS]
        self._wander = [_PUMP_SD * noise() for _ in PUMPS]
        self._strength = [_STOCK_SD * noise() for _ in STOCKS]
        self.flows = list(self._strokes)
        """What each pump delivers [m3/s]."""
        self.flow = sum(self.flows)
        """Their sum [m3/s]."""
        self.shown = list(self.flows)
        """What the meters show [m3/s]."""
        self.fed = self._mixed({})
        """Concentrations in the mixed feed, in the order of the species of the coil [mol/m3]."""
        self._grips = {name: Grip(flow) for name, flow in zip(PUMPS[:2], self.flows, strict=False)}

    @property
    def loops(self) -> Mapping[str, Grip]:
        """Return what drives the first two pumps, by setpoint; that of ethanol fills up the total."""
        return {"P1.F_SP": self._grips["P1"], "EQ_SP": self._grips["P2"]}

    @property
    def ratio(self) -> float:
        """Return pyrrolidine per starting material in the feed [mol/mol]; 0 without either."""
        sm = self.fed[synthesis.SM]
        return self.fed[synthesis.AMINE] / sm if sm > 0.0 else 0.0

    def step(self, dt: float, setpoints: Mapping[str, float], hits: Mapping[str, Mapping[str, float]]) -> None:
        """Run ratio station and pumps for one step.

        Parameters
        ----------
        dt
            Step [s].
        setpoints
            Flows ``P1.F_SP`` to ``P3.F_SP`` [mL/min], molar ratio ``EQ_SP`` [1] and throughput ``Q_SP`` [1].
        hits
            Severity by pump and fault in force, in the units of the catalogue.

        Raises
        ------
        FloatingPointError
            If a flow is no longer finite.
        """
        for i, (name, wanted) in enumerate(zip(PUMPS, _wanted(setpoints), strict=True)):
            asked, grip = min(max(wanted, 0.0), _FASTEST), self._grips.get(name)
            self._strokes[i] = lagged(self._strokes[i], grip.ask(asked) if grip else asked, _PUMP_TAU_S, dt)
            self._wander[i] = wandered(self._wander[i], _PUMP_SD, _PUMP_WANDER_S, dt, self._noise())
            lost = hits.get(name, _SOUND).get("F60", 0.0)
            self.flows[i] = self._strokes[i] * (1.0 + self._wander[i]) * (1.0 - lost)
            if not isfinite(self.flows[i]):
                raise FloatingPointError(f"{name}: flow {self.flows[i]} m3/s")
        for i, strength in enumerate(self._strength):
            self._strength[i] = wandered(strength, _STOCK_SD, _STOCK_TAU_S, dt, self._noise())
        self.flow = sum(self.flows)
        self.fed = self._mixed(hits)

    def sense(self) -> None:
        """Read the meters."""
        self.shown = [
            flow * (1.0 + _METER_SD * (bias + self._noise())) for flow, bias in zip(self.flows, self._bias, strict=True)
        ]

    def _mixed(self, hits: Mapping[str, Mapping[str, float]]) -> list[float]:
        fed = [0.0] * synthesis.SPECIES
        if self.flow <= 0.0:
            return fed
        weak = (hits.get("P1", _SOUND).get("C01", 0.0), hits.get("P2", _SOUND).get("C02", 0.0))
        for species, i in ((synthesis.SM, 0), (synthesis.AMINE, 1)):
            strength = STOCKS[i] * (1.0 + self._strength[i]) * (1.0 - weak[i])
            fed[species] = strength * self.flows[i] / self.flow
        aldehyde = hits.get("P3", _SOUND).get("F65", 0.0) * _TOTAL / _DILUENT
        fed[synthesis.ALD] = aldehyde * self.flows[2] / self.flow
        return fed


class Thermostat:
    """A reactor's temperature loop: jacket, liquid and controller as one lag.

    Parameters
    ----------
    name
        Name of the reactor.
    tau_s
        Time constant of the closed loop [s].
    noise
        Source of the randomness of the run.
    skew
        Source of what sets this sensor apart from a perfect one.
    setpoint
        Temperature at the start [degC].
    """

    __slots__ = ("_bias", "_lag", "_name", "_noise", "_tau_s", "_wander", "shown", "temperature")

    def __init__(self, name: str, tau_s: float, noise: Noise, skew: Noise, setpoint: float) -> None:
        self._name, self._tau_s, self._noise = name, tau_s, noise
        self._bias = _BIAS * skew()
        self._wander = _WANDER_K * noise()
        self._lag = setpoint
        self.temperature = setpoint
        """Temperature of the liquid [degC]."""
        self.shown = setpoint
        """What the sensor shows [degC]."""

    def step(self, dt: float, setpoint: float) -> None:
        """Run the loop for one step and read the sensor.

        Parameters
        ----------
        dt
            Step [s].
        setpoint
            Temperature wanted [degC].

        Raises
        ------
        FloatingPointError
            If the temperature is no longer finite.
        """
        self._lag = lagged(self._lag, min(max(setpoint, _COLDEST_C), _HOTTEST_C), self._tau_s, dt)
        self._wander = wandered(self._wander, _WANDER_K, _WANDER_TAU_S, dt, self._noise())
        self.temperature = self._lag + self._wander
        if not isfinite(self.temperature):
            raise FloatingPointError(f"{self._name}: temperature {self.temperature} degC")
        self.shown = self.temperature + _SENSOR_SD_K * (self._bias + self._noise())
