"""Results of a chromatograph are taken in or refused with a sentence; peaks keep their names on an old column."""

import pytest

from controller.soft.intake import Found, Memory, Method, Result, Taken, take
from hil.plants.line_c import NOMINAL, LineC
from hil.plants.uhplc import LISTED, RETENTION

NAMES = {name: RETENTION[name] for name in LISTED}
METHOD = Method(NAMES, 0.03, stretch=0.12, lod=0.01, loq=0.03, total=(95.0, 105.0), carried=0.01, versions=("3",))
USUAL = {"SM": 4.3, "IMP_H": 0.08, "IMP_D": 0.15, "API": 87.2, "IMP_A": 3.7, "NITRO": 0.11, "IMP_B": 4.2, "IMP_C": 0.09}


def result(sequence: int = 1, stretch: float = 0.0, extra: dict[float, float] | None = None, **more: object) -> Result:
    places = {1.0 + (1.0 + stretch) * (NAMES[name] - 1.0): area for name, area in USUAL.items()} | (extra or {})
    peaks = tuple(Found(rrt, area) for rrt, area in sorted(places.items()))
    return Result(**{"sequence": sequence, "taken": 360.0 * sequence, "peaks": peaks, "version": "3"} | more)  # type: ignore[arg-type]


def took(one: Result, memory: Memory | None = None, method: Method = METHOD) -> tuple[Memory, Taken]:
    after, taken, why = take(one, memory or Memory(), method)
    assert taken is not None, why
    return after, taken


@pytest.mark.parametrize("stretch", [-0.1, -0.03, 0.0, 0.05, 0.1])
def test_every_peak_keeps_its_name_however_the_column_is_stretched(stretch: float) -> None:
    _, taken = took(result(stretch=stretch))
    assert taken.sizes == pytest.approx(USUAL)
    assert taken.stretch == pytest.approx(stretch, abs=1e-3)
    assert taken.strangers == {}
    assert any("column ages" in one for one in taken.doubts) == (abs(stretch) > 0.02)


def test_without_alignment_the_same_column_shows_peaks_that_are_none() -> None:
    _, taken = took(result(stretch=0.1), method=Method(NAMES, 0.03))
    assert taken.sizes["IMP_B"] == 0.0
    assert max(taken.strangers.values()) > 4.0


def test_an_unknown_peak_is_one_and_the_same_from_result_to_result_while_the_column_ages() -> None:
    memory = Memory()
    for k in range(1, 40):
        stretch = 0.002 * k
        at = 1.0 + (1.0 + stretch) * 0.32
        memory, taken = took(result(k, stretch, {at: 0.1 + 0.01 * k}), memory)
        assert taken.strangers == pytest.approx({"RRT 1.32": 0.1 + 0.01 * k})
    (one,) = memory.strangers
    assert (one.name, one.count, one.first, one.last) == ("RRT 1.32", 39, 360.0, 39 * 360.0)
    assert one.size == pytest.approx(0.49)


def test_two_unknown_peaks_are_two() -> None:
    memory, _ = took(result(1, 0.0, {1.32: 0.2}))
    memory, taken = took(result(2, 0.0, {1.32: 0.2, 1.11: 0.3}), memory)
    assert taken.strangers == {"RRT 1.32": 0.2, "RRT 1.11": 0.3}
    assert [one.count for one in memory.strangers] == [2, 1]


def test_what_is_below_the_limit_of_detection_is_not_there() -> None:
    _, taken = took(result(extra={1.32: 0.005}))
    assert taken.strangers == {}


def test_sizes_are_divided_by_their_responses_and_sum_as_before() -> None:
    half = Method(NAMES, 0.03, responses={"IMP_A": 0.5})
    _, taken = took(result(), method=half)
    assert taken.sizes["IMP_A"] / taken.sizes["API"] == pytest.approx(2.0 * 3.7 / 87.2)
    assert sum(taken.sizes.values()) == pytest.approx(sum(USUAL.values()))


def test_a_small_peak_after_a_large_one_may_be_carried_over() -> None:
    memory, _ = took(result(1, 0.0, {1.32: 8.0}, peaks=(Found(1.0, 90.0), Found(1.32, 8.0))))
    _, taken = took(result(2, 0.0, {1.32: 0.05}), memory)
    assert "RRT 1.32 may be carried over: 0.05 after 8" in taken.doubts


def test_a_late_result_has_its_own_place_in_time_and_does_not_become_the_newest() -> None:
    memory, _ = took(result(5))
    after, taken = took(result(4), memory)
    assert taken.late
    assert (after.newest, after.before) == (memory.newest, memory.before)


def test_a_second_injection_of_a_sample_is_told_as_one() -> None:
    memory, first = took(result(1, sample="S-17"))
    _, second = took(result(2, sample="S-17"), memory)
    assert (first.again, second.again) == (False, True)


def test_a_name_of_the_data_system_that_cannot_be_is_doubted() -> None:
    peaks = tuple(Found(NAMES[n], a, "NITRO" if n == "IMP_A" else n) for n, a in USUAL.items() if n != "NITRO")
    _, taken = took(result(peaks=peaks))
    assert "the peak at RRT 1.050 is called NITRO, but that is expected at 1.21" in taken.doubts
    assert (taken.sizes["NITRO"], taken.sizes["IMP_A"]) == (0.0, 3.7)


def scaled(factor: float) -> tuple[Found, ...]:
    return tuple(Found(one.rrt, factor * one.area) for one in result().peaks)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"version": "2"}, "injection 2: found version '2' of the method, expected 3"),
        ({"peaks": scaled(1e4)}, "they are ppm, not %"),
        ({"peaks": scaled(0.01)}, "they are shares of 1, not %"),
        ({"peaks": scaled(0.7)}, "areas sum to 69.88 %, expected 95 to 105"),
        ({"unit": "[ppm]"}, "found areas in [ppm], expected %"),
        ({"peaks": (Found(1.0, 100.1), Found(1.3, -0.1))}, "found a negative area, -0.1 at RRT 1.3"),
        ({"peaks": (Found(1.0, float("nan")),)}, "found a peak that is no number"),
        ({"peaks": ()}, "found no peak at all"),
        ({"sequence": 1, "taken": 360.0}, "injection 1 came twice; the first is kept"),
        ({"sequence": 1, "taken": 720.0}, "came with another time of sampling than before"),
    ],
)
def test_what_is_no_result_is_refused_in_one_sentence_and_leaves_no_trace(wrong: dict[str, object], said: str) -> None:
    memory, _ = took(result(1))
    after, taken, why = take(result(**({"sequence": 2} | wrong)), memory, METHOD)  # type: ignore[arg-type]
    assert (taken, after) == (None, memory)
    assert said in why


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_chromatograms_of_the_simulated_line_are_named_as_they_are(seed: int) -> None:
    line, memory, last = LineC(seed), Memory(), None
    for _ in range(1500):
        line.step(1.0, NOMINAL)
        shown = line._uhplc.result.shown.value
        if shown is None or shown.sequence == last:
            continue
        last = shown.sequence
        peaks = tuple(Found(one.rrt, one.area, one.name) for one in shown.peaks)
        one = Result(shown.sequence, shown.injected_s, peaks, "3")
        memory, taken = took(one, memory)
        true = {peak.name: peak.area for peak in shown.peaks if peak.name}
        assert all(taken.sizes[name] == pytest.approx(area) for name, area in true.items())
        assert not any(size > 0.03 for size in taken.strangers.values())
    assert last
