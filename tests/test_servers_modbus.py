"""What a Modbus client meets at a simulated PLC."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import nan

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient

from hil.plc.line import Image
from hil.servers.modbus import ModbusServer
from policies import Access, Modbus, Policy, Tag

ORDERS = {"ABCD": [0x4050, 0x0001], "CDAB": [0x0001, 0x4050], "BADC": [0x5040, 0x0100], "DCBA": [0x0100, 0x5040]}
"""Registers of 3.2500002384185791 (bytes 40 50 00 01) as IEEE 754 and the byte orders define them."""
VALUE = 3.2500002384185791


def tag(address: str, kind: str = "float32", **more: object) -> Tag:
    given = {"unit": "kg/h", "range": (-1e9, 1e9), "connection": "plc", "address": address, "type": kind, **more}
    return Tag.model_validate(given)


def policy(order: str = "CDAB", device: dict[str, object] | None = None, **tags: Tag) -> Policy:
    link = {"protocol": "modbus", "host": "127.0.0.1", "unit_id": 7, "byte_order": order}
    device = Modbus.model_validate(link | (device or {}))
    named = {name.replace("__", "."): one for name, one in tags.items()}
    return Policy(policy=1, line="T", revision="1", period="1s", connections={"plc": device}, tags=named)  # type: ignore[arg-type]


def image(**values: float) -> Image:
    named = {name.replace("__", "."): value for name, value in values.items()}
    return Image(0.0, named, dict.fromkeys(named, 0.0))


@dataclass
class Meeting:
    """A server, a client and how often the client wrote."""

    server: ModbusServer
    client: AsyncModbusTcpClient
    woken: list[int] = field(default_factory=list[int])

    async def words(self, at: int, count: int) -> list[int]:
        return (await self.client.read_input_registers(at, count=count, device_id=7)).registers


def meet(declared: Policy, first: Image, talk: Callable[[Meeting], Awaitable[None]]) -> None:
    async def run() -> None:
        woken: list[int] = []
        server = ModbusServer(declared, "plc", ("127.0.0.1", 0), lambda: woken.append(1))
        await server.start(first)
        host, _, port = server.address.partition(":")
        framer = FramerType(declared.connections["plc"].framing.replace("tcp", "socket"))
        client = AsyncModbusTcpClient(host, port=int(port), timeout=2, retries=0, framer=framer)
        try:
            assert await client.connect()
            await talk(Meeting(server, client, woken))
        finally:
            client.close()
            await server.stop()

    asyncio.run(run())


@pytest.mark.parametrize("order", ORDERS)
def test_a_float_lies_in_its_registers_in_the_declared_byte_order(order: str) -> None:
    async def talk(m: Meeting) -> None:
        assert await m.words(4, 2) == ORDERS[order]

    meet(policy(order, A=tag("input:4")), image(A=VALUE), talk)


@pytest.mark.parametrize("order", ORDERS)
def test_a_float_written_in_the_declared_byte_order_is_understood(order: str) -> None:
    async def talk(m: Meeting) -> None:
        await m.client.write_registers(2, ORDERS[order], device_id=7)
        assert await m.server.take() == {"A": VALUE}
        assert m.woken

    meet(policy(order, A=tag("holding:2", access=Access.WRITE)), image(A=0.0), talk)


def test_counts_are_scaled_rounded_and_saturate() -> None:
    tags = {"N": tag("input:0", "uint16", scale=0.1), "I": tag("input:1", "int16"), "L": tag("input:2", "uint32")}

    async def talk(m: Meeting) -> None:
        assert await m.words(0, 4) == [735, 0x8000, 0x0001, 0x0002]

    meet(policy("ABCD", **tags), image(N=73.54, I=-1e6, L=65538.0), talk)


def test_a_float_that_is_no_number_is_shown_as_one() -> None:
    async def talk(m: Meeting) -> None:
        assert await m.words(0, 2) == [0x7FC0, 0x0000]

    meet(policy("ABCD", A=tag("input:0")), image(A=nan), talk)


def test_only_what_has_changed_is_published_and_it_is_seen() -> None:
    async def talk(m: Meeting) -> None:
        await m.server.publish(image(A=VALUE, B=0.0))
        assert await m.words(0, 4) == [0x4050, 0x0001, 0x0000, 0x0000]

    meet(policy("ABCD", A=tag("input:0"), B=tag("input:2")), image(A=1.0, B=0.0), talk)


def test_a_register_that_was_written_shows_again_what_is_in_force() -> None:
    async def talk(m: Meeting) -> None:
        await m.client.write_registers(0, [0x7FC0, 0x0000], device_id=7)
        assert str(await m.server.take()) == "{'A': nan}"
        await m.server.publish(image(A=VALUE))
        assert (await m.client.read_holding_registers(0, count=2, device_id=7)).registers == ORDERS["ABCD"]
        assert await m.server.take() == {}

    meet(policy("ABCD", A=tag("holding:0", access=Access.WRITE)), image(A=VALUE), talk)


def test_coils_and_discrete_inputs_are_bits() -> None:
    tags = {"ON": tag("discrete:3", "bool"), "GO": tag("coil:5", "bool", access=Access.WRITE)}

    async def talk(m: Meeting) -> None:
        assert (await m.client.read_discrete_inputs(0, count=4, device_id=7)).bits[:4] == [False, False, False, True]
        await m.client.write_coil(5, value=True, device_id=7)
        assert await m.server.take() == {"GO": 1.0}

    meet(policy("ABCD", **tags), image(ON=1.0, GO=0.0), talk)


def test_there_is_nothing_beyond_the_last_register() -> None:
    async def talk(m: Meeting) -> None:
        assert (await m.client.read_input_registers(0, count=9, device_id=7)).isError()

    meet(policy("ABCD", A=tag("input:0")), image(A=VALUE), talk)


def test_a_port_that_is_taken_is_said_so() -> None:
    async def talk(m: Meeting) -> None:
        second = ModbusServer(
            policy(A=tag("input:0")), "plc", ("127.0.0.1", int(m.server.address.partition(":")[2])), bool
        )
        with pytest.raises(OSError, match="cannot listen"):
            await second.start(image(A=0.0))

    meet(policy(A=tag("input:0")), image(A=0.0), talk)


@pytest.mark.parametrize(("order", "word"), [("ABCD", 0x8008), ("DCBA", 0x0880)])
def test_bits_of_a_word_are_shown_in_the_order_of_its_bytes(order: str, word: int) -> None:
    tags = {f"B{i}": tag(f"input:2.{i}", "bool") for i in (0, 3, 15)}

    async def talk(m: Meeting) -> None:
        assert await m.words(2, 1) == [word]
        await m.server.publish(image(B0=1.0, B3=0.0, B15=0.0))
        assert await m.words(2, 1) == [0x0001 if order == "ABCD" else 0x0100]

    meet(policy(order, **tags), image(B0=0.0, B3=1.0, B15=1.0), talk)


def test_texts_are_shown_as_expected_or_by_their_name() -> None:
    texts = {
        "MAKER": {"address": "input:10", "length": 5},
        "SERIAL": {"address": "input:20", "length": 4, "expect": "A7"},
    }

    async def talk(m: Meeting) -> None:
        assert await m.words(10, 3) == [0x4D41, 0x4B45, 0x5200]
        assert await m.words(20, 2) == [0x4137, 0x0000]

    meet(policy("CDAB", {"texts": texts}, A=tag("input:0")), image(A=0.0), talk)


def test_rtu_frames_are_served_over_tcp() -> None:
    async def talk(m: Meeting) -> None:
        assert await m.words(0, 2) == ORDERS["ABCD"]

    meet(policy("ABCD", {"framing": "rtu"}, A=tag("input:0")), image(A=VALUE), talk)


def test_registers_may_be_written_and_read_in_one_round_trip() -> None:
    async def talk(m: Meeting) -> None:
        answer = await m.client.readwrite_registers(
            read_address=0, read_count=2, write_address=0, values=ORDERS["ABCD"], device_id=7
        )
        assert answer.registers == ORDERS["ABCD"]
        assert await m.server.take() == {"A": VALUE}

    meet(policy("ABCD", A=tag("holding:0", access=Access.WRITE)), image(A=0.0), talk)
