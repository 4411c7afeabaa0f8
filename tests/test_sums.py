"""Products and solutions without BLAS agree with those by BLAS to rounding."""

from __future__ import annotations

import numpy as np
import pytest

from plant_io.sums import applied, dot, product, solution

RNG = np.random.default_rng(4)


@pytest.mark.parametrize("before", [(), (3,), (2, 3)])
def test_products_are_those_of_matrices(before: tuple[int, ...]) -> None:
    a, b, x = RNG.standard_normal((*before, 5, 7)), RNG.standard_normal((*before, 7, 4)), RNG.standard_normal(7)
    assert product(a, b) == pytest.approx(a @ b, rel=1e-13, abs=1e-13)
    assert applied(a, x) == pytest.approx(a @ x, rel=1e-13, abs=1e-13)
    assert dot(x, x) == pytest.approx(float((x**2).sum()), rel=1e-13)


@pytest.mark.parametrize("n", [1, 2, 6, 14])
def test_equations_are_solved_whatever_their_order(n: int) -> None:
    a, x = RNG.standard_normal((n, n)) + np.roll(np.eye(n), 1, axis=0) * 20.0, RNG.standard_normal(n)
    assert solution(a, a @ x) == pytest.approx(x, rel=1e-11, abs=1e-11)


def test_equations_without_a_solution_give_nothing_finite() -> None:
    assert not np.isfinite(solution(np.ones((2, 2)), np.array([1.0, 2.0]))).any()
