"""The control problem of a loop, written in do-mpc and solved by its IPOPT: the reference, and the way out.

`make_step` is not used: it keeps a clock, a last input and data of its own. A problem is posed by its parameters,
bounds and first guess, and read back from the solution, so that equal problems have equal solutions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from controller.models import ControlModel
from controller.models.symbolic import Matrix, casadi
from controller.mpc.domodel import DoMpc, do_mpc, numbers, stage
from controller.mpc.objective import Objective
from controller.mpc.prices import Prices
from controller.mpc.squares import squares
from controller.mpc.stage import Stage
from controller.mpc.tree import Plants, Where, nodes
from plant_io.signals import Floats
from policies import Mpc, SqpSettings
from policies.units import difference

SHARE = 0.5
"""Share of the time of a solution that each has where IPOPT is asked after the condensed program [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What became of one problem."""

    inputs: Floats
    """Inputs, shape ``(horizon, n_u)``, units of the model."""
    why: str = ""
    """Why they are no solution; empty if they are one."""
    prices: Prices | None = None
    """What the limits cost them; None where it is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """The numbers of one problem."""

    state: Floats
    """States at the beginning, shape ``(n_x,)``, units of the model."""
    guess: Callable[[], Floats]
    """Gives the states along the inputs of `path`, shape ``(horizon + 1, n_x)``, units of the model."""
    path: Floats
    """First guess of the inputs, within all limits; first those in force, shape ``(horizon + 1, n_u)``, units of the
    model."""
    given: Floats
    """What is given for each sample and for the end, shape ``(horizon + 1, n_given)``, units of the model."""
    low: Floats
    """Lowest inputs permitted at each stage, shape ``(horizon, n_u)``, units of the model."""
    high: Floats
    """Highest inputs permitted at each stage, shape ``(horizon, n_u)``, units of the model."""


class Program:
    """The nonlinear program of one loop.

    Parameters
    ----------
    model
        Control model.
    loop
        What the policy says of the loop.
    others
        Further plants that a plan is to hold for.
    """

    def __init__(self, model: ControlModel, loop: Mpc, others: Sequence[ControlModel] = ()) -> None:
        self._plants = Plants((model, *others))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # CasADi on do-mpc's use of NumPy
            self._mpc, self._end = _assemble(self._plants, loop)
        self._tree, self._made = nodes(self._mpc, loop.horizon), False
        self._rows = None if others else _rows(self._mpc, loop.horizon)
        layout, given = self._mpc.opt_x.f, self._mpc.opt_p.f
        self._x: list[Where] = [np.array([layout["_x", one.k, one.s, -1] for one in row]) for row in self._tree]
        self._u: list[Where] = [np.array([layout["_u", one.k, one.s] for one in row]) for row in self._tree[:-1]]
        self._parameters: list[Where] = [np.array(given[name]) for name in ("_x0", "_u_prev")] + [
            np.array([given["_tvp", k] for k in range(loop.horizon + 1)]),
            np.array([given["_p", i] for i in range(len(others) + 1)], dtype=np.intp),
        ]

    @cached_property
    def stage(self) -> Stage:
        """What its samples are made of, as long as there is one plant alone."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the same
            found = stage(self._mpc, longest_step_s=np.inf)
            symbols = casadi().vertcat(found.x, found.u)
            end = squares(self._end(found.x, found.u, found.p), symbols)
        return replace(found, end_squares=end.residuals, end_other=end.other)

    def make(self) -> None:
        """Make IPOPT, which takes a while, where it is not made yet; to solve makes it otherwise."""
        if not self._made:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # CasADi on do-mpc's use of NumPy
                self._mpc.create_nlp()
            self._made = True

    def solve(self, task: Task) -> Answer:
        """Return the inputs of the best plan."""
        self.make()
        mpc = self._mpc
        for node in (one for row in self._tree[:-1] for one in row):
            mpc.lb_opt_x["_u", node.k, node.s] = task.low[node.k]
            mpc.ub_opt_x["_u", node.k, node.s] = task.high[node.k]
        guess = np.zeros(len(numbers(mpc.opt_x_num.master)))
        for places, values in ((self._x, task.guess()), (self._u, task.path[1:])):
            for where, value in zip(places, values, strict=True):
                guess[where] = value
        mpc.opt_x_num.master = casadi().DM(guess)
        parameters = np.zeros(len(numbers(mpc.opt_p_num.master)))
        given = (task.state, task.path[0], task.given, self._plants.weights)
        for where, values in zip(self._parameters, given, strict=True):
            parameters[where] = values
        mpc.opt_p_num.master = casadi().DM(parameters)
        mpc.flags["initial_run"] = False  # multipliers of the last problem are no part of this one
        mpc.solve()
        why = "" if mpc.solver_stats["success"] else f"IPOPT gave up: {mpc.solver_stats['return_status']}"
        inputs = np.array([where[0] for where in self._u])
        return Answer(numbers(mpc.opt_x_num.master)[inputs], why, self._prices(inputs))

    def _prices(self, inputs: Where) -> Prices | None:
        """Return what the limits cost, as long as there is one plant alone."""
        if self._rows is None:
            return None
        at, rows, (soft, moves) = numbers(self._mpc.lam_x_num), numbers(self._mpc.lam_g_num), self._rows
        return Prices(at[inputs], rows[moves], np.maximum(rows[soft], 0.0))


class _End:
    """The cost of the final state with the last inputs."""

    def __init__(self, plants: Plants, objective: Objective) -> None:
        self._plants, self._objective = plants, objective

    def __call__(self, x: Matrix, u: Matrix, p: Matrix) -> Matrix:
        """Return the cost with what is told in `p`, and after that which plant it is."""
        told, which = p[: self._objective.n_given, :], p[self._objective.n_given :, :]
        given = self._objective.split(told)
        return self._objective.cost(self._plants.outputs((x, u, given.known), which), u, given)


def _assemble(plants: Plants, loop: Mpc) -> tuple[DoMpc, _End]:
    """Return the program written down, and the cost of its end, which do-mpc does not let depend on inputs."""
    package, model, objective = do_mpc(), plants.first, Objective.of(plants.first, loop)
    plant = package.model.Model("discrete", "SX")
    x = plant.set_variable("_x", "x", (len(model.states), 1))
    u = plant.set_variable("_u", "u", (len(model.inputs), 1))
    told = plant.set_variable("_tvp", "told", (objective.n_given, 1))
    which = plant.set_variable("_p", "which", (plants.chosen, 1)) if plants.chosen else casadi().SX(0.0)
    plant.set_rhs("x", plants.ahead((x, u, objective.split(told).known), which, loop.sample_s))
    plant.setup()  # puts other symbols in place of these
    given = objective.split(told)
    mpc = package.controller.MPC(plant)
    _settle(mpc, loop)
    y = plants.outputs((x, u, given.known), which)
    mpc.set_objective(lterm=objective.cost(y, u, given), mterm=casadi().SX(0.0))
    mpc.set_rterm(u=loop.move_weight / objective.u_scale**2)
    for i, (side, beyond, penalty) in enumerate(objective.beyond(y, given)):
        mpc.set_nl_cons(f"{side}_{i}", beyond, 0.0, soft_constraint=True, penalty_term_cons=penalty)
    template = mpc.get_tvp_template()
    mpc.set_tvp_fun(lambda _: template)
    if plants.chosen:
        every = mpc.get_p_template(plants.chosen)
        mpc.set_p_fun(lambda _: every)
    mpc.prepare_nlp()
    end = _End(plants, objective)
    _finish(mpc, end, reaches(model, loop))
    return mpc, end


def _finish(mpc: DoMpc, end: _End, reach: Floats) -> None:
    """Add the cost of the end and the largest moves."""
    n, at, given = mpc.settings.n_horizon, mpc.opt_x, mpc.opt_p
    tree = nodes(mpc, n)
    for one in tree[n]:
        told = casadi().vertcat(given["_tvp", n], given["_p", one.plant])
        cost = end(at["_x", n, one.s, -1], at["_u", n - 1, one.parent], told)
        mpc.nlp_obj = mpc.nlp_obj + (cost if len(tree[n]) == 1 else cost * (1.0 / len(tree[n])))
    for one in (node for row in tree[:-1] for node in row):
        before = given["_u_prev"] if one.k == 0 else at["_u", one.k - 1, one.parent]
        mpc.nlp_cons.append(at["_u", one.k, one.s] - before)
        mpc.nlp_cons_lb.append(-reach)
        mpc.nlp_cons_ub.append(reach)


def _rows(mpc: DoMpc, n: int) -> tuple[Where, Where]:
    """Return where the soft limits of each sample stand among the constraints, and the largest moves, `n` rows each."""
    sizes = [part.shape[0] for part in mpc.nlp_cons]
    ends = [int(end) for end in np.cumsum(sizes)]
    places: list[Where] = [np.arange(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    return np.array(places[3 : 1 + 3 * n : 3]), np.array(places[-n:])  # a sample: collocation, next state, limits


def _settle(mpc: DoMpc, loop: Mpc) -> None:
    mpc.settings.n_robust = 0 if loop.scenarios is None else loop.scenarios.robust_horizon
    mpc.settings.n_horizon, mpc.settings.t_step = loop.horizon, loop.sample_s
    mpc.settings.store_lagr_multiplier, mpc.settings.store_solver_stats = False, []
    mpc.settings.nlpsol_opts = {
        "print_time": 0,
        "ipopt.print_level": 0,
        "ipopt.sb": "yes",
        # max_cpu_time does not hold
        "ipopt.max_wall_time": loop.max_solve_s * (SHARE if isinstance(loop.solver, SqpSettings) else 1.0),
    }


def reaches(model: ControlModel, loop: Mpc) -> Floats:
    """Return the largest move of each input in one sample, shape ``(n_u,)``, units of the model."""
    return np.array([difference(loop.moved[n].max_move, loop.moved[n].unit, u) for n, u in model.inputs.items()])
