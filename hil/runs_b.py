"""Runs of line B at rest, many side by side: designed settings, hidden lots, and what the laboratory found.

Runs of one design are made on one line, that of its seed, or on several. What differs from run to run and is on no
tag: the wettability of the lot, the critical moisture of its granules, and the weather. A run begins at its settings
and is kept there; tags are averaged over its last minutes, and the thief sample is taken at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.random import Generator, default_rng

from hil.plants.gauges import Sources
from hil.plants.granulation import DryerKind, Granulation
from hil.plants.granules import Powder
from hil.plants.hoppers_b import NOMINAL
from hil.plants.ops import BATCHED, Floats

CORE: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "liquid": (0.21, 0.29),
        "speed": (600.0, 800.0),
        "powder": (13.5, 16.5),
        "share": (0.18, 0.22),
        "inlet": (49.0, 58.0),
        "air": (330.0, 400.0),
    }
)
"""Settings of designs: liquid to solids [1], screw speed [rpm], powder [kg/h], its share of API [1], inlet air [degC],
air [m3/h]."""

WIDE: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "liquid": (0.18, 0.32),
        "speed": (500.0, 900.0),
        "powder": (12.0, 18.0),
        "share": (0.16, 0.24),
        "inlet": (44.0, 63.0),
        "air": (300.0, 420.0),
    }
)
"""What the line may be run at, in the same units."""

FILL_S = (150.0, 220.0)
"""Times to fill a cell of designs for the dryer of six cells [s]."""

WETTABILITY_SD, CRITICAL_SD = 0.04, 0.06
"""Standard deviations from lot to lot of the wettability and of the critical moisture, relative [1]."""

LOD_SD, SIEVE_SD, ASSAY_SD = 0.10, 0.02, 0.10
"""Standard deviations of the laboratory: loss on drying [%], sieved size, relative [1], assay [%]."""

SENSORS = (
    "PMP.F_PV", "TSG.N_PV", "TSG.TORQUE", "CAM_W.D10", "CAM_W.D50", "CAM_W.D90", "DRY.TIN_PV", "DRY.AIR_PV", "DRY.Y_IN",
    "DRY.Y_OUT", "DRY.T_BED", "DRY.T_OUT", "MIL.POWER", "NIR_API",
)  # fmt: skip
"""Tags that are averaged, beside the settings and the flows of the feeders."""

TRUE: Mapping[str, str] = MappingProxyType(
    {"lod": "lod_pct", "d10": "milled_d10", "d50": "milled_d50", "d90": "milled_d90", "api": "api_pct"}
)
"""What the laboratory determines, and the column of the truth behind it."""

_STEP_S, _EVERY_S = 0.5, 5.0
_SPANS_S: Mapping[DryerKind, tuple[float, float]] = {"continuous": (900.0, 300.0), "six_cell": (1100.0, 700.0)}
_LEAVING = "dryer_lod_pct"
_FEED_SD, _SEEN_SD = 0.004, 0.003
_CRITICAL, _CRITICAL_SCALE = 4, 0.10
_AHEAD = 512


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """What is known of runs, each array of shape ``(n,)``."""

    settings: Mapping[str, Floats]
    """Settings by name, units of `WIDE`."""
    tags: Mapping[str, Floats]
    """Means of tags over the last minutes, and of the flows shown by the feeders, in the units of the tags."""
    labels: Mapping[str, Floats]
    """What the laboratory found: loss on drying [%], sizes [um], assay [%]."""
    truth: Mapping[str, Floats]
    """What it would have found without error, in the same units."""


def designed(n: int, rng: Generator, ranges: Mapping[str, tuple[float, float]] = CORE) -> dict[str, Floats]:
    """Return the settings of `n` runs, a Latin hypercube: each of `n` parts of every range is used once.

    Parameters
    ----------
    n
        Number of runs [1].
    rng
        Source of randomness.
    ranges
        Lowest and highest setting, units of `WIDE`.
    """
    return {name: low + (high - low) * (rng.permutation(n) + rng.random(n)) / n for name, (low, high) in ranges.items()}


def beyond(n: int, rng: Generator) -> dict[str, Floats]:
    """Return the settings of `n` runs that lie outside the ranges of designs in at least one respect.

    Parameters
    ----------
    n
        Number of runs [1].
    rng
        Source of randomness.
    """
    found = designed(4 * n, rng, WIDE)
    outside = np.any([(found[k] < CORE[k][0]) | (found[k] > CORE[k][1]) for k in CORE], axis=0)
    kept = np.flatnonzero(outside)[:n]
    return {name: values[kept] for name, values in found.items()}


def made(line: int | Sequence[int], settings: Mapping[str, Floats], seed: int, dryer: DryerKind = "continuous") -> Runs:
    """Return runs on the line with a seed, or on lines of several.

    Parameters
    ----------
    line
        Seed of what sets the line apart from the nominal one; of the line of each run, if they are several.
    settings
        Settings by name, each of shape ``(n,)``, units of `WIDE`.
    seed
        Seed of lots, weather, noise and laboratory.
    dryer
        Which dryer the line has.
    """
    n = len(settings["liquid"])
    lines = [line] * n if isinstance(line, int) else list(line)
    lots, noise, laboratory = (default_rng([seed, lines[0], part]) for part in range(3))
    api, exc = settings["powder"] * settings["share"], settings["powder"] * (1.0 - settings["share"])
    fed = [flow * (1.0 + _FEED_SD * lots.standard_normal(n)) / 3600.0 for flow in (api, exc)]
    shown = [3600.0 * flow * (1.0 + _SEEN_SD * lots.standard_normal(n)) for flow in fed]
    sources = Sources(BATCHED, _normals(noise, n), _skew(lines, lots))
    wanted = _setpoints(settings, n)
    powder = Powder(fed[0] + fed[1], np.zeros(n), fed[0])
    plant = Granulation(sources, dryer, powder, wanted, 1.0)
    hits = {"TSG": {"F20": WETTABILITY_SD * lots.standard_normal(n)}}
    fed_now = (powder, (shown[0] + shown[1]) / 3600.0)
    rows = list(_watched(plant, fed_now, wanted, hits, _SPANS_S[dryer]))
    tags = {name: np.mean([row[name] for row in rows], axis=0) for name in SENSORS}
    tags |= {"FDR_API.F_PV": shown[0], "FDR_EXC.F_PV": shown[1]}
    found = plant.truth()
    truth = {name: found[column] for name, column in TRUE.items()}
    if dryer == "six_cell":
        truth["lod"] = found[_LEAVING]  # a batch is what left a cell last; the mill evens batches out
    return Runs(settings, tags, _measured(truth, laboratory), truth)


def _normals(rng: Generator, n: int) -> Callable[[], Floats]:
    def blocks() -> Iterator[Floats]:
        while True:
            yield from rng.standard_normal((_AHEAD, n))

    block = blocks()
    return lambda: next(block)


def _skew(lines: Sequence[int], lots: Generator) -> Callable[[], Floats]:
    """Return the source of what sets lines apart: the same for runs on one line, but for what differs by the lot."""
    sources, count, n = {line: default_rng([line, 7]) for line in lines}, iter(range(1_000_000)), len(lines)
    varied = {_CRITICAL: CRITICAL_SD / _CRITICAL_SCALE * lots.standard_normal(n)}

    def skew() -> Floats:
        drawn = {line: float(source.standard_normal()) for line, source in sources.items()}
        return np.array([drawn[line] for line in lines]) + varied.get(next(count), np.zeros(n))

    return skew


def _setpoints(settings: Mapping[str, Floats], n: int) -> dict[str, Floats]:
    start = {name: np.full(n, value) for name, value in NOMINAL.items()}
    tags = {
        "liquid": "PMP.LS_SP",
        "speed": "TSG.N_SP",
        "inlet": "DRY.TIN_SP",
        "air": "DRY.AIR_SP",
        "fill": "DRY.TFILL_SP",
    }
    return start | {tag: settings[name] for name, tag in tags.items() if name in settings}


def _watched(
    plant: Granulation[Floats],
    fed: tuple[Powder[Floats], Floats],
    wanted: Mapping[str, Floats],
    hits: Mapping[str, Mapping[str, Floats]],
    spans_s: tuple[float, float],
) -> Iterator[Mapping[str, Floats]]:
    """Run the lines for a lead and then for what is watched, and give the tags of that now and then."""
    (powder, seen), (lead_s, watched_s) = fed, spans_s
    every = round(_EVERY_S / _STEP_S)
    part = Powder(powder.dry * _STEP_S, powder.water * _STEP_S, powder.api * _STEP_S)
    for step in range(1, round((lead_s + watched_s) / _STEP_S) + 1):
        plant.step(_STEP_S, step * _STEP_S, (part, seen), wanted, hits)
        if step * _STEP_S > lead_s and step % every == 0:
            yield plant.tags


def _measured(truth: Mapping[str, Floats], rng: Generator) -> dict[str, Floats]:
    absolute = {"lod": LOD_SD, "api": ASSAY_SD}
    normals = {name: rng.standard_normal(len(value)) for name, value in truth.items()}
    return {name: value + absolute.get(name, SIEVE_SD * value) * normals[name] for name, value in truth.items()}
