"""Draws a calibration set from the simulated probe of a line and fits its NIR calibration to it.

``python -m hil.calibration --line a --seed 21 --out policies/lines/a`` writes ``nir_pls.json``, the same for the same
seed; so it is for lines ``b`` and ``b2``, which have the same probe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import numpy as np
import typer
from numpy.random import Generator

from controller.soft.fit import Origin, Spectra, calibrate
from controller.soft.pls import Calibration
from hil.plants import nir, probe_b
from hil.plants.nir import Optics

Row = dict[str, float]


@dataclass(frozen=True, slots=True)
class Design:
    """What is calibrated, and on which samples."""

    source: str
    """Where the spectra come from."""
    scans: int
    """Scans averaged for one spectrum, as on the line [1]."""
    ranges: Mapping[str, tuple[float, float]]
    """Lowest and highest value of what is varied, each in its unit."""
    results: Mapping[str, str]
    """What is calibrated, with UCUM units."""
    seen: Callable[[Row], tuple[Row, Optics]]
    """What the light meets in a sample [%w/w], and through which optics."""


def _powder(row: Row) -> tuple[Row, Optics]:
    return row | {"EXC": 100.0 - sum(row.values())}, nir.CLEAN


def _granules(row: Row) -> tuple[Row, Optics]:
    return probe_b.composition(row["LOD"], row["API"]), Optics(depth=probe_b.depth(row["D50"]))


DESIGNS: Mapping[str, Design] = MappingProxyType(
    {
        "a": Design(
            source="simulated probe of line A",
            scans=2,
            ranges=MappingProxyType({"API": (8.0, 12.0), "LUB": (0.7, 1.3), "WATER": (2.0, 4.5)}),
            results=MappingProxyType({"API": "%", "WATER": "%"}),
            seen=_powder,
        ),
        "b": Design(
            source="simulated probe of line B",
            scans=probe_b.SCANS,
            ranges=MappingProxyType({"API": (16.0, 24.0), "LOD": (0.3, 6.0), "D50": (250.0, 550.0)}),
            results=MappingProxyType({"API": "%", "LOD": "%"}),
            seen=_granules,
        ),
    }
)
"""The calibration of each line; shares in %w/w, LOD of the wet and API of the dry mass of granules, sizes in um."""

SAMPLES, WITHHELD = 60, 40
REFERENCE_SD = 0.005
"""Relative standard deviation of the reference method [1]."""

FILE = "nir_pls.json"


def calibration(seed: int, line: str = "a") -> Calibration:
    """Return the calibration drawn and fitted with a seed.

    Parameters
    ----------
    seed
        Seed of compositions, spectra and reference errors.
    line
        Name in `DESIGNS`.
    """
    design, rng = DESIGNS[line], np.random.default_rng(seed)
    training = _measure(design, _rows(design.ranges, SAMPLES, rng), rng)
    withheld = _measure(design, _rows(design.ranges, WITHHELD, rng), rng)
    origin = Origin(design.source, seed, design.scans, design.ranges)
    return calibrate(training, withheld, nir.WAVELENGTHS_NM, design.results, origin)


def _rows(ranges: Mapping[str, tuple[float, float]], n: int, rng: Generator) -> list[Row]:
    # Latin hypercube: every range is cut into n equal parts, and each part is used once.
    columns = {
        name: low + (high - low) * (rng.permutation(n) + rng.random(n)) / n for name, (low, high) in ranges.items()
    }
    return [{name: float(column[i]) for name, column in columns.items()} for i in range(n)]


def _measure(design: Design, rows: Sequence[Row], rng: Generator) -> Spectra:
    samples = [design.seen(row) for row in rows]
    spectra = np.array([nir.spectrum(met, rng, design.scans, optics) for met, optics in samples])
    true = np.array([[row[name] for name in design.results] for row in rows])
    return Spectra(spectra, true * (1.0 + REFERENCE_SD * rng.standard_normal(true.shape)))


def write(out: Annotated[Path, typer.Option()], line: str = "a", seed: int = 21) -> None:
    """Write the NIR calibration of a line into the folder OUT."""
    text = calibration(seed, line).text()
    (out / FILE).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(write)
