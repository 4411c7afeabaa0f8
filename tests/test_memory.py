"""A line in memory: the same drivers' contract, without sockets, with links that can be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import nan

import pytest

from hil.plc.line_a import LINE
from hil.rig.memory import Memory
from plant_io import Outcome, Quality, Reason, Setpoint
from plant_io.clocks import SimClock
from plant_io.line import Line
from policies import Policy, load, shipped

EPOCH = 1_767_225_600.0


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(shipped("A"))


def meet(policy: Policy, talk: Callable[[Line, SimClock, Memory], Awaitable[None]]) -> None:
    async def run() -> None:
        memory = Memory(LINE.simulate(policy, seed=1), EPOCH)
        clock = SimClock(EPOCH, memory.advance)
        line = Line(policy, clock, memory.make)
        await line.open()
        try:
            assert await line.ready(5.0)
            await talk(line, clock, memory)
        finally:
            await line.close()

    asyncio.run(run())


def test_the_clock_carries_the_plant(policy: Policy) -> None:
    async def talk(line: Line, clock: SimClock, memory: Memory) -> None:
        await clock.sleep_until(EPOCH + 100.0)
        snapshot = await line.read(clock.now())
        assert memory.line.plant.time == 100.0
        assert [tag for tag in policy.tags if snapshot[tag].quality is not Quality.GOOD] == []
        assert snapshot["NIR.SPECTRUM"].source < snapshot["HOP.M"].source == EPOCH + 100.0

    meet(policy, talk)


def test_a_value_is_rounded_as_its_device_holds_it(policy: Policy) -> None:
    async def talk(line: Line, clock: SimClock, memory: Memory) -> None:
        await clock.sleep_until(EPOCH + 10.0)
        snapshot = await line.read(clock.now())
        true = float(memory.line.plant.tags["FDR_API.N"])
        assert snapshot["FDR_API.N"].value == pytest.approx(round(true, 1))
        assert snapshot["FDR_API.N"].value != true

    meet(policy, talk)


def test_a_connection_that_is_down_is_bad_and_comes_back(policy: Policy) -> None:
    async def talk(line: Line, clock: SimClock, memory: Memory) -> None:
        await line.read(clock.now())
        memory.down.add("feeders")
        lost = [await line.read(clock.now()) for _ in range(3)][-1]
        refused = await line.write([Setpoint("SUP_F.ARM", 1.0)])
        assert (lost["FDR_API.F_PV"].quality, lost["FDR_API.F_PV"].reason) == (Quality.BAD, Reason.LINK_DOWN)
        assert lost["HOP.M"].quality is Quality.GOOD
        assert refused[0].outcome is not Outcome.TAKEN
        memory.down.clear()
        assert await line.ready(5.0)
        assert (await line.read(clock.now()))["FDR_API.F_PV"].quality is Quality.GOOD

    meet(policy, talk)


@pytest.mark.parametrize(
    ("setpoint", "outcome"),
    [
        (Setpoint("FDR_API.F_SP", 2.1), Outcome.TAKEN),
        (Setpoint("FDR_API.F_SP", nan), Outcome.REFUSED),
        (Setpoint("SUP_L.HEARTBEAT", 70000.0), Outcome.REFUSED),
        (Setpoint("HOP.M", 0.3), Outcome.REFUSED),
    ],
)
def test_a_write_is_taken_or_refused_as_by_a_device(policy: Policy, setpoint: Setpoint, outcome: Outcome) -> None:
    async def talk(line: Line, _clock: SimClock, _memory: Memory) -> None:
        assert [receipt.outcome for receipt in await line.write([setpoint])] == [outcome]

    meet(policy, talk)
