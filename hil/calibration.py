"""Draws a calibration set from the simulated probe and fits the NIR calibration of line A to it.

``python -m hil.calibration --seed 21 --out policies/lines/a`` writes ``nir_pls.json``, the same for the same seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import numpy as np
import typer
from numpy.random import Generator

from controller.soft.fit import Origin, Spectra, calibrate
from controller.soft.pls import Calibration
from hil.plants import nir

RANGES = MappingProxyType({"API": (8.0, 12.0), "LUB": (0.7, 1.3), "WATER": (2.0, 4.5)})
"""Lowest and highest composition of the design [%w/w]; the rest is excipient."""

RESULTS = MappingProxyType({"API": "%", "WATER": "%"})
"""What is calibrated, with UCUM units."""

SAMPLES, WITHHELD = 60, 40
REFERENCE_SD = 0.005
"""Relative standard deviation of the reference method [1]."""

FILE = "nir_pls.json"


def calibration(seed: int, scans: int) -> Calibration:
    """Return the calibration drawn and fitted with a seed.

    Parameters
    ----------
    seed
        Seed of compositions, spectra and reference errors.
    scans
        Scans averaged for one spectrum, as on the line.
    """
    rng = np.random.default_rng(seed)
    training = _measure(_design(SAMPLES, rng), rng, scans)
    withheld = _measure(_design(WITHHELD, rng), rng, scans)
    origin = Origin("simulated probe of line A", seed, scans, RANGES)
    return calibrate(training, withheld, nir.WAVELENGTHS_NM, RESULTS, origin)


def _design(n: int, rng: Generator) -> list[dict[str, float]]:
    # Latin hypercube: every range is cut into n equal parts, and each part is used once.
    columns = {
        name: low + (high - low) * (rng.permutation(n) + rng.random(n)) / n for name, (low, high) in RANGES.items()
    }
    rows = [{name: float(column[i]) for name, column in columns.items()} for i in range(n)]
    return [row | {"EXC": 100.0 - sum(row.values())} for row in rows]


def _measure(design: Sequence[dict[str, float]], rng: Generator, scans: int) -> Spectra:
    spectra = np.array([nir.spectrum(composition, rng, scans=scans) for composition in design])
    true = np.array([[composition[name] for name in RESULTS] for composition in design])
    return Spectra(spectra, true * (1.0 + REFERENCE_SD * rng.standard_normal(true.shape)))


def write(out: Annotated[Path, typer.Option()], seed: int = 21, scans: int = 2) -> None:
    """Write the NIR calibration of line A into the folder OUT."""
    text = calibration(seed, scans).model_dump_json(indent=1)
    (out / FILE).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(write)
