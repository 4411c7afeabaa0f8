"""Hardness of tablets between samples at line: compaction with identified parameters, and what is learnt beside it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from seen import EPOCH, good, written

from controller import soft
from controller.soft.cores import CORES
from controller.soft.hybrid_model import read, said
from hil.runs_a import FILE, HARD_SD, SHARES, fitted, pressed
from plant_io import Quality, Sample
from policies import Hybrid, load, shipped

POLICY = load(shipped("a"))
WORDS = POLICY.soft_sensors["TAB.HARD"]
assert isinstance(WORDS, Hybrid)
MODEL = read(POLICY.files[FILE], FILE)
USUAL = {"mass": 200.0, "gap": 3.08, "lubricant": 0.2, "total": 20.0}


def law(**changes: float) -> float:
    parameters = {name: one.value for name, one in MODEL.parameters.items()}
    inputs = {name: np.array([value]) for name, value in (USUAL | changes).items()}
    return float(CORES["compaction"](parameters, inputs)["value"][0])


def test_a_tablet_is_harder_when_heavier_thinner_or_less_lubricated() -> None:
    usual = law()
    assert law(mass=205.0) > usual > law(mass=195.0)
    assert law(gap=3.0) > usual > law(gap=3.15)
    assert law(lubricant=0.15) > usual > law(lubricant=0.25)


def test_below_percolation_nothing_holds_and_without_pores_all_of_it() -> None:
    assert law(mass=80.0) == 0.0
    whole = law(mass=400.0, lubricant=0.2)
    assert whole == pytest.approx(MODEL.parameters["strength"].value, rel=0.02)


def test_it_knows_another_line_better_than_a_sample_at_line_does() -> None:
    samples, true = pressed(14, 77)
    found = said(MODEL, samples.inputs)
    assert float(np.sqrt(np.mean((found.value - true) ** 2))) < 0.7 * HARD_SD
    assert float(np.sqrt(np.mean((samples.labels - true) ** 2))) > HARD_SD


@pytest.mark.slow
def test_the_shipped_model_is_fitted_to_what_the_script_makes() -> None:
    samples = fitted()
    assert samples.sha256() == MODEL.card.data_sha256
    assert MODEL.card.n == SHARES[0][0] * SHARES[0][1]


def test_its_interval_covers_nine_results_in_ten_of_lines_that_were_withheld_in_each_region() -> None:
    card = MODEL.card
    assert card.figures.n == SHARES[2][0]
    covered = [one.coverage for one in (card.figures, *card.by_region.values())]
    assert all(one is not None and abs(one - 0.9) <= 0.02 + 1e-9 for one in covered)


def test_it_is_given_between_samples_and_follows_the_mass_at_once() -> None:
    kit = soft.prepare(POLICY)
    state, shown = soft.start(kit), list[Sample]()
    read_at = {"LINE.TOTAL_PV": 20.0, "PRS.RPM": 46.3, "FDR_LUB.F_PV": 0.2, "PRS.GAP": 3.08}
    for k in range(900):
        at = EPOCH + k
        force = 6.0 if k < 800 else 6.3
        samples = {tag: good(value, at) for tag, value in (read_at | {"PRS.MCF": force}).items()}
        seen, state = soft.enrich(written(at, POLICY, samples), state, kit)
        shown.append(seen["TAB.HARD"])
    assert shown[790].quality is Quality.GOOD
    assert shown[810].value > shown[790].value + 2.0


def test_its_file_says_what_it_is_worth_and_that_nobody_has_approved_it() -> None:
    card = json.loads(POLICY.files[FILE])["card"]
    assert card["approver"] == ""
    assert card["figures"]["rmsep"] < 2.0 * HARD_SD
    assert set(card["baselines"]) >= {"hybrid", "learner_on_core_inputs"}
