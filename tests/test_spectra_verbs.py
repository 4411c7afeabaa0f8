"""Spectra at the command line: a calibration fitted, checked and carried over, or one clear sentence and no file."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from test_transfer import CALIBRATION, HERE, blends, spectra

from controller.cli.app import BAD_INPUT, DONE, status
from controller.soft.pls import Pls, read
from controller.soft.transfer import read as read_transfer
from hil.plants import nir
from hil.plants.nir import Optics
from policies import shipped

Table = list[list[str]]
AXIS = [f"{x:.6f}" for x in nir.WAVELENGTHS_NM]
STANDARDS = blends(18, 1)


def cells(row: np.ndarray) -> list[str]:
    return [repr(float(x)) for x in row]


def pairs(*, contents: bool = True) -> Table:
    """Eighteen standards on two instruments, the other with its axis 3 nm off."""
    table = [["sample", "instrument", *(["API", "WATER"] if contents else []), *AXIS]]
    for which, name in ((False, "calibrated"), (True, "other")):
        for i, (blend, seen) in enumerate(
            zip(STANDARDS, spectra(STANDARDS, 3 + which, other=which, scans=32), strict=True)
        ):
            known = [repr(blend["API"]), repr(blend["WATER"])] if contents else []
            table.append([f"S{i}", name, *known, *cells(seen)])
    return table


def labelled(n: int, seed: int, shift: Callable[[int], float] = lambda _: 0.0) -> Table:
    """Blends as the probe of line A sees them, with what they hold; its axis may move on the way."""
    rng, rows = np.random.default_rng(seed), blends(n, seed)
    table = [["time", "API", *AXIS]]
    for i, row in enumerate(rows):
        table.append([str(i), repr(row["API"]), *cells(nir.spectrum(row, rng, 2, Optics(shift=shift(i))))])
    return table


def _each(table: Table, place: int, value: Callable[[str], str]) -> Table:
    return [table[0], *([*row[:place], value(row[place]), *row[place + 1 :]] for row in table[1:])]


def _scaled(table: Table, by: float) -> Table:
    first = len(table[0]) - len(AXIS)
    return [table[0], *([*row[:first], *(str(float(x) * by) for x in row[first:])] for row in table[1:])]


def written(path: Path, table: Table) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(table)
    return str(path)


@pytest.fixture
def model(tmp_path: Path) -> str:
    file = tmp_path / "nir_pls.json"
    file.write_text(CALIBRATION.text())
    return str(file)


def run(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any], str]:
    code = status(["soft-sensor", *words, "--json", "-"])
    shown = capsys.readouterr()
    return code, json.loads(shown.out) if shown.out else {}, shown.err


@pytest.mark.parametrize("contents", [True, False])
def test_a_calibration_is_carried_over_and_judged_on_withheld_pairs(
    *, contents: bool, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out, page = (
        written(tmp_path / "p.csv", pairs(contents=contents)),
        tmp_path / "spare.json",
        tmp_path / "p.html",
    )
    code, found, _ = run("transfer", model, data, "--out", str(out), "--plot", str(page), capsys=capsys)
    assert (code, found["n"], found["method"]) == (DONE, 6, "piecewise")
    assert found["after"]["piecewise"]["error"] < 0.6 * found["before"]["error"]
    assert found["after"]["piecewise"]["q"] < 10.0 < found["after"]["slope_bias"]["q"]
    assert found["axis_nm"] == pytest.approx(3.0, abs=0.6)
    later = blends(60, 2)
    carried = Pls.of(CALIBRATION, read_transfer(out.read_bytes(), "spare.json"))
    misses = [
        [pls(x).results[0] - row["API"] for x, row in zip(spectra(later, 6, other=True), later, strict=True)]
        for pls in (HERE, carried)
    ]
    before, after = (float(np.sqrt(np.mean(np.square(one)))) for one in misses)
    assert after < 0.5 * before
    assert "<title>Calibration carried over</title>" in page.read_text()


def test_a_transfer_that_does_not_help_is_refused_with_its_figures(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pairs(contents=False)
    same = [*table[:19], *([row[0], "other", *again[2:]] for row, again in zip(table[1:19], _again(), strict=True))]
    out = tmp_path / "spare.json"
    code, found, err = run("transfer", model, written(tmp_path / "p.csv", same), "--out", str(out), capsys=capsys)
    assert (code, found) == (BAD_INPUT, {})
    assert "no transfer helps on the 6 withheld pairs: the error is 0." in err
    assert not out.exists()


def _again() -> Table:
    """The same standards once more on the same instrument."""
    seen = spectra(STANDARDS, 9, other=False, scans=32)
    return [["", "", *cells(x)] for x in seen]


def _shifted(table: Table) -> Table:
    return [[*table[0][: -len(AXIS)], *(f"{float(x) + 3.0:.4f}" for x in AXIS)], *table[1:]]


def _put(table: Table, line: int, column: int, text: str) -> Table:
    table[line - 1][column] = text
    return table


SPOILT: dict[str, tuple[Callable[[Table], Table], str]] = {
    "shifted": (_shifted, "nm as in the calibration: interpolate the spectra, or carry the calibration over"),
    "fewer": (lambda t: [row[:-4] for row in t], "found 60 wavelengths, expected the 64 of the calibration"),
    "hole": (lambda t: _put(t, 5, 10, ""), ":5: found no number at "),
    "word": (lambda t: _put(t, 5, 10, "high"), ":5: found 'high' for "),
    "other unit": (
        lambda t: [[*t[0][:4], *(f"{1e7 / float(x):.1f} cm-1" for x in AXIS)], *t[1:]],
        "found wavelengths in cm-1",
    ),
    "alone": (lambda t: t[:-1], "found sample S17 on one instrument only"),
    "twice": (lambda t: [*t, t[1]], "found sample S0 twice on the calibrated instrument"),
    "unnamed": (lambda t: _put(t, 3, 1, "new"), ":3: found the instrument 'new', expected calibrated or other"),
    "few": (lambda t: [*t[:6], *t[19:24]], "found 5 pairs of spectra, expected at least 9"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_what_are_no_pairs_is_one_sentence_and_leaves_no_file(
    kind: str, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, says = SPOILT[kind]
    out = tmp_path / "spare.json"
    data = written(tmp_path / "p.csv", spoil([list(row) for row in pairs()]))
    code, found, err = run("transfer", model, data, "--out", str(out), capsys=capsys)
    assert (code, found) == (BAD_INPUT, {})
    assert says in err
    assert not out.exists()


def test_a_calibration_is_fitted_to_spectra_and_checked_on_later_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "own.json"
    data = written(tmp_path / "early.csv", labelled(90, 4))
    code, found, _ = run("fit", data, "--out", str(out), "--column", "result=API [%]", capsys=capsys)
    assert (code, found["n"]) == (DONE, 30)
    assert found["rmsep"] < 0.25
    assert read(out.read_bytes(), out.name).units == ("%",)
    code, found, _ = run("check", str(out), written(tmp_path / "late.csv", labelled(40, 5)), capsys=capsys)
    assert (code, found["n"]) == (DONE, 40)
    assert found["rmsep"] < 0.25
    assert found["q"] < 3.0


def test_spectra_whose_axis_moved_are_neither_learnt_from_nor_checked_against(
    tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "own.json"
    moved = written(tmp_path / "moved.csv", labelled(90, 4, lambda i: 2.0 if i >= 60 else 0.0))
    code, _, err = run("fit", moved, "--out", str(out), "--column", "result=API [%]", capsys=capsys)
    assert code == BAD_INPUT
    assert "the wavelengths of 30 spectra are shifted by +" in err
    assert not out.exists()
    later = written(tmp_path / "later.csv", labelled(40, 5, lambda _: 2.0))
    code, _, err = run("check", model, later, capsys=capsys)
    assert code == BAD_INPUT
    assert "the wavelengths of 40 spectra are shifted by +" in err


def test_a_spectrum_twice_too_few_of_them_and_contents_that_are_not_there_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, out = labelled(40, 4), str(tmp_path / "own.json")
    flat = [whole[0], *([row[0], "10.0", *row[2:]] for row in whole[1:])]
    cases: list[tuple[Table, str, str]] = [
        ([*whole, whole[3]], "result=API [%]", "found the spectrum of line 4 again"),
        (whole[:20], "result=API [%]", "found 19 spectra, expected at least 36"),
        (whole, "result=LUB [%]", "found no column 'LUB'"),
        (flat, "result=API [%]", "d.csv: reference 1 is the same in every training sample"),
        (_each(whole, 9, lambda _: "0.5"), "result=API [%]", "nm at 0.5 in every spectrum, expected that it changes"),
        (_scaled(whole, 1000.0), "result=API [%]", "expected at most 10; are they in another unit?"),
        (_put([list(row) for row in whole], 6, 1, ""), "result=API [%]", "has a value that is not a number"),
    ]
    for table, column, says in cases:
        code, _, err = run("fit", written(tmp_path / "d.csv", table), "--out", out, "--column", column, capsys=capsys)
        assert code == BAD_INPUT
        assert says in err
        assert not Path(out).exists()


@pytest.mark.parametrize("line", ["a", "b", "b2"])
def test_a_probe_whose_wavelengths_are_not_those_of_its_calibration_is_refused_with_the_policy(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(copytree(shipped(line).parent, tmp_path / line))
    file = folder / f"line_{line}.yaml"
    assert status(["validate", str(file)]) == DONE
    text = file.read_text()
    assert text.count("wavelengths: [1100, 2100]") == 1
    file.write_text(text.replace("wavelengths: [1100, 2100]", "wavelengths: [1103, 2103]"))
    capsys.readouterr()
    assert status(["validate", str(file)]) == BAD_INPUT
    assert "NIR.SPECTRUM: the wavelength of channel 1 is 1103 nm" in capsys.readouterr().err
