"""Tablets of line A pressed at designed settings, and the model of their hardness fitted to what was found at line.

``python -m hil.runs_a --out policies/lines/a`` writes ``hardness.soft.json``, the same for the same seed. Runs of one
line follow one another; each is kept for 12 min, and ten tablets are weighed and broken near its end. The model is
fitted to runs on some lines; others say how wide its interval is, and further ones, seen by nobody before, what it is
worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, cast

import numpy as np
import typer

from controller.soft.hybrid_judge import Goal
from controller.soft.hybrid_lines import Lines, across, told
from controller.soft.hybrid_model import HybridModel
from controller.soft.recipes import Plan
from controller.soft.samples import Samples
from hil.plants.line_a import NOMINAL, LineA
from hil.plants.ops import Floats

SETTINGS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"PRS.MCF_SP": (4.5, 8.0), "PRS.GAP_SP": (2.95, 3.2), "FDR_LUB.F_SP": (0.15, 0.26)}
)
"""Lowest and highest force [kN], gap [mm] and flow of lubricant [kg/h]."""

UNITS: Mapping[str, str] = MappingProxyType({"mass": "mg", "gap": "mm", "lubricant": "kg/h", "total": "kg/h"})
"""Inputs of the model, with their units."""

SEED = 31
SHARES = ((30, 4), (6000, 1), (6000, 1))
"""Lines, and runs on each, that are fitted to, that calibrate and that are withheld [1]."""

_APART = (31_000, 1_031_000, 4_031_000)
FILE = "hardness.soft.json"
HARD_SD = 3.0
"""Standard deviation of the mean hardness of ten tablets [N]."""

_KEPT_S, _STEP_S, _MEAN_S, _SHOWN_LATE_S = 725.0, 1.0, 120.0, 120.0
_BETWEEN_S = 3600.0


def pressed(runs: int, seed: int) -> tuple[Samples, np.ndarray]:
    """Return labelled samples of tablets, and their true hardness, shape ``(runs,)`` [N].

    Parameters
    ----------
    runs
        Number of runs [1].
    seed
        Seed of the line and of the design.
    """
    rng, line = np.random.default_rng([seed, runs]), LineA(seed)
    design = {
        name: low + (high - low) * (rng.permutation(runs) + rng.random(runs)) / runs
        for name, (low, high) in SETTINGS.items()
    }
    settings = [{name: float(values[run]) for name, values in design.items()} for run in range(runs)]
    rows = [_kept(line, {**NOMINAL, **wanted}) for wanted in settings]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    at = columns["taken"]
    inputs = {name: columns[name] for name in UNITS}
    return Samples(inputs, columns["hardness"], at, at + _SHOWN_LATE_S), columns["true"]


def _kept(line: LineA, wanted: Mapping[str, float]) -> dict[str, float]:
    """Return what was read of one run: at line when its last sample was taken, and of the feeders around then."""
    truth: dict[float, float] = {}
    flows: list[tuple[float, float, float]] = []
    for _ in range(round(_KEPT_S / _STEP_S)):
        line.step(_STEP_S, wanted)
        truth[line.time] = line.truth()["hardness_n"]
        api, exc, lub = (_shown(line, f"FDR_{name}.F_PV") for name in ("API", "EXC", "LUB"))
        flows.append((line.time, lub, api + exc + lub))
    taken = line.taken["PRS.HARD"]
    around = np.array([flow[1:] for flow in flows if taken - _MEAN_S < flow[0] <= taken])
    lubricant, total = around.mean(axis=0).tolist()
    return {
        "mass": _shown(line, "PRS.M_TAB"),
        "gap": _shown(line, "PRS.GAP"),
        "lubricant": lubricant,
        "total": total,
        "hardness": _shown(line, "PRS.HARD"),
        "taken": taken,
        "true": truth[taken],
    }


def _shown(line: LineA, tag: str) -> float:
    return cast("float", line.tags[tag])


def lines(first: int, count: int, each: int) -> Samples:
    """Return labelled samples of tablets of lines of consecutive seeds.

    Parameters
    ----------
    first
        Seed of the first line.
    count
        Number of lines [1].
    each
        Number of runs on each [1].
    """
    found = [pressed(each, first + k)[0] for k in range(count)]
    at: Floats = _BETWEEN_S * np.arange(count * each, dtype=np.float64)
    inputs = {name: np.concatenate([one.inputs[name] for one in found]) for name in UNITS}
    return Samples(inputs, np.concatenate([one.labels for one in found]), at, at + _SHOWN_LATE_S)


def fitted() -> Samples:
    """Return the samples the model of the hardness is fitted to."""
    return lines(_APART[0], *SHARES[0])


def hardness() -> HybridModel:
    """Return the model of the hardness of tablets."""
    goal = Goal(
        Plan("compaction", ("parallel",), ("ridge", "gp"), seed=SEED, label_sd=HARD_SD),
        "hardness",
        "N",
        UNITS,
        {},
        "hardness of the tablets made now, between samples at line",
        "designed runs on simulated lines A, ten tablets weighed and broken in each",
        label_delay_s=_SHOWN_LATE_S,
        rivals=("ridge", "pls", "gp"),
    )
    calibrated, withheld = (lines(first, *share) for first, share in zip(_APART[1:], SHARES[1:], strict=True))
    return across(goal, Lines(fitted(), calibrated, withheld, told(SHARES)))


def write(out: Annotated[Path, typer.Option()]) -> None:
    """Write the model of the hardness of tablets into the folder OUT."""
    text = hardness().model_dump_json(indent=1, by_alias=True)
    (out / FILE).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(write)
