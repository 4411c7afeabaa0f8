"""Control model of line A: two feeders, four mixed tanks in series, the NIR probe in the last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np

from controller.models.base import Expression, Symbols
from controller.models.process import Process
from plant_io.signals import Floats

_SECONDS_PER_HOUR = 3600.0
_TRACE = 1e-6
"""Flow that keeps a fraction defined when nothing flows [kg/h]."""
_SIGHT_S = 10.0
"""Time in which a feeder that has been blind shows again what it feeds [s]."""
_FARTHEST = 1.0
"""Largest error of the probe concluded from one glance at the start [%]."""


@dataclass(frozen=True, slots=True)
class LineA:
    """The path of the active ingredient from the feeders to the feed frame.

    With setpoints ``u`` [kg/h], flows ``F`` [kg/h], tank contents ``M_i`` [kg] and concentrations ``c_i`` [%]::

        dF_a/dt = (u_a - F_a)/tau_a        shown as F_a + b_a, and so it is
        dF_e/dt = (u_e - F_e)/tau_e        shown as F_e + b_e, and so it is
        c_0     = 100 A/(A + E + F_l),   A = (F_a + b_a)(1 + d + h_a),   E = (F_e + b_e)(1 + e + h_e)
        dh/dt   = -h/tau_h              shown as 1 while the feeder is blind and h stands at its identified excess
        dc_i/dt = (F/M_i)(c_{i-1} - c_i),        i = 1..4, F the sum of the flows
        NIR     = c_4 - theta dc_4/dt + n
        refills = d, e
        assay   = c_4, half an hour ago

    Powder that falls into a hopper packs what is there, and the screw takes more with every turn. The feeder cannot
    weigh during a refill and some seconds after it, so the flow reading does not show it: ``h_a`` and ``h_e``.
    ``b_a`` and ``b_e`` are what the flows settle at beyond their setpoints, ``d`` and ``e`` are what a wrong load cell
    hides from the flow reading, ``n`` is what the probe shows beyond the blend. Each is seen by one measurement of its
    own, so no steady offset is left over (G. Pannocchia and J. B. Rawlings, "Disturbance models for offset-free
    model-predictive control", AIChE J. 49(2), 2003, doi:10.1002/aic.690490213). From the NIR alone ``d``, ``e`` and
    ``n`` cannot be told apart: the balances of the refills and the assay of the tablets are the second witnesses.
    """

    lag_api_s: float
    """Time constant of the API feeder ``tau_a`` [s]."""
    lag_exc_s: float
    """Time constant of the excipient feeder ``tau_e`` [s]."""
    tanks: tuple[float, float, float, float]
    """Contents ``M_1`` to ``M_4`` [kg]."""
    nir_delay_s: float
    """Dead time of the NIR reading ``theta`` [s]."""
    excess_api: float
    """Mean excess of the API flow over its reading while the feeder is blind [1]."""
    excess_exc: float
    """Mean excess of the excipient flow over its reading while the feeder is blind [1]."""

    @classmethod
    def of(cls, process: Process) -> LineA:
        """Return the model with identified parameters.

        Raises
        ------
        ValueError
            If a parameter is missing or has another unit.
        """
        return cls(
            lag_api_s=process.number("lag_api", "s"),
            lag_exc_s=process.number("lag_exc", "s"),
            tanks=(
                process.number("tank_1", "kg"),
                process.number("tank_2", "kg"),
                process.number("tank_3", "kg"),
                process.number("tank_4", "kg"),
            ),
            nir_delay_s=process.number("nir_delay", "s"),
            excess_api=process.number("excess_api", "1"),
            excess_exc=process.number("excess_exc", "1"),
        )

    @property
    def states(self) -> Mapping[str, str]:
        """States, biases included, with their units."""
        tanks = {f"c{i}": "%" for i in (1, 2, 3, 4)}
        biases = {"b_a": "kg/h", "b_e": "kg/h", "d": "1", "e": "1", "n": "%"}
        return {"Fa": "kg/h", "Fe": "kg/h"} | tanks | biases | {"h_a": "1", "h_e": "1"}

    @property
    def inputs(self) -> Mapping[str, str]:
        """Setpoints of the two feeders."""
        return {"api_sp": "kg/h", "exc_sp": "kg/h"}

    @property
    def known(self) -> Mapping[str, str]:
        """Flow of the lubricant."""
        return {"lub_flow": "kg/h"}

    @property
    def measured(self) -> Mapping[str, str]:
        """Feeder flows, the NIR reading, balances of the refills, the assay of tablets, and which feeder is blind."""
        flows = {"api_flow": "kg/h", "exc_flow": "kg/h"}
        witnesses = {"api_refill": "1", "exc_refill": "1", "assay": "%"}
        return flows | {"api": "%"} | witnesses | {"api_blind": "1", "exc_blind": "1"}

    @property
    def controlled(self) -> Mapping[str, str]:
        """Concentration in the feed frame, and the sum of the flows as they are shown."""
        return {"api": "%", "total": "kg/h"}

    @property
    def biases(self) -> Mapping[str, str]:
        """The bias state of each measurement but the assay and blindness, which are taken for true."""
        return {"api_flow": "b_a", "exc_flow": "b_e", "api": "n", "api_refill": "d", "exc_refill": "e"}

    @property
    def start_sd(self) -> Mapping[str, float]:
        """Doubt about each state at the start, in the unit of the state."""
        tanks = {f"c{i}": 0.3 for i in (1, 2, 3, 4)}
        flows = {"Fa": 0.05, "Fe": 0.2, "b_a": 0.05, "b_e": 0.2}
        return flows | tanks | {"d": 0.01, "e": 0.005, "n": 0.15, "h_a": 0.02, "h_e": 0.02}

    @property
    def wander_sd(self) -> Mapping[str, float]:
        """Doubt gained in the square root of a minute, in the unit of the state.

        Great for the flows: a feeder that falters is seen at once, and expected to recover by itself.
        """
        return {"Fa": 0.5, "Fe": 1.5} | {f"c{i}": 0.02 for i in (1, 2, 3, 4)} | {"h_a": 0.2, "h_e": 0.2}

    @property
    def lowest(self) -> Mapping[str, float]:
        """Least value of flows and concentrations, in their units."""
        return dict.fromkeys(("Fa", "Fe", "c1", "c2", "c3", "c4"), 0.0)

    @property
    def longest_step_s(self) -> float:
        """Half of the shortest time constant at full flow [s]."""
        washout_s = min(self.tanks) * _SECONDS_PER_HOUR / 24.0
        return 0.5 * min(self.lag_api_s, self.lag_exc_s, washout_s)

    def rhs(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression | float, ...]:
        """Return the time derivatives of the states, unit of the state per second."""
        flow_api, flow_exc, *tanks = x[:6]
        feed, total = self._feed(x, w)
        above = (feed, *tanks[:3])
        rate = total / _SECONDS_PER_HOUR
        washed = tuple(rate / m * (a - c) for m, a, c in zip(self.tanks, above, tanks, strict=True))
        moved = ((u[0] - flow_api) / self.lag_api_s, (u[1] - flow_exc) / self.lag_exc_s)
        packed = (-x[11] / _SIGHT_S, -x[12] / _SIGHT_S)
        return (*moved, *washed, 0.0, 0.0, 0.0, 0.0, 0.0, *packed)

    def outputs(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        """Return concentration in the feed frame [%] and the sum of the flows as shown [kg/h]."""
        del u
        return x[5], x[0] + x[6] + x[1] + x[7] + w[0]

    def readings(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        """Return the readings, each in its unit, in the order of their names."""
        del u
        _, total = self._feed(x, w)
        rise = total / _SECONDS_PER_HOUR / self.tanks[3] * (x[4] - x[5])
        flows, blind = (x[0] + x[6], x[1] + x[7]), (x[11] / self.excess_api, x[12] / self.excess_exc)
        return (*flows, x[5] - self.nir_delay_s * rise + x[10], x[8], x[9], x[5], *blind)

    def steady(self, u: Floats, w: Floats, measured: Mapping[str, float]) -> Floats:
        """Return the steady state that agrees with inputs and measurements.

        Parameters
        ----------
        u
            Setpoints of API and excipient, shape ``(2,)`` [kg/h].
        w
            Flow of the lubricant, shape ``(1,)`` [kg/h].
        measured
            Flows [kg/h] and concentration [%] by name; those missing or not finite are taken to agree.
        """
        api, exc = (float(v) for v in u)
        shown_api, shown_exc = _or(measured.get("api_flow"), api), _or(measured.get("exc_flow"), exc)
        shown = shown_api + shown_exc + float(w[0])
        concentration = 100.0 * shown_api / (shown + _TRACE)
        beyond = _or(measured.get("api"), concentration) - concentration
        beyond = min(max(beyond, -_FARTHEST), _FARTHEST)
        return np.array([api, exc, *[concentration] * 4, shown_api - api, shown_exc - exc, 0.0, 0.0, beyond, 0.0, 0.0])

    def _feed(self, x: Symbols, w: Symbols) -> tuple[Expression, Expression]:
        """Return the concentration fed [%] and the true total flow [kg/h]."""
        api = (x[0] + x[6]) * (1.0 + x[8] + x[11])
        total = api + (x[1] + x[7]) * (1.0 + x[9] + x[12]) + w[0]
        return 100.0 * api / (total + _TRACE), total


def _or(value: float | None, other: float) -> float:
    return value if value is not None and isfinite(value) else other
