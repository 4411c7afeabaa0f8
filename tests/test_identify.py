import json
from pathlib import Path

import numpy as np
import pytest

from controller.models import LineA, model
from controller.models.identify import Noise, Record, identify
from controller.models.process import Process, read, write
from controller.models.symbolic import Compiled, ahead, vector
from hil import commissioning
from plant_io.signals import Floats
from policies import load, shipped

TRUE = LineA(
    lag_api_s=15.0, lag_exc_s=20.0, tanks=(0.15, 0.15, 0.3, 0.15), nir_delay_s=4.0, excess_api=0.08, excess_exc=0.04
)
NOISE = Noise(flows=(0.03, 0.12), assay=0.05)


def synthetic(seed: int) -> Record:
    """Return a record of the model itself with noise and a feed error of 2 %."""
    rng = np.random.default_rng(seed)
    setpoints = np.repeat([[2.0, 17.8], [2.2, 17.8], [1.8, 18.5], [2.1, 16.5], [2.0, 19.0], [1.8, 17.8]], 600, axis=0)
    x, u, w = vector("x", 13), vector("u", 2), vector("w", 1)
    step = Compiled([x, u, w], [ahead(TRUE, x, u, w, 1.0)])
    at, along = TRUE.steady(setpoints[0], np.array([0.2]), {}), list[Floats]()
    at[2:6], at[8] = 100 * 2.04 / 20.04, 0.02
    blind = np.column_stack([np.arange(len(setpoints)) % period < 20 for period in (700, 450)]).astype(float)
    for given, unseen in zip(setpoints, blind, strict=True):
        at[11:] = unseen * [0.08, 0.04]
        at = step(at, given, np.array([0.2]))[0]
        along.append(at[[0, 1, 5]])
    n = len(setpoints)
    shown = np.array(along) + rng.standard_normal((n, 3)) * [0.03, 0.12, 0.05]
    shown[np.arange(n) % 30 != 0, 2] = np.nan
    return Record(1.0, setpoints, np.full(n, 0.2), shown[:, :2], shown[:, 2], np.full(n, 0.3), blind, np.full(50, 4.0))


@pytest.fixture(scope="module")
def found() -> Process:
    return identify(synthetic(1), NOISE, 1, "synthetic")


def test_parameters_of_a_known_line_are_found_within_their_errors(found: Process) -> None:
    wanted = {"lag_api": 15.0, "lag_exc": 20.0, "tank_1": 0.15, "tank_2": 0.15, "tank_4": 0.15}
    for name, value in wanted.items():
        parameter = found.parameters[name]
        assert abs(parameter.value - value) < 4.0 * parameter.sd
        assert parameter.sd < 0.1 * value
    for name, value in {"excess_api": 0.08, "excess_exc": 0.04}.items():
        assert abs(found.number(name, "1") - value) < 4.0 * found.parameters[name].sd
        assert found.parameters[name].sd < 0.02
    assert found.number("tank_3", "kg") == pytest.approx(0.3)
    assert found.number("nir_delay", "s") == 4.0


def test_the_report_is_of_the_part_that_was_not_fitted(found: Process) -> None:
    assert (found.fitted_s, found.tested_s) == (2400.0, 1200.0)
    assert found.report["api"].samples == 40
    assert found.report["api"].rmse == pytest.approx(0.05, rel=0.4)  # refills are not in the model that is judged
    assert found.report["api"].r2 > 0.9
    assert found.report["exc_flow"].rmse == pytest.approx(0.12, rel=0.1)


def test_a_process_file_reads_back_as_it_was_written(found: Process) -> None:
    assert read(write(found)) == found
    assert model("line_a", write(found)) == LineA.of(found)


def test_the_record_shows_only_what_tags_and_samples_show() -> None:
    seen = commissioning.record(11)
    assert seen.flows.shape == seen.setpoints.shape == (10_800, 2)
    assert np.isfinite(seen.flows).all()
    assert np.isfinite(seen.assays).sum() == 360
    assert (seen.nir_ages == 5.0).all()


def test_the_shipped_parameters_are_what_the_script_identifies() -> None:
    policy = load(shipped("A"))
    told = json.loads(policy.files["process.json"])
    assert told["seed"] == 11
    assert told["report"]["api"]["r2"] > 0.95
    assert told["report"]["api_flow"]["r2"] > 0.9


def test_the_shipped_parameters_can_be_identified_again(tmp_path: Path) -> None:
    commissioning.write(tmp_path, seed=11)
    shipped_parameters = read(load(shipped("A")).files["process.json"]).parameters
    for name, parameter in read((tmp_path / commissioning.FILE).read_bytes()).parameters.items():
        assert parameter.value == pytest.approx(shipped_parameters[name].value, rel=1e-6)
