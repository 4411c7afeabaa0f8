"""Steps of the compression force on the simulated press, seen through its tags, and what is identified from them.

``python -m hil.commissioning_press --seed 11 --out policies/lines/a`` writes ``press.json``, the same for the same
seed.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from controller.models.identify_press import Record, identify
from controller.models.process import write as written
from hil.plants.line_a import NOMINAL, LineA

FORCES_KN = (6.0, 5.0, 7.0, 5.5, 6.5, 6.0, 7.0, 5.0, 6.5, 5.5, 6.0, 5.0, 7.0, 6.5, 5.5, 6.0)
"""Setpoints of the main compression force, one after the other [kN]."""

STEP_S, SETTLED_S = 900.0, 120.0
"""Length of each step, and time after which tablets of it count [s]."""

FILE = "press.json"
_HOW = (
    "sixteen steps of the compression force on the simulated line, 15 min each at one gap; force from its tag, "
    "averaged over 10 s about the time at which ten tablets were taken every 5 min, and their mean mass weighed at line"
)
_SCAN_S, _AROUND_S, _KEPT_S = 0.5, 5.0, 200.0


def record(seed: int) -> Record:
    """Return the record of the steps on the line with a seed."""
    line, rows = LineA(seed), list[tuple[float, float, float]]()
    shown: deque[tuple[float, float]] = deque(maxlen=round(_KEPT_S / _SCAN_S))
    last = line.taken["PRS.M_TAB"]
    for start, force in zip(np.arange(len(FORCES_KN)) * STEP_S, FORCES_KN, strict=True):
        for _ in range(round(STEP_S / _SCAN_S)):
            line.step(_SCAN_S, {**NOMINAL, "PRS.MCF_SP": force})
            shown.append((line.time, float(np.asarray(line.tags["PRS.MCF"]))))
            taken = line.taken["PRS.M_TAB"]
            if taken > last and taken >= start + SETTLED_S:
                about = [value for at, value in shown if abs(at - taken) <= _AROUND_S]
                rows.append((float(np.mean(about)), float(np.asarray(line.tags["PRS.M_TAB"])), taken))
            last = taken
    force_kn, mass, at = np.array(rows).T
    return Record(force_kn, mass, at)


def write(out: Annotated[Path, typer.Option()], seed: int = 11) -> None:
    """Write what is identified of the press into the folder `out`, for people and programs to read."""
    (out / FILE).write_bytes(written(identify(record(seed), NOMINAL["PRS.MCF_SP"], seed, _HOW)))


if __name__ == "__main__":
    typer.run(write)
