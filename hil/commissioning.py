"""Step tests on the simulated line, seen through its tags, and the identification of the control model from them.

``python -m hil.commissioning --seed 11 --out policies/lines/a`` writes ``process.json``, the same for the same seed.
"""

from __future__ import annotations

from math import nan
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from controller.models.identify import Noise, Record, identify
from controller.models.process import write as written
from hil.plants.line_a import NOMINAL, LineA
from plant_io.signals import Floats

STEPS = (
    (900, 2.0, 17.8),
    (900, 2.2, 17.8),
    (900, 1.8, 17.8),
    (900, 2.0, 17.8),
    (900, 2.3, 20.5),
    (900, 2.1, 20.5),
    (900, 1.7, 15.1),
    (900, 1.9, 15.1),
    (900, 2.0, 17.8),
    (900, 2.0, 19.0),
    (900, 1.85, 16.6),
    (900, 2.15, 17.8),
)
"""The test: seconds to hold, and setpoints of API and excipient [kg/h]."""

ASSAY_PERIOD_S, ASSAY_SD = 30, 0.05
"""Time between two thief samples of the feed frame [s], and standard deviation of one assay [%w/w]."""

NOISE = Noise(flows=(0.03, 0.12), assay=0.1)
"""Weights of the fit; the assay's leaves room for refills, which the flow readings do not show."""

FILE = "process.json"
_HOW = (
    "twelve steps of the feeder setpoints on the simulated line, 15 min each; flows and hopper mass from the tags, "
    "thief samples of the feed frame every 30 s assayed with a standard deviation of 0.05 %, NIR delay from time "
    "stamps, excess of the feeders while they cannot weigh from assays and shown flows"
)
_TAGS = ("FDR_LUB.F_PV", "FDR_API.F_PV", "FDR_EXC.F_PV", "HOP.M", "FDR_API.MODE", "FDR_EXC.MODE")
_VOLUMETRIC = 0.0
_PLC_PERIODS = 2
"""PLC scans in one second [1]."""


def record(seed: int) -> Record:
    """Return the record of the step test on the line with a seed."""
    line, laboratory = LineA(seed), np.random.default_rng([seed, 1])
    rows: list[tuple[float, ...]] = []
    ages: list[float] = []
    for seconds, api, exc in STEPS:
        for _ in range(seconds):
            spectrum = line.taken["NIR.SPECTRUM"]
            for _ in range(_PLC_PERIODS):
                line.step(1.0 / _PLC_PERIODS, {**NOMINAL, "FDR_API.F_SP": api, "FDR_EXC.F_SP": exc})
            if line.taken["NIR.SPECTRUM"] != spectrum:
                ages.append(line.time - line.taken["NIR.SPECTRUM"])
            due = len(rows) % ASSAY_PERIOD_S == 0
            assay = line.truth()["api_frame"] + ASSAY_SD * laboratory.standard_normal() if due else nan
            rows.append((api, exc, *(_number(line, tag) for tag in _TAGS), assay))
    table: Floats = np.array(rows)
    blind = (table[:, 6:8] == _VOLUMETRIC).astype(float)
    flows, hopper, assays = table[:, 3:5], table[:, 5], table[:, 8]
    return Record(1.0, table[:, :2], table[:, 2], flows, assays, hopper, blind, np.array(ages))


def _number(line: LineA, tag: str) -> float:
    return float(np.asarray(line.tags[tag]))


def write(out: Annotated[Path, typer.Option()], seed: int = 11) -> None:
    """Write the identified parameters into the folder `out`, for people and programs to read."""
    (out / FILE).write_bytes(written(identify(record(seed), NOISE, seed, _HOW)))


if __name__ == "__main__":
    typer.run(write)
