"""The NIR calibration: fitted in time order, judged on later samples, exported as plain numbers."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression

from controller.soft.fit import Origin, Spectra, calibrate
from controller.soft.pls import Calibration, Pls, read
from controller.soft.spectra import snv
from hil import calibration
from hil.plants import nir
from policies import load, shipped

SHIPPED = read(load(shipped("a")).files["nir_pls.json"], "nir_pls.json")


@pytest.fixture(scope="module")
def again() -> Calibration:
    return calibration.calibration(21)


def drawn(n: int, seed: int) -> Spectra:
    rng = np.random.default_rng(seed)
    api, water = rng.uniform(8.0, 12.0, n), rng.uniform(2.0, 4.5, n)
    blends = [{"API": a, "LUB": 1.0, "WATER": w, "EXC": 99.0 - a - w} for a, w in zip(api, water, strict=True)]
    return Spectra(np.array([nir.spectrum(b, rng, scans=2) for b in blends]), np.column_stack([api, water]))


def test_the_shipped_calibration_is_what_the_script_makes(again: Calibration) -> None:
    asked = {"source", "seed", "scans", "samples", "withheld", "ranges"}
    assert again.card.model_dump(include=asked) == SHIPPED.card.model_dump(include=asked)
    assert np.array(again.coef) == pytest.approx(np.array(SHIPPED.coef), rel=1e-6, abs=1e-6)


def test_the_same_seed_draws_the_same_data_and_another_seed_others(again: Calibration) -> None:
    assert again == calibration.calibration(21)
    assert again.card.data_sha256 != calibration.calibration(22).card.data_sha256


def test_the_calibration_predicts_later_samples_well_and_without_bias() -> None:
    api, water = SHIPPED.card.rmsep
    assert (api, water) < (0.15, 0.05)
    assert abs(SHIPPED.card.bias[0]) < 2.0 * api / SHIPPED.card.withheld**0.5


def test_the_number_of_components_is_the_smallest_that_is_nearly_best() -> None:
    chosen, errors = len(SHIPPED.score_sd), SHIPPED.card.rmsecv
    assert errors[chosen - 1] <= 1.02 * min(errors)
    assert all(error > 1.02 * min(errors) for error in errors[: chosen - 1])


def test_the_exported_numbers_predict_as_the_library_does() -> None:
    training, fresh = drawn(60, 1), drawn(200, 2)
    origin = Origin("test", 1, 2, {"API": (8.0, 12.0)})
    made = calibrate(training, drawn(40, 3), nir.WAVELENGTHS_NM, {"API": "%", "WATER": "%"}, origin)
    library = PLSRegression(n_components=len(made.score_sd), scale=False)
    library.fit(snv(training.spectra), training.references)
    ours = np.array([Pls.of(made)(spectrum).results for spectrum in fresh.spectra])
    assert ours == pytest.approx(library.predict(snv(fresh.spectra)), abs=1e-8)


def test_usual_misfit_is_one_and_a_foreign_absorber_stands_out() -> None:
    pls, rng = Pls.of(SHIPPED), np.random.default_rng(5)
    blend = {"API": 10.0, "EXC": 86.0, "LUB": 1.0, "WATER": 3.0}
    plain = np.mean([pls(nir.spectrum(blend, rng, scans=2)).q for _ in range(50)])
    foreign = np.mean([pls(nir.spectrum(blend | {"unknown": 0.5}, rng, scans=2)).q for _ in range(50)])
    assert plain < 1.0
    assert foreign > 5.0 * plain


def test_the_calibration_is_a_file_that_reads_back_equal(again: Calibration, tmp_path: Path) -> None:
    calibration.write(tmp_path)
    assert read((tmp_path / "nir_pls.json").read_bytes(), "nir_pls.json") == again


@pytest.mark.parametrize("name", ["b", "b2"])
def test_the_calibration_of_granules_is_what_the_script_makes_and_predicts_later_samples(name: str) -> None:
    found, made = read(load(shipped(name)).files["nir_pls.json"], "nir_pls.json"), calibration.calibration(21, "b")
    assert np.array(found.coef) == pytest.approx(np.array(made.coef), rel=1e-6, abs=1e-6)
    api, lod = found.card.rmsep
    assert (api, lod) < (0.25, 0.1)
    assert found.results == ("API", "LOD")
