"""The benchmark on real tablet batches looks at nothing that was not known, and its three ways are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import tablets
from benchmarks.tablets import FIRST, LATE, Batches, Floats
from controller.soft.conformal import Intervals


class Memory:
    """A learner that tells the newest result it was fitted to."""

    def fit(self, x: Floats, y: Floats) -> Memory:
        self.newest = float(y[np.argmax(x[:, 0])])
        return self

    def predict(self, x: Floats) -> Floats:
        return np.full(len(x), self.newest)


N = FIRST + 60
COUNTED = Batches(np.arange(float(N))[:, None], {}, np.zeros(N, np.intp))
"""Batches whose only input and result are their place."""
PLACES = np.arange(float(N))


def test_in_time_order_nothing_is_learnt_from_a_result_that_is_not_there_yet() -> None:
    found = tablets.in_time(Memory, COUNTED, PLACES, 1)
    assert found.tolist() == [batch - LATE - 1 for batch in range(FIRST, N)]


def test_fitting_seldom_learns_nothing_more() -> None:
    found = tablets.in_time(Memory, COUNTED, PLACES, 7)
    assert (found <= PLACES[FIRST:] - LATE - 1).all()


def test_a_static_model_knows_the_first_batches_only() -> None:
    assert set(tablets.static(Memory, COUNTED, PLACES).tolist()) == {FIRST - LATE - 1}


def test_a_random_split_learns_from_later_batches() -> None:
    found = tablets.shuffled(Memory, COUNTED, PLACES, 1)
    assert (found > PLACES[FIRST:]).mean() > 0.5


def test_missing_inputs_are_filled_from_what_was_learnt_from_alone() -> None:
    holed = COUNTED.inputs.copy()
    holed[5], holed[N - 1] = np.nan, np.nan
    data = Batches(holed, {}, COUNTED.codes)
    found = tablets.predicted(tablets.learners()["ridge"], data, PLACES, np.arange(50), np.arange(50, N))
    assert np.isfinite(found).all()
    without = PLACES.copy()
    without[7] = np.nan
    assert np.isfinite(tablets.predicted(tablets.learners()["ridge"], data, without, np.arange(50), np.arange(N))).all()


def test_the_yardstick_is_the_mean_of_known_results_of_the_product() -> None:
    kinds = Batches(COUNTED.inputs, {}, np.arange(N) % 2)
    found = tablets.yardstick(kinds, PLACES)
    assert found[0] == np.mean([k for k in range(FIRST - LATE) if k % 2 == 0][-10:])


def test_intervals_that_adapt_cover_what_drifts() -> None:
    rng = np.random.default_rng(6)
    y = rng.normal(0.0, np.linspace(1.0, 3.0, 800))
    fixed = tablets.covered(y, np.zeros(800), Intervals(window=10_000))
    moved = tablets.covered(y, np.zeros(800), Intervals(fading=0.99, rate=0.02))
    assert fixed[0] < 0.86
    assert 0.88 < moved[0] < 0.92


def test_without_the_data_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADYLINE_DATA", "/nowhere")
    assert "skipped" in tablets.run(quick=True).config


def test_the_real_batches_have_inputs_without_their_results() -> None:
    root = tablets.folder()
    if root is None:
        pytest.skip("no development data; set STEADYLINE_DATA")
    data = tablets.load(root)
    assert set(data.results) == set(tablets.TARGETS)
    for y in data.results.values():
        alike = [np.array_equal(column, y, equal_nan=True) for column in data.inputs.T]
        assert not any(alike)
