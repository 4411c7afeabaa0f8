"""Scan classes and scan counters on the wires of Modbus and OPC UA."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import modbus_device
import opcua_plant
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary
from modbus_device import Tags, device, opened
from opcua_plant import Plant

from plant_io import Quality, Reason
from plant_io.clocks import WallClock
from plant_io.drivers.modbus import ModbusDriver
from plant_io.drivers.opcua import OpcUaDriver
from policies import Policy

SCANS = {"fast": "200ms", "slow": "10s"}
WORDS: Tags = {
    "F": {"address": "input:0", "scan": "fast"},
    "C1": {"address": "input:1"},
    "C2": {"address": "input:2"},
    "N": {"address": "input:3"},
    "S": {"address": "input:4", "scan": "slow"},
}
FAR: Tags = {"A": {"address": "input:0"}, "B": {"address": "input:100"}, "C": {"address": "holding:7"}}
COUNTED = {"coherence": {"counter": "N"}}


def with_scans(policy: Policy) -> Policy:
    raw = Policy.model_validate(
        {"policy": 1, "line": "T", "revision": "1", "period": "2s", "scans": SCANS}
        | {"connections": {"plc": {"protocol": "modbus", "host": "h"}}}
        | {"tags": {"X": {"unit": "1", "range": [0, 1], "connection": "plc", "address": "input:0"}}}
    )
    return policy.model_copy(update={"scans": raw.scans})


def modbus(port: int, tags: Tags, **connection: object) -> Policy:
    return with_scans(modbus_device.declared(port, tags, **connection))


def opcua(port: int, tags: Tags, period: str = "4s", **connection: object) -> Policy:
    return with_scans(opcua_plant.declared(port, tags, period, **connection))


@pytest.fixture(scope="module")
def plant() -> Iterator[Plant]:
    plant = Plant()
    plant.start()
    yield plant
    plant.stop()


def test_each_class_has_blocks_of_its_own() -> None:
    async def run() -> None:
        async with device() as plc:
            await plc.put(4, 0, [10, 11, 12, 13, 14])
            driver = ModbusDriver("plc", modbus(plc.port, WORDS))
            await driver.open()
            plc.asked.clear()
            found = {scan: (await driver.read(scan)).values.tolist() for scan in ("fast", "control", "slow")}
            await driver.abort()
        assert found == {"fast": [10.0], "control": [11.0, 12.0, 13.0], "slow": [14.0]}
        assert plc.asked == [(4, 0, 1), (4, 1, 3), (4, 4, 1)]

    asyncio.run(run())


def test_scans_of_one_device_at_the_same_time_get_their_own_answers() -> None:
    async def run() -> None:
        async with device() as plc:
            await plc.put(4, 0, list(range(300)))
            tags: Tags = {f"S{i}": {"address": f"input:{i}", "scan": "slow"} for i in range(0, 300, 30)}
            tags |= {f"F{i}": {"address": f"input:{i + 1}", "scan": "fast"} for i in range(0, 300, 30)}
            driver = ModbusDriver("plc", modbus(plc.port, tags, max_gap=0))
            await driver.open()
            slow, *fast = await asyncio.gather(driver.read("slow"), *(driver.read("fast") for _ in range(3)))
            await driver.abort()
        assert slow.values.tolist() == [float(i) for i in range(0, 300, 30)]
        assert [batch.values.tolist() for batch in fast] == [[float(i + 1) for i in range(0, 300, 30)]] * 3

    asyncio.run(run())


def test_a_fast_scan_waits_for_one_question_of_a_slow_one_and_not_for_all() -> None:
    async def run() -> None:
        async with device() as plc:
            tags: Tags = {f"S{i}": {"address": f"input:{i}", "scan": "slow"} for i in range(0, 300, 30)}
            driver = ModbusDriver(
                "plc", modbus(plc.port, tags | {"F": {"address": "coil:0", "type": "bool", "scan": "fast"}}, max_gap=0)
            )
            await driver.open()
            plc.asked.clear()
            slow = asyncio.create_task(driver.read("slow"))
            await WallClock().sleep_until(0.0)
            await asyncio.gather(slow, driver.read("fast"))
            await driver.abort()
        assert [function for function, _, _ in plc.asked].index(1) <= 2
        assert len(plc.asked) == 11

    asyncio.run(run())


@pytest.mark.parametrize(
    ("counter", "requests"),
    [
        ("input:101", {"first": (4, 100, 2), "last": (4, 101, 1), "n": 4}),
        ("input:200", {"first": (4, 200, 1), "last": (4, 200, 1), "n": 5}),
        ("discrete:1", {"first": (2, 1, 1), "last": (2, 1, 1), "n": 5}),
    ],
)
def test_the_scan_counter_of_a_modbus_device_is_asked_for_first_and_last(counter: str, requests: Any) -> None:
    kind = {"type": "bool"} if counter.startswith("discrete") else {}
    scan = {} if counter.endswith("1") and not kind else {"scan": "slow"} if kind else {}
    tags = FAR | {"N": {"address": counter} | kind | scan}

    async def run() -> None:
        async with device() as plc:
            driver = ModbusDriver("plc", modbus(plc.port, tags, **COUNTED))
            await driver.open()
            for _ in range(4):
                plc.asked.clear()
                batch = await driver.read()
                assert (plc.asked[0], plc.asked[-1], len(plc.asked)) == tuple(requests.values())
                assert batch.counters == (0.0, 0.0)
            await driver.abort()

    asyncio.run(run())


def test_one_answer_comes_from_one_scan_and_needs_no_counter() -> None:
    async def run() -> None:
        async with device() as plc:
            driver = ModbusDriver("plc", modbus(plc.port, WORDS, **COUNTED))
            await driver.open()
            plc.asked.clear()
            batch = await driver.read("slow")
            await driver.abort()
        assert plc.asked == [(4, 4, 1)]
        assert batch.counters is None

    asyncio.run(run())


def test_a_modbus_device_that_scans_between_two_blocks_is_read_again_and_then_doubted() -> None:
    tags = FAR | {"N": {"address": "input:101"}}

    async def run(scans: int) -> tuple[Any, Any, Any]:
        async with device() as plc, opened(modbus(plc.port, tags, **COUNTED)) as line:
            driver = cast("ModbusDriver", line.links["plc"]._driver)
            wire = cast("Any", driver._wire)
            honest, left = wire.words, iter(range(scans, -1, -1))

            async def scanning(*asked: Any) -> Any:
                answer = await honest(*asked)
                if next(left, 0):
                    await plc.put(4, 101, [(await plc.get(4, 101, 1))[0] + 1])
                return answer

            wire.words = scanning
            seen = await line.read(WallClock().now())
            return seen, line.links["plc"].rereads, seen.torn

    seen, rereads, torn = asyncio.run(run(2))
    assert (seen["A"].quality, rereads, torn) == (Quality.GOOD, 1, {})
    seen, rereads, torn = asyncio.run(run(99))
    assert (seen["A"].quality, seen["A"].reason, rereads) == (Quality.UNCERTAIN, Reason.NOT_COHERENT, 1)
    ((first, last),) = torn.values()
    assert last - first == 3.0


def test_a_counter_that_a_modbus_device_refuses_proves_nothing() -> None:
    tags = FAR | {"N": {"address": "input:5"}}

    async def run() -> None:
        async with device(hole=5) as plc, opened(modbus(plc.port, tags, **COUNTED)) as line:
            seen = await line.read(WallClock().now())
            assert seen["A"].reason is Reason.NOT_COHERENT
            assert seen["N"].reason is Reason.REFUSED

    asyncio.run(run())


def nodes(packed: bytes) -> list[str]:
    asked = struct_from_binary(ua.ReadParameters, Buffer(packed))
    return [str(each.NodeId.Identifier) for each in asked.NodesToRead]


def names(driver: OpcUaDriver, scan: str) -> list[list[str]]:
    return [nodes(request.pack()) for request in driver._readings[scan].asked]


KINDS: Tags = {
    "A": {},
    "FLOAT32": {"type": "float32", "scan": "fast"},
    "B": {"scan": "slow"},
    "SPECTRUM": {"length": 64, "scan": "slow"},
    "UINT32": {"type": "uint32"},
}


def test_each_class_of_an_opcua_server_is_one_prepared_read(plant: Plant) -> None:
    plant.put("A", 1.5)
    plant.put("FLOAT32", 2.5)
    plant.put("B", 3.5)

    async def run() -> None:
        driver = OpcUaDriver("plc", opcua(plant.port, KINDS))
        assert (await driver.open()).notes == ()
        assert [names(driver, scan) for scan in ("fast", "control", "slow")] == [
            [["FLOAT32"]],
            [["A", "UINT32"]],
            [["B", "SPECTRUM"]],
        ]
        fast, control, slow = await asyncio.gather(*(driver.read(scan) for scan in ("fast", "control", "slow")))
        assert (fast.values.tolist(), control.values[0], slow.values[0], len(slow.values)) == ([2.5], 1.5, 3.5, 65)
        await driver.abort()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("chunk", "asked"),
    [(500, [["UINT32", "A", "UINT32", "UINT32"]]), (3, [["UINT32", "A", "UINT32"], ["UINT32"]])],
)
def test_the_scan_counter_of_an_opcua_server_is_first_and_last_in_every_batch(
    plant: Plant, chunk: int, asked: list[list[str]]
) -> None:
    plant.put("UINT32", 41)

    async def run() -> None:
        policy = opcua(plant.port, KINDS, coherence={"counter": "UINT32"}, chunk=chunk)
        driver = OpcUaDriver("plc", policy)
        await driver.open()
        assert names(driver, "control") == asked
        assert names(driver, "slow")[0][0] == names(driver, "slow")[-1][-1] == "UINT32"
        batch = await driver.read()
        assert batch.counters == (41.0, 41.0)
        assert batch.values.tolist()[1] == 41.0
        await driver.abort()

    asyncio.run(run())


@pytest.mark.parametrize(("within", "quality"), [(0, Quality.UNCERTAIN), (1, Quality.GOOD)])
def test_an_opcua_server_that_scans_between_two_requests_is_doubted_unless_it_may(
    plant: Plant, within: int, quality: Quality
) -> None:
    plant.put("UINT32", 4_294_967_295)
    tags: Tags = {"A": {}, "UINT32": {"type": "uint32"}}
    policy = opcua(plant.port, tags, coherence={"counter": "UINT32", "within": within}, chunk=3)

    async def run() -> None:
        async with opened(policy) as line:
            driver = cast("OpcUaDriver", line.links["plc"]._driver)
            protocol = cast("Any", driver._client).uaclient.protocol
            honest = protocol.send_request

            async def scanning(request: Any) -> Any:
                answer = await honest(request)
                if len(nodes(request.Parameters.pack())) == 3:
                    held = plant.get("UINT32").Value
                    await asyncio.to_thread(plant.put, "UINT32", (held + 1) % 2**32)
                return answer

            protocol.send_request = scanning
            seen = await line.read(WallClock().now())
            assert seen["A"].quality is quality
            assert seen.torn == ({"plc": (0.0, 1.0)} if quality is Quality.UNCERTAIN else {})

    asyncio.run(run())


def test_reported_tags_come_with_those_of_every_cycle_and_wherever_they_stand(plant: Plant) -> None:
    tags: Tags = {
        "FLOAT32": {"type": "float32", "scan": "fast"},
        "A": {"scan": "subscribe", "stale_after": "90s"},
        "B": {},
        "INT16": {"type": "int16", "scan": "subscribe", "stale_after": "90s"},
    }
    plant.put("A", 7.5)
    plant.put("B", 8.5)
    plant.put("INT16", -3)

    async def run() -> None:
        driver = OpcUaDriver("plc", opcua(plant.port, tags, "500ms", coherence={"counter": "B"}))
        assert (await driver.open()).notes == ()
        batch = await driver.read()
        assert batch.values.tolist() == [7.5, 8.5, -3.0]
        assert batch.age is not None
        assert batch.age[1] == 0.0
        assert names(driver, "control") == [["B", "B", "B"]]
        await driver.abort()

    asyncio.run(run())
