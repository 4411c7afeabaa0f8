"""Control model of line B: liquid to solids, two dryer zones, two lags of granule size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import cast

import numpy as np

from controller.models.base import Expression, Symbols
from controller.models.process import Process
from controller.models.vapour import AIR_J_KG_K, VAPOUR_J_KG, dry_air, saturated
from plant_io.signals import Floats
from plant_io.sums import solution

_SECONDS_PER_HOUR = 3600.0
_LIQUID_LAG_S = 20.0
USUAL_RATIO, USUAL_SPEED = 0.25, 700.0
"""Liquid to solids [1] and screw speed [rpm] to which sizes are referred."""

_WATER_J_KG_K, _SOLID_J_KG_K = 4186.0, 1300.0
"""Specific heats of water and organic powders [J/(kg K)]."""
_MOST_AIR_KG_S = 0.1433
_FEED_C = 25.0
_ROUND = 0.01
_TRACE = 1e-3
_MOST = 0.5
_LEAST = (1e-3, 0.0, 1.0)
"""Least inputs a steady state is sought for: liquid to solids [1], inlet air [degC], screw speed [rpm]."""
_SPANS_S = (20.0, 1e5, 25)
"""First and last of the steps that lead to rest [s], and their number."""


@dataclass(frozen=True, slots=True)
class LineB:
    """Moisture and size of the granules from liquid, inlet air and screw speed.

    With the ratio of liquid to solids ``L``, the powder flow ``F`` [kg/s], air ``G`` [kg/s] and humidity ``Y``, zones
    ``k = 1, 2`` of hold-up ``M`` [kg] with moisture ``X_k`` [kg/kg] and temperature ``T_k`` [degC]::

        dL/dt   = (u_l (1 + b_l) - L)/20 s                liquid shown as u_l (1 + b_l) F
        dT_i/dt = (u_t - T_i)/tau_t                       shown as T_i + b_i, and so it is
        E_k     = G/2 nu(X_k) (Y_s(T_k) - Y)              evaporation [kg/s]
        M dX_k/dt = F (X_{k-1} - X_k) - E_k
        M c_k dT_k/dt = G/2 c_p (T_i + b_i - T_k) - dH E_k + F c_k (T_{k-1} - T_k),   c_k = c + c_w X_k
        dD_1/dt = (D(D_0, p, q) - D_1)/tau_d,   dD_2/dt = (D_1 - D_2)/tau_d
        D(d, p, q) = d (L (1 + b_w)/0.25)^p (n/700)^-q    milled size at rest; with constants of its own the wet size
        LOD     = 100 X_2/(1 + X_2) + d_l,   size = D_2 + d_d,   bed = T_2 + d_t

    ``nu`` is the lesser of 1 and ``(X - X_e)/(X_c - X_e)``, rounded off. Heat and mass pass between granules and air as
    far as they can. A pump that delivers other than it should is known from its meter, a lot that wets otherwise from
    the camera behind the granulator, both before the product shows it.

    The plant has three zones, a sorption isotherm, a critical moisture that grows with the size, heat loss and a
    population of twelve classes. What is left out is taken up by one integrating bias for each measurement
    (G. Pannocchia and J. B. Rawlings, "Disturbance models for offset-free model-predictive control", AIChE J. 49(2),
    2003, doi:10.1002/aic.690490213).
    """

    lag_inlet_s: float
    """Time constant of the inlet air ``tau_t`` [s]."""
    zone: float
    """Hold-up of a zone ``M`` [kg]."""
    air: float
    """True over indicated flow of air [1]."""
    critical: float
    """Critical moisture ``X_c`` [kg/kg]."""
    equilibrium: float
    """Equilibrium moisture ``X_e`` [kg/kg]."""
    size: float
    """Median size at the usual setpoints ``D_0`` [um]."""
    by_liquid: float
    """Exponent ``p`` [1]."""
    by_speed: float
    """Exponent ``q`` [1]."""
    lag_size_s: float
    """Time constant of each lag of the size ``tau_d`` [s]."""
    wet: float
    """Median size of the wet granules at the usual setpoints [um]."""
    wet_by_liquid: float
    """Exponent ``p`` of the wet granules [1]."""
    wet_by_speed: float
    """Exponent ``q`` of the wet granules [1]."""

    @classmethod
    def of(cls, process: Process) -> LineB:
        """Return the model with identified parameters.

        Raises
        ------
        ValueError
            If a parameter is missing or has another unit.
        """
        return cls(*(process.number(name, unit) for name, unit in PARAMETERS.items()))

    @property
    def states(self) -> Mapping[str, str]:
        """States, biases included, with their units."""
        zones = {"X1": "kg/kg", "X2": "kg/kg", "T1": "Cel", "T2": "Cel"}
        biases = {"d_l": "%", "d_d": "um", "d_t": "K", "b_i": "K", "b_l": "1", "b_w": "1"}
        return {"L": "1", "Ti": "Cel"} | zones | {"D1": "um", "D2": "um"} | biases

    @property
    def inputs(self) -> Mapping[str, str]:
        """Setpoints of the liquid to solid ratio, of the inlet air, and of the screw."""
        return {"ls_sp": "1", "tin_sp": "Cel", "n_sp": "/min"}

    @property
    def known(self) -> Mapping[str, str]:
        """Powder flows, air flow and the humidity of the air."""
        return {"api_flow": "kg/h", "exc_flow": "kg/h", "air_flow": "m3/h", "humidity": "kg/kg"}

    @property
    def measured(self) -> Mapping[str, str]:
        """Loss on drying, size, temperatures of granules at discharge and of inlet air, liquid flow, wet size."""
        return {"lod": "%", "d50": "um", "bed": "Cel", "inlet": "Cel", "liquid": "kg/h", "wet": "um"}

    @property
    def controlled(self) -> Mapping[str, str]:
        """Loss on drying and median size of the milled granules."""
        return {"lod": "%", "d50": "um"}

    @property
    def biases(self) -> Mapping[str, str]:
        """The bias state of each measurement."""
        return {"lod": "d_l", "d50": "d_d", "bed": "d_t", "inlet": "b_i", "liquid": "b_l", "wet": "b_w"}

    @property
    def start_sd(self) -> Mapping[str, float]:
        """Doubt about each state at the start, in the unit of the state."""
        zones = {"X1": 0.01, "X2": 0.003, "T1": 1.0, "T2": 1.0}
        biases = {"d_l": 0.5, "d_d": 30.0, "d_t": 2.0, "b_i": 0.5, "b_l": 0.02, "b_w": 0.1}
        return {"L": 0.002, "Ti": 0.3} | zones | {"D1": 10.0, "D2": 10.0} | biases

    @property
    def wander_sd(self) -> Mapping[str, float]:
        """Doubt gained in the square root of a minute, in the unit of the state."""
        return {"L": 1e-4, "Ti": 0.05, "X1": 5e-4, "X2": 1e-4, "T1": 0.05, "T2": 0.05, "D1": 0.5, "D2": 0.5}

    @property
    def lowest(self) -> Mapping[str, float]:
        """Least value of liquid, moistures and sizes, in their units."""
        return dict.fromkeys(("L", "X1", "X2", "D1", "D2"), 0.0)

    @property
    def longest_step_s(self) -> float:
        """A third of the shortest time constant, that of the heat of a zone in full air [s]."""
        airy = self.air * _MOST_AIR_KG_S
        wet = 0.5 * airy * (AIR_J_KG_K + 2.0e-3 * VAPOUR_J_KG)
        return min(self.zone * _SOLID_J_KG_K / wet, _LIQUID_LAG_S) / 2.0

    def rhs(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression | float, ...]:
        """Return the time derivatives of the states, unit of the state per second."""
        liquid, inlet, x1, x2, t1, t2, d1, d2, *_ = x
        powder = (w[0] + w[1] + _TRACE) / _SECONDS_PER_HOUR
        air = 0.5 * self._air(x, w)
        dried1, heated1 = self._zone((x1, t1), (liquid, _FEED_C), (powder, air), (inlet + x[11], w[3]))
        dried2, heated2 = self._zone((x2, t2), (x1, t1), (powder, air), (inlet + x[11], w[3]))
        made = grown((self.size, self.by_liquid, self.by_speed), liquid * (1.0 + x[13]), u[2])
        return (
            (u[0] * (1.0 + x[12]) - liquid) / _LIQUID_LAG_S,
            (u[1] - inlet) / self.lag_inlet_s,
            dried1,
            dried2,
            heated1,
            heated2,
            (made - d1) / self.lag_size_s,
            (d1 - d2) / self.lag_size_s,
            *(0.0 for _ in self.biases),
        )

    def outputs(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        """Return loss on drying [%] and median size [um]."""
        del u, w
        return 100.0 * x[3] / (1.0 + x[3]) + x[8], x[7] + x[9]

    def readings(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        """Return loss on drying [%], sizes [um], temperatures of granules and inlet air [degC], and liquid [kg/h]."""
        metered = u[0] * (1.0 + x[12]) * (w[0] + w[1] + _TRACE)
        wet = grown((self.wet, self.wet_by_liquid, self.wet_by_speed), x[0] * (1.0 + x[13]), u[2])
        return (*self.outputs(x, u, w), x[5] + x[10], x[1] + x[11], metered, wet)

    def steady(self, u: Floats, w: Floats, measured: Mapping[str, float]) -> Floats:
        """Return the steady state that agrees with inputs and measurements.

        Parameters
        ----------
        u
            Liquid to solids [1], inlet air [degC] and screw speed [rpm], shape ``(3,)``.
        w
            Powder flows [kg/h], air [m3/h] and its humidity [kg/kg], shape ``(4,)``.
        measured
            Measurements by name, each in its unit; those missing or not finite are taken to agree.
        """
        inputs, known = np.maximum(u, _LEAST).tolist(), np.maximum(w, 0.0).tolist()
        off = _or(measured.get("inlet"), inputs[1]) - inputs[1]
        pumped = inputs[0] * (known[0] + known[1] + _TRACE)
        short = min(max(_or(measured.get("liquid"), pumped) / pumped - 1.0, -_MOST), _MOST)
        soaked = inputs[0] * (1.0 + short)
        wet = _number(grown((self.wet, self.wet_by_liquid, self.wet_by_speed), cast("Expression", soaked), inputs[2]))
        better = (max(_or(measured.get("wet"), wet), 1.0) / wet) ** (1.0 / self.wet_by_liquid) - 1.0
        biases = [0.0, 0.0, 0.0, off, short, min(max(better, -_MOST), _MOST)]
        x = np.array([soaked, inputs[1], 0.1, 0.03, 27.0, 36.0, self.size, self.size, *biases])
        for span_s in np.geomspace(*_SPANS_S):
            x = self._onward(x, inputs, known, float(span_s))
        lod, size, bed, *_ = (
            _number(one) for one in self.readings(_symbols(x.tolist()), _symbols(inputs), _symbols(known))
        )
        x[8] = _or(measured.get("lod"), lod) - lod
        x[9] = _or(measured.get("d50"), size) - size
        x[10] = _or(measured.get("bed"), bed) - bed
        return x

    def _onward(self, x: Floats, u: Sequence[float], w: Sequence[float], span_s: float) -> Floats:
        """Return the states one linearised implicit Euler step of `span_s` [s] later; biases stay."""
        moving, now = len(x) - len(self.biases), self._slope(x, u, w)
        slopes = np.empty((moving, moving))
        for i in range(moving):
            nudge = 1e-6 * max(abs(float(x[i])), 1e-3)
            nudged = x.copy()
            nudged[i] += nudge
            slopes[:, i] = (self._slope(nudged, u, w) - now)[:moving] / nudge
        after = x.copy()
        after[:moving] += solution(np.eye(moving) / span_s - slopes, now[:moving])
        return after

    def _slope(self, x: Floats, u: Sequence[float], w: Sequence[float]) -> Floats:
        slope = self.rhs(_symbols(x.tolist()), _symbols(u), _symbols(w))
        return np.array([_number(one) for one in slope])

    def _air(self, x: Symbols, w: Symbols) -> Expression:
        """Return the flow of dry air [kg/s]."""
        return self.air * dry_air(w[2] / _SECONDS_PER_HOUR, x[1] + x[11], w[3])

    def _zone(
        self,
        held: tuple[Expression, Expression],
        fed: tuple[Expression, Expression | float],
        flows: tuple[Expression, Expression],
        air: tuple[Expression, Expression],
    ) -> tuple[Expression, Expression]:
        """Return how moisture [1/s] and temperature [K/s] of a zone change.

        `held` and `fed` are moisture and temperature in it and before it, `flows` those of powder and air [kg/s], and
        `air` its temperature [degC] and humidity [kg/kg].
        """
        (x, t), (powder, gas) = held, flows
        part = (x - self.equilibrium) / (self.critical - self.equilibrium)
        share = 0.5 * (1.0 + part - ((1.0 - part) ** 2.0 + _ROUND) ** 0.5)
        evaporated = gas * share * (saturated(t) - air[1])
        capacity = _SOLID_J_KG_K + _WATER_J_KG_K * x
        warmed = gas * AIR_J_KG_K * (air[0] - t) - VAPOUR_J_KG * evaporated
        return (
            (powder * (fed[0] - x) - evaporated) / self.zone,
            (warmed + powder * capacity * (fed[1] - t)) / (self.zone * capacity),
        )


PARAMETERS: Mapping[str, str] = {
    "lag_inlet": "s",
    "zone": "kg",
    "air": "1",
    "critical": "kg/kg",
    "equilibrium": "kg/kg",
    "size": "um",
    "by_liquid": "1",
    "by_speed": "1",
    "lag_size": "s",
    "wet": "um",
    "wet_by_liquid": "1",
    "wet_by_speed": "1",
}
"""Identified parameters with their units, in the order of the fields of `LineB`."""


def grown(law: tuple[float, float, float], liquid: Expression, speed: Expression | float) -> Expression:
    """Return the median size of granules [um].

    Parameters
    ----------
    law
        Size at the usual setpoints [um], and exponents of liquid and of speed [1].
    liquid
        Effective liquid to solids [1].
    speed
        Screw speed [rpm].
    """
    size, by_liquid, by_speed = law
    return size * (liquid / USUAL_RATIO) ** by_liquid * (cast("Expression", speed) / USUAL_SPEED) ** -by_speed


def _symbols(numbers: Sequence[float]) -> Symbols:
    return cast("Symbols", numbers)


def _number(value: Expression | float) -> float:
    return cast("float", value)


def _or(value: float | None, other: float) -> float:
    return value if value is not None and isfinite(value) else other
