"""Settings of line C held one after the other, on several lines: means of tags, and what a laboratory found at the end.

The catalyst of each line ages at a pace of its own, so that its activity differs from one setting to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from hil.plants.faults import Fault
from hil.plants.line_c import NOMINAL, LineC
from hil.plants.ops import Floats
from hil.runs_b import Runs, designed

RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "EQ_SP": (1.2, 1.7),
        "R1.T_SP": (50.0, 70.0),
        "Q_SP": (0.8, 1.2),
        "R2.T_SP": (53.0, 67.0),
        "R2.PH2_SP": (8.0, 17.0),
    }
)
"""Settings of designs: ratio [1], coil [degC], throughput [1], bed [degC], hydrogen [bar]."""

SENSORS = ("P1.F_PV", "P2.F_PV", "P3.F_PV", "R1.T_PV", "R2.T_PV", "R2.PH2_PV", "FTIR.SM", "FTIR.P")
"""Tags that are averaged over the last minutes of a setting."""

CONVERSION_SD, ACTIVITY_SD, AREA_SD = 0.10, 0.03, 0.015
"""Standard deviations of the laboratory: conversion [%]; activity in a standard test and areas, relative [1]."""

_SETTING_S, _MEAN_S, _EVERY_S = 1800, 300, 15
_FASTEST = 80.0


def made(lines: int, each: int, seed: int) -> Runs:
    """Return settings held on lines, one line after the other.

    Parameters
    ----------
    lines
        Number of lines [1].
    each
        Settings held on each [1].
    seed
        Seed of lines, settings, ageing and laboratory.
    """
    rng = np.random.default_rng([seed, 31])
    settings = designed(lines * each, rng, RANGES)
    rows: list[dict[str, float]] = []
    for k in range(lines):
        ageing = Fault("C06", "R2", 0.0, magnitude=float(rng.uniform(1.0, _FASTEST)))
        line = LineC(1000 * seed + k, faults=[ageing])
        own = range(k * each, (k + 1) * each)
        rows.extend(_held(line, {name: float(values[i]) for name, values in settings.items()}) for i in own)
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    truth = {name: columns[f"true_{name}"] for name in ("conversion", "activity")}
    tags = {name: columns[name] for name in SENSORS}
    tags["PEAK.NITRO"] = columns["nitro"] * (1.0 + AREA_SD * rng.standard_normal(len(rows)))
    sds: dict[str, Floats | float] = {"conversion": CONVERSION_SD, "activity": ACTIVITY_SD * truth["activity"]}
    labels = {name: value + sds[name] * rng.standard_normal(len(rows)) for name, value in truth.items()}
    return Runs(settings, tags, labels, truth)


def _held(line: LineC, settings: Mapping[str, float]) -> dict[str, float]:
    """Return means of tags and the truth at the end of a setting."""
    seen: list[list[float]] = []
    for second in range(1, _SETTING_S + 1):
        line.step(1.0, {**NOMINAL, **settings})
        if second > _SETTING_S - _MEAN_S and second % _EVERY_S == 0:
            seen.append([float(np.asarray(line.tags[tag])) for tag in SENSORS])
    means = dict(zip(SENSORS, np.mean(seen, axis=0).tolist(), strict=True))
    true = line.truth()
    return means | {"nitro": true["nitro"], "true_conversion": 100.0 - true["sm"], "true_activity": true["activity"]}
