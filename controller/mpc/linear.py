"""The solver of a loop with a matrix of transfer functions: one quadratic program, condensed once and for all.

C. R. Cutler and B. L. Ramaker, "Dynamic matrix control, a computer control algorithm", Joint Automatic Control Conf.,
1980, doi:10.1109/JACC.1980.4232009, has the idea: the answers to steps of the inputs are all that is needed, and they
never change. The cost is that of `controller.mpc.program`; what is left free goes to where the inputs rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.models.transfer import Transfer
from controller.mpc.condense import spread
from controller.mpc.linear_aim import Aim
from controller.mpc.linear_answers import Answers
from controller.mpc.linear_prices import Rows, bindings
from controller.mpc.qp import Quadratic, Solution, solved
from controller.plan import Plan, Problem, Status
from plant_io.signals import Floats
from plant_io.sums import applied, product
from policies import TransferFunction
from policies.units import convert, difference

_PENALTY = 100.0
"""Cost of leaving the limits of the lowest rank by one scale, in squared scales [1]."""
_RANKS = 100.0
"""Cost of the limits of one rank relative to those of the next [1]."""
_PULL = 0.01
"""Cost of one scale away from where an input is to rest, in squared scales of the controlled variables [1]."""
_LEAST = 1e-9
_ROOM = 1e6
"""Room within limits that do not count, in scales [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class _Soft:
    """Limits of controlled variables, those only that inputs can do something about."""

    rows: Floats
    """Slopes, shape ``(s, n_z)``."""
    which: tuple[list[int], list[int]]
    """Sample after the first instant, and controlled variable, of each."""
    sides: Floats
    """1 for an upper limit, -1 for a lower one, shape ``(s,)`` [1]."""
    limits: Floats
    """The limits, shape ``(s,)``, units of the model."""
    weights: Floats
    """Cost of each scale beyond, shape ``(s,)`` [1]."""

    def within(self, problem: Problem) -> Floats:
        """Return the limits of a problem, those of the policy where it has none, shape ``(s,)``, units of the model."""
        if not len(problem.lowest):
            return self.limits
        return np.where(self.sides > 0.0, problem.highest[self.which[1]], problem.lowest[self.which[1]])


class LinearSolver:
    """Solves the problems of one loop; nothing is kept from one problem to the next.

    Parameters
    ----------
    name
        Name of the loop.
    loop
        What the policy says of the loop.
    """

    def __init__(self, name: str, loop: TransferFunction) -> None:
        # Known inputs enter in the units of their tags, which nothing here needs to know.
        model = Transfer(loop, dict.fromkeys(loop.known, "1"))
        self._name, self._horizon, self._longest_s = name, loop.horizon, loop.max_solve_s
        self._answers, self._aim = Answers.of(model, loop), Aim.of(model, loop)
        moved = [(loop.moved[n], unit) for n, unit in model.inputs.items()]
        self._reach = np.array([difference(one.max_move, one.unit, unit) for one, unit in moved])
        self._unit = self._aim.unit / loop.move_weight**0.5
        self._lengths = np.array(loop.blocks or spread(loop.horizon))
        self._starts = np.cumsum([0, *self._lengths[:-1]])
        blocks, n_u = len(self._lengths), len(moved)
        self._scaled = self._answers.of_blocks(self._starts.tolist(), self._unit)
        self._scaled /= np.tile(self._aim.scale, loop.horizon)[:, None]
        self._differ = np.asarray(np.kron(np.eye(blocks) - np.eye(blocks, k=-1), np.eye(n_u)), dtype=np.float64)
        self._pull = _PULL * np.outer(self._lengths, self._aim.rests) / loop.move_weight**0.5
        moves = product(self._differ.T, self._differ) + np.diag((self._pull / loop.move_weight**0.5).ravel())
        self._moves_hessian = 2.0 * moves + _LEAST * np.eye(blocks * n_u)
        self._soft = _soft(model, loop, self._scaled)
        self._hessians: dict[bytes, Floats] = {}
        self._rows = Rows(
            (tuple(model.inputs), tuple(model.controlled)),
            self._lengths,
            loop.move_weight**0.5,
            (self._soft.which[0], self._soft.which[1], self._soft.sides),
        )
        rest, none = np.zeros(n_u), np.zeros(len(model.known))
        wanted = np.zeros(len(model.controlled))
        # Once through every motion, so that the first problem that matters finds everything loaded.
        self.solve(Problem(name, 0, 0.0, model.steady(rest, none, {}), rest, none, wanted, rest - 1.0, rest + 1.0))

    def solve(self, problem: Problem) -> Plan:
        """Return the plan for one problem; a plan that is none says why."""
        given = (problem.state, problem.inputs, problem.known, problem.low, problem.high)
        if not all(np.isfinite(numbers).all() for numbers in given):
            return _failed(problem, "the problem holds a number that is not finite")
        if (problem.low > problem.high).any():
            return _failed(problem, "no input is permitted, the lowest is above the highest")
        low, high = self._limits(problem)
        alone = self._answers.alone(problem.state, np.concatenate([problem.inputs, problem.known]))
        program = self._program(problem, alone, (low, high))
        found = solved(program, self._longest_s) if program.finite else None
        if found is None:
            return _failed(problem, "the quadratic program has no solution")
        return self._plan(problem, alone, found, (low, high))

    def held(self, problem: Problem) -> Floats:
        """Return the outputs if every input stays where it is, shape ``(horizon + 1, n_y)``, units of the model."""
        return self._answers.alone(problem.state, np.concatenate([problem.inputs, problem.known]))

    def _limits(self, problem: Problem) -> tuple[Floats, Floats]:
        """Return lowest and highest inputs of each block, wide enough to come back from beyond, shape ``(b, n_u)``."""
        low, high, at = list[Floats](), list[Floats](), problem.inputs
        for _ in self._lengths:
            at = np.clip(np.clip(at, problem.low, problem.high), at - self._reach, at + self._reach)
            low.append(np.minimum(problem.low, at))
            high.append(np.maximum(problem.high, at))
        return np.array(low), np.array(high)

    def _program(self, problem: Problem, alone: Floats, limits: tuple[Floats, Floats]) -> Quadratic:
        wanted, soft = problem.targets, self._soft
        counts = problem.present > 0.0 if len(problem.present) else np.ones(len(wanted), dtype=np.bool_)
        there = np.isfinite(wanted) & counts
        off = np.where(there, (alone[1:] - np.where(there, wanted, 0.0)) / self._aim.scale, 0.0)
        slope = 2.0 * applied(self._scaled.T, off.ravel())
        if self._aim.rests.any() and counts.all():  # what is without evidence is not to be led away by a rest
            rest = self._aim.find(problem, wanted, (problem.low, problem.high))
            slope += 2.0 * (self._pull * (problem.inputs - rest) / self._aim.unit).ravel()
        reach = np.tile(self._reach / self._unit, len(self._lengths))
        low, high = ((limit - problem.inputs) / self._unit for limit in limits)
        at, variable = soft.which
        beyond = soft.sides * (alone[1:][at, variable] - soft.within(problem)) / self._aim.scale[variable]
        return Quadratic(
            hessian=self._hessian(there),
            gradient=slope,
            low=np.concatenate([low.ravel(), -reach]),
            high=np.concatenate([high.ravel(), reach]),
            hard=self._differ,
            soft=soft.rows,
            room=np.where(counts[variable], -beyond, _ROOM),
            weights=soft.weights,
            each=max(1, len(soft.weights) // self._horizon),
        )

    def _hessian(self, there: NDArray[np.bool_]) -> Floats:
        """Return the curvature with targets for some controlled variables, found once."""
        key = there.tobytes()
        if key not in self._hessians:
            rows = self._scaled[np.tile(there, self._horizon)]
            self._hessians[key] = 2.0 * product(rows.T, rows) + self._moves_hessian
        return self._hessians[key]

    def _plan(self, problem: Problem, alone: Floats, found: Solution, limits: tuple[Floats, Floats]) -> Plan:
        blocks, at = problem.inputs + found.d.reshape(len(self._lengths), -1) * self._unit, problem.inputs
        for k, wanted in enumerate(blocks):
            near = np.clip(wanted, at - self._reach, at + self._reach)
            blocks[k] = at = np.clip(near, limits[0][k], limits[1][k])
        moved = ((blocks - problem.inputs) / self._unit).ravel()
        outputs = alone.copy()
        outputs[1:] += applied(self._scaled, moved).reshape(self._horizon, -1) * self._aim.scale
        if not (np.isfinite(blocks).all() and np.isfinite(outputs).all()):
            return _failed(problem, "the plan holds a number that is not finite")
        moves = np.repeat(blocks, self._lengths, axis=0)
        active = bindings(self._rows, found.hard, found.soft)
        return Plan(problem.loop, problem.number, problem.at, Status.SOLVED, moves, outputs, active=active)


def _soft(model: Transfer, loop: TransferFunction, scaled: Floats) -> _Soft:
    declared = [loop.controlled[name] for name in model.controlled]
    lowest = max((one.rank for one in declared), default=1)
    ends = [(-1.0, 0), (1.0, 1)]
    found = [
        (at, side, convert(one.limits[end], one.unit, unit), _PENALTY * _RANKS ** (lowest - one.rank))
        for at in np.flatnonzero(scaled.any(axis=1)).tolist()
        for one, unit in [(declared[at % len(declared)], list(model.controlled.values())[at % len(declared)])]
        if one.limits is not None
        for side, end in ends
    ]
    rows = [at for at, *_ in found]
    sides, limits, weights = np.array([rest for _, *rest in found], np.float64).reshape(-1, 3).T
    which = [at // len(declared) for at in rows], [at % len(declared) for at in rows]
    return _Soft(sides[:, None] * scaled[rows], which, sides, limits, weights)


def _failed(problem: Problem, why: str) -> Plan:
    return Plan(problem.loop, problem.number, problem.at, Status.FAILED, why=why)
