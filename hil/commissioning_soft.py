"""The hybrid soft sensors of the shipped lines, fitted to designed runs on many simulated lines of the kind.

``python -m hil.commissioning_soft --line b --out policies/lines/b`` writes ``lod.soft.json`` and the others, the same
for the same seed; so it is for lines ``b2`` and ``c``. Each is fitted to runs of some lines; others decide whether the
hybrid, its core alone or a learner alone is made, and how wide its interval is; further ones, seen by nobody before,
give the figures on its card. As the runs come from many lines, intervals hold for a line of the kind that nobody has
measured yet, and are wider than they would be on one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from controller.models import process
from controller.soft.aligned import Timing, of_path
from controller.soft.cores import CORES
from controller.soft.hybrid_judge import Goal
from controller.soft.hybrid_lines import Lines, across, told
from controller.soft.hybrid_model import HybridModel, said
from controller.soft.learners import Kind
from controller.soft.recipes import Plan
from controller.soft.samples import Samples
from hil import runs_b, runs_c
from hil.plants.granulation import DryerKind
from hil.plants.ops import Floats
from hil.runs_b import Runs
from policies import load, shipped

Share = tuple[int, int]
"""Lines, and runs on each [1]."""

SHARES: Mapping[str, tuple[Share, Share, Share]] = {
    "b": ((30, 4), (8000, 1), (8000, 1)),
    "b2": ((30, 4), (6000, 1), (6000, 1)),
    "c": ((30, 4), (6000, 1), (6000, 1)),
}
"""What is fitted to, what calibrates and what is withheld, by line."""

PARTS = (0, 1, 4)
"""What sets the seeds of the three apart [1]; the lines of 2 and 3 were withheld once, and looked at."""

SMOOTHED_S = 150.0
"""Least lag of an input, which leaves as much noise as the means of the runs have [s]."""

LABEL_DELAY_S = 900.0
"""Time from a sample to its result [s]."""

RIVALS: tuple[Kind, ...] = ("ridge", "pls", "gp")
"""Learners to choose from, beside a core and without one."""

_RUN_S = 3600.0
_BATCH_S, _BED_S, _RESULT_S = 900.0, 450.0, 480.0
"""Time a batch spends in its cell and half of it, and age of a chromatogram in the middle [s]."""

_COIL_S, _PACKED_S = 96.0, 120.0
"""Stay in the coil and in the packed bed at the usual flow [s]."""

_POWDER = {"liquid_flow": "PMP.F_PV", "api_flow": "FDR_API.F_PV", "exc_flow": "FDR_EXC.F_PV"}
_AIR = {"inlet": "DRY.TIN_PV", "air": "DRY.AIR_PV", "humidity": "DRY.Y_IN"}
_PUMPS = {"flow_sm": "P1.F_PV", "flow_amine": "P2.F_PV", "flow_ethanol": "P3.F_PV"}


@dataclass(frozen=True, slots=True)
class Sensor:
    """One soft sensor of a line."""

    core: str
    """Name of its core."""
    reads: Mapping[str, str]
    """Tag of each input."""
    label_sd: float
    """Standard deviation of one result, in its unit, or relative where the core is logarithmic."""


def _size(name: str) -> Sensor:
    wet = {"speed": "TSG.N_PV", "wet": f"CAM_W.{name}", "torque": "TSG.TORQUE", "power": "MIL.POWER"}
    return Sensor("power_law", _POWDER | wet, runs_b.SIEVE_SD)


_LOD = Sensor("two_zone", _POWDER | _AIR | {"bed": "DRY.T_BED", "outlet_humidity": "DRY.Y_OUT"}, runs_b.LOD_SD)
_API = Sensor("feeders", {"api_flow": "FDR_API.F_PV", "exc_flow": "FDR_EXC.F_PV", "nir": "NIR_API"}, runs_b.ASSAY_SD)
_BATCH = Sensor("per_cell", _POWDER | _AIR | {"fill": "DRY.TFILL_ACT", "bed": "DRY.T_BED"}, runs_b.LOD_SD)
_INFRARED = {"ftir_sm": "FTIR.SM", "ftir_nitro": "FTIR.P"}
_CATALYST = {"bed": "R2.T_PV", "hydrogen": "R2.PH2_PV"}
_GIVES: Mapping[str, str] = {"activity": "SOFT.ACTIVITY.MECH"}
"""Tag of what the core of a sensor says, where those after it read it, by result."""


def _behind_coil(core: str, label_sd: float) -> Sensor:
    return Sensor(core, _PUMPS | {"coil": "R1.T_PV"} | _INFRARED, label_sd)


def _behind_bed(core: str, label_sd: float) -> Sensor:
    return Sensor(core, _PUMPS | _CATALYST | {"activity": _GIVES["activity"]}, label_sd)


_ACTIVITY = Sensor("bed", _PUMPS | {"nitro": "PEAK.NITRO"} | _CATALYST, runs_c.ACTIVITY_SD)
_SYNTHESIS = {
    "conversion": _behind_coil("coil", runs_c.CONVERSION_SD),
    "imp_a": _behind_coil("isomer", runs_c.AREA_SD),
    "imp_b": _behind_coil("bis", runs_c.AREA_SD),
    "activity": _ACTIVITY,
    "nitro": _behind_bed("reduced", runs_c.AREA_SD),
    "imp_h": _behind_bed("reduced", runs_c.AREA_SD),
    "imp_c": _behind_bed("reduced", runs_c.AREA_SD),
    "imp_d": _behind_bed("stripped", 0.05),
}

SENSORS: Mapping[str, Mapping[str, Sensor]] = {
    "b": {"lod": _LOD, "d10": _size("D10"), "d50": _size("D50"), "d90": _size("D90"), "api": _API},
    "b2": {"lod": _BATCH},
    "c": _SYNTHESIS,
}
"""Soft sensors by line and result."""


_RANGES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "b": runs_b.WIDE,
    "b2": {**runs_b.WIDE, "fill": runs_b.FILL_S},
    "c": runs_c.RANGES,
}


def models(line: str, seed: int) -> Iterator[tuple[str, HybridModel]]:
    """Give the soft sensors of a line, by result.

    Parameters
    ----------
    line
        Name in `SENSORS`.
    seed
        Seed of lines, settings, lots and laboratory.
    """
    parts = [_made(line, *one) for one in zip(SHARES[line], (1000 * part + seed for part in PARTS), strict=True)]
    for result, sensor in SENSORS[line].items():
        samples = [_samples(runs, result, sensor) for runs in parts]
        lines = Lines(samples[0], samples[1], samples[2], told(SHARES[line]))
        model = across(_goal(line, result, sensor, seed), lines)
        if result in _GIVES:
            cores = [said(model, one.inputs).core for one in samples]
            parts = [
                replace(runs, tags={**runs.tags, _GIVES[result]: core}) for runs, core in zip(parts, cores, strict=True)
            ]
        yield result, model


def _made(line: str, share: Share, seed: int) -> Runs:
    count, each = share
    lines: list[int] = np.repeat(1000 * seed + np.arange(count), each).tolist()
    settings = runs_b.designed(len(lines), np.random.default_rng([seed, 41]), _RANGES[line])
    if line == "c":
        return runs_c.made(lines, settings, seed)
    dryer: DryerKind = "continuous" if line == "b" else "six_cell"
    runs = runs_b.made(lines, settings, seed, dryer)
    return replace(runs, tags={**runs.tags, "DRY.TFILL_ACT": settings["fill"]}) if "fill" in settings else runs


def _samples(runs: Runs, result: str, sensor: Sensor) -> Samples:
    at: Floats = _RUN_S * np.arange(len(runs.labels[result]), dtype=np.float64)
    inputs = {name: runs.tags[tag] for name, tag in sensor.reads.items()}
    return Samples(inputs, runs.labels[result], at, at + LABEL_DELAY_S)


def _goal(line: str, result: str, sensor: Sensor, seed: int) -> Goal:
    policy, core = load(shipped(line)), CORES[sensor.core]
    units = {n: core.inputs[n].unit if n in core.inputs else policy.units()[tag] for n, tag in sensor.reads.items()}
    return Goal(
        plan=Plan(sensor.core, ("parallel",), RIVALS, label_sd=sensor.label_sd, seed=seed),
        result=result,
        unit=core.unit,
        units=units,
        timings={name: _timing(line, sensor, name) for name in sensor.reads},
        intended_use="monitoring and as a second witness; not for release, and not read by a loop",
        source=f"designed runs on simulated lines of the kind, seed {seed}",
        label_delay_s=LABEL_DELAY_S,
        rivals=RIVALS,
    )


def _timing(line: str, sensor: Sensor, name: str) -> Timing:
    """Return the alignment of an input by the residence time that was identified, and no less smooth than the runs."""
    core = CORES[sensor.core].inputs
    share = core[name].path if name in core else 0.0
    found = _paths(line, sensor.core, share)
    return replace(found, lag_s=max(found.lag_s, SMOOTHED_S))


def _paths(line: str, core: str, share: float) -> Timing:
    if core == "bed":
        return Timing(_RESULT_S if share > 0.0 else 0.0, 0.0)
    if line == "c":
        bed = core in {"reduced", "stripped"}
        return of_path(_PACKED_S if bed else _COIL_S + _PACKED_S, 3.0 if bed else 6.0, share)
    if core == "per_cell":
        return Timing(
            _BATCH_S if share == 1.0 else _BED_S / 2.0 if share > 0.0 else 0.0, _BED_S if share < 1.0 else 0.0
        )
    identified = process.read((shipped(line).parent / "process.json").read_bytes())
    masses = [one.value for key, one in identified.parameters.items() if key.startswith("tank_")]
    return of_path(sum(masses) / (15.0 / 3600.0), float(len(masses)), share)


def write(out: Annotated[Path, typer.Option()], line: str = "b", seed: int = 11) -> None:
    """Write the soft sensors of a line into the folder `out`, each into a file named for its result."""
    for result, model in models(line, seed):
        text = model.model_dump_json(by_alias=True, indent=1)
        (out / f"{result}.soft.json").write_text(text + "\n", encoding="utf-8")
        figures = model.card.figures
        others = ", ".join(f"{name} {one.rmsep:.3g}" for name, one in model.card.baselines.items())
        said = f"RMSEP {figures.rmsep:.3g} {model.unit} ({others}), coverage {figures.coverage:.3f}"
        typer.echo(f"{result}: {model.form}, {said}", err=True)


if __name__ == "__main__":
    typer.run(write)
