"""A learner is believed near its data, with doubt further off, and not at all where it cannot know."""

from __future__ import annotations

import numpy as np
import pytest

from controller.soft.domain import Domain, Verdict, fit

NAMES = ("LS", "N", "F", "T_IN")


def inputs(n: int, seed: int = 5) -> np.ndarray:
    """Four inputs that move together along two directions."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, n))
    z = np.column_stack([a, b, a + b, a - b]) + 0.1 * rng.standard_normal((n, 4))
    return np.array([0.25, 700.0, 15.0, 50.0]) + np.array([0.04, 90.0, 1.5, 5.0]) * z


TRAINING = inputs(80)
DOMAIN = fit(NAMES, TRAINING, np.linspace(0.1, 0.2, 80))
CENTRE = TRAINING.mean(axis=0)


def verdict(x: np.ndarray, sd: float | None = None) -> Verdict:
    return DOMAIN.judge(x, sd).verdict


def test_data_like_those_of_the_training_are_good() -> None:
    found = [verdict(x) for x in inputs(2000, seed=6)]
    assert np.mean([one is Verdict.GOOD for one in found]) > 0.9
    assert np.mean([one >= Verdict.FALLBACK for one in found]) < 0.005


def test_inputs_that_do_not_go_together_are_told_by_q() -> None:
    odd = CENTRE + np.array([0.04, 0.0, -1.5, 0.0])
    found = DOMAIN.judge(odd)
    assert found.verdict is Verdict.FALLBACK
    assert found.q > 10.0 > found.t2
    assert "the inputs do not go together as in the training data" in found.reasons[0]


def test_inputs_far_along_are_told_by_t2_and_by_range() -> None:
    far = CENTRE + 6.0 * (TRAINING[np.argmax(TRAINING[:, 0])] - CENTRE)
    found = DOMAIN.judge(far)
    assert found.verdict is Verdict.FALLBACK
    assert found.t2 > 3.0
    assert any("LS is" in reason and "of the training data" in reason for reason in found.reasons)


def test_the_verdict_worsens_with_the_distance() -> None:
    outward = TRAINING[np.argmax(TRAINING[:, 3])] - CENTRE
    found = [verdict(CENTRE + share * outward) for share in np.linspace(0.5, 6.0, 60)]
    assert found == sorted(found)
    assert set(found) >= {Verdict.GOOD, Verdict.UNCERTAIN, Verdict.FALLBACK}


def test_doubt_of_the_learner_counts() -> None:
    assert [verdict(CENTRE, sd) for sd in (0.2, 0.31, 0.61)] == [Verdict.GOOD, Verdict.UNCERTAIN, Verdict.FALLBACK]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_input_that_is_missing_leaves_no_value(bad: float) -> None:
    found = DOMAIN.judge(np.where(np.arange(4) == 1, bad, CENTRE))
    assert (found.verdict, found.reasons) == (Verdict.NONE, ("N is missing",))


def test_an_input_in_another_unit_leaves_no_value() -> None:
    found = DOMAIN.judge(CENTRE * np.array([1.0, 1.0, 1.0, 100.0]))
    assert found.verdict is Verdict.NONE
    assert "is its unit another one?" in found.reasons[0]


def test_it_survives_its_file() -> None:
    assert Domain.model_validate_json(DOMAIN.model_dump_json()) == DOMAIN


def test_few_samples_make_a_domain_with_wide_limits() -> None:
    few = fit(NAMES, TRAINING[:8])
    assert few.t2.usual > DOMAIN.t2.usual
    assert few.judge(TRAINING[:8].mean(axis=0)).verdict is Verdict.GOOD


REFUSED = [
    (TRAINING[:3], "found 3 samples, expected at least 4"),
    (np.where(np.arange(4) == 2, 3.5, TRAINING), "the input F is 3.5 in every sample: leave it out"),
    (np.where(np.eye(80, 4) == 1.0, np.nan, TRAINING), "the input LS is not a number in 1 samples"),
]


@pytest.mark.parametrize(("x", "sentence"), REFUSED)
def test_data_that_tell_nothing_are_refused(x: np.ndarray, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        fit(NAMES, x)
