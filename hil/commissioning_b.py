"""Step tests on simulated line B, seen through its tags and by the laboratory, and what is identified from them.

``python -m hil.commissioning_b --dryer continuous --seed 11 --out policies/lines/b`` writes ``process.json``, the same
for the same seed; so it does with the ``six_cell`` dryer of line B2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer

from controller.models.identify_b import Record, identify
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


STEPS = (Step(), Step(3.3, 11.7), Step(2.7, 12.3), Step(3.0, 12.0), Step(3.6, 14.4), Step(2.6, 10.0), Step(2.8, 12.0))
"""The steps, one after the other."""

STEP_S = 1800
"""Length of each step [s]."""

ASSAY_PERIOD_S, ASSAY_SD = 60, 0.1
"""Time between two thief samples behind the mill [s], and standard deviation of one assay [%w/w]."""

FILE = "process.json"
_HOW = (
    "seven steps of the feeder setpoints on the simulated line, 30 min each; flows from the tags, thief samples of the "
    "milled granules every 60 s assayed with a standard deviation of 0.1 %"
)
_TAGS = ("FDR_API.F_PV", "FDR_EXC.F_PV")
_SCAN_S, _ROW_S = 0.5, 10
"""Length of a PLC scan, and of one row of the record [s]."""


def record(seed: int, dryer: DryerKind = "continuous", steps: Sequence[Step] = STEPS) -> Record:
    """Return the record of the step test on the line with a seed."""
    line, laboratory = LineB(seed, dryer=dryer), np.random.default_rng([seed, 1])
    rows: list[tuple[float, ...]] = []
    for step in steps:
        setpoints = {**NOMINAL, "FDR_API.F_SP": step.api, "FDR_EXC.F_SP": step.exc}
        for second in range(0, STEP_S, _ROW_S):
            flows = np.mean([_flows(line, setpoints) for _ in range(round(_ROW_S / _SCAN_S))], axis=0)
            due = second % ASSAY_PERIOD_S == 0
            assay = line.truth()["api_pct"] + ASSAY_SD * laboratory.standard_normal() if due else nan
            rows.append((*flows.tolist(), assay))
    table = np.array(rows)
    return Record(float(_ROW_S), table[:, :2], table[:, 2])


def _flows(line: LineB, setpoints: Mapping[str, float]) -> tuple[float, ...]:
    line.step(_SCAN_S, setpoints)
    return tuple(float(np.asarray(line.tags[tag])) for tag in _TAGS)


def write(out: Annotated[Path, typer.Option()], dryer: DryerKind = "continuous", seed: int = 11) -> None:
    """Write the identified parameters into the folder `out`, for people and programs to read."""
    (out / FILE).write_bytes(written(identify(record(seed, dryer), ASSAY_SD, seed, _HOW)))


if __name__ == "__main__":
    typer.run(write)
