"""The yardsticks of line C: the standard setpoints, and the best setting that is kept all day.

Whoever looks for the best constant setting knows the line: its rate constants, its pumps, its catalyst. Settings are
tried at rest in each part of a day, hundreds side by side, and the best is then really turned at the PLCs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.random import SeedSequence, default_rng

from hil.plants import hydrogenation, synthesis
from hil.plants.faults import Fault
from hil.plants.hydrogenation import Bed, BedRun, BedSkew, from_coil
from hil.plants.line_c import NOMINAL, differences
from hil.plants.noise import Noise
from hil.plants.ops import BATCHED, SINGLE
from hil.plants.skid import STOCKS
from hil.plc.lines import blueprint
from hil.rig.baselines import Day
from hil.rig.truth import Truth, TruthLog
from hil.runs_c import PEAKS
from plant_io.signals import Floats
from policies import Policy

LIMITS = {"sm": 5.0, "imp_a": 4.2, "imp_b": 4.6, "nitro": 0.20, "imp_h": 0.10, "imp_c": 0.15, "imp_d": 0.20}
"""Alert limits of the impurities the method lists [area-%]."""

DAY_S = 4 * 3600.0
"""Length of the day [s]."""

FAULTS = (
    Fault("F60", "P2", 3600.0, off_s=6000.0, magnitude=0.08),
    Fault("F62", "R2", 6600.0, off_s=9000.0, magnitude=0.02),
    Fault("F65", "P3", 9900.0, off_s=11700.0, magnitude=2.0),
)
"""What goes wrong: the amine pump loses 8 % for 40 min, a lot of solvent poisons the catalyst for 40 min, and another
brings 2 mmol/L of an aldehyde for 30 min."""

SETTLED_S = 1800.0
"""Plant time from which a day counts [s]."""

_ML_MIN, _MM_TO_M = 6e7, 1e3
_TRIED, _ROUNDS, _BEST = 800, 3, 40
_REST_S = 240.0
_TOTAL = 60.0


class Setting(NamedTuple):
    """Setpoints that are kept."""

    ratio: float
    """Pyrrolidine to starting material [1]."""
    coil: float
    """Temperature of the coil [degC]."""
    throughput: float
    """Factor on all flows [1]."""
    bed: float
    """Temperature of the bed [degC]."""
    hydrogen: float
    """Pressure of hydrogen [bar]."""


STANDARD = Setting(1.4, 60.0, 1.0, 60.0, 12.0)
"""The setpoints the line starts with."""

LOWEST, HIGHEST = Setting(1.05, 45.0, 0.6, 45.0, 6.0), Setting(2.0, 80.0, 1.3, 80.0, 20.0)
"""What the loop may set, too."""

MARGIN = 0.03
"""Share of each limit that the search leaves free for what pumps and stocks do [1]."""

ROBUST = Setting(1.492, 45.66, 0.616, 52.87, 20.0)
"""What `hindsight` finds for the days of seeds 101 to 105 together."""

_TAGS = ("EQ_SP", "R1.T_SP", "Q_SP", "R2.T_SP", "R2.PH2_SP")


class _Part(NamedTuple):
    """A part of the day in which the line comes to rest."""

    weight: float
    """Share of the day [1]."""
    lost: float
    """Loss of the amine pump [1]."""
    poisoned_s: float
    """For how long the catalyst has been poisoned by its end [s]."""


_PARTS = (_Part(0.43, 0.0, 0.0), _Part(0.19, 0.08, 0.0), _Part(0.38, 0.0, 2400.0))
"""Sound, with a weak pump, and when the catalyst has been poisoned and the day is over."""


def kept(policy: Policy, day: Day, setting: Setting | None, after_s: float = 300.0) -> Truth:
    """Return the truth of a day on which people turn the setpoints of the PLCs once, and then leave them.

    Parameters
    ----------
    policy
        Names the tags.
    day
        The day.
    setting
        Where they turn them; not at all if None.
    after_s
        Plant time at which they do; PLCs go there at their own rate [s].
    """
    line, log = blueprint(policy.line).simulate(policy, day.seed, day.faults, day.mismatch), TruthLog()
    for second in range(round(day.for_s)):
        if setting is not None and second == round(after_s):
            for tag, value in zip(_TAGS, setting, strict=True):
                line.turn(tag, value)
        line.advance(1.0)
        log.add(line.truth())
    return log.columns()


def inside(truth: Truth) -> dict[str, float]:
    """Return the share of the time that counts within the alert limit of each impurity [1]."""
    counts = truth["time"] > SETTLED_S
    return {name: float(np.mean(truth[name][counts] <= limit)) for name, limit in LIMITS.items()}


def made(truth: Truth) -> float:
    """Return the production over the time that counts [mmol/min]."""
    since = int(np.argmax(truth["time"] > SETTLED_S))
    time, total = truth["time"], truth["made_mol"]
    return float(_MM_TO_M * 60.0 * (total[-1] - total[since]) / (time[-1] - time[since]))


def hindsight(seeds: Sequence[int], margin: float, kept_of: Sequence[str] = tuple(LIMITS)) -> Setting:
    """Return the setting that keeps most limits for most of the days of all seeds, and makes most of those that do.

    Parameters
    ----------
    seeds
        Seeds of the days.
    margin
        Share of each limit that is left free for noise [1].
    kept_of
        Impurities whose limits are to be kept.
    """
    chance, low, high = default_rng(0), np.array(LOWEST), np.array(HIGHEST)
    tried = low + (high - low) * chance.random((_TRIED, len(low)))
    scores, spread = _scored(tried, seeds, margin, kept_of), 0.15
    for _ in range(_ROUNDS):
        best = tried[np.argsort(-scores)[:_BEST]]
        near = best[chance.integers(len(best), size=_TRIED)]
        near = np.clip(near + spread * (high - low) * chance.standard_normal(near.shape), low, high)
        tried, spread = np.concatenate([best, near]), 0.4 * spread
        scores = _scored(tried, seeds, margin, kept_of)
    return Setting(*tried[int(np.argmax(scores))].tolist())


def _scored(settings: Floats, seeds: Sequence[int], margin: float, kept_of: Sequence[str]) -> Floats:
    """Return what comes first, limits kept, plus a little for production, shape ``(n,)`` [1]."""
    limits = np.array([LIMITS[name] for name in kept_of]) * (1.0 - margin)
    score = np.zeros(len(settings))
    for seed in seeds:
        for part in _PARTS:
            areas, production = at_rest(seed, settings, part.lost, part.poisoned_s)
            beyond = np.maximum(np.column_stack([areas[name] for name in kept_of]) / limits - 1.0, 0.0)
            score += part.weight * (1e-3 * production - np.mean(beyond > 0.0, axis=1) - np.mean(beyond, axis=1))
    return score / len(seeds)


def at_rest(seed: int, settings: Floats, lost: float, poisoned_s: float) -> tuple[dict[str, Floats], Floats]:
    """Return the impurities of a line at rest [area-%], shape ``(n,)`` each, and its production [mmol/min].

    Parameters
    ----------
    seed
        Seed of the line.
    settings
        Settings side by side, in the order and units of the fields of `Setting`, shape ``(n, 5)``.
    lost
        Loss of the amine pump [1].
    poisoned_s
        For how long the catalyst has been poisoned, at the end of the day; fresh and at its beginning if 0 [s].
    """
    coil, bed = _differences(seed)
    ratio, warm, throughput, hot, hydrogen = settings.T
    zero = 0.0 * ratio
    sm = throughput * NOMINAL["P1.F_SP"]
    asked = ratio * sm * STOCKS[0] / STOCKS[1]
    flow = throughput * _TOTAL - lost * asked
    fed = [STOCKS[0] * sm / flow, STOCKS[1] * (1.0 - lost) * asked / flow, *[zero] * (synthesis.SPECIES - 2)]
    k = synthesis.substitutions(BATCHED, warm, [one + zero for one in coil])
    stay = synthesis.VOLUME_M3 / (synthesis.CELLS * flow / _ML_MIN)
    left = synthesis.coil_at_rest(BATCHED, fed, k, stay)[-synthesis.SPECIES :]
    run = BedRun(flow / _ML_MIN, hot, hydrogen, zero, 1.0 + zero)
    skew = BedSkew([one + zero for one in bed.kinetics], bed.decay + zero)
    packed = Bed(BATCHED, skew, from_coil(left), run)
    if poisoned_s:
        packed.activity = [one + zero for one in _aged(seed, poisoned_s)]
        packed.step(_REST_S, from_coil(left), run)
    end = packed.x[-hydrogenation.SPECIES :]
    rings = [count * one for count, one in zip(hydrogenation.RINGS, end, strict=True)]
    total = np.sum(rings, axis=0)
    areas = {name: 100.0 * rings[i] / total for name, i in PEAKS.items()}
    return areas, end[hydrogenation.API] * flow / _MM_TO_M


@cache
def _aged(seed: int, poisoned_s: float) -> tuple[float, ...]:
    """Return what is left of the activity of each cell at the end of a day with a lot that poisons [1]."""
    _, skew = _differences(seed)
    fed, lot = [0.0] * hydrogenation.SPECIES, FAULTS[1].magnitude or 0.0
    bed = Bed(SINGLE, skew, fed, BedRun(1e-6, 60.0, 12.0, 0.0, 1.0))
    for span_s, poison in ((poisoned_s, lot), (DAY_S - poisoned_s, 0.0)):
        bed.step(span_s, fed, BedRun(1e-6, 60.0, 12.0, poison, 1.0))
    return tuple(bed.activity)


def _differences(seed: int) -> tuple[list[float], BedSkew[float]]:
    return differences(Noise(default_rng(SeedSequence(seed).spawn(3)[0])))
