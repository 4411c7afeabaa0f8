"""A monitor that needs nothing but samples keeps the contract of river's detectors."""

import pickle

import numpy as np
import pytest

from anomaly.contract import Trial, check
from anomaly.online import Online
from tests.watched import MOVED, TAGS, normal

NAMES = (*TAGS, MOVED)


def rows(samples: int, seed: int) -> list[dict[str, float]]:
    return [dict(zip(NAMES, row, strict=True)) for row in normal(samples, seed).tolist()]


def test_it_keeps_the_contract_of_detectors() -> None:
    check(lambda: Online(warm=300), Trial(given=rows(3600, seed=1), far=8.0))


def test_it_is_silent_until_it_has_fitted_itself_and_then_finds_what_shifts() -> None:
    detector, found = Online(warm=400), list[float]()
    for k, row in enumerate(rows(700, seed=2)):
        sample = row | {"A": row["A"] + 4.0 * (k >= 600)}
        found.append(detector.score_one(sample))
        detector.learn_one(sample)
    assert set(found[:400]) == {0.0}
    assert max(found[400:600]) < 1.2
    assert np.mean([score > 1.0 for score in found[610:]]) > 0.9
    assert detector.verdict
    assert detector.verdict.top()[0].tag == "A"


@pytest.mark.parametrize("after", [100, 500])
def test_a_copy_goes_on_as_the_original_does(after: int) -> None:
    detector, series = Online(warm=300), rows(600, seed=3)
    for row in series[:after]:
        detector.learn_one(row)
    copy = pickle.loads(pickle.dumps(detector))  # noqa: S301  # our own
    for row in series[after:]:
        assert copy.score_one(row) == detector.score_one(row)
        copy.learn_one(row)
        detector.learn_one(row)


def test_a_constant_feature_and_one_that_is_often_missing_do_no_harm() -> None:
    detector, found = Online(warm=400), list[float]()
    for k, row in enumerate(rows(900, seed=4)):
        sample = row | {"still": 7.0}
        if k % 9 == 0:
            del sample["B"]
        found.append(detector.score_one(sample))
        detector.learn_one(sample)
    assert 0.0 < max(found[420:]) < 1.2


def test_it_waits_for_something_to_move() -> None:
    detector = Online(warm=100)
    for _ in range(350):
        detector.learn_one({"still": 1.0})
    assert detector.monitor is None
    for row in rows(200, seed=5):
        detector.learn_one(row)
    assert detector.monitor is not None
