"""What is out of a problem changes nothing in its plan, and the plan still does what is left to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from linear_plant import Contract, Led, loop
from test_mpc_sqp import LOOP, solver, somewhere

from controller.models.transfer import Transfer
from controller.mpc.linear import LinearSolver
from controller.mpc.solver import Solver
from controller.plan import Problem, Status
from policies import IpoptSettings, SqpSettings
from policies.loops import Solver as Settings

MATRIX = {
    "a": {"u": {"gain": 2.0, "lags": [5.0]}, "v": {"gain": 1.0, "lags": [3.0]}},
    "b": {"u": {"gain": 1.0, "lags": [4.0]}, "v": {"gain": 3.0, "lags": [6.0]}},
}
DECLARED = loop(MATRIX, controlled={"a": {"limits": (-1.0, 1.0)}, "b": {"limits": (-1.0, 1.0)}})


@pytest.fixture(scope="module")
def linear() -> LinearSolver:
    return LinearSolver("l", DECLARED)


def problem(**changes: object) -> Problem:
    model, none = Transfer(DECLARED, {}), np.zeros(0)
    state = model.steady(np.zeros(2), none, {"a": 0.3, "b": -0.2})
    wanted, wide = np.array([0.5, 0.5]), np.full(2, 10.0)
    given = Problem("l", 1, 0.0, state, np.zeros(2), none, wanted, -wide, wide)
    return replace(given, **changes)  # type: ignore[arg-type]


FIRST_OUT = np.array([0.0, 1.0])


def test_with_a_matrix_neither_target_nor_limits_of_what_is_out_change_the_plan(linear: LinearSolver) -> None:
    far = {"targets": np.array([7.0, 0.5]), "lowest": np.array([5.0, -1.0]), "highest": np.array([6.0, 1.0])}
    one, other = (linear.solve(problem(present=FIRST_OUT, **more)) for more in ({}, far))
    assert one.status is Status.SOLVED
    assert np.array_equal(one.moves, other.moves)
    assert one.outputs[-1, 1] == pytest.approx(0.5, abs=0.01)
    assert not np.allclose(one.moves, linear.solve(problem()).moves)


def test_with_all_present_plans_are_those_without_a_word_of_it(linear: LinearSolver) -> None:
    assert np.array_equal(linear.solve(problem(present=np.ones(2))).moves, linear.solve(problem()).moves)


def test_limits_people_have_set_bind_a_matrix(linear: LinearSolver) -> None:
    plan = linear.solve(problem(lowest=np.full(2, -1.0), highest=np.array([0.35, 1.0])))
    assert plan.outputs[:, 0].max() < 0.36
    assert linear.solve(problem()).outputs[-1, 0] > 0.4


def test_an_input_that_is_out_stands_and_the_other_does_what_it_can(linear: LinearSolver) -> None:
    low, high = np.array([0.0, -10.0]), np.array([0.0, 10.0])
    plan = linear.solve(problem(low=low, high=high, present=FIRST_OUT))
    assert not plan.moves[:, 0].any()
    assert plan.outputs[-1, 1] == pytest.approx(0.5, abs=0.01)


def test_what_is_out_is_not_led_away_by_a_rest() -> None:
    rests = {"u": {"rest": 5.0}, "v": {"rest": 5.0}}
    declared = loop(MATRIX, moved=rests)
    model, none, wide = Transfer(declared, {}), np.zeros(0), np.full(2, 10.0)
    state = model.steady(np.zeros(2), none, {})
    given = Problem("l", 1, 0.0, state, np.zeros(2), none, np.zeros(2), -wide, wide, present=FIRST_OUT)
    assert np.abs(LinearSolver("l", declared).solve(given).moves).max() < 1e-6


@pytest.fixture(scope="module", params=[SqpSettings(), IpoptSettings()], ids=["sqp", "ipopt"])
def nonlinear(request: pytest.FixtureRequest) -> Solver:
    settings: Settings = request.param
    return solver(settings)


@pytest.mark.parametrize("out", [0, 1])
def test_an_input_of_a_model_that_is_out_stands_and_the_plan_is_found(nonlinear: Solver, out: int) -> None:
    for seed in range(5):
        given = somewhere(seed)
        low, high = given.low.copy(), given.high.copy()
        low[out] = high[out] = given.inputs[out]
        plan = nonlinear.solve(replace(given, low=low, high=high))
        assert plan.status is Status.SOLVED
        assert np.abs(plan.moves[:, out] - given.inputs[out]).max() < 1e-6
        assert len(plan.moves) == LOOP.horizon


def test_the_column_holds_its_bottom_while_its_top_cannot_be_measured() -> None:
    led = Led(Contract(noise=0.01)).auto()
    led.samples(4)
    led.plant.targets |= {"xD": 0.3, "xB": 0.2}
    led.samples(40)
    led.bad = {"PV.xD": 5.0}
    led.samples(35)
    assert "column: goes on without xd: PV.xD (sensor_failure)" in led.said
    led.plant.targets["xB"] = 0.5
    led.samples(60)
    assert led.modes[-1] == "active"
    assert led.plant.plant.shown()["xB"] == pytest.approx(0.5, abs=0.03)
    before = dict(led.plant.moved)
    led.bad = {}
    led.samples(2)
    assert max(abs(led.plant.moved[n] - before[n]) for n in before) < 0.05
    led.samples(60)
    assert led.plant.plant.shown() == pytest.approx({"xD": 0.3, "xB": 0.5}, abs=0.03)
    assert led.state.loops["column"].absent == {}
