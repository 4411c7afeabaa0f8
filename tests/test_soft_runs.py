"""The runs that learning curves of soft sensors are made of, and what is said of one draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.soft_runs import draw, samples
from benchmarks.soft_sensor import HYBRID, LOD_GOAL, SEEDS, TUNING, Curve, measure

SIZES = (8, 12)


def test_runs_kept_on_disk_are_those_that_were_simulated(tmp_path: Path) -> None:
    first = draw(3, (8,), 4, tmp_path)
    (kept,) = tmp_path.iterdir()
    again = draw(3, (8,), 4, tmp_path)
    assert list(tmp_path.iterdir()) == [kept]
    for one, two in ((first.sets[8], again.sets[8]), (first.outside, again.outside)):
        assert {n: v.tolist() for n, v in one.tags.items()} == {n: v.tolist() for n, v in two.tags.items()}
        assert {n: v.tolist() for n, v in one.labels.items()} == {n: v.tolist() for n, v in two.labels.items()}
    other = draw(4, (8,), 4, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert not np.array_equal(first.sets[8].tags["DRY.T_BED"], other.sets[8].tags["DRY.T_BED"])


def test_every_set_of_a_draw_has_runs_of_its_own() -> None:
    one = draw(5, SIZES, 6)
    assert [samples(one.sets[n], "lod").n for n in SIZES] == [8, 12]
    assert (len(one.inside.labels["lod"]), len(one.outside.labels["lod"])) == (6, 6)
    every = np.concatenate([runs.tags["DRY.T_BED"] for runs in (*one.sets.values(), one.inside, one.outside)])
    assert len(set(every.tolist())) == 8 + 12 + 6 + 6


def test_the_draws_of_the_report_are_not_those_of_tuning() -> None:
    assert not set(TUNING) & set(SEEDS)
    assert len(SEEDS) >= 6


@pytest.mark.slow
def test_with_twelve_runs_the_hybrid_is_well_ahead_of_learners_alone() -> None:
    curve = Curve()
    for seed in (41, 42):
        measure(curve, "lod", draw(seed, (12,), 60), 12)
    assert curve.medians(HYBRID)[0] < LOD_GOAL
    assert curve.ratios()[0] < 0.7
    assert curve.ratios()[1] < 0.7
