"""The UHPLC of line C: what its results say, how old they are, and what they leave unsaid."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from numpy.random import default_rng

from hil.plants.faults import Fault
from hil.plants.line_c import NOMINAL, LineC
from hil.plants.uhplc import LOD_PCT, RETENTION, Peak, Result, Uhplc

PROFILE = {
    "SM": 4.33, "IMP_H": 0.067, "IMP_D": 0.148, "API": 87.34, "IMP_A": 3.76, "U2": 0.0, "NITRO": 0.095, "U": 0.005,
    "IMP_B": 4.19, "IMP_C": 0.065,
}  # fmt: skip


def injections(
    count: int, profile: Mapping[str, float] = PROFILE, noise: float = 1.0, hit: Mapping[str, float] | None = None
) -> list[Result]:
    """Results of one instrument fed with one and the same sample, missed injections left out."""
    instrument, found = Uhplc(default_rng(1), noise, profile), []
    for k in range(count):
        instrument.look(360.0 * k, profile, hit or {})
        instrument.look(360.0 * k + 300.0, profile, hit or {})
        if instrument.result.shown.quality == "good":
            found.append(instrument.result.shown.value)
    return found


def near(peaks: tuple[Peak, ...], name: str) -> Peak | None:
    return next((peak for peak in peaks if abs(peak.rrt - RETENTION[name]) < 0.03), None)


def areas(results: list[Result], name: str) -> np.ndarray:
    return np.array([peak.area for result in results if (peak := near(result.peaks, name)) is not None])


def test_a_result_comes_every_six_minutes_and_is_five_minutes_old() -> None:
    line = LineC(2, mismatch=0.0, noise=0.0)
    assert (line.tags["UHPLC.SEQ"], line.taken["UHPLC.SEQ"]) == (0.0, -300.0)
    seen = []
    for _ in range(1500):
        line.step(1.0, NOMINAL)
        seen.append((line.time, line.tags["UHPLC.SEQ"], line.taken["UHPLC.AREA"], line.tags["UHPLC.T_INJ"]))
    news = [after for before, after in pairwise(seen) if after[1] != before[1]]
    assert [row[:3] for row in news] == [(t + 300.0, k + 1.0, t) for k, t in enumerate((0.0, 360.0, 720.0, 1080.0))]
    assert all(injected == taken + 60.0 for _, _, taken, injected in news)
    assert line.tags["UHPLC.T_RES"] == line.tags["UHPLC.T_INJ"] + 240.0


def test_the_tables_on_the_tags_hold_the_peaks_and_nothing_else() -> None:
    line = LineC(2)
    rrt, area = np.asarray(line.tags["UHPLC.RRT"]), np.asarray(line.tags["UHPLC.AREA"])
    count = int(line.tags["UHPLC.N_PEAK"])
    assert rrt.shape == area.shape == (16,)
    assert (rrt[:count] == [peak.rrt for peak in line.result.peaks]).all()
    assert (area[:count] == [peak.area for peak in line.result.peaks]).all()
    assert (np.diff(rrt[:count]) > 0.0).all()
    assert not rrt[count:].any()
    assert not area[count:].any()
    assert area.sum() == pytest.approx(100.0, abs=LOD_PCT)


def test_a_result_tells_the_profile_of_the_sample_it_was_given() -> None:
    line = LineC(2, mismatch=0.0, noise=0.0)
    truth = line.truth()
    assert {peak.name: peak.area for peak in line.result.peaks} == pytest.approx(
        {name: truth[name.lower()] for name in ("SM", "IMP_H", "IMP_D", "API", "IMP_A", "NITRO", "IMP_B", "IMP_C")}
    )


@pytest.mark.parametrize("name", ["SM", "IMP_A", "IMP_B", "NITRO", "IMP_H", "IMP_C", "IMP_D"])
def test_areas_scatter_as_specified(name: str) -> None:
    found = areas(injections(1500), name)
    assert found.mean() == pytest.approx(PROFILE[name], rel=0.01)
    assert found.std() == pytest.approx(np.hypot(0.006, 0.015 * PROFILE[name]), rel=0.08)


def test_retention_jitters_as_specified_and_the_api_is_its_own_measure() -> None:
    results = injections(1500)[-400:]
    for name in ("SM", "IMP_D", "NITRO"):
        found = [peak.rrt for result in results if (peak := near(result.peaks, name)) is not None]
        assert np.std(found) == pytest.approx(0.003, rel=0.15), name
    assert {peak.rrt for result in results for peak in result.peaks if peak.name == "API"} == {1.0}


def test_the_column_ages_to_one_per_cent_and_names_survive_it() -> None:
    results = injections(1500)
    assert np.mean([r.peaks[-1].rrt for r in results[-400:]]) == pytest.approx(1.01 * 1.72, rel=0.001)
    names = [peak.name for result in results for peak in result.peaks]
    assert names.count("IMP_C") > 0.75 * len(results)
    assert names.count("IMP_A") > 0.99 * len(results)


def test_a_peak_is_listed_from_the_limit_of_detection_and_trusted_from_that_of_quantification() -> None:
    sizes = {"IMP_H": 0.009, "IMP_D": 0.02, "NITRO": 0.04}
    (result,) = injections(1, PROFILE | sizes, noise=0.0)
    assert {peak.name: peak.quantified for peak in result.peaks if peak.area < 0.06} == {"IMP_D": False, "NITRO": True}


def test_an_unknown_has_no_name_and_a_species_that_is_not_there_has_no_peak() -> None:
    (result,) = injections(1, PROFILE | {"U": 0.25, "U2": 0.1}, noise=0.0)
    assert [(peak.rrt, peak.area) for peak in result.peaks if peak.name is None] == [(1.11, 0.1), (1.32, 0.25)]
    assert all(near(result.peaks, "U2") is None for result in injections(300))


def test_the_sample_before_is_carried_over() -> None:
    instrument = Uhplc(default_rng(1), 0.0, PROFILE | {"U": 10.0})
    instrument.look(0.0, PROFILE | {"U": 0.0}, {})
    instrument.look(300.0, PROFILE, {})
    assert areas([instrument.result.shown.value], "U") == pytest.approx([0.003 * 10.0], rel=0.01)


def test_one_injection_in_a_hundred_is_missed_and_leaves_a_gap_in_the_count() -> None:
    results = injections(3000)
    assert 3000 - len(results) == pytest.approx(30, abs=15)
    assert results[-1].sequence == 3000
    assert sum(after.sequence - before.sequence - 1 for before, after in pairwise(results)) == 3000 - len(results)


def test_a_missed_injection_repeats_the_last_result_as_bad() -> None:
    line = LineC(2, faults=[Fault("C05", "UHPLC", 100.0, magnitude=1.0)])
    for _ in range(600):
        line.step(1.0, NOMINAL)
    assert (line.tags["UHPLC.SEQ"], line.quality) == (1.0, {})
    for _ in range(120):
        line.step(1.0, NOMINAL)
    assert line.tags["UHPLC.SEQ"] == 1.0
    assert {*line.quality.values()} == {"bad"}
    assert {*line.quality} == {
        f"UHPLC.{tag}" for tag in ("SEQ", "T_INJ", "T_RES", "METHOD", "VERSION", "N_PEAK", "RRT", "AREA")
    }


def test_an_aged_column_takes_late_peaks_out_of_their_windows() -> None:
    (result,) = injections(1, noise=0.0, hit={"F67": 0.05})
    assert {peak.name for peak in result.peaks} == {"SM", "IMP_H", "IMP_D", "API", "IMP_A", "NITRO", None}
    assert [round(peak.rrt, 3) for peak in result.peaks if peak.name is None] == [1.483, 1.756]


def test_carry_over_and_a_lost_response_show_in_every_impurity() -> None:
    (sound,) = injections(1, noise=0.0)
    (weak,) = injections(1, noise=0.0, hit={"C04": 0.1})
    for name in ("SM", "IMP_B", "NITRO"):
        assert areas([weak], name) / areas([sound], name) == pytest.approx(0.9)
    instrument = Uhplc(default_rng(1), 0.0, PROFILE | {"NITRO": 2.0})
    instrument.look(0.0, PROFILE, {"C03": 0.05})
    instrument.look(300.0, PROFILE, {})
    assert areas([instrument.result.shown.value], "NITRO") == pytest.approx([(0.095 + 0.05 * 2.0) / 1.05])
    assert instrument.result.shown.value.peaks[-1].name == "IMP_C"


def test_an_empty_sample_has_no_peaks() -> None:
    assert injections(1, {}) == [Result(1, 60.0, 300.0, ())]
