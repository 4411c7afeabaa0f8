"""A Modbus device that answers with the very bytes a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Script = Callable[[bytes], Sequence[bytes]]
"""What is sent for one request, frame by frame; both without their heads where the framing is TCP."""


@dataclass
class Device:
    """What was asked, and how to answer."""

    script: Script
    port: int = 0
    asked: list[bytes] = field(default_factory=list)
    tids: list[int] = field(default_factory=list)


def hexed(text: str) -> bytes:
    return bytes.fromhex(text)


def framed(tid: int, unit_and_pdu: bytes) -> bytes:
    """A TCP frame: transaction, protocol 0, length, then unit identifier and PDU."""
    return tid.to_bytes(2, "big") + b"\0\0" + len(unit_and_pdu).to_bytes(2, "big") + unit_and_pdu


def crc(data: bytes) -> bytes:
    """CRC of an RTU frame as the serial line guide defines it, bit by bit, low byte first."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[Device]:
    """Serve TCP frames; the script sees unit and PDU and gives unit and PDU, or whole frames as `bytearray`."""
    device = Device(script)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(6)
                asked = await reader.readexactly(int.from_bytes(head[4:6], "big"))
                tid = int.from_bytes(head[:2], "big")
                device.tids.append(tid)
                device.asked.append(asked)
                for answer in device.script(asked):
                    writer.write(bytes(answer) if isinstance(answer, bytearray) else framed(tid, answer))
        writer.close()

    async with _serving(device, serve):
        yield device


@asynccontextmanager
async def scripted_rtu(script: Script, length: int = 8) -> AsyncIterator[Device]:
    """Serve RTU frames of requests of one length; the script sees and gives whole frames."""
    device = Device(script)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                asked = await reader.readexactly(length)
                device.asked.append(asked)
                for answer in device.script(asked):
                    writer.write(answer)
        writer.close()

    async with _serving(device, serve):
        yield device


@asynccontextmanager
async def _serving(
    device: Device, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> AsyncIterator[None]:
    ends: list[tuple[asyncio.StreamWriter, asyncio.Event]] = []

    async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done = asyncio.Event()
        ends.append((writer, done))
        await serve(reader, writer)
        done.set()

    server = await asyncio.start_server(kept, "127.0.0.1", 0)
    device.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
        for end, done in ends:
            end.transport.abort()
            await done.wait()
        await server.wait_closed()
