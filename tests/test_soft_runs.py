"""The runs that learning curves of soft sensors are made of, and what is said of one draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.soft_runs import draw, samples
from benchmarks.soft_sensor import HYBRID, LOD_GOAL, SEEDS, TUNING, Asked, Curve, measure
from controller.soft.hybrid_fit import identified, train, unspoken
from controller.soft.recipes import Plan, Recipe
from hil.runs_b import SIEVE_SD

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
    for seeds in SEEDS.values():
        assert not set(TUNING) & set(seeds)
        assert len(seeds) >= 6
    assert not set(SEEDS["lod"]) & set(SEEDS["d50"])


def test_a_core_that_takes_in_what_is_seen_before_the_mill_says_the_milled_size_from_few_runs() -> None:
    curve, one = Curve(), draw(43, (12,), 40)
    known, asked = samples(one.sets[12], "d50"), Asked.of(one, "d50")
    for core in ("milled", "power_law"):
        plan = Plan(core, (HYBRID,), label_sd=SIEVE_SD)
        alone = train(Recipe("mechanistic_only", core, None), plan, known, identified(plan, known))
        curve.add(core, asked.errors([unspoken(alone(each.inputs)[0], logarithm=True) for each in asked.samples]))
    (inside, outside), (plain, plain_outside) = (curve.medians(core) for core in ("milled", "power_law"))
    assert inside < 0.75 * plain
    assert outside < 0.75 * plain_outside


@pytest.mark.slow
def test_with_twelve_runs_the_hybrid_is_well_ahead_of_learners_alone() -> None:
    curve = Curve()
    for seed in (41, 42):
        measure(curve, "lod", draw(seed, (12,), 60), 12)
    assert curve.medians(HYBRID)[0] < LOD_GOAL
    assert curve.ratios()[0] < 0.7
    assert curve.ratios()[1] < 0.7
