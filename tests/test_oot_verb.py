"""`steadyline oot`: results held against methods from a file, stored with who, when and of what, and made again."""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from controller.cli.app import status

AGES = (0, 3, 6, 9, 12, 18, 24)


def data(folder: Path, *, odd: float = 0.0, more: Sequence[str] = ()) -> Path:
    rng = np.random.default_rng(1)
    lines = ["batch,age,imp,lot"]
    for i in range(6):
        for age in AGES:
            value = 0.10 + 0.005 * age + float(rng.normal(0.0, 0.01)) + (odd if (i, age) == (5, 24) else 0.0)
            lines.append(f"B{i},{age},{value:.3f},{i // 2}")
    path = folder / "stability.csv"
    path.write_text("\n".join([*lines, *more]) + "\n", encoding="utf-8")
    return path


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, object], str]:
    code = status([*map(str, words), "--json", "-"])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else {}, said.err


def test_a_result_in_trend_ends_with_0_and_one_out_of_trend_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = run(capsys, "oot", "check", data(tmp_path), "--method", "regression", "--column", "imp")
    assert (good[0], good[1]["out"]) == (0, False)
    code, found, said = run(
        capsys, "oot", "check", data(tmp_path, odd=0.08), "--method", "regression", "--column", "imp"
    )
    assert code == 1
    assert "1 of 7 judged of B5 is out of trend by the regression control chart." in said
    assert [one["age"] for one in found["held"] if one["out"]] == [24.0]  # type: ignore[attr-defined]


def test_a_stored_outcome_says_who_made_it_when_of_what_and_with_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = data(tmp_path), tmp_path / "outcome.json"
    _, found, _ = run(
        capsys, "oot", "check", source, "--method", "q1e", "--column", "imp", "--set", "accept_high=0.3", "--out", out
    )
    kept = json.loads(out.read_text())
    assert kept["made"]["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert kept["made"]["user"] == getpass.getuser()
    assert kept["made"]["at"].endswith("+00:00")
    assert (kept["outcome"]["method"], kept["outcome"]["version"]) == ("q1e", "1")
    assert found["sha256"] == kept["sha256"]
    assert len(kept["rows"]) == 42


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("regression", ("--set", "limits=tolerance", "--set", "side=high")),
        ("time_point", ()),
        ("slope", ("--set", "limits=z")),
        ("q1e", ("--set", "accept_high=0.3", "--set", "proposed=24")),
        ("random_coefficients", ()),
        ("rules", ()),
        ("ewma", ("--set", 'ewma={"weight": 0.2, "limit": 2.8}')),
        ("cusum", ()),
        ("t2_q", ("--column", "imp2")),
        ("lots", ("--set", 'by=[["lot"]]', "--set", "coverage=0.9")),
    ],
)
def test_every_method_makes_its_outcome_again_byte_for_byte(
    method: str, more: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out, twice = data(tmp_path), tmp_path / "outcome.json", tmp_path / "again.json"
    text = source.read_text().splitlines()
    rng = np.random.default_rng(4)
    rows = [f"{line},{rng.normal(1.0, 0.1):.3f}" for line in text[1:]]
    source.write_text("\n".join([f"{text[0]},imp2", *rows]) + "\n")
    words = ("oot", "check", source, "--method", method, "--column", "imp", *more, "--out", out)
    assert run(capsys, *words, "--html", tmp_path / "page.html")[0] in {0, 1}
    code, found, said = run(capsys, "oot", "again", out, "--data", source, "--out", twice)
    assert (code, found["identical"]) == (0, True)
    assert "byte for byte the same" in said
    assert twice.read_bytes() == out.read_bytes()
    page = (tmp_path / "page.html").read_text()
    assert getpass.getuser() in page
    assert "SHA-256 of the file" in page


def changed(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def test_an_outcome_that_was_changed_is_found_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "outcome.json"
    run(capsys, "oot", "check", data(tmp_path, odd=0.08), "--method", "regression", "--column", "imp", "--out", out)
    changed(out, "is out of trend", "is in trend")
    code, found, said = run(capsys, "oot", "again", out)
    assert (code, found["identical"]) == (1, False)
    assert "it was changed after it was made" in said
    assert "said: stored" in said


def test_an_outcome_of_another_version_of_its_method_is_not_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "outcome.json"
    run(capsys, "oot", "check", data(tmp_path), "--method", "slope", "--column", "imp", "--out", out)
    changed(out, '"version": "1"', '"version": "7"')
    code, _, said = run(capsys, "oot", "again", out)
    assert code == 2
    assert "found version '7' of method slope, known is 1" in said


def test_another_file_than_it_was_made_of_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = data(tmp_path), tmp_path / "outcome.json"
    run(capsys, "oot", "check", source, "--method", "slope", "--column", "imp", "--out", out)
    data(tmp_path, odd=0.01)
    code, _, said = run(capsys, "oot", "again", out, "--data", source)
    assert code == 1
    assert "but the outcome was made of" in said


@pytest.mark.parametrize(
    ("more", "words", "said"),
    [
        (["B6,0,oops,3"], (), "stability.csv:44: imp: found 'oops', expected a number"),
        (["B6,0,-0.1,3"], (), "stability.csv:44: imp: found the negative result -0.1"),
        (["B6,0,inf,3"], (), "expected a finite number"),
        ([",0,0.1,3"], (), "stability.csv:44: batch: found nothing"),
        ([], ("--column", "nothing"), "found no column nothing"),
        ([], ("--tested", "B99"), "found no results of batch B99"),
        ([], ("--set", "limits=wide"), "limits: input should be"),
        ([], ("--set", "limits"), "--set: found 'limits', wanted KEY=VALUE"),
        ([], ("--set", "nonsense=1"), "nonsense"),
    ],
)
def test_bad_input_is_refused_in_one_sentence_with_its_place(
    more: list[str], words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, told = run(
        capsys, "oot", "check", data(tmp_path, more=more), "--method", "slope", "--column", "imp", *words
    )
    assert code == 2
    assert said in told.lower() or said in told


def test_results_in_another_unit_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mixed.csv"
    path.write_text("batch,age,imp,unit\nA,0,0.1,%\nA,3,1200,[ppm]\n")
    code, _, said = run(capsys, "oot", "check", path, "--method", "slope", "--column", "imp")
    assert code == 2
    assert "mixed.csv:3: unit: found [ppm], expected %" in said


def test_results_that_stand_twice_or_out_of_order_are_told_and_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = data(tmp_path, more=["B5,24,0.22,2", "B5,6,0.13,2"])
    code, found, said = run(capsys, "oot", "check", source, "--method", "regression", "--column", "imp")
    assert code in {0, 1}
    assert "stability.csv:44: batch B5 has a result at that age in line 43 already; both count" in said
    assert "stability.csv:45: batch B5 at 6 stands behind 24; results are taken by age" in said
    assert len(found["doubts"]) == 3  # type: ignore[arg-type]


def test_results_below_the_limit_of_quantification_are_written_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = data(tmp_path, more=["B6,0,<0.05,3", "B6,3,<0.05,3", "B6,6,0.13,3"])
    _, found, said = run(capsys, "oot", "check", source, "--method", "regression", "--column", "imp")
    assert "2 results are below the limit of quantification and count as the limit" in said
    assert found["held"][0]["value"] == 0.05  # type: ignore[index]


def test_what_is_out_of_trend_is_told_with_the_limit_it_is_beyond(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["oot", "check", str(data(tmp_path, odd=0.2)), "--method", "regression", "--column", "imp"]
    assert status(words) == 1
    assert "batch B5 at age 24: result 0.413, above 0.245" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("foo=1", "--set: found foo, wanted one of method, "),
        ('ewma={"wait": 1}', "found ewma.wait, wanted one of weight, limit"),
    ],
)
def test_a_setting_that_is_not_there_is_refused_with_those_that_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], said: str, told: str
) -> None:
    words = ["oot", "check", str(data(tmp_path)), "--method", "ewma", "--column", "imp", "--set", said]
    assert status(words) == 2
    assert told in capsys.readouterr().err
