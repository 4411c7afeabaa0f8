"""Sequential quadratic programming along a roll-out: every iterate is a plan, and none is worse than the one before.

M. Diehl, H. G. Bock and J. P. Schlöder, "A real-time iteration scheme for nonlinear optimization in optimal feedback
control", SIAM J. Control Optim. 43(5), 2005, doi:10.1137/S0363012902400713, has the idea of few steps a sample; unlike
there, every sample begins with a roll-out from the newest estimate and every step is searched along its line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from controller.models.symbolic import Build
from controller.mpc.condense import Condenser, spread
from controller.mpc.horizon import Horizon, Run
from controller.mpc.prices import Prices
from controller.mpc.qp import solve, solved
from controller.mpc.stage import Stage
from plant_io.signals import Floats
from policies import SqpSettings

_SHARES = (1.0, 0.5, 0.25, 0.1)
_ENOUGH = 1e-4
"""Least share of the predicted gain a step must bring [1]."""
_STUCK = 1e-2
"""Predicted gain, as a share of the cost, from which a first step that brings none is a failure [1]."""
_NOTHING = 1e-3
"""Cost that is as good as none, in squared scales [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Where and within what a plan is sought."""

    state: Floats
    """States at the beginning, shape ``(n_x,)``, units of the model."""
    before: Floats
    """Inputs in force, shape ``(n_u,)``, units of the model."""
    inputs: Floats
    """First guess, within all limits, shape ``(n, n_u)``, units of the model."""
    low: Floats
    """Lowest inputs, shape ``(n, n_u)``, units of the model."""
    high: Floats
    """Highest inputs, shape ``(n, n_u)``, units of the model."""
    given: Floats
    """What is given for each sample and for the end, shape ``(n + 1, n_p)``, units of the model."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was found."""

    run: Run
    """The plan, rolled out."""
    steps: int
    """Quadratic programs solved [1]."""
    gain: float
    """By how much the last step missed what was predicted of it, as a share of the cost [1]; the next gains less."""
    why: str = ""
    """Why it is not to be followed; empty if it is."""
    prices: Prices | None = None
    """What the limits cost it, by the last quadratic program; None where there was none."""


@dataclass(frozen=True, slots=True)
class Sqp:
    """A solver of one problem.

    Parameters
    ----------
    horizon
        What is repeated.
    condenser
        Makes quadratic programs of it.
    steps
        Most quadratic programs solved for one plan [1].
    tolerance
        Share of the cost by which the last step may have missed what was predicted of it [1].
    """

    horizon: Horizon
    """What is repeated."""
    condenser: Condenser
    """Makes quadratic programs of it."""
    steps: int
    """Most quadratic programs solved for one plan [1]."""
    tolerance: float
    """Share of the cost by which the last step may have missed what was predicted of it [1]."""

    def solve(self, start: Start, left_s: Callable[[], float] = lambda: inf) -> Found:
        """Return the best plan found.

        Parameters
        ----------
        start
            Where and within what it is sought.
        left_s
            Gives the wall time that is left [s].
        """
        with np.errstate(all="ignore"):  # what is not finite is seen, and is no plan
            run = self.horizon.roll(start.state, start.inputs, start.before, start.given)
            if not np.isfinite(run.cost):
                return Found(run, 0, np.inf, "the model leads nowhere finite")
            return self._improve(start, run, left_s)

    def _improve(self, start: Start, run: Run, left_s: Callable[[], float]) -> Found:
        gain, step, prices = np.inf, 0, None
        while step < self.steps and gain > self.tolerance and (time_s := left_s()) > 0.0:
            problem = self.condenser.quadratic(run, (start.low, start.high), start.given)
            found = solved(problem, time_s) if problem.finite else None
            if found is None:
                return Found(run, step, gain, "" if step else "the quadratic program has no solution", prices)
            step, prices = step + 1, self.condenser.prices(found)
            predicted = -problem.cost(found.d)
            better = self._search(start, run, found.d, predicted)
            if better is None:
                gain = predicted / _size(run)
                why = "" if step > 1 or gain <= _STUCK else "no step makes it better"
                return Found(run, step, gain, why, prices)
            gain = abs(run.cost - better.cost - predicted) / _size(better)
            run = better
        return Found(run, step, gain, "" if step else "there was no time for a single step", prices)

    def _search(self, start: Start, run: Run, d: Floats, predicted: float) -> Run | None:
        """Return the first run along a step that is better, None if none is."""
        for share in _SHARES:
            inputs = np.minimum(np.maximum(self.condenser.corrected(run.inputs, share * d), start.low), start.high)
            tried = self.horizon.roll(start.state, inputs, start.before, start.given)
            if tried.cost < run.cost - _ENOUGH * share * max(predicted, 0.0):
                return tried
        return None


def _size(run: Run) -> float:
    return max(abs(run.cost), _NOTHING)


def recipe(stage: Stage, length: int, reach: Floats, settings: SqpSettings, build: Build) -> Sqp:
    """Return a solver of a stage repeated.

    Parameters
    ----------
    stage
        One sample.
    length
        Number of samples [1].
    reach
        Largest move of each input in one sample, infinite where any is permitted, shape ``(n_u,)``, units of the model.
    settings
        What the policy says of it.
    build
        Compiles functions where it can.

    Raises
    ------
    ValueError
        If the blocks do not make up the horizon.
    """
    blocks = settings.blocks or spread(length)
    if sum(blocks) != length:
        raise ValueError(f"blocks: found {sum(blocks)} samples in all, expected {length}")
    horizon = Horizon(stage, length, build)
    made = Sqp(horizon, Condenser(horizon, blocks, reach), settings.most, settings.tolerance)
    _warm_up(made)
    return made


def _warm_up(sqp: Sqp) -> None:
    """Go through every motion once, so that the first problem that matters finds everything loaded."""
    horizon, condenser = sqp.horizon, sqp.condenser
    n, stage = horizon.length, horizon.stage
    state, inputs, given = np.ones(horizon.n_x), np.ones((n, horizon.n_u)), np.ones((n + 1, stage.p.shape[0]))
    with np.errstate(all="ignore"):  # nothing is asked of the numbers
        run = horizon.roll(state, inputs, inputs[0], given)
        problem = condenser.quadratic(run, (inputs, inputs), given)
        n_d = len(problem.hessian)
        flat = replace(problem, hessian=np.eye(n_d), gradient=np.zeros(n_d))
        flat = replace(flat, soft=np.ones_like(problem.soft), room=np.full(len(problem.room), -1.0))
        solve(flat)
        horizon.roll(state, condenser.corrected(inputs, np.zeros(n_d)), inputs[0], given)
