"""What cannot be a result, on a running line: refused or told in one sentence, and never silently used."""

from __future__ import annotations

from dataclasses import replace
from math import hypot, log
from pathlib import Path

import numpy as np
import pytest
from seen import EPOCH

from anomaly import Alert, engine
from anomaly.lots import middle
from anomaly.trending import TrendKit, counted
from controller import soft
from controller.cli.app import status
from controller.soft import SoftState
from plant_io import Quality, Sample, Snapshot, TagIndex
from policies import Policy, load, parse, shipped

SHIPPED = shipped("C")
FILES = load(SHIPPED).files
LIBRARY = "line_c.library.yaml"
USUAL = {0.62: 4.3, 0.88: 0.08, 0.94: 0.15, 1.0: 87.3, 1.05: 3.7, 1.21: 0.11, 1.46: 4.2, 1.72: 0.09}


def altered(*changes: tuple[str, str], library: tuple[tuple[str, str], ...] = ()) -> Policy:
    text, known = SHIPPED.read_text(), FILES[LIBRARY].decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    for old, new in library:
        assert old in known
        known = known.replace(old, new, 1)
    return parse(text.encode(), "line_c.yaml", {**FILES, LIBRARY: known.encode()})


POLICY = load(SHIPPED)
INDEX = TagIndex.of(POLICY)
KIT = soft.prepare(POLICY)


def injection(
    k: int, peaks: dict[float, float] | None = None, *, of: tuple[float, float] = (7.0, 3.0), at: float = 0.0
) -> Snapshot:
    """The cycle in which the result of an injection comes; `at` is when its sample was taken, in order by default."""
    taken = EPOCH + (at or 360.0 * k)
    now = EPOCH + 360.0 * k + 300.0
    found = USUAL if peaks is None else peaks
    words = {"UHPLC.N_PEAK": float(len(found)), "UHPLC.SEQ": float(k)}
    words |= {"UHPLC.METHOD": of[0], "UHPLC.VERSION": of[1]}
    stamped = {name: Sample(value, Quality.GOOD, taken, now) for name, value in words.items()}
    stamped |= {name: Sample(0.0, Quality.GOOD, taken, now) for name in ("UHPLC.RRT", "UHPLC.AREA")}
    seen = Snapshot.empty(now, INDEX).extended(stamped)
    values = seen.values.copy()
    for name, row in (("UHPLC.RRT", list(found)), ("UHPLC.AREA", list(found.values()))):
        start = INDEX.start[INDEX.position[name]]
        values[start : start + 16] = [*row, *([0.0] * (16 - len(row)))]
    return replace(seen, values=values)


def took(*snapshots: Snapshot) -> tuple[Snapshot, SoftState]:
    state = soft.start(KIT)
    for snapshot in snapshots[:-1]:
        _, state = soft.enrich(snapshot, state, KIT)
    return soft.enrich(snapshots[-1], state, KIT)


def scaled(by: float) -> dict[float, float]:
    return {rrt: by * area for rrt, area in USUAL.items()}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (injection(2, of=(7.0, 2.0)), "injection 2: found version '2' of the method, expected 3"),
        (injection(2, of=(8.0, 3.0)), "injection 2: found method '8', expected 7"),
        (injection(2, scaled(1e4)), "they are ppm, not %"),
        (injection(2, scaled(0.01)), "they are shares of 1, not %"),
        (injection(2, scaled(0.7)), "areas sum to 69.95 %, expected 95 to 105"),
        (injection(2, {**USUAL, 1.30: -0.2}), "found a negative area, -0.2 at RRT 1.3"),
        (injection(1, at=420.0), "injection 1 came with another time of sampling than before; the first is kept"),
    ],
)
def test_what_is_no_result_is_told_and_not_used_on_line(wrong: Snapshot, said: str) -> None:
    first, _ = took(injection(1))
    seen, _ = took(injection(1), wrong)
    (note,) = seen.notes
    assert said in note
    assert note.endswith("it is not used")
    assert seen["PEAK.NITRO"].value == first["PEAK.NITRO"].value
    assert seen["PEAK.NITRO"].source == EPOCH + 360.0


def test_a_result_that_comes_late_is_told_and_does_not_become_the_newest() -> None:
    seen, _ = took(injection(1), injection(5, {**USUAL, 1.21: 0.15}), injection(3, at=700.0))
    assert any("it came late; newer results stand" in note for note in seen.notes)
    assert (seen["PEAK.NITRO"].value, seen["PEAK.NITRO"].source) == (0.15, EPOCH + 1800.0)


def test_a_good_result_is_used_without_a_word() -> None:
    seen, _ = took(injection(1), injection(2))
    assert (seen.notes, seen["PEAK.NITRO"].source) == ((), EPOCH + 720.0)


def torn(at: float, *tags: str) -> Snapshot:
    """The second injection, seen `at` seconds after it came, with the stamps of `tags` still those of the first."""
    seen = injection(2)
    old = {tag: seen[tag]._replace(source=EPOCH + 360.0) for tag in tags}
    return replace(seen, at=seen.at + at).extended(old)


def said(*snapshots: Snapshot) -> list[str]:
    state, found = soft.start(KIT), list[str]()
    for snapshot in snapshots:
        seen, state = soft.enrich(snapshot, state, KIT)
        found += seen.notes
    return found


@pytest.mark.parametrize(
    ("tags", "whose"),
    [
        (("UHPLC.VERSION",), "the time of UHPLC.VERSION is not that of UHPLC.AREA"),
        (("UHPLC.METHOD", "UHPLC.VERSION"), "the times of UHPLC.METHOD, UHPLC.VERSION are not that of UHPLC.AREA"),
    ],
)
def test_a_stamp_that_stands_still_is_told_once_in_one_sentence(tags: tuple[str, ...], whose: str) -> None:
    notes = said(injection(1), *(torn(at, *tags) for at in (0.0, 1.0, 2.0, 3.0, 4.0, 60.0)))
    assert notes == [f"PEAK: {whose}, whose result came 3 s ago; it is not used until they are the same"]


def test_a_stamp_that_comes_a_moment_later_is_waited_for_without_a_word() -> None:
    assert said(injection(1), torn(0.0, "UHPLC.VERSION"), torn(2.0, "UHPLC.VERSION"), torn(3.0)) == []


def test_a_result_whose_stamps_agree_in_the_end_is_used_although_it_was_told() -> None:
    seen, _ = took(injection(1), torn(0.0, "UHPLC.VERSION"), torn(3.0, "UHPLC.VERSION"), torn(9.0))
    assert (seen.notes, seen["PEAK.NITRO"].source) == ((), EPOCH + 720.0)


TREND = "library: line_c.library.yaml"


@pytest.mark.parametrize(
    ("changes", "library", "said"),
    [
        (
            ((TREND, f"{TREND}\n    entries: [catalyst]"),),
            (("status: draft", "status: retired"),),
            "entry catalyst is retired; it is never matched",
        ),
        (((TREND, f"{TREND}\n    entries: [nobody]"),), (), "found no entry 'nobody', known are catalyst"),
        (
            (('versions: ["3"]', 'versions: ["4"]'),),
            (),
            "catalyst is written for version '3' of UHPLC-07, but PEAK takes '4'",
        ),
        (
            (),
            (("impurity: NITRO, tag: PEAK.NITRO,", 'impurity: NITRO, tag: PEAK.NITRO, unit: "[ppm]",'),),
            "catalyst: found amounts in [ppm], but PEAK.NITRO is in %",
        ),
    ],
)
def test_a_library_that_does_not_fit_the_line_is_refused_before_the_run_and_by_validate(
    changes: tuple[tuple[str, str], ...],
    library: tuple[tuple[str, str], ...],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    policy = altered(*changes, library=library)
    with pytest.raises(ValueError, match=said.replace("[", r"\[")):
        engine.prepare(policy)
    for name, data in policy.files.items():
        (tmp_path / (name or "line_c.yaml")).write_bytes(data)
    assert status(["validate", str(tmp_path / "line_c.yaml")]) == 2
    assert said in capsys.readouterr().err.replace("\n", " ")


def trend_kit(policy: Policy) -> TrendKit:
    (kit,) = engine.prepare(policy).trends
    return kit


def test_a_result_under_the_limit_counts_as_what_is_normal_there() -> None:
    kit = trend_kit(POLICY)
    channel = kit.declared.channels["PEAK.NITRO"]
    end = log(0.03) if channel.scale == "log" else 0.03
    below = channel.mean + channel.sd * middle(-float("inf"), (end - channel.mean) / channel.sd)[0]
    assert counted(0.0, "PEAK.NITRO", kit) == counted(0.029, "PEAK.NITRO", kit) == pytest.approx(below)
    above = log(0.05) if channel.scale == "log" else 0.05
    assert counted(0.05, "PEAK.NITRO", kit) == pytest.approx(above)


def test_a_library_may_say_that_results_under_the_limit_count_as_half_of_it() -> None:
    kit = trend_kit(altered(library=(("below_loq: censored", "below_loq: half"),)))
    half = log(0.015) if kit.declared.channels["PEAK.NITRO"].scale == "log" else 0.015
    assert counted(0.0, "PEAK.NITRO", kit) == pytest.approx(half)


EXPECTED = (
    "watches:\n"
    "  expected: {kind: expectation, library: line_c.library.yaml, yields: [synthesis], route: qa, response: Look.}\n"
)


def expecting(model: str, **more: str) -> Policy:
    text = "".join(f", {key}: {value}" for key, value in more.items())
    change = (("below_loq: censored}", f"below_loq: censored{text}}}"), ("model: linear", f"model: {model}"))
    return altered(("watches:\n", EXPECTED), library=change)


def held(policy: Policy, values: list[float]) -> list[tuple[int, Alert]]:
    """Alerts of the watch, each with the number of its result."""
    every = engine.prepare(policy)
    kit = replace(
        every,
        charts=(),
        trends=(),
        learners=(),
        monitors=(),
        kinds=replace(every.kinds, charts=(), sensors=(), drifts=(), oddities=(), hosted=()),
    )
    state, index, found = engine.start(kit), TagIndex.of(policy), list[tuple[int, Alert]]()
    for k, value in enumerate(values):
        at = EPOCH + 360.0 * k
        shown = Snapshot.empty(at + 300.0, index).extended({"PEAK.NITRO": Sample(value, Quality.GOOD, at, at + 300.0)})
        for _ in range(2):
            state, locked, _advice = engine.watch(shown, state, kit)
            found += [(k, alert) for alert in locked.alerts if alert.watch == "expected"]
    return found


SD = hypot(0.006, 0.015 * 0.095)
NOISE: list[float] = (0.095 + SD * np.random.default_rng(3).standard_normal(60)).tolist()


def test_a_result_beyond_its_expectation_is_told_once_and_ends_with_the_next() -> None:
    found = held(expecting("constant"), [*[0.095] * 10, 0.095 + 4.0 * SD, 0.095, 0.095])
    assert [(k, alert.active) for k, alert in found] == [(10, True), (11, False)]
    assert "PEAK.NITRO (catalyst) is 0.12 % against 0.095 %, +4.0 standard deviations, limit 2.3" in found[0][1].what


def test_normal_results_are_out_of_a_99_percent_expectation_about_once_in_a_hundred() -> None:
    rng = np.random.default_rng(8)
    values: list[float] = (0.095 + SD * rng.standard_normal(3000)).tolist()
    begun = [k for k, alert in held(expecting("constant"), values) if alert.active]
    assert 18 <= len(begun) <= 45


def test_a_level_of_the_lot_is_learnt_before_anything_is_told() -> None:
    other = [value + 0.1 for value in NOISE]
    assert held(expecting("lot_effect"), other[:30]) == []
    (first, *_) = held(expecting("lot_effect"), [*other[:30], 0.095 + 0.1 + 5.0 * SD])
    assert (first[0], first[1].active) == (30, True)


def test_what_grows_evenly_as_expected_is_not_told_and_what_bends_is() -> None:
    even = [value + 0.002 * k for k, value in enumerate(NOISE)]
    assert len([1 for _, alert in held(expecting("linear"), even) if alert.active]) <= 2
    bent = [value + (0.02 * max(k - 40, 0)) for k, value in enumerate(even)]
    begun = [k for k, alert in held(expecting("linear"), bent) if alert.active and k > 40]
    assert begun[0] <= 43


def test_too_few_results_set_no_limit() -> None:
    assert held(expecting("lot_effect", fewest="20"), [*NOISE[:15], 0.9]) == []


def test_a_result_under_the_limit_of_quantification_is_never_too_high() -> None:
    change = (("level: 0.095", "level: 0.001"), ("model: linear", "model: constant"))
    policy = altered(("watches:\n", EXPECTED), library=change)
    assert held(policy, [0.0, 0.029, 0.01] * 5) == []
    assert held(policy, [0.0, 0.031])[0][1].active


def test_an_expectation_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="entry hydrogen has no expectation"):
        engine.prepare(altered(("watches:\n", EXPECTED.replace("yields", "entries: [hydrogen], yields"))))
