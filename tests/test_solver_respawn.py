"""The whole controller on line A in memory, its solver's process killed in mid-run: no cycle is missed for it."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import cast

import numpy as np
import pytest
from fakes import HOLDER

from controller.cycle import Cycle, Mode, Order, Phase, SetMode
from controller.desk import Timed
from controller.kit import prepare
from controller.mpc.worker import Worker
from controller.plan import Status
from controller.runtime import Door, Options, Ran, operate
from hil.plc.line_a import LINE
from hil.rig.memory import Memory
from hil.rig.play import EPOCH
from plant_io.clocks import SimClock
from plant_io.line import Line
from policies import load, shipped

POLICY = load(shipped("A"))
AUTO = (Timed(0.0, Order("ana", "test", SetMode("blend", Mode.AUTO))),)
AWAY = 25
"""Cycles that go by before anybody waits for the new process [1]."""


class Patient(SimClock):
    """Simulated time that, once told, waits for the solver `AWAY` cycles later, and never before."""

    def __init__(self, advance: Callable[[float], None], worker: Worker) -> None:
        super().__init__(EPOCH, advance)
        self._worker, self.waits_at = worker, np.inf

    async def sleep_until(self, at: float) -> None:
        await super().sleep_until(at)
        if at >= self.waits_at:
            assert await self._worker.ready(60.0)


def solver() -> BaseProcess:
    (process,) = (each for each in multiprocessing.active_children() if each.name == "solver")
    return process


def run() -> tuple[Ran, list[Cycle], int, list[int]]:
    """Return a run, its cycles, the one after which the solver was killed, and the processes there were."""
    memory, cycles, killed, processes = Memory(LINE.simulate(POLICY, 1), EPOCH), list[Cycle](), list[int](), list[int]()
    deadlines = {name: loop.deadline_s for name, loop in POLICY.loops.items()}
    worker = Worker(deadlines, HOLDER, (dict(POLICY.loops), dict(POLICY.files)), wait_s=60.0)
    clock = Patient(memory.advance, worker)

    def watch(cycle: Cycle) -> None:
        cycles.append(cycle)
        plans = [plan for each in cycles for plan in each.plans]
        active = cycle.decision.modes["blend"][1] is Phase.ACTIVE
        if not killed and active and cycle.decision.problems and len(plans) > 3:
            killed.append(cycle.number)
            processes.append(cast("int", solver().pid))
            clock.waits_at = cycle.snapshot.at + AWAY * POLICY.period_s
            solver().kill()
        if len(cycles) == 200:
            processes.append(cast("int", solver().pid))

    through = Door(clock, Line(POLICY, clock, memory.make), worker)
    options = Options(for_s=240.0, orders=AUTO, unrecorded=True)
    ran = asyncio.run(operate(prepare(POLICY), options, through, (watch,)))
    return ran, cycles, killed[0], processes


@pytest.mark.slow
def test_a_solver_that_is_killed_comes_back_and_no_cycle_is_missed() -> None:
    ran, cycles, killed, (before, after) = run()
    assert before != after
    assert ran.tally.overruns == 0
    assert set(np.diff([c.snapshot.at for c in cycles]).tolist()) == {POLICY.period_s}
    without = [plan for c in cycles[killed : killed + AWAY + 1] for plan in c.plans]
    assert {plan.status for plan in without} & {Status.DIED, Status.LATE}
    assert "starting again" in " ".join(plan.why for plan in without)
    assert all(c.decision.handshake for c in cycles[killed : killed + AWAY])
    assert any(plan.status is Status.SOLVED for c in cycles[killed + AWAY :] for plan in c.plans)
    assert {c.decision.modes["blend"] for c in cycles[killed:200]} == {(Mode.AUTO, Phase.ACTIVE)}
