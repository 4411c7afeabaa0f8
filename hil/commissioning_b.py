"""Step tests on simulated line B, seen through its tags and by the laboratory, and what is identified from them.

``python -m hil.commissioning_b --dryer continuous --seed 11 --out policies/lines/b`` writes ``process.json``, the same
for the same seed. With the ``six_cell`` dryer of line B2 only the path of the API is identified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.random import Generator

from controller.models.identify_b import Noise, Record, identify
from controller.models.process import write as written
from hil.plants.granulation import DryerKind
from hil.plants.hoppers_b import NOMINAL
from hil.plants.line_b import LineB


class Step(NamedTuple):
    """One step of the test."""

    api: float = 3.0
    """Setpoint of the API feeder [kg/h]."""
    exc: float = 12.0
    """Setpoint of the excipient feeder [kg/h]."""
    liquid: float = 0.25
    """Setpoint of liquid to solids [1]."""
    inlet: float = 53.0
    """Setpoint of the inlet air [degC]."""
    speed: float = 700.0
    """Setpoint of the screw [rpm]."""
    air: float = 360.0
    """Setpoint of the air flow [m3/h]."""


STEPS = (
    Step(),
    Step(liquid=0.27),
    Step(liquid=0.27, inlet=58.0),
    Step(liquid=0.23, inlet=58.0),
    Step(liquid=0.23, inlet=48.0, speed=800.0),
    Step(api=3.3, exc=11.7, speed=600.0),
    Step(api=2.7, exc=12.3, air=400.0),
    Step(api=3.4, exc=13.6, air=400.0, inlet=56.0),
    Step(api=3.4, exc=13.6, liquid=0.22),
    Step(api=2.6, exc=10.0, liquid=0.28, inlet=50.0),
    Step(liquid=0.30, inlet=60.0, speed=850.0),
    Step(liquid=0.26, inlet=51.0),
    Step(api=3.3, exc=11.7, liquid=0.24, inlet=54.0, air=330.0),
    Step(api=2.8, exc=12.2, liquid=0.26, inlet=57.0, speed=650.0),
    Step(),
)
"""The steps, one after the other."""

STEP_S = 1800
"""Length of each step [s]."""

SAMPLE_PERIOD_S = 60
"""Time between two thief samples behind the mill [s]."""

ASSAY_SD, LOD_SD, SIEVE_SD = 0.1, 0.1, 0.02
"""Standard deviation of one assay [%w/w], of one loss on drying [%], and of a sieved size, relative [1]."""

NOISE = Noise(readings=(0.2, 12.0, 1.0, 0.4, 20.0), assay=ASSAY_SD)
"""Weights of the fit, with room for what lots and weather do meanwhile."""

FILE = "process.json"
_HOW = (
    "fifteen steps of the setpoints on the simulated line, 30 min each; flows, air, humidity, temperatures and the wet "
    "size from the tags, thief samples of the milled granules every 60 s: assay with a standard deviation of 0.1 %, "
    "loss on drying 0.1 %, sieved size 2 %"
)
_KNOWN = ("FDR_API.F_PV", "FDR_EXC.F_PV", "DRY.AIR_PV", "DRY.Y_IN")
_SHOWN = ("DRY.T_BED", "DRY.TIN_PV", "CAM_W.D50")
_SCAN_S, _ROW_S = 0.5, 10
"""Length of a PLC scan, and of one row of the record [s]."""


def record(seed: int, dryer: DryerKind = "continuous", steps: Sequence[Step] = STEPS) -> Record:
    """Return the record of the step test on the line with a seed."""
    line, laboratory = LineB(seed, dryer=dryer), np.random.default_rng([seed, 1])
    rows: list[tuple[float, ...]] = []
    for step in steps:
        for second in range(_ROW_S, STEP_S + 1, _ROW_S):
            known, shown = _row(line, _setpoints(step))
            due = second % SAMPLE_PERIOD_S == 0
            sample = _sampled(line.truth(), laboratory) if due else (nan, nan, nan)
            rows.append((step.liquid, step.inlet, step.speed, *known, *sample[:2], *shown, sample[2]))
    table = np.array(rows)
    return Record(float(_ROW_S), table[:, :3], table[:, 3:7], table[:, 7:12], table[:, 12])


def _setpoints(step: Step) -> dict[str, float]:
    return {
        **NOMINAL,
        "FDR_API.F_SP": step.api,
        "FDR_EXC.F_SP": step.exc,
        "PMP.LS_SP": step.liquid,
        "DRY.TIN_SP": step.inlet,
        "TSG.N_SP": step.speed,
        "DRY.AIR_SP": step.air,
    }


def _row(line: LineB, setpoints: Mapping[str, float]) -> tuple[list[float], list[float]]:
    """Return the means of what is known, and the means of what is shown in the last second."""
    seen: list[list[float]] = []
    for _ in range(round(_ROW_S / _SCAN_S)):
        line.step(_SCAN_S, setpoints)
        seen.append([float(np.asarray(line.tags[tag])) for tag in (*_KNOWN, *_SHOWN)])
    known, last = np.mean(seen, axis=0).tolist(), seen[-1]
    return known[: len(_KNOWN)], last[len(_KNOWN) :]


def _sampled(truth: Mapping[str, float], laboratory: Generator) -> tuple[float, float, float]:
    """Return loss on drying [%], sieved size [um] and assay [%] of a thief sample."""
    lod, size, assay = laboratory.standard_normal(3).tolist()
    return (
        truth["lod_pct"] + LOD_SD * lod,
        truth["milled_d50"] * (1.0 + SIEVE_SD * size),
        truth["api_pct"] + ASSAY_SD * assay,
    )


def write(out: Annotated[Path, typer.Option()], dryer: DryerKind = "continuous", seed: int = 11) -> None:
    """Write the identified parameters into the folder `out`, for people and programs to read."""
    (out / FILE).write_bytes(written(identify(record(seed, dryer), NOISE, seed, _HOW, whole=dryer == "continuous")))


if __name__ == "__main__":
    typer.run(write)
