import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from math import inf, isnan, nan

import numpy as np
import pytest
from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import struct_to_binary
from opcua_plant import KINDS, Plant, Tags, V, declared
from proxy import proxied

from plant_io import Outcome, Quality, Reason, Setpoint
from plant_io.clocks import LockstepClock, WallClock, stopwatch
from plant_io.drivers import opcua_nodes
from plant_io.drivers.opcua import OpcUaDriver
from plant_io.line import Line
from plant_io.link import LinkState
from policies import Lockstep, Policy


@pytest.fixture(scope="module")
def plant() -> Iterator[Plant]:
    plant = Plant()
    plant.start()
    yield plant
    plant.stop()


@asynccontextmanager
async def driven(policy: Policy) -> AsyncIterator[tuple[OpcUaDriver, tuple[str, ...]]]:
    driver = OpcUaDriver("plc", policy)
    try:
        yield driver, (await driver.open()).notes
    finally:
        await driver.abort()


@asynccontextmanager
async def opened(policy: Policy) -> AsyncIterator[Line]:
    line = Line(policy, WallClock())
    await line.open()
    try:
        assert await line.ready(10.0)
        yield line
    finally:
        await line.close()


WRITABLE: dict[str, object] = {"access": "write", "read_back": "A"}
ALL: Tags = {kind.upper(): {"type": kind} | WRITABLE for kind in KINDS}


def test_every_type_is_written_as_the_server_holds_it_and_read_back(plant: Plant) -> None:
    async def run() -> None:
        async with driven(declared(plant.port, ALL)) as (driver, notes):
            receipts = await driver.write([Setpoint(kind.upper(), 1.0) for kind in KINDS])
            batch = await driver.read()
        assert notes == ()
        assert [r.outcome for r in receipts] == [Outcome.TAKEN] * len(KINDS)
        assert batch.values.tolist() == [1.0] * len(KINDS)
        assert batch.quality.tolist() == [Quality.GOOD] * len(KINDS)

    asyncio.run(run())
    assert {plant.get(kind.upper()).VariantType: plant.get(kind.upper()).Value for kind in KINDS} == {
        variant: True if variant is V.Boolean else 1 for variant in KINDS.values()
    }


def test_a_write_brings_neither_status_nor_timestamp() -> None:
    spot = opcua_nodes.Spot(declared(1, {"A": WRITABLE}).tags["A"], 0, ua.NodeId())
    order = opcua_nodes.order(Setpoint("A", 1.0), spot)
    # The encoding mask of a DataValue: 1 is a value and nothing else (OPC 10000-6, 5.2.2.17).
    assert struct_to_binary(order.Value)[0] == 1


def test_what_the_server_or_its_type_cannot_take_is_a_receipt(plant: Plant) -> None:
    tags = {
        "INT16": {"type": "int16"} | WRITABLE,
        "FLOAT32": {"type": "float64"} | WRITABLE,
        "GONE": WRITABLE,
        "A": WRITABLE,
    }

    async def run() -> None:
        async with driven(declared(plant.port, tags)) as (driver, _):
            values = {"INT16": 40000.0, "FLOAT32": 1.0, "GONE": 1.0, "A": 4.5}
            receipts = await driver.write([Setpoint(name, value) for name, value in values.items()])
        assert [r.outcome for r in receipts] == [*[Outcome.REFUSED] * 3, Outcome.TAKEN]
        assert [r.why for r in receipts] == [
            "40000 does not fit int16, which holds -32768 to 32767",
            "the server holds Float, the policy says float64",
            "the server answers BadUserAccessDenied",
            "",
        ]

    asyncio.run(run())
    assert plant.get("A").Value == 4.5


def test_a_wrong_type_or_a_missing_node_is_quality_and_a_note(plant: Plant) -> None:
    tags: Tags = {"INT32": {}, "TEXT": {}, "GONE": {}, "A": {}, "B": {"length": 3}, "NOTHING": {}}

    async def run() -> None:
        async with driven(declared(plant.port, tags)) as (driver, notes):
            batch = await driver.read()
        found = dict(zip(tags, zip(batch.quality.tolist(), batch.reason.tolist(), strict=True), strict=True))
        wrong = (Quality.BAD, Reason.WRONG_TYPE)
        assert found == {
            "INT32": wrong,
            "TEXT": wrong,
            "GONE": (Quality.BAD, Reason.REFUSED),
            "A": (Quality.GOOD, Reason.NONE),
            "B": wrong,
            "NOTHING": wrong,
        }
        assert [isnan(value) for value in batch.values] == [True, True, True, False, True, True, True, True]
        assert notes[:4] == (
            "INT32: the server holds Int32, the policy says float64",
            "TEXT: the server holds String, the policy says float64",
            "GONE: the server answers BadNodeIdUnknown for s=GONE",
            "B: the server does not hold 3 values in a row, as the policy says",
        )

    asyncio.run(run())


def test_a_spectrum_is_one_tag_of_many_values(plant: Plant) -> None:
    async def run() -> None:
        async with opened(declared(plant.port, {"A": {}, "SPECTRUM": {"length": 64}, "B": {}})) as line:
            plant.put("SPECTRUM", [0.25 * i for i in range(64)])
            whole = await line.read(WallClock().now())
            plant.put("SPECTRUM", [1.0] * 63)
            short = await line.read(WallClock().now())
            plant.put("SPECTRUM", [1.0] * 63 + [nan])
            holed = await line.read(WallClock().now())
        spectrum = whole.vector("SPECTRUM")
        assert spectrum is not None
        assert spectrum.tolist() == [0.25 * i for i in range(64)]
        assert (short["SPECTRUM"].quality, short["SPECTRUM"].reason) == (Quality.BAD, Reason.WRONG_TYPE)
        assert (holed["SPECTRUM"].quality, holed["SPECTRUM"].reason) == (Quality.BAD, Reason.NOT_FINITE)
        assert holed.values.tolist() == whole.values.tolist()

    asyncio.run(run())


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_what_is_no_number_at_the_server_is_bad_here(plant: Plant, value: float) -> None:
    async def run() -> None:
        async with opened(declared(plant.port, {"A": {}})) as line:
            plant.put("A", 7.0)
            await line.read(WallClock().now())
            plant.put("A", value)
            seen = await line.read(WallClock().now())
        assert (seen["A"].value, seen["A"].quality, seen["A"].reason) == (7.0, Quality.BAD, Reason.NOT_FINITE)

    asyncio.run(run())


def test_the_servers_status_becomes_quality_with_a_reason(plant: Plant) -> None:
    codes = {
        0x808C0000: (Quality.BAD, Reason.SENSOR_FAILURE),
        0x80310000: (Quality.BAD, Reason.LINK_DOWN),
        0x40900000: (Quality.UNCERTAIN, Reason.LAST_USABLE),
        0x00300000: (Quality.GOOD, Reason.NONE),
    }

    async def run() -> None:
        async with driven(declared(plant.port, {"B": {}})) as (driver, _):
            for code, wanted in codes.items():
                plant.put("B", 3.0, status=code)
                batch = await driver.read()
                assert (batch.quality[0], batch.reason[0]) == wanted
                assert isnan(batch.values[0]) == (wanted[0] is Quality.BAD)

    asyncio.run(run())
    plant.put("B", 0.0)


def test_source_times_are_kept(plant: Plant) -> None:
    taken = datetime.now(UTC) - timedelta(minutes=5)

    async def run() -> None:
        tags: Tags = {"A": {"age_from": "source", "stale_after": "4m"}, "B": {}}
        async with opened(declared(plant.port, tags)) as line:
            plant.put("A", 1.0, SourceTimestamp=taken)
            plant.put("B", 1.0, SourceTimestamp=taken)
            now = WallClock().now()
            seen = await line.read(now)
        assert seen["A"].source == pytest.approx(taken.timestamp(), abs=1e-5)
        assert seen["A"].reason is Reason.STALE
        assert seen["B"].quality is Quality.GOOD
        assert seen["B"].arrival >= now

    asyncio.run(run())


def test_a_server_that_permits_few_nodes_at_once_is_read_in_chunks(plant: Plant) -> None:
    async def run(chunks: int, **connection: object) -> None:
        async with driven(declared(plant.port, ALL, **connection)) as (driver, _):
            assert len(driver._readings["control"].asked) == chunks
            assert (await driver.read()).quality.tolist() == [Quality.GOOD] * len(ALL)

    asyncio.run(run(1))
    asyncio.run(run(3, chunk=4))
    plant.tell(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead, 2, V.UInt32)
    try:
        asyncio.run(run(5))
    finally:
        plant.tell(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead, 10000, V.UInt32)


def test_a_server_without_the_namespace_is_not_the_one_meant(plant: Plant) -> None:
    async def run() -> None:
        driver = OpcUaDriver("plc", declared(plant.port, {"A": {}}, namespace="urn:other"))
        with pytest.raises(ConnectionError, match=r"no namespace urn:other; it has .*urn:test:plant"):
            await driver.open()
        await driver.abort()

    asyncio.run(run())


@pytest.mark.parametrize("address", ["NIR", "ns=2;s=NIR", "s=", "i=x", "g=1"])
def test_an_address_that_is_no_identifier_is_refused_at_start_up(address: str) -> None:
    with pytest.raises(ValueError, match="expected an OPC UA identifier"):
        OpcUaDriver("plc", declared(1, {"A": {"address": address}}))


def test_a_driver_that_is_not_connected_raises_link_trouble_only() -> None:
    async def run() -> None:
        driver = OpcUaDriver("plc", declared(1, {"A": WRITABLE}))
        with pytest.raises(OSError, match="Connect call failed"):
            await driver.open()
        await driver.abort()
        await driver.abort()
        with pytest.raises(ConnectionError):
            await driver.write([Setpoint("A", 1.0)])

    asyncio.run(run())


def test_a_dropped_session_leaves_no_task_behind(plant: Plant) -> None:
    async def run() -> None:
        async with driven(declared(plant.port, {"A": {}})) as (driver, _):
            await driver.read()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_a_connection_given_up_at_any_moment_leaves_nothing_behind(plant: Plant) -> None:
    async def run() -> None:
        waits = np.random.default_rng(1)
        for _ in range(40):
            driver = OpcUaDriver("plc", declared(plant.port, ALL))
            with suppress(OSError):
                async with asyncio.timeout(waits.uniform(0.0, 0.03)):
                    await driver.open()
                    while True:
                        await driver.read()
            await driver.abort()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


async def cycles(line: Line, until: Quality, within_s: float) -> tuple[float, int]:
    """Read every 300 ms until the first tag has the wanted quality; wall time and reads it took."""
    clock, elapsed, n = WallClock(), stopwatch(), 0
    while elapsed() < within_s:
        n += 1
        seen = await line.read(clock.now())
        if seen.quality[0] == until:
            return elapsed(), n
        await clock.sleep_until(seen.at + 0.3)
    raise AssertionError(f"not {until.name} within {within_s} s")


def test_a_stalled_server_is_bad_within_two_periods_and_recovers_alone(plant: Plant) -> None:
    async def run() -> None:
        async with proxied(plant.port) as proxy, opened(declared(proxy.port, {"A": WRITABLE}, "300ms")) as line:
            await cycles(line, Quality.GOOD, 2.0)
            proxy.stall()
            _, reads = await cycles(line, Quality.BAD, 1.0)
            assert reads <= 2
            await line.read(WallClock().now())
            assert line.links["plc"].state is LinkState.DOWN
            (receipt,) = await line.write([Setpoint("A", 1.0)])
            assert receipt.outcome is Outcome.NOT_CONFIRMED
            await WallClock().sleep_until(WallClock().now() + 1.0)
            proxy.flow()
            wall, _ = await cycles(line, Quality.GOOD, 4.0)
            assert wall <= 3.0

    asyncio.run(run())


def test_an_unplugged_server_is_bad_at_once_and_recovers_alone(plant: Plant) -> None:
    async def run() -> None:
        async with proxied(plant.port) as proxy, opened(declared(proxy.port, {"A": {}}, "300ms")) as line:
            await cycles(line, Quality.GOOD, 2.0)
            await proxy.unplug()
            _, reads = await cycles(line, Quality.BAD, 1.0)
            assert reads == 1
            await WallClock().sleep_until(WallClock().now() + 0.5)
            await proxy.plug()
            wall, _ = await cycles(line, Quality.GOOD, 4.0)
            assert wall <= 3.0
            assert line.restarts == {"plc": 0}

    asyncio.run(run())


def test_a_server_with_another_start_time_was_restarted(plant: Plant) -> None:
    async def run() -> None:
        async with proxied(plant.port) as proxy, opened(declared(proxy.port, {"A": {}}, "300ms")) as line:
            await cycles(line, Quality.GOOD, 2.0)
            plant.tell(ObjectIds.Server_ServerStatus_StartTime, datetime.now(UTC), V.DateTime)
            proxy.cut()
            await cycles(line, Quality.BAD, 1.0)
            await cycles(line, Quality.GOOD, 4.0)
            assert line.restarts == {"plc": 1}

    asyncio.run(run())


def test_a_simulated_line_runs_in_step_with_its_plant(plant: Plant) -> None:
    tags: Tags = {
        "SIM.REQUEST": {"type": "float64", "access": "write", "read_back": "SIM.DONE"},
        "SIM.DONE": {"type": "float64"},
    }
    steps = Lockstep.model_validate({"request": "SIM.REQUEST", "done": "SIM.DONE", "patience": "2s"})

    async def follow() -> None:
        clock = WallClock()
        for k in range(1, 21):
            while (await plant.nodes["SIM.REQUEST"].read_value()) < k:
                await clock.sleep_until(clock.now() + 0.001)
            await plant.nodes["SIM.DONE"].write_value(float(k))

    async def run() -> list[tuple[float, float, float]]:
        async def step(k: int) -> bool:
            return await line.step(k)

        policy = declared(plant.port, tags).model_copy(update={"lockstep": steps})
        clock = LockstepClock(1000.0, 4.0, step)
        line = Line(policy, clock)
        await line.open()
        assert await line.ready(10.0)
        seen = []
        for k in range(1, 21):
            await clock.sleep_until(1000.0 + 4.0 * k)
            sample = (await line.read(clock.now()))["SIM.DONE"]
            seen.append((sample.value, sample.arrival, clock.now()))
        assert clock.missed == 0
        await line.close()
        return seen

    server = asyncio.run_coroutine_threadsafe(follow(), plant._loop)
    assert asyncio.run(run()) == [(float(k), 1000.0 + 4.0 * k, 1000.0 + 4.0 * k) for k in range(1, 21)]
    server.result(5.0)
