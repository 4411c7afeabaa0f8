"""How fast simulated lines run: the plants alone, with the controller in memory, in virtual time, in lock-step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from benchmarks.tool import Result, main
from controller.kit import Kit
from controller.loop import Sink
from controller.runtime import Door, Options, Ran, operate
from hil.library import find, open_scenario
from hil.plants import line_a, line_b, line_c
from hil.plc.lines import blueprint
from hil.plc.scans import SCAN_S
from hil.rig.play import EPOCH, Played, in_memory
from hil.rig.sockets import over_sockets
from hil.rig.virtual import Run, in_virtual_time
from hil.scenario import Scenario
from policies import Policy

SEED = 1
START_S = 5.0
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


def run(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure the rig."""
    length_s = 300.0 if quick else 1800.0
    scenario, policy = open_scenario(find("a_quiet"))
    scenario = scenario.model_copy(update={"for_s": length_s, "assertions": {}})
    plants = {name: plant_alone(name, length_s) for name in PLANTS}
    line_s = behind_plcs(policy, length_s)
    in_memory(scenario.model_copy(update={"for_s": START_S}), policy, SEED)  # imports are not measured
    start_s, memory_s, memory = played(lambda one: in_memory(one, policy, SEED), scenario)
    begin_s, virtual_s, _ = played(lambda one: in_virtual_time(Run(one, policy, SEED)), scenario)
    sockets = _in_lockstep(scenario, policy)
    for_s, solved = length_s - START_S, memory.ran.solve_s
    return Result(
        "hil",
        figures={
            **{f"sim_hours_per_s_{name}": 1.0 / took for name, took in plants.items()},
            **{f"s_per_hour_{name}": took for name, took in plants.items()},
            "x_realtime_memory": for_s / memory_s,
            "start_s_memory": start_s,
            "s_per_day_memory": start_s + DAY_S * memory_s / for_s,
            "cycle_us_memory": 1e6 * (memory_s - sum(solved)) / for_s * policy.period_s,
            "solve_us_memory": 1e6 * sum(solved) / max(1, len(solved)),
            "x_realtime_virtual": for_s / virtual_s,
            "start_s_virtual": begin_s,
            "lockstep_cycles_per_s": sockets.ran.tally.cycles / sockets.wall_s,
            "controller_share_of_lockstep": sum(sockets.ran.tally.busy_s) / sockets.wall_s,
        },
        ratios={
            "memory_vs_virtual": virtual_s / memory_s,
            "line_vs_plant_A": line_s / plants["A"],
            "memory_vs_plant_A": 3600.0 * memory_s / for_s / plants["A"],
        },
        config={
            "length_s": length_s,
            "step_s": SCAN_S,
            "time": "CPU time where all happens in one process; wall time, start-up included, in lock-step",
            "cycle_us_memory": "all of a cycle but the solver: plant, PLCs, reading, decision, digest",
        },
        seeds=(SEED,),
    )


def _in_lockstep(scenario: Scenario, policy: Policy) -> Played:
    return over_sockets(scenario, policy, SEED, Options(lockstep_from=EPOCH, unrecorded=True), _run)


def _run(kit: Kit, options: Options, through: Door, sinks: Sequence[Sink]) -> Ran:
    return asyncio.run(operate(kit, options, through, sinks))


if __name__ == "__main__":
    main(run)
