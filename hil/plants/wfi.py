"""Hot loop of water for injection: temperatures, biofilm in the branches, and what of it floats in the water.

Kinetic values are chosen, not measured. The equations run single or batched, see `hil.plants.ops`; every lag is solved
exactly, so that steps may be long.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import Generic, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hil.plants.ops import Floats, Ops, Value

BRANCHES = 4
"""Branches of the loop [1]."""

CLEAN_LOG, THICK_LOG = -2.0, 6.0
"""Least and most biofilm a branch can have [log10]."""

LIMIT_CFU_ML = 0.1
"""Floating germs at which water is out of limits: 10 in 100 mL [CFU/mL]."""

HEAT_J_M3_K = 4.07e6
"""Heat capacity of water at 80 degC [J/m3/K]."""

PIPE_M2 = 1.735e-3
"""Cross-section of the loop, 47 mm wide [m2]."""

TANK_M3 = 3.0
"""Volume of the full tank [m3]."""

_LOOP_M3, _BRANCH_M3 = 200.0 * PIPE_M2, 0.010
_LOOP_W_K, _BRANCH_W_K, _TANK_W_K = 60.0, 12.0, 15.0
_COLDEST_C, _BEST_C, _HOTTEST_C, _GROWTH_1_S = 5.0, 35.0, 52.0, 0.12 / 3600.0
_DECIMAL_S, _DECIMAL_C, _DECIMAL_K = 120.0, 70.0, 9.0
_SHED_1_ML, _MOST_CFU_ML = 0.1, 1e7
_EXCHANGER_W, _EXCHANGER_TAU_S, _VALVE_TAU_S = 60e3, 60.0, 5.0
_LEVEL, _LEVEL_GAIN_M3_S, _MAKE_UP_M3_S, _MAKE_UP_C = 0.70, 0.01, 0.6e-3, 85.0
_TOC_PPB, _TOC_FILM_PPB = 20.0, 1e-4
_STILL_M3_S = 1e-7
_SHORT = 1e-5


def cooled(ops: Ops[Value], inlet: Value, ambient: Value, loss: Value, flow: Value) -> Value:
    """Return the temperature at the end of a pipe [degC].

    Parameters
    ----------
    ops
        Operations.
    inlet
        Temperature at its beginning [degC].
    ambient
        Temperature around it [degC].
    loss
        Heat loss of the pipe [W/K].
    flow
        Flow through it [m3/s]; a standing pipe is as good as cold.

    Examples
    --------
    >>> from hil.plants.ops import SINGLE
    >>> round(cooled(SINGLE, 80.0, 22.0, 12.0, 0.05e-3), 1)
    76.7
    """
    return ambient + (inlet - ambient) * ops.exp(-loss / (ops.maximum(flow, _STILL_M3_S) * HEAT_J_M3_K))


def growth(ops: Ops[Value], t: Value) -> Value:
    """Return the growth rate of the germs [1/s].

    Parameters
    ----------
    ops
        Operations.
    t
        Temperature [degC].

    References
    ----------
    L. Rosso, J. R. Lobry and J. P. Flandrois, "An unexpected correlation between cardinal temperatures of microbial
    growth highlighted by a new model", J. Theor. Biol. 162(4), 1993, doi:10.1006/jtbi.1993.1099.
    """
    t = ops.clip(t, _COLDEST_C, _HOTTEST_C)
    width = _BEST_C - _COLDEST_C
    slope = width * (t - _BEST_C) - (_BEST_C - _HOTTEST_C) * (_BEST_C + _COLDEST_C - 2.0 * t)
    return _GROWTH_1_S * (t - _HOTTEST_C) * (t - _COLDEST_C) * (t - _COLDEST_C) / (width * slope)


def killing(ops: Ops[Value], t: Value) -> Value:
    """Return the rate at which heat kills the germs [1/s]: one decade in 2 min at 70 degC, ten times faster per 9 K.

    Parameters
    ----------
    ops
        Operations.
    t
        Temperature [degC].
    """
    return log(10.0) / _DECIMAL_S * ops.exp(log(10.0) / _DECIMAL_K * (t - _DECIMAL_C))


def settled(ops: Ops[Value], x: Value, source: Value, loss: Value, dt: float) -> Value:
    """Return the solution of ``dx/dt = source - loss x`` one step on, in the unit of `x`; exact for any sign of `loss`.

    Parameters
    ----------
    ops
        Operations.
    x
        State now, unit of the process.
    source
        Source, unit of the process per second.
    loss
        Rate of loss [1/s].
    dt
        Step [s].
    """
    step = loss * dt
    short = step * step < _SHORT * _SHORT
    safe = ops.where(short, 1.0 + 0.0 * step, step)
    held = ops.where(short, 1.0 - 0.5 * step, (1.0 - ops.exp(-safe)) / safe)
    return x * ops.exp(-step) + source * dt * held


class LoopSkew(NamedTuple, Generic[Value]):
    """How this loop differs from the nominal one."""

    loss: Value
    """True over nominal heat loss of the loop [1]."""
    branch_loss: Sequence[Value]
    """True over nominal heat loss of each branch [1]."""
    growth: Value
    """True over nominal growth rate [1]."""
    killing: Value
    """True over nominal killing rate [1]."""


class LoopRun(NamedTuple, Generic[Value]):
    """How the loop is run."""

    supply: Value
    """Supply temperature wanted [degC]."""
    flow: Value
    """Flow of the loop wanted [m3/s]."""
    branches: Sequence[Value]
    """Flow of each branch wanted [m3/s]."""
    ambient: Value
    """Temperature around [degC]."""
    use: Value
    """Flow drawn by the users [m3/s]."""
    exchange: Value
    """Share of the heat exchanger's power that is left, to heat or to cool [1]."""
    chill: Sequence[Value]
    """Share of its warmth that the coldest place of each branch lacks [1]."""
    organics: Value
    """Organic carbon that the still lets through [ppb]."""


class Loop(Generic[Value]):
    """The loop with its water, clean and settled at the start.

    Parameters
    ----------
    ops
        Operations.
    skew
        How it differs from the nominal one.
    run
        How it is run at the start.
    """

    __slots__ = (
        "_ops", "_skew", "biofilm", "branch_flows", "branches", "carbon", "flow", "germs", "made", "returned", "supply",
        "tank", "used", "water",
    )  # fmt: skip

    def __init__(self, ops: Ops[Value], skew: LoopSkew[Value], run: LoopRun[Value]) -> None:
        self._ops: Ops[Value] = ops
        self._skew: LoopSkew[Value] = skew
        nothing = 0.0 * run.flow
        self.flow: Value = run.flow
        """Flow of the loop [m3/s]."""
        self.branch_flows: list[Value] = list(run.branches)
        """Flow of each branch [m3/s]."""
        self.supply: Value = run.supply
        """Supply temperature [degC]."""
        self.branches: list[Value] = self._branch_targets(run)
        """Temperature at the end of each branch [degC]."""
        self.returned: Value = self._return_target(run)
        """Return temperature [degC]."""
        self.water: Value = nothing + TANK_M3 * _LEVEL - run.use * TANK_M3 / _LEVEL_GAIN_M3_S
        """Water in the tank [m3]."""
        self.tank: Value = self._tank_target(run, run.use)
        """Temperature of the tank [degC]."""
        self.biofilm: list[Value] = [nothing + CLEAN_LOG for _ in run.branches]
        """Biofilm in each branch [log10]."""
        self.germs: Value = nothing
        """Germs floating in the water [CFU/mL]."""
        self.carbon: Value = nothing + _TOC_PPB
        """Organic carbon without what the biofilm adds [ppb]."""
        self.made: Value = nothing
        """Water made since the start [m3]."""
        self.used: Value = nothing
        """Water used since the start [m3]."""

    @property
    def organics(self) -> Value:
        """Return the organic carbon in the water, biofilm included [ppb]."""
        return self.carbon + _TOC_FILM_PPB * self._shed([1.0 + 0.0 * one for one in self.biofilm])

    def step(self, dt: float, run: LoopRun[Value]) -> None:
        """Run the loop for one step.

        Parameters
        ----------
        dt
            Step [s].
        run
            How it is run.
        """
        keep = exp(-dt / _VALVE_TAU_S)
        self.flow = run.flow + (self.flow - run.flow) * keep
        pairs = zip(self.branch_flows, run.branches, strict=True)
        self.branch_flows = [wanted + (now - wanted) * keep for now, wanted in pairs]
        self._warm(dt, run)
        made = self._make_up()
        drawn = self._ops.minimum(run.use, self.water / dt)
        self._soak(dt, run, drawn)
        fresh = self._ops.exp(-dt * made / (self.water + _LOOP_M3))
        source = _TOC_PPB + run.organics
        self.carbon = source + (self.carbon - source) * fresh
        self.water = self.water + dt * (made - drawn)
        self.made = self.made + dt * made
        self.used = self.used + dt * drawn

    def _warm(self, dt: float, run: LoopRun[Value]) -> None:
        ops = self._ops
        rise = run.exchange * _EXCHANGER_W / (ops.maximum(self.flow, _STILL_M3_S) * HEAT_J_M3_K)
        supply = ops.maximum(ops.minimum(run.supply, self.tank + rise), self.tank - rise)
        self.supply = supply + (self.supply - supply) * exp(-dt / _EXCHANGER_TAU_S)
        targets = self._branch_targets(run)
        for i, (target, flow) in enumerate(zip(targets, self.branch_flows, strict=True)):
            leak = _BRANCH_W_K / HEAT_J_M3_K * self._skew.branch_loss[i]
            self.branches[i] = target + (self.branches[i] - target) * ops.exp(-dt * (flow + leak) / _BRANCH_M3)
        target = self._return_target(run)
        leak = _LOOP_W_K / HEAT_J_M3_K * self._skew.loss
        self.returned = target + (self.returned - target) * ops.exp(-dt * (self.flow + leak) / _LOOP_M3)
        made = self._make_up()
        target = self._tank_target(run, made)
        self.tank = target + (self.tank - target) * ops.exp(-dt * self._tank_exchange(run, made) / self.water)

    def _soak(self, dt: float, run: LoopRun[Value], drawn: Value) -> None:
        ops, skew = self._ops, self._skew
        for i, (film, warm) in enumerate(zip(self.biofilm, self.branches, strict=True)):
            coldest = warm - run.chill[i] * (warm - run.ambient)
            grown = skew.growth * growth(ops, coldest) - skew.killing * killing(ops, coldest)
            self.biofilm[i] = ops.clip(film + dt * grown / log(10.0), CLEAN_LOG, THICK_LOG)
        volume = self.water + _LOOP_M3
        lost = drawn / volume + skew.killing * killing(ops, self.tank) - skew.growth * growth(ops, self.tank)
        source = _SHED_1_ML * self._shed(self.branch_flows) / volume
        self.germs = ops.minimum(settled(ops, self.germs, source, lost, dt), _MOST_CFU_ML)

    def _shed(self, weights: Sequence[Value]) -> Value:
        total = 0.0 * self.germs
        for film, weight in zip(self.biofilm, weights, strict=True):
            total = total + weight * self._ops.exp(log(10.0) * film)
        return total

    def _make_up(self) -> Value:
        return self._ops.clip(_LEVEL_GAIN_M3_S * (_LEVEL - self.water / TANK_M3), 0.0, _MAKE_UP_M3_S)

    def _branch_targets(self, run: LoopRun[Value]) -> list[Value]:
        pairs = zip(self.branch_flows, self._skew.branch_loss, strict=True)
        return [cooled(self._ops, self.supply, run.ambient, _BRANCH_W_K * loss, flow) for flow, loss in pairs]

    def _return_target(self, run: LoopRun[Value]) -> Value:
        ops = self._ops
        straight = self.flow
        for flow in self.branch_flows:
            straight = straight - flow
        straight = ops.maximum(straight, _STILL_M3_S)
        heat, total = straight * self.supply, straight
        for flow, warm in zip(self.branch_flows, self.branches, strict=True):
            heat, total = heat + flow * warm, total + flow
        return cooled(ops, heat / total, run.ambient, _LOOP_W_K * self._skew.loss, self.flow)

    def _tank_exchange(self, run: LoopRun[Value], made: Value) -> Value:
        return self._ops.maximum(self.flow - run.use, 0.0) + made + _TANK_W_K / HEAT_J_M3_K

    def _tank_target(self, run: LoopRun[Value], made: Value) -> Value:
        back = self._ops.maximum(self.flow - run.use, 0.0)
        lost = _TANK_W_K / HEAT_J_M3_K * run.ambient
        return (back * self.returned + made * _MAKE_UP_C + lost) / self._tank_exchange(run, made)


def exceedances(germs: Floats, ahead: int) -> NDArray[np.bool_]:
    """Return whether the water goes out of limits within a horizon, for every sample with its whole horizon known.

    Parameters
    ----------
    germs
        Floating germs at even times [CFU/mL], shape ``(n,)``.
    ahead
        Samples in the horizon, for five days as many as there are in five days.

    Returns
    -------
    NDArray[np.bool_]
        Shape ``(n - ahead,)``.

    Examples
    --------
    >>> exceedances(np.array([0.0, 0.0, 0.2, 0.0, 0.0]), 2).tolist()
    [True, True, False]
    """
    return np.asarray(sliding_window_view(germs[1:], ahead).max(axis=1) > LIMIT_CFU_ML)
