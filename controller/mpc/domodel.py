"""do-mpc behind a typed wall: what is used of it, and the problem taken out of one of its controllers.

Some of what is read is private to do-mpc 5.1, which the version limits of the package allow for and the contract test
`tests/test_mpc_stage.py` watches.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import redirect_stderr, redirect_stdout
from math import ceil
from typing import Protocol, cast

import numpy as np

from controller.models.symbolic import Matrix, casadi, runge_kutta, vector
from controller.mpc.chain import chain
from controller.mpc.squares import squares
from controller.mpc.stage import Stage
from plant_io.signals import Floats

Key = tuple[object, ...] | str


class Unfit(ValueError):  # noqa: N818  # a property of the problem, not an accident
    """The problem has what the recipe does not carry; IPOPT solves it."""


class _Layout(Protocol):
    """Where parts of a vector stand."""

    f: Mapping[Key, list[int]]
    cat: Matrix

    def __getitem__(self, key: Key, /) -> Matrix: ...
    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns [1]."""
        ...


class _Numbers(Protocol):
    """_Numbers laid out."""

    master: object


class _Column(Protocol):
    """A laid out column of numbers."""

    cat: object


class _DoModel(Protocol):
    """A do-mpc model."""

    model_type: str
    n_x: int
    n_u: int
    n_z: int
    n_tvp: int
    n_p: int
    n_w: int
    _rhs_fun: Callable[..., Matrix]

    def set_variable(self, var_type: str, var_name: str, shape: tuple[int, int]) -> Matrix:
        """Add a variable."""
        ...

    def set_rhs(self, var_name: str, expr: Matrix) -> None:
        """Say where a state goes."""
        ...

    def setup(self) -> None:
        """End the model."""
        ...


class _DoSettings(Protocol):
    """Settings of a do-mpc controller."""

    n_horizon: int
    n_robust: int
    nl_cons_single_slack: bool
    t_step: float
    store_lagr_multiplier: bool
    store_solver_stats: list[str]
    nlpsol_opts: dict[str, object]


class DoMpc(Protocol):
    """A do-mpc controller."""

    model: _DoModel
    settings: _DoSettings
    flags: MutableMapping[str, bool]
    opt_x: _Layout
    opt_p: _Layout
    opt_x_num: _Numbers
    opt_p_num: _Numbers
    lb_opt_x: MutableMapping[Key, Floats]
    """Lowest values of the unknowns, scaled [1]."""
    ub_opt_x: MutableMapping[Key, Floats]
    """Highest values of the unknowns, scaled [1]."""
    bounds: MutableMapping[Key, Floats]
    """Limits of variables, in the unit of the model."""
    solver_stats: Mapping[str, object]
    lam_x_num: object
    lam_g_num: object
    nlp_obj: Matrix
    nlp_cons: list[Matrix]
    nlp_cons_lb: list[Floats]
    """Lowest values of the constraints, in the unit of each."""
    nlp_cons_ub: list[Floats]
    """Highest values of the constraints, in the unit of each."""
    scenario_tree: Mapping[str, object]
    """Number of branches at each sample, and what each comes from."""
    n_combinations: int
    """Number of parameter combinations [1]."""
    n_eps: int
    """Number of slacks [1]."""
    lterm_fun: Callable[..., Matrix]
    mterm_fun: Callable[..., Matrix]
    rterm_factor: _Column
    slack_vars_list: list[Mapping[str, object]]
    nl_cons_list: list[Mapping[str, object]]
    _nl_cons_fun: Callable[..., Matrix]
    _nl_cons_ub: _Column
    _eps_ub: _Column
    _x_lb: _Column
    _x_ub: _Column
    _x_terminal_lb: _Column
    _x_terminal_ub: _Column
    _u_lb: _Column
    _u_ub: _Column
    _u_scaling: _Column

    def set_objective(self, *, mterm: Matrix, lterm: Matrix) -> None:
        """Say what it costs."""
        ...

    def set_rterm(self, **weights: float | Floats) -> None:
        """Say what moves cost."""
        ...

    def set_nl_cons(
        self, expr_name: str, expr: Matrix, ub: float, *, soft_constraint: bool, penalty_term_cons: float
    ) -> Matrix:
        """Keep an expression below `ub`, in its unit, or pay `penalty_term_cons` per unit [1]."""
        ...

    def get_tvp_template(self) -> object:
        """Return a place for parameters along the horizon."""
        ...

    def set_tvp_fun(self, tvp_fun: Callable[[float], object]) -> None:
        """Say by `tvp_fun`, of the time [s], where parameters along the horizon come from."""
        ...

    def get_p_template(self, n_combinations: int) -> object:
        """Return a place for parameters of as many plants as `n_combinations` [1]."""
        ...

    def set_p_fun(self, p_fun: Callable[[float], object]) -> None:
        """Say by `p_fun`, of the time [s], where parameters of plants come from."""
        ...

    def prepare_nlp(self) -> None:
        """Write the program down."""
        ...

    def create_nlp(self) -> None:
        """Make the solver."""
        ...

    def solve(self) -> None:
        """Solve the program as its parameters stand."""
        ...


class _Models(Protocol):
    def Model(self, model_type: str, symvar_type: str) -> _DoModel: ...  # noqa: N802  # do-mpc's name


class _Controllers(Protocol):
    def MPC(self, model: _DoModel) -> DoMpc: ...  # noqa: N802  # do-mpc's name


class _Package(Protocol):
    """The package do-mpc."""

    model: _Models
    controller: _Controllers


def do_mpc() -> _Package:
    """Return do-mpc, without what it says while it is imported."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        import do_mpc as found  # noqa: PLC0415  # takes seconds  # pyright: ignore[reportMissingTypeStubs]

    return cast("_Package", found)


def numbers(column: object) -> Floats:
    """Return numbers of do-mpc or CasADi as an array, shape ``(n,)``."""
    return casadi().DM(column).full().ravel()


def stage(mpc: DoMpc, longest_step_s: float) -> Stage:
    """Return what one sample of a prepared do-mpc controller is made of.

    The parameters of a stage are those of do-mpc that vary over the horizon, then those that do not.

    Parameters
    ----------
    mpc
        Controller, `prepare_nlp` or `setup` done.
    longest_step_s
        Longest Runge-Kutta step of a continuous model [s].

    Raises
    ------
    Unfit
        If the problem has algebraic states, several scenarios, hard limits on anything but inputs, or a cost of moves
        of the user's own.
    """
    model = mpc.model
    _fits(mpc)
    x, u = vector("x", model.n_x), vector("u", model.n_u)
    given = vector("p", model.n_tvp + model.n_p)
    varying, fixed = given[: model.n_tvp, :], given[model.n_tvp :, :]
    z, noise, slack = (np.zeros(n) for n in (0, model.n_w, mpc.n_eps))
    slopes = None
    if model.model_type == "discrete":
        ahead = model._rhs_fun(x, u, z, varying, fixed, noise)  # noqa: SLF001  # do-mpc shows it nowhere else  # pyright: ignore[reportPrivateUsage]
    else:
        parts = ceil(mpc.settings.t_step / longest_step_s)

        def rates(at: Matrix) -> Matrix:
            return model._rhs_fun(at, u, z, varying, fixed, noise)  # noqa: SLF001  # the same  # pyright: ignore[reportPrivateUsage]

        h = mpc.settings.t_step / parts
        ahead = runge_kutta(rates, x, h, parts)
        slopes = chain(rates, (x, u, given), h, parts)
    cost = squares(mpc.lterm_fun(x, u, z, varying, fixed), casadi().vertcat(x, u))
    end = squares(mpc.mterm_fun(x, varying, fixed), casadi().vertcat(x, u))
    penalties = {kept["slack_name"]: cast("float", kept["penalty"]) for kept in mpc.slack_vars_list}
    weights = [np.broadcast_to(penalties[kept["expr_name"]], _length(kept["expr"])) for kept in mpc.nl_cons_list]
    limits = casadi().SX(casadi().DM(mpc._nl_cons_ub.cat))  # noqa: SLF001  # the same  # pyright: ignore[reportPrivateUsage]
    rows = mpc._nl_cons_fun(x, u, z, varying, fixed, slack) - limits  # noqa: SLF001  # the same  # pyright: ignore[reportPrivateUsage]
    moves = numbers(mpc.rterm_factor.cat) / numbers(mpc._u_scaling.cat) ** 2  # noqa: SLF001  # the same  # pyright: ignore[reportPrivateUsage]
    return Stage(
        x=x,
        u=u,
        p=given,
        ahead=ahead,
        squares=cost.residuals,
        other=cost.other,
        soft=rows,
        weights=np.concatenate(weights).astype(np.float64),
        end_squares=end.residuals,
        end_other=end.other,
        slopes=slopes,
        moves=moves,
    )


def _length(rows: object) -> int:
    return int(np.prod(cast("Matrix", rows).shape))


def _fits(mpc: DoMpc) -> None:
    """Refuse a problem with what a stage cannot say."""
    limits = (mpc._x_lb, mpc._x_terminal_lb, mpc._x_ub, mpc._x_terminal_ub)  # noqa: SLF001  # do-mpc shows them nowhere else  # pyright: ignore[reportPrivateUsage]
    soft = {kept["slack_name"] for kept in mpc.slack_vars_list}
    found = {
        "algebraic states": mpc.model.n_z > 0,
        "several scenarios": mpc.settings.n_robust > 0 or mpc.n_combinations > 1,
        "limits on states": any(np.isfinite(numbers(limit.cat)).any() for limit in limits),
        "hard constraints": any(kept["expr_name"] not in soft for kept in mpc.nl_cons_list),
        "a largest violation": bool(np.isfinite(numbers(mpc._eps_ub.cat)).any()),  # noqa: SLF001  # the same  # pyright: ignore[reportPrivateUsage]
        "one slack for all samples": mpc.settings.nl_cons_single_slack,
        "a cost of moves of its own": mpc.flags["rterm_fun"],
        "inputs of whole numbers": mpc.flags["MINLP"],
    }
    if any(found.values()):
        raise Unfit(f"the problem has {', '.join(name for name, there in found.items() if there)}")
