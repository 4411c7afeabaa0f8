"""How fast simulated lines run: the plants alone, with the controller in memory, in virtual time, in lock-step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from benchmarks.tool import Result, main
from controller.kit import Kit
from controller.loop import Sink
from controller.mpc.solver import solvers_in_line
from controller.mpc.worker import Solves
from controller.plan import Plan, Problem
from controller.runtime import Door, Options, Ran, operate
from hil.control_only import control_only, loops_only
from hil.library import find, open_scenario
from hil.plants import line_a, line_b, line_c
from hil.plc.lines import blueprint
from hil.plc.scans import SCAN_S
from hil.rig.play import EPOCH, Played, in_memory
from hil.rig.sockets import over_sockets
from hil.rig.virtual import Run, in_virtual_time
from hil.scenario import Scenario
from policies import Loop, Policy

SEED = 1
START_S = 5.0
QUICK_DAY_S = 900.0
DAY_S = 86_400.0


class Plant(Protocol):
    """What is timed of a truth plant."""

    def step(self, dt: float, setpoints: Mapping[str, float]) -> None:
        """Let `dt` [s] go by under `setpoints`, each in its unit."""
        ...


PLANTS: Mapping[str, tuple[Callable[[int], Plant], Mapping[str, float]]] = {
    "A": (line_a.LineA, line_a.NOMINAL),
    "B": (line_b.LineB, line_b.NOMINAL),
    "C": (line_c.LineC, line_c.NOMINAL),
}
"""Truth plants and their nominal setpoints."""


def plant_alone(name: str, for_s: float) -> float:
    """Return the CPU time of one simulated hour of a truth plant [s]; `for_s` is the stretch simulated [s]."""
    make, nominal = PLANTS[name]
    plant = make(SEED)
    plant.step(SCAN_S, nominal)  # what is loaded at the first step is not measured
    began = time.process_time()
    for _ in range(round(for_s / SCAN_S)):
        plant.step(SCAN_S, nominal)
    return 3600.0 * (time.process_time() - began) / for_s


def behind_plcs(policy: Policy, for_s: float) -> float:
    """Return the CPU time of one simulated hour of a line behind its PLCs [s]; `for_s` is the stretch [s]."""
    line = blueprint(policy.line).simulate(policy, SEED, ())
    line.advance(policy.period_s)
    began = time.process_time()
    for _ in range(round(for_s / policy.period_s)):
        line.advance(policy.period_s)
        line.image(EPOCH)
    return 3600.0 * (time.process_time() - began) / for_s


def played(play: Callable[[Scenario], Played], scenario: Scenario) -> tuple[float, float, Played]:
    """Return the CPU time to start and to play a scenario on [s], and what it came to."""
    took: list[float] = []
    for for_s in (START_S, scenario.for_s):
        began = time.process_time()
        found = play(scenario.model_copy(update={"for_s": for_s}))
        took.append(time.process_time() - began)
    return took[0], took[1] - took[0], found


Leave = Callable[[Scenario, Policy], tuple[Scenario, Policy]]
"""Leaves out of a scenario and its policy what is not to be played."""


def day_of_control(policy: Policy, for_s: float, leave: Leave | None = None) -> tuple[float, float]:
    """Return the CPU time of a day of line A under control in memory [s], and of a simulated hour of it [s].

    Parameters
    ----------
    policy
        Policy of line A, played before, so that the start is that of any further run.
    for_s
        Stretch played [s]; what it takes besides the start is scaled to a day.
    leave
        Leaves out what is not to be played, as ``--control-only`` and ``--loops-only`` do; None for nothing.

    Raises
    ------
    RuntimeError
        If the loop did not come into service.
    """
    plain = {"scenario": 1, "title": "A day", "line": "A", "for": f"{for_s:g}s", "orders": [{"mode": "auto"}]}
    scenario = Scenario.model_validate(plain)
    scenario, policy = (scenario, policy) if leave is None else leave(scenario, policy)
    start_s, took_s, found = played(lambda one: in_memory(one, policy, SEED), scenario)
    if not any(phase == "active" for _, _, phase in found.phases):
        raise RuntimeError("line A was not under control")
    left_s = took_s / (for_s - START_S)
    return start_s + DAY_S * left_s, 3600.0 * left_s


class Timed:
    """Solvers whose CPU time is counted.

    Parameters
    ----------
    made
        The solvers by loop.
    """

    def __init__(self, made: Mapping[str, Solves]) -> None:
        self._made = made
        self.took_s = 0.0
        """CPU time of all solutions [s]."""
        self.solved = 0
        """Number of them [1]."""

    def solve(self, problem: Problem) -> Plan:
        """Return the plan for one problem."""
        began = time.process_time()
        plan = self._made[problem.loop].solve(problem)
        self.took_s += time.process_time() - began
        self.solved += 1
        return plan


def in_parts(scenario: Scenario, policy: Policy) -> dict[str, object]:
    """Return what a cycle in memory and a solution cost."""
    in_memory(scenario.model_copy(update={"for_s": START_S}), policy, SEED)  # imports are not measured
    timed: list[Timed] = []

    def build(loops: Mapping[str, Loop], files: Mapping[str, bytes]) -> Mapping[str, Solves]:
        timed.append(Timed(solvers_in_line(loops, files)))
        return dict.fromkeys(loops, timed[-1])

    start_s, took_s, _ = played(lambda one: in_memory(one, policy, SEED, build=build), scenario)
    for_s, (first, whole) = scenario.for_s - START_S, timed
    solve_s, solved = whole.took_s - first.took_s, whole.solved - first.solved
    return {
        "x_realtime_memory": for_s / took_s,
        "start_s_memory": start_s,
        "cycle_us_memory": 1e6 * (took_s - solve_s) / for_s * policy.period_s,
        "solve_us_memory": 1e6 * solve_s / max(1, solved),
    }


HOW: dict[str, object] = {
    "step_s": SCAN_S,
    "time": "CPU time where all happens in one process; wall time, start-up included, in lock-step",
    "cycle_us_memory": "all of a cycle but the solver: plant, PLCs, reading, decision, digest",
    "day_A_cpu_s": "24 h of line A in AUTO in memory, scaled up from day_played_s where that is less",
    "day_A_control_only_cpu_s": "the same without watches, incidents and soft sensors that no loop reads",
    "day_A_loops_only_cpu_s": "the same without following material and without its gate, as by --loops-only",
    "day_vs_plant_A": "an hour of it over an hour of plain steps of the plant, 7200 of 0.5 s",
}
"""How each figure was come by."""


def run(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure the rig."""
    length_s, day_played_s = (300.0, QUICK_DAY_S) if quick else (1800.0, DAY_S)
    scenario, policy = open_scenario(find("a_quiet"))
    scenario = scenario.model_copy(update={"for_s": length_s, "assertions": {}})
    plants = {name: plant_alone(name, length_s) for name in PLANTS}
    line_s = behind_plcs(policy, length_s)
    parts = in_parts(scenario, policy)
    day_s, hour_s = day_of_control(policy, day_played_s)
    control_s, _ = day_of_control(policy, min(day_played_s, DAY_S / 4.0), control_only)
    loops_s, _ = day_of_control(policy, min(day_played_s, DAY_S / 4.0), loops_only)
    begin_s, virtual_s, _ = played(lambda one: in_virtual_time(Run(one, policy, SEED)), scenario)
    sockets = _in_lockstep(scenario, policy)
    x_virtual = (length_s - START_S) / virtual_s
    return Result(
        "hil",
        figures={
            **{f"sim_hours_per_s_{name}": 1.0 / took for name, took in plants.items()},
            **{f"s_per_hour_{name}": took for name, took in plants.items()},
            "day_A_cpu_s": day_s,
            "day_A_control_only_cpu_s": control_s,
            "day_A_loops_only_cpu_s": loops_s,
            **parts,
            "x_realtime_virtual": x_virtual,
            "start_s_virtual": begin_s,
            "lockstep_cycles_per_s": sockets.ran.tally.cycles / sockets.wall_s,
            "controller_share_of_lockstep": sum(sockets.ran.tally.busy_s) / sockets.wall_s,
        },
        ratios={
            "line_vs_plant_A": line_s / plants["A"],
            "day_vs_plant_A": hour_s / plants["A"],
            "day_vs_virtual": 3600.0 / hour_s / x_virtual,
        },
        config={
            "length_s": length_s,
            "day_played_s": day_played_s,
            "day_scaled_by": DAY_S / day_played_s,
            **HOW,
        },
        seeds=(SEED,),
    )


def _in_lockstep(scenario: Scenario, policy: Policy) -> Played:
    return over_sockets(scenario, policy, SEED, Options(lockstep_from=EPOCH, unrecorded=True), _run)


def _run(kit: Kit, options: Options, through: Door, sinks: Sequence[Sink]) -> Ran:
    return asyncio.run(operate(kit, options, through, sinks))


if __name__ == "__main__":
    main(run)
