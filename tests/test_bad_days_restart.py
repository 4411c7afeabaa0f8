"""A PLC process that is killed and started again: its plant begins in the present, whatever time goes by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from fakes import HOLDER
from moves import moves

from controller.cycle import Cycle, Mode, Order, Phase, SetMode
from controller.desk import Timed
from controller.kit import prepare
from controller.mpc.worker import Inline
from controller.runtime import Door, Options, door, operate
from hil.rig.play import EPOCH
from hil.rig.process import PlcProcess, Served
from plant_io import Quality
from plant_io.clocks import PacedClock
from plant_io.line import Line
from policies import Policy, load, rebind, shipped

pytestmark = pytest.mark.slow

AUTO = (Timed(0.0, Order("ana", "test", SetMode("blend", Mode.AUTO))),)
AFTER = 45
"""Cycles before the restart [1]."""
SPEED = 10.0


def played(served: Served, through: Callable[[Policy, float], Door], for_s: float) -> tuple[Policy, list[Cycle]]:
    policy = load(shipped("A"))
    cycles: list[Cycle] = []
    with PlcProcess(served) as process:

        def strike(cycle: Cycle) -> None:
            cycles.append(cycle)
            if len(cycles) == AFTER:
                process.restart()

        bound = rebind(policy, process.connect)
        options = Options(for_s=for_s, orders=AUTO, unrecorded=True)
        asyncio.run(operate(prepare(bound), options, through(bound, process.epoch), (strike,)))
    return policy, cycles


def solvers(policy: Policy) -> Inline:
    return Inline(HOLDER, (dict(policy.loops), dict(policy.files)))


def check(policy: Policy, cycles: Sequence[Cycle], behind_s: float) -> None:
    assert cycles[AFTER - 1].snapshot["NIR.SPECTRUM"].quality is Quality.GOOD
    assert any("was restarted" in event.what for c in cycles[AFTER:] for event in c.decision.events)
    for c in cycles[-10:]:
        assert [tag for tag in policy.tags if c.snapshot[tag].quality is not Quality.GOOD] == []
        assert abs(c.snapshot.at - c.snapshot["HOP.M"].source) <= behind_s
    assert cycles[AFTER - 1].decision.modes["blend"] == (Mode.AUTO, Phase.ACTIVE)
    assert not any(c.decision.modes["blend"][1] is Phase.ACTIVE or moves(c) for c in cycles[AFTER:])


def test_a_plant_started_again_in_lock_step_begins_where_the_controller_is() -> None:
    def through(bound: Policy, _: float) -> Door:
        return replace(door(bound, Options(lockstep_from=EPOCH)), solvers=solvers(bound))

    policy, cycles = played(Served("A", seed=4, start=EPOCH), through, 90.0)
    check(policy, cycles, behind_s=1.0)
    assert cycles[-1].snapshot.at == EPOCH + 91.0  # the last cycle hands the gate back
    assert cycles[-1].snapshot["NIR.SPECTRUM"].source > cycles[AFTER].snapshot.at


def test_a_plant_started_again_in_faster_time_keeps_the_time_of_the_controller() -> None:
    def through(bound: Policy, epoch: float) -> Door:
        clock = PacedClock.from_origin(SPEED, epoch)
        return Door(clock, Line(bound, clock), solvers(bound))

    policy, cycles = played(Served("A", seed=4, lockstep=False, speed=SPEED), through, 200.0)
    check(policy, cycles, behind_s=3.0)
