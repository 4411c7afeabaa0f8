"""The control problem written in do-mpc, and do-mpc behind a typed wall.

`make_step` is not used: it keeps a clock, a last input and data of its own. A problem is posed by its parameters,
bounds and first guess, and read back from the solution, so that equal problems have equal solutions.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from controller.models import ControlModel
from controller.models.symbolic import Matrix, ahead, casadi, outputs
from plant_io.signals import Floats
from policies import Mpc
from policies.units import convert, difference

_PENALTY = 100.0
"""Cost of leaving the acceptable range by one scale, in squared scales [1]."""

_Key = tuple[object, ...] | str
_Where = NDArray[np.intp]


class _Layout(Protocol):
    f: Mapping[_Key, list[int]]


class _Numbers(Protocol):
    master: object


class _DoModel(Protocol):
    def set_variable(self, var_type: str, var_name: str, shape: tuple[int, int]) -> Matrix: ...
    def set_rhs(self, var_name: str, expr: Matrix) -> None: ...
    def setup(self) -> None: ...


class _Settings(Protocol):
    n_horizon: int
    t_step: float
    store_lagr_multiplier: bool
    store_solver_stats: list[str]
    nlpsol_opts: dict[str, object]


class _DoMpc(Protocol):
    settings: _Settings
    flags: MutableMapping[str, bool]
    opt_x: _Layout
    opt_p: _Layout
    opt_x_num: _Numbers
    opt_p_num: _Numbers
    lb_opt_x: MutableMapping[_Key, Floats]
    ub_opt_x: MutableMapping[_Key, Floats]
    bounds: MutableMapping[_Key, Floats]
    solver_stats: Mapping[str, object]

    def set_objective(self, *, mterm: Matrix, lterm: Matrix) -> None: ...
    def set_rterm(self, *, move: float) -> None: ...
    def set_nl_cons(
        self, expr_name: str, expr: Matrix, ub: float, *, soft_constraint: bool, penalty_term_cons: float
    ) -> Matrix: ...
    def get_tvp_template(self) -> object: ...
    def set_tvp_fun(self, tvp_fun: Callable[[float], object]) -> None: ...
    def setup(self) -> None: ...
    def solve(self) -> None: ...


class _DoMpcModels(Protocol):
    def Model(self, model_type: str, symvar_type: str) -> _DoModel: ...  # noqa: N802  # do-mpc's name


class _DoMpcControllers(Protocol):
    def MPC(self, model: _DoModel) -> _DoMpc: ...  # noqa: N802  # do-mpc's name


class _Package(Protocol):
    model: _DoMpcModels
    controller: _DoMpcControllers


def _do_mpc() -> _Package:
    """Return do-mpc, without what it says while it is imported."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        import do_mpc  # noqa: PLC0415  # takes seconds  # pyright: ignore[reportMissingTypeStubs]

    return cast("_Package", do_mpc)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """The numbers of one problem."""

    guess: Floats
    """States along the inputs of `path`, shape ``(horizon + 1, n_x)``, units of the model."""
    path: Floats
    """Inputs that need no thought: those standing, or the quickest way back to what is permitted; first those in force,
    shape ``(horizon + 1, n_u)``, units of the model."""
    known: Floats
    """Known inputs, shape ``(n_w,)``, units of the model."""
    targets: Floats
    """Wanted outputs, shape ``(n_y,)``, units of the model."""
    low: Floats
    """Lowest inputs permitted at each stage, shape ``(horizon, n_u)``, units of the model."""
    high: Floats
    """Highest inputs permitted at each stage, shape ``(horizon, n_u)``, units of the model."""


class Program:
    """The nonlinear program of one loop, solved by IPOPT.

    The moves are the decisions and the inputs in force are states, so that neither bounds nor the cost of moves depend
    on an input the controller merely believes it gave.

    Parameters
    ----------
    model
        Control model.
    loop
        What the policy says of the loop.
    """

    def __init__(self, model: ControlModel, loop: Mpc) -> None:
        self._horizon = loop.horizon
        self._sizes = (len(model.states), len(model.inputs), len(model.known), len(model.controlled))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # CasADi on do-mpc's use of NumPy
            self._mpc = _assemble(model, loop)
        stages = range(loop.horizon + 1)
        layout = self._mpc.opt_x.f
        self._x: _Where = np.array([layout["_x", k, 0, -1, "x"] for k in stages])
        self._u: _Where = np.array([layout["_x", k, 0, -1, "u"] for k in stages])
        self._parameters: list[_Where] = [
            np.array(self._mpc.opt_p.f["_x0"]),
            np.array([self._mpc.opt_p.f["_tvp", k] for k in stages]),
        ]
        self._bounds: tuple[bytes, bytes] | None = None

    def solve(self, task: Task) -> tuple[Floats, str]:
        """Return the inputs, shape ``(horizon, n_u)``, units of the model, and the reason if they are no solution."""
        mpc = self._mpc
        self._bound(task)
        guess = np.zeros(_length(mpc.opt_x_num))
        guess[self._x], guess[self._u] = task.guess, task.path
        mpc.opt_x_num.master = _column(guess)
        parameters = np.zeros(_length(mpc.opt_p_num))
        parameters[self._parameters[0]] = np.concatenate([task.guess[0], task.path[0]])
        parameters[self._parameters[1]] = np.concatenate([task.known, task.targets])
        mpc.opt_p_num.master = _column(parameters)
        mpc.flags["initial_run"] = False  # multipliers of the last problem are no part of this one
        mpc.solve()
        why = "" if mpc.solver_stats["success"] else str(mpc.solver_stats["return_status"])
        return _flat(mpc.opt_x_num)[self._u[1:]], why

    def _bound(self, task: Task) -> None:
        bounds = task.low.tobytes(), task.high.tobytes()
        if bounds == self._bounds:
            return
        for k in range(self._horizon):
            self._mpc.lb_opt_x["_x", k + 1, 0, -1, "u"] = task.low[k]
            self._mpc.ub_opt_x["_x", k + 1, 0, -1, "u"] = task.high[k]
        self._bounds = bounds


def _assemble(model: ControlModel, loop: Mpc) -> _DoMpc:
    package = _do_mpc()
    plant = package.model.Model("discrete", "SX")
    x = plant.set_variable("_x", "x", (len(model.states), 1))
    before = plant.set_variable("_x", "u", (len(model.inputs), 1))
    move = plant.set_variable("_u", "move", (len(model.inputs), 1))
    known = plant.set_variable("_tvp", "known", (len(model.known), 1))
    target = plant.set_variable("_tvp", "target", (len(model.controlled), 1))
    after = before + move
    plant.set_rhs("x", ahead(model, x, after, known, loop.sample_s))
    plant.set_rhs("u", after)
    plant.setup()
    mpc = package.controller.MPC(plant)
    _settle(mpc, loop)
    y_scale = [difference(loop.controlled[n].scale, loop.controlled[n].unit, u) for n, u in model.controlled.items()]
    u_scale = [difference(loop.moved[n].scale, loop.moved[n].unit, u) for n, u in model.inputs.items()]
    stage = _squares(outputs(model, x, after, known) - target, y_scale) + _squares(move, u_scale) * loop.move_weight
    mpc.set_objective(lterm=stage, mterm=_squares(outputs(model, x, before, known) - target, y_scale))
    mpc.set_rterm(move=0.0)
    _keep_acceptable(mpc, model, loop, outputs(model, x, after, known))
    reach = reaches(model, loop)
    mpc.bounds["lower", "_u", "move"], mpc.bounds["upper", "_u", "move"] = -reach, reach
    template = mpc.get_tvp_template()
    mpc.set_tvp_fun(lambda _: template)
    mpc.setup()
    return mpc


def _settle(mpc: _DoMpc, loop: Mpc) -> None:
    mpc.settings.n_horizon, mpc.settings.t_step = loop.horizon, loop.sample_s
    mpc.settings.store_lagr_multiplier, mpc.settings.store_solver_stats = False, []
    mpc.settings.nlpsol_opts = {
        "print_time": 0,
        "ipopt.print_level": 0,
        "ipopt.sb": "yes",
        "ipopt.max_wall_time": loop.max_solve_s,  # max_cpu_time does not hold
    }


def _keep_acceptable(mpc: _DoMpc, model: ControlModel, loop: Mpc, y: Matrix) -> None:
    for part, (name, unit) in zip(casadi().vertsplit(y), model.controlled.items(), strict=True):
        declared = loop.controlled[name]
        low, high = (convert(limit, declared.unit, unit) for limit in declared.limits)
        scale = difference(declared.scale, declared.unit, unit)
        for side, beyond in (("below", (part - low) * -1.0), ("above", part - high)):
            mpc.set_nl_cons(f"{name}_{side}", beyond / scale, 0.0, soft_constraint=True, penalty_term_cons=_PENALTY)


def reaches(model: ControlModel, loop: Mpc) -> Floats:
    """Return the largest move of each input in one sample, shape ``(n_u,)``, units of the model."""
    return np.array([difference(loop.moved[n].max_move, loop.moved[n].unit, u) for n, u in model.inputs.items()])


def _squares(deviations: Matrix, scales: list[float]) -> Matrix:
    scaled = [part / s for part, s in zip(casadi().vertsplit(deviations), scales, strict=True)]
    return casadi().sumsqr(casadi().vertcat(*scaled))


def _column(numbers: Floats) -> object:
    return casadi().DM(numbers)


def _flat(numbers: _Numbers) -> Floats:
    return casadi().DM(numbers.master).full().ravel()


def _length(numbers: _Numbers) -> int:
    return len(_flat(numbers))
