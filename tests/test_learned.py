"""Frozen learners inside control models agree with their own predictions, and a loop can use them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from learners import CENTRE, JUMPING, NEW, SMOOTH, SPREAD, Floats, X, Y, fitted
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_models_of_others import TANK, policy, tank

from controller.kit import prepare
from controller.models import check
from controller.models.learned import mean, variance
from controller.models.symbolic import Compiled, casadi, vector
from controller.mpc.solver import solvers
from controller.plan import Problem, Status
from controller.soft.freeze import freeze
from controller.soft.frozen import Frozen, Linear
from policies import IpoptSettings

GPS = [name for name in SMOOTH if name.startswith("gp")]


def compiled(frozen: Frozen, form: object = mean) -> Compiled:
    """Value and slopes of a learner inside a control model, by its inputs."""
    x = vector("x", frozen.n_inputs)
    value = form(frozen, casadi().vertsplit(x))  # type: ignore[operator]
    return Compiled([x], [value, casadi().jacobian(value, x)])


def slopes(form: Callable[[Floats], Floats], points: Floats) -> Floats:
    """Slopes by differences of the sixth order, shape (points, inputs), per spread of the input."""
    found = []
    for i, spread in enumerate(SPREAD):
        h = np.zeros(len(SPREAD))
        h[i] = 2e-3 * spread
        a, b, c, d, e, f = (form(points + k * h) for k in (-3, -2, -1, 1, 2, 3))
        found.append((f - 9 * e + 45 * d - 45 * c + 9 * b - a) / (60 * 2e-3))
    return np.array(found).T


def said(frozen: Frozen, point: Floats) -> float:
    return float(frozen.predict(point).mean)


def squared(frozen: Frozen, points: Floats) -> Floats:
    sd = frozen.predict(points).sd
    assert sd is not None
    return sd**2


@pytest.mark.parametrize("name", SMOOTH)
def test_values_are_those_of_scikit_learn_at_200_points(name: str) -> None:
    estimator = fitted(name)
    run = compiled(freeze(estimator))
    found = np.array([run(point)[0][0] for point in NEW])
    assert len(NEW) == 200
    assert np.abs(found - np.ravel(estimator.predict(NEW))).max() < 1e-8  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", GPS)
def test_variances_are_those_of_scikit_learn_at_200_points(name: str) -> None:
    estimator = fitted(name)
    run = compiled(freeze(estimator), variance)
    _, sd = estimator.predict(NEW, return_std=True)  # type: ignore[attr-defined]
    assert np.abs(np.array([run(point)[0][0] for point in NEW]) - sd**2).max() < 1e-8


@pytest.mark.parametrize("name", SMOOTH)
def test_slopes_are_those_of_the_prediction_at_200_points(name: str) -> None:
    frozen = freeze(fitted(name))
    run = compiled(frozen)
    found = np.array([run(point)[1].ravel() for point in NEW]) * SPREAD
    off = np.abs(found - slopes(lambda points: frozen.predict(points).mean, NEW)).max(axis=1)
    across_a_kink = 20 if name == "mlp relu" else 0
    assert np.sum(off > 1e-8) <= across_a_kink


@pytest.mark.parametrize("name", GPS)
def test_slopes_of_the_variance_are_those_of_the_prediction(name: str) -> None:
    frozen = freeze(fitted(name))
    run = compiled(frozen, variance)
    found = np.array([run(point)[1].ravel() for point in NEW]) * SPREAD
    assert np.abs(found - slopes(lambda points: squared(frozen, points), NEW)).max() < 1e-8


@pytest.mark.parametrize("name", GPS)
def test_values_and_slopes_are_finite_at_the_training_points_too(name: str) -> None:
    frozen = freeze(fitted(name))
    for form in (mean, variance):
        value, slope = compiled(frozen, form)(X[5])
        assert np.isfinite(value).all()
        assert np.isfinite(slope).all()
    assert compiled(frozen)(X[5])[0][0] == pytest.approx(said(frozen, X[5]), abs=1e-8)


def test_trees_are_refused_because_they_have_no_slopes() -> None:
    x = casadi().vertsplit(vector("x", 4))
    for name in JUMPING:
        with pytest.raises(ValueError, match="trees have jumps and no slopes: in a control model use ridge, pls"):
            mean(freeze(fitted(name)), x)


def test_a_process_of_more_than_100_points_is_refused() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((101, 4)), rng.standard_normal(101)
    frozen = freeze(GaussianProcessRegressor(RBF(), alpha=0.1, optimizer=None).fit(x, y))
    for form in (mean, variance):
        with pytest.raises(ValueError, match="found a Gaussian process of 101 points, expected at most 100"):
            form(frozen, casadi().vertsplit(vector("x", 4)))


def test_a_network_of_too_many_weights_is_refused() -> None:
    net = MLPRegressor(hidden_layer_sizes=(80, 80), max_iter=300, tol=1.0, random_state=0)
    with pytest.raises(ValueError, match="found a network of 6800 weights, expected at most 5000"):
        mean(freeze(net.fit(X, Y)), casadi().vertsplit(vector("x", 4)))


def test_a_wrong_number_of_inputs_and_a_variance_of_a_line_are_refused() -> None:
    frozen = freeze(fitted("ridge"))
    with pytest.raises(ValueError, match="found 3 inputs, expected the 4 the learner was fitted to"):
        mean(frozen, casadi().vertsplit(vector("x", 3)))
    with pytest.raises(ValueError, match="a learner of kind linear knows no variance"):
        variance(frozen, casadi().vertsplit(vector("x", 4)))


def hybrid(frozen: Frozen) -> str:
    """The tank of the documentation, with a learnt addition to its measured temperature."""
    source = TANK.replace("warmth, meas_noise=False", "shown, meas_noise=False").replace(
        '    model.set_expression("temperature", warmth)',
        '    shown = warmth + mean(LEARNT, [warmth, power])\n    model.set_expression("temperature", shown)',
    )
    learnt = frozen.model_dump_json().encode()
    return (
        "from controller.models.learned import mean\nfrom controller.soft.frozen import read\n"
        f"LEARNT = read({learnt!r}, 'learnt')\n" + source
    )


def learnt_gp() -> Frozen:
    rng = np.random.default_rng(8)
    x = rng.uniform([25.0, 2.0], [45.0, 11.0], (40, 2))
    y = 0.6 * np.sin(x[:, 0] / 6.0) + 0.05 * x[:, 1]
    process = GaussianProcessRegressor(RBF([1.0, 1.0]), alpha=1e-4, normalize_y=True)
    return freeze(make_pipeline(StandardScaler(), process).fit(x, y))


def test_a_loop_estimates_and_plans_with_a_learnt_part_in_its_model() -> None:
    frozen = learnt_gp()
    whole = policy(hybrid(frozen))
    loop, found = tank(whole)
    check(found, {"power": 6.0}, {"feed": 0.1})
    inputs, known = np.array([6.0]), np.array([0.1])
    warmth = 20.0 + 6.0 / 0.418
    expected = warmth + said(frozen, np.array([warmth, 6.0]))
    kit = prepare(whole).loops["hold"]
    estimate = kit.estimator.start(inputs, known, {"temperature": expected + 0.5})
    for _ in range(5):
        estimate = kit.estimator.step(estimate, inputs, known, {"temperature": expected + 0.5})
    assert estimate.x[2] == pytest.approx(0.5, abs=0.02)
    problem = Problem("hold", 1, 0.0, estimate.x, inputs, known, np.array([35.0]), kit.low, kit.high)
    ways = [loop.solver, IpoptSettings()]
    plans = [
        solvers({"hold": loop.model_copy(update={"solver": way, "max_solve_s": 60.0})}, whole.files)["hold"].solve(
            problem
        )
        for way in ways
    ]
    assert [plan.status for plan in plans] == [Status.SOLVED] * 2
    assert plans[0].moves == pytest.approx(plans[1].moves, abs=0.01)
    assert plans[0].outputs[-1, 0] == pytest.approx(35.0, abs=0.3)


def test_scales_of_the_result_are_carried() -> None:
    frozen = freeze(fitted("ridge")).model_copy(update={"target_scale": 3.0, "target_mean": -1.0})
    assert isinstance(frozen.learner, Linear)
    assert compiled(frozen)(CENTRE)[0][0] == pytest.approx(said(frozen, CENTRE), abs=1e-12)
