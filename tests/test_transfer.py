"""A calibration carried over to another instrument of the rig: errors before and after, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from controller import soft
from controller.soft.pls import Pls, Reading, read
from controller.soft.transfer import (
    Pairing,
    Piecewise,
    SlopeBias,
    Transfer,
    axis_error,
    piecewise,
    same_axis,
    slope_bias,
)
from controller.soft.transfer import read as read_transfer
from hil.plants import nir
from hil.plants.nir import Optics
from policies import Policy, PolicyError, load, parse, shipped

Floats = np.ndarray
CALIBRATION = read(load(shipped("a")).files["nir_pls.json"], "nir_pls.json")
HERE = Pls.of(CALIBRATION)
PAIRING = Pairing(CALIBRATION.card.data_sha256, "spare instrument of the simulated probe of line A")
SHIFT_NM = 3.0


def blends(n: int, seed: int) -> list[dict[str, float]]:
    rng = np.random.default_rng(seed)
    rows = [{"API": rng.uniform(8, 12), "LUB": rng.uniform(0.7, 1.3), "WATER": rng.uniform(2, 4.5)} for _ in range(n)]
    return [row | {"EXC": 100.0 - sum(row.values())} for row in rows]


def spectra(rows: list[dict[str, float]], seed: int, *, other: bool, scans: int = 2) -> Floats:
    """Static samples; the other instrument has its axis off, another photometric slope, and stray light."""
    rng, optics = np.random.default_rng(seed), Optics(shift=SHIFT_NM if other else 0.0)
    seen = np.array([nir.spectrum(row, rng, scans, optics, 0.3) for row in rows])
    return 1.06 * seen - 0.05 * seen**2 if other else seen


STANDARDS, TEST = blends(15, 1), blends(150, 2)
MASTER, OTHER = (spectra(STANDARDS, 3 + k, other=bool(k), scans=32) for k in (0, 1))
SEEN = spectra(TEST, 6, other=True)


def carried_in_channels() -> Piecewise:
    return piecewise(HERE.treat(MASTER), HERE.treat(OTHER), PAIRING)


def carried_in_results() -> SlopeBias:
    wanted = np.array([[row["API"], row["WATER"]] for row in STANDARDS])
    return slope_bias(wanted, np.array([HERE(x).results for x in OTHER]), PAIRING)


def judged(transfer: Transfer | None) -> tuple[float, float]:
    """Error of API [%w/w] and usual Q on later samples."""
    pls = Pls.of(CALIBRATION, transfer)
    found: list[Reading] = [pls(x) for x in SEEN]
    misses = [reading.results[0] - row["API"] for reading, row in zip(found, TEST, strict=True)]
    return float(np.sqrt(np.mean(np.square(misses)))), float(np.mean([reading.q for reading in found]))


def test_piecewise_standardisation_mends_error_and_fit() -> None:
    (before, q_before), (after, q_after) = judged(None), judged(carried_in_channels())
    assert (before, q_before) > (0.15, 150.0)
    assert after < 0.4 * before
    assert q_after < 1.5


def test_slope_and_bias_mend_the_error_but_not_the_fit() -> None:
    (before, _), (after, q_after) = judged(None), judged(carried_in_results())
    assert after < 0.4 * before
    assert q_after > 100.0


@pytest.mark.parametrize("make", [carried_in_channels, carried_in_results])
def test_the_card_tells_the_error_before_and_after(make: Callable[[], Transfer]) -> None:
    found = make()
    assert found.samples == 15
    assert found.after < 0.4 * found.before


@pytest.mark.parametrize("make", [carried_in_channels, carried_in_results])
def test_a_policy_names_the_file_and_its_sensor_reads_right(make: Callable[[], Transfer]) -> None:
    source = shipped("a")
    text = source.read_text().replace("model: nir_pls.json", "model: nir_pls.json\n    transfer: spare.json", 1)
    files = dict(load(source).files) | {"spare.json": make().model_dump_json().encode()}
    policy = parse(text.encode(), "line_a.yaml", files)
    kit = soft.sensor("SOFT.API", policy.soft_sensors["SOFT.API"], policy)
    assert isinstance(kit, soft.SensorKit)
    misses = [kit.pls(x).results[0] - row["API"] for x, row in zip(SEEN, TEST, strict=True)]
    assert abs(float(np.mean(misses))) < 0.05
    assert policy.fingerprint != load(source).fingerprint
    missing = {name: data for name, data in files.items() if name != "spare.json"}
    with pytest.raises(PolicyError, match=r"spare\.json"):
        parse(text.encode(), "line_a.yaml", missing)


@pytest.mark.parametrize("shift", [-2.0, 0.0, 0.5, 3.0])
def test_a_wavelength_axis_that_is_off_is_measured(shift: float) -> None:
    rng = np.random.default_rng(9)
    seen = np.array([nir.spectrum(row, rng, 2, Optics(shift=shift)) for row in blends(20, 8)])
    found = axis_error(
        HERE.treat(seen).mean(axis=0),
        HERE.mean,
        np.array(CALIBRATION.loadings),
        np.array(CALIBRATION.wavelengths),
    )
    assert found == pytest.approx(shift, abs=0.15)


def test_wavelengths_of_a_file_that_are_others_are_told() -> None:
    same_axis(nir.WAVELENGTHS_NM, nir.WAVELENGTHS_NM)
    with pytest.raises(ValueError, match=r"the wavelength of channel 1 is 1103 nm, expected 1100 nm as in the cali"):
        same_axis(nir.WAVELENGTHS_NM + 3.0, nir.WAVELENGTHS_NM)
    with pytest.raises(ValueError, match="found 60 wavelengths, expected the 64 of the calibration"):
        same_axis(nir.WAVELENGTHS_NM[:60], nir.WAVELENGTHS_NM)


GAP = OTHER.copy()
GAP[3, 9] = np.nan
REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: piecewise(MASTER, GAP, PAIRING), "sample 4 of the other instrument has a value that is not a number"),
    (lambda: piecewise(MASTER[:5], OTHER[:5], PAIRING), "found 5 samples measured by both instruments, expected at l"),
    (lambda: piecewise(MASTER, OTHER[:, :60], PAIRING), "values of the other instrument, expected"),
    (lambda: slope_bias(np.ones((6, 1)), np.ones((6, 1)), PAIRING), "a result is the same for every sample"),
    (lambda: slope_bias(np.ones((3, 1)), np.ones((3, 1)), PAIRING), "found 3 samples measured by both instruments"),
]


@pytest.mark.parametrize(("make", "sentence"), REFUSED)
def test_what_makes_no_transfer_is_told(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()


def test_a_transfer_of_another_calibration_is_refused() -> None:
    foreign = carried_in_results().model_copy(update={"calibration_sha256": "0" * 64})
    with pytest.raises(ValueError, match="the transfer belongs to a calibration of other data"):
        Pls.of(CALIBRATION, foreign)


def test_a_file_that_is_no_transfer_is_refused() -> None:
    data = json.loads(carried_in_channels().model_dump_json())
    data["first"][3] = 62
    with pytest.raises(ValueError, match=r"t\.json is no calibration transfer: .*expected windows within the channels"):
        read_transfer(json.dumps(data).encode(), "t.json")


def test_the_shipped_line_uses_the_instrument_that_was_calibrated() -> None:
    policy: Policy = load(shipped("a"))
    assert getattr(policy.soft_sensors["SOFT.API"], "transfer", "") is None
