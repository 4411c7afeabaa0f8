"""The condensed program against IPOPT on the same do-mpc problem, that of line A."""

import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controller.models import model
from controller.mpc.horizon import interpreted
from controller.mpc.objective import Objective
from controller.mpc.program import Program, reaches
from controller.mpc.solver import Solver, solvers, solvers_in_line
from controller.mpc.sqp import Sqp, Start, recipe
from controller.plan import Problem, Status
from plant_io.signals import Floats
from policies import IpoptSettings, Mpc, SqpSettings, load, shipped

POLICY = load(shipped("A"))
LOOP = POLICY.loops["blend"]
assert isinstance(LOOP, Mpc)
MODEL = model(LOOP.model, POLICY.files[LOOP.process])
U, W = np.array([2.0, 17.8]), np.array([0.2])
STEADY = MODEL.steady(U, W, {})
MAX_MOVE = np.array([0.05, 0.3])
LOW, HIGH = np.array([1.6, 14.0]), np.array([2.4, 22.0])
FULL = SqpSettings(blocks=(1,) * 30, tolerance=1e-8, steps=30)


def solver(settings: SqpSettings | IpoptSettings) -> Solver:
    return solvers({"blend": LOOP.model_copy(update={"solver": settings})}, POLICY.files)["blend"]


@pytest.fixture(scope="module")
def reference() -> Solver:
    return solver(IpoptSettings())


@pytest.fixture(scope="module")
def ours() -> Solver:
    return solver(SqpSettings())


@pytest.fixture(scope="module")
def full() -> Solver:
    return solver(FULL)


@pytest.fixture(scope="module")
def sqp() -> Sqp:
    return recipe(Program(MODEL, LOOP).stage, LOOP.horizon, reaches(MODEL, LOOP), SqpSettings(), interpreted)


def somewhere(seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    off = rng.normal(0.0, [0.05, 0.25, 0.25, 0.25, 0.25, 0.25, 0.025, 0.15, 0.025])
    state = STEADY + np.pad(off, (0, len(STEADY) - len(off)))
    inputs, targets = rng.uniform([1.8, 16.0], [2.2, 19.0]), rng.uniform([9.5, 19.0], [10.5, 21.0])
    return Problem("blend", seed, 0.0, state, inputs, W, targets, LOW, HIGH)


def start(problem: Problem) -> Start:
    tall = (LOOP.horizon, 1)
    given = Objective.of(MODEL, LOOP).told(
        np.tile(problem.known, (LOOP.horizon + 1, 1)),
        np.tile(problem.targets, (LOOP.horizon + 1, 1)),
        (np.array([9.5, 18.0]), np.array([10.5, 22.0])),
        np.ones(2),
    )
    inputs = np.tile(problem.inputs, tall)
    return Start(problem.state, problem.inputs, inputs, np.tile(LOW, tall), np.tile(HIGH, tall), given)


@pytest.mark.parametrize("count", [30, pytest.param(200, marks=pytest.mark.slow)])
def test_without_blocks_plans_are_those_of_ipopt(reference: Solver, full: Solver, count: int) -> None:
    off = [np.abs(reference.solve(p).moves - full.solve(p).moves).max(axis=0) for p in map(somewhere, range(count))]
    assert (np.max(off, axis=0) < 0.01 * MAX_MOVE).all()


def test_with_blocks_the_first_move_is_nearly_that_of_the_whole_program(full: Solver, ours: Solver) -> None:
    off = [np.abs(full.solve(p).moves[0] - ours.solve(p).moves[0]) for p in map(somewhere, range(200))]
    assert (np.median(off, axis=0) < 1e-3 * MAX_MOVE).all()
    assert (np.max(off, axis=0) < 0.4 * MAX_MOVE).all()


def test_beginning_with_the_last_plan_changes_nothing_but_the_way(full: Solver) -> None:
    problem = somewhere(3)
    cold = full.solve(problem)
    warm = full.solve(replace(problem, guess=np.roll(cold.moves, 3, axis=0)))
    assert warm.moves == pytest.approx(cold.moves, abs=1e-4 * MAX_MOVE.min())


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_is_never_worse_than_its_guess(sqp: Sqp, seed: int) -> None:
    begun = start(somewhere(seed))
    before = sqp.horizon.roll(begun.state, begun.inputs, begun.before, begun.given)
    for steps in (1, 2, 5):
        found = replace(sqp, steps=steps, tolerance=0.0).solve(begun)
        assert found.why == ""
        assert found.run.cost <= before.cost
        before = found.run


def test_more_steps_gain_less_and_less(sqp: Sqp) -> None:
    gains = [replace(sqp, steps=n, tolerance=0.0).solve(start(somewhere(5))).gain for n in (1, 2, 3)]
    assert gains[0] > gains[1] >= gains[2]
    assert gains[2] < 1e-6


def test_a_search_that_has_no_time_says_so(sqp: Sqp) -> None:
    assert sqp.solve(start(somewhere(1)), lambda: 0.0).why == "there was no time for a single step"


def test_a_search_that_is_cut_off_gives_the_best_plan_so_far(sqp: Sqp) -> None:
    left_s = iter([1.0, 0.0])
    found = replace(sqp, tolerance=0.0).solve(start(somewhere(1)), lambda: next(left_s))
    assert (found.why, found.steps) == ("", 1)


def test_a_state_beyond_reason_goes_to_ipopt_and_then_to_nobody(ours: Solver) -> None:
    plan = ours.solve(replace(somewhere(1), state=STEADY * 1e200))
    assert plan.status is Status.FAILED
    assert plan.why.startswith("the model leads nowhere finite; IPOPT gave up: ")


@pytest.mark.parametrize("wild", [np.nan, np.inf])
def test_a_guess_that_is_none_is_refused(ours: Solver, wild: float) -> None:
    plan = ours.solve(replace(somewhere(1), guess=np.full((30, 2), wild)))
    assert (plan.status, plan.why) == (Status.FAILED, "the problem holds a number that is not finite")


@pytest.mark.parametrize("rows", [np.full((30, 2), 1e6), np.full((30, 2), -1e6), np.zeros((4, 2))])
def test_a_wild_guess_breaks_no_limit(ours: Solver, rows: Floats) -> None:
    problem = somewhere(2)
    plan = ours.solve(replace(problem, guess=rows))
    moves = np.diff(np.vstack([problem.inputs, plan.moves]), axis=0)
    assert plan.status is Status.SOLVED
    assert (np.abs(moves) <= MAX_MOVE + 1e-12).all()
    assert ((plan.moves >= LOW - 1e-12) & (plan.moves <= HIGH + 1e-12)).all()


def test_compiled_or_not_plans_are_the_same_bit_for_bit(ours: Solver) -> None:
    interpreted = solver(SqpSettings(compile=False))
    assert [interpreted.solve(p) for p in map(somewhere, range(30))] == [
        ours.solve(p) for p in map(somewhere, range(30))
    ]


def test_ipopt_made_where_it_is_first_needed_gives_the_plans_of_one_made_at_once(reference: Solver) -> None:
    loop = LOOP.model_copy(update={"solver": IpoptSettings()})
    later = solvers_in_line({"blend": loop}, POLICY.files)["blend"]
    assert [later.solve(p) for p in map(somewhere, range(3))] == [reference.solve(p) for p in map(somewhere, range(3))]


def test_one_step_a_sample_is_had_by_asking_for_it(sqp: Sqp) -> None:
    program = Program(MODEL, LOOP)
    single = recipe(
        program.stage, LOOP.horizon, reaches(MODEL, LOOP), SqpSettings(feedback="single", tolerance=1e-12), list
    )
    assert single.solve(start(somewhere(4))).steps == 1
    assert replace(sqp, tolerance=1e-12).solve(start(somewhere(4))).steps > 1


def test_blocks_that_are_not_the_horizon_are_refused() -> None:
    with pytest.raises(ValueError, match=r"blocks: found 3 samples in all, expected 30"):
        solver(SqpSettings(blocks=(1, 2)))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_plans_leave_nothing_behind(ours: Solver) -> None:
    resident: list[int] = []
    plan = ours.solve(somewhere(0))
    for k in range(100_000):
        problem = replace(somewhere(k % 50), guess=plan.moves)
        plan = ours.solve(problem)
        assert plan.status is Status.SOLVED
        if k in {20_000, 99_999}:
            resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize())
    assert resident[1] - resident[0] < 1_000_000  # bytes
