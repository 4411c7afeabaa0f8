import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from math import isnan

import numpy as np
import pytest
from modbus_device import F32, ONE, WRITABLE, cdab, declared, device
from proxy import proxied
from pymodbus.constants import ExcCodes

from plant_io import Outcome, Quality, Reason, Setpoint
from plant_io.clocks import WallClock, stopwatch
from plant_io.drivers.modbus import ModbusDriver
from policies import Policy


@asynccontextmanager
async def driven(policy: Policy) -> AsyncIterator[tuple[ModbusDriver, tuple[str, ...]]]:
    driver = ModbusDriver("plc", policy)
    try:
        yield driver, (await driver.open()).notes
    finally:
        await driver.abort()


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
            await asyncio.sleep(0.1)  # the device may still be at an answer that nobody waits for
            assert len(asyncio.all_tasks()) == 1

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
