"""What is taken out of do-mpc, some of it by private names, is what do-mpc itself would solve."""

import warnings
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from controller.models.symbolic import casadi
from controller.mpc.domodel import DoMpc, Unfit, do_mpc, numbers, stage
from controller.mpc.horizon import Horizon, interpreted
from controller.mpc.squares import squares

N = 6


def tanks(*, discrete: bool = True, spoil: str = "") -> Any:
    """Two tanks in series, in do-mpc's own words, scaled; with one thing too much if told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plant = cast("Any", do_mpc().model).Model("discrete" if discrete else "continuous", "SX")
        x = plant.set_variable("_x", "x", (2, 1))
        u = plant.set_variable("_u", "u", (1, 1))
        goal = plant.set_variable("_tvp", "goal", (1, 1))
        rate = casadi().vertcat(u - x[0] * x[0] * 0.1, x[0] - x[1])
        if spoil == "algebraic states":
            z = plant.set_variable("_z", "z", (1, 1))
            plant.set_alg("z", z - x[0])
        plant.set_rhs("x", x + rate * 0.5 if discrete else rate)
        plant.setup()
        mpc = cast("Any", do_mpc().controller).MPC(plant)
        mpc.settings.n_horizon, mpc.settings.t_step, mpc.settings.n_robust = N, 0.5, 0
        mpc.settings.nlpsol_opts = {"ipopt.print_level": 0, "ipopt.sb": "yes", "print_time": 0, "ipopt.tol": 1e-10}
        mpc.scaling["_x", "x"], mpc.scaling["_u", "u"] = np.array([2.0, 3.0]), 0.5
        mpc.set_objective(lterm=(x[1] - goal) ** 2 + 0.1 * x[0], mterm=4.0 * (x[1] - goal) ** 2)
        mpc.set_rterm(u=0.3)
        mpc.set_nl_cons("full", x[0] - 1.5, 0.2, soft_constraint=True, penalty_term_cons=7.0)
        mpc.bounds["lower", "_u", "u"], mpc.bounds["upper", "_u", "u"] = 0.0, 4.0
        if spoil == "limits on states":
            mpc.bounds["upper", "_x", "x"] = 2.0
        if spoil == "hard constraints":
            mpc.set_nl_cons("never", x[0] - 9.0, 0.0)
        if spoil == "one slack for all samples":
            mpc.settings.nl_cons_single_slack = True
        if spoil == "a largest violation":
            mpc.set_nl_cons("barely", x[0], 2.0, soft_constraint=True, penalty_term_cons=1.0, maximum_violation=0.1)
        template = mpc.get_tvp_template()
        template["_tvp", :] = 1.2
        mpc.set_tvp_fun(lambda _: template)
        mpc.setup()
        mpc.x0, mpc.u0 = np.array([1.0, 0.4]), np.array([0.7])
        mpc.set_initial_guess()
    return mpc


def test_the_cost_of_a_plan_is_what_do_mpc_says_it_is() -> None:
    mpc = tanks()
    horizon = Horizon(stage(cast("DoMpc", mpc), np.inf), N, interpreted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mpc.make_step(np.array([[2.5], [0.4]]))
    plan = np.array([numbers(mpc.opt_x_num["_u", k, 0]) for k in range(N)]) * 0.5
    run = horizon.roll(np.array([2.5, 0.4]), plan, np.array([0.7]), np.full((N + 1, 1), 1.2))
    assert run.cost == pytest.approx(mpc.solver_stats["iterations"]["obj"][-1], rel=1e-6)
    assert run.rows[:, 1].max() > 0.01  # the soft limit has its part in it


def test_a_continuous_model_is_followed_by_runge_kutta() -> None:
    found = stage(cast("DoMpc", tanks(discrete=False)), 0.01)
    run = Horizon(found, N, interpreted).roll(
        np.array([1.0, 0.4]), np.full((N, 1), 0.7), np.array([0.7]), np.ones((N + 1, 1))
    )
    x = np.array([1.0, 0.4])
    for _ in range(N * 5000):
        x = x + 1e-4 * np.array([0.7 - 0.1 * x[0] ** 2, x[0] - x[1]])
    assert run.states[-1] == pytest.approx(x, abs=1e-4)


def test_slopes_are_those_of_small_differences() -> None:
    horizon = Horizon(stage(cast("DoMpc", tanks()), np.inf), N, interpreted)
    given, u = np.full((N + 1, 1), 1.2), np.linspace(0.5, 1.0, N)[:, None]

    def last(first: float) -> float:
        return float(horizon.roll(np.array([first, 0.4]), u, u[0], given).states[1, 0])

    along, _ = horizon.slopes(horizon.roll(np.array([1.0, 0.4]), u, u[0], given), given)
    assert along[0, 0, 0] == pytest.approx((last(1.0 + 1e-6) - last(1.0 - 1e-6)) / 2e-6, rel=1e-6)


def test_slopes_by_the_chain_rule_are_those_of_the_formula() -> None:
    found = stage(cast("DoMpc", tanks(discrete=False)), 0.1)
    assert found.slopes is not None
    given, u = np.full((N + 1, 1), 1.2), np.linspace(0.5, 1.0, N)[:, None]
    chained, written = Horizon(found, N, interpreted), Horizon(replace(found, slopes=None), N, interpreted)
    run = chained.roll(np.array([1.0, 0.4]), u, u[0], given)
    for one, other in zip(chained.slopes(run, given), written.slopes(run, given), strict=True):
        assert one == pytest.approx(other, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize(
    "what",
    ["algebraic states", "limits on states", "hard constraints", "one slack for all samples", "a largest violation"],
)
def test_what_the_recipe_does_not_carry_is_named(what: str) -> None:
    with pytest.raises(Unfit, match=what):
        stage(cast("DoMpc", tanks(discrete=what != "algebraic states", spoil=what)), 0.1)


def test_a_cost_is_taken_apart_into_squares_and_a_rest() -> None:
    ca = cast("Any", casadi())
    x, p = ca.SX.sym("x", 3), ca.SX.sym("p")
    cost = 10 * ((x[0] - p) / 0.5) ** 2 - 3 * x[2] ** 2 + p * x[1] ** 2 + (x[2] * x[0] + 2 * (x[1] + x[0]) ** 2) / 4
    found = squares(cost, x)
    whole = ca.Function("whole", [x, p], [cost, ca.sumsqr(found.residuals) + found.other])
    rng = np.random.default_rng(1)
    for weight in (2.0, -2.0):
        given, same = whole(rng.normal(size=3), weight)
        assert float(same) == pytest.approx(float(given), rel=1e-12)
    assert found.residuals.shape == (3, 1)
