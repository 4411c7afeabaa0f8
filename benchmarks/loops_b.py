"""Lines B and B2 against their yardsticks, scored from the plant's truth.

A day of 150 min with all noise: the pump delivers a fifth less for 25 min, then the humidity climbs by half in 10 min,
a lot comes that wets badly and one that wets well. Open loop, two tuned PI loops and the shipped policy run on the same
seeds; the loops are closed at 3 min. In a day of 75 min beside it no meter shows that a fifth of the liquid is missing.

A quality has settled when it comes within its band of the target, 0.5 % moisture and 5 % of the size, and stays there
until the next disturbance. What is left counts in the last 5 min before that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.tool import Result
from hil.rig.baselines import Day, open_loop
from hil.rig.baselines_b import under_pair
from hil.rig.play import in_memory
from hil.rig.truth import Truth
from hil.scenario import Scenario
from plant_io.signals import Floats
from policies import load, shipped

SEEDS = tuple(range(1, 11))
SPAN_S, LAST_S = 1500.0, 300.0
"""Time from one disturbance to the next, and how much of it counts as steady state [s]."""

EVENTS = ("pump weak", "pump sound", "humid", "wets badly", "wets well")
"""Disturbances in their order; the first comes after one span."""

FAULTS: tuple[Mapping[str, object], ...] = (
    {"id": "F21", "target": "PMP", "after": "25m", "for": "25m", "magnitude": 0.2},
    {"id": "F30", "target": "DRY", "after": "75m", "shape": "ramp", "ramp": "10m", "magnitude": 0.004},
    {"id": "F20", "target": "TSG", "after": "100m", "for": "25m", "magnitude": -0.1},
    {"id": "F20", "target": "TSG", "after": "125m", "magnitude": 0.1},
)
"""The same as a scenario says it; the humidity stays."""


class Quality(NamedTuple):
    """What is judged."""

    column: str
    """Column of truth."""
    target: float
    """Value wanted, in the unit of the column."""
    band: float
    """How far it may be off, in that unit."""


class Judged(NamedTuple):
    """What a day came to for one quality."""

    left: Floats
    """Largest error in the last part of each span, shape ``(events,)``, in the unit of the column."""
    settling: Floats
    """Time from each disturbance until it has settled, the span if it has not, shape ``(events,)`` [s]."""
    mean: Floats
    """Mean absolute error after each disturbance, shape ``(events,)``, in the unit of the column."""


LINE_B: Mapping[str, Quality] = {"lod": Quality("lod_pct", 2.0, 0.5), "d50": Quality("milled_d50", 400.0, 20.0)}


def judge(truth: Truth, quality: Quality, events: int) -> Judged:
    """Return what a day with some `events` [1] came to for one quality."""
    found: list[tuple[float, float, float]] = []
    for i in range(1, events + 1):
        inside: NDArray[np.bool_] = (truth["time"] > i * SPAN_S) & (truth["time"] <= (i + 1) * SPAN_S)
        passed = truth["time"][inside] - i * SPAN_S
        error = np.abs(truth[quality.column][inside] - quality.target)
        astray = passed[error > quality.band]
        left = float(error[passed > SPAN_S - LAST_S].max())
        found.append((left, float(astray[-1]) if astray.size else 0.0, float(error.mean())))
    return Judged(*np.array(found).T)


def scenario(line: str, for_s: float) -> Scenario:
    """Return the day as a scenario; `for_s` is its length [s]."""
    told: dict[str, object] = {
        "scenario": 1,
        "title": "Liquid, weather and lots",
        "line": line,
        "for": f"{for_s:g}s",
        "orders": [{"after": "3m", "mode": "auto"}],
        "faults": [fault for fault in FAULTS if _begins(fault) < for_s],
        "assertions": {},
    }
    return Scenario.model_validate(told)


def _begins(fault: Mapping[str, object]) -> float:
    return 60.0 * float(str(fault["after"]).removesuffix("m"))


def days(line: str, seed: int, for_s: float) -> dict[str, Truth]:
    """Return the truth of one day left alone, under the PI loops and under the shipped policy; `for_s` [s]."""
    policy, played = load(shipped(line)), scenario(line, for_s)
    day = Day(seed, played.struck(seed), for_s)
    return {
        "open": open_loop(policy, day),
        "pi": under_pair(policy, day),
        "ours": in_memory(played, policy, seed).truth,
    }


def measure(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure the closed loops of line B."""
    seeds, events = (SEEDS[:1], 1) if quick else (SEEDS, len(EVENTS))
    rows: dict[tuple[str, str], list[Judged]] = {}
    for seed in track(seeds, description="line B, seeds"):
        for who, truth in days("B", seed, (events + 1) * SPAN_S).items():
            for name, quality in LINE_B.items():
                rows.setdefault((who, name), []).append(judge(truth, quality, events))
    return _result(rows, events, seeds)


def _result(rows: Mapping[tuple[str, str], list[Judged]], events: int, seeds: tuple[int, ...]) -> Result:
    left = {key: np.array([one.left for one in judged]) for key, judged in rows.items()}
    settling = {key: np.array([one.settling for one in judged]) for key, judged in rows.items()}
    mean = {key: np.array([one.mean for one in judged]) for key, judged in rows.items()}
    found = Result("loops", seeds=seeds)
    for who, into in (("ours", found.figures), ("pi", found.baselines), ("open", found.baselines)):
        tail = "_B" if who == "ours" else f"_{who}_B"
        for name, label, scale in (("lod", "lod_abs_error", 1.0), ("d50", "d50_rel_error", LINE_B["d50"].target)):
            errors, within = left[who, name] / scale, left[who, name] <= LINE_B[name].band
            into[f"{label}{tail}"] = float(errors.mean())
            into[f"{label}_worst{tail}"] = float(errors.max())
            into[f"{name}_within_band{tail}"] = float(within.mean())
            into[f"{name}_settling_s{tail}"] = float(settling[who, name].mean())
            into[f"{name}_settling_s_by_event{tail}"] = _by_event(settling[who, name], events)
            into[f"{name}_mean_error{tail}"] = float(mean[who, name].mean() / scale)
    both = {who: float(settling[who, "lod"].mean() + settling[who, "d50"].mean()) for who in ("ours", "pi")}
    found.ratios["settling_vs_pi_B"] = both["ours"] / both["pi"]
    for name in LINE_B:
        ours, pi = settling["ours", name].mean(), settling["pi", name].mean()
        found.ratios[f"{name}_settling_vs_pi_B"] = float(ours / pi)
        found.ratios[f"{name}_iae_vs_pi_B"] = float(mean["ours", name].mean() / mean["pi", name].mean())
    found.config = {
        "span_s": SPAN_S,
        "steady_state_s": LAST_S,
        "events": list(EVENTS[:events]),
        "band_lod": "0.5 % absolute",
        "band_d50": "5 % of 400 um",
        "unit_lod": "%",
        "unit_d50": "1, relative to the target",
    }
    return found


def _by_event(settling: Floats, events: int) -> dict[str, float]:
    return dict(zip(EVENTS[:events], settling.mean(axis=0).tolist(), strict=True))
