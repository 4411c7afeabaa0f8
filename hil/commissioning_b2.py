"""Step tests on simulated line B2, seen through its tags and by the laboratory, and what is identified from them.

``python -m hil.commissioning_b2 --seed 11 --out policies/lines/b2`` writes ``process.json``, the same for the same
seed: the model of the dryer and the granulator, and the path of the API that `hil.commissioning_b` identifies.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.random import Generator

from controller.models import identify_b
from controller.models.identify_b2 import Record, Told, identify
from controller.models.process import write as written
from hil import commissioning_b
from hil.plants.hoppers_b import NOMINAL
from hil.plants.line_b import LineB


class Step(NamedTuple):
    """One step of the test."""

    liquid: float = 0.25
    """Setpoint of liquid to solids [1]."""
    inlet: float = 53.0
    """Setpoint of the inlet air [degC]."""
    fill: float = 180.0
    """Setpoint of the time to fill a cell [s]."""
    feed: float = 15.0
    """Setpoint of both feeders together, a fifth of it API [kg/h]."""
    air: float = 360.0
    """Setpoint of the air flow [m3/h]."""


STEPS = (
    Step(),
    Step(inlet=48.0),
    Step(inlet=48.0, liquid=0.22),
    Step(inlet=58.0, liquid=0.28),
    Step(inlet=55.0, fill=220.0),
    Step(inlet=50.0, fill=150.0),
    Step(liquid=0.27, inlet=46.0, air=400.0),
    Step(liquid=0.24, inlet=52.0, air=330.0),
    Step(feed=17.0, inlet=54.0),
    Step(feed=13.0, inlet=49.0),
    Step(liquid=0.30, inlet=57.0, fill=200.0),
    Step(liquid=0.26, inlet=50.0),
    Step(liquid=0.23, inlet=47.0, fill=160.0),
    Step(liquid=0.27, inlet=52.0, feed=16.0, fill=200.0),
    Step(),
)
"""The steps, one after the other."""

STEP_S = 2400
"""Length of each step, some two rounds of the cells [s]."""

LOD_SD, SIEVE_SD = 0.1, 0.02
"""Standard deviation of one loss on drying [%], and of one sieved size, relative [1]."""

SD = np.array([0.25, 25.0, 1.5, 0.4, 0.1, 25.0, 0.15, 12.0])
"""Weights of the fit, with room for what lots, weather and the bursts of the mill do meanwhile."""

FILE = "process.json"
_HOW = (
    "fifteen steps of the setpoints on the simulated line, 40 min each; flows, air, humidity, temperatures, liquid, "
    "NIR and cameras from the tags, a thief sample of each batch: loss on drying at discharge with a standard "
    "deviation of 0.1 %, sieved size behind the mill 2 %; the path of the API as on line B"
)
_KNOWN = ("FDR_API.F_PV", "FDR_EXC.F_PV", "DRY.AIR_PV", "DRY.Y_IN")
_SHOWN = ("NIR_LOD", "CAM_M.D50", "DRY.T_BED", "DRY.TIN_PV", "PMP.F_PV", "CAM_W.D50")
_BURST = (True, True, True, False, False, False)
"""Which of them are not compared while a cell is emptied."""
_SCAN_S, _ROW_S, _EMPTIED_S = 0.5, 5, 60.0
"""Length of a PLC scan, of one row of the record, and of what a discharge disturbs [s]."""


class _Bench:
    """The line under test, and the laboratory beside it."""

    def __init__(self, seed: int) -> None:
        self._line, self._laboratory = LineB(seed, dryer="six_cell"), np.random.default_rng([seed, 1])
        self._cell = self._seen("DRY.CELL_ID")
        self._since_s = 0.0

    def row(self, step: Step) -> tuple[float, ...]:
        """Return one row of the record."""
        known: list[list[float]] = []
        for _ in range(round(_ROW_S / _SCAN_S)):
            self._line.step(_SCAN_S, _setpoints(step))
            known.append([self._seen(tag) for tag in _KNOWN])
        cell, fill = self._seen("DRY.CELL_ID"), step.fill
        changed, self._cell = cell != self._cell, cell
        self._since_s = 0.0 if changed else self._since_s + _ROW_S
        burst = self._since_s < _EMPTIED_S - 25.0 or self._since_s > fill - _EMPTIED_S
        shown = [nan if burst and hidden else self._seen(tag) for tag, hidden in zip(_SHOWN, _BURST, strict=True)]
        sample = _sampled(self._line, self._laboratory) if self._since_s == _ROW_S * 10 else (nan, nan)
        setpoints = (step.liquid, step.inlet, step.fill)
        return (*setpoints, *np.mean(known, axis=0).tolist(), cell, *shown, *sample)

    def _seen(self, tag: str) -> float:
        return float(np.asarray(self._line.tags[tag]))


def record(seed: int, steps: Sequence[Step] = STEPS) -> Record:
    """Return the record of the step test on the line with a seed."""
    bench = _Bench(seed)
    table = np.array([bench.row(step) for step in steps for _ in range(STEP_S // _ROW_S)])
    return Record(float(_ROW_S), table[:, :3], table[:, 3:8], table[:, 8:14], table[:, 14:])


def _setpoints(step: Step) -> dict[str, float]:
    return {
        **NOMINAL,
        "FDR_API.F_SP": 0.2 * step.feed,
        "FDR_EXC.F_SP": 0.8 * step.feed,
        "PMP.LS_SP": step.liquid,
        "DRY.TIN_SP": step.inlet,
        "DRY.TFILL_SP": step.fill,
        "DRY.AIR_SP": step.air,
    }


def _sampled(line: LineB, laboratory: Generator) -> tuple[float, float]:
    """Return loss on drying [%] and sieved size [um] of the batch that left last."""
    lod, size = laboratory.standard_normal(2).tolist()
    truth = line.truth()
    return truth["dryer_lod_pct"] + LOD_SD * lod, truth["milled_d50"] * (1.0 + SIEVE_SD * size)


def write(out: Annotated[Path, typer.Option()], seed: int = 11) -> None:
    """Write the identified parameters into the folder `out`, for people and programs to read."""
    path = identify_b.identify(commissioning_b.record(seed, "six_cell"), commissioning_b.NOISE, seed, _HOW, whole=False)
    (out / FILE).write_bytes(written(identify(record(seed), SD, Told(seed, _HOW, path))))


if __name__ == "__main__":
    typer.run(write)
