"""What an OPC UA client meets at a simulated PLC."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from math import inf, nan

import numpy as np
import pytest
from asyncua import Client, ua

from hil.plc.line import Image
from hil.servers.opcua import OpcUaServer
from plant_io.drivers.opcua import OpcUaDriver
from plant_io.quality import Quality
from policies import Access, OpcUa, Policy, Tag

EPOCH = 1.7e9
SPACE = "urn:steadyline:test"


def tag(name: str, **more: object) -> Tag:
    given = {"unit": "kg/h", "range": (-5, 50), "connection": "plc", "address": f"s={name}", **more}
    return Tag.model_validate(given)


TAGS = {
    "UNIT.FLOW": tag("UNIT.FLOW", description="Mass flow"),
    "UNIT.SP": tag("UNIT.SP", access=Access.WRITE),
    "UNIT.COUNT": tag("UNIT.COUNT", type="uint16", unit="1", access=Access.WRITE),
    "UNIT.SPEED": tag("UNIT.SPEED", type="int16", unit="/min", scale=0.5, offset=10.0, access=Access.WRITE),
    "UNIT.ON": tag("UNIT.ON", type="bool", unit="1"),
    "NIR.SPECTRUM": tag("NIR.SPECTRUM", unit="1", length=4),
}
VALUES = {"UNIT.FLOW": 2.5, "UNIT.SP": 2.0, "UNIT.COUNT": 7.0, "UNIT.SPEED": 15.0, "UNIT.ON": 1.0}

Talk = Callable[[Client, OpcUaServer], Awaitable[None]]
Meet = Callable[[Talk], None]


def image(at: float = 0.0, quality: Quality = Quality.GOOD, **values: float) -> Image:
    shown = VALUES | {name.replace("__", "."): value for name, value in values.items()}
    full = {**shown, "NIR.SPECTRUM": np.arange(4.0)}
    taken = dict.fromkeys(full, EPOCH + at) | {"NIR.SPECTRUM": EPOCH}
    return Image(EPOCH + at, full, taken, {"UNIT.FLOW": quality})


@pytest.fixture(scope="module")
def meet() -> Iterator[Meet]:
    """One server for all tests, since its address space takes a second to build."""
    link = OpcUa(protocol="opcua", endpoint="opc.tcp://127.0.0.1:4840", namespace=SPACE, security="None")
    policy = Policy(policy=1, line="T", revision="1", period="1s", connections={"plc": link}, tags=TAGS)  # type: ignore[arg-type]
    server = OpcUaServer(policy, "plc", ("127.0.0.1", 0), lambda: None)

    async def run(talk: Talk) -> None:
        await server.take()
        await server.publish(image())
        async with Client(server.address, timeout=5) as client:
            await talk(client, server)

    with asyncio.Runner() as runner:
        runner.run(server.start(image()))
        yield lambda talk: runner.run(run(talk))
        runner.run(server.stop())


async def node(client: Client, name: str) -> ua.NodeId:
    return ua.NodeId(name, ua.Int16(await client.get_namespace_index(SPACE)))  # type: ignore[arg-type]


async def value(client: Client, name: str) -> ua.DataValue:
    return await client.get_node(await node(client, name)).read_data_value(raise_on_bad_status=False)


async def write(client: Client, name: str, given: ua.DataValue) -> str:
    item = ua.WriteValue(await node(client, name), ua.UInt32(ua.AttributeIds.Value), Value=given)
    return (await client.uaclient.write(ua.WriteParameters(NodesToWrite=[item])))[0].name


@pytest.mark.parametrize(
    ("name", "kind", "raw"),
    [
        ("UNIT.FLOW", ua.VariantType.Double, 2.5),
        ("UNIT.COUNT", ua.VariantType.UInt16, 7),
        ("UNIT.SPEED", ua.VariantType.Int16, 10),
        ("UNIT.ON", ua.VariantType.Boolean, True),
        ("NIR.SPECTRUM", ua.VariantType.Double, [0.0, 1.0, 2.0, 3.0]),
    ],
)
def test_a_tag_is_a_node_of_the_declared_type_and_scale(
    meet: Meet, name: str, kind: ua.VariantType, raw: object
) -> None:
    async def talk(client: Client, _: OpcUaServer) -> None:
        found = (await value(client, name)).Value
        assert found is not None
        assert (found.VariantType, found.Value) == (kind, raw)

    meet(talk)


def test_a_node_tells_its_unit_its_range_and_what_it_is(meet: Meet) -> None:
    async def talk(client: Client, _: OpcUaServer) -> None:
        flow = client.get_node(await node(client, "UNIT.FLOW"))
        units = await (await flow.get_child("0:EngineeringUnits")).read_value()
        span = await (await flow.get_child("0:EURange")).read_value()
        assert (units.DisplayName.Text, units.UnitId) == ("kg/h", 0x453933)  # E93 in UNECE recommendation 20
        assert (span.Low, span.High) == (-5.0, 50.0)
        assert (await flow.read_description()).Text == "Mass flow"

    meet(talk)


def test_a_client_compares_units_and_ranges_with_its_policy(meet: Meet) -> None:
    async def talk(_: Client, server: OpcUaServer) -> None:
        tags = TAGS | {
            "UNIT.FLOW": tag("UNIT.FLOW", unit="g/h"),
            "UNIT.ON": tag("UNIT.ON", type="bool", unit="1", range=(0, 1)),
        }
        link = OpcUa(protocol="opcua", endpoint=server.address, namespace=SPACE, security="None")
        policy = Policy(policy=1, line="T", revision="1", period="1s", connections={"plc": link}, tags=tags)  # type: ignore[arg-type]
        driver = OpcUaDriver("plc", policy)
        try:
            assert (await driver.open()).notes == (
                "UNIT.FLOW: the server gives its unit as kg/h, the policy says g/h",
                "UNIT.ON: the server gives its range as -5 to 50, the policy says 0 to 1",
            )
        finally:
            await driver.abort()

    meet(talk)


def test_a_value_carries_the_plant_time_at_which_it_was_taken(meet: Meet) -> None:
    async def talk(client: Client, server: OpcUaServer) -> None:
        await server.publish(image(12.5, UNIT__FLOW=3.0))
        flow, spectrum = await value(client, "UNIT.FLOW"), await value(client, "NIR.SPECTRUM")
        assert flow.SourceTimestamp == datetime.fromtimestamp(EPOCH + 12.5, UTC)
        assert spectrum.SourceTimestamp == datetime.fromtimestamp(EPOCH, UTC)

    meet(talk)


def test_a_bad_value_has_a_bad_status_and_no_number_until_it_is_good_again(meet: Meet) -> None:
    async def talk(client: Client, server: OpcUaServer) -> None:
        await server.publish(image(1.0, Quality.BAD))
        bad = await value(client, "UNIT.FLOW")
        assert bad.StatusCode is not None
        assert (bad.StatusCode.name, bad.Value) == ("BadSensorFailure", ua.Variant(None))
        await server.publish(image(2.0, Quality.UNCERTAIN))
        doubtful = await value(client, "UNIT.FLOW")
        assert doubtful.StatusCode is not None
        assert doubtful.Value is not None
        assert (doubtful.StatusCode.name, doubtful.Value.Value) == ("UncertainLastUsableValue", 2.5)

    meet(talk)


def test_a_write_of_the_right_type_is_taken_in_the_unit_of_the_tag(meet: Meet) -> None:
    async def talk(client: Client, server: OpcUaServer) -> None:
        assert await write(client, "UNIT.SP", ua.DataValue(ua.Variant(2.25, ua.VariantType.Double))) == "Good"
        assert await write(client, "UNIT.SPEED", ua.DataValue(ua.Variant(20, ua.VariantType.Int16))) == "Good"
        assert await server.take() == {"UNIT.SP": 2.25, "UNIT.SPEED": 20.0}

    meet(talk)


def test_what_was_written_gives_way_to_what_is_in_force(meet: Meet) -> None:
    async def talk(client: Client, server: OpcUaServer) -> None:
        await write(client, "UNIT.SP", ua.DataValue(ua.Variant(9.0, ua.VariantType.Double)))
        await server.take()
        await server.publish(image(1.0))
        assert (await value(client, "UNIT.SP")).Value == ua.Variant(2.0, ua.VariantType.Double)

    meet(talk)


NOW = ua.DateTime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (ua.DataValue(ua.Variant(2, ua.VariantType.Int64)), "BadTypeMismatch"),
        (ua.DataValue(ua.Variant(2.0, ua.VariantType.Float)), "BadTypeMismatch"),
        (ua.DataValue(ua.Variant([2.0], ua.VariantType.Double, is_array=True)), "BadTypeMismatch"),
        (ua.DataValue(ua.Variant(None)), "BadTypeMismatch"),
        (ua.DataValue(ua.Variant(nan, ua.VariantType.Double)), "BadOutOfRange"),
        (ua.DataValue(ua.Variant(inf, ua.VariantType.Double)), "BadOutOfRange"),
        (ua.DataValue(ua.Variant(-inf, ua.VariantType.Double)), "BadOutOfRange"),
        (ua.DataValue(ua.Variant(2.0, ua.VariantType.Double), SourceTimestamp=NOW), "BadWriteNotSupported"),
        (ua.DataValue(ua.Variant(2.0, ua.VariantType.Double), ServerTimestamp=NOW), "BadWriteNotSupported"),
        (ua.DataValue(ua.Variant(2.0), ua.StatusCode(ua.UInt32(ua.StatusCodes.Bad))), "BadWriteNotSupported"),
    ],
)
def test_what_the_strictest_server_refuses_is_refused(meet: Meet, given: ua.DataValue, answer: str) -> None:
    async def talk(client: Client, server: OpcUaServer) -> None:
        assert await write(client, "UNIT.SP", given) == answer
        assert await server.take() == {}
        assert (await value(client, "UNIT.SP")).Value == ua.Variant(2.0, ua.VariantType.Double)

    meet(talk)


def test_only_tags_declared_for_writing_can_be_written(meet: Meet) -> None:
    async def talk(client: Client, server: OpcUaServer) -> None:
        given = ua.DataValue(ua.Variant(2.0, ua.VariantType.Double))
        assert await write(client, "UNIT.FLOW", given) == "BadUserAccessDenied"
        assert await server.take() == {}

    meet(talk)
