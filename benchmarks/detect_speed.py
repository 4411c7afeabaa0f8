"""What a sample costs: time on one processor, the longest times, memory, and whether any of it grows.

Times are those of the processor, not of the wall, so that others on the machine do not count. Both the frozen model and
the twin that learns run, as on a line. Bare Half-Space Trees of river, with the scaling they need, run in between.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from typing import Protocol, cast

import numpy as np

from anomaly.artefact import Settings
from anomaly.fitting import Training, fit
from anomaly.monitor import Monitor
from plant_io.signals import Floats

SEED = 1
FITTED = 1000
"""Samples a monitor is fitted to [1]."""
PARTS = 10
"""Parts into which a run is cut, to see whether the last is as fast as the first [1]."""


class _OneByOne(Protocol):
    def score_one(self, x: dict[str, float]) -> float: ...
    def learn_one(self, x: dict[str, float]) -> None: ...


def plant(samples: int, tags: int) -> Floats:
    """Return a linear plant of which neighbours hang together, shape ``(samples, tags)``, in standard deviations."""
    rng = np.random.default_rng(SEED)
    noise, out, x = rng.standard_normal((samples, tags)), np.empty((samples, tags)), np.zeros(tags)
    for k in range(samples):
        x = 0.7 * x + 0.2 * np.roll(x, 1) + 0.5 * noise[k]
        out[k] = x
    return out


def monitor(tags: int, settings: Settings) -> tuple[Monitor, Floats]:
    """Return a monitor of the plant, and samples that go on where its training ended."""
    data = plant(3 * FITTED, tags)
    model = fit([data[:FITTED]], Training(tuple(f"T{n}" for n in range(tags))), settings)
    return Monitor(model), data[FITTED:]


def times(step: Callable[[int], object], samples: int) -> Floats:
    """Return the time of each sample on the processor [s], shape ``(samples,)``."""
    found = np.empty(samples)
    for k in range(samples):
        began = time.thread_time()
        step(k)
        found[k] = time.thread_time() - began
    return found


def figures(tags: int, settings: Settings, samples: int) -> dict[str, float]:
    """Return samples a second, percentiles [ms], size [byte], and how much slower the last part is than the first."""
    watched, data = monitor(tags, settings)
    rows, part = list(data), samples // PARTS
    for row in rows[:500]:
        watched.step(row)
    before, spent, learnt, at = len(pickle.dumps(watched)), np.empty(PARTS), 0, 0
    for place in range(PARTS):
        began = time.process_time()
        for _ in range(part):
            learnt += watched.step(rows[at % len(rows)]).learnt
            at += 1
        spent[place] = time.process_time() - began
    each = times(lambda k: watched.step(rows[k % len(rows)]), min(samples, 20_000))
    return {
        "samples_per_s": round(part * PARTS / float(spent.sum())),
        "p50_ms": round(1e3 * float(np.quantile(each, 0.5)), 4),
        "p99_ms": round(1e3 * float(np.quantile(each, 0.99)), 4),
        "state_bytes": len(pickle.dumps(watched)),
        "state_growth_bytes": len(pickle.dumps(watched)) - before,
        "last_over_first": round(float(spent[-1] / spent[0]), 3),
        "samples": part * PARTS,
        "learnt_share": round(learnt / (part * PARTS), 3),
    }


def trees(tags: int, samples: int) -> dict[str, float]:
    """Return what bare Half-Space Trees of river cost on the same samples."""
    from river import anomaly, preprocessing  # noqa: PLC0415  # takes a second

    make = cast("Callable[[], _OneByOne]", lambda: preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=SEED))
    detector, data = make(), plant(2 * FITTED, tags)
    rows = [dict(enumerate(row)) for row in data.tolist()]
    named = [{f"T{n}": value for n, value in row.items()} for row in rows]

    def step(k: int) -> None:
        x = named[k % len(named)]
        detector.score_one(x)
        detector.learn_one(x)

    for k in range(500):
        step(k)
    each = times(step, samples)
    return {
        "samples_per_s": round(samples / float(each.sum())),
        "p99_ms": round(1e3 * float(np.quantile(each, 0.99)), 4),
    }
