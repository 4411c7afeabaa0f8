"""A line in memory: the same drivers' contract, without sockets, with links that can be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import inf, nan

import numpy as np
import pytest

from hil.plc.line import Image
from hil.plc.line_a import LINE
from hil.rig.memory import Memory, MemoryLine, _Held
from hil.servers.wire import to_raw
from plant_io import Outcome, Quality, Reason, Setpoint
from plant_io.clocks import SimClock
from plant_io.line import Line
from policies import Policy, Tag, load, shipped

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


KINDS = ("bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")


@pytest.mark.parametrize("scale", [1.0, 0.1, -2.5])
def test_many_values_are_held_at_once_as_each_is_held_alone(scale: float) -> None:
    rng = np.random.default_rng(5)
    drawn = rng.normal(size=40) * 10.0 ** rng.integers(-3, 25, size=40)
    numbers = [*drawn.tolist(), nan, inf, -inf, 0.0, 0.25, 0.5, 1.5, 2.5, -0.5, 1e39, -1e39]
    given = {"unit": "1", "range": (-1e9, 1e9), "connection": "plc", "scale": scale, "offset": 3.0}
    for kind in KINDS:
        tag = Tag.model_validate(given | {"address": "input:0", "type": kind})
        tags = {f"T{i}": tag for i in range(len(numbers))}
        values = dict(zip(tags, numbers, strict=True))
        shown = _Held(tags).raw(Image(0.0, values, dict.fromkeys(tags, 0.0)))
        alone = np.array([float(to_raw(tag, value)) for value in numbers])
        assert np.array_equal(shown, alone, equal_nan=True), kind


def test_a_line_without_links_gives_what_a_line_over_links_gives(policy: Policy) -> None:
    async def run(*, linked: bool) -> list[object]:
        memory = Memory(LINE.simulate(policy, seed=1), EPOCH)
        clock = SimClock(EPOCH, memory.advance)
        line = Line(policy, clock, memory.make) if linked else MemoryLine(policy, clock, memory)
        found: list[object] = []
        await line.open()
        assert await line.ready(5.0)
        for k in range(30):
            found.append(await line.read(clock.now()))
            asked = [Setpoint("SUP_F.ARM", 1.0), Setpoint("SUP_F.HEARTBEAT", float(k)), Setpoint("HOP.M", 1.0)]
            more = [Setpoint("FDR_API.F_SP", 2.0 + 0.01 * k), Setpoint("FDR_API.F_SP", nan), Setpoint("NOBODY", 0.0)]
            found += await line.write([*asked, *more])
            await clock.sleep_until(EPOCH + k + 1.0)
        await line.close()
        return found

    assert asyncio.run(run(linked=True)) == asyncio.run(run(linked=False))
