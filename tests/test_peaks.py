"""The list of a chromatogram becomes named impurities, dated when the sample was taken."""

from dataclasses import replace
from math import hypot, nan

import numpy as np
import pytest
from seen import EPOCH

from controller import soft
from controller.soft.peaks import picked
from hil.plants.line_c import NOMINAL, LineC
from hil.plants.uhplc import LISTED
from plant_io import Quality, Reason, Sample, Snapshot, TagIndex
from policies import Peaks, PolicyError, load, parse, shipped

POLICY = load(shipped("C"))
KIT = soft.prepare(POLICY)
INDEX = TagIndex.of(POLICY)
NAMES = {"SM": 0.62, "API": 1.0, "IMP_A": 1.05}


def snap(at: float, taken: float, peaks: list[tuple[float, float]], quality: Quality = Quality.GOOD) -> Snapshot:
    """One cycle `at` seconds after the start, with the result of a sample taken at `taken`."""
    lists = np.zeros((2, 16))
    lists[:, : len(peaks)] = np.array(peaks).T if peaks else np.zeros((2, 0))
    stamped = {name: Sample(0.0, quality, EPOCH + taken, EPOCH + at) for name in ("UHPLC.RRT", "UHPLC.AREA")}
    words = {"UHPLC.N_PEAK": float(len(peaks)), "UHPLC.METHOD": 7.0, "UHPLC.VERSION": 3.0}
    stamped |= {name: Sample(value, quality, EPOCH + taken, EPOCH + at) for name, value in words.items()}
    seen = Snapshot.empty(EPOCH + at, INDEX).extended(stamped)
    values = seen.values.copy()
    for name, row in zip(("UHPLC.RRT", "UHPLC.AREA"), lists, strict=True):
        start = INDEX.start[INDEX.position[name]]
        values[start : start + 16] = row
    return replace(seen, values=values)


def test_a_peak_is_named_by_the_nearest_retention_time_within_the_window() -> None:
    assert picked([(0.63, 4.0), (1.0, 91.0), (1.03, 3.0)], NAMES, 0.03) == (0.0, 4.0, 91.0, 3.0)


def test_the_largest_peak_without_a_name_is_told_apart() -> None:
    assert picked([(1.0, 99.0), (1.32, 0.2), (1.11, 0.3)], NAMES, 0.03) == (0.3, 0.0, 99.0, 0.0)


def test_of_two_peaks_for_one_name_the_nearer_gets_it() -> None:
    assert picked([(0.60, 1.0), (0.621, 4.0), (0.64, 2.0)], NAMES, 0.03) == (2.0, 4.0, 0.0, 0.0)


def test_a_result_is_dated_when_its_sample_was_taken_and_knows_how_good_it_is() -> None:
    seen, _ = soft.enrich(snap(310.0, 10.0, [(0.62, 4.0), (1.0, 96.0)]), soft.start(KIT), KIT)
    sample = seen["PEAK.SM"]
    assert (sample.value, sample.quality, sample.source, sample.arrival) == (4.0, 0, EPOCH + 10.0, EPOCH + 310.0)
    assert sample.sd == pytest.approx(hypot(0.006, 0.015 * 4.0))
    assert seen.good("PEAK.NITRO") == 0.0


def test_the_last_result_stands_while_the_next_is_missing_until_it_is_too_old() -> None:
    _, state = soft.enrich(snap(310.0, 10.0, [(0.62, 4.0), (1.0, 96.0)]), soft.start(KIT), KIT)
    later, state = soft.enrich(snap(900.0, 370.0, [], Quality.BAD), state, KIT)
    assert (later.good("PEAK.SM"), later["PEAK.SM"].source) == (4.0, EPOCH + 10.0)
    old, _ = soft.enrich(snap(1300.0, 370.0, [], Quality.BAD), state, KIT)
    assert (old.good("PEAK.SM"), old["PEAK.SM"].reason) == (None, Reason.STALE)


def test_old_retention_times_with_new_sizes_are_waited_for() -> None:
    torn = snap(310.0, 10.0, [(0.80, 4.0), (1.0, 96.0)])
    old = torn["UHPLC.RRT"]._replace(source=EPOCH - 350.0)
    waits, state = soft.enrich(torn.extended({"UHPLC.RRT": old}), soft.start(KIT), KIT)
    assert waits["PEAK.SM"].reason is Reason.NO_EVIDENCE
    whole, _ = soft.enrich(snap(311.0, 10.0, [(0.62, 4.0), (1.0, 96.0)]), state, KIT)
    assert whole.good("PEAK.SM") == 4.0


def test_before_the_first_result_there_is_no_evidence() -> None:
    seen, _ = soft.enrich(snap(1.0, nan, [], Quality.BAD), soft.start(KIT), KIT)
    assert (seen.good("PEAK.SM"), seen["PEAK"].reason) == (None, Reason.NO_EVIDENCE)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_listed_species_of_the_simulated_line_is_found_on_columns_new_and_old(seed: int) -> None:
    line = LineC(seed)
    declared = POLICY.soft_sensors["PEAK"]
    assert isinstance(declared, Peaks)
    names = declared.listed
    for _ in range(800):
        line.step(1.0, NOMINAL)
    rrt, area = (np.asarray(line.tags[f"UHPLC.{tag}"]) for tag in ("RRT", "AREA"))
    n = int(np.asarray(line.tags["UHPLC.N_PEAK"]))
    unnamed, *sizes = picked(list(zip(rrt[:n].tolist(), area[:n].tolist(), strict=True)), names, 0.03)
    true = line.truth()
    for name, size in zip(names, sizes, strict=True):
        assert name in LISTED
        assert size == pytest.approx(true[name.lower()], rel=0.08, abs=0.03), name
    assert unnamed < 0.03


def test_lists_of_different_lengths_are_refused_where_they_are_declared() -> None:
    text = shipped("C").read_text().replace("s=UHPLC.AREA, length: 16", "s=UHPLC.AREA, length: 12")
    with pytest.raises(ValueError, match=r"soft_sensors\.PEAK: UHPLC\.RRT lists 16 values, UHPLC\.AREA 12"):
        soft.prepare(parse(text.encode(), "c.yaml", POLICY.files))


def test_a_list_that_does_not_exist_is_told_with_its_place() -> None:
    text = shipped("C").read_text().replace("areas: UHPLC.AREA", "areas: UHPLC.AREAS")
    with pytest.raises(PolicyError, match=r"areas.*UHPLC\.AREAS.*expected the name of a tag"):
        parse(text.encode(), "c.yaml", POLICY.files)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "method: UHPLC.METHOD",
            "method: UHPLC.METHODS",
            r"PEAK\.method: found 'UHPLC\.METHODS', expected the name of a tag",
        ),
        ("    method: UHPLC.METHOD\n", "", "found methods alone, expected method beside it"),
    ],
)
def test_a_method_that_nobody_says_is_refused_with_the_policy(old: str, new: str, said: str) -> None:
    text = shipped("C").read_text()
    assert old in text
    with pytest.raises(PolicyError, match=said):
        parse(text.replace(old, new).encode(), "c.yaml", POLICY.files)
