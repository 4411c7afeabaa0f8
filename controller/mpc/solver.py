"""One loop's solver: a control problem in, a plan out, whatever the numbers are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from controller.models import ControlModel, model
from controller.models.symbolic import Compiled, ahead, outputs, vector
from controller.mpc.horizon import interpreted
from controller.mpc.linear import LinearSolver
from controller.mpc.native import native
from controller.mpc.objective import Objective
from controller.mpc.program import Program, Task, reaches
from controller.mpc.sqp import Start, recipe
from controller.plan import Plan, Problem, Status
from plant_io.clocks import stopwatch
from plant_io.signals import Floats
from policies import Loop, Mpc, SqpSettings, TransferFunction

_SLACK = 1e-4
"""Excess over a bound that is rounding and is cut off, as a share of the largest move [1]."""


class Way(Protocol):
    """A way to solve a task."""

    def solve(self, task: Task) -> tuple[Floats, str]:
        """Return the inputs, shape ``(horizon, n_u)``, units of the model, and the reason if they are no solution."""
        ...


class _Recipe:
    """The condensed program, and the whole one where the condensed one finds nothing."""

    def __init__(self, program: Program, model: ControlModel, loop: Mpc, settings: SqpSettings) -> None:
        self._program, self._max_s = program, loop.max_solve_s
        build = native if settings.compile else interpreted
        self._sqp = recipe(program.stage, loop.horizon, reaches(model, loop), settings, build)

    def solve(self, task: Task) -> tuple[Floats, str]:
        watch = stopwatch()
        start = Start(task.guess[0], task.path[0], task.path[1:], task.low, task.high, task.given)
        found = self._sqp.solve(start, lambda: watch() >= self._max_s)
        if not found.why:
            return found.run.inputs, ""
        if watch() >= self._max_s:
            return found.run.inputs, found.why
        inputs, why = self._program.solve(task)
        return inputs, why and f"{found.why}; {why}"


class Solver:
    """Solves the problems of one loop as its policy says.

    Nothing is kept from one problem to the next: a plan depends on nothing but the problem, the first guess in it
    included. Replay finds the same plan, and no earlier failure can do harm.

    Parameters
    ----------
    name
        Name of the loop.
    model
        Control model.
    loop
        What the policy says of the loop.
    """

    def __init__(self, name: str, model: ControlModel, loop: Mpc) -> None:
        self._name = name
        self._horizon = loop.horizon
        self._reach, self._objective = reaches(model, loop), Objective.of(model, loop)
        self._aimed = np.array([loop.controlled[name].target is not None for name in model.controlled])
        program = Program(model, loop)
        chosen = loop.solver
        self._way: Way = _Recipe(program, model, loop, chosen) if isinstance(chosen, SqpSettings) else program
        x, u, w = vector("x", len(model.states)), vector("u", len(model.inputs)), vector("w", len(model.known))
        self._next = Compiled([x, u, w], [ahead(model, x, u, w, loop.sample_s)])
        self._outputs = Compiled([x, u, w], [outputs(model, x, u, w)])

    def solve(self, problem: Problem) -> Plan:
        """Return the plan for one problem; a plan that is none says why."""
        if why := self._amiss(problem):
            return _failed(problem, why)
        task = self._task(problem)
        found, why = self._way.solve(task)
        if why:
            return _failed(problem, why)
        return self._plan(problem, task, found)

    def _amiss(self, problem: Problem) -> str:
        """Return what is wrong with a problem; empty if it can be solved."""
        given = (problem.state, problem.inputs, problem.known, problem.low, problem.high, problem.guess)
        limits = (problem.lowest, problem.highest)
        aims = problem.targets[..., self._aimed & self._present(problem)]
        if not all(np.isfinite(numbers).all() for numbers in (*given, *limits, aims)):
            return "the problem holds a number that is not finite"
        if (problem.low > problem.high).any():
            return "no input is permitted, the lowest is above the highest"
        return ""

    def _present(self, problem: Problem) -> NDArray[np.bool_]:
        return problem.present > 0.0 if len(problem.present) else np.ones(len(self._aimed), np.bool_)

    def _task(self, problem: Problem) -> Task:
        """Return the numbers of a problem, its guess brought within all limits, first of all back into them."""
        guess = problem.guess if len(problem.guess) == self._horizon else [problem.inputs] * self._horizon
        path = [problem.inputs]
        for wanted in guess:
            inside = np.clip(wanted, problem.low, problem.high)
            path.append(np.clip(inside, path[-1] - self._reach, path[-1] + self._reach))
        inputs = np.array(path)
        return Task(
            guess=self._roll_out(problem, inputs[1:]),
            path=inputs,
            given=self._given(problem),
            low=np.minimum(problem.low, inputs[1:]),
            high=np.maximum(problem.high, inputs[1:]),
        )

    def _given(self, problem: Problem) -> Floats:
        """Return what each sample and the end are told, shape ``(horizon + 1, n_given)``, units of the model."""
        own, tall = self._objective, self._horizon + 1
        lowest, highest = problem.lowest, problem.highest
        return own.told(
            np.broadcast_to(problem.known, (tall, own.n_w)),
            np.broadcast_to(problem.targets, (tall, len(own.y_scale))),
            (lowest if len(lowest) else own.lowest, highest if len(highest) else own.highest),
            self._present(problem).astype(np.float64),
        )

    def _roll_out(self, problem: Problem, inputs: Floats) -> Floats:
        """Return the states along `inputs`, shape ``(horizon + 1, n_x)``, units of the model."""
        states = [problem.state]
        for u in inputs:
            states.append(self._next(states[-1], u, problem.known)[0])
        return np.array(states)

    def _plan(self, problem: Problem, task: Task, found: Floats) -> Plan:
        moves, last = np.empty_like(found), problem.inputs
        for k, wanted in enumerate(found):
            near = np.clip(wanted, last - self._reach, last + self._reach)
            moves[k] = last = np.clip(near, task.low[k], task.high[k])
        if not (np.abs(moves - found) <= _SLACK * self._reach).all():  # also true where a number is none
            return _failed(problem, "the solver broke the limits of the inputs")
        states = self._roll_out(problem, moves)
        along = np.vstack([moves[:1], moves])
        predicted = np.array([self._outputs(x, u, problem.known)[0] for x, u in zip(states, along, strict=True)])
        if not np.isfinite(predicted).all():
            return _failed(problem, "the predicted outputs are not finite")
        return Plan(problem.loop, problem.number, problem.at, Status.SOLVED, moves, predicted)


def solvers(loops: Mapping[str, Loop], files: Mapping[str, bytes]) -> dict[str, Solver | LinearSolver]:
    """Return one solver for each loop.

    Parameters
    ----------
    loops
        Loops by name.
    files
        Bytes of the files the loops name.

    Raises
    ------
    ValueError
        If the identified parameters of a loop are not those of its model, or its blocks not its horizon.
    """
    return {name: _solver(name, loop, files) for name, loop in loops.items()}


def _solver(name: str, loop: Loop, files: Mapping[str, bytes]) -> Solver | LinearSolver:
    if isinstance(loop, TransferFunction):
        return LinearSolver(name, loop)
    return Solver(name, model(loop.model, files[loop.process]), loop)


def _failed(problem: Problem, why: str) -> Plan:
    return Plan(problem.loop, problem.number, problem.at, Status.FAILED, why=why)
