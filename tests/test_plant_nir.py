"""Spectra: what a calibration can make of them, and what the faults of the instrument do to it."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from sklearn.cross_decomposition import PLSRegression

from hil.plants.faults import Fault
from hil.plants.line_a import NOMINAL, LineA
from hil.plants.nir import BANDS, CLEAN, FILM, WAVELENGTHS_NM, Optics, absorbance, spectrum

Floats = NDArray[np.float64]
NOMINAL_BLEND = {"API": 10.0, "EXC": 86.0, "LUB": 1.0, "WATER": 3.0}


class Calibration(NamedTuple):
    """Four latent variables on spectra with gain and offset taken out."""

    pls: PLSRegression
    centre: Floats

    def api_and_misfit(self, spectra: Floats) -> tuple[Floats, Floats]:
        x = scatter_free(spectra)
        scores = self.pls.transform(x)
        misfit = x - self.centre - scores @ self.pls.x_loadings_.T
        return self.pls.predict(x).ravel(), (misfit**2).sum(axis=1)


def scatter_free(spectra: Floats) -> Floats:
    return np.asarray((spectra - spectra.mean(axis=1, keepdims=True)) / spectra.std(axis=1, keepdims=True))


def calibrated(scans: int, seed: int = 1) -> Calibration:
    rng = default_rng(seed)
    blends = [
        {"API": rng.uniform(7, 13), "LUB": rng.uniform(0.6, 1.4), "WATER": rng.uniform(2.5, 3.5)} for _ in range(60)
    ]
    x = scatter_free(np.array([spectrum(b | {"EXC": 100.0 - sum(b.values())}, rng, scans) for b in blends]))
    return Calibration(PLSRegression(4, scale=False).fit(x, [b["API"] for b in blends]), x.mean(axis=0))


def drawn(rng: Generator, scans: int, blend: Mapping[str, float] = NOMINAL_BLEND, optics: Optics = CLEAN) -> Floats:
    return np.array([spectrum(blend, rng, scans, optics) for _ in range(300)])


@pytest.mark.parametrize(("scans", "sd"), [(1, 0.18), (5, 0.09)])
def test_a_calibration_reads_the_api_as_well_as_specified(scans: int, sd: float) -> None:
    api, _ = calibrated(scans).api_and_misfit(drawn(default_rng(2), scans))
    assert api.std() == pytest.approx(sd, rel=0.15)
    assert api.mean() == pytest.approx(10.0, abs=0.1)


def test_faults_of_the_optics_show_in_bias_or_misfit_as_specified() -> None:
    model, rng = calibrated(1), default_rng(3)
    api, misfit = model.api_and_misfit(drawn(rng, 1))
    with_unknown = NOMINAL_BLEND | {"unknown": 0.5, "EXC": 85.5}
    found = {
        name: model.api_and_misfit(spectra)
        for name, spectra in {
            "fouled": drawn(rng, 1, optics=Optics(fouling=0.3)),
            "shifted 1 nm": drawn(rng, 1, optics=Optics(shift=1.0)),
            "shifted 3 nm": drawn(rng, 1, optics=Optics(shift=3.0)),
            "unknown": drawn(rng, 1, with_unknown),
        }.items()
    }
    bias = {name: a.mean() - api.mean() for name, (a, _) in found.items()}
    ratio = {name: q.mean() / misfit.mean() for name, (_, q) in found.items()}
    assert bias["fouled"] == pytest.approx(-0.19, abs=0.03)
    assert 0.4 < ratio["fouled"] < 1.5
    assert ratio["shifted 1 nm"] == pytest.approx(30.0, rel=0.5)
    assert ratio["shifted 3 nm"] == pytest.approx(250.0, rel=0.5)
    assert ratio["unknown"] == pytest.approx(7.0, rel=0.5)
    assert abs(bias["unknown"]) < 0.1


@pytest.mark.parametrize(
    ("fault", "bias", "ratio"),
    [
        (None, 0.0, (0.7, 1.4)),
        (Fault("F50", "NIR", 0.0), -0.19, (0.3, 1.4)),
        (Fault("F51", "NIR", 0.0), None, (100.0, 2000.0)),
        (Fault("N01", "FDR_API", 0.0), None, (3.0, 20.0)),
        (Fault("N03", "NIR", 0.0, magnitude=0.05), 0.5, (0.5, 1.6)),
    ],
)
def test_the_running_line_shows_the_fault_to_a_calibration(
    fault: Fault | None, bias: float | None, ratio: tuple[float, float]
) -> None:
    model = calibrated(2)
    _, misfit = model.api_and_misfit(drawn(default_rng(4), 2))
    line = LineA(5, mismatch=0.0, faults=() if fault is None else (fault,))
    spectra, truth = [], []
    for k in range(3600):
        line.step(0.5, NOMINAL)
        if k % 10 == 9 and k > 1800:
            spectra.append(np.asarray(line.tags["NIR.SPECTRUM"]))
            truth.append(line.truth()["api_frame"])
    api, q = model.api_and_misfit(np.array(spectra))
    assert ratio[0] < q.mean() / misfit.mean() < ratio[1]
    if bias is not None:
        assert (api - truth).mean() == pytest.approx(bias, abs=0.1)


def test_lost_spectra_repeat_the_last_one_and_say_so() -> None:
    line = LineA(1, faults=[Fault("F52", "NIR", 20.0, 60.0)])
    seen = []
    for _ in range(200):
        line.step(0.5, NOMINAL)
        seen.append((line.time, line.taken["NIR.SPECTRUM"], line.quality.get("NIR.SPECTRUM", "good")))
    assert {taken for t, taken, quality in seen if quality == "bad"} == {20.0}
    assert [t for t, _, quality in seen if quality == "bad"][::80] == [30.0]
    assert seen[-1][2] == "good"
    assert seen[-1][1] > 80.0


def test_some_spectra_are_lost_where_the_magnitude_says_some() -> None:
    line = LineA(1, faults=[Fault("F52", "NIR", 0.0, magnitude=0.3)])
    bad = []
    for _ in range(4000):
        line.step(0.5, NOMINAL)
        bad.append("NIR.SPECTRUM" in line.quality)
    assert np.mean(bad) == pytest.approx(0.3, abs=0.07)


def test_a_quiet_instrument_shows_the_law_of_beer_and_lambert() -> None:
    quiet = spectrum(NOMINAL_BLEND, default_rng(1), noise=0.0)
    assert quiet == pytest.approx(absorbance(NOMINAL_BLEND))
    assert absorbance({"WATER": 2.0}) == pytest.approx(2.0 * absorbance({"WATER": 1.0}))
    assert WAVELENGTHS_NM[np.argmax(absorbance({"API": 1.0}))] == pytest.approx(1665.0, abs=10.0)


def test_the_film_is_a_whole_blend() -> None:
    assert sum(FILM.values()) == pytest.approx(100.0)
    assert FILM.keys() <= BANDS.keys()


def test_an_unknown_component_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"unknown components \['SUGAR'\], expected"):
        spectrum({"SUGAR": 1.0}, default_rng(1))
