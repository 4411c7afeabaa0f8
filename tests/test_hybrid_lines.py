"""Soft sensors for every line of a kind: fitted on some lines, calibrated on others, judged on lines of neither."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from controller.soft.cores import CORES
from controller.soft.hybrid_judge import Goal
from controller.soft.hybrid_lines import Lines, across
from controller.soft.hybrid_model import HybridModel, said
from controller.soft.recipes import Plan
from controller.soft.samples import Samples

UNITS = {"api_flow": "kg/h", "exc_flow": "kg/h", "nir": "%"}
GOAL = Goal(Plan("feeders", ("parallel",), ("ridge",), label_sd=0.05), "api", "%", UNITS, {}, "tests", "made up")
ALONE = replace(GOAL, plan=replace(GOAL.plan, forms=("mechanistic_only",)))


def samples(lines: int, each: int, seed: int, *, nir: float = 0.0, wrong: float = 0.0) -> Samples:
    """Content of blends; each line's feeder is off, by what `nir` says in part, or the ratio says nothing (`wrong`)."""
    rng, n = np.random.default_rng(seed), lines * each
    feeds = {"api_flow": rng.uniform(1.0, 6.0, n), "exc_flow": rng.uniform(6.0, 20.0, n)}
    off = np.repeat(0.002 * rng.standard_normal(lines), each)
    core = CORES["feeders"]({"feed": 1.0}, feeds)["value"]
    shown = 5.0 * rng.standard_normal(n)
    truth = (1.0 - wrong) * core * (1.0 + off) + nir * shown + wrong * 0.4 * shown + 20.0 * wrong
    at = 3600.0 * np.arange(n)
    return Samples(feeds | {"nir": shown}, truth + 0.05 * rng.standard_normal(n), at, at)


@cache
def model(nir: float, wrong: float) -> tuple[HybridModel, Lines]:
    fitted, calibrated, withheld = (
        samples(lines, each, 3 + part, nir=nir, wrong=wrong)
        for part, (lines, each) in enumerate(((20, 4), (300, 1), (1000, 1)))
    )
    lines = Lines(fitted, calibrated, withheld, "made-up lines")
    return across(GOAL, lines), lines


def test_a_hybrid_is_made_where_core_and_learner_know_more_than_either() -> None:
    made, _ = model(0.2, 0.0)
    assert made.form == "parallel"
    assert set(made.card.baselines) == {"core_alone", "learner_on_core_inputs", "learner_on_all_inputs"}
    assert made.card.figures.rmsep < 0.9 * min(one.rmsep for one in made.card.baselines.values())
    assert "what is made is the hybrid" in made.card.validation


def test_a_learner_alone_is_made_where_the_core_is_of_no_use() -> None:
    made = across(ALONE, model(0.0, 1.0)[1])
    assert (made.form, made.core) == ("learner_only", "none")
    assert "what is made is the learner on all inputs" in made.card.validation
    assert made.card.figures.rmsep <= min(one.rmsep for one in made.card.baselines.values())


def test_a_core_alone_asks_only_for_its_own_inputs() -> None:
    _, lines = model(0.0, 0.0)
    made = across(ALONE, lines)
    assert made.form == "mechanistic_only"
    assert set(made.inputs) == {"api_flow", "exc_flow"}
    assert made.learner is None


@pytest.mark.parametrize(("nir", "wrong"), [(0.2, 0.0), (0.0, 1.0)])
def test_nine_results_in_ten_of_new_lines_lie_within_the_interval(nir: float, wrong: float) -> None:
    made, _ = model(nir, wrong)
    fresh = samples(2000, 1, 99, nir=nir, wrong=wrong)
    found = said(made, fresh.inputs)
    covered = float(np.mean(np.abs(found.value - fresh.labels) <= made.half * found.spread))
    assert covered == pytest.approx(0.9, abs=0.03)
    assert made.card.figures.coverage == pytest.approx(0.9, abs=0.03)


def test_too_few_lines_for_the_coverage_asked_for_are_refused() -> None:
    _, lines = model(0.2, 0.0)
    few = replace(lines, calibrated=lines.calibrated.rows(np.arange(6)))
    with pytest.raises(ValueError, match=r"found 6 samples for calibration, too few to cover 0\.9"):
        across(GOAL, few)
