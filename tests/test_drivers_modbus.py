import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import isnan, nan

import numpy as np
import pytest
from proxy import proxied
from pymodbus.constants import ExcCodes
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from plant_io import Outcome, Quality, Reason, Setpoint
from plant_io.clocks import LockstepClock, WallClock, stopwatch
from plant_io.drivers.modbus import ModbusDriver
from plant_io.line import Line
from policies import Lockstep, Policy


@dataclass
class Device:
    """A Modbus device, what it was asked, and what it refuses."""

    server: ModbusTcpServer
    port: int
    asked: list[tuple[int, int, int]] = field(default_factory=list)
    refuses: dict[int, ExcCodes] = field(default_factory=dict)

    async def put(self, function: int, address: int, values: Sequence[int]) -> None:
        await self.server.async_setValues(1, function, address, list(values))

    async def get(self, function: int, address: int, n: int) -> list[int]:
        return list(await self.server.async_getValues(1, function, address, n))


@asynccontextmanager
async def device(port: int = 0, hole: int | None = None) -> AsyncIterator[Device]:
    """Serve 300 holding and input registers, the inputs possibly with a hole, and 32 coils and discrete inputs."""
    found: list[Device] = []

    def note(sending: bool, pdu: ModbusPDU) -> ModbusPDU:  # noqa: FBT001
        if not sending:
            found[0].asked.append((pdu.function_code, pdu.address, pdu.count or len(pdu.registers) or len(pdu.bits)))
        return pdu

    async def act(function: int, _start: int, address: int, *_others: object) -> ExcCodes | None:
        return found[0].refuses.get(address) if function >= 5 else None

    def words(*spans: tuple[int, int]) -> list[SimData]:
        return [SimData(a, values=[0] * (b - a), datatype=DataType.REGISTERS) for a, b in spans]

    def bits() -> list[SimData]:
        return [SimData(0, values=[False] * 32, datatype=DataType.BITS)]

    inputs = words((0, 300)) if hole is None else words((0, hole), (hole + 1, 300))
    server = ModbusTcpServer(
        SimDevice(1, (bits(), bits(), words((0, 300)), inputs), action=act), address=("127.0.0.1", port), trace_pdu=note
    )
    await server.serve_forever(background=True)
    found.append(Device(server, server.transport.sockets[0].getsockname()[1]))
    try:
        yield found[0]
    finally:
        await server.shutdown()


Tags = dict[str, dict[str, object]]


def declared(port: int, tags: Tags, period: str = "2s", **connection: object) -> Policy:
    common = {"unit": "1", "range": [-1e9, 1e9], "connection": "plc", "type": "uint16"}
    return Policy.model_validate(
        {
            "policy": 1,
            "line": "T",
            "revision": "1",
            "period": period,
            "connections": {
                "plc": {"protocol": "modbus", "host": "127.0.0.1", "port": port, "timeout": "1s"} | connection
            },
            "tags": {name: common | tag for name, tag in tags.items()},
        }
    )


WRITABLE: dict[str, object] = {"access": "write", "read_back": "A"}
ONE: Tags = {"A": {"address": "input:0"}}
F32 = struct.Struct(">HH")


def cdab(value: float) -> list[int]:
    high, low = F32.unpack(struct.pack(">f", value))
    return [low, high]


@asynccontextmanager
async def driven(policy: Policy) -> AsyncIterator[tuple[ModbusDriver, tuple[str, ...]]]:
    driver = ModbusDriver("plc", policy)
    try:
        yield driver, (await driver.open()).notes
    finally:
        await driver.abort()


@asynccontextmanager
async def opened(policy: Policy) -> AsyncIterator[Line]:
    line = Line(policy, WallClock())
    await line.open()
    try:
        assert await line.ready(5.0)
        yield line
    finally:
        await line.close()


def test_one_request_brings_neighbouring_tags() -> None:
    async def run() -> None:
        async with device() as plc:
            await plc.put(4, 0, [*cdab(1.5), *cdab(-2.5), 7, 65535])
            tags = {
                "A": {"address": "input:0", "type": "float32"},
                "B": {"address": "input:2", "type": "float32"},
                "C": {"address": "input:4"},
                "D": {"address": "input:5", "type": "int16"},
            }
            async with driven(declared(plc.port, tags, byte_order="CDAB")) as (driver, notes):
                plc.asked.clear()
                batch = await driver.read()
            assert notes == ()
            assert batch.values.tolist() == [1.5, -2.5, 7.0, -1.0]
            assert plc.asked == [(4, 0, 6)]

    asyncio.run(run())


def test_all_four_tables_are_read() -> None:
    async def run() -> None:
        async with device() as plc:
            await plc.put(5, 3, [True])
            await plc.put(2, 9, [True])
            await plc.put(3, 20, [11])
            await plc.put(4, 20, [22])
            tags = {
                "COIL": {"address": "coil:3", "type": "bool"},
                "OFF": {"address": "coil:4", "type": "bool"},
                "DISCRETE": {"address": "discrete:9", "type": "bool"},
                "HOLDING": {"address": "holding:20"},
                "INPUT": {"address": "input:20"},
            }
            async with driven(declared(plc.port, tags)) as (driver, _):
                batch = await driver.read()
            assert batch.values.tolist() == [1.0, 0.0, 1.0, 11.0, 22.0]

    asyncio.run(run())


def test_a_hole_in_a_block_costs_only_the_tag_in_it() -> None:
    async def run() -> None:
        async with device(hole=5) as plc:
            await plc.put(4, 0, [1, 2])
            await plc.put(4, 6, [7])
            tags = {name: {"address": f"input:{i}"} for name, i in {"A": 0, "B": 1, "HOLE": 5, "C": 6}.items()}
            async with driven(declared(plc.port, tags)) as (driver, notes):
                plc.asked.clear()
                batch = await driver.read()
            assert batch.values[[0, 1, 3]].tolist() == [1.0, 2.0, 7.0]
            assert isnan(batch.values[2])
            assert (batch.quality[2], batch.reason[2]) == (Quality.BAD, Reason.REFUSED)
            assert notes == ("HOLE: the device gives exception 2, illegal data address for input:5",)
            assert len(plc.asked) == 3

    asyncio.run(run())


def test_a_spectrum_longer_than_one_request_comes_whole() -> None:
    async def run() -> None:
        async with device() as plc:
            values = [0.5 * i for i in range(100)]
            registers = [word for value in values for word in F32.unpack(struct.pack(">f", value))]
            await plc.put(4, 10, registers)
            tags = {"S": {"address": "input:10", "type": "float32", "length": 100}}
            async with driven(declared(plc.port, tags)) as (driver, _):
                assert (await driver.read()).values.tolist() == values

    asyncio.run(run())


def test_whole_values_are_written_in_order_and_neighbours_together() -> None:
    async def run() -> None:
        async with device() as plc:
            tags = {
                "A": {"address": "holding:0", "type": "float32"} | WRITABLE,
                "B": {"address": "holding:2", "type": "float32"} | WRITABLE,
                "ARM": {"address": "holding:21"} | WRITABLE,
                "BEAT": {"address": "holding:20"} | WRITABLE,
            }
            async with driven(declared(plc.port, tags, byte_order="CDAB")) as (driver, _):
                plc.asked.clear()
                wanted = [Setpoint("A", 1.5), Setpoint("B", -2.5), Setpoint("ARM", 1), Setpoint("BEAT", 41.6)]
                receipts = await driver.write(wanted)
            assert [r.outcome for r in receipts] == [Outcome.TAKEN] * 4
            assert plc.asked == [(16, 0, 4), (16, 21, 1), (16, 20, 1)]
            assert await plc.get(3, 0, 4) == [*cdab(1.5), *cdab(-2.5)]
            assert await plc.get(3, 20, 2) == [42, 1]

    asyncio.run(run())


def test_coils_are_written_singly_or_in_a_row() -> None:
    async def run() -> None:
        async with device() as plc:
            tags = {f"C{i}": {"address": f"coil:{i}", "type": "bool"} | WRITABLE for i in (0, 1, 5)}
            async with driven(declared(plc.port, tags)) as (driver, _):
                plc.asked.clear()
                await driver.write([Setpoint("C0", 1), Setpoint("C1", 1), Setpoint("C5", 1)])
                batch = await driver.read()
            assert [function for function, _, _ in plc.asked[:2]] == [15, 5]
            assert batch.values.tolist() == [1.0, 1.0, 1.0]

    asyncio.run(run())


def test_a_refused_write_is_a_receipt_and_the_rest_still_goes() -> None:
    async def run() -> None:
        async with device() as plc:
            plc.refuses[0] = ExcCodes.ILLEGAL_VALUE
            tags = {
                "A": {"address": "holding:0"} | WRITABLE,
                "SMALL": {"address": "holding:5", "type": "int16"} | WRITABLE,
                "BEAT": {"address": "holding:9"} | WRITABLE,
            }
            async with driven(declared(plc.port, tags)) as (driver, _):
                receipts = await driver.write([Setpoint("A", 1), Setpoint("SMALL", 40000), Setpoint("BEAT", 3)])
            assert [r.outcome for r in receipts] == [Outcome.REFUSED, Outcome.REFUSED, Outcome.TAKEN]
            assert receipts[0].why == "the device gives exception 3, illegal data value"
            assert receipts[1].why == "40000 does not fit int16, which holds -32768 to 32767"
            assert await plc.get(3, 9, 1) == [3]

    asyncio.run(run())


def test_input_registers_are_not_written() -> None:
    async def run() -> None:
        async with device() as plc:
            async with driven(declared(plc.port, {"A": {"address": "input:0"} | WRITABLE})) as (driver, _):
                (receipt,) = await driver.write([Setpoint("A", 1)])
            assert (receipt.outcome, receipt.why) == (Outcome.REFUSED, "input:0 cannot be written")

    asyncio.run(run())


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


def test_a_connection_given_up_at_any_moment_leaves_nothing_behind() -> None:
    async def run() -> None:
        async with device() as plc:
            waits = np.random.default_rng(1)
            for _ in range(40):
                driver = ModbusDriver("plc", declared(plc.port, ONE))
                with suppress(OSError):
                    async with asyncio.timeout(waits.uniform(0.0, 0.03)):
                        await driver.open()
                        while True:
                            await driver.read()
                await driver.abort()
            assert len(asyncio.all_tasks()) == 1

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


def test_a_device_that_hangs_up_while_it_is_asked_is_noticed_at_once() -> None:
    async def run() -> None:
        async with device() as plc, proxied(plc.port) as proxy, driven(declared(proxy.port, ONE)) as (driver, _):
            proxy.stall()
            elapsed = stopwatch()
            asked = asyncio.create_task(driver.read())
            await WallClock().sleep_until(WallClock().now() + 0.05)
            proxy.cut()
            with pytest.raises(ConnectionError, match="closed the connection"):
                await asked
            assert elapsed() < 1.0

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


async def follow(plc: Device, periods: int) -> None:
    """Be a plant that does each period when it is asked for it."""
    clock = WallClock()
    for k in range(1, periods + 1):
        while (await plc.get(3, 0, 2))[1] < k:
            await clock.sleep_until(clock.now() + 0.002)
        await plc.put(4, 0, [0, k])
