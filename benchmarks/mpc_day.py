"""One day on the compared line: what disturbs it, how a controller runs it, what that costs and how long it takes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from benchmarks import mpc_line as line
from benchmarks.mpc_rivals import Rival

NOISE = 0.002
"""Noise of the states as seen, as a share of their size [1]."""
LEARNED = 0.05
"""Share of a prediction error put down to the line [1]."""
NONE = np.zeros(3)
COLD = np.array([13.0, 2.2, 55.0, 900.0])


@dataclass(frozen=True, slots=True)
class Case:
    """One day the controllers are tried on."""

    horizon: int
    """Samples looked ahead [1]."""
    samples: int
    """Length [1]."""
    kind: str = "nominal"
    """nominal, stressed or start_up."""


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
        found = {"p50_ms": float(np.median(ms)), "p99_ms": self.p99_ms, "max_ms": float(ms.max())}
        if self.first_s:
            found |= {"first_ms": float(np.max(self.first_s) * 1e3), "cost": self.mean_cost}
        return found | {"failed": self.failed, "steps": len(ms)}

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
    known = np.array([0.4, 0.02]) + np.cumsum(rng.normal(0.0, [0.01, 0.0006], (n, 2)) * size, axis=0)
    targets, third = np.tile([2.0, 195.0, 20.0], (n, 1)), n // 3
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
    inputs = COLD if case.kind == "start_up" else line.NOMINAL
    size, guessed = begun(*inputs.tolist(), *known[0].tolist())
    state, off, cost = guessed, NONE, 0.0
    for k in range(case.samples):
        seen = state + NOISE * size * rng.standard_normal(len(state))
        if k:
            off = off + LEARNED / line.SAMPLE_S * (seen - guessed)[[10, 12, 2]]
        now = np.concatenate([known[k], off])
        given = np.tile(np.concatenate([now, targets[k]]), (case.horizon + 1, 1))
        started = time.process_time()
        new = rival.step(seen, inputs, given)
        tried.cpu_s.append(time.process_time() - started)
        guessed = line.step(seen, new, now, line.MODEL, parts=2)
        state = line.step(state, new, np.concatenate([known[k], NONE]), line.PLANT)
        cost += _cost(state, targets[k], new - inputs)
        inputs = new
    tried.first_s.append(tried.cpu_s[-case.samples])
    tried.cost.append(cost)
    tried.failed += rival.failed


@cache
def begun(*given: float) -> tuple[line.Floats, line.Floats]:
    """Return the size of each state and the state the plant begins in, shape ``(20,)``, units of the line.

    Parameters
    ----------
    given
        The four inputs, then the two known ones, units of the line.
    """
    inputs, known = np.array(given[:4]), np.concatenate([given[4:], NONE])
    return np.abs(line.steady(line.NOMINAL, known, line.MODEL)), line.steady(inputs, known, line.PLANT)


def _cost(state: line.Floats, target: line.Floats, move: line.Floats) -> float:
    """Return the cost of one sample as the controllers count it, of the true outputs."""
    held = np.array(line.held(list(state), line.PLANT))
    beyond = np.maximum(line.LIMITS[:, 0] - held, held - line.LIMITS[:, 1]).clip(0.0) / line.SCALE
    squares = np.sum(((held - target) / line.SCALE) ** 2) + np.sum((move / line.MOVE) ** 2)
    return float(squares + line.PENALTY * beyond.sum())
