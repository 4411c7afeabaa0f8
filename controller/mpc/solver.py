"""One loop's solver: a control problem in, a plan out, whatever the numbers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from controller.models import ControlModel, plants
from controller.models.symbolic import ahead, casadi, outputs, vector
from controller.mpc.horizon import Kernel, interpreted
from controller.mpc.linear import LinearSolver
from controller.mpc.native import native
from controller.mpc.objective import Objective
from controller.mpc.prices import bindings
from controller.mpc.program import SHARE, Answer, Program, Task, reaches
from controller.mpc.sqp import Start, recipe
from controller.plan import Plan, Problem, Status
from plant_io.clocks import stopwatch
from plant_io.flags import every, finite, some
from plant_io.signals import Floats
from policies import Loop, Mpc, SqpSettings, TransferFunction

_SLACK = 1e-4
"""Excess over a bound that is rounding and is cut off, as a share of the largest move [1]."""


class Way(Protocol):
    """A way to solve a task."""

    def solve(self, task: Task) -> Answer:
        """Return the inputs of the best plan, or why there is none."""
        ...


class _Recipe:
    """The condensed program, and the whole one where the condensed one finds nothing."""

    def __init__(self, program: Program, model: ControlModel, loop: Mpc, settings: SqpSettings) -> None:
        self._program, self._max_s = program, SHARE * loop.max_solve_s
        build = native if settings.compile else interpreted
        self._sqp = recipe(program.stage, loop.horizon, reaches(model, loop), settings, build)

    def solve(self, task: Task) -> Answer:
        watch = stopwatch()
        start = Start(task.state, task.path[0], task.path[1:], task.low, task.high, task.given)
        found = self._sqp.solve(start, lambda: self._max_s - watch())
        if not found.why:
            return Answer(found.run.inputs, "", found.prices)
        answer = self._program.solve(task)
        return replace(answer, why=answer.why and f"{found.why}; {answer.why}")


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
    others
        Further plants that a plan is to hold for; with any, IPOPT solves.
    at_once
        Whether IPOPT is made now, not where the condensed program first finds nothing.
    """

    def __init__(
        self, name: str, model: ControlModel, loop: Mpc, others: Sequence[ControlModel] = (), *, at_once: bool = True
    ) -> None:
        self._name, self._names = name, (tuple(model.inputs), tuple(model.controlled))
        self._horizon = loop.horizon
        self._reach, self._objective = reaches(model, loop), Objective.of(model, loop)
        self._aimed = np.array([loop.controlled[name].target is not None for name in model.controlled])
        program = Program(model, loop, others)
        if at_once:
            program.make()
        way = program if others else loop.solver
        self._way: Way = _Recipe(program, model, loop, way) if isinstance(way, SqpSettings) else program
        x, u, w = vector("x", len(model.states)), vector("u", len(model.inputs)), vector("w", len(model.known))
        step = casadi().Function("step", [x, u, w], [casadi().densify(ahead(model, x, u, w, loop.sample_s))])
        shown = casadi().Function("shown", [x, u, w], [casadi().densify(outputs(model, x, u, w))])
        self._along = Kernel(step.mapaccum("along", loop.horizon))
        self._outputs = Kernel(shown.map(loop.horizon + 1, "serial"))

    def solve(self, problem: Problem) -> Plan:
        """Return the plan for one problem; a plan that is none says why."""
        if why := self._amiss(problem):
            return _failed(problem, why)
        task = self._task(problem)
        found = self._way.solve(task)
        if found.why:
            return _failed(problem, found.why)
        return self._plan(problem, task, found)

    def held(self, problem: Problem) -> Floats:
        """Return the outputs if every input stays where it is, shape ``(horizon + 1, n_y)``, units of the model."""
        return self._predicted(problem, np.tile(problem.inputs, (self._horizon, 1)))

    def _amiss(self, problem: Problem) -> str:
        """Return what is wrong with a problem; empty if it can be solved."""
        given = (problem.state, problem.inputs, problem.known, problem.low, problem.high, problem.guess)
        limits = (problem.lowest, problem.highest)
        aims = problem.targets[..., self._aimed & self._present(problem)]
        if not all(finite(numbers) for numbers in (*given, *limits, aims)):
            return "the problem holds a number that is not finite"
        if some(problem.low > problem.high):
            return "no input is permitted, the lowest is above the highest"
        return ""

    def _present(self, problem: Problem) -> NDArray[np.bool_]:
        return problem.present > 0.0 if len(problem.present) else np.ones(len(self._aimed), np.bool_)

    def _task(self, problem: Problem) -> Task:
        """Return the numbers of a problem, its guess brought within all limits, first of all back into them."""
        guess = problem.guess if len(problem.guess) == self._horizon else np.tile(problem.inputs, (self._horizon, 1))
        inside = _between(guess, problem.low, problem.high)
        inputs = inside if self._reached(problem.inputs, inside) else self._followed(problem.inputs, inside)
        return Task(
            state=problem.state,
            guess=lambda: self._roll_out(problem, inputs),
            path=np.concatenate([problem.inputs[None], inputs]),
            given=self._given(problem),
            low=np.minimum(problem.low, inputs),
            high=np.maximum(problem.high, inputs),
        )

    def _reached(self, before: Floats, inputs: Floats) -> bool:
        """Return whether no input moves further from one sample to the next than is permitted."""
        earlier = np.concatenate([before[None], inputs[:-1]])
        return every((earlier - self._reach <= inputs) & (inputs <= earlier + self._reach))

    def _followed(self, before: Floats, inputs: Floats) -> Floats:
        """Return inputs that follow others as fast as is permitted, shape ``(horizon, n_u)``, units of the model."""
        path = [before]
        for wanted in inputs:
            path.append(_between(wanted, path[-1] - self._reach, path[-1] + self._reach))
        return np.array(path[1:])

    def _given(self, problem: Problem) -> Floats:
        """Return what each sample and the end are told, shape ``(horizon + 1, n_given)``, units of the model."""
        own = self._objective
        lowest, highest = problem.lowest, problem.highest
        return own.told(
            self._known(problem),
            self._spread(problem.targets),
            (lowest if len(lowest) else own.lowest, highest if len(highest) else own.highest),
            self._present(problem).astype(np.float64),
        )

    def _known(self, problem: Problem) -> Floats:
        """Return the known inputs of each sample and of the end, shape ``(horizon + 1, n_w)``, units of the model."""
        return self._spread(problem.known)

    def _spread(self, given: Floats) -> Floats:
        """Return what is given for each sample and the end, or once for all of them, shape ``(horizon + 1, n)``."""
        return given if given.ndim > 1 else given[None].repeat(self._horizon + 1, axis=0)

    def _roll_out(self, problem: Problem, inputs: Floats) -> Floats:
        """Return the states along `inputs`, shape ``(horizon + 1, n_x)``, units of the model."""
        state, moved, known = self._along.arguments
        state[:], moved[:], known[:] = problem.state, inputs, self._known(problem)[:-1]
        self._along.run()
        return np.concatenate([state, self._along.results[0]])

    def _predicted(self, problem: Problem, inputs: Floats) -> Floats:
        """Return the outputs along `inputs`, shape ``(horizon + 1, n_y)``, units of the model."""
        states, moved, known = self._outputs.arguments
        states[:], moved[0], moved[1:] = self._roll_out(problem, inputs), inputs[0], inputs
        known[:] = self._known(problem)
        self._outputs.run()
        return self._outputs.results[0].copy()

    def _plan(self, problem: Problem, task: Task, found: Answer) -> Plan:
        moves = self._permitted(problem, task, found.inputs)
        if not every(np.abs(moves - found.inputs) <= _SLACK * self._reach):  # also true where a number is none
            return _failed(problem, "the solver broke the limits of the inputs")
        predicted = self._predicted(problem, moves)
        if not finite(predicted):
            return _failed(problem, "the predicted outputs are not finite")
        active = () if found.prices is None else bindings(found.prices, self._objective, *self._names)
        return Plan(problem.loop, problem.number, problem.at, Status.SOLVED, moves, predicted, active=active)

    def _permitted(self, problem: Problem, task: Task, inputs: Floats) -> Floats:
        """Return inputs with what is rounding cut off, shape ``(horizon, n_u)``, units of the model."""
        within = (task.low <= inputs) & (inputs <= task.high)
        if every(within) and self._reached(problem.inputs, inputs):
            return inputs
        moves, last = np.empty_like(inputs), problem.inputs
        for k, wanted in enumerate(inputs):
            near = _between(wanted, last - self._reach, last + self._reach)
            moves[k] = last = _between(near, task.low[k], task.high[k])
        return moves


def _between(values: Floats, low: Floats, high: Floats) -> Floats:
    """Return values brought within limits, all in one unit; `numpy.clip` takes far longer for a few."""
    return np.minimum(np.maximum(values, low), high)


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
    return {name: _solver(name, loop, files, at_once=True) for name, loop in loops.items()}


def solvers_in_line(loops: Mapping[str, Loop], files: Mapping[str, bytes]) -> dict[str, Solver | LinearSolver]:
    """Return the same, begun sooner: IPOPT is made where it is first needed, and time stands still meanwhile.

    Where time goes on nobody may have to wait for that in the middle of a run.

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
    return {name: _solver(name, loop, files, at_once=False) for name, loop in loops.items()}


def _solver(name: str, loop: Loop, files: Mapping[str, bytes], *, at_once: bool) -> Solver | LinearSolver:
    if isinstance(loop, TransferFunction):
        return LinearSolver(name, loop)
    first, *others = plants(loop, files)
    return Solver(name, first, loop, others, at_once=at_once)


def _failed(problem: Problem, why: str) -> Plan:
    return Plan(problem.loop, problem.number, problem.at, Status.FAILED, why=why)
