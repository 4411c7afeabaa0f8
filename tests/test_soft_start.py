"""A soft sensor from a handful of labels, beside samples drawn from its core, with the gain that is in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hybrids import TAGS, goal, runs, samples
from test_soft_sensor_verbs import rows, written

from controller.cli.app import BAD_INPUT, DONE, status
from controller.cli.soft_start import tell
from controller.soft import early
from controller.soft.hybrid_model import read, said


def run(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any], str]:
    code = status(["soft-sensor", "start", *words, "--json", "-"])
    shown = capsys.readouterr()
    return code, json.loads(shown.out) if shown.out else {}, shown.err


def test_with_four_labels_simulated_samples_and_the_core_gain_over_labels_alone() -> None:
    model, errors = early.begun(goal(), samples(16).rows(np.array([0, 4, 8, 12])), 200)
    assert errors[early.SIMULATED] < errors[early.LABELS]
    assert early.gain(errors) > 0.3
    found = runs(64, 9)
    off = said(model, {name: found.tags[TAGS[name]] for name in model.inputs}).value - found.truth["lod"]
    assert float(np.sqrt(np.mean(off**2))) < 0.5


def test_a_network_that_has_seen_simulated_samples_is_written_as_such() -> None:
    made, errors = early.begun(goal(), samples(16).rows(np.arange(5)), 60, (early.SIMULATED,))
    assert set(errors) == {early.SIMULATED}
    assert (made.form, made.core, made.card.simulated, made.card.n) == ("learner_only", "none", 60, 5)
    assert made.learner is not None
    assert read(made.model_dump_json(by_alias=True).encode(), "m") == made


def test_the_verb_starts_with_four_labels_and_shows_the_gain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = written(tmp_path / "runs.csv", rows(14)[:6]), tmp_path / "lod.soft.json"
    code, found, err = run(data, "--out", str(out), "--simulated", "100", capsys=capsys)
    assert code == DONE
    assert set(found["errors"]) == {early.LABELS, early.SIMULATED, early.CORE}
    assert (found["n"], found["simulated"]) == (5, 100)
    assert 0.0 < found["gain"] < 1.0
    assert "gain over a learner on the labels alone:" in err
    assert read(out.read_bytes(), out.name).card.n == 5


def test_the_interval_of_a_start_is_never_that_of_labels_surer_than_they_are_told_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, scales = written(tmp_path / "runs.csv", rows(14)[:6]), list[float]()
    for label_sd in ("0", "3"):
        out = tmp_path / f"sd{label_sd}.soft.json"
        assert run(data, "--out", str(out), "--simulated", "50", "--label-sd", label_sd, capsys=capsys)[0] == DONE
        scales.append(read(out.read_bytes(), out.name).scale)
    assert scales[1] >= 3.0 > scales[0]


def test_how_far_off_a_way_is_that_knows_nothing_and_is_not_written_is_not_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell({early.LABELS: 0.7, early.SIMULATED: 5e4, early.CORE: 0.2}, 0.9, "%")
    said_ = capsys.readouterr().err.splitlines()
    assert said_[1:] == [
        "core identified: errs by 0.2 %; written",
        "learner on labels alone: errs by 0.7 %; not written",
        "learner with simulated: no better than that mean; not written",
    ]


def test_the_mean_of_the_others_is_what_a_start_is_held_against() -> None:
    some = samples(16).rows(np.arange(5))
    others = [float(np.delete(some.labels, i).mean()) for i in range(5)]
    assert early.by_mean(some) == pytest.approx(float(np.sqrt(np.mean((some.labels - others) ** 2))))


@pytest.mark.parametrize(
    ("count", "words", "says"),
    [
        (3, (), "found 3 labelled samples, expected at least 4 for this method"),
        (5, ("--core", "none"), "found no core that fits, expected --core"),
    ],
)
def test_what_cannot_be_started_with_is_one_sentence_and_leaves_no_model(
    count: int, words: tuple[str, ...], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = written(tmp_path / "runs.csv", rows(14)[: count + 1]), tmp_path / "lod.soft.json"
    code, _, err = run(data, "--out", str(out), *words, capsys=capsys)
    assert code == BAD_INPUT
    assert says in err
    assert not out.exists()
