"""Transfer functions from tests, in open and closed loop: found within their own confidence, pasted into a policy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from linear_plant import COLUMN, Lags

from controller.cli import app
from controller.models.identify_tf import identify
from controller.models.trial import Row, Trial
from policies import TransferFunction, parse

ROWS = 400


def binary(rng: np.random.Generator, hold: int) -> np.ndarray:
    values = np.repeat(rng.choice([-0.1, 0.1], ROWS // hold + 1), hold)[:ROWS]
    values[:5] = 0.0
    return values


def column(seed: int, *, closed: bool = False) -> Trial:
    """Return a test on the column with noise that drifts; in closed loop only targets are moved."""
    rng, plant = np.random.default_rng(seed), Lags({k: v for k, v in COLUMN.items() if k[1] != "F"})
    moves = {"R": binary(rng, 13), "S": binary(rng, 17)}
    inputs: dict[str, list[float]] = {"R": [], "S": []}
    outputs: dict[str, list[float]] = {"xD": [], "xB": []}
    sums = {"R": 0.0, "S": 0.0}
    drift = np.cumsum(rng.normal(0.0, 0.005, (ROWS, 2)), axis=0)
    for k in range(ROWS):
        seen = plant.shown()
        seen = {n: v + drift[k, i] + rng.normal(0.0, 0.02) for i, (n, v) in enumerate(seen.items())}
        if closed:
            for name, row, gain in (("R", "xD", 0.15), ("S", "xB", -0.06)):
                off = 8.0 * moves[name][k] - seen[row]
                sums[name] += gain * off / 10.0
                moves[name][k] = gain * off + sums[name]
        for name, value in seen.items():
            outputs[name].append(value)
        now = {name: float(values[k]) for name, values in moves.items()}
        for name, value in now.items():
            inputs[name].append(value)
        plant.step(now, 1.0)
    arrays = ({n: np.array(v) for n, v in kind.items()} for kind in (inputs, outputs))
    return Trial(1.0, *arrays)


def deviations(rows: dict[str, Row]) -> list[float]:
    """Return by how many halves of its interval each number is off."""
    found = list[float]()
    for (y, u), (gain, lag, dead) in COLUMN.items():
        if u != "F":
            answer = rows[y].answers[u]
            (only,) = answer.lags
            known = ((answer.gain, gain), (answer.dead_time, dead), (only, lag))
            found += [abs(number.value - truth) / number.half for number, truth in known]
    return found


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_the_column_is_found_within_the_confidence_that_is_given(closed: bool) -> None:  # noqa: FBT001
    off = [d for seed in (1, 2) for d in deviations(identify(column(seed, closed=closed)))]
    assert max(off) < 2.5
    assert np.mean(np.array(off) < 1.0) > 0.75


def test_residuals_of_a_good_fit_are_white_and_those_of_a_hidden_disturbance_are_not() -> None:
    good = column(3)
    assert all(row.white > 0.01 and row.r2 > 0.9 for row in identify(good).values())
    wave = 0.5 * np.sin(np.arange(ROWS) / 6.0)
    spoilt = Trial(1.0, good.inputs, {n: v + wave for n, v in good.outputs.items()})
    assert all(row.white < 0.001 for row in identify(spoilt).values())


def test_a_level_is_found_to_integrate() -> None:
    rng = np.random.default_rng(4)
    u = binary(rng, 20)
    level = np.concatenate([np.zeros(3), np.cumsum(0.05 * u)])[:ROWS] + rng.normal(0.0, 0.005, ROWS)
    answer = identify(Trial(1.0, {"u": u}, {"y": level}))["y"].answers["u"]
    assert answer.integrating
    assert answer.gain.value == pytest.approx(0.05, abs=0.002)
    assert answer.dead_time.value == pytest.approx(2.0, abs=0.5)


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_a_record_that_begins_in_the_middle_of_moves_is_explained_as_well(closed: bool) -> None:  # noqa: FBT001
    parts = [column(seed, closed=closed).part(slice(140, None)) for seed in (1, 2, 3)]
    rows = [identify(part) for part in parts]
    off = [d for row in rows for d in deviations(row)]
    assert max(off) < 3.0
    assert np.mean(np.array(off) < 1.0) > 0.7
    assert all(one.r2 > 0.9 for row in rows for one in row.values())
    begun = [np.isnan(one.residuals[0]) for row in rows for one in row.values()]
    assert any(begun)  # what came before reaches the first rows through dead times


def test_a_record_that_begins_at_rest_is_compared_from_its_first_row_on() -> None:
    assert all(np.isfinite(row.residuals).all() for row in identify(column(2)).values())


def test_a_level_that_was_rising_before_the_record_is_found_to_integrate() -> None:
    rng = np.random.default_rng(4)
    u = binary(rng, 20)
    level = np.concatenate([np.zeros(3), np.cumsum(0.05 * u)])[:ROWS] + rng.normal(0.0, 0.005, ROWS)
    answer = identify(Trial(1.0, {"u": u[130:]}, {"y": level[130:]}))["y"].answers["u"]
    assert answer.integrating
    assert answer.gain.value == pytest.approx(0.05, abs=0.002)
    assert answer.dead_time.value == pytest.approx(2.0, abs=0.5)


def test_an_input_without_effect_is_left_out() -> None:
    trial = column(5)
    idle = binary(np.random.default_rng(6), 11)
    rows = identify(Trial(1.0, dict(trial.inputs) | {"idle": idle}, trial.outputs))
    assert all(set(row.answers) == {"R", "S"} for row in rows.values())


def test_rows_without_a_measurement_are_no_hindrance() -> None:
    trial = column(7)
    gappy = {name: np.where(np.arange(ROWS) % 7 == 3, np.nan, values) for name, values in trial.outputs.items()}
    assert max(deviations(identify(Trial(1.0, trial.inputs, gappy)))) < 3.0


def written(trial: Trial, path: Path) -> Path:
    names = [*(f"PV.{n}" for n in trial.outputs), *(f"MV.{n}" for n in trial.inputs)]
    table = np.column_stack([np.arange(ROWS), *trial.outputs.values(), *trial.inputs.values()])
    lines = [",".join(["time", *names]), *(",".join(f"{x:.6g}" for x in row) for row in table)]
    path.write_text("\n".join(lines))
    return path


TAGS = """policy: 1
line: X
revision: "1"
period: 20s
connections:
  plant: {protocol: modbus, host: h, handshake: {heartbeat: BEAT}}
tags:
  PV.xD: {unit: "1", range: [-10, 10], connection: plant, address: "input:0", type: float32}
  PV.xB: {unit: "1", range: [-10, 10], connection: plant, address: "input:2", type: float32}
  MV.R: {unit: "1", range: [-10, 10], connection: plant, address: "holding:0", access: write, read_back: MV.R}
  MV.S: {unit: "1", range: [-10, 10], connection: plant, address: "holding:4", access: write, read_back: MV.S}
  BEAT: {unit: "1", range: [0, 65535], connection: plant, address: "holding:8", access: write, read_back: BEAT}
"""


def test_what_is_identified_pastes_into_a_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = written(column(1), tmp_path / "test.csv"), tmp_path / "model.yaml"
    assert app.status(["identify", str(data), "--out", str(out), "--json", "-"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result["fit"]) == ["PV.xD", "PV.xB"]
    assert all(fit["r2"] > 0.9 and fit["rmse"] < 0.2 for fit in result["fit"].values())
    assert all(test["r2"] > 0.9 for test in result["test"].values())
    policy = parse((TAGS + out.read_text()).encode(), "p.yaml", {})
    loop = policy.loops["identified"]
    assert isinstance(loop, TransferFunction)
    assert loop.matrix["xd"]["r"].gain == pytest.approx(12.8, abs=0.5)
    assert result["advice"]["worst"]["peak"] < 2.0
    assert loop.move_weight == result["advice"]["move_weight"]
    assert "plotly" in (tmp_path / "model.html").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,PV.y,MV.u\n0,1,a\n", "found 'a' in column 3, expected a number or nothing"),
        ("time,PV.y\n0,1\n1,2\n", "expected --input with one of time, PV.y"),
        ("time,PV.y,MV.u\n0,1,1\n0,2,2\n", "found times that do not grow from row to row"),
        ("time,PV.y,MV.u\n" + "".join(f"{i},{i},1\n" for i in range(40)), "found an input that never moves"),
        ("time,PV.y,MV.u\n0,1,1\n1,2,2\n", "found 2 rows, expected at least 30"),
    ],
)
def test_a_table_that_will_not_do_is_refused_in_one_sentence(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.csv"
    data.write_text(text)
    assert app.status(["identify", str(data), "--out", str(tmp_path / "m.yaml")]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
