"""Control model of line B2: liquid to solids, size, and six drying cells that take turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import cast

import numpy as np

from controller.models.base import Expression, Symbols
from controller.models.line_b import USUAL_RATIO
from controller.models.process import Process
from controller.models.vapour import AIR_J_KG_K, VAPOUR_J_KG, dry_air, granule_c, wet_bulb_c
from plant_io.signals import Floats

CELLS = 6
"""Number of cells [1]."""

LIQUID, INLET, GONE, SEEN, SLOT, DRY, WATER, SIZED, OUT_X, OUT_UM, BIASES = 0, 1, 2, 3, 4, 5, 11, 17, 23, 24, 25
"""Places of the states: of the first of its kind, from the cell that is filled to the one that is emptied next."""

LONGEST_MOMENT_S = 10.0
"""Up to this a step is a moment within a turn; a longer one is a whole turn, however long that is [s]."""

_SECONDS_PER_HOUR = 3600.0
_LIQUID_LAG_S = 20.0
_PARTS, _HALF_KG = 6, 0.03
_ROUND, _FAINT, _SURE, _TRACE, _CRUMB_KG, _MOST = 0.01, 1e-4, 1e-6, 1e-3, 1e-3, 0.5
_LEAST = (1e-3, 0.0, 60.0)
"""Least inputs a steady state is sought for: liquid to solids [1], inlet air [degC], time to fill a cell [s]."""
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class SixCell:
    """Moisture of each batch and size of the granules from liquid, inlet air and time to fill a cell.

    A cell is known by its age ``k = 0..5``: 0 is being filled, 5 is emptied at the end of its turn. With the ratio of
    liquid to solids ``L``, the powder flow ``F`` [kg/s], air ``G`` [kg/s] and humidity ``Y``, within a turn::

        dL/dt   = (u_l (1 + b_l) - L)/20 s,   dT_i/dt = (u_t - T_i)/tau_t
        dm_0/dt = F,   dW_0/dt = F L - E_0,   dQ_0/dt = F D       D = d (L (1 + b_w)/0.25)^p
        dW_k/dt = -E_k                                            k = 1..5
        E_k     = G/6 e_k c_p (T_i + b_i - T_k)/dH,   e_k = m_k/(m_k + 0.03 kg)

    where ``T_k``, between the wet bulb and the inlet air, is the temperature at which the heat the air gives up goes
    into evaporation, with the ease of drying ``nu = (W_k/m_k - X_e)/(X_c - X_e)``, between 0 and 1, rounded off. When
    the cells change, each becomes the next older, and of the oldest is remembered what left: ``X_o = W_5/m_5`` and
    ``D_o = Q_5/m_5``. The instruments behind the mill show ``a (100 X_o/(1 + X_o) + d_l)`` and ``D_o + d_d``.

    For the controller one step is the rest of a turn, then one whole turn after the other, of the length that is asked
    for: the moisture of a batch is a function of what was filled in and of the air it met. The estimator goes through
    the turns in moments and changes cells when the PLC does. Controlled are the moisture of the batch that left last
    and the size that what is granulated now will have, as the milled size itself comes six turns late.

    The plant has a sorption isotherm, a critical moisture that grows with the size, heat loss, heat kept by the
    granules, and a population of twelve classes that are milled in bursts.
    """

    lag_inlet_s: float
    """Time constant of the inlet air ``tau_t`` [s]."""
    air: float
    """True over indicated flow of air [1]."""
    critical: float
    """Critical moisture ``X_c`` [kg/kg]."""
    equilibrium: float
    """Equilibrium moisture ``X_e`` [kg/kg]."""
    after: float
    """What the instrument behind the mill shows of the moisture the batch left its cell with ``a`` [1]."""
    size: float
    """Median milled size at the usual liquid ``d`` [um]."""
    by_liquid: float
    """Its exponent ``p`` [1]."""
    wet: float
    """Median size of the wet granules at the usual liquid [um]."""
    wet_by_liquid: float
    """Its exponent [1]."""

    @classmethod
    def of(cls, process: Process) -> SixCell:
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
        cells = {f"{kind}{k}": unit for kind, unit in (("m", "kg"), ("W", "kg"), ("Q", "kg.um")) for k in range(CELLS)}
        biases = {"d_l": "%", "d_d": "um", "d_t": "K", "b_i": "K", "b_l": "1", "b_w": "1"}
        turn = {"L": "1", "Ti": "Cel", "gone": "s", "seen": "1", "slot": "s"}
        return turn | cells | {"Xo": "kg/kg", "Do": "um"} | biases

    @property
    def inputs(self) -> Mapping[str, str]:
        """Setpoints of the liquid to solid ratio, of the inlet air, and of the time to fill a cell."""
        return {"ls_sp": "1", "tin_sp": "Cel", "tfill_sp": "s"}

    @property
    def known(self) -> Mapping[str, str]:
        """Powder flows, air flow, the humidity of the air, and which cell is being filled."""
        return {"api_flow": "kg/h", "exc_flow": "kg/h", "air_flow": "m3/h", "humidity": "kg/kg", "cell": "1"}

    @property
    def measured(self) -> Mapping[str, str]:
        """Loss on drying, size, temperatures of the oldest cell and of inlet air, liquid flow, wet size."""
        return {"lod": "%", "d50": "um", "bed": "Cel", "inlet": "Cel", "liquid": "kg/h", "wet": "um"}

    @property
    def controlled(self) -> Mapping[str, str]:
        """Loss on drying of the batch that left last, and median milled size of what is granulated."""
        return {"lod": "%", "d50": "um"}

    @property
    def biases(self) -> Mapping[str, str]:
        """The bias state of each measurement."""
        return {"lod": "d_l", "d50": "d_d", "bed": "d_t", "inlet": "b_i", "liquid": "b_l", "wet": "b_w"}

    @property
    def start_sd(self) -> Mapping[str, float]:
        """Doubt about each state at the start, in the unit of the state."""
        sure = dict.fromkeys(("gone", "seen", "slot", *(f"m{k}" for k in range(CELLS))), 0.0)
        cells = {f"W{k}": 0.005 for k in range(CELLS)} | {f"Q{k}": 10.0 for k in range(CELLS)}
        biases = {"d_l": 0.5, "d_d": 30.0, "d_t": 3.0, "b_i": 0.5, "b_l": 0.02, "b_w": 0.1}
        return {"L": 0.002, "Ti": 0.3, "Xo": 0.003, "Do": 10.0} | sure | cells | biases

    @property
    def wander_sd(self) -> Mapping[str, float]:
        """Doubt gained in the square root of a minute, in the unit of the state."""
        sure = dict.fromkeys(("gone", "seen", "slot", "Xo", "Do", *(f"m{k}" for k in range(CELLS))), 0.0)
        cells = {f"W{k}": 2e-4 for k in range(CELLS)} | {f"Q{k}": 0.5 for k in range(CELLS)}
        return {"L": 1e-4, "Ti": 0.05} | sure | cells

    @property
    def lowest(self) -> Mapping[str, float]:
        """Least value of liquid, masses, moisture and sizes, in their units."""
        cells = (f"{kind}{k}" for kind in "mWQ" for k in range(CELLS))
        return dict.fromkeys(("L", *cells, "Xo", "Do"), 0.0)

    @property
    def longest_step_s(self) -> float:
        """Longest step within a turn [s]."""
        return LONGEST_MOMENT_S

    def rhs(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression | float, ...]:
        """Return the time derivatives of the states within a turn, unit of the state per second."""
        powder = (w[0] + w[1] + _TRACE) / _SECONDS_PER_HOUR
        made = grown(self.size, self.by_liquid, x[LIQUID] * (1.0 + x[BIASES + 5]))
        lost = [self._cell(x, w, k)[0] for k in range(CELLS)]
        filled: list[Expression | float] = [powder, *[0.0] * (CELLS - 1)]
        sized: list[Expression | float] = [powder * made, *[0.0] * (CELLS - 1)]
        return (
            (u[0] * (1.0 + x[BIASES + 4]) - x[LIQUID]) / _LIQUID_LAG_S,
            (u[1] - x[INLET]) / self.lag_inlet_s,
            1.0,
            0.0,
            0.0,
            *filled,
            *(powder * x[LIQUID] - lost[0], *(-1.0 * one for one in lost[1:])),
            *sized,
            *(0.0, 0.0),
            *(0.0 for _ in self.biases),
        )

    def ahead(self, x: Symbols, u: Symbols, w: Symbols, span_s: float) -> tuple[Expression, ...]:
        """Return the states after a moment, or where `span_s` is longer than any [s], at the next change of cells.

        Parameters
        ----------
        x, u, w
            States, inputs and known inputs, units of the model.
        span_s
            Length of the moment [s].
        """
        if span_s > LONGEST_MOMENT_S:
            return self._changed(self._along(x, u, w, _positive(x[SLOT] - x[GONE]) / _PARTS, _PARTS), u, w)
        moved, off = self._along(x, u, w, span_s, 1), (w[4] - x[SEEN]) ** 2.0
        over = off / (off + _SURE)
        changed = zip(moved, self._changed(moved, u, w), strict=True)
        return tuple(stays + over * (anew - stays) for stays, anew in changed)

    def outputs(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        """Return loss on drying of the last batch [%] and median size of what is granulated [um]."""
        del u, w
        made = grown(self.size, self.by_liquid, x[LIQUID] * (1.0 + x[BIASES + 5]))
        return 100.0 * x[OUT_X] / (1.0 + x[OUT_X]) + x[BIASES], made + x[BIASES + 1]

    def readings(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        """Return loss on drying [%], sizes [um], temperatures of granules and inlet air [degC], and liquid [kg/h]."""
        return (
            self.after * self.outputs(x, u, w)[0],
            x[OUT_UM] + x[BIASES + 1],
            self._cell(x, w, CELLS - 1)[1] + x[BIASES + 2],
            x[INLET] + x[BIASES + 3],
            u[0] * (1.0 + x[BIASES + 4]) * (w[0] + w[1] + _TRACE),
            grown(self.wet, self.wet_by_liquid, x[LIQUID] * (1.0 + x[BIASES + 5])),
        )

    def steady(self, u: Floats, w: Floats, measured: Mapping[str, float]) -> Floats:
        """Return the state in the middle of a turn, after many alike, that agrees with inputs and measurements.

        Parameters
        ----------
        u
            Liquid to solids [1], inlet air [degC] and time to fill a cell [s], shape ``(3,)``.
        w
            Powder flows [kg/h], air [m3/h], its humidity [kg/kg] and the cell [1], shape ``(5,)``.
        measured
            Measurements by name, each in its unit; those missing or not finite are taken to agree.
        """
        inputs, known = np.maximum(u, _LEAST).tolist(), np.maximum(w, 0.0).tolist()
        given, flows = _symbols(inputs), _symbols(known)
        x = self._alike(inputs, known, measured)
        for _ in range(_ROUNDS):
            x = _numbers(self.ahead(_symbols(x), given, flows, inputs[2]))
        x = _numbers(self._along(_symbols(x), given, flows, inputs[2] / 2.0 / _PARTS, _PARTS))
        lod, size, bed, *_ = _numbers(self.readings(_symbols(x), given, flows))
        x[BIASES] = (_or(measured.get("lod"), lod) - lod) / self.after
        x[BIASES + 1] = _or(measured.get("d50"), size) - size
        x[BIASES + 2] = _or(measured.get("bed"), bed) - bed
        return np.array(x)

    def _alike(self, u: Sequence[float], w: Sequence[float], measured: Mapping[str, float]) -> list[float]:
        """Return states at the beginning of a turn with all cells as wet as when they are filled."""
        powder = w[0] + w[1] + _TRACE
        short = _within(_or(measured.get("liquid"), u[0] * powder) / (u[0] * powder) - 1.0)
        soaked = u[0] * (1.0 + short)
        wet = _number(grown(self.wet, self.wet_by_liquid, cast("Expression", soaked)))
        better = _within((max(_or(measured.get("wet"), wet), 1.0) / wet) ** (1.0 / self.wet_by_liquid) - 1.0)
        mass = powder / _SECONDS_PER_HOUR * u[2]
        off = _or(measured.get("inlet"), u[1]) - u[1]
        cells = [0.0, *[mass] * 5, 0.0, *[mass * soaked] * 5, 0.0, *[mass * self.size] * 5]
        return [soaked, u[1], 0.0, w[4], u[2], *cells, 0.02, self.size, 0.0, 0.0, 0.0, off, short, better]

    def _along(self, x: Symbols, u: Symbols, w: Symbols, h: Expression | float, steps: int) -> Symbols:
        """Return the states some classical Runge-Kutta steps of `h` [s] later, no cells changing."""
        for _ in range(steps):
            k1 = self.rhs(x, u, w)
            k2 = self.rhs(_plus(x, k1, 0.5 * h), u, w)
            k3 = self.rhs(_plus(x, k2, 0.5 * h), u, w)
            k4 = self.rhs(_plus(x, k3, h), u, w)
            mean = [(a + 2.0 * b + 2.0 * c + d) / 6.0 for a, b, c, d in zip(k1, k2, k3, k4, strict=True)]
            x = _plus(x, mean, h)
        return x

    def _changed(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        """Return the states after the cells have changed: each is one older, and what left is remembered.

        What was filled is reckoned by the length of the turn, as its beginning may not have been seen.
        """
        none, filled = 0.0 * x[GONE], (w[0] + w[1] + _TRACE) / _SECONDS_PER_HOUR * x[SLOT]
        whole = filled / (x[DRY] + _CRUMB_KG)
        aged = [
            part
            for first, full in ((DRY, filled), (WATER, whole * x[WATER]), (SIZED, whole * x[SIZED]))
            for part in (none, full, *x[first + 1 : first + CELLS - 1])
        ]
        left = x[DRY + CELLS - 1] + _CRUMB_KG
        gone_x, gone_um = x[WATER + CELLS - 1] / left, x[SIZED + CELLS - 1] / left
        return (x[LIQUID], x[INLET], none, w[4], u[2], *aged, gone_x, gone_um, *x[BIASES:])

    def _cell(self, x: Symbols, w: Symbols, k: int) -> tuple[Expression, Expression]:
        """Return what evaporates in a cell [kg/s], and the temperature of its granules [degC]."""
        inlet, dry = x[INLET] + x[BIASES + 3], x[DRY + k]
        gas = self.air / CELLS * dry_air(w[2] / _SECONDS_PER_HOUR, inlet, w[3])
        held = (x[WATER + k] + _CRUMB_KG * self.critical) / (dry + _CRUMB_KG)
        part = (held - self.equilibrium) / (self.critical - self.equilibrium)
        slow = 0.5 * (1.0 + part - ((1.0 - part) ** 2.0 + _ROUND) ** 0.5)
        ease = 0.5 * (slow + (slow**2.0 + _FAINT) ** 0.5)
        celsius = granule_c(inlet, wet_bulb_c(inlet, w[3]), ease)
        return gas * dry / (dry + _HALF_KG) * (inlet - celsius) * (AIR_J_KG_K / VAPOUR_J_KG), celsius


PARAMETERS: Mapping[str, str] = {
    "lag_inlet": "s",
    "air": "1",
    "critical": "kg/kg",
    "equilibrium": "kg/kg",
    "after": "1",
    "size": "um",
    "by_liquid": "1",
    "wet": "um",
    "wet_by_liquid": "1",
}
"""Identified parameters with their units, in the order of the fields of `SixCell`."""


def grown(size: float, by_liquid: float, liquid: Expression) -> Expression:
    """Return the median size of granules [um].

    Parameters
    ----------
    size
        At the usual liquid to solids [um].
    by_liquid
        Exponent of the liquid [1].
    liquid
        Effective liquid to solids [1].
    """
    return size * (liquid / USUAL_RATIO) ** by_liquid


def _plus(x: Symbols, slopes: Sequence[Expression | float], h: Expression | float) -> Symbols:
    return [at + slope * h for at, slope in zip(x, cast("Symbols", slopes), strict=True)]


def _positive(x: Expression) -> Expression:
    """Return about `x` where it is well above a second, and about a second where it is not [s]."""
    return 0.5 * (x + (x**2.0 + 4.0) ** 0.5)


def _within(share: float) -> float:
    return min(max(share, -_MOST), _MOST)


def _symbols(numbers: Sequence[float]) -> Symbols:
    return cast("Symbols", numbers)


def _numbers(values: Sequence[Expression | float]) -> list[float]:
    return [_number(value) for value in values]


def _number(value: Expression | float) -> float:
    return cast("float", value)


def _or(value: float | None, other: float) -> float:
    return value if value is not None and isfinite(value) else other
