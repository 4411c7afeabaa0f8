"""`steadyline soft-sensor`: fitted and checked in the order of time, with a card, or one clear sentence."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hybrids import TAGS, UNITS, goal, model, runs, samples

from controller.cli.app import status
from controller.cli.soft_options import show_figures
from controller.soft import hybrid_model
from controller.soft.hybrid_judge import forward
from controller.soft.hybrid_model import Figures

Rows = list[list[str]]


def rows(n: int = 14, seed: int = 5) -> Rows:
    """Return a table of runs of line B, one each half hour."""
    found = runs(n, seed)
    head = ["time", *(f"{key} [{unit}]" for key, unit in UNITS.items()), "result [%]"]
    table = [
        [str(30 * i), *(repr(float(found.tags[TAGS[key]][i])) for key in UNITS), repr(float(found.labels["lod"][i]))]
        for i in range(n)
    ]
    return [head, *table]


def written(path: Path, table: Rows) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(table)
    return str(path)


def column(table: Rows, name: str) -> int:
    return next(i for i, head in enumerate(table[0]) if head.startswith(name))


def fit(folder: Path, table: Rows, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str, str]:
    data, out = written(folder / "runs.csv", table), str(folder / "lod.soft.json")
    code = status(["soft-sensor", "fit", data, "--out", out, "--json", "-", *more])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_a_fit_writes_a_model_with_its_card_and_says_what_it_is_worth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = fit(tmp_path, rows(10), capsys, "--label-sd", "0.1", "--delay", "15m", "--card", "approver=N.N.")
    found, file = json.loads(out), tmp_path / "lod.soft.json"
    fitted = hybrid_model.read(file.read_bytes(), file.name)
    assert code == 0
    assert {"rmsep", "bias", "coverage", "n"} <= set(found)
    assert set(found["baselines"]) == {"core_alone", "learner_on_core_inputs", "learner_on_all_inputs"}
    assert found["rmsep"] < 0.4
    assert (fitted.core, fitted.card.n, fitted.card.approver) == ("two_zone", 10, "N.N.")
    assert fitted.card.label_delay_s == 900.0
    assert 0.8 < fitted.parameters["air"].value < 1.2
    assert "<title>Soft sensor result</title>" in (tmp_path / "lod.soft.html").read_text()


def test_a_check_compares_model_core_and_challenger_on_the_same_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, file = written(tmp_path / "later.csv", rows(40, 8)), tmp_path / "m.soft.json"
    file.write_text(model().model_dump_json(by_alias=True))
    asked = ["soft-sensor", "check", str(file), data, "--json", "-"]
    code = status([*asked, "--challenger", str(file), "--plot", str(tmp_path / "p.html")])
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert found["n"] == 40
    assert found["rmsep"] < 0.3
    assert 0.75 <= found["coverage"] <= 1.0
    assert found["compared"]["challenger, model"]["rmsep"] == found["rmsep"]
    assert set(found["compared"]) >= {"model", "model_with_bias", "core_alone"}
    assert (tmp_path / "p.html").exists()
    assert status([*asked, "--at-most", "0.01"]) == 1


def _put(table: Rows, name: str, values: Callable[[str], str], only: int | None = None) -> Rows:
    place = column(table, name)
    for i, row in enumerate(table[1:], 1):
        row[place] = values(row[place]) if only in {None, i} else row[place]
    return table


def _renamed(table: Rows, name: str, head: str) -> Rows:
    table[0][column(table, name)] = head
    return table


def _without(table: Rows, name: str) -> Rows:
    place = column(table, name)
    return [row[:place] + row[place + 1 :] for row in table]


def _early(table: Rows) -> Rows:
    return [[*table[0], "taken"], *([*row, str(float(row[0]) - 60.0)] for row in table[1:])]


MISTAKES: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "hole": (lambda t: _put(t, "inlet", lambda _: "", 4), "runs.csv: found no number for inlet in 1 of "),
    "word": (lambda t: _put(t, "inlet", lambda _: "warm", 4), ":5: found 'warm' in column 5, expected a number"),
    "not a number": (lambda t: _put(t, "inlet", lambda _: "nan", 4), ":5: found 'nan' in column 5, expected a number"),
    "label that is none": (lambda t: _put(t, "result", lambda _: "inf", 4), ":5: found 'inf' in column 10, expected a"),
    "missing channel": (lambda t: _without(t, "inlet"), "runs.csv: found no inlet among the inputs, expected every"),
    "other kind of unit": (lambda t: _renamed(t, "inlet", "inlet [kg]"), "found inlet in kg, expected Cel or a unit"),
    "kelvin unsaid": (
        lambda t: _renamed(_put(t, "inlet", lambda v: str(float(v) + 273.15)), "inlet", "inlet"),
        "expected Cel between 20 and 110; is the column in another unit?",
    ),
    "label in another unit": (
        lambda t: _put(t, "result", lambda v: str(float(v) / 100.0)),
        "by the core; is the column in another unit?",
    ),
    "label of another kind": (
        lambda t: _renamed(t, "result", "result [kg]"),
        "found result in kg, expected % or a unit",
    ),
    "constant label": (lambda t: _put(t, "result", lambda _: "2.0"), "found the label at 2 in every sample"),
    "no results": (lambda t: _without(t, "result"), "found no column of results"),
    "too few": (lambda t: t[:7], "found 6 labelled samples, expected at least 8"),
    "constant": (
        lambda t: _put(t, "inlet", lambda _: "53.0"),
        "found inlet at 53 in every sample, expected that it changes; `--leave inlet` does",
    ),
    "twice": (lambda t: [*t[:6], ["150", *t[5][1:]], *t[6:]], "found sample 6 the same as sample 5"),
    "twice, later": (
        lambda t: [*t, ["420", *t[3][1:]]],
        "found sample 15 the same as sample 3, expected every batch once",
    ),
    "known before": (
        lambda t: [[*t[0], "known"], *([*row, str(float(row[0]) - 10.0)] for row in t[1:])],
        "found a label known before its sample 1 was taken",
    ),
    "backwards": (lambda t: [t[0], *reversed(t[1:])], "expected rising times"),
    "labels older than the data": (_early, "older than the first row of the data"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_what_cannot_be_learnt_from_is_one_sentence_and_leaves_no_model(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, says = MISTAKES[kind]
    table = spoil(rows())
    code, out, err = fit(tmp_path, table, capsys, "--core", "two_zone")
    assert code == 2
    assert says in err
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "lod.soft.json").exists()


REFUSED = ("not a number", "label that is none", "missing channel", "other kind of unit", "twice", "known before")


@pytest.mark.parametrize("kind", [*REFUSED, "label in another unit", "labels older than the data"])
def test_what_a_model_cannot_be_held_against_is_one_sentence(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, file = written(tmp_path / "later.csv", MISTAKES[kind][0](rows())), tmp_path / "m.soft.json"
    file.write_text(model().model_dump_json(by_alias=True))
    code = status(["soft-sensor", "check", str(file), data, "--json", "-"])
    shown = capsys.readouterr()
    assert (code, shown.out) == (2, "")
    assert len(shown.err.strip().splitlines()) == 1


def test_a_file_that_is_no_text_is_refused_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "runs.csv").write_bytes(bytes(range(256)))
    assert status(["soft-sensor", "fit", str(tmp_path / "runs.csv"), "--out", str(tmp_path / "x.json")]) == 2
    assert "runs.csv: found bytes that are no text, expected a CSV file in UTF-8" in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()


def test_figures_are_shown_with_their_unit_whatever_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show_figures({"model": Figures(rmsep=1.0, bias=0.5, coverage=0.9, n=3)}, "um")
    assert "RMSEP [um]" in capsys.readouterr().err


def test_kelvin_that_is_said_is_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, file = rows(20, 8), tmp_path / "m.soft.json"
    place = column(table, "inlet")
    table[0][place] = "inlet [K]"
    for row in table[1:]:
        row[place] = str(float(row[place]) + 273.15)
    file.write_text(model().model_dump_json(by_alias=True))
    found = list[float]()
    for name, each in (("kelvin", table), ("celsius", rows(20, 8))):
        data = written(tmp_path / f"{name}.csv", each)
        assert status(["soft-sensor", "check", str(file), data, "--json", "-"]) == 0
        found.append(json.loads(capsys.readouterr().out)["rmsep"])
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_a_record_is_aligned_by_the_residence_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "m.soft.json"
    file.write_text(model().model_dump_json(by_alias=True))
    steady, found = rows(12, 8), list[dict[str, float]]()
    table = [[*steady[0], "taken"]]
    for i, row in enumerate(steady[1:]):
        for minute in range(0, 60, 2):
            shown = row[-1] if minute == 58 else ""
            table.append([str(60 * i + minute), *row[1:-1], shown, str(60 * i + minute - 15)])
    data = written(tmp_path / "record.csv", table)
    assert status(["soft-sensor", "check", str(file), data, "--json", "-"]) == 0
    found.append(json.loads(capsys.readouterr().out))
    assert status(["soft-sensor", "check", str(file), written(tmp_path / "runs.csv", steady), "--json", "-"]) == 0
    found.append(json.loads(capsys.readouterr().out))
    assert found[0]["n"] == found[1]["n"] == 12
    assert found[0]["rmsep"] == pytest.approx(found[1]["rmsep"], abs=0.05)


def test_the_cores_are_listed_with_their_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["soft-sensor", "cores", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["cores"]
    assert set(found) >= {"two_zone", "per_cell", "power_law", "feeders", "coil", "bed"}
    assert all(one["unit"] and one["parameters"] for one in found.values())


def test_a_model_that_is_none_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "m.json"
    file.write_text('{"schema": "steadyline.soft/1"}')
    assert status(["soft-sensor", "check", str(file), written(tmp_path / "d.csv", rows())]) == 2
    assert "is no hybrid soft sensor: form: Field required" in capsys.readouterr().err


def test_labels_that_are_known_later_are_not_learnt_from_earlier() -> None:
    prompt, late = (forward(goal(), samples(16, 5, delay)) for delay in (0.0, 3600.0))
    assert len(late.rows) < len(prompt.rows)
    assert int(late.rows.min()) > int(prompt.rows.min())
    assert np.isfinite(late.low).all()


def test_times_are_converted_by_the_unit_behind_their_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = rows(10)
    timed = [["time [h]", *table[0][1:]], *([str(float(row[0]) / 60.0), *row[1:]] for row in table[1:])]
    hashes = {json.loads(fit(tmp_path, one, capsys)[1])["data_sha256"] for one in (table, timed)}
    assert len(hashes) == 1
    code, _, said = fit(tmp_path, [["time [kg]", *table[0][1:]], *table[1:]], capsys)
    assert code == 2
    assert "found time in kg, expected s" in said


def test_a_check_on_what_the_model_was_fitted_to_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(tmp_path, rows(10), capsys)
    model_, data = tmp_path / "lod.soft.json", tmp_path / "runs.csv"
    status(["soft-sensor", "check", str(model_), str(data)])
    assert "was fitted to these samples" in capsys.readouterr().err
    status(["soft-sensor", "check", str(model_), written(data, rows(12, seed=6))])
    assert "was fitted to these samples" not in capsys.readouterr().err
