"""Control model of line C: three mixed cells for the coil, and power laws for the bed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import e, isfinite
from typing import cast

import numpy as np

from controller.models.base import Expression, Symbols
from controller.models.line_c_feed import BIASES, IMPURITIES, MOVING, PARAMETERS, Run, flows, named, run
from controller.models.process import Process
from plant_io.signals import Floats

_KELVIN, _WARM_K, _HYDROGEN_BAR = 273.15, 333.15, 12.0
"""Celsius zero [K], and the usual temperature [K] and hydrogen [bar]."""
_USUAL_FLOW, _SECONDS_PER_MINUTE, _MMOL_PER_MOL = 60.0, 60.0, 1000.0
_TRACE = 1e-3
_LEAST = (0.5, 10.0, 0.1, 10.0, 1.0)
"""Least inputs a steady state is sought for: ratio [1], coil [degC], throughput [1], bed [degC], hydrogen [bar]."""
_CELLS = 3
_HALVINGS, _WIDEST = 50, 0.5
_HOTTEST_C, _RICHEST, _REACH = 75.0, 0.5, 2.0
_START: Mapping[str, float] = {"Cel": 0.3, "mmol/L": 2.0, "%": 0.01}
_WANDER: Mapping[str, float] = {"Cel": 0.05, "mmol/L": 0.2, "%": 0.001}


@dataclass(frozen=True, slots=True)
class LineC:
    """Impurities and production of a two-step synthesis from ratio, temperatures, throughput and hydrogen.

    The coil is three cells ``i`` of volume ``V/3`` with starting material ``S``, pyrrolidine ``N`` and bis adduct ``B``
    [mmol/L]; what is neither is nitro compound ``P = (S_0 - S - B)/(1 + s)`` and its para isomer ``s P``::

        dS_i/dt = (S_{i-1} - S_i) 3 F/V - (1 + s) r_a,   r_a = k_a S_i N_i
        dN_i/dt = (N_{i-1} - N_i) 3 F/V - (1 + s) r_a - r_c
        dB_i/dt = (B_{i-1} - B_i) 3 F/V + r_c,           r_c = k_c P_i N_i,   k = k_60 (T/333.15 K)^e

    ``N_0`` is what the label of the stock says times ``1 + q``: a weak stock, or a reaction slower than identified. The
    bed passes ``S`` and ``B`` on through two lags, together ``W/F``. What it does to the nitro compound are powers of
    ``x = exp(a) (p/12 bar)^o / (F/F_0)``, with ``a`` the logarithm of the activity of its catalyst::

        NITRO = n_0 x^-n (T/T_0)^-n_T,      H = h_0 x^-h (T/T_0)^-h_T
        C    -> c_0 x^-c (T/T_0)^-c_T F_0/F,   D -> d_0 exp(a) (T/T_0)^d_T F_0/F,   each through a lag of W/F

    Every impurity the chromatograph lists has a factor ``exp(l)``, every flow, temperature and infrared reading its own
    bias, so that no steady offset is left (G. Pannocchia and J. B. Rawlings, "Disturbance models for offset-free
    model-predictive control", AIChE J. 49(2), 2003, doi:10.1002/aic.690490213). The plant has five cells and three, an
    isomer that reacts on, laws of Arrhenius, a catalyst that ages from the front, and the whole network of the bed.
    """

    coil: float
    """Volume of the coil ``V`` [mL]."""
    bed: float
    """Volume of the bed ``W`` [mL]."""
    lag_coil_s: float
    """Time constant of the coil's thermostat [s]."""
    lag_bed_s: float
    """Time constant of the bed's thermostat [s]."""
    wanted: float
    """Rate constant ``k_a`` at 60 degC [L/mol/s]."""
    wanted_by_heat: float
    """Its exponent ``e`` [1]."""
    again: float
    """Rate constant ``k_c`` at 60 degC [L/mol/s]."""
    again_by_heat: float
    """Its exponent ``e`` [1]."""
    isomer: float
    """Para isomer per nitro compound ``s`` [1]."""
    order: float
    """Order in hydrogen ``o`` [1]."""
    nitro: tuple[float, float, float]
    """``n_0`` [%], ``n`` and ``n_T`` [1]."""
    hydroxyl: tuple[float, float, float]
    """``h_0`` [%], ``h`` and ``h_T`` [1]."""
    dimer: tuple[float, float, float]
    """``c_0`` [%], ``c`` and ``c_T`` [1]."""
    desfluoro: tuple[float, float]
    """``d_0`` [%] and ``d_T`` [1]."""

    @classmethod
    def of(cls, process: Process) -> LineC:
        """Return the model with identified parameters.

        Raises
        ------
        ValueError
            If a parameter is missing or has another unit.
        """
        return cls.from_numbers([process.number(name, unit) for name, unit in PARAMETERS.items()])

    @classmethod
    def from_numbers(cls, numbers: Sequence[float]) -> LineC:
        """Return the model with parameters in the order of `PARAMETERS`, each in its unit there.

        Parameters
        ----------
        numbers
            The parameters, units of `PARAMETERS`.
        """
        v, lags, wanted, again = numbers, numbers[2:4], numbers[4:6], numbers[6:8]
        nitro, hydroxyl, dimer = ((v[i], v[i + 1], v[i + 2]) for i in (10, 13, 16))
        return cls(
            v[0], v[1], *_two(lags), *_two(wanted), *_two(again), v[8], v[9], nitro, hydroxyl, dimer, _two(v[19:])
        )

    @property
    def states(self) -> Mapping[str, str]:
        """States, biases included, with their units."""
        return {**MOVING, **{name: unit for name, unit, _ in BIASES.values()}}

    @property
    def inputs(self) -> Mapping[str, str]:
        """Setpoints of the ratio, the coil, the throughput, the bed and the hydrogen."""
        return {"eq_sp": "1", "t1_sp": "Cel", "q_sp": "1", "t2_sp": "Cel", "ph2_sp": "bar"}

    @property
    def known(self) -> Mapping[str, str]:
        """Setpoints of the three pumps that the throughput scales."""
        return {"p1_sp": "mL/min", "p2_sp": "mL/min", "p3_sp": "mL/min"}

    @property
    def measured(self) -> Mapping[str, str]:
        """Temperatures, hydrogen, flows, infrared behind the coil, and the areas of the chromatograph."""
        shown = {"coil": "Cel", "bed": "Cel", "hydrogen": "bar"}
        flows = dict.fromkeys(("flow_sm", "flow_amine", "flow_ethanol"), "mL/min")
        infrared = dict.fromkeys(("ftir_sm", "ftir_nitro"), "mmol/L")
        return {**shown, **flows, **infrared, **dict.fromkeys(IMPURITIES, "%")}

    @property
    def controlled(self) -> Mapping[str, str]:
        """Impurities behind the bed, and the flow of starting material that ends as product."""
        return {**dict.fromkeys(IMPURITIES, "%"), "made": "mL/min"}

    @property
    def biases(self) -> Mapping[str, str]:
        """The bias state of each measurement."""
        return {measured: name for measured, (name, _, _) in BIASES.items()}

    @property
    def start_sd(self) -> Mapping[str, float]:
        """Doubt about each state at the start, in the unit of the state."""
        return {name: _START[unit] for name, unit in MOVING.items()} | {name: sd for name, _, sd in BIASES.values()}

    @property
    def wander_sd(self) -> Mapping[str, float]:
        """Doubt gained in the square root of a minute, in the unit of the state."""
        return {name: _WANDER[unit] for name, unit in MOVING.items()}

    @property
    def lowest(self) -> Mapping[str, float]:
        """Least value of concentrations and areas, in their units."""
        return {name: 0.0 for name, unit in MOVING.items() if unit in {"mmol/L", "%"}}

    @property
    def longest_step_s(self) -> float:
        """What the fastest reaction permits in a hot coil rich in pyrrolidine [s]."""
        heat = ((_HOTTEST_C + _KELVIN) / _WARM_K) ** self.wanted_by_heat
        washout = _CELLS * _USUAL_FLOW / _SECONDS_PER_MINUTE / self.coil
        return _REACH / (self.wanted * float(heat) * _RICHEST + washout)

    def rhs(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression | float, ...]:
        """Return the time derivatives of the states, unit of the state per second."""
        now, biases = run(x, u, w), named(x)
        slopes: list[Expression | float] = [(u[1] - x[0]) / self.lag_coil_s, (u[3] - x[1]) / self.lag_bed_s]
        ka, kc = self._rates(x[0] + biases["b_1"])
        entering: tuple[Expression, Expression, Expression | float] = (now.sm, now.amine, 0.0)
        for i in range(2, 2 + 3 * _CELLS, 3):
            s, n, b = x[i : i + 3]
            formed, spent = ka * s * n * (1.0 + self.isomer), kc * n * (now.sm - s - b) / (1.0 + self.isomer)
            renewal = _CELLS / (self.coil * now.stay)
            slopes += (
                renewal * (entering[0] - s) - formed,
                renewal * (entering[1] - n) - formed - spent,
                renewal * (entering[2] - b) + spent,
            )
            entering = (s, n, b)
        passing = 2.0 / (self.bed * now.stay)
        slopes += (passing * (x[8] - x[11]), passing * (x[10] - x[12]))
        slopes += (passing * (x[11] - x[13]), passing * (x[12] - x[14]))
        _, _, dimer, stripped = self._bed(x, u, now)
        slopes += (0.5 * passing * (dimer - x[15]), 0.5 * passing * (stripped - x[16]))
        return (*slopes, *(0.0 for _ in BIASES))

    def outputs(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        """Return the impurities [%] and the flow of starting material that ends as product [mL/min]."""
        now = run(x, u, w)
        areas = self._areas(x, u, now)
        rest: Expression | float = 100.0
        for area in areas:
            rest = rest - area
        return (*areas, now.pumped * rest / 100.0)

    def readings(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        """Return what the instruments show, in the order and units of `measured`."""
        now, biases = run(x, u, w), named(x)
        warm = (x[0] + biases["b_1"], x[1] + biases["b_2"], u[4] + biases["b_p"])
        nitro = (now.sm - x[8] - x[10]) / (1.0 + self.isomer)
        infrared = (x[8] + biases["b_s"], nitro + biases["b_n"])
        return (*warm, *flows(x, u, w), *infrared, *self._areas(x, u, now))

    def steady(self, u: Floats, w: Floats, measured: Mapping[str, float]) -> Floats:
        """Return the steady state that agrees with inputs and measurements.

        Parameters
        ----------
        u
            Ratio [1], coil [degC], throughput [1], bed [degC] and hydrogen [bar], shape ``(5,)``.
        w
            Setpoints of the pumps [mL/min], shape ``(3,)``.
        measured
            Measurements by name, each in its unit; those missing or not finite are taken to agree.
        """
        inputs, known = _symbols(np.maximum(u, _LEAST).tolist()), _symbols(np.maximum(w, _TRACE).tolist())
        biases = dict.fromkeys((name for name, _, _ in BIASES.values()), 0.0)
        seen = {name: float(value) for name, value in measured.items() if isfinite(value)}
        biases["b_1"] = seen.get("coil", _number(inputs[1])) - _number(inputs[1])
        biases["b_2"] = seen.get("bed", _number(inputs[3])) - _number(inputs[3])
        biases["b_p"] = seen.get("hydrogen", _number(inputs[4])) - _number(inputs[4])
        asked = [_number(one) for one in flows(_symbols([0.0] * len(self.states)), inputs, known)]
        for bias, name, flow in zip(("f_1", "f_2", "f_3"), list(BIASES)[3:6], asked, strict=True):
            biases[bias] = min(max(seen.get(name, flow) / (flow + _TRACE) - 1.0, -_WIDEST), _WIDEST)
        biases["q"] = self._strength(inputs, known, biases, seen.get("sm"))
        return self._anchored(inputs, known, biases, seen)

    def _anchored(self, u: Symbols, w: Symbols, biases: dict[str, float], seen: Mapping[str, float]) -> Floats:
        """Return the steady state whose areas and infrared readings are those seen."""
        x = self._at_rest(u, w, biases)
        for name, bias in (("nitro", "a"), ("imp_a", "l_a"), ("imp_b", "l_b")):
            biases[bias] = self._needed(x, u, w, (name, seen)) / (-self.nitro[1] if name == "nitro" else 1.0)
        x = self._at_rest(u, w, biases)
        for name, bias in (("imp_h", "l_h"), ("imp_c", "l_c"), ("imp_d", "l_d")):
            biases[bias] = self._needed(x, u, w, (name, seen))
        x = self._at_rest(u, w, biases)
        shown = dict(zip(self.measured, self.readings(_symbols(x.tolist()), u, w), strict=True))
        for name, bias in (("ftir_sm", "b_s"), ("ftir_nitro", "b_n")):
            x[list(self.states).index(bias)] = seen.get(name, _number(shown[name])) - _number(shown[name])
        return x

    def _needed(self, x: Floats, u: Symbols, w: Symbols, wanted: tuple[str, Mapping[str, float]]) -> float:
        """Return the logarithm of what an area has to be multiplied by to be as seen [1]."""
        name, seen = wanted
        shown = dict(zip(self.measured, self.readings(_symbols(x.tolist()), u, w), strict=True))
        model = max(_number(shown[name]), _TRACE)
        return float(np.log(max(seen.get(name, model), _TRACE) / model))

    def _strength(self, u: Symbols, w: Symbols, biases: dict[str, float], sm: float | None) -> float:
        """Return the error of the ratio at which the coil leaves as much starting material as was seen [1]."""
        if sm is None:
            return 0.0
        low, high = -_WIDEST, _WIDEST
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            x = self._at_rest(u, w, biases | {"q": middle})
            left = _number(self._areas(_symbols(x.tolist()), u, run(_symbols(x.tolist()), u, w))[0])
            low, high = (middle, high) if left > sm else (low, middle)
        return 0.5 * (low + high)

    def _at_rest(self, u: Symbols, w: Symbols, biases: Mapping[str, float]) -> Floats:
        """Return the steady state with given biases; in every cell all follows from the amine, found by halving."""
        x = np.zeros(len(self.states))
        x[len(MOVING) :] = [biases[name] for name, _, _ in BIASES.values()]
        x[0], x[1] = _number(u[1]), _number(u[3])
        at = _symbols(x.tolist())
        now = run(at, u, w)
        fed, stay = (_number(now.sm), _number(now.amine)), _number(now.stay) * self.coil / _CELLS
        ka, kc = (_number(k) * stay for k in self._rates(at[0] + biases["b_1"]))
        s, n, b = fed[0], fed[1], 0.0
        for i in range(2, 2 + 3 * _CELLS, 3):
            s, n, b = self._cell((s, n, b), fed[0], (ka * (1.0 + self.isomer), kc / (1.0 + self.isomer)))
            x[i : i + 3] = s, n, b
        x[11:15] = s, b, s, b
        x[15], x[16] = (_number(one) for one in self._bed(_symbols(x.tolist()), u, now)[2:])
        return x

    def _cell(
        self, entering: tuple[float, float, float], fed: float, k: tuple[float, float]
    ) -> tuple[float, float, float]:
        """Return starting material, pyrrolidine and bis adduct in a cell at rest [mmol/L], `k` per [mmol/L]."""
        low, high = 0.0, entering[1]
        s, n, b = entering
        for _ in range(_HALVINGS):
            n = 0.5 * (low + high)
            s = entering[0] / (1.0 + k[0] * n)
            b = (entering[2] + k[1] * n * (fed - s)) / (1.0 + k[1] * n)
            enough = n + entering[0] - s + b - entering[2] >= entering[1]
            low, high = (low, n) if enough else (n, high)
        return s, n, b

    def _rates(self, celsius: Expression) -> tuple[Expression, Expression]:
        """Return the rate constants of the coil [L/mmol/s]."""
        heat = (celsius + _KELVIN) / _WARM_K
        return (
            self.wanted / _MMOL_PER_MOL * heat**self.wanted_by_heat,
            self.again / _MMOL_PER_MOL * heat**self.again_by_heat,
        )

    def _bed(self, x: Symbols, u: Symbols, now: Run) -> tuple[Expression, Expression, Expression, Expression]:
        """Return nitro compound, hydroxylamine, dimer and des-fluoro product the bed tends to, before factors [%]."""
        biases = named(x)
        heat = (x[1] + biases["b_2"] + _KELVIN) / _WARM_K
        hydrogen = (u[4] + biases["b_p"]) / _HYDROGEN_BAR
        active = e ** biases["a"]
        effort = active * hydrogen**self.order / now.swift
        nitro, hydroxyl, dimer = (
            level * effort**-by * heat**-by_heat for level, by, by_heat in (self.nitro, self.hydroxyl, self.dimer)
        )
        stripped = self.desfluoro[0] * active * heat ** self.desfluoro[1]
        return nitro, hydroxyl, dimer / now.swift, stripped / now.swift

    def _areas(self, x: Symbols, u: Symbols, now: Run) -> tuple[Expression, ...]:
        """Return the impurities behind the bed, in the order of `IMPURITIES` [%]."""
        biases, share = named(x), 100.0 / now.sm
        nitro, hydroxyl, _, _ = self._bed(x, u, now)
        isomer = self.isomer / (1.0 + self.isomer) * (now.sm - x[13] - x[14])
        return (
            share * x[13],
            share * isomer * e ** biases["l_a"],
            share * x[14] * e ** biases["l_b"],
            nitro,
            hydroxyl * e ** biases["l_h"],
            x[15] * e ** biases["l_c"],
            x[16] * e ** biases["l_d"],
        )


def _symbols(numbers: Sequence[float]) -> Symbols:
    return cast("Symbols", numbers)


def _number(value: Expression | float) -> float:
    return cast("float", value)


def _two(numbers: Sequence[float]) -> tuple[float, float]:
    return numbers[0], numbers[1]
