"""Tracer tests on simulated lines A, and the residence-time distributions of its units fitted to them.

``python -m hil.commissioning_rtd --out policies/lines/a`` writes ``blender.rtd.json`` and ``press.rtd.json``, the same
for the same seeds. The tracer is the API: its feeder is set higher for a minute at each of six combinations of
throughput and paddle speed, and thief samples are drawn behind the blender and from the feed frame and assayed. Every
seed is another line, so that what is found holds for one more line built alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from controller.material.fit import Forms, Tracer, fitted
from controller.material.rtd import Reference, write
from hil.plants.line_a import NOMINAL, LineA

SEEDS = tuple(range(701, 725))
"""Seeds of the lines; no scenario, test of diversion or benchmark uses them."""

TESTS = ((20.0, 250.0), (16.0, 250.0), (24.0, 250.0), (20.0, 200.0), (20.0, 320.0), (18.0, 250.0))
"""Throughput [kg/h] and paddle speed [rpm] of each test."""

FILES = {"blender": "blender.rtd.json", "press": "press.rtd.json"}
SETTLE_S, PULSE_S, TEST_S = 1200, 60, 1200
"""Time to settle, length of the pulse, and time that samples are drawn from its beginning on [s]."""
THIEF_S, ASSAY_SD = 10, 0.05
"""Time between two samples [s], and standard deviation of one assay [%w/w]."""

_PULSE, _STEP_S, _SHARE = 1.4, 0.5, 0.1
_HOW = (
    "six pulses of the API feeder, 40 % for 60 s, at 16 to 24 kg/h and 200 to 320 rpm on each of {n} simulated lines; "
    "inlet from the flow tags, thief samples every 10 s assayed with a standard deviation of 0.05 %"
)
_FLOWS = ("FDR_API.F_PV", "FDR_EXC.F_PV", "FDR_LUB.F_PV")


def tests(seed: int) -> dict[str, list[Tracer]]:
    """Return the tracer tests on the line with a seed, by unit."""
    line, laboratory = LineA(seed), np.random.default_rng([seed, 2])
    found: dict[str, list[Tracer]] = {unit: [] for unit in FILES}
    for total, speed in TESTS:
        rows = np.array(_test(line, (total, speed), laboratory))
        at, flow = rows[:, 0] - rows[0, 0], rows[:, 1]
        mixed = rows[:, 3]
        sampled = np.isfinite(mixed)
        between = np.asarray(np.interp(at, at[sampled], mixed[sampled]), np.float64)
        found["blender"].append(Tracer(at, flow, speed, rows[:, 2], mixed))
        found["press"].append(Tracer(at, flow, speed, between, rows[:, 4]))
    return found


def _test(line: LineA, point: tuple[float, float], laboratory: np.random.Generator) -> list[tuple[float, ...]]:
    """Return time [s], flow [kg/h], inlet and samples of blender and frame [%w/w] of one test, a row a second."""
    total, speed = point
    settings = dict(NOMINAL) | {"BLD.N_SP": speed, "FDR_EXC.F_SP": total * (1.0 - _SHARE) - NOMINAL["FDR_LUB.F_SP"]}
    rows = list[tuple[float, ...]]()
    for second in range(-SETTLE_S, TEST_S):
        pulsed = _PULSE if 0 <= second < PULSE_S else 1.0
        for _ in range(round(1.0 / _STEP_S)):
            line.step(_STEP_S, {**settings, "FDR_API.F_SP": total * _SHARE * pulsed})
        if second < 0:
            continue
        truth, (api, exc, lub) = line.truth(), (float(np.asarray(line.tags[tag])) for tag in _FLOWS)
        due = second % THIEF_S == 0
        assays = [truth[key] + ASSAY_SD * laboratory.standard_normal() for key in ("api_blender", "api_frame")]
        shown = assays if due else [np.nan, np.nan]
        flow = api + exc + lub
        rows.append((float(second), flow, 100.0 * api / flow, *shown))
    return rows


def identified(seeds: tuple[int, ...]) -> Mapping[str, bytes]:
    """Return the files of the units, by unit, from tests on the lines of some seeds."""
    campaigns = {seed: tests(seed) for seed in seeds}
    reference, how = Reference(flow=20.0, speed=250.0), _HOW.format(n=len(seeds))
    forms = {
        "blender": Forms("tanks", by_flow=True, by_speed=True),
        "press": Forms("tanks", by_flow=True, by_speed=False),
    }
    return {
        unit: write(fitted({str(seed): own[unit] for seed, own in campaigns.items()}, forms[unit], reference, how))
        for unit in FILES
    }


def commission(out: Annotated[Path, typer.Option()], first: int = SEEDS[0], lines: int = len(SEEDS)) -> None:
    """Write the residence-time distributions of line A into the folder OUT."""
    for unit, data in identified(tuple(range(first, first + lines))).items():
        (out / FILES[unit]).write_bytes(data)


if __name__ == "__main__":
    typer.run(commission)
