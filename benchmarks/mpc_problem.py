"""The control problem of the comparison, written in do-mpc once for everybody."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from benchmarks import mpc_line as line
from controller.mpc.domodel import DoMpc, do_mpc

TARGETS = tuple(f"target_{name}" for name in line.HELD)
END = 10.0
"""Weight of the deviation at the end of the horizon [1]."""


def problem(horizon: int, *, discrete: bool, options: dict[str, object], ready: bool = True) -> DoMpc:
    """Return the problem as a do-mpc controller.

    Parameters
    ----------
    horizon
        Samples looked ahead [1].
    discrete
        Whether the model is given to do-mpc in steps of a sample, or as differential equations.
    options
        Options of IPOPT.
    ready
        Whether do-mpc is to set up its solver too.
    """
    import casadi  # noqa: PLC0415

    ca = cast("Any", casadi)
    plant = cast("Any", do_mpc().model).Model("discrete" if discrete else "continuous", "SX")
    x = [plant.set_variable("_x", name) for name in line.STATES]
    u = [plant.set_variable("_u", name) for name in line.INPUTS]
    w = [plant.set_variable("_tvp", name) for name in line.KNOWN]
    targets = [plant.set_variable("_tvp", name) for name in TARGETS]
    right = line.rates(x, u, w, line.MODEL, ca.exp)
    if discrete:
        f = ca.Function("f", [ca.vertcat(*x), ca.vertcat(*u), ca.vertcat(*w)], [ca.vertcat(*right)])
        right = ca.vertsplit(_ahead(f, ca.vertcat(*x), ca.vertcat(*u), ca.vertcat(*w)))
    for name, rate in zip(line.STATES, right, strict=True):
        plant.set_rhs(name, rate)
    plant.setup()
    mpc = cast("Any", do_mpc().controller).MPC(plant)
    mpc.settings.n_horizon, mpc.settings.t_step, mpc.settings.n_robust = horizon, line.SAMPLE_S, 0
    mpc.settings.nlpsol_opts = {"print_time": 0, "ipopt.print_level": 0, "ipopt.sb": "yes"} | options
    y = line.held(x, line.MODEL)
    off = [(a - b) / s for a, b, s in zip(y, targets, line.SCALE.tolist(), strict=True)]
    cost = sum(e**2 for e in off)
    mpc.set_objective(lterm=cost, mterm=END * cost)
    mpc.set_rterm(
        **{n: (a / s) ** 2 for n, a, s in zip(line.INPUTS, line.NOMINAL.tolist(), line.MOVE.tolist(), strict=True)}
    )
    _limit(mpc, y)
    template = mpc.get_tvp_template()
    mpc.set_tvp_fun(lambda _: template)
    mpc.template = template
    mpc.prepare_nlp()
    if ready:
        mpc.create_nlp()
    return cast("DoMpc", mpc)


def _limit(mpc: Any, y: list[Any]) -> None:  # noqa: ANN401  # do-mpc has no types
    """Set soft limits of what is held, limits of inputs, and the size of everything."""
    for name, value, limits, s in zip(line.HELD, y, line.LIMITS.tolist(), line.SCALE.tolist(), strict=True):
        soft = {"soft_constraint": True, "penalty_term_cons": line.PENALTY}
        mpc.set_nl_cons(f"{name}_low", (limits[0] - value) / s, ub=0.0, **soft)
        mpc.set_nl_cons(f"{name}_high", (value - limits[1]) / s, ub=0.0, **soft)
    for name, low, high in zip(line.INPUTS, line.LOW, line.HIGH, strict=True):
        mpc.bounds["lower", "_u", name], mpc.bounds["upper", "_u", name] = low, high
    for name, scale in zip(line.STATES, typical().tolist(), strict=True):
        mpc.scaling["_x", name] = scale
    for name, scale in zip(line.INPUTS, line.NOMINAL.tolist(), strict=True):
        mpc.scaling["_u", name] = scale


def typical() -> line.Floats:
    """Return the size of each state, shape ``(20,)``, units of the line."""
    return line.steady(line.NOMINAL, np.array([0.4, 0.02, 0.0, 0.0, 0.0]), line.MODEL)


def _ahead(f: Any, x: Any, u: Any, w: Any) -> Any:  # noqa: ANN401  # CasADi has no types
    h = line.SAMPLE_S / line.SUBSTEPS
    for _ in range(line.SUBSTEPS):
        k1 = f(x, u, w)
        k2 = f(x + h / 2 * k1, u, w)
        k3 = f(x + h / 2 * k2, u, w)
        k4 = f(x + h * k3, u, w)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x
