"""A soft sensor against its reference method: equivalence, agreement, limits for few results, and dissolution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from controller.soft.equivalence import acceptance, compared, similarity, verdict

RNG = np.random.default_rng(51)
TRUE = np.linspace(8.0, 12.0, 40)


def pairs(bias: float = 0.0, sd: float = 0.1, n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    true = np.linspace(8.0, 12.0, n)
    return true + bias + sd * RNG.standard_normal(n), true + 0.05 * RNG.standard_normal(n)


def test_the_two_one_sided_tests_are_those_of_scipy() -> None:
    found, reference = pairs(bias=0.03)
    made = compared(found, reference, 0.1)
    upper = stats.ttest_1samp(found - reference, -0.1, alternative="greater").pvalue
    lower = stats.ttest_1samp(found - reference, 0.1, alternative="less").pvalue
    assert made.p == pytest.approx(max(upper, lower))
    assert made.equivalent
    inside = -0.1 < made.interval[0] < made.interval[1] < 0.1
    assert inside == made.equivalent


def test_a_bias_at_the_margin_is_called_equivalent_no_more_often_than_the_risk() -> None:
    called = [compared(*pairs(bias=0.1, n=12), 0.1).equivalent for _ in range(1500)]
    assert 0.03 < np.mean(called) < 0.07


def test_few_scattered_pairs_show_nothing() -> None:
    assert not compared(*pairs(sd=0.8, n=6), 0.1).equivalent


def test_the_limits_of_agreement_hold_95_percent_of_the_differences() -> None:
    found, reference = pairs(n=4000)
    made = compared(found, reference, 0.1)
    away = found - reference
    assert np.mean((away > made.agreement[0]) & (away < made.agreement[1])) == pytest.approx(0.95, abs=0.01)
    spread = [compared(*pairs(n=20), 0.1).agreement[1] for _ in range(1500)]
    assert compared(*pairs(n=20), 0.1).agreement_se == pytest.approx(np.std(spread), rel=0.5)


def test_a_difference_that_grows_with_the_result_shows_as_a_slope() -> None:
    found, reference = pairs()
    assert compared(found, reference, 0.1).slope_p > 0.01
    tilted = compared(found + 0.2 * (TRUE - 10.0), reference, 0.1)
    assert tilted.slope == pytest.approx(0.18, abs=0.04)
    assert tilted.slope_p < 1e-6


REFUSED = [
    (np.ones(5), np.ones(5), 0.1, "found 5 pairs, expected at least 6"),
    (np.ones(8), np.ones(7), 0.1, "found 8 values and 7 reference results, expected pairs"),
    (np.where(np.arange(8) == 2, np.nan, 1.0), np.ones(8), 0.1, "pair 3 has a value that is not a number"),
    (np.ones(8), np.ones(8), 0.1, "every difference is the same"),
    (TRUE, TRUE + RNG.random(40), 0.0, "found a margin of 0, expected one above zero"),
]


@pytest.mark.parametrize(("found", "reference", "margin", "sentence"), REFUSED)
def test_what_cannot_be_compared_is_told(
    found: np.ndarray, reference: np.ndarray, margin: float, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        compared(found, reference, margin)


def test_acceptance_tightens_with_the_number_of_results_towards_the_goal() -> None:
    limits = [acceptance(0.25, n) for n in (1, 4, 12, 40, 400, 40_000)]
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] == pytest.approx(0.25, rel=0.01)


@pytest.mark.parametrize("n", [4, 12, 40])
def test_a_sensor_that_is_as_good_as_its_goal_is_accepted_as_often_as_promised(n: int) -> None:
    errors = np.sqrt(np.mean(RNG.normal(0.0, 0.25, (4000, n)) ** 2, axis=1))
    assert np.mean(errors <= acceptance(0.25, n)) == pytest.approx(0.95, abs=0.012)


PROFILE = np.array([22.0, 48.0, 71.0, 86.0, 95.0, 98.0])


def test_the_same_profile_has_100_and_ten_percent_everywhere_fifty() -> None:
    assert similarity(PROFILE, PROFILE) == pytest.approx(100.0)
    assert similarity(PROFILE - 10.0, PROFILE) == pytest.approx(50.0, abs=0.15)


def test_only_one_point_beyond_85_percent_counts() -> None:
    late = PROFILE.copy()
    late[4:] -= 40.0
    assert similarity(late, PROFILE) == pytest.approx(100.0)


def test_the_verdict_is_that_of_the_whole_interval() -> None:
    assert verdict(PROFILE - 4.0, PROFILE + 4.0, PROFILE) == "similar"
    assert verdict(PROFILE - 20.0, PROFILE - 14.0, PROFILE) == "not similar"
    assert verdict(PROFILE - 14.0, PROFILE + 2.0, PROFILE) == "undecided"


def test_profiles_that_are_none_are_told() -> None:
    with pytest.raises(ValueError, match="found 2 points up to 85 % released, expected at least 3"):
        similarity(np.array([50.0, 90.0, 95.0]), np.array([60.0, 90.0, 99.0]))
    with pytest.raises(ValueError, match="the profile has values that are no share released"):
        similarity(PROFILE - 30.0, PROFILE)
    with pytest.raises(ValueError, match="found 5 points and 6 of the reference"):
        similarity(PROFILE[:5], PROFILE)
    with pytest.raises(ValueError, match="a lower bound lies above the upper one"):
        verdict(PROFILE, PROFILE - 1.0, PROFILE)
