"""The hybrid soft sensors of the shipped lines: what their cards promise, and late results that correct them."""

from __future__ import annotations

from math import isfinite

import numpy as np
import pytest
from seen import EPOCH, good, written

from controller.soft import hybrid
from controller.soft.hybrid_model import HybridModel, bounds, read, said
from hil.commissioning_soft import SENSORS
from hil.runs_b import WIDE, designed, made
from plant_io.signals import Floats
from policies import Hybrid, LabelClaim, Policy, Reconciled, load, shipped

LINES: dict[str, Policy] = {name: load(shipped(name)) for name in ("a", "b", "b2", "c")}
FRESH = range(7_000_000, 7_000_040)
"""Seeds of lines nobody has used."""


def models(line: str) -> dict[str, HybridModel]:
    policy = LINES[line]
    return {
        name: read(policy.files[one.model], one.model)
        for name, one in policy.soft_sensors.items()
        if isinstance(one, Hybrid)
    }


ALIKE = {"b": 1.01, "b2": 1.01, "c": 1.02}
"""Within this factor of the error of whatever is no less simple, on the lines that were withheld."""

APART = 0.02
"""How far from nine in ten intervals cover at most on the lines that were withheld, over all and by region."""

SHIPPED = [(line, name) for line in ALIKE for name in models(line)]


@pytest.mark.parametrize(("line", "name"), SHIPPED)
def test_nothing_simpler_is_better_on_lines_that_were_withheld(line: str, name: str) -> None:
    card = models(line)[name].card
    assert "judged on" in card.validation
    assert card.figures.n >= 6000
    others = {who: one.rmsep for who, one in card.baselines.items() if who != "hybrid"}
    assert len(others) >= 1
    assert card.figures.rmsep <= ALIKE[line] * min(others.values())


@pytest.mark.parametrize(("line", "name"), SHIPPED)
def test_intervals_cover_nine_results_in_ten_on_lines_that_were_withheld_in_each_region(line: str, name: str) -> None:
    card = models(line)[name].card
    assert set(card.by_region) == {"low", "middle", "high"}
    covered = [one.coverage for one in (card.figures, *card.by_region.values())]
    assert all(one is not None and abs(one - 0.9) <= APART + 1e-9 for one in covered)


def test_the_moisture_of_lines_never_seen_is_as_the_card_says() -> None:
    model, sensor = models("b")["SOFT.LOD"], SENSORS["b"]["lod"]
    runs = made(list(FRESH), designed(len(FRESH), np.random.default_rng(7), WIDE), 7)
    found = said(model, {name: runs.tags[tag] for name, tag in sensor.reads.items()})
    off: Floats = found.value - runs.labels["lod"]
    low, high = bounds(model, found.value, model.half * found.spread)
    assert float(np.sqrt(np.mean(off**2))) < 1.4 * model.card.figures.rmsep
    assert float(np.mean((low <= runs.labels["lod"]) & (runs.labels["lod"] <= high))) > 0.75


SIZES = {"LAB.LOD", "LAB.D10", "LAB.D50", "LAB.D90", "LAB.API"}
LATE = {
    "a": {"PRS.HARD", "PRS.M_TAB", "LAB.API"},
    "b": SIZES,
    "b2": {"LAB.LOD"},
    "c": {"LAB.CONVERSION", "LAB.ACTIVITY"}
    | {f"PEAK.{name}" for name in ("IMP_A", "IMP_B", "NITRO", "IMP_H", "IMP_C", "IMP_D")},
}
"""Results that come late and are used, by line."""


@pytest.mark.parametrize("line", LINES)
def test_every_result_that_comes_late_is_dated_to_its_sample_and_has_its_own_uncertainty(line: str) -> None:
    policy, late = LINES[line], dict[str, float]()
    for one in policy.soft_sensors.values():
        if isinstance(one, Hybrid) and one.lab is not None:
            assert one.lab.taken == "source"
            late[one.lab.tag] = one.lab.sd
        if isinstance(one, LabelClaim):
            late[one.weighed] = one.weighed_sd
        if isinstance(one, Reconciled):
            late |= {w.tag: w.sd for w in one.witnesses.values() if w.tag is not None and w.tag.startswith("LAB.")}
    assert all(sd > 0.0 for sd in late.values())
    assert all(policy.tags[tag].age_from == "source" for tag in late if not tag.startswith("PEAK."))
    assert set(late) == LATE[line]


def test_the_hardness_found_at_line_is_compared_with_what_was_said_then_and_kept() -> None:
    policy = LINES["a"]
    words = policy.soft_sensors["TAB.HARD"]
    assert isinstance(words, Hybrid)
    assert words.lab is not None
    kit = hybrid.prepare("TAB.HARD", words, policy)
    state = hybrid.start(kit)
    usual = {"TAB.API.MASS": 200.0, "PRS.GAP": 3.08, "FDR_LUB.F_PV": 0.2, "LINE.TOTAL_PV": 20.0}
    shown: dict[int, float] = {}
    for second in range(0, 1500, 10):
        at = EPOCH + second
        heavier = usual | {"TAB.API.MASS": 204.0 if second > 700 else 200.0}
        samples = {tag: good(value, at) for tag, value in heavier.items()}
        if second >= 900:
            samples["PRS.HARD"] = good(90.0, EPOCH + 600.0)
        given, state = hybrid.infer(written(at, policy, samples), state, kit)
        shown[second] = given["TAB.HARD"].value
    (pair,) = state.kept
    assert (pair.taken, pair.result) == (EPOCH + 600.0, 90.0)
    assert pair.spoken == pytest.approx(shown[600], abs=0.5)
    assert abs(shown[800] - shown[600]) > 2.0
    assert state.variance == pytest.approx((words.lab.weight * words.lab.sd) ** 2)
    assert isfinite(state.bias)
