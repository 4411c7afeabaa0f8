"""One signal by itself: what is unusual and why, what is not, and what it costs to remember."""

import copy
import pickle
from math import inf, nan, sin

import numpy as np
import pytest

from anomaly.univariate import STANDS, TIME, Reason, Standing, Univariate, chance

RNG = np.random.default_rng


def noisy(n: int, seed: int = 1) -> list[float]:
    found: list[float] = (10.0 + RNG(seed).standard_normal(n)).tolist()
    return found


def taught(values: list[float], every: float = 60.0) -> Univariate:
    detector = Univariate(every)
    for i, value in enumerate(values):
        detector.take(i * every, value)
    return detector


def daily(days: int, *, sample_s: float = 900.0) -> list[float]:
    """A machine that runs from six to eighteen, with noise."""
    times = np.arange(0.0, days * 86_400.0, sample_s)
    on = (times % 86_400.0 >= 21_600.0) & (times % 86_400.0 < 64_800.0)
    found: list[float] = (np.where(on, 20.0, 5.0) + 0.3 * RNG(3).standard_normal(len(times))).tolist()
    return found


def test_one_normal_value_in_a_thousand_or_so_is_unusual_for_each_reason() -> None:
    values = noisy(12_000)
    detector, high = Univariate(60.0), 0
    for i, value in enumerate(values):
        away = detector.deviations(60.0 * i, value)
        high += detector.suspect(away).score >= 3.0
        detector.take(60.0 * i, value, away)
    assert 5 <= high <= 100


@pytest.mark.parametrize(
    ("values", "reason"), [((17.0,), "value"), ((13.2, 6.8, 13.2, 6.8, 13.2), "step"), ((11.2,) * 60, "level")]
)
def test_the_reason_is_the_one_a_person_would_give(values: tuple[float, ...], reason: Reason) -> None:
    detector, found = taught(noisy(3000)), []
    for i, value in enumerate(values):
        found.append(detector.judge(60.0 * (3000 + i), value))
        detector.take(60.0 * (3000 + i), value)
    worst = max(found, key=lambda suspicion: suspicion.score)
    assert (worst.score > 3.0, worst.reason) == (True, reason)
    assert abs(worst.away) > 0.5


def test_what_is_usual_at_noon_is_not_at_midnight() -> None:
    values = daily(21)
    detector, now = taught(values, 900.0), 21 * 86_400.0
    assert detector.judge(now, 5.0).score < 2.0
    for i in range(3):
        suspicion = detector.judge(now + 900.0 * i, 20.0)
        detector.take(now + 900.0 * i, 20.0)
    assert (suspicion.score > 3.0, suspicion.reason) == (True, "time of day")


def test_a_pattern_never_seen_is_unusual_though_each_value_is_not() -> None:
    detector = taught([10.0 + 3.0 * sin(0.2 * i) + 0.01 * (i * 7919 % 10) for i in range(3000)])
    for i in range(3):
        suspicion = detector.judge(60.0 * (3000 + i), 10.0)
        detector.take(60.0 * (3000 + i), 10.0)
    assert (suspicion.score > 3.0, suspicion.reason) == (True, "pattern")


def test_the_scale_and_the_unit_of_a_signal_mean_nothing() -> None:
    values = noisy(600)
    plain, scaled = taught(values), taught([1e6 * v for v in values])
    assert plain.judge(36_000.0, 14.0).score == pytest.approx(scaled.judge(36_000.0, 14e6).score, rel=1e-6)


def test_a_constant_signal_says_nothing_until_it_moves() -> None:
    detector = taught([0.1] * 2000)
    assert detector.judge(120_000.0, 0.1).score == 0.0
    assert detector.judge(120_000.0, 0.2).score > 3.0


@pytest.mark.parametrize("value", [nan, inf, -1e300])
def test_what_is_no_number_is_neither_judged_nor_learnt(value: float) -> None:
    detector = taught(noisy(600))
    before = pickle.dumps(detector)
    assert detector.judge(36_000.0, value).score == 0.0
    detector.take(36_000.0, value)
    assert pickle.dumps(detector) == before


def test_a_gap_makes_no_step_and_no_pattern() -> None:
    detector = taught([float(i) for i in range(600)])
    assert detector.deviations(600 * 60.0, 0.0)[1] == -599.0
    away = detector.deviations(600 * 60.0 + 7200.0, 0.0)
    assert (away[1], away[4]) == (0.0, 0.0)


def test_a_clock_that_is_put_back_is_a_gap() -> None:
    detector = taught(noisy(600))
    assert detector.deviations(-7200.0, 10.0)[1] == 0.0


def test_judging_changes_nothing() -> None:
    detector = taught(noisy(600))
    before = pickle.dumps(detector)
    detector.judge(36_000.0, 99.0)
    detector.score_one({"value": 99.0})
    assert pickle.dumps(detector) == before


def test_it_is_a_detector_as_river_has_them() -> None:
    ours, theirs = taught(noisy(400)), Univariate(60.0)
    for i, value in enumerate(noisy(400)):
        theirs.learn_one({"value": value, TIME: 60.0 * i})
    assert theirs.score_one({"value": 15.0}) == ours.judge(24_000.0, 15.0).score
    assert theirs.score_one({}) == 0.0
    assert chance(theirs.score_one({"value": 15.0})) < 0.05


def test_memory_is_bounded_and_copies_are_their_own() -> None:
    detector = taught(noisy(6000))
    size = len(pickle.dumps(detector))
    twin = copy.deepcopy(detector)
    for i, value in enumerate(noisy(8000, seed=2)):
        detector.take(60.0 * (6000 + i), value)
    assert len(pickle.dumps(detector)) <= size + 2000
    assert size < 400_000
    assert twin.judge(360_000.0, 14.0) == taught(noisy(6000)).judge(360_000.0, 14.0)


def test_an_alarm_stands_for_its_time_and_then_another_may_begin() -> None:
    standing, begun = Standing(), []
    for i in range(2 * STANDS + 1):
        standing, begins = standing.after(high=True)
        begun += [i] if begins else []
    assert begun == [0, STANDS, 2 * STANDS]
    assert Standing().after(high=False) == (Standing(), False)
