"""How fast simulated lines run: the plant alone, with the controller in memory, and in lock-step over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from benchmarks.tool import Result, main
from controller.kit import Kit
from controller.loop import Sink
from controller.runtime import Door, Options, Ran, operate
from hil.library import find, open_scenario
from hil.plants.line_a import NOMINAL, LineA
from hil.rig.play import EPOCH, in_memory, over_sockets
from plant_io.clocks import stopwatch

STEP_S = 0.5
SEED = 1


def plant_alone(for_s: float) -> float:
    """Return hours of line A simulated in a second of wall time; `for_s` is the stretch simulated [s]."""
    line, watch = LineA(SEED), stopwatch()
    for _ in range(round(for_s / STEP_S)):
        line.step(STEP_S, NOMINAL)
    return for_s / 3600.0 / watch()


def run(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure the rig."""
    for_s = 300.0 if quick else 1800.0
    scenario, policy = open_scenario(find("a_quiet"))
    short = scenario.model_copy(update={"for_s": for_s, "assertions": {}})
    in_memory(short.model_copy(update={"for_s": 5.0}), policy, SEED)  # imports and compilation are not measured
    memory = in_memory(short, policy, SEED)
    sockets = over_sockets(short, policy, SEED, Options(lockstep_from=EPOCH, unrecorded=True), _run)
    busy = sum(sockets.ran.tally.busy_s)
    return Result(
        "hil",
        figures={
            "sim_hours_per_s_A": plant_alone(3600.0),
            "x_realtime_memory": for_s / memory.wall_s,
            "lockstep_cycles_per_s": sockets.ran.tally.cycles / sockets.wall_s,
            "controller_share_of_lockstep": busy / sockets.wall_s,
        },
        ratios={"memory_vs_lockstep": sockets.wall_s / memory.wall_s},
        config={"length_s": for_s, "step_s": STEP_S, "solver": "do-mpc with IPOPT", "lockstep": "includes start-up"},
        seeds=(SEED,),
    )


def _run(kit: Kit, options: Options, through: Door, sinks: Sequence[Sink]) -> Ran:
    return asyncio.run(operate(kit, options, through, sinks))


if __name__ == "__main__":
    main(run)
