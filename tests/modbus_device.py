"""A Modbus device to test against, and a policy that knows it."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from plant_io.clocks import WallClock
from plant_io.line import Line
from policies import Policy


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
async def device(port: int = 0, hole: int | None = None, framing: str = "tcp") -> AsyncIterator[Device]:
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
        SimDevice(1, (bits(), bits(), words((0, 300)), inputs), action=act),
        framer=FramerType(framing.replace("tcp", "socket")),
        address=("127.0.0.1", port),
        trace_pdu=note,
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
async def opened(policy: Policy) -> AsyncIterator[Line]:
    line = Line(policy, WallClock())
    await line.open()
    try:
        assert await line.ready(5.0)
        yield line
    finally:
        await line.close()
