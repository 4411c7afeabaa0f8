"""Links over real sockets that fail at plant times: the forwarder in front of a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from hil.plants.faults import Fault
from hil.rig.links import disturb
from hil.servers.plant_times import Led
from hil.servers.roads import Roads, port_of
from plant_io.clocks import WallClock

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(4096):
            writer.write(data)
    writer.close()


@asynccontextmanager
async def forwarded(*faults: Fault) -> AsyncIterator[tuple[Led, Callable[[], Awaitable[Pair]]]]:
    """An echo behind links that fail; the time that counts for them, and what connects."""
    times = Led()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    at = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    roads = Roads(times, 1)
    reached = roads.forward(at, "127.0.0.1", 0)
    disturb(faults, 100.0)(roads, {"line": port_of(at)})
    ends: list[asyncio.StreamWriter] = []

    async def connect() -> Pair:
        pair = await asyncio.open_connection("127.0.0.1", port_of(reached))
        ends.append(pair[1])
        return pair

    try:
        yield times, connect
    finally:
        for end in ends:
            end.close()
        roads.close()
        server.close()
        await WallClock().sleep_until(WallClock().now() + 0.1)


async def heard(pair: Pair, said: bytes, within_s: float = 5.0) -> bytes | None:
    """Say something and return what comes back; None if nothing comes in time."""
    pair[1].write(said)
    try:
        return await asyncio.wait_for(pair[0].readexactly(len(said)), within_s)
    except TimeoutError:
        return None


def test_what_is_sent_goes_through_whole_while_nothing_is_wrong() -> None:
    async def run() -> None:
        async with forwarded() as (_, connect):
            assert await heard(await connect(), bytes(range(256)) * 4096) == bytes(range(256)) * 4096

    asyncio.run(run())


def test_a_refused_port_resets_who_is_there_refuses_who_comes_and_is_open_again_at_once_at_the_end() -> None:
    async def run() -> None:
        async with forwarded(Fault("link_refuse", "line", 10.0, 20.0)) as (times, connect):
            pair = await connect()
            assert await heard(pair, b"before") == b"before"
            times.advance(10.0)
            with pytest.raises(ConnectionResetError):
                await pair[0].read(1)
            with pytest.raises(ConnectionRefusedError):
                await connect()
            times.advance(20.0)
            assert await heard(await connect(), b"after") == b"after"

    asyncio.run(run())


def test_a_stalled_link_holds_back_what_is_sent_and_hands_it_over_at_the_end() -> None:
    async def run() -> None:
        async with forwarded(Fault("link_stall", "line", 10.0, 20.0)) as (times, connect):
            pair = await connect()
            assert await heard(pair, b"before") == b"before"
            times.advance(15.0)
            assert await heard(pair, b"held", 0.2) is None
            times.advance(20.0)
            assert await asyncio.wait_for(pair[0].readexactly(4), 5.0) == b"held"

    asyncio.run(run())


def test_a_client_that_leaves_is_seen_to_leave_by_the_server() -> None:
    async def run() -> None:
        async with forwarded() as (_, connect):
            pair = await connect()
            assert await heard(pair, b"before") == b"before"
            pair[1].write_eof()
            assert await asyncio.wait_for(pair[0].read(), 5.0) == b""

    asyncio.run(run())
