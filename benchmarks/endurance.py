"""Memory over many solver steps: each solver on problems that never come twice, in one process.

Line A's problem with the recipe and with IPOPT, and the column of Wood and Berry. States, targets and inputs are drawn
around a state of rest; the plan of a step is the first guess of the next. What a solver kept would show as a slope.
"""

from __future__ import annotations

import gc
import resource
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import policies
from benchmarks.tool import Result, main
from controller.models import model
from controller.models.transfer import Transfer
from controller.mpc.solver import solvers
from controller.plan import Problem, Status
from plant_io.clocks import stopwatch
from policies import IpoptSettings, Loop, Mpc, TransferFunction, load, shipped

SEED = 7
KINDS = ("sqp", "ipopt", "linear")
STEPS = {"sqp": 100_000, "ipopt": 5_000, "linear": 100_000}
QUICK = {"sqp": 1_000, "ipopt": 30, "linear": 1_000}
_MARKS = 20
"""Times the memory is looked at [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What a solver kept."""

    steps: int
    """Problems solved [1]."""
    failed: int
    """Problems without a plan [1]."""
    resident_mib: NDArray[np.float64]
    """Memory in use at equal distances from the first tenth of the steps on, shape ``(n,)`` [MiB]."""
    took_ms: float
    """Mean wall time of a step [ms]."""

    @property
    def grown_mib(self) -> float:
        """Memory gained over all the steps looked at, by a straight line through it [MiB]."""
        steps = np.arange(len(self.resident_mib))
        return float(np.polyfit(steps, self.resident_mib, 1)[0] * (len(steps) - 1))


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def declared(kind: str) -> tuple[str, Loop, dict[str, bytes]]:
    """Return name, declaration and files of the loop of a kind."""
    if kind == "linear":
        policy = load(Path(policies.__file__).parent / "examples" / "wood_berry.yaml")
    else:
        policy = load(shipped("A"))
    ((name, loop),) = policy.loops.items()
    if kind == "ipopt" and isinstance(loop, Mpc):
        loop = loop.model_copy(update={"solver": IpoptSettings()})
    return name, loop, dict(policy.files)


def problems(name: str, loop: Loop, files: dict[str, bytes]) -> Iterator[Problem]:
    """Yield problems around a state of rest, for ever; one in ten of them lacks a controlled variable."""
    rng = np.random.default_rng(SEED)
    chosen = Transfer(loop, {}) if isinstance(loop, TransferFunction) else model(loop.model, files[loop.process])
    low, high = (np.array([loop.moved[key].limits[end] for key in chosen.inputs]) for end in (0, 1))
    known = np.full(len(chosen.known), 0.2)
    middle = np.zeros(len(low)) if isinstance(loop, TransferFunction) else np.array([2.0, 17.8])
    goal = np.array([0.5, 0.3]) if isinstance(loop, TransferFunction) else np.array([10.0, 20.0])
    rest, number = chosen.steady(middle, known, {}), 0
    while True:
        number += 1
        state = rest + 0.02 * (np.abs(rest) + 0.1) * rng.normal(size=len(rest))
        inputs = np.clip(middle + 0.02 * (high - low) * rng.normal(size=len(low)), low, high)
        targets = goal * (1.0 + 0.02 * rng.normal(size=len(goal)))
        present = np.array([0.0, 1.0]) if number % 10 == 0 else np.empty(0)
        yield Problem(name, number, float(number), state, inputs, known, targets, low, high, present=present)


def endured(kind: str, steps: int) -> Kept:
    """Solve many problems and return what was kept.

    Parameters
    ----------
    kind
        One of `KINDS`.
    steps
        How many problems.
    """
    name, loop, files = declared(kind)
    solver, marks, failed = solvers({name: loop}, files)[name], list[float](), 0
    guess = np.empty((0, 0))
    first, every = steps // 10, max(1, (steps - steps // 10) // _MARKS)
    watch = stopwatch()
    for problem in problems(name, loop, files):
        plan = solver.solve(replace(problem, guess=guess))
        failed += plan.status is not Status.SOLVED
        guess = plan.moves if kind == "sqp" and plan.status is Status.SOLVED else np.empty((0, 0))
        if problem.number >= first and (problem.number - first) % every == 0:
            gc.collect()
            marks.append(_resident_mib())
        if problem.number >= steps:
            break
    return Kept(steps, failed, np.array(marks), 1e3 * watch() / steps)


def run(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure memory over many solver steps."""
    result = Result("endurance", seeds=[SEED], config={"unit": "MiB"})
    for kind in KINDS:
        kept = endured(kind, (QUICK if quick else STEPS)[kind])
        result.figures |= {
            f"steps_{kind}": kept.steps,
            f"failed_{kind}": kept.failed,
            f"first_mib_{kind}": round(float(kept.resident_mib[0]), 2),
            f"last_mib_{kind}": round(float(kept.resident_mib[-1]), 2),
            f"grown_mib_{kind}": round(kept.grown_mib, 3),
            f"mean_ms_{kind}": round(kept.took_ms, 2),
        }
    return result


if __name__ == "__main__":
    main(run)
