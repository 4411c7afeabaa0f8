"""The hybrid soft sensor: a spectrum and the feeder flows make one concentration that knows how good it is."""

import json
import subprocess
import sys
from collections.abc import Callable
from math import inf, isfinite, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from seen import EPOCH, good, hours, written

from controller import soft
from controller.soft import SoftState
from controller.soft.path import step
from controller.soft.pls import WORST, Pls, read
from hil.plants import nir
from hil.plants.faults import Fault
from plant_io import Quality, Reason, Sample, Snapshot
from policies import Policy, load, shipped

POLICY = load(shipped("a"))
KIT = soft.prepare(POLICY)
FLOWS = {"FDR_API.F_PV": 2.0, "FDR_EXC.F_PV": 17.8, "FDR_LUB.F_PV": 0.2}
BLEND = {"API": 10.0, "EXC": 86.0, "LUB": 1.0, "WATER": 3.0}


def spectrum(**other: float) -> NDArray[np.float64]:
    return nir.absorbance(BLEND | other)


def snap(
    at: float,
    *,
    taken: float | None = None,
    seen: NDArray[np.float64] | None = None,
    quality: Quality = Quality.GOOD,
    flows: dict[str, float] | None = None,
) -> Snapshot:
    """One cycle `at` seconds after the start; the spectrum was taken at `taken`."""
    samples = {tag: good(value, EPOCH + at) for tag, value in (FLOWS if flows is None else flows).items()}
    taken = at if taken is None else taken
    samples["NIR.SPECTRUM"] = Sample(0.0, quality, EPOCH + taken, EPOCH + at)
    return written(EPOCH + at, POLICY, samples, spectrum() if seen is None else seen)


def run(until: int, make: Callable[[int], Snapshot], state: SoftState | None = None, since: int = 0) -> Snapshot:
    """Run the cycles of `since` to `until` seconds and return the last one."""
    state = state or soft.start(KIT)
    seen = make(since)
    for at in range(since, until + 1):
        seen, state = soft.enrich(make(at), state, KIT)
    return seen


def steady(at: int) -> Snapshot:
    return snap(at, taken=at - at % 5)


def grade(sample: Sample) -> tuple[Quality, Reason]:
    return sample.quality, sample.reason


def test_the_fused_value_follows_the_spectrum_and_says_how_sure_it_is() -> None:
    found = run(600, steady)["SOFT.API"]
    alone = run(600, steady)["SOFT.API.NIR"]
    assert grade(found) == (Quality.GOOD, Reason.NONE)
    assert found.value == pytest.approx(alone.value, abs=0.01)
    assert 0.06 < found.sd < alone.sd


def test_every_declared_tag_is_given_and_finite() -> None:
    found = run(60, steady)
    assert all(isfinite(found[tag].value) for tag in POLICY.soft_sensors["SOFT.API"].outputs("SOFT.API"))
    assert found["SOFT.API.WATER"].value == pytest.approx(3.0, abs=0.05)


def test_a_spectrum_is_used_once_and_recognised_by_its_source_time() -> None:
    first, state = soft.enrich(snap(0.0, taken=-5.0), soft.start(KIT), KIT)
    again, after = soft.enrich(snap(1.0, taken=-5.0, seen=spectrum(API=12.0)), state, KIT)
    fresh, _ = soft.enrich(snap(2.0, taken=0.0, seen=spectrum(API=12.0)), after, KIT)
    assert again["SOFT.API.NIR"].value == first["SOFT.API.NIR"].value
    assert again["SOFT.API.NIR"].source == first["SOFT.API.NIR"].source == EPOCH - 5.0
    assert fresh["SOFT.API.NIR"].source == EPOCH
    assert fresh["SOFT.API.NIR"].value > 11.5


def test_a_silent_spectrum_leaves_the_flows_with_a_growing_standard_deviation() -> None:
    found = [run(until, lambda at: snap(at, taken=min(at - at % 5, 60))) for until in (60, 75, 76, 300)]
    grades = [grade(each["SOFT.API"]) for each in found]
    assert grades == [(Quality.GOOD, Reason.NONE)] * 2 + [(Quality.UNCERTAIN, Reason.FALLBACK)] * 2
    assert found[3]["SOFT.API"].sd > found[2]["SOFT.API"].sd > found[0]["SOFT.API"].sd
    assert grade(found[3]["SOFT.API.MECH"]) == (Quality.GOOD, Reason.NONE)


def test_lost_flows_are_held_then_doubted_then_given_up() -> None:
    def flowing_for_a_minute(at: int) -> Snapshot:
        return snap(at, taken=at, flows=FLOWS if at <= 60 else {})

    found = {until: run(until, flowing_for_a_minute) for until in (75, 76, 121)}
    assert [grade(found[t]["SOFT.API.MECH"]) for t in found] == [
        (Quality.GOOD, Reason.NONE),
        (Quality.UNCERTAIN, Reason.FALLBACK),
        (Quality.BAD, Reason.NO_EVIDENCE),
    ]
    assert grade(found[121]["SOFT.API"]) == (Quality.UNCERTAIN, Reason.FALLBACK)
    assert found[121]["SOFT.API"].value == pytest.approx(found[121]["SOFT.API.NIR"].value, abs=0.05)
    assert found[121]["SOFT.API"].sd > 0.14


def test_without_flows_and_spectrum_nothing_is_concluded() -> None:
    gone = run(200, lambda at: snap(at, flows=FLOWS if at < 60 else {}, quality=Quality(2 * (at >= 60))))
    never = run(5, lambda at: snap(at, flows={}, quality=Quality.BAD))
    for found in (gone, never):
        assert grade(found["SOFT.API"]) == (Quality.BAD, Reason.NO_EVIDENCE)
        assert grade(found["SOFT.API.NIR"]) == (Quality.BAD, Reason.NO_EVIDENCE)


def test_a_spectrum_unlike_the_calibration_is_shown_but_not_believed() -> None:
    foreign = spectrum(unknown=3.0)
    found = run(80, lambda at: snap(at, taken=at, seen=foreign if at > 60 else None))
    before = run(60, lambda at: snap(at, taken=at))
    assert found["SOFT.API.Q"].value > 10.0
    assert grade(found["SOFT.API.Q"]) == (Quality.GOOD, Reason.NONE)
    assert grade(found["SOFT.API.NIR"]) == (Quality.UNCERTAIN, Reason.UNFIT)
    assert grade(found["SOFT.API"]) == (Quality.UNCERTAIN, Reason.FALLBACK)
    assert found["SOFT.API"].value == pytest.approx(before["SOFT.API"].value, abs=1e-6)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_spectrum_without_shape_fits_nothing_and_stays_finite(value: float) -> None:
    reading = KIT.sensors[0].pls(np.full(64, value))
    assert reading.q == reading.t2 == WORST
    assert all(map(isfinite, reading.results))


@pytest.mark.parametrize("hole", [np.nan, inf, -inf])
def test_a_spectrum_with_a_hole_is_no_evidence(hole: float) -> None:
    holed = spectrum()
    holed[7] = hole
    found = run(30, lambda at: snap(at, taken=at, seen=holed if at > 10 else None))
    assert grade(found["SOFT.API.NIR"]) == (Quality.BAD, Reason.NO_EVIDENCE)
    assert isfinite(found["SOFT.API"].value)


def test_equal_histories_give_equal_states_and_the_past_is_left_alone() -> None:
    one = two = soft.start(KIT)
    for snapshot, _ in hours(201, POLICY, 120):
        kept = one
        first, one = soft.enrich(snapshot, one, KIT)
        second, two = soft.enrich(snapshot, two, KIT)
        assert kept is not one
        assert (first, one) == (second, two)
        assert snapshot["SOFT.API"].quality == Quality.BAD
    assert soft.start(KIT) == soft.start(KIT)


def errors(seed: int, faults: tuple[Fault, ...] = ()) -> dict[str, NDArray[np.float64]]:
    """Errors of the three estimates against the truth over three quarters of an hour [%w/w], and the claimed sd."""
    state, rows = soft.start(KIT), []
    for snapshot, truth in hours(seed, POLICY, 2700, faults):
        seen, state = soft.enrich(snapshot, state, KIT)
        true = truth["api_frame"]
        rows.append([seen[f"SOFT.API{x}"].value - true for x in ("", ".NIR", ".MECH")] + [seen["SOFT.API"].sd])
    return dict(zip(("fused", "nir", "mech", "sd"), np.array(rows)[600:].T, strict=True))


def rms(values: NDArray[np.float64]) -> float:
    return sqrt(float((values**2).mean()))


def test_the_standard_deviation_is_honest() -> None:
    found = [errors(seed) for seed in (201, 202, 203, 204)]
    assert 0.3 < rms(np.concatenate([e["fused"] / e["sd"] for e in found])) < 1.3


def test_the_fused_value_beats_both_of_its_paths_when_a_load_cell_lies() -> None:
    found = errors(202, (Fault("F04", "FDR_API", 900.0),))
    assert rms(found["fused"]) < 0.5 * rms(found["nir"])
    assert rms(found["fused"]) < 0.3 * rms(found["mech"])


def test_a_fouled_window_biases_the_fused_value_and_no_misfit_shows_it() -> None:
    found = errors(203, (Fault("F50", "NIR", 0.0),))
    assert abs(found["fused"].mean()) > 1.5 * found["sd"].mean()


@given(
    tanks=st.lists(st.floats(0.0, 25.0), min_size=4, max_size=4),
    inlet=st.floats(0.0, 25.0),
    passed=st.floats(0.0, 1e6),
)
def test_the_residence_time_path_never_overshoots(tanks: list[float], inlet: float, passed: float) -> None:
    after = step(tuple(tanks), inlet, passed, (0.18, 0.18, 0.35, 0.18))
    low, high = min([*tanks, inlet]), max([*tanks, inlet])
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in after)


def test_the_residence_time_path_keeps_the_mass_of_the_active_ingredient() -> None:
    masses, tanks = (0.18, 0.18, 0.35, 0.18), (10.0, 10.0, 10.0, 10.0)
    after = step(tanks, 12.0, 0.005, masses)
    gained = sum(m * (new - old) for m, new, old in zip(masses, after, tanks, strict=True))
    assert gained == pytest.approx(0.005 * (12.0 - after[-1]), rel=1e-9)


def with_file(name: str, data: bytes) -> Policy:
    return POLICY.sealed(POLICY.fingerprint, {**POLICY.files, name: data})


@pytest.mark.parametrize(
    ("file", "data", "said"),
    [
        ("nir_pls.json", b"{}", "nir_pls.json is no NIR calibration: format"),
        ("nir_pls.json", b"spectra", "nir_pls.json is no NIR calibration: the file"),
        ("process.json", b"[]", "process.json: identified parameters"),
    ],
)
def test_a_bad_file_is_named_in_one_sentence(file: str, data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        soft.prepare(with_file(file, data))


def test_a_calibration_whose_sizes_disagree_is_refused() -> None:
    torn = json.loads(POLICY.files["nir_pls.json"])
    torn["mean"] = torn["mean"][:-1]
    with pytest.raises(ValueError, match="the sizes of mean do not fit 64 channels, 2 results, 3 components"):
        soft.prepare(with_file("nir_pls.json", json.dumps(torn).encode()))


def test_a_process_without_tanks_is_refused() -> None:
    process = json.loads(POLICY.files["process.json"])
    process["parameters"] = {k: v for k, v in process["parameters"].items() if not k.startswith("tank")}
    with pytest.raises(ValueError, match=r"no tank_1, tank_2, .* is identified"):
        soft.prepare(with_file("process.json", json.dumps(process).encode()))


def test_a_policy_whose_tags_do_not_fit_the_calibration_is_refused() -> None:
    tags = POLICY.tags | {"NIR.SPECTRUM": POLICY.tags["NIR.SPECTRUM"].model_copy(update={"length": 32})}
    changed = POLICY.model_copy(update={"tags": tags}).sealed(POLICY.fingerprint, POLICY.files)
    with pytest.raises(ValueError, match=r"has 32 channels, but .* wants 64"):
        soft.prepare(changed)


def test_the_misfit_is_the_same_however_the_scores_are_scaled() -> None:
    calibration = read(POLICY.files["nir_pls.json"], "nir_pls.json")
    seen = spectrum(API=11.0, unknown=0.2)
    centred = (seen - seen.mean()) / seen.std(ddof=1) - np.array(calibration.mean)
    scores = centred @ np.array(calibration.rotations)
    residual = centred - np.array(calibration.loadings) @ scores
    found = Pls.of(calibration)(seen)
    assert found.q == pytest.approx(float(residual @ residual) / calibration.q_usual)
    assert found.t2 == pytest.approx(float(((scores / calibration.score_sd) ** 2).sum()) / calibration.t2_usual)


def test_soft_sensors_run_on_numpy_alone() -> None:
    heavy = "{'sklearn', 'scipy', 'river', 'casadi', 'do_mpc'} & {m.partition('.')[0] for m in sys.modules}"
    asked = f"import sys, controller.soft; print({heavy} or '')"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout == "\n"
