"""Runs of line C at rest, many side by side: designed settings, hidden differences, and what was found in samples.

What differs from run to run and is on no tag: the kinetics of the line, the strength of its stocks, the activity of its
catalyst, and how long its infrared instrument has drifted. Pumps, thermostats and instruments are those of the line;
coil and bed are at rest at what the pumps deliver on average over the last minutes, over which tags are averaged too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from types import MappingProxyType

import numpy as np
from numpy.random import Generator, default_rng

from hil.plants import hydrogenation, synthesis
from hil.plants.ftir import Ftir
from hil.plants.hydrogenation import RINGS, Bed, BedRun, BedSkew, from_coil
from hil.plants.line_c import NOMINAL, differences
from hil.plants.noise import Noise, Skew
from hil.plants.ops import BATCHED, Floats
from hil.plants.skid import PUMPS, Pumps, Thermostat
from hil.runs_b import Runs

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
"""Tags that are averaged over the last minutes of a run."""

CONVERSION_SD, ACTIVITY_SD = 0.10, 0.03
"""Standard deviations of the laboratory: conversion [%]; activity in a standard test, relative [1]."""

AREA_FLOOR, AREA_SD = 0.006, 0.015
"""Standard deviation of a peak of the chromatograph: least [area-%], and as a share of it [1]."""

LOD = 0.01
"""Limit of detection, for which a smaller peak is taken [area-%]."""

PEAKS: Mapping[str, int] = MappingProxyType(
    {
        "sm": hydrogenation.SM,
        "imp_a": hydrogenation.PARA,
        "imp_b": hydrogenation.BIS,
        "nitro": hydrogenation.NITRO,
        "imp_h": hydrogenation.HYDROXYL,
        "imp_c": hydrogenation.DIMER,
        "imp_d": hydrogenation.DESFLUORO,
    }
)
"""Peaks of the chromatograph, and the species behind each."""

_SPENT = 0.3
_DRIFTED_S = 8 * 3600.0
_LEAD_S, _LOOKS, _EVERY_S = 1800.0, 20, 15.0
_REST_S = 600.0
_TAUS_S = (60.0, 120.0)
_HYDROGEN_SD_BAR, _BIAS = 0.05, 0.3
_ML_MIN = 6e7


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What instruments and feed of one run were, on average over the last minutes."""

    fed: list[float]
    """Concentrations in the feed, in the order of the species of the coil [mol/m3]."""
    run: tuple[float, float, float]
    """Flow [m3/s] and temperatures of coil and bed [degC]."""
    tags: dict[str, float]
    """Means of tags, in their units."""
    infrared: Ftir
    """The infrared instrument."""
    kinetics: tuple[list[float], BedSkew[float]]
    """How coil and bed differ from the nominal ones [1]."""


def made(lines: Sequence[int], settings: Mapping[str, Floats], seed: int) -> Runs:
    """Return runs on lines of several seeds.

    Parameters
    ----------
    lines
        Seed of the line of each run.
    settings
        Settings by name, each of shape ``(n,)``, units of `RANGES`.
    seed
        Seed of stocks, ageing, noise and laboratory.
    """
    n, chance = len(lines), default_rng([seed, lines[0], 31])
    activity = chance.uniform(_SPENT, 1.0, n)
    drifted = chance.uniform(0.0, _DRIFTED_S, n)
    wanted = [{**NOMINAL, **{name: float(values[i]) for name, values in settings.items()}} for i in range(n)]
    seen = [_seen(line, wanted[i], default_rng([seed, line, i, 32])) for i, line in enumerate(lines)]
    coil, end = _at_rest(seen, settings["R2.PH2_SP"], activity)
    infrared = np.array([_infrared(one.infrared, drifted[i], coil[:, i]) for i, one in enumerate(seen)])
    tags = {name: np.array([one.tags[name] for one in seen]) for name in SENSORS[:6]}
    tags |= {"FTIR.SM": infrared[:, 0], "FTIR.P": infrared[:, 1]}
    truth = _areas(end) | {"activity": activity}
    truth["conversion"] = 100.0 - truth["sm"]
    tags["PEAK.NITRO"] = _peak(truth["nitro"], chance)
    return Runs(settings, tags, _measured(truth, chance), truth)


def _seen(line: int, wanted: Mapping[str, float], rng: Generator) -> _Seen:
    skew, noise = Skew(default_rng([line, 7]), 1.0, 64), Noise(rng, 1.0, 512)
    kinetics, pumps = differences(skew), Pumps(noise, skew, NOMINAL)
    baths = [
        Thermostat(name, tau, noise, skew, wanted[f"{name}.T_SP"])
        for name, tau in zip(("R1", "R2"), _TAUS_S, strict=True)
    ]
    skew()
    hydrogen = wanted["R2.PH2_SP"] + _HYDROGEN_SD_BAR * (_BIAS * skew() + noise() / sqrt(_LOOKS))
    rows: list[list[float]] = []
    for look in range(_LOOKS + 1):
        dt = _EVERY_S if look else _LEAD_S
        pumps.step(dt, wanted, {})
        pumps.sense()
        for name, bath in zip(("R1", "R2"), baths, strict=True):
            bath.step(dt, wanted[f"{name}.T_SP"])
        flows = [flow * _ML_MIN for flow in pumps.shown]
        rows.append([*flows, baths[0].shown, baths[1].shown, pumps.flow, *(b.temperature for b in baths), *pumps.fed])
    means: list[float] = np.mean(rows[1:], axis=0).tolist()
    shown = dict(zip([*(f"{name}.F_PV" for name in PUMPS), "R1.T_PV", "R2.T_PV"], means[:5], strict=True))
    infrared = Ftir(noise, skew, 0.0, 0.0)
    return _Seen(means[8:], (means[5], means[6], means[7]), shown | {"R2.PH2_PV": hydrogen}, infrared, kinetics)


def _at_rest(seen: Sequence[_Seen], hydrogen: Floats, activity: Floats) -> tuple[Floats, list[Floats]]:
    """Return starting material and nitro compound behind the coils, and all species behind the beds [mol/m3]."""
    fed = list(np.array([one.fed for one in seen]).T)
    flow, warm, hot = np.array([one.run for one in seen]).T
    coil = list(np.array([one.kinetics[0] for one in seen]).T)
    packed = list(np.array([one.kinetics[1].kinetics for one in seen]).T)
    zero = 0.0 * flow
    k = synthesis.substitutions(BATCHED, warm, coil)
    stay = synthesis.VOLUME_M3 / (synthesis.CELLS * flow)
    left = synthesis.coil_at_rest(BATCHED, fed, k, stay)[-synthesis.SPECIES :]
    run = BedRun(flow, hot, hydrogen, zero, zero)
    bed = Bed(BATCHED, BedSkew(packed, 1.0 + zero), from_coil(left), run)
    bed.activity = [activity] * hydrogenation.CELLS
    bed.step(_REST_S, from_coil(left), run)
    return np.array([left[synthesis.SM], left[synthesis.NITRO]]), bed.x[-hydrogenation.SPECIES :]


def _infrared(instrument: Ftir, drifted_s: float, behind: Floats) -> Floats:
    """Return the means of what the instrument shows of what stands behind the coil [mol/m3]."""
    sm, nitro = float(behind[0]), float(behind[1])
    rows: list[tuple[float, float]] = []
    for look in range(_LOOKS + 1):
        instrument.look(drifted_s + look * _EVERY_S, sm, nitro, {})
        rows.append(instrument.shown.shown.value)
    return np.asarray(np.mean(rows[1:], axis=0))


def _areas(end: Sequence[Floats]) -> dict[str, Floats]:
    rings = [count * one for count, one in zip(RINGS, end, strict=True)]
    total = np.sum(rings, axis=0)
    return {name: np.asarray(100.0 * rings[i] / total) for name, i in PEAKS.items()}


def _peak(area: Floats, rng: Generator) -> Floats:
    sd = np.sqrt(AREA_FLOOR**2 + (AREA_SD * area) ** 2)
    return np.maximum(area + sd * rng.standard_normal(len(area)), LOD)


def _measured(truth: Mapping[str, Floats], rng: Generator) -> dict[str, Floats]:
    found = {name: _peak(truth[name], rng) for name in PEAKS}
    found["conversion"] = truth["conversion"] + CONVERSION_SD * rng.standard_normal(len(truth["conversion"]))
    found["activity"] = truth["activity"] * (1.0 + ACTIVITY_SD * rng.standard_normal(len(truth["activity"])))
    return found
