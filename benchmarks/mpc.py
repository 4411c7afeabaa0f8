"""Model-predictive control side by side: stock do-mpc, tuned do-mpc, and ours, each on its own closed loop.

All threads are pinned to one. Figures are CPU time of the control step alone; ratios of one run are to be trusted more
than its times. The cost of a loop is scored on the true outputs of a plant that differs from the model. Shipped lines
are compared with IPOPT on the same do-mpc problem, as do-mpc's controller poses it.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rich.progress import track

from benchmarks import mpc_line as line
from benchmarks.mpc_day import Case, Tried, live
from benchmarks.mpc_rivals import DoMpcRival, Ours, Rival
from benchmarks.tool import Result, main
from controller.mpc.horizon import interpreted
from controller.mpc.linear import LinearSolver
from controller.mpc.solver import Solver, solvers
from controller.plan import Plan, Problem, Status
from hil.library import find, open_scenario
from hil.rig.play import in_memory
from policies import IpoptSettings, Mpc, Policy, SqpSettings

DEFAULT = SqpSettings()
TIGHT = SqpSettings(tolerance=1e-4)
SEEDS = (101, 102, 103)
CASES = {
    "n20": Case(20, 200),
    "n40": Case(40, 200),
    "n60": Case(60, 150),
    "stressed": Case(40, 200, "stressed"),
    "start_up": Case(40, 60, "start_up"),
}
LINES = {"A": "a_quiet", "B": "b_held", "C": "c_control"}
"""Shipped lines and the scenario each is run in."""
_START_S = 240.0
"""Time until the loop of every line has begun to plan [s]."""
RIVALS: dict[str, Callable[[int], Rival]] = {
    "stock": DoMpcRival,
    "tuned": lambda horizon: DoMpcRival(horizon, tuned=True),
    "ours": lambda horizon: Ours(horizon, DEFAULT),
    "tight": lambda horizon: Ours(horizon, TIGHT),
    "single": lambda horizon: Ours(horizon, SqpSettings(feedback="single")),
    "interpreted": lambda horizon: Ours(horizon, DEFAULT, build=interpreted),
}


def run(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure the controllers."""
    seeds, result = SEEDS[:1] if quick else SEEDS, Result("mpc")
    result.seeds = seeds
    for name, case in track(CASES.items(), description="cases"):
        short = Case(case.horizon, 16, case.kind) if quick else case
        _add(result, name, {rival: tried(make, short, seeds) for rival, make in RIVALS.items()})
    for name, scenario in LINES.items():
        _add_line(result, name, scenario, 5 if quick else 100)
    result.figures["memory_growth_kB"] = memory_growth(500 if quick else 20_000)
    result.config |= {"threads": 1, "time": "CPU time of the control step", "tolerance": DEFAULT.tolerance}
    result.config |= {"tight_tolerance": TIGHT.tolerance, "cases": {name: str(case) for name, case in CASES.items()}}
    return result


def tried(make: Callable[[int], Rival], case: Case, seeds: tuple[int, ...]) -> Tried:
    """Return what becomes of a controller in one case."""
    found = Tried()
    for seed in seeds:
        rival = make(case.horizon)
        gc.collect()
        live(rival, case, seed, found)
    return found


def _add(result: Result, case: str, found: Mapping[str, Tried]) -> None:
    stock = found["stock"]
    for rival, one in found.items():
        to = result.baselines if rival in {"stock", "tuned"} else result.figures
        to[f"{rival}_{case}"] = one.figures()
        if rival != "stock":
            tail = case if rival == "ours" else f"{rival}_{case}"
            result.ratios[f"p99_speedup_{tail}"] = stock.p99_ms / one.p99_ms
            result.ratios[f"cost_increase_{tail}"] = one.mean_cost / stock.mean_cost - 1.0
    result.ratios[f"p99_speedup_vs_tuned_{case}"] = found["tuned"].p99_ms / found["ours"].p99_ms
    result.ratios[f"p99_slowdown_interpreted_{case}"] = found["interpreted"].p99_ms / found["ours"].p99_ms


@dataclass(slots=True)
class Timed:
    """A solver that takes down its CPU time."""

    solver: Solver | LinearSolver
    """Who solves."""
    tried: Tried
    """Where it is taken down."""

    def solve(self, problem: Problem) -> Plan:
        """Return the plan for one problem."""
        begun = time.process_time()
        plan = self.solver.solve(problem)
        self.tried.cpu_s.append(time.process_time() - begun)
        self.tried.failed += plan.status is not Status.SOLVED
        return plan


@dataclass(slots=True)
class Watched:
    """Makes solvers that take down their CPU time."""

    tried: Tried = field(default_factory=Tried)
    """Where it is taken down."""

    def __call__(self, loops: Mapping[str, Mpc], files: Mapping[str, bytes]) -> dict[str, Timed]:
        """Return the solvers of all loops."""
        return {name: Timed(solver, self.tried) for name, solver in solvers(loops, files).items()}


def _add_line(result: Result, name: str, scenario: str, samples: int) -> None:
    """Run a shipped line for some samples with its own solver and with IPOPT."""
    played, policy = open_scenario(find(scenario))
    (loop,) = policy.loops.values()
    short = played.model_copy(update={"for_s": _START_S + samples * loop.sample_s, "assertions": {}})
    ours, ipopt = Watched(), Watched()
    in_memory(short, policy, SEEDS[0], build=ours)
    in_memory(short, by_ipopt(policy), SEEDS[0], build=ipopt)
    result.figures[f"line_{name}"] = ours.tried.figures()
    result.baselines[f"ipopt_line_{name}"] = ipopt.tried.figures()
    result.ratios[f"p99_speedup_line_{name}"] = ipopt.tried.p99_ms / ours.tried.p99_ms


def by_ipopt(policy: Policy) -> Policy:
    """Return a policy whose loops are all solved by IPOPT."""
    loops = {name: loop.model_copy(update={"solver": IpoptSettings()}) for name, loop in policy.loops.items()}
    return policy.model_copy(update={"loops": loops})


def memory_growth(samples: int) -> float:
    """Return by how much the process grew in its largest while our controller ran on, the first tenth left out [kB]."""
    rival, given = Ours(20, DEFAULT), line.typical_given(20)
    inputs, state = line.NOMINAL, line.steady(line.NOMINAL, given[0, :5], line.PLANT)
    largest = 0
    for k in range(samples):
        inputs = rival.step(state * (1.0 + 0.01 * (k % 7)), inputs, given)
        if k == samples // 10:
            largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - largest)


if __name__ == "__main__":
    main(run)
