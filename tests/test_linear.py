"""Matrices of transfer functions: exact models, offset-free control, limits by rank, feed-forward, rests."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from linear_plant import COLUMN, Lags, loop

from controller.models.transfer import Transfer
from controller.mpc.linear import LinearSolver
from controller.mpc.linear_estimator import LinearEstimator
from controller.plan import Plan, Problem, Status
from policies import TransferFunction

NONE = np.zeros(0)
ONE = {"y": {"u": {"gain": 2.0, "dead_time": 3.0, "lags": [10.0]}}}


def problem(declared: TransferFunction, state: np.ndarray, targets: list[float], **given: object) -> Problem:
    n_u = len(declared.moved)
    usual = {
        "inputs": np.zeros(n_u),
        "known": np.zeros(len(declared.known)),
        "low": np.array([m.limits[0] for m in declared.moved.values()]),
        "high": np.array([m.limits[1] for m in declared.moved.values()]),
    }
    return Problem("l", 1, 0.0, state, targets=np.array(targets), **(usual | given))  # type: ignore[arg-type]


def solved(declared: TransferFunction, posed: Problem) -> Plan:
    plan = LinearSolver("l", declared).solve(posed)
    assert plan.status is Status.SOLVED, plan.why
    return plan


def at_rest(declared: TransferFunction, known: int = 0) -> np.ndarray:
    return Transfer(declared, dict.fromkeys(declared.known, "1")).steady(
        np.zeros(len(declared.moved)), np.zeros(known), {}
    )


def answered(response: dict[str, object], samples: int) -> list[float]:
    """Return what a model makes of a unit step, as its own estimator steps it."""
    declared = loop({"y": {"u": response}})
    model = Transfer(declared, {})
    estimator = LinearEstimator(model, declared)
    estimate, found = estimator.start(np.zeros(1), NONE, {"y": 0.0}), list[float]()
    for _ in range(samples):
        estimate = estimator.step(estimate, np.ones(1), NONE, {})
        found.append(float(estimator.outputs(estimate)[0]))
    return found


def test_a_dead_time_that_is_no_whole_number_of_samples_is_exact() -> None:
    found = answered({"gain": 2.0, "dead_time": 2.3, "lags": [5.0]}, 20)
    time = np.arange(1, 21) - 2.3
    assert found == pytest.approx(2.0 * (1.0 - np.exp(-np.maximum(time, 0.0) / 5.0)), abs=1e-12)


def test_two_equal_lags_answer_as_they_should() -> None:
    found = answered({"gain": 1.0, "lags": [4.0, 4.0]}, 20)
    time = np.arange(1, 21) / 4.0
    assert found == pytest.approx(1.0 - np.exp(-time) * (1.0 + time), abs=1e-12)


def test_a_lead_below_zero_answers_the_wrong_way_at_first() -> None:
    found = answered({"gain": 1.0, "lags": [4.0, 2.0], "leads": [-3.0]}, 40)
    time = np.arange(1, 41)
    exact = 1.0 - 3.5 * np.exp(-time / 4.0) + 2.5 * np.exp(-time / 2.0)
    assert found == pytest.approx(exact, abs=1e-12)
    assert found[0] < 0.0 < found[-1]


def test_an_integrating_answer_to_a_step_is_a_ramp() -> None:
    assert answered({"gain": 0.5, "dead_time": 1.0, "integrating": True}, 5) == pytest.approx([0, 0.5, 1, 1.5, 2])


def test_a_gain_without_a_lag_answers_at_once() -> None:
    assert answered({"gain": 3.0, "dead_time": 2.0}, 5) == pytest.approx([0.0, 0.0, 3.0, 3.0, 3.0])


def test_the_model_follows_a_plant_stepped_finely() -> None:
    matrix = {
        y.lower(): {
            u.lower(): {"gain": k, "dead_time": dead, "lags": [lag]}
            for (row, u), (k, lag, dead) in COLUMN.items()
            if row == y and u != "F"
        }
        for y in ("xD", "xB")
    }
    declared, plant, rng = loop(matrix), Lags(COLUMN), np.random.default_rng(2)
    model = Transfer(declared, {})
    estimator = LinearEstimator(model, declared)
    estimate = estimator.start(np.zeros(2), NONE, {"xd": 0.0, "xb": 0.0})
    for _ in range(60):
        u = rng.uniform(-1.0, 1.0, 2)
        plant.step({"R": u[0], "S": u[1]}, 1.0)
        estimate = estimator.step(estimate, u, NONE, {})
        assert estimator.outputs(estimate) == pytest.approx(list(plant.shown().values()), abs=1e-9)


def test_no_plan_near_a_plan_costs_less() -> None:
    declared = loop(ONE, horizon=20, moved={"u": {"limits": (-0.3, 0.3), "max_move": 0.2}})
    state, rng = at_rest(declared), np.random.default_rng(4)
    plan = solved(declared, problem(declared, state, [1.0]))
    lengths = (1, 1, 1, 1, 2, 2, 4, 4, 4)

    def cost(inputs: np.ndarray) -> float:
        model = Transfer(declared, {})
        estimator = LinearEstimator(model, declared)
        estimate, total, before = estimator.start(np.zeros(1), NONE, {"y": 0.0}), 0.0, 0.0
        for u in inputs:
            estimate = estimator.step(estimate, np.array([u]), NONE, {})
            total += ((float(estimator.outputs(estimate)[0]) - 1.0) / 0.1) ** 2
            total += 0.05 * ((u - before) / 0.5) ** 2
            before = u
        return total

    best = cost(plan.moves[:, 0])
    starts = np.cumsum([0, *lengths[:-1]])
    for size in (1e-3, 1e-2, 1e-1):
        for _ in range(30):
            blocks = plan.moves[starts, 0] + rng.normal(0.0, size, len(lengths))
            path = [0.0]
            for wanted in blocks:
                path.append(float(np.clip(np.clip(wanted, path[-1] - 0.2, path[-1] + 0.2), -0.3, 0.3)))
            assert cost(np.repeat(path[1:], lengths)) >= best - 1e-7 * best


def test_what_is_predicted_is_what_the_model_does() -> None:
    declared = loop(ONE, horizon=20)
    plan = solved(declared, problem(declared, at_rest(declared), [1.0]))
    model = Transfer(declared, {})
    estimator = LinearEstimator(model, declared)
    estimate = estimator.start(np.zeros(1), NONE, {"y": 0.0})
    for k, u in enumerate(plan.moves):
        assert plan.outputs[k] == pytest.approx(estimator.outputs(estimate), abs=1e-9)
        estimate = estimator.step(estimate, u, NONE, {})


def followed(declared: TransferFunction, truth: Lags, target: float, load: float, samples: int) -> np.ndarray:
    """Return a measurement along a run against a plant that is not the model."""
    solver, model = LinearSolver("l", declared), Transfer(declared, {})
    estimator, u, found = LinearEstimator(model, declared), np.zeros(1), list[float]()
    estimate = estimator.start(u, NONE, {"y": 0.0})
    for _ in range(samples):
        plan = solver.solve(problem(declared, estimate.x, [target], inputs=u))
        u = plan.moves[0]
        truth.step({"u": float(u[0]), "load": load}, 1.0)
        found.append(truth.shown()["y"])
        estimate = estimator.step(estimate, u, NONE, {"y": found[-1]})
    return np.array(found)


def test_wrong_gains_and_a_load_leave_no_offset() -> None:
    truth = Lags({("y", "u"): (2.6, 13.0, 4.0), ("y", "load"): (1.0, 5.0, 0.0)})
    found = followed(loop(ONE, move_weight=5.0), truth, target=1.0, load=0.7, samples=120)
    assert found[-20:] == pytest.approx(1.0, abs=1e-3)


def test_a_bias_that_comes_through_a_lag_leaves_no_offset_either() -> None:
    truth = Lags({("y", "u"): (1.6, 8.0, 4.0), ("y", "load"): (1.0, 20.0, 0.0)})
    found = followed(
        loop(ONE, move_weight=5.0, measured={"y": {"lag": 10.0}}), truth, target=1.0, load=0.7, samples=150
    )
    assert found[-20:] == pytest.approx(1.0, abs=1e-3)


def test_a_level_is_held_without_offset_against_a_leak() -> None:
    declared = loop({"y": {"u": {"gain": 0.5, "dead_time": 1.0, "integrating": True}}})
    solver, model = LinearSolver("l", declared), Transfer(declared, {})
    estimator, u, level, late = LinearEstimator(model, declared), np.zeros(1), 0.0, [0.0]
    estimate = estimator.start(u, NONE, {"y": 0.0})
    for _ in range(80):
        u = solver.solve(problem(declared, estimate.x, [1.0], inputs=u)).moves[0]
        late.append(float(u[0]))
        level += 0.45 * late.pop(0) - 0.2
        estimate = estimator.step(estimate, u, NONE, {"y": level})
    assert level == pytest.approx(1.0, abs=1e-3)


def test_a_disturbance_that_is_read_is_met_before_it_is_seen() -> None:
    answer = {"gain": 1.0, "lags": [5.0]}
    matrix = {"y": {"u": answer | {"dead_time": 1.0}, "w": answer | {"dead_time": 6.0}}}
    declared = loop(matrix, known={"w": "W"})
    model = Transfer(declared, {"w": "1"})
    estimator = LinearEstimator(model, declared)
    state = estimator.start(np.zeros(1), np.zeros(1), {"y": 0.0}).x
    plan = solved(declared, problem(declared, state, [0.0], known=np.ones(1)))
    assert np.abs(plan.outputs).max() < 0.08  # 0.86 without
    assert plan.moves[:3, 0] == pytest.approx(0.0, abs=0.1)
    assert plan.moves[-1, 0] == pytest.approx(-1.0, abs=0.02)


def test_inputs_keep_their_limits_and_their_largest_move() -> None:
    declared = loop(ONE, moved={"u": {"limits": (-0.2, 0.3), "max_move": 0.1}})
    plan = solved(declared, problem(declared, at_rest(declared), [5.0]))
    path = [0.0, *plan.moves[:, 0].tolist()]
    assert max(path) == pytest.approx(0.3)
    assert max(abs(b - a) for a, b in pairwise(path)) <= 0.1 + 1e-12


def test_an_input_found_outside_its_limits_is_walked_back() -> None:
    declared = loop(ONE, moved={"u": {"limits": (-0.2, 0.3), "max_move": 0.1}})
    plan = solved(declared, problem(declared, at_rest(declared), [0.0], inputs=np.array([0.65])))
    assert plan.moves[:4, 0] == pytest.approx([0.55, 0.45, 0.35, 0.3], abs=0.05)


TWO = {
    "a": {"u": {"gain": 1.0, "lags": [5.0]}},
    "b": {"u": {"gain": 1.0, "lags": [5.0]}},
}


@pytest.mark.parametrize(("first", "end"), [("a", -1.0), ("b", 1.0)])
def test_where_not_all_limits_can_be_kept_those_of_the_first_rank_are(first: str, end: float) -> None:
    ranks = {name: {"rank": 1 if name == first else 2, "target": None} for name in ("a", "b")}
    limits = {"a": {"limits": (-3.0, -1.0)}, "b": {"limits": (1.0, 3.0)}}
    declared = loop(TWO, controlled={name: ranks[name] | limits[name] for name in ("a", "b")})
    plan = solved(declared, problem(declared, at_rest(declared), [np.nan, np.nan]))
    assert plan.outputs[-1] == pytest.approx(end, abs=0.02)


def test_a_limit_is_kept_though_the_target_lies_beyond() -> None:
    declared = loop(ONE, controlled={"y": {"limits": (-0.5, 0.5)}})
    plan = solved(declared, problem(declared, at_rest(declared), [1.0]))
    assert plan.outputs.max() <= 0.5 + 1e-6
    assert plan.outputs[-1, 0] == pytest.approx(0.5, abs=1e-3)


def test_inputs_that_are_left_free_go_to_their_rests_and_leave_no_offset() -> None:
    matrix = {"y": {"u": {"gain": 1.0, "lags": [5.0]}, "v": {"gain": 2.0, "lags": [5.0]}}}
    declared = loop(matrix, moved={"u": {"rest": 0.4}})
    solver, u = LinearSolver("l", declared), np.array([0.0, 0.5])
    state = Transfer(declared, {}).steady(u, NONE, {"y": 1.0})
    estimator = LinearEstimator(Transfer(declared, {}), declared)
    estimate = estimator.start(u, NONE, {"y": 1.0})
    assert estimate.x == pytest.approx(state)
    for _ in range(150):
        u = solver.solve(problem(declared, estimate.x, [1.0], inputs=u)).moves[0]
        estimate = estimator.step(estimate, u, NONE, {})
    assert u == pytest.approx([0.4, 0.3], abs=0.01)
    assert estimator.outputs(estimate) == pytest.approx([1.0], abs=1e-3)


def test_a_problem_that_holds_no_numbers_is_no_plan() -> None:
    declared = loop(ONE)
    state = at_rest(declared)
    state[0] = np.nan
    plan = LinearSolver("l", declared).solve(problem(declared, state, [1.0]))
    assert (plan.status, plan.why) == (Status.FAILED, "the problem holds a number that is not finite")


def test_equal_problems_have_equal_plans_whatever_was_solved_before() -> None:
    declared = loop(ONE)
    solver, state = LinearSolver("l", declared), at_rest(declared)
    first = solver.solve(problem(declared, state, [1.0]))
    solver.solve(problem(declared, state, [-7.0]))
    assert solver.solve(problem(declared, state, [1.0])) == first


def test_a_wild_reading_moves_the_estimate_only_so_far() -> None:
    declared = loop(ONE)
    model = Transfer(declared, {})
    estimator = LinearEstimator(model, declared)
    estimate = estimator.start(np.zeros(1), NONE, {"y": 0.0})
    for _ in range(30):
        estimate = estimator.step(estimate, np.zeros(1), NONE, {"y": 0.0})
    after = estimator.step(estimate, np.zeros(1), NONE, {"y": 1e6})
    assert abs(float(estimator.outputs(after)[0])) < 0.5


def test_a_plan_made_by_the_clock_reckons_with_the_cycle_it_comes_late() -> None:
    declared = loop(ONE, trigger=None, sample="1m", moved={"u": {"max_move": 20.0, "limits": (-20.0, 20.0)}})
    state = Transfer(declared, {}).steady(np.ones(1), NONE, {})
    plan = solved(declared, problem(declared, state, [2.0], inputs=np.ones(1)))
    assert plan.moves == pytest.approx(1.0, abs=1e-6)
    assert plan.outputs == pytest.approx(2.0, abs=1e-6)
