"""Model-predictive control side by side: stock do-mpc, tuned do-mpc, and ours, each on its own closed loop.

All threads are pinned to one. Figures are CPU time of the control step alone; ratios of one run are to be trusted more
than its times. The cost of a loop is scored on the true outputs of a plant that differs from the model.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from rich.progress import track

from benchmarks import mpc_line as line
from benchmarks.mpc_rivals import DoMpcRival, Ours, Rival
from benchmarks.tool import Result, main
from policies import SqpSettings

DEFAULT = SqpSettings()
TIGHT = SqpSettings(tolerance=1e-4, steps=10)
SEEDS = (101, 102, 103)
NOISE = 0.002
"""Noise of the states as seen, as a share of their size [1]."""
LEARNED = 0.05
"""Share of a prediction error put down to the line [1]."""


@dataclass(frozen=True, slots=True)
class Case:
    """One day the controllers are tried on."""

    horizon: int
    """Samples looked ahead [1]."""
    samples: int
    """Length [1]."""
    kind: str = "nominal"
    """nominal, stressed or start_up."""


CASES = {
    "n20": Case(20, 200),
    "n40": Case(40, 200),
    "n60": Case(60, 150),
    "stressed": Case(40, 200, "stressed"),
    "start_up": Case(40, 60, "start_up"),
}


@dataclass(slots=True)
class Tried:
    """What became of one controller in one case."""

    cpu_s: list[float] = field(default_factory=list[float])
    """CPU time of each step [s]."""
    first_s: list[float] = field(default_factory=list[float])
    """CPU time of the first step of each day [s]."""
    cost: list[float] = field(default_factory=list[float])
    """Cost of each day [1]."""
    failed: int = 0
    """Steps without a solution [1]."""

    def figures(self) -> dict[str, float]:
        """Return CPU times [ms], cost and failures."""
        ms = np.array(self.cpu_s) * 1e3
        return {
            "p50_ms": float(np.median(ms)),
            "p99_ms": self.p99_ms,
            "max_ms": float(ms.max()),
            "first_ms": float(np.max(self.first_s) * 1e3),
            "cost": self.mean_cost,
            "failed": self.failed,
            "steps": len(ms),
        }

    @property
    def p99_ms(self) -> float:
        """CPU time that 99 of 100 steps keep [ms]."""
        return float(np.percentile(self.cpu_s, 99) * 1e3)

    @property
    def mean_cost(self) -> float:
        """Mean cost of a day [1]."""
        return float(np.mean(self.cost))


def weather(case: Case, seed: int) -> tuple[line.Floats, line.Floats]:
    """Return what is known, shape ``(n, 2)``, and the targets, shape ``(n, 3)``, of each sample; units of the line."""
    rng, n = np.random.default_rng(seed), case.samples
    size = 3.0 if case.kind == "stressed" else 1.0
    drift = np.cumsum(rng.normal(0.0, [0.01, 0.0006], (n, 2)) * size, axis=0)
    known = np.array([0.4, 0.02]) + drift
    targets = np.tile([2.0, 195.0, 20.0], (n, 1))
    third = n // 3
    if case.kind == "start_up":
        targets[:, 2] = 22.0
    else:
        targets[third:] += np.array([0.2, 10.0, 1.0]) * size
        targets[2 * third :] -= np.array([0.5, 22.0, 2.5]) * size
    if case.kind == "stressed":
        known[third : third + 40, 1] += 0.04
    return np.maximum(known, [0.05, 0.005]), targets


def live(rival: Rival, case: Case, seed: int, tried: Tried) -> None:
    """Let a controller run the line for one day."""
    known, targets = weather(case, seed)
    rng = np.random.default_rng(seed + 1)
    inputs = np.array([13.0, 2.2, 55.0, 900.0]) if case.kind == "start_up" else line.NOMINAL
    none = off = np.zeros(3)
    size = np.abs(line.steady(line.NOMINAL, _known(known[0], none), line.MODEL))
    guessed = state = line.steady(inputs, _known(known[0], none), line.PLANT)
    cost = 0.0
    for k in range(case.samples):
        seen = state + NOISE * size * rng.standard_normal(len(state))
        if k:
            missed = (seen - guessed)[[10, 12, 2]]
            off = off + LEARNED * missed / line.SAMPLE_S
        given = np.tile(np.concatenate([_known(known[k], off), targets[k]]), (case.horizon + 1, 1))
        begun = time.process_time()
        new = rival.step(seen, inputs, given)
        tried.cpu_s.append(time.process_time() - begun)
        if k == 0:
            tried.first_s.append(tried.cpu_s[-1])
        guessed = line.step(seen, new, _known(known[k], off), line.MODEL, parts=2)
        state = line.step(state, new, _known(known[k], none), line.PLANT)
        cost += _cost(state, targets[k], new - inputs)
        inputs = new
    tried.cost.append(cost)
    tried.failed += rival.failed


def _known(known: line.Floats, off: line.Floats) -> line.Floats:
    return np.concatenate([known, off])


def _cost(state: line.Floats, target: line.Floats, move: line.Floats) -> float:
    """Return the cost of one sample as the controllers count it, of the true outputs."""
    held = np.array(line.held(list(state), line.PLANT))
    beyond = np.maximum(line.LIMITS[:, 0] - held, held - line.LIMITS[:, 1]).clip(0.0) / line.SCALE
    squares = np.sum(((held - target) / line.SCALE) ** 2) + np.sum((move / line.MOVE) ** 2)
    return float(squares + line.PENALTY * beyond.sum())


RIVALS: dict[str, Callable[[int], Rival]] = {
    "stock": DoMpcRival,
    "tuned": lambda horizon: DoMpcRival(horizon, tuned=True),
    "ours": lambda horizon: Ours(horizon, DEFAULT),
    "tight": lambda horizon: Ours(horizon, TIGHT),
    "interpreted": lambda horizon: Ours(horizon, DEFAULT, build=list),
}


def run(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure the controllers."""
    seeds = SEEDS[:1] if quick else SEEDS
    found: dict[str, dict[str, Tried]] = {}
    for name, case in track(CASES.items(), description="cases"):
        short = Case(case.horizon, 24, case.kind) if quick else case
        found[name] = {rival: _tried(make, short, seeds) for rival, make in RIVALS.items()}
    return _result(found, seeds)


def _tried(make: Callable[[int], Rival], case: Case, seeds: tuple[int, ...]) -> Tried:
    tried = Tried()
    for seed in seeds:
        rival = make(case.horizon)
        gc.collect()
        live(rival, case, seed, tried)
    return tried


def _result(found: dict[str, dict[str, Tried]], seeds: tuple[int, ...]) -> Result:
    result = Result("mpc", seeds=seeds)
    for case, tried in found.items():
        stock = tried["stock"]
        for rival, one in tried.items():
            to = result.baselines if rival in {"stock", "tuned"} else result.figures
            to[f"{rival}_{case}"] = one.figures()
            if rival == "stock":
                continue
            tail = case if rival == "ours" else f"{rival}_{case}"
            result.ratios[f"p99_speedup_{tail}"] = stock.p99_ms / one.p99_ms
            result.ratios[f"cost_increase_{tail}"] = one.mean_cost / stock.mean_cost - 1.0
        result.ratios[f"p99_speedup_vs_tuned_{case}"] = tried["tuned"].p99_ms / tried["ours"].p99_ms
    result.config |= {
        "threads": 1,
        "time": "CPU time of the control step",
        "cases": {n: str(c) for n, c in CASES.items()},
    }
    return result


if __name__ == "__main__":
    main(run)
