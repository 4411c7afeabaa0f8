"""Redundant measurements are reconciled, and the one that is off is named: the algebra, and the sensor of line A."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite, isnan

import numpy as np
import pytest
from seen import EPOCH, good, written

from controller import soft
from controller.soft.reconcile import Evidence, expected, reconcile
from controller.soft.reconciled import ReconciledKit
from plant_io import Quality, Reason, Sample, Snapshot
from policies import Policy, PolicyError, Reconciled, load, parse, shipped

RNG = np.random.default_rng(41)
NETWORK = np.array(
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [1.0, 1.0, -1.0], [0.0, 0.0, 1.0]]
)
"""Six meters of three flows: each alone, a sum, a balance, and a second meter of the third."""
SD = np.array([0.1, 0.1, 0.2, 0.15, 0.05, 0.2])
TRUE = np.array([5.0, 3.0, 8.0])


def read(bias: dict[int, float] | None = None, *, noise: bool = True) -> Evidence:
    values = NETWORK @ TRUE + SD * (RNG.standard_normal(6) if noise else 0.0)
    for place, size in (bias or {}).items():
        values[place] += size * SD[place]
    return Evidence(NETWORK, values, SD)


def test_what_agrees_is_left_as_it_is() -> None:
    found = reconcile(read(noise=False), 4.0, 20.0)
    assert found.quantities == pytest.approx(TRUE)
    assert (found.off, found.undecided) == ((), False)
    assert found.misfit == pytest.approx(0.0, abs=1e-9)


def test_it_is_the_weighted_least_squares_and_its_covariance() -> None:
    evidence = read()
    found = reconcile(evidence, np.inf, 20.0)
    scaled = NETWORK / SD[:, None]
    assert found.quantities == pytest.approx(np.linalg.lstsq(scaled, evidence.values / SD, rcond=None)[0])
    assert found.covariance == pytest.approx(np.linalg.inv(scaled.T @ scaled))


def test_adjustments_are_standard_normal_where_nobody_is_off() -> None:
    found = np.array([reconcile(read(), np.inf, 20.0).adjustments for _ in range(3000)])
    assert found.mean(axis=0) == pytest.approx(0.0, abs=0.08)
    assert found.std(axis=0) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("place", [2, 3, 5])
def test_the_witness_that_is_off_is_named_and_left_out(place: int) -> None:
    found = [reconcile(read({place: 12.0}), 4.0, 20.0) for _ in range(200)]
    assert np.mean([one.off == (place,) for one in found]) > 0.95
    left_out = [one for one in found if one.off == (place,)]
    assert np.mean([one.quantities for one in left_out], axis=0) == pytest.approx(TRUE, abs=0.04)


@pytest.mark.parametrize("place", [0, 1])
def test_two_whose_errors_look_the_same_are_not_told_apart(place: int) -> None:
    found = [reconcile(read({place: 15.0}), 4.0, 20.0) for _ in range(50)]
    assert {(one.off, one.undecided) for one in found} == {((), True)}


def test_two_that_are_off_are_found_one_after_the_other() -> None:
    scales = Evidence(np.ones((6, 1)), np.array([1.0, 1.1, 0.9, 1.0, 9.0, -4.0]), np.full(6, 0.1))
    found = reconcile(scales, 4.0, 20.0)
    assert found.off == (4, 5)
    assert found.quantities[0] == pytest.approx(1.0)


def test_two_that_contradict_each_other_are_not_told_apart() -> None:
    found = reconcile(Evidence(np.ones((2, 1)), np.array([1.0, 3.0]), np.full(2, 0.1)), 4.0, 20.0)
    assert (found.off, found.undecided) == ((), True)
    assert found.misfit > 4.0


def test_a_quantity_nobody_speaks_of_is_not_made_up() -> None:
    found = reconcile(Evidence(np.array([[1.0, 0.0]]), np.array([1.0]), np.ones(1)), 4.0, 20.0)
    assert not np.isfinite(found.quantities).any()


def test_what_the_others_let_expect() -> None:
    value, sd = expected(Evidence(np.ones((3, 1)), np.array([1.0, 2.0, 50.0]), np.array([0.3, 0.3, 1.0])), 2)
    assert value == pytest.approx(1.5)
    assert sd == pytest.approx(0.3 / np.sqrt(2.0))


POLICY = load(shipped("a"))
WORDS = POLICY.soft_sensors["REC.API"]
assert isinstance(WORDS, Reconciled)
NAMES = list(WORDS.witnesses)
KIT = soft.sensor("REC.API", WORDS, POLICY)
assert isinstance(KIT, ReconciledKit)
REFILL_S = {"FDR_API.SPAN": 1140.0, "FDR_EXC.SPAN": 660.0}

Course = Callable[[float], float]


def none(_: float) -> float:
    return 0.0


def hours(end_s: float, nir: Course = none, cell: Course = none, lab: Course = none) -> list[Snapshot]:
    """What the sensor gives every 10 s while the probe, the API load cell and the laboratory are off by courses.

    `nir` and `lab` are in %, `cell` relative. The path follows what the load cells show; the refills show the truth.
    """
    rng, state, found = np.random.default_rng(7), soft.reconciled.start(KIT), []
    for at in np.arange(0.0, end_s, 10.0).tolist():
        samples = {"SOFT.API.MECH": good(10.0, EPOCH + at)}
        samples["SOFT.API.NIR"] = good(10.0 + 9.0 * cell(at) + nir(at) + 0.14 * rng.standard_normal(), EPOCH + at - 5.0)
        for tag, every in REFILL_S.items():
            taken = at - at % every
            value = (cell(taken) if tag == "FDR_API.SPAN" else 0.0) + 0.002 * np.sin(taken)
            samples[tag] = Sample(value, Quality.GOOD, EPOCH + taken, EPOCH + taken)
        drawn = at - at % 1800.0 - 1800.0
        assay = 10.0 + 9.0 * cell(drawn) + lab(drawn) + 0.05 * np.cos(drawn)
        samples["LAB.API"] = Sample(assay, Quality.GOOD, EPOCH + drawn, EPOCH + at)
        given, state = soft.reconciled.infer(written(EPOCH + at, POLICY, samples), state, KIT)
        found.append(written(EPOCH + at, POLICY, dict(given)))
    return found


def suspects(found: list[Snapshot]) -> list[str]:
    """Who was named, in order, without repetition; `?` where it was not decided."""
    named = [int(value) for one in found if (value := one.good("REC.API.SUSPECT")) is not None]
    said = ["?" if place < 0 else "" if place == 0 else NAMES[place - 1] for place in named]
    return [one for one, before in zip(said, [None, *said], strict=False) if one != before]


def growing(to: float, since_s: float, over_s: float) -> Course:
    return lambda at: to * min(max((at - since_s) / over_s, 0.0), 1.0)


def test_quiet_hours_name_nobody_and_know_the_value_better_than_any_witness() -> None:
    found = hours(4 * 3600.0)
    assert suspects(found) == [""]
    last = found[-1]["REC.API"]
    assert (last.quality, last.reason) == (Quality.GOOD, Reason.NONE)
    assert last.value == pytest.approx(10.0, abs=0.06)
    assert last.sd < 0.03


def test_a_window_that_fouls_is_named_once_refills_and_assay_have_spoken() -> None:
    found = hours(4.5 * 3600.0, nir=growing(-0.25, 3600.0, 7200.0))
    assert suspects(found) == ["", "?", "NIR"]
    last = found[-1]
    assert last["REC.API"].value == pytest.approx(10.0, abs=0.06)
    assert last["REC.API.NIR"].value < -4.0
    others = [last[f"REC.API.{name}"].value for name in NAMES if name != "NIR"]
    assert max(map(abs, others)) < 3.0


def test_a_load_cell_is_named_and_the_value_follows_probe_and_refills() -> None:
    found = hours(3 * 3600.0, cell=lambda at: 0.04 * (at >= 3600.0))
    assert suspects(found) == ["", "?", "API_CELL"]
    assert found[-1]["REC.API"].value == pytest.approx(10.36, abs=0.06)


def test_nobody_is_named_by_what_was_said_before_the_disagreement() -> None:
    found = hours(2 * 3600.0, cell=lambda at: 0.04 * (at >= 3600.0))
    disagree = next(k for k, one in enumerate(found) if one["REC.API.SUSPECT"].value < 0)
    named = next(k for k, one in enumerate(found) if one["REC.API.SUSPECT"].value > 0)
    refilled = next(at for at in np.arange(0.0, 7200.0, REFILL_S["FDR_API.SPAN"]) if at > disagree * 10.0)
    assert named * 10.0 >= refilled
    undecided = found[(disagree + named) // 2]
    assert (undecided["REC.API"].quality, undecided["REC.API"].reason) == (Quality.UNCERTAIN, Reason.NOT_ACCURATE)
    assert undecided["REC.API.NIR"].quality is Quality.BAD


def test_a_laboratory_that_is_off_is_named() -> None:
    assert suspects(hours(5 * 3600.0, lab=lambda at: 0.6 * (at >= 3600.0)))[-1] == "ASSAY"


def test_what_ends_is_no_longer_named() -> None:
    cleaned = growing(-0.4, 3600.0, 3600.0)
    found = hours(5.5 * 3600.0, nir=lambda at: cleaned(at) if at < 3 * 3600.0 else 0.0)
    assert "NIR" in suspects(found)
    assert suspects(found)[-1] == ""


def test_without_a_path_or_a_spectrum_there_is_no_guess() -> None:
    state = soft.reconciled.start(KIT)
    given, _ = soft.reconciled.infer(written(EPOCH, POLICY, {}), state, KIT)
    assert given["REC.API"].quality is Quality.BAD
    assert not isfinite(given["REC.API"].value)
    assert all(isnan(given[f"REC.API.{name}"].value) for name in NAMES)


def changed(*pairs: tuple[str, str]) -> Policy:
    text = shipped("a").read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return parse(text.encode(), "line_a.yaml", dict(POLICY.files))


REFUSED = [
    ("truth: gap", "truth: gaps", "no witness speaks of gaps"),
    ("API_CELL: {shows: 0,", "MISFIT: {shows: 0,", "found a witness called MISFIT, expected another name"),
    ("zero: 40m, ", "", "expected zero and zeroed_sd together"),
    ("API_CELL: {shows: 0, of", "API_CELL: {shows: 0, awaited: true, of", "claims the same all the time"),
    ("path: SOFT.API.MECH", "path: SOFT.API.MECHH", "SOFT.API.MECHH"),
    ("ASSAY: {tag: LAB.API", "ASSAY: {tag: LAB.APY", "LAB.APY"),
]


@pytest.mark.parametrize(("old", "new", "sentence"), REFUSED)
def test_words_that_make_no_sense_are_refused(old: str, new: str, sentence: str) -> None:
    with pytest.raises(PolicyError, match=sentence):
        changed((old, new))


def test_units_and_quantities_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"REC\.API: HOP\.M is in kg, but the unit is %"):
        soft.prepare(changed(("tag: LAB.API, of: {gap", "tag: HOP.M, of: {gap")))
    alike = [
        ("{shows: 0, of: {exc_feed: 1}", "{shows: 0, of: {api_feed: 1}"),
        ("of: {exc_feed: 1}", "of: {api_feed: 1}"),
    ]
    flows = ("api_feed: -9.0, exc_feed: 8.9", "api_feed: -9.0")
    kept = ("API_CELL: {shows: 0, of: {api_feed: 1}", "API_CELL: {shows: 0, of: {api_feed: 1, exc_feed: 1}")
    with pytest.raises(ValueError, match="the witnesses do not tell gap, api_feed, exc_feed from each other"):
        soft.prepare(changed(*alike, flows, (kept[0], kept[1].replace("exc_feed: 1", "exc_feed: 0"))))


def test_a_sensor_that_reads_one_below_it_is_refused() -> None:
    sensors = {name: POLICY.soft_sensors[name] for name in ("REC.API", "SOFT.API", "FDR_API.SPAN", "FDR_EXC.SPAN")}
    upside_down = POLICY.model_copy(update={"soft_sensors": sensors})
    with pytest.raises(ValueError, match=r"REC\.API: .* is given by .*, which must stand before it"):
        soft.prepare(upside_down)
