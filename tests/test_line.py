import asyncio
from math import nan

import pytest
from modbus_device import ONE, WRITABLE, Device, Tags, declared, device, opened
from proxy import proxied

from plant_io import Outcome, Quality, Reason, Setpoint
from plant_io.clocks import LockstepClock, WallClock, stopwatch
from plant_io.line import Line
from policies import Lockstep


def test_a_line_scales_both_ways() -> None:
    async def run() -> None:
        async with device() as plc:
            tag = {"address": "holding:0", "scale": 0.1, "offset": -5.0, "range": [0, 100]}
            async with opened(declared(plc.port, {"A": tag | WRITABLE})) as line:
                (receipt,) = await line.write([Setpoint("A", 25.0)])
                seen = await line.read(0.0)
            assert receipt.outcome is Outcome.TAKEN
            assert receipt.setpoint == Setpoint("A", 25.0)
            assert await plc.get(3, 0, 1) == [300]
            assert seen.values.tolist() == [pytest.approx(25.0)]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("setpoint", "why"),
    [
        (Setpoint("A", nan), "nan is not a finite number"),
        (Setpoint("A", 101.0), "101 kg/h lies outside 0 to 100 kg/h"),
        (Setpoint("B", 1.0), "the policy does not let it be written"),
        (Setpoint("X", 1.0), "the policy knows no such tag"),
        (Setpoint("S", 1.0), "it holds 3 values, and only single ones are written"),
        (Setpoint("Z", 1.0), "the policy gives it no scale"),
    ],
)
def test_a_line_refuses_what_the_policy_does_not_permit(setpoint: Setpoint, why: str) -> None:
    async def run() -> None:
        async with device() as plc:
            tags = {
                "A": {"address": "holding:0", "range": [0, 100], "unit": "kg/h"} | WRITABLE,
                "B": {"address": "input:0"},
                "S": {"address": "holding:10", "length": 3} | WRITABLE,
                "Z": {"address": "holding:20", "scale": 0} | WRITABLE,
            }
            async with opened(declared(plc.port, tags)) as line:
                plc.asked.clear()
                receipts = await line.write([setpoint])
            assert [(r.outcome, r.why) for r in receipts] == [(Outcome.REFUSED, why)]
            assert plc.asked == []

    asyncio.run(run())


async def cycles(line: Line, until: Quality, within_s: float) -> tuple[float, int]:
    """Read every 200 ms until the first tag has the wanted quality; wall time and reads it took."""
    clock, elapsed, n = WallClock(), stopwatch(), 0
    while elapsed() < within_s:
        n += 1
        seen = await line.read(clock.now())
        if seen.quality[0] == until:
            return elapsed(), n
        await clock.sleep_until(seen.at + 0.2)
    raise AssertionError(f"not {until.name} within {within_s} s")


def test_nothing_is_written_while_the_link_is_down_nor_afterwards() -> None:
    async def run() -> None:
        async with device() as plc, proxied(plc.port) as proxy:
            async with opened(declared(proxy.port, {"A": {"address": "holding:0"} | WRITABLE}, "200ms")) as line:
                await proxy.unplug()
                await cycles(line, Quality.BAD, 1.0)
                (receipt,) = await line.write([Setpoint("A", 5)])
                await proxy.plug()
                await cycles(line, Quality.GOOD, 3.0)
            assert (receipt.outcome, receipt.why) == (Outcome.NOT_CONFIRMED, "link down")
            assert await plc.get(3, 0, 1) == [0]

    asyncio.run(run())


def test_a_stalled_link_is_bad_within_two_periods_and_recovers_alone() -> None:
    async def run() -> None:
        async with device() as plc, proxied(plc.port) as proxy:
            await plc.put(4, 0, [7])
            async with opened(declared(proxy.port, ONE, "200ms")) as line:
                await cycles(line, Quality.GOOD, 1.0)
                proxy.stall()
                _, reads = await cycles(line, Quality.BAD, 1.0)
                assert reads <= 2
                for _ in range(5):
                    seen = await line.read(WallClock().now())
                    assert (seen["A"].value, seen["A"].reason) == (7.0, Reason.LINK_DOWN)
                    await WallClock().sleep_until(seen.at + 0.2)
                proxy.flow()
                wall, _ = await cycles(line, Quality.GOOD, 3.0)
                assert wall <= 3.0
                assert line.links["plc"].misses == 2
                assert line.links["plc"].reconnects >= 1

    asyncio.run(run())


@pytest.mark.parametrize("away_s", [0.0, 0.5])
def test_a_broken_link_is_bad_within_two_periods_and_recovers_alone(away_s: float) -> None:
    async def run() -> None:
        async with device() as plc, proxied(plc.port) as proxy, opened(declared(proxy.port, ONE, "200ms")) as line:
            await cycles(line, Quality.GOOD, 1.0)
            await proxy.unplug()
            _, reads = await cycles(line, Quality.BAD, 1.0)
            assert reads <= 2
            await WallClock().sleep_until(WallClock().now() + away_s)
            await proxy.plug()
            wall, _ = await cycles(line, Quality.GOOD, 3.0)
            assert wall <= 3.0

    asyncio.run(run())


def test_a_reset_link_recovers_within_a_second() -> None:
    async def run() -> None:
        async with device() as plc, proxied(plc.port) as proxy, opened(declared(proxy.port, ONE, "200ms")) as line:
            await cycles(line, Quality.GOOD, 1.0)
            proxy.cut()
            await cycles(line, Quality.BAD, 1.0)
            wall, _ = await cycles(line, Quality.GOOD, 3.0)
            assert wall < 1.0

    asyncio.run(run())


def test_one_missed_answer_is_a_doubt_and_not_a_loss() -> None:
    async def run() -> None:
        async with device() as plc, proxied(plc.port) as proxy, opened(declared(proxy.port, ONE, "200ms")) as line:
            await line.read(0.0)
            proxy.stall()
            missed = await line.read(1.0)
            assert line.links["plc"].state == "suspect"
            proxy.flow()
            # The simulated device takes one frame at a time: two that come together it answers one question late.
            await WallClock().sleep_until(WallClock().now() + 0.02)
            again = await line.read(2.0)
            assert (missed.quality[0], again.quality[0]) == (Quality.BAD, Quality.GOOD)
            assert line.links["plc"].reconnects == 0

    asyncio.run(run())


def test_a_dead_device_does_not_disturb_the_other() -> None:
    async def run() -> None:
        async with device() as one, device() as other, proxied(one.port) as proxy:
            policy = declared(proxy.port, ONE | {"B": {"address": "input:0", "connection": "b"}}, "600ms")
            second = declared(other.port, ONE).connections["plc"]
            both = policy.model_copy(update={"connections": {**policy.connections, "b": second}})
            async with opened(both) as line:
                await line.read(0.0)
                proxy.stall()
                walls = []
                for at in (1.0, 2.0, 3.0):
                    elapsed = stopwatch()
                    seen = await line.read(at)
                    walls.append(elapsed())
                    assert seen.quality.tolist() == [Quality.BAD, Quality.GOOD]
            # Two deadlines of half a period, then nobody waits for it any more.
            assert max(walls) < 0.5
            assert walls[2] < 0.2

    asyncio.run(run())


def test_a_simulated_plant_is_led_through_its_periods() -> None:
    async def run() -> None:
        tags: Tags = {
            "SIM.REQUEST": {"address": "holding:0", "type": "uint32", "read_back": "SIM.DONE", "access": "write"},
            "SIM.DONE": {"address": "input:0", "type": "uint32"},
        }
        lockstep = {"request": "SIM.REQUEST", "done": "SIM.DONE", "patience": "300ms"}
        async with device() as plc:
            policy = declared(plc.port, tags).model_copy(update={"lockstep": Lockstep.model_validate(lockstep)})
            async with opened(policy) as line:
                plant = asyncio.create_task(follow(plc, periods=3))
                assert [await line.step(k) for k in (1, 2, 3)] == [True, True, True]
                await plant
                assert (await line.read(0.0)).good("SIM.DONE") == 3.0
                assert not await line.step(4)

    asyncio.run(run())


def test_a_plant_that_waits_for_the_controller_is_waited_for() -> None:
    async def step(_: int) -> bool:
        return True

    tags: Tags = {"A": {"address": "holding:0"} | WRITABLE, "B": {"address": "input:0"}}
    lockstep = Lockstep.model_validate({"request": "A", "done": "B", "patience": "5s"})
    policy = declared(1, tags, "1s").model_copy(update={"lockstep": lockstep})
    assert Line(policy, LockstepClock(0.0, 1.0, step)).links["plc"]._patience.answer_s == 5.0
    assert Line(policy, WallClock()).links["plc"]._patience.answer_s == 0.5


def test_plant_time_stands_still_while_a_lost_connection_comes_back() -> None:
    async def run() -> None:
        tags: Tags = {
            "SIM.REQUEST": {"address": "holding:0", "type": "uint32", "read_back": "SIM.DONE", "access": "write"},
            "SIM.DONE": {"address": "input:0", "type": "uint32"},
            "A": {"address": "input:9", "connection": "other"},
        }
        lockstep = Lockstep.model_validate({"request": "SIM.REQUEST", "done": "SIM.DONE", "patience": "1s"})
        async with device() as plc, device() as other, proxied(other.port) as proxy:
            policy = declared(plc.port, ONE)
            links = {"plc": policy.connections["plc"], "other": declared(proxy.port, ONE).connections["plc"]}
            policy = policy.model_copy(
                update={"connections": links, "tags": declared(1, tags).tags, "lockstep": lockstep}
            )
            async with opened(policy) as line:
                plant = asyncio.create_task(follow(plc, periods=3))
                assert await line.step(1)
                proxy.cut()
                lost = await line.read(1.0)
                assert await line.step(2)
                back = await line.read(2.0)
                assert (lost["A"].quality, back["A"].quality) == (Quality.BAD, Quality.GOOD)
                await proxy.unplug()
                await line.read(2.0)
                elapsed = stopwatch()
                assert await line.step(3)
                assert elapsed() >= 1.0
                await plant
                elapsed = stopwatch()
                assert await line.step(3)
                assert elapsed() < 0.5

    asyncio.run(run())


async def follow(plc: Device, periods: int) -> None:
    """Be a plant that does each period when it is asked for it."""
    clock = WallClock()
    for k in range(1, periods + 1):
        while (await plc.get(3, 0, 2))[1] < k:
            await clock.sleep_until(clock.now() + 0.002)
        await plc.put(4, 0, [0, k])
