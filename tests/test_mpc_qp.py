import numpy as np
import pytest
from scipy.optimize import lsq_linear

from controller.mpc.qp import Quadratic, solve
from plant_io.signals import Floats


def random(seed: int, weight: float) -> Quadratic:
    rng = np.random.default_rng(seed)
    n, rows = 8, 60
    root = rng.normal(size=(n, n))
    hard = rng.normal(size=(3, n))
    return Quadratic(
        hessian=root @ root.T + np.eye(n),
        gradient=rng.normal(size=n) * 20.0,
        low=np.concatenate([np.full(n, -1.0), np.full(3, -0.8)]),
        high=np.concatenate([np.full(n, 1.0), np.full(3, 0.8)]),
        hard=hard,
        soft=rng.normal(size=(rows, n)),
        room=rng.normal(size=rows),
        weights=np.full(rows, weight),
        each=2,
    )


def force(problem: Quadratic, d: Floats) -> float:
    """Return what is left of the gradient when every multiplier does its best; nothing at the solution."""
    limits = np.concatenate([np.eye(len(d)), problem.hard])
    value, room = limits @ d, problem.soft @ d - problem.room
    pushed = [row for row, v, top in zip(limits, value, problem.high, strict=True) if v > top - 1e-6]
    pushed += [-row for row, v, least in zip(limits, value, problem.low, strict=True) if v < least + 1e-6]
    kinks = [row * w for row, r, w in zip(problem.soft, room, problem.weights, strict=True) if abs(r) <= 1e-6]
    over = (problem.weights * (room > 1e-6)) @ problem.soft
    slope = problem.hessian @ d + problem.gradient + over
    most = np.array([np.inf] * len(pushed) + [1.0] * len(kinks))
    if not len(most):
        return float(np.abs(slope).max())
    found = lsq_linear(np.array([*pushed, *kinks]).T, -slope, (np.zeros(len(most)), most), tol=1e-12)
    return float(np.abs(found.fun).max())


@pytest.mark.parametrize("weight", [0.1, 1.0, 10.0, 1000.0])
@pytest.mark.parametrize("seed", range(10))
def test_the_solution_balances_every_force(seed: int, weight: float) -> None:
    problem = random(seed, weight)
    d = solve(problem)
    assert d is not None
    assert force(problem, d) < 1e-4
    assert (problem.low[:8] - 1e-6 <= d).all()
    assert (d <= problem.high[:8] + 1e-6).all()
    assert (np.abs(problem.hard @ d) <= 0.8 + 1e-6).all()


def test_the_cost_counts_from_standing_still() -> None:
    problem = random(0, 1.0)
    d = solve(problem)
    assert d is not None
    assert problem.cost(np.zeros(8)) == 0.0
    assert problem.cost(d) < 0.0


def test_the_same_problem_has_the_same_solution_bit_for_bit() -> None:
    first, again = solve(random(3, 1.0)), solve(random(3, 1.0))
    assert first is not None
    assert again is not None
    assert first.tobytes() == again.tobytes()


def test_limits_that_exclude_each_other_have_no_solution() -> None:
    problem = random(1, 1.0)
    crossed = Quadratic(
        **{name: getattr(problem, name) for name in ("hessian", "gradient", "soft", "room", "weights", "each")},
        hard=np.concatenate([problem.hard, problem.hard[:1]]),
        low=np.concatenate([problem.low, [2.0]]),
        high=np.concatenate([problem.high, [3.0]]),
    )
    assert solve(crossed) is None


def test_a_program_that_takes_too_long_is_given_up() -> None:
    rng, n, rows = np.random.default_rng(2), 200, 800
    root = rng.normal(size=(n, n))
    problem = Quadratic(
        hessian=root @ root.T + 1e-3 * np.eye(n),
        gradient=100.0 * rng.normal(size=n),
        low=np.full(n + rows, -1.0),
        high=np.full(n + rows, 1.0),
        hard=rng.normal(size=(rows, n)),
        soft=np.zeros((0, n)),
        room=np.zeros(0),
        weights=np.zeros(0),
        each=1,
    )
    assert solve(problem) is not None
    assert solve(problem, 1e-5) is None
