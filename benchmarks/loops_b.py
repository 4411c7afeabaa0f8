"""Lines B and B2 against their yardsticks, scored from the plant's truth.

Line B, a day of 150 min with all noise: the pump delivers a fifth less for 25 min, then the humidity climbs by half in
10 min, a lot comes that wets badly and one that wets well. A day of 75 min beside it, on which no meter shows that a
fifth of the liquid is missing. Line B2, the first day at a slower pace. Open loop, two tuned PI loops and the shipped
policy run on the same seeds; the loops are closed at 3 min.

A quality has settled when it comes within its band of the target, 0.5 % moisture and 5 % of the size, and stays there
until the next disturbance. What is left counts in the last 5 min before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
LAST_S = 300.0
"""How much of the time before the next disturbance counts as steady state [s]."""


class Quality(NamedTuple):
    """What is judged."""

    column: str
    """Column of truth."""
    target: float
    """Value wanted, in the unit of the column."""
    band: float
    """How far it may be off, in that unit."""


class Event(NamedTuple):
    """What goes wrong from one span on."""

    name: str
    """What it is called."""
    fault: Mapping[str, object] | None
    """The same as a scenario says it, without its time; nothing where something ends."""
    ends: bool = False
    """Whether it is over after one span."""


class Case(NamedTuple):
    """One kind of day on one line."""

    tail: str
    """End of the names of its figures."""
    line: str
    """Line it is played on."""
    span_s: float
    """Time from one disturbance to the next, and before the first [s]."""
    qualities: Mapping[str, Quality]
    """What is judged, by name."""
    events: Sequence[Event]
    """Disturbances in their order."""


class Judged(NamedTuple):
    """What a day came to for one quality."""

    left: Floats
    """Largest error in the last part of each span, shape ``(events,)``, in the unit of the column."""
    settling: Floats
    """Time from each disturbance until it has settled, the span if it has not, shape ``(events,)`` [s]."""
    mean: Floats
    """Mean absolute error after each disturbance, shape ``(events,)``, in the unit of the column."""


_WEAK = Event("pump weak", {"id": "F21", "target": "PMP", "magnitude": 0.2}, ends=True)
_HUMID = Event("humid", {"id": "F30", "target": "DRY", "shape": "ramp", "ramp": "10m", "magnitude": 0.004})
_BAD = Event("wets badly", {"id": "F20", "target": "TSG", "magnitude": -0.1}, ends=True)
_WELL = Event("wets well", {"id": "F20", "target": "TSG", "magnitude": 0.1})
_DAY = (_WEAK, Event("pump sound", None), _HUMID, _BAD, _WELL)
_UNSEEN = Event("meter wrong", {"id": "F21M", "target": "PMP", "magnitude": 0.25}, ends=True)
_QUALITIES = {"lod": Quality("lod_pct", 2.0, 0.5), "d50": Quality("milled_d50", 400.0, 20.0)}

DAY_B = Case("B", "B", 1500.0, _QUALITIES, _DAY)
UNSEEN_B = Case("unseen_B", "B", 1500.0, _QUALITIES, (_UNSEEN, Event("meter right", None)))
DAY_B2 = Case("B2", "B2", 2400.0, {"lod": Quality("dryer_lod_pct", 2.0, 0.5)}, _DAY)


def judge(truth: Truth, quality: Quality, events: int, span_s: float) -> Judged:
    """Return what a day came to for one quality.

    Parameters
    ----------
    truth
        Its truth.
    quality
        What is judged.
    events
        Number of disturbances [1].
    span_s
        Time from one to the next [s].
    """
    found: list[tuple[float, float, float]] = []
    for i in range(1, events + 1):
        inside: NDArray[np.bool_] = (truth["time"] > i * span_s) & (truth["time"] <= (i + 1) * span_s)
        passed = truth["time"][inside] - i * span_s
        error = np.abs(truth[quality.column][inside] - quality.target)
        astray = passed[error > quality.band]
        left = float(error[passed > span_s - LAST_S].max())
        found.append((left, float(astray[-1]) if astray.size else 0.0, float(error.mean())))
    return Judged(*np.array(found).T)


def scenario(case: Case, events: int) -> Scenario:
    """Return a day with the first `events` [1] as a scenario."""
    faults: list[Mapping[str, object]] = []
    for i, event in enumerate(case.events[:events], 1):
        if event.fault is not None:
            over = {"for": f"{case.span_s:g}s"} if event.ends else dict[str, object]()
            faults.append({**event.fault, "after": f"{i * case.span_s:g}s", **over})
    told: dict[str, object] = {
        "scenario": 1,
        "title": "Liquid, weather and lots",
        "line": case.line,
        "for": f"{(events + 1) * case.span_s:g}s",
        "orders": [{"after": "3m", "mode": "auto"}],
        "faults": faults,
        "assertions": {},
    }
    return Scenario.model_validate(told)


def days(case: Case, seed: int, events: int) -> dict[str, Truth]:
    """Return the truth of a day left alone, under the PI loops and under the shipped policy."""
    policy, played = load(shipped(case.line)), scenario(case, events)
    day = Day(seed, played.struck(seed), played.for_s)
    return {
        "open": open_loop(policy, day),
        "pi": under_pair(policy, day),
        "ours": in_memory(played, policy, seed).truth,
    }


def measure(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure the closed loops of lines B and B2; quick, the first disturbance of line B alone."""
    seeds, cases = (SEEDS[:1], (DAY_B,)) if quick else (SEEDS, (DAY_B, UNSEEN_B, DAY_B2))
    found = Result("loops", seeds=seeds)
    for case in cases:
        events = 1 if quick else len(case.events)
        rows: dict[tuple[str, str], list[Judged]] = {}
        for seed in track(seeds, description=f"line {case.line}, seeds"):
            for who, truth in days(case, seed, events).items():
                for name, quality in case.qualities.items():
                    rows.setdefault((who, name), []).append(judge(truth, quality, events, case.span_s))
        add(found, case, rows)
    return found


def add(found: Result, case: Case, rows: Mapping[tuple[str, str], list[Judged]]) -> None:
    """Add to a result what the days of one kind came to, by who led the line and what was judged."""
    for (who, name), judged in rows.items():
        into, tail = (found.figures, case.tail) if who == "ours" else (found.baselines, f"{who}_{case.tail}")
        quality, left = case.qualities[name], np.array([one.left for one in judged])
        settling = np.array([one.settling for one in judged])
        label, scale = ("lod_abs_error", 1.0) if name == "lod" else (f"{name}_rel_error", quality.target)
        into[f"{label}_{tail}"] = float(left.mean() / scale)
        into[f"{label}_worst_{tail}"] = float(left.max() / scale)
        into[f"{name}_within_band_{tail}"] = float((left <= quality.band).mean())
        into[f"{name}_mean_error_{tail}"] = float(np.mean([one.mean for one in judged]) / scale)
        into[f"{name}_settling_s_{tail}"] = float(settling.mean())
        names = [event.name for event in case.events[: settling.shape[1]]]
        into[f"{name}_settling_s_by_event_{tail}"] = dict(zip(names, settling.mean(axis=0).tolist(), strict=True))
    mean = {key: float(np.mean([one.settling for one in judged])) for key, judged in rows.items()}
    both = {who: sum(mean[who, name] for name in case.qualities) for who in ("ours", "pi")}
    found.ratios[f"settling_vs_pi_{case.tail}"] = both["ours"] / both["pi"] if both["pi"] else None
    found.config[case.tail] = {
        "span_s": case.span_s,
        "steady_state_s": LAST_S,
        "bands": {name: quality.band for name, quality in case.qualities.items()},
        "units": {"lod": "%", "d50": "1, relative to the target; its band um", "settling": "s"},
    }
