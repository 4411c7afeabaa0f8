"""Pretreatments of spectra do what their names say, and stand in the calibration file."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.signal import detrend as scipy_detrend
from scipy.signal import savgol_filter
from test_calibration import drawn

from controller.soft.fit import Origin, Spectra, calibrate
from controller.soft.pls import Calibration, Pls, read
from controller.soft.spectra import Detrend, Msc, SavitzkyGolay, Snv, Step, Treatment, fitted, snv
from hil.plants import nir

RNG = np.random.default_rng(31)
SPECTRA = drawn(30, 4).spectra
RANGES = {"API": (8.0, 12.0), "WATER": (2.0, 4.5)}
UNITS = {"API": "%", "WATER": "%"}


def treated(*steps: Step, spectra: np.ndarray = SPECTRA) -> np.ndarray:
    return Treatment.of(fitted(steps, spectra), spectra.shape[-1])(spectra)


@pytest.mark.parametrize(("window", "order", "derivative"), [(5, 2, 0), (7, 3, 1), (11, 2, 2), (9, 4, 3)])
def test_savitzky_golay_is_that_of_scipy_up_to_the_ends(window: int, order: int, derivative: int) -> None:
    found = treated(SavitzkyGolay(window=window, order=order, derivative=derivative))
    assert found == pytest.approx(savgol_filter(SPECTRA, window, order, derivative), abs=1e-9)


def test_detrend_takes_a_polynomial_out() -> None:
    assert treated(Detrend(order=1)) == pytest.approx(scipy_detrend(SPECTRA), abs=1e-10)
    curved = SPECTRA + 0.3 * np.linspace(-1.0, 1.0, 64) ** 2
    assert treated(Detrend(), spectra=curved) == pytest.approx(treated(Detrend()), abs=1e-10)


@pytest.mark.parametrize("step", [Snv(), Msc()])
def test_scatter_correction_takes_gain_and_offset_out(step: Step) -> None:
    fixed = fitted([step], SPECTRA)
    treat = Treatment.of(fixed, 64)
    gains, offsets = RNG.uniform(0.8, 1.2, (30, 1)), RNG.normal(0.0, 0.1, (30, 1))
    assert treat(gains * SPECTRA + offsets) == pytest.approx(treat(SPECTRA), abs=1e-12)


def test_msc_leaves_its_reference_as_it_is() -> None:
    treat = Treatment.of(fitted([Msc()], SPECTRA), 64)
    assert treat(SPECTRA.mean(axis=0)) == pytest.approx(SPECTRA.mean(axis=0), abs=1e-12)


def test_one_spectrum_is_treated_as_among_others() -> None:
    treat = Treatment.of(fitted([Msc(), SavitzkyGolay(window=7), Detrend(), Snv()], SPECTRA), 64)
    assert treat(SPECTRA[3]) == pytest.approx(treat(SPECTRA)[3], abs=1e-12)


WAYS: list[tuple[Step, ...]] = [
    (Snv(), SavitzkyGolay(window=5, order=2, derivative=1)),
    (Msc(),),
    (Detrend(), Snv()),
    (Snv(), Detrend()),
]


def made(steps: tuple[Step, ...]) -> Calibration:
    origin = Origin("test", 1, 2, RANGES, steps)
    return calibrate(drawn(60, 1), drawn(40, 3), nir.WAVELENGTHS_NM, UNITS, origin)


@pytest.mark.parametrize("steps", WAYS)
def test_a_calibration_with_its_pretreatment_predicts_and_survives_its_file(steps: tuple[Step, ...]) -> None:
    found = made(steps)
    assert found.kind == "pls"
    assert [step.kind for step in found.pretreatment] == [step.kind for step in steps]
    again = read(found.text().encode(), "nir.json")
    assert again == found
    fresh = drawn(100, 9)
    misses = [Pls.of(again)(x).results[0] - y[0] for x, y in zip(fresh.spectra, fresh.references, strict=True)]
    assert float(np.sqrt(np.mean(np.square(misses)))) < 0.2


def test_the_variate_alone_is_the_kind_that_was_there_before() -> None:
    found = made((Snv(),))
    assert (found.kind, found.pretreatment) == ("snv_pls", ())


def test_a_foreign_absorber_stands_out_in_q_whatever_the_pretreatment() -> None:
    rng = np.random.default_rng(5)
    blend = {"API": 10.0, "EXC": 86.0, "LUB": 1.0, "WATER": 3.0}
    for steps in WAYS:
        pls = Pls.of(made(steps))
        plain = np.mean([pls(nir.spectrum(blend, rng, scans=2)).q for _ in range(30)])
        foreign = np.mean([pls(nir.spectrum(blend | {"unknown": 1.0}, rng, scans=2)).q for _ in range(30)])
        assert foreign > 4.0 * plain


def changed(data: Spectra, what: str, at: tuple[int, int], value: float) -> Spectra:
    spectra, references = data.spectra.copy(), data.references.copy()
    {"spectra": spectra, "references": references}[what][at] = value
    return Spectra(spectra, references)


DATA = drawn(60, 1)
FLAT = DATA.spectra.copy()
FLAT[7] = 0.4
REFUSED = [
    (changed(DATA, "spectra", (11, 3), np.nan), "the training spectrum 12 has a value that is not a number"),
    (changed(DATA, "references", (4, 1), np.inf), "the training reference 5 has a value that is not a number"),
    (Spectra(DATA.spectra[:, :60], DATA.references), "the training spectra have 60 channels, expected the 64 wavelen"),
    (Spectra(DATA.spectra[:11], DATA.references[:11]), "found 11 training spectra and 11 references, expected 12 or"),
    (Spectra(DATA.spectra, DATA.references[:59]), "found 60 training spectra and 59 references"),
    (Spectra(FLAT, DATA.references), "the training spectrum 8 is the same in every channel"),
    (Spectra(DATA.spectra, DATA.references * [1.0, 0.0]), "reference 2 is the same in every training sample"),
]


@pytest.mark.parametrize(("data", "sentence"), REFUSED)
def test_data_that_make_no_calibration_are_told_in_one_sentence(data: Spectra, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        calibrate(data, drawn(40, 3), nir.WAVELENGTHS_NM, UNITS, Origin("test", 1, 2, RANGES))


def test_steps_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValidationError, match="expected an odd window that is larger than the order"):
        SavitzkyGolay(window=6)
    with pytest.raises(ValueError, match="found 5 channels, expected at least the 7 of the Savitzky-Golay window"):
        Treatment.of([SavitzkyGolay(window=7)], 5)
    with pytest.raises(ValueError, match="the reference of the scatter correction has none, expected 64 channels"):
        Treatment.of([Msc()], 64)


@pytest.mark.parametrize("shape", [(64,), (50, 64), (3, 2), (2, 3, 17)])
def test_spectra_come_to_mean_0_and_deviation_1_as_numpy_finds_them_bit_for_bit(shape: tuple[int, ...]) -> None:
    spectra = 1.0 + 0.1 * np.random.default_rng(1).normal(size=shape)
    known = (spectra - spectra.mean(axis=-1, keepdims=True)) / spectra.std(axis=-1, ddof=1, keepdims=True)
    assert snv(spectra).tobytes() == known.tobytes()
