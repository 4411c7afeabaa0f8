"""Tags that an OPC UA server reports by itself: latched like polled ones, and missed when they no longer come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds
from opcua_plant import KINDS, Plant, Tags, V, declared
from proxy import proxied

from plant_io import Batch, Outcome, Quality, Reason, Setpoint, Snapshot
from plant_io.clocks import WallClock, stopwatch
from plant_io.drivers.opcua import OpcUaDriver
from plant_io.drivers.opcua_reports import Reports, Wanted
from plant_io.latch import Answer, Latch
from plant_io.line import Line
from plant_io.ports import Refusal
from plant_io.security.certificates import Wanted as Certified
from plant_io.security.store import Store
from policies import Lockstep, Policy

SLOW: dict[str, object] = {"scan": "subscribe"}
PERIOD = 0.1


@pytest.fixture(scope="module")
def plant() -> Iterator[Plant]:
    plant = Plant()
    plant.start()
    yield plant
    plant.stop()


@asynccontextmanager
async def opened(policy: Policy) -> AsyncIterator[Line]:
    line = Line(policy, WallClock())
    await line.open()
    try:
        assert await line.ready(10.0)
        yield line
    finally:
        await line.close()


async def seen(line: Line, name: str, value: float | None, within_s: float = 3.0) -> Snapshot:
    """Read in every period until a tag has a value, or none that is good."""
    clock, elapsed = WallClock(), stopwatch()
    while elapsed() < within_s:
        snapshot = await line.read(clock.now())
        if snapshot.good(name) == value:
            return snapshot
        await clock.sleep_until(snapshot.at + PERIOD)
    raise AssertionError(f"{name} not {value} within {within_s} s")


def test_a_reported_tag_is_latched_like_a_polled_one(plant: Plant) -> None:
    async def run() -> None:
        tags: Tags = {"A": SLOW, "SPECTRUM": SLOW | {"length": 64}, "B": {}, "INT16": SLOW | {"type": "int16"}}
        plant.put("A", 1.0)
        plant.put("B", 5.0)
        plant.put("INT16", 7)
        plant.put("SPECTRUM", [0.5] * 64)
        async with opened(declared(plant.port, tags, "100ms", timeout="500ms")) as line:
            first = await line.read(WallClock().now())
            assert [first.good(name) for name in ("A", "B", "INT16")] == [1.0, 5.0, 7.0]
            plant.put("A", 2.0)
            plant.put("B", 6.0)
            plant.put("SPECTRUM", [0.25] * 64)
            after = await seen(line, "A", 2.0)
            assert after.good("B") == 6.0
            spectrum = (await seen(line, "A", 2.0)).vector("SPECTRUM")
            assert spectrum is not None
            assert set(spectrum.tolist()) == {0.25}
            plant.put("A", 3.0, status=0x808C0000)
            bad = await seen(line, "A", None)
            assert (bad["A"].quality, bad["A"].reason) == (Quality.BAD, Reason.SENSOR_FAILURE)

    asyncio.run(run())


def test_an_unchanged_tag_stays_good_and_its_age_says_when_the_server_last_stood_for_it(plant: Plant) -> None:
    async def run() -> None:
        plant.put("A", 4.0)
        async with opened(declared(plant.port, {"A": SLOW, "B": {}}, "100ms", timeout="500ms")) as line:
            clock, ages = WallClock(), list[float]()
            for _ in range(25):
                snapshot = await line.read(clock.now())
                assert snapshot.good("A") == 4.0
                ages.append(snapshot["B"].arrival - snapshot["A"].arrival)
                await clock.sleep_until(snapshot.at + PERIOD)
            assert line.links["plc"].reconnects == 0
        # Keep-alives come every ten periods: the age grows, and falls again.
        assert 0.5 < max(ages) < 15 * PERIOD
        assert min(np.diff(ages)) < -0.3

    asyncio.run(run())


def test_reports_that_no_longer_come_are_missed_within_fifteen_periods(plant: Plant) -> None:
    async def run() -> None:
        service = plant.server.iserver.subscription_service
        async with opened(declared(plant.port, {"A": SLOW, "B": {}}, "100ms", timeout="500ms")) as line:
            plant.put("A", 6.0)
            await seen(line, "A", 6.0)
            before = set(service.subscriptions)
            plant.do(service.delete_subscriptions(list(before)))
            elapsed = stopwatch()
            await seen(line, "A", None, 15 * PERIOD + 1.0)
            assert elapsed() <= 16 * PERIOD + 0.3
            plant.put("A", 7.0)
            await seen(line, "A", 7.0)
            assert set(service.subscriptions) - before
            assert line.links["plc"].reconnects == 1

    asyncio.run(run())


def test_reports_begin_anew_after_a_stall(plant: Plant) -> None:
    async def run() -> None:
        async with proxied(plant.port) as proxy:
            policy = declared(proxy.port, {"A": SLOW, "B": {}}, "300ms", timeout="300ms")
            async with opened(policy) as line:
                proxy.stall()
                await seen(line, "B", None)
                await WallClock().sleep_until(WallClock().now() + 1.0)
                plant.put("A", 8.0)
                proxy.flow()
                await seen(line, "A", 8.0, 4.0)
                plant.put("A", 9.0)
                await seen(line, "A", 9.0)

    asyncio.run(run())


def test_a_server_that_takes_few_nodes_at_once_is_asked_and_written_in_parts(plant: Plant) -> None:
    limits = (
        ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
        ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite,
        ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
        ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds,
    )
    write: dict[str, object] = {"access": "write", "read_back": "A"}
    tags: Tags = {kind.upper(): {"type": kind} | write for kind in KINDS} | {"A": SLOW, "B": SLOW, "SIM.DONE": SLOW}

    async def run() -> None:
        driver = OpcUaDriver("plc", declared(plant.port, tags))
        try:
            assert (await driver.open()).notes == ()
            assert len(driver._readings["control"].asked) == 5
            sent: list[int] = []
            client: Any = driver._client
            genuine = client.uaclient.write

            async def counted(order: ua.WriteParameters) -> list[ua.StatusCode]:
                sent.append(len(order.NodesToWrite))
                return await genuine(order)

            client.uaclient.write = counted
            receipts = await driver.write([Setpoint(kind.upper(), 1.0) for kind in KINDS])
            assert sent == [2, 2, 2, 2, 1]
            assert [receipt.outcome for receipt in receipts] == [Outcome.TAKEN] * len(KINDS)
            assert (await driver.read()).quality.tolist() == [Quality.GOOD] * len(tags)
        finally:
            await driver.abort()

    for limit in limits:
        plant.tell(limit, 2, V.UInt32)
    try:
        asyncio.run(run())
    finally:
        for limit in limits:
            plant.tell(limit, 10000, V.UInt32)


def test_what_a_leased_plc_is_told_goes_in_one_request_or_the_server_is_refused(plant: Plant) -> None:
    told = {"FLOAT64": "float64", "UINT32": "uint32", "INT16": "int16", "UINT16": "uint16", "SIM.REQUEST": "float64"}
    shown = {"UINT64": "uint64", "INT32": "int32", "INT64": "int64", "SIM.DONE": "float64"}
    tags: Tags = {name: {"type": kind, "access": "write", "read_back": "UINT64"} for name, kind in told.items()}
    words = {
        "heartbeat": "UINT16",
        "arm": "INT16",
        "claim": "UINT32",
        "state": "INT32",
        "scan": "INT64",
        "epoch": "UINT64",
    }
    whole = declared(plant.port, tags | {name: {"type": kind} for name, kind in shown.items()}, handshake=words)
    steps = Lockstep.model_validate({"request": "SIM.REQUEST", "done": "SIM.DONE"})
    policy = whole.model_copy(update={"lockstep": steps})

    async def run(most: int) -> list[int]:
        plant.tell(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite, most, V.UInt32)
        driver, sent = OpcUaDriver("plc", policy), list[int]()
        try:
            await driver.open()
            client: Any = driver._client
            genuine = client.uaclient.write

            async def counted(order: ua.WriteParameters) -> list[ua.StatusCode]:
                sent.append(len(order.NodesToWrite))
                return await genuine(order)

            client.uaclient.write = counted
            await driver.write([Setpoint(name, 1.0) for name in told if name != "SIM.REQUEST"])
        finally:
            await driver.abort()
        return sent

    try:
        assert asyncio.run(run(4)) == [4]
        with pytest.raises(Refusal, match=r"told 4 values in one request, and the server takes, or chunk permits, 3"):
            asyncio.run(run(3))
    finally:
        plant.tell(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite, 10000, V.UInt32)


def test_what_the_server_does_not_report_is_said_and_bad(plant: Plant) -> None:
    async def run() -> None:
        driver = OpcUaDriver("plc", declared(plant.port, {"A": {}, "GONE": SLOW}))
        try:
            assert (await driver.open()).notes == (
                "GONE: the server answers BadNodeIdUnknown for s=GONE",
                "the server does not report s=GONE: BadNodeIdUnknown",
            )
            batch = await driver.read()
            assert (batch.quality.tolist(), batch.reason[1]) == ([Quality.GOOD, Quality.BAD], Reason.REFUSED)
        finally:
            await driver.abort()
        await WallClock().sleep_until(WallClock().now() + 0.01)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_a_server_without_security_is_none_for_a_policy_that_wants_it(plant: Plant, tmp_path: Path) -> None:
    Store(tmp_path).make(Certified("urn:test:us", ("here",)), WallClock().now())

    async def run() -> None:
        driver = OpcUaDriver("plc", declared(plant.port, {"A": {}}, security="Basic256Sha256", pki=str(tmp_path)))
        with pytest.raises(Refusal, match="offers no Basic256Sha256 with SignAndEncrypt; it offers None with None"):
            await driver.open()
        await driver.abort()

    asyncio.run(run())


def report(number: int, *notes: object) -> Any:
    return SimpleNamespace(NotificationMessage=SimpleNamespace(SequenceNumber=number, NotificationData=list(notes)))


def change(value: float) -> ua.DataChangeNotification:
    item = ua.MonitoredItemNotification(ClientHandle=ua.UInt32(3), Value=ua.DataValue(ua.Variant(value)))
    return ua.DataChangeNotification(MonitoredItems=[item])


@pytest.mark.parametrize(
    ("reports", "lost"),
    [
        ([report(1, change(1.0)), report(2), report(2), report(2, change(2.0)), report(3)], ""),
        ([report(4294967295, change(1.0)), report(1, change(2.0))], ""),
        ([report(1, change(1.0)), report(3, change(2.0))], "a report of the server got lost on the way"),
        ([report(1, change(2.0)), report(3)], "a report of the server got lost on the way"),
        (
            [
                report(1, change(2.0)),
                report(2, ua.StatusChangeNotification(Status=ua.StatusCode(ua.UInt32(0x800A0000)))),
            ],
            "the server has ended its reports: BadTimeout",
        ),
    ],
)
def test_a_report_that_is_missing_or_the_last_is_noticed(reports: list[Any], lost: str) -> None:
    heard = Reports(Client("opc.tcp://h:1"), Wanted({}, 1.0, 9))
    for each in reports:
        heard._heard(each)
    value = heard.latest[3].Value
    assert value is not None
    assert value.Value == 2.0
    assert heard._lost == lost
    if lost:
        with pytest.raises(ConnectionError, match=lost):
            heard.age()


def test_the_age_of_a_value_counts_from_the_last_report_and_makes_it_stale() -> None:
    latch = Latch(declared(1, {"A": SLOW, "B": {}}))
    good = np.zeros(2, np.uint8)
    batch = Batch(np.ones(2), good, good, np.full(2, np.nan), np.array([2.0, 0.0]))
    last = Snapshot.empty(0.0, latch.index)
    fresh = latch.snapshot(100.0, {"plc": Answer(batch, 100.0)}, last)
    assert [fresh[name].arrival for name in ("A", "B")] == [98.0, 100.0]
    assert [fresh.good(name) for name in ("A", "B")] == [1.0, 1.0]
    old = latch.snapshot(100.0, {"plc": Answer(replace(batch, age=np.array([3.5, 0.0])), 100.0)}, last)
    assert (old["A"].reason, old.good("B")) == (Reason.STALE, 1.0)


def test_a_tag_aged_by_its_source_is_reported_again_with_a_new_time(plant: Plant) -> None:
    async def run() -> None:
        tags: Tags = {"A": SLOW | {"age_from": "source", "stale_after": "4m"}, "B": {}}
        start = datetime.now(UTC)
        plant.put("A", 1.0, SourceTimestamp=start)
        async with opened(declared(plant.port, tags, "100ms", timeout="500ms")) as line:
            plant.put("A", 1.0, SourceTimestamp=start + timedelta(seconds=1))
            clock = WallClock()
            async with asyncio.timeout(3.0):
                while (await line.read(clock.now()))["A"].source < start.timestamp() + 0.5:
                    await clock.sleep_until(clock.now() + PERIOD)

    asyncio.run(run())


def test_a_session_that_is_given_up_is_given_back_to_the_server(plant: Plant) -> None:
    async def run() -> None:
        for _ in range(3):
            driver = OpcUaDriver("plc", declared(plant.port, {"A": {"scan": "subscribe"}, "B": {}}))
            await driver.open()
            await driver.read()
            assert len(plant.server.iserver._external_sessions) == before + 1
            await driver.abort()
            assert len(plant.server.iserver._external_sessions) == before

    before = len(plant.server.iserver._external_sessions)
    asyncio.run(run())


def test_a_server_that_does_not_answer_is_left_without_ceremony(plant: Plant) -> None:
    async def run() -> None:
        async with proxied(plant.port) as proxy:
            driver = OpcUaDriver("plc", declared(proxy.port, {"A": {}, "B": {}}))
            await driver.open()
            proxy.stall()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await driver.read()
            client = driver._client
            assert client is not None
            asked = client.uaclient.protocol._request_id
            await driver.abort()
            assert client.uaclient.protocol is None or client.uaclient.protocol._request_id == asked

    asyncio.run(run())
