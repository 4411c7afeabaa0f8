"""The controllers that are compared: do-mpc as it comes, do-mpc tuned, and ours on the same do-mpc problem."""

from __future__ import annotations

from typing import Any, Protocol, cast

import numpy as np

from benchmarks import mpc_line as line
from benchmarks.mpc_problem import problem
from controller.models.symbolic import Build
from controller.mpc.domodel import stage
from controller.mpc.native import native
from controller.mpc.sqp import Sqp, Start, recipe
from policies import SqpSettings

TUNED: dict[str, object] = {
    "ipopt.tol": 1e-5,
    "ipopt.acceptable_tol": 1e-4,
    "ipopt.warm_start_init_point": "yes",
    "ipopt.warm_start_bound_push": 1e-6,
    "ipopt.warm_start_mult_bound_push": 1e-6,
    "ipopt.mu_init": 1e-4,
}


class Rival(Protocol):
    """Whoever moves the line."""

    failed: int
    """Steps without a solution [1]."""

    def step(self, state: line.Floats, before: line.Floats, given: line.Floats) -> line.Floats:
        """Return the inputs for the next sample, shape ``(4,)``, units of the line.

        Parameters
        ----------
        state
            State of the line as seen, shape ``(20,)``, units of the line.
        before
            Inputs in force, shape ``(4,)``, units of the line.
        given
            Known inputs and targets of each sample, shape ``(n + 1, 8)``, units of the line.
        """
        ...


class DoMpcRival:
    """do-mpc's own way, one `make_step` for each sample.

    Parameters
    ----------
    horizon
        Samples looked ahead [1].
    tuned
        Whether it is given the discrete model, a warm start and looser tolerances.
    """

    def __init__(self, horizon: int, *, tuned: bool = False) -> None:
        self._mpc = cast("Any", problem(horizon, discrete=tuned, options=TUNED if tuned else {}))
        self._begun = False
        self.failed = 0
        """Steps without a solution [1]."""

    def step(self, state: line.Floats, before: line.Floats, given: line.Floats) -> line.Floats:
        """Return the inputs for the next sample, shape ``(4,)``, units of the line.

        Parameters
        ----------
        state
            State of the line as seen, shape ``(20,)``, units of the line.
        before
            Inputs in force, shape ``(4,)``, units of the line.
        given
            Known inputs and targets of each sample, shape ``(n + 1, 8)``, units of the line.
        """
        mpc = self._mpc
        mpc.template["_tvp", :] = given.tolist()
        mpc.u0 = before
        if not self._begun:
            mpc.x0 = state
            mpc.set_initial_guess()
            self._begun = True
        inputs: line.Floats = np.array(mpc.make_step(state[:, None]), dtype=np.float64).ravel()
        self.failed += not mpc.solver_stats["success"]
        return inputs


class Ours:
    """The recipe on the same do-mpc problem, its continuous model discretised by Runge-Kutta.

    Parameters
    ----------
    horizon
        Samples looked ahead [1].
    settings
        As in a policy.
    build
        Compiles functions where it can.
    """

    def __init__(
        self,
        horizon: int,
        settings: SqpSettings,
        build: Build = native,
    ) -> None:
        mpc = problem(1, discrete=False, options={}, ready=False)  # every sample is made of the same
        one = stage(mpc, line.SAMPLE_S / line.SUBSTEPS)
        reach = np.full(len(line.INPUTS), np.inf)
        self._sqp: Sqp = recipe(one, horizon, reach, settings, build)
        self._limits = np.tile(line.LOW, (horizon, 1)), np.tile(line.HIGH, (horizon, 1))
        self._plan: line.Floats | None = None
        self.failed = 0
        """Steps without a solution [1]."""
        self.steps: list[int] = []
        """Quadratic programs of each sample [1]."""

    def step(self, state: line.Floats, before: line.Floats, given: line.Floats) -> line.Floats:
        """Return the inputs for the next sample, shape ``(4,)``, units of the line.

        Parameters
        ----------
        state
            State of the line as seen, shape ``(20,)``, units of the line.
        before
            Inputs in force, shape ``(4,)``, units of the line.
        given
            Known inputs and targets of each sample, shape ``(n + 1, 8)``, units of the line.
        """
        low, high = self._limits
        guess = np.tile(before, (len(low), 1)) if self._plan is None else np.vstack([self._plan[1:], self._plan[-1:]])
        found = self._sqp.solve(Start(state, before, guess, low, high, given))
        self.failed += bool(found.why)
        self.steps.append(found.steps)
        plan = self._plan = found.run.inputs
        first: line.Floats = plan[0]
        return first
