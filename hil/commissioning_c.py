"""Step tests on simulated line C, seen through its tags, and what is identified from them.

``python -m hil.commissioning_c --seed 11 --out policies/lines/c`` writes ``process.json``, the same for the same seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import nan
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer

from controller.models.identify_c import READINGS, Record, identify
from controller.models.line_c_feed import IMPURITIES
from controller.models.process import write as written
from controller.soft.peaks import picked
from hil.plants.line_c import NOMINAL, LineC
from plant_io.signals import Floats
from policies import Peaks, load, shipped


class Step(NamedTuple):
    """One step of the test."""

    ratio: float = 1.4
    """Setpoint of pyrrolidine to starting material [1]."""
    coil: float = 60.0
    """Setpoint of the coil [degC]."""
    throughput: float = 1.0
    """Setpoint of the throughput [1]."""
    bed: float = 60.0
    """Setpoint of the bed [degC]."""
    hydrogen: float = 12.0
    """Setpoint of the hydrogen [bar]."""


STEPS = (
    Step(),
    Step(ratio=1.5),
    Step(coil=66.0),
    Step(throughput=1.12),
    Step(bed=65.0),
    Step(hydrogen=6.0),
    Step(ratio=1.25, coil=66.0, throughput=0.9, bed=56.0, hydrogen=15.0),
    Step(ratio=1.65, coil=54.0, throughput=1.0, bed=66.0, hydrogen=10.0),
    Step(ratio=1.55, coil=58.0, throughput=1.25, bed=52.0, hydrogen=11.0),
    Step(ratio=1.3, coil=70.0, throughput=1.15, bed=60.0, hydrogen=16.0),
    Step(ratio=1.45, coil=52.0, throughput=0.8, bed=57.0, hydrogen=9.0),
    Step(ratio=1.2, coil=72.0, throughput=0.95, bed=63.0, hydrogen=11.0),
    Step(ratio=1.6, coil=56.0, throughput=1.2, bed=54.0, hydrogen=7.0),
    Step(ratio=1.35, coil=63.0, throughput=0.85, bed=50.0, hydrogen=9.0),
    Step(ratio=1.5, coil=62.0, throughput=1.1, bed=58.0, hydrogen=18.0),
    Step(ratio=1.4, coil=57.0, throughput=0.92, bed=64.0, hydrogen=13.0),
    Step(ratio=1.7, coil=50.0, throughput=0.95, bed=61.0, hydrogen=15.0),
    Step(ratio=1.45, coil=67.0, throughput=1.25, bed=67.0, hydrogen=16.0),
    Step(ratio=1.3, coil=61.0, throughput=1.1, bed=53.0, hydrogen=7.0),
    Step(),
)
"""One setpoint at a time first, then all of them at once, one setting after the other."""

STEP_S = 1800
"""Length of each step [s]."""

NOISE = (0.3, 0.3, 2.5, 3.0, 0.1, 0.05, 0.1, 0.008, 0.008, 0.008, 0.01)
"""Weights of the fit, with room for what pumps and stocks do meanwhile; units of `READINGS`."""

FILE = "process.json"
_HOW = (
    "twenty settings of ratio, coil, throughput, bed and hydrogen on the simulated line, 30 min each; temperatures and "
    "infrared readings from the tags every 15 s, areas from the lists of the chromatograph every 6 min, all dated to "
    "when they were sampled"
)
_ROW_S = 15
_INFRARED = ("FTIR.SM", "FTIR.P")
_PUMPS = ("P1.F_SP", "P2.F_SP", "P3.F_SP")


def record(seed: int, steps: Sequence[Step] = STEPS) -> Record:
    """Return the record of the step test on the line with a seed."""
    line, rows = LineC(seed), len(steps) * STEP_S // _ROW_S
    seen, given = np.full((rows, len(READINGS)), nan), np.empty((rows, len(Step())))
    for k in range(rows):
        given[k] = steps[k * _ROW_S // STEP_S]
        setpoints = _setpoints(Step(*given[k].tolist()))
        for _ in range(_ROW_S):
            line.step(1.0, setpoints)
        _look(line, seen, k)
    pumps = np.tile([NOMINAL[name] for name in _PUMPS], (rows, 1))
    return Record(float(_ROW_S), given, pumps, seen)


def _setpoints(step: Step) -> dict[str, float]:
    given = ("EQ_SP", "R1.T_SP", "Q_SP", "R2.T_SP", "R2.PH2_SP")
    return {**NOMINAL, **dict(zip(given, step, strict=True))}


def _look(line: LineC, seen: Floats, k: int) -> None:
    """Write what the tags show at the end of row `k` into the rows at whose end it was sampled."""
    seen[k, :2] = [float(np.asarray(line.tags[tag])) for tag in ("R1.T_PV", "R2.T_PV")]
    infrared, chromatogram = (_sampled(line, tag) for tag in ("FTIR.SM", "UHPLC.AREA"))
    if infrared >= 0:
        seen[infrared, 2:4] = [float(np.asarray(line.tags[tag])) for tag in _INFRARED]
    if chromatogram >= 0 and "UHPLC.AREA" not in line.quality:
        seen[chromatogram, 4:] = _areas(line)


def _sampled(line: LineC, tag: str) -> int:
    """Return the row at whose end a tag was sampled, negative before the first."""
    return round(line.taken[tag] / _ROW_S) - 1


@cache
def _declared() -> Peaks:
    declared = load(shipped("C")).soft_sensors["PEAK"]
    if not isinstance(declared, Peaks):
        raise TypeError("PEAK is no list of peaks")
    return declared


def _areas(line: LineC) -> list[float]:
    """Return the areas of the impurities in the last result [%]."""
    declared = _declared()
    lists = [np.asarray(line.tags[f"UHPLC.{tag}"]).tolist() for tag in ("RRT", "AREA")]
    number = round(float(np.asarray(line.tags["UHPLC.N_PEAK"])))
    found = picked(list(zip(*lists, strict=True))[:number], declared.listed, declared.window)
    named = dict(zip(declared.listed, found[1:], strict=True))
    return [named[name.upper()] for name in IMPURITIES]


def write(out: Annotated[Path, typer.Option()], seed: int = 11) -> None:
    """Write the identified parameters into the folder `out`, for people and programs to read."""
    (out / FILE).write_bytes(written(identify(record(seed), NOISE, seed, _HOW)))


if __name__ == "__main__":
    typer.run(write)
