import asyncio
from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from controller.models import model
from controller.models.symbolic import Compiled, ahead, outputs, vector
from controller.mpc.solver import Solver, solvers
from controller.mpc.worker import Worker
from controller.plan import Plan, Problem, Status
from plant_io.signals import Floats
from policies import IpoptSettings, Mpc, load, shipped

POLICY = load(shipped("A"))
LOOP = POLICY.loops["blend"]
assert isinstance(LOOP, Mpc)
MODEL = model(LOOP.model, POLICY.files[LOOP.process])
U, W = np.array([2.0, 17.8]), np.array([0.2])
STEADY = MODEL.steady(U, W, {})
MAX_MOVE = np.array([0.05, 0.3])
PROBLEM = Problem(
    loop="blend",
    number=7,
    at=1000.0,
    state=STEADY,
    inputs=U,
    known=W,
    targets=np.array([10.0, 20.0]),
    low=np.array([1.6, 14.0]),
    high=np.array([2.4, 22.0]),
)


@pytest.fixture(scope="module")
def solver() -> Solver:
    return solvers({"blend": LOOP}, POLICY.files)["blend"]


def off(error: float) -> Floats:
    """Return a state in which the API feeder hides a relative error."""
    state = STEADY.copy()
    state[8] = error
    return state


def steps(plan: Plan, inputs: Floats) -> Floats:
    return np.diff(np.vstack([inputs, plan.moves]), axis=0)


def test_on_target_nothing_is_moved(solver: Solver) -> None:
    plan = solver.solve(PROBLEM)
    assert (plan.loop, plan.number, plan.at, plan.status, plan.why) == ("blend", 7, 1000.0, Status.SOLVED, "")
    assert plan.moves == pytest.approx(np.tile(U, (30, 1)), abs=1e-4)
    assert plan.outputs == pytest.approx(np.tile([10.0, 20.0], (31, 1)), abs=1e-3)


def test_a_feed_error_is_answered_and_the_prediction_ends_on_target(solver: Solver) -> None:
    plan = solver.solve(replace(PROBLEM, state=off(-0.04)))
    assert plan.moves[-1, 0] == pytest.approx(2.0 / 0.96, abs=0.01)
    assert plan.outputs[-1] == pytest.approx([10.0, 20.0], abs=0.03)


def test_the_first_move_goes_as_far_as_permitted_where_the_need_is_great(solver: Solver) -> None:
    plan = solver.solve(replace(PROBLEM, state=off(-0.3)))
    assert plan.moves[0, 0] == pytest.approx(2.05, abs=1e-6)
    assert plan.moves.max(axis=0)[0] == pytest.approx(2.4, abs=1e-4)


@pytest.mark.parametrize("seed", range(12))
def test_no_plan_breaks_a_limit(solver: Solver, seed: int) -> None:
    rng = np.random.default_rng(seed)
    off = rng.normal(0.0, [0.1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.05, 0.3, 0.05])
    state = STEADY + np.pad(off, (0, len(STEADY) - len(off)))
    inputs = rng.uniform([1.5, 13.0], [2.5, 23.0])
    plan = solver.solve(replace(PROBLEM, state=state, inputs=inputs, targets=rng.uniform([9.0, 18.0], [11.0, 22.0])))
    assert plan.status is Status.SOLVED
    assert (np.abs(steps(plan, inputs)) <= MAX_MOVE + 1e-12).all()
    far = np.maximum(PROBLEM.low - plan.moves, plan.moves - PROBLEM.high).max(axis=1)
    assert (far[5:] <= 1e-12).all()  # an input found outside is walked back first


def test_an_input_outside_its_limits_is_walked_back_at_full_pace(solver: Solver) -> None:
    plan = solver.solve(replace(PROBLEM, inputs=np.array([2.6, 17.8])))
    assert plan.moves[:4, 0] == pytest.approx([2.55, 2.5, 2.45, 2.4], abs=1e-9)


def test_the_loop_closed_on_a_plant_like_the_model_has_no_offset(solver: Solver) -> None:
    x, u, w = vector("x", len(STEADY)), vector("u", 2), vector("w", 1)
    plant = Compiled([x, u, w], [ahead(MODEL, x, u, w, LOOP.sample_s)])
    shown = Compiled([x, u, w], [outputs(MODEL, x, u, w)])
    state, inputs = off(-0.04), U
    state[7] = 0.2
    for _ in range(90):
        plan = solver.solve(replace(PROBLEM, state=state, inputs=inputs))
        inputs = plan.moves[0]
        state = plant(state, inputs, W)[0]
    assert shown(state, inputs, W)[0] == pytest.approx([10.0, 20.0], abs=1e-3)


@pytest.mark.parametrize("name", ["state", "inputs", "known", "targets", "low", "high"])
@pytest.mark.parametrize("wrong", [nan, inf, -inf])
def test_numbers_that_are_none_are_refused_before_the_solver_sees_them(solver: Solver, name: str, wrong: float) -> None:
    array = getattr(PROBLEM, name).copy()
    array[0] = wrong
    plan = solver.solve(replace(PROBLEM, **{name: array}))
    assert plan.status is Status.FAILED
    assert plan.why == "the problem holds a number that is not finite"
    assert plan.moves.size == plan.outputs.size == 0


def test_limits_in_the_wrong_order_are_a_failed_plan(solver: Solver) -> None:
    plan = solver.solve(replace(PROBLEM, low=PROBLEM.high, high=PROBLEM.low))
    assert (plan.status, plan.why) == (Status.FAILED, "no input is permitted, the lowest is above the highest")


def test_a_problem_beyond_reason_is_a_failed_plan_and_harms_no_other(solver: Solver) -> None:
    before = solver.solve(replace(PROBLEM, state=off(-0.04)))
    wild = solver.solve(replace(PROBLEM, state=STEADY * 1e200))
    assert wild.status is Status.FAILED
    assert wild.why
    assert solver.solve(replace(PROBLEM, state=off(-0.04))) == before


def test_equal_problems_have_equal_plans_whatever_was_solved_between(solver: Solver) -> None:
    problem = replace(PROBLEM, state=off(0.05), inputs=np.array([2.1, 17.0]))
    first = solver.solve(problem)
    solver.solve(replace(PROBLEM, state=off(-0.3), high=np.array([2.2, 19.0])))
    assert solver.solve(problem) == first


def test_ipopt_without_time_says_so() -> None:
    hurried = LOOP.model_copy(update={"max_solve_s": 1e-4, "solver": IpoptSettings()})
    plan = solvers({"blend": hurried}, POLICY.files)["blend"].solve(replace(PROBLEM, state=off(-0.3)))
    assert (plan.status, plan.why) == (Status.FAILED, "IPOPT gave up: Maximum_WallTime_Exceeded")


def test_a_plan_from_another_unit_of_the_policy_is_the_same(solver: Solver) -> None:
    moved = {
        name: m.model_copy(update={"unit": "g/h", "max_move": m.max_move * 1e3, "scale": m.scale * 1e3})
        for name, m in LOOP.moved.items()
    }
    other = solvers({"blend": LOOP.model_copy(update={"moved": moved})}, POLICY.files)["blend"]
    problem = replace(PROBLEM, state=off(-0.04))
    assert other.solve(problem).moves == pytest.approx(solver.solve(problem).moves, abs=1e-9)


def test_a_process_of_its_own_finds_the_same_plan_and_prints_nothing(
    solver: Solver, capfd: pytest.CaptureFixture[str]
) -> None:
    problem = replace(PROBLEM, state=off(-0.04))

    async def ask() -> tuple[Plan, ...]:
        worker = Worker({"blend": 8.0}, solvers, ({"blend": LOOP}, dict(POLICY.files)), wait_s=20.0)
        await worker.start()
        assert await worker.ready(60.0)
        worker.submit(problem, 1000.0)
        plans = await worker.take(1001.0)
        await worker.close()
        return plans

    assert asyncio.run(ask()) == (solver.solve(problem),)
    assert capfd.readouterr() == ("", "")
