"""Intervals cover what they promise: of data alike, by region, and while the errors drift."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly.conformal import quantile
from controller.soft.conformal import Intervals, Outcome, Partition, half_width, learn, start

RULE = Intervals(coverage=0.9)


def test_an_interval_covers_nine_of_ten_new_results_whatever_their_distribution() -> None:
    rng = np.random.default_rng(21)
    hits = []
    for _ in range(3000):
        scores = np.abs(rng.standard_t(3, 40))
        half = half_width(RULE, start(RULE, {"": scores[:39].tolist()}), "")
        hits.append(scores[39] <= half)
    assert 0.88 < np.mean(hits) < 0.92


def test_each_region_is_covered_where_one_width_for_all_would_not() -> None:
    rng = np.random.default_rng(22)
    spread, hits, pooled = {"dry": 0.3, "wet": 1.5}, {"dry": [], "wet": []}, {"dry": [], "wet": []}
    alone = Intervals(enough=1000)
    for _ in range(1500):
        scores = {name: np.abs(rng.normal(0.0, sd, 60)).tolist() for name, sd in spread.items()}
        state = start(RULE, scores)
        for name, sd in spread.items():
            new = abs(rng.normal(0.0, sd))
            hits[name].append(new <= half_width(RULE, state, name))
            pooled[name].append(new <= half_width(alone, state, name))
    assert all(0.88 < np.mean(found) < 0.92 for found in hits.values())
    assert np.mean(pooled["wet"]) < 0.85


def drifting(rule: Intervals, seed: int) -> float:
    """Coverage over 600 results that come 5 samples late, while errors grow threefold."""
    rng = np.random.default_rng(seed)
    state = start(rule, {"": np.abs(rng.normal(0.0, 1.0, 100)).tolist()})
    waiting: list[Outcome] = []
    hits = []
    for k in range(600):
        half = half_width(rule, state, "")
        score = abs(rng.normal(0.0, 1.0 + 2.0 * k / 600))
        hits.append(score <= half)
        waiting.append(Outcome("", float(k), score, half))
        if len(waiting) > 5:
            state = learn(rule, state, waiting.pop(0))
    return float(np.mean(hits))


def test_late_results_keep_the_promise_while_errors_grow() -> None:
    adaptive = Intervals(coverage=0.9, fading=0.99, rate=0.02)
    covered = [drifting(adaptive, seed) for seed in range(8)]
    left = [drifting(Intervals(coverage=0.9, window=10_000), seed) for seed in range(8)]
    assert 0.88 < np.mean(covered) < 0.92
    assert np.mean(left) < 0.88


def test_too_few_scores_promise_nothing() -> None:
    assert half_width(RULE, start(RULE, {"": [1.0] * 8}), "") == inf
    assert half_width(RULE, start(RULE, {"": [1.0] * 9}), "") == 1.0
    assert half_width(RULE, {}, "") == inf


def test_a_region_with_few_scores_takes_those_of_all() -> None:
    state = start(RULE, {"dry": [0.1] * 100, "wet": [5.0] * 5})
    assert half_width(RULE, state, "dry") == 0.1
    assert half_width(RULE, state, "wet") == 0.1
    assert half_width(RULE, state, "never seen") == 0.1


def test_results_are_kept_by_the_time_of_their_samples_and_once() -> None:
    rule = Intervals(window=3, rate=0.1)
    state = start(rule, {"": [9.0]})
    for at, score in ((20.0, 2.0), (10.0, 1.0), (30.0, 3.0), (20.0, 7.0)):
        state = learn(rule, state, Outcome("", at, score, 5.0))
    assert state[""].scores == ((10.0, 1.0), (20.0, 2.0), (30.0, 3.0))
    assert state[""].level == pytest.approx(0.1 + 3 * 0.1 * 0.1)


def test_a_result_that_is_no_number_changes_nothing() -> None:
    state = start(RULE, {"": [1.0]})
    assert learn(RULE, state, Outcome("", 5.0, float("nan"), 1.0)) is state


def test_a_miss_widens_and_a_hit_narrows() -> None:
    rule = Intervals(rate=0.05)
    state = start(rule, {"": np.linspace(0.0, 1.0, 101).tolist()})
    wider = learn(rule, state, Outcome("", 1.0, 0.95, 0.9))
    narrower = learn(rule, state, Outcome("", 1.0, 0.1, 0.9))
    assert half_width(rule, wider, "") > half_width(rule, state, "") >= half_width(rule, narrower, "")


def test_scores_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="region wet: expected scores of zero or above, found one that is not"):
        start(RULE, {"wet": [1.0, float("nan")]})


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_the_quantile_is_that_of_the_finite_sample(scores: list[float], share: float) -> None:
    rank = int(np.ceil(share * (len(scores) + 1) - 1e-9))
    assert quantile(scores, share) == (sorted(scores)[rank - 1] if rank <= len(scores) else inf)


def test_regions_have_names_that_people_read() -> None:
    parts = Partition(input="LS", edges=(0.2, 0.3))
    assert [parts.region(v) for v in (0.1, 0.2, 0.31)] == ["LS -inf to 0.2", "LS 0.2 to 0.3", "LS 0.3 to inf"]
