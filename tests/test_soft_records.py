"""`steadyline soft-sensor` from records: late results at the times of their samples, inputs as the sensor has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hybrids import TAGS, model, policy, runs

from controller.cli.app import BAD_INPUT, DONE, status
from controller.cycle import Cycle, Decision
from controller.records.cycles import Walk
from controller.records.journal import FILE, Journal
from controller.records.labelled import Listener
from controller.sampled import Told
from plant_io import Quality, Sample, Snapshot, TagIndex
from policies import Hybrid, Policy

EPOCH, EVERY_S, RUN_S, DELAY_S = 1_800_000_000.0, 60.0, 1800.0, 900.0
LAB = (
    '  LAB.THIEF: {unit: "%", range: [0, 30], connection: dryer, address: s=LAB.THIEF, age_from: source, '
    "stale_after: 2h, description: Loss on drying by the laboratory}\n"
)
DECLARED = "    lab: {tag: LAB.THIEF, taken: source, oldest: 1h, sd: 0.1}\n"


def kept(folder: Path, n: int, seed: int, which: Policy, *, older: bool = False, lost: str = "") -> Path:
    """Keep a record of designed runs, one each half hour; their results come a quarter of an hour later."""
    found, index = runs(n, seed), TagIndex.of(which)
    journal = Journal(folder)
    journal.head(EPOCH, {"files": dict(which.files), "policy_name": "line_b.yaml"})
    nothing = Decision((), (), (), (), (), (), (), frozenset(), {}, {}, {}, {})
    for number in range(int((n * RUN_S + DELAY_S) / EVERY_S) + 1):
        at = EPOCH + EVERY_S * number
        run = min(int(EVERY_S * number / RUN_S), n - 1)
        samples = {t: Sample(float(found.tags[t][run]), Quality.GOOD, at, at) for t in TAGS.values() if t != lost}
        done = int((EVERY_S * number - DELAY_S) / RUN_S) - 1
        if done >= 0:
            taken = EPOCH + RUN_S * (done + 1) - EVERY_S - (1e6 if older else 0.0)
            samples["LAB.THIEF"] = Sample(float(found.labels["lod"][done]), Quality.GOOD, taken, at)
        journal.cycle(Cycle(number, Snapshot.empty(at, index).extended(samples), (), (), nothing, ()))
    journal.tail(EPOCH + n * RUN_S + DELAY_S, {})
    return folder


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten designed runs of line B."""
    return kept(tmp_path_factory.mktemp("record"), 10, 5, policy(DECLARED, lab=LAB))


def run(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any], str]:
    code = status(["soft-sensor", *words, "--json", "-"])
    shown = capsys.readouterr()
    return code, json.loads(shown.out) if shown.out else {}, shown.err


def test_a_model_is_fitted_to_a_record_with_the_delay_the_laboratory_had(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new.soft.json"
    code, found, _ = run("fit", str(record), "--out", str(file), capsys=capsys)
    fitted = type(model()).model_validate_json(file.read_bytes())
    assert code == DONE
    assert (fitted.card.n, fitted.core, fitted.result) == (10, "two_zone", "SOFT.HYBRID")
    assert fitted.card.label_delay_s == pytest.approx(DELAY_S + EVERY_S)
    assert fitted.inputs["inlet"].delay_s == model().inputs["inlet"].delay_s
    assert found["rmsep"] < 0.4
    assert (tmp_path / "new.soft.html").exists()


def test_a_check_finds_the_sensor_by_its_inputs_and_takes_the_file_in_a_record_too(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "m.soft.json"
    file.write_text(model().model_dump_json(by_alias=True))
    found = [run("check", str(file), str(one), capsys=capsys)[1] for one in (record, record / FILE)]
    assert found[0] == found[1]
    assert found[0]["n"] == 10
    assert found[0]["rmsep"] < 0.4


def test_records_one_after_another_are_one_course(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "m.soft.json"
    file.write_text(model().model_dump_json(by_alias=True))
    other = kept(tmp_path / "other", 6, 8, policy(DECLARED, lab=LAB))
    assert run("check", str(file), str(record), str(other), capsys=capsys)[1]["n"] == 16


def test_tags_can_be_named_where_the_policy_declares_no_laboratory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "m.soft.json"
    file.write_text(model().model_dump_json(by_alias=True))
    there = kept(tmp_path / "record", 4, 5, policy(lab=LAB))
    assert run("check", str(file), str(there), capsys=capsys)[0] == BAD_INPUT
    named = ("--sensor", "SOFT.HYBRID", "--column", "result=LAB.THIEF")
    assert run("check", str(file), str(there), *named, capsys=capsys)[1]["n"] == 4


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--sensor", "SOFT.OTHER"), "--sensor: found 'SOFT.OTHER', expected one of SOFT.HYBRID"),
        (("--column", "result=LAB.NONE"), "--column: found 'LAB.NONE', expected a tag of line B"),
        (("--column", "result=DRY.AIR_PV"), "found the result in m3/h, expected %"),
        (("--column", "inlet=DRY.AIR_PV"), "found inlet in m3/h, expected Cel"),
        (("--leave", "inlet"), "found no inlet among the inputs"),
        (("--column", "inlett=DRY.TIN_PV"), "--column: found the input 'inlett', expected one of air, api_flow, bed,"),
    ],
)
def test_what_a_record_does_not_hold_is_one_sentence_and_leaves_no_model(
    words: tuple[str, ...], says: str, record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new.soft.json"
    code, found, err = run("fit", str(record), "--out", str(file), *words, capsys=capsys)
    assert (code, found) == (BAD_INPUT, {})
    assert says in err
    assert not file.exists()


@pytest.mark.parametrize(
    ("n", "how", "says"),
    [
        (9, {"older": True}, "of a sample taken within the record, expected some"),
        (4, {}, "found 4 labelled samples, expected at least 8 for this method"),
        (9, {"lost": "DRY.TIN_PV"}, "found no good value of DRY.TIN_PV for inlet in the whole record"),
    ],
)
def test_labels_older_than_a_record_too_few_of_them_and_channels_that_were_never_good_are_refused(
    n: int, how: dict[str, Any], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = kept(tmp_path / "record", n, 5, policy(DECLARED, lab=LAB), **how)
    file = tmp_path / "new.soft.json"
    code, _, err = run("fit", str(there), "--out", str(file), capsys=capsys)
    assert code == BAD_INPUT
    assert says in err
    assert not file.exists()


def test_a_result_is_taken_once_however_long_it_is_shown() -> None:
    which = policy(DECLARED, lab=LAB)
    declared = which.soft_sensors["SOFT.HYBRID"]
    assert isinstance(declared, Hybrid)
    assert declared.lab is not None
    listener = Listener(declared.lab, Told.of(declared.lab, "LAB.THIEF", which.units()))
    index = TagIndex.of(which)
    for at in range(0, 600, 10):
        shown = Sample(2.0, Quality.GOOD, EPOCH + 100.0 * (at // 300), EPOCH + at)
        listener.take(Snapshot.empty(EPOCH + at, index).extended({"LAB.THIEF": shown}))
    assert [(one.taken - EPOCH, one.known - EPOCH) for one in listener.found] == [(0.0, 0.0), (100.0, 300.0)]


def test_a_record_is_walked_from_head_to_tail_and_tells_whether_it_is_whole(record: Path) -> None:
    walk = Walk(record)
    times = np.array([data["snapshot"]["at"] for data in walk.cycles()])
    assert (walk.count, walk.complete, walk.first_break) == (len(times), True, None)
    assert (np.diff(times) == EVERY_S).all()
