"""Figures that tell how well a loop does, from its record."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from kept import Kept

from controller.cli.app import status
from controller.performance import at_end, mismatch, missed, oscillation
from controller.records.apc import Apc, figures
from controller.records.performed import performed

RNG = np.random.default_rng(3)


def test_a_swing_in_noise_is_found_with_its_period() -> None:
    swing = np.sin(2.0 * np.pi * np.arange(800) / 50.0) + RNG.normal(0.0, 0.5, 800)
    found = oscillation(swing, 10.0)
    assert found.regular
    assert found.period_s == pytest.approx(500.0, rel=0.05)


def test_noise_does_not_swing() -> None:
    assert not oscillation(RNG.normal(0.0, 1.0, 800), 10.0).regular


def test_a_slow_drift_does_not_swing() -> None:
    assert not oscillation(np.cumsum(RNG.normal(0.0, 1.0, 800)), 10.0).regular


def test_innovations_as_large_as_expected_have_a_ratio_of_one() -> None:
    found = mismatch(RNG.normal(0.0, 0.2, 2000), np.full(2000, 0.2))
    assert found.ratio == pytest.approx(1.0, abs=0.1)
    assert found.white > 0.001
    assert abs(found.correlated) < 0.1


def test_innovations_that_follow_each_other_are_not_white() -> None:
    noise = RNG.normal(0.0, 0.2, 2001)
    found = mismatch(noise[1:] + 0.8 * noise[:-1], np.full(2000, 0.2))
    assert found.white < 1e-6
    assert found.ratio == pytest.approx(1.64, rel=0.1)


def test_readings_that_never_came_are_not_counted() -> None:
    came = np.where(np.arange(100) % 2, np.nan, 0.1)
    assert mismatch(came, np.full(100, 0.1)).count == 50


def test_a_prediction_is_compared_with_that_nothing_changes() -> None:
    came, foretold, began = np.array([2.0, 3.0]), np.array([1.5, 2.5]), np.array([1.0, 1.0])
    found = missed(5, came, foretold, began)
    assert (found.bias, found.rmse) == (0.5, 0.5)
    assert found.unchanged == pytest.approx(2.5**0.5)


def test_an_input_near_a_limit_is_at_it() -> None:
    values = np.array([[0.0005], [0.5], [1.0]])
    assert at_end(values, np.zeros(1), np.ones(1), np.array([1e-3])).ravel().tolist() == [True, False, True]


def led(directory: Path, gain: float = 1.0, **more: float) -> Apc:
    """Return the figures of a column whose gains are not quite the model's, with noise and two changes of target."""
    kept = Kept(directory).auto()
    kept.plant.noise = 0.01
    kept.plant.plant.table = {pair: (gain * k, lag, dead) for pair, (k, lag, dead) in kept.plant.plant.table.items()}
    kept.samples(30)
    kept.plant.targets |= more or {"xD": 0.5, "xB": -0.3}
    kept.samples(90)
    return figures(performed(directory)["column"])


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Apc]:
    directory = tmp_path_factory.mktemp("right")
    return directory, led(directory)


def test_a_right_model_foretells_many_samples_ahead(right: tuple[Path, Apc]) -> None:
    for held in right[1].held.values():
        assert held.against == "measured"
        assert [one.ahead for one in held.missed] == [1, 5, 10, 20, 40]
        assert all(one.count > 20 for one in held.missed)
        assert held.missed[0].rmse < 0.03
        assert held.missed[-1].rmse < 0.5 * held.missed[-1].unchanged


def test_a_wrong_gain_is_seen_in_predictions_and_innovations(right: tuple[Path, Apc], tmp_path: Path) -> None:
    wrong = led(tmp_path, gain=0.6)
    for name, held in wrong.held.items():
        assert held.missed[2].rmse > 1.5 * right[1].held[name].missed[2].rmse
    assert max(m.ratio for _, m in wrong.mismatch.values()) > 1.5 * max(m.ratio for _, m in right[1].mismatch.values())


def test_service_solutions_and_moves_are_counted(right: tuple[Path, Apc]) -> None:
    one = right[1]
    assert one.cycles == 121 * 3
    assert one.phases["active"] == one.service > 0.95
    assert one.solves == {"solved": 121}
    assert one.moves["confirmed"] > 50
    assert one.worked["r"].total > 0.05


def test_an_input_that_is_held_by_its_limit_is_told(tmp_path: Path) -> None:
    one = led(tmp_path, xD=9.0, xB=-9.0)
    assert max(worked.at_limit for worked in one.worked.values()) > 0.5
    assert max(worked.at_end for worked in one.worked.values()) > 0.5


def test_the_report_is_a_page_and_json(right: tuple[Path, Apc], tmp_path: Path) -> None:
    told, page = tmp_path / "apc.json", tmp_path / "apc.html"
    assert status(["report", "apc", str(right[0]), "--out", str(page), "--json", str(told)]) == 0
    found = json.loads(told.read_text())["loops"]["column"]
    assert found["service"] > 0.95
    assert {"held", "worked", "mismatch", "solves", "moves", "phases", "doubts"} <= found.keys()
    shown = page.read_text()
    assert "What these figures cannot say" in shown
    assert shown.count("plotly-graph-div") == 2


def test_a_folder_without_a_record_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert status(["report", "apc", str(tmp_path)]) == 2
    assert "there is no record here" in capfd.readouterr().err
