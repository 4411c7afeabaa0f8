"""How wide intervals are made from the errors of a few samples that were left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from controller.soft.widths import half_width, student
from plant_io.signals import Floats

RNG_SEED, LINES = 6, 3_000
Rule = Callable[[Floats], float]


def covered(rule: Rule, n: int, spread: Callable[[np.random.Generator, int], Floats]) -> Floats:
    """Share of 200 new errors that lie within the interval made from `n` errors, line by line."""
    rng = np.random.default_rng(RNG_SEED)
    return np.array([np.mean(np.abs(spread(rng, 200)) <= rule(np.abs(spread(rng, n)))) for _ in range(LINES)])


def normal(rng: np.random.Generator, n: int) -> Floats:
    return rng.standard_normal(n)


def ranked(scores: Floats) -> float:
    return half_width(scores, 0.9)


def alone(scores: Floats) -> float:
    return student(scores, 0.9)


def informed(scores: Floats) -> float:
    return student(scores, 0.9, 1.0)


def test_intervals_by_rank_cover_on_average_what_they_say() -> None:
    assert np.mean(covered(ranked, 12, normal)) == pytest.approx(0.9, abs=0.015)


@pytest.mark.parametrize("n", [8, 12, 20])
def test_student_intervals_cover_at_least_what_they_say_and_differ_less_from_line_to_line(n: int) -> None:
    shares, by_rank = covered(alone, n, normal), covered(ranked, n, normal)
    assert 0.9 <= np.mean(shares) < 0.93
    assert np.std(shares) < 0.93 * np.std(by_rank)


def test_what_is_known_before_keeps_intervals_from_being_far_too_narrow() -> None:
    shares, without = covered(informed, 8, normal), covered(alone, 8, normal)
    assert 0.9 <= np.mean(shares) < 0.94
    assert np.quantile(shares, 0.05) > np.quantile(without, 0.05) + 0.05
    assert np.std(shares) < 0.6 * np.std(without)


@pytest.mark.parametrize(
    "spread",
    [lambda rng, n: rng.laplace(size=n), lambda rng, n: rng.uniform(-1.0, 1.0, n), lambda rng, n: rng.standard_t(4, n)],
)
def test_at_nine_in_ten_the_shape_of_errors_matters_little(
    spread: Callable[[np.random.Generator, int], Floats],
) -> None:
    assert 0.88 < np.mean(covered(alone, 16, spread)) < 0.97
