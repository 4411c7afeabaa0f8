"""An event loop in virtual time: it jumps, it is honest about standing still, and nothing real gets in."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import pytest

from hil.virtual.loop import Standstill, VirtualLoop
from plant_io.clocks import PacedClock, WallClock, stopwatch

T = TypeVar("T")
EPOCH = 1_767_225_600.0


def run(main: Callable[[VirtualLoop], Awaitable[T]], start_s: float = 0.0) -> T:
    async def go() -> T:
        return await main(cast("VirtualLoop", asyncio.get_running_loop()))

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(EPOCH, start_s)) as runner:
        return runner.run(go())


def test_a_year_passes_in_no_time() -> None:
    async def sleep(loop: VirtualLoop) -> float:
        await WallClock().sleep_until(EPOCH + 365 * 86400.0)
        return loop.time()

    watch = stopwatch()
    assert run(sleep) == pytest.approx(365 * 86400.0)
    assert watch() < 1.0


def test_the_wall_clock_is_the_loops_on_a_virtual_loop_and_the_walls_elsewhere() -> None:
    clock = WallClock()

    async def look(_: VirtualLoop) -> tuple[float, float]:
        paced = PacedClock(2.0, 100.0)
        before = clock.now()
        await clock.sleep_until(before + 10.0)
        return before, paced.now()

    before, paced = run(look, start_s=-5.0)
    assert before == EPOCH - 5.0
    assert paced == pytest.approx(120.0)
    assert clock.now() > EPOCH - 365 * 86400.0
    assert clock.now() == pytest.approx(WallClock().now(), abs=0.1)


def test_sleepers_wake_in_the_order_of_their_times_however_they_lay_down() -> None:
    async def work(loop: VirtualLoop) -> list[tuple[float, float]]:
        woke: list[tuple[float, float]] = []

        async def nap(seconds: float) -> None:
            await WallClock().sleep_until(EPOCH + seconds)
            woke.append((seconds, round(loop.time(), 6)))

        await asyncio.gather(*(nap(s) for s in (3.0, 1.5, 2.0, 0.25)))
        return woke

    assert run(work) == [(s, s) for s in (0.25, 1.5, 2.0, 3.0)]


def test_deadlines_are_kept_in_virtual_time() -> None:
    async def wait(loop: VirtualLoop) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(7.0):
                await asyncio.Event().wait()
        return loop.time()

    assert run(wait) == pytest.approx(7.0)


def test_a_loop_in_which_nothing_can_happen_any_more_says_so_and_who_waits() -> None:
    async def wait(_: VirtualLoop) -> None:
        await WallClock().sleep_until(EPOCH + 2.0)
        await asyncio.gather(asyncio.create_task(asyncio.Event().wait(), name="the plant"))

    with pytest.raises(Standstill, match=r"no timer is set at 2 s of virtual time.*Task-\d+, the plant would wait"):
        run(wait)


def test_a_job_for_a_thread_takes_no_time_and_its_failure_arrives() -> None:
    def refuse() -> None:
        raise ValueError("no")

    async def work(loop: VirtualLoop) -> tuple[int, float]:
        found = await asyncio.to_thread(sum, (1, 2, 3))
        with pytest.raises(ValueError, match="no"):
            await asyncio.to_thread(refuse)
        return found, loop.time()

    assert run(work) == (6, 0.0)


def test_nothing_real_can_be_waited_for() -> None:
    async def listen(loop: VirtualLoop) -> None:
        near, far = socket.socketpair()
        with near, far:
            loop.add_reader(near, print)

    with pytest.raises(RuntimeError, match="cannot wait for a real socket"):
        run(listen)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_signal_from_outside_is_still_heard() -> None:
    async def work(loop: VirtualLoop) -> str:
        heard = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, heard.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        async with asyncio.timeout(1e6):
            while not heard.is_set():
                await WallClock().sleep_until(WallClock().now() + 1.0)
        return "heard"

    assert run(work) == "heard"


def test_streams_talk_in_memory() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
        writer.close()

    async def talk(_: VirtualLoop) -> tuple[bytes, bytes, Any]:
        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"one\ntwo\n")
            answers = await reader.readline() + await reader.readline()
            writer.write_eof()
            last = await reader.read()
            writer.close()
            return answers, last, writer.get_extra_info("peername")

    assert run(talk) == (b"ONE\nTWO\n", b"", ("127.0.0.1", 49152))


def test_a_port_is_listened_at_once_and_free_again_when_closed() -> None:
    async def listen(loop: VirtualLoop) -> None:
        first = await loop.create_server(asyncio.Protocol, "127.0.0.1", 4840)
        with pytest.raises(OSError, match="somebody listens"):
            await loop.create_server(asyncio.Protocol, "127.0.0.1", 4840)
        first.close()
        await first.wait_closed()
        assert not first.is_serving()
        again = await loop.create_server(asyncio.Protocol, "127.0.0.1", 4840)
        assert again.is_serving()

    run(listen)


def test_encryption_by_the_loop_is_refused_in_words() -> None:
    async def connect(loop: VirtualLoop) -> None:
        await loop.create_connection(asyncio.Protocol, "127.0.0.1", 1, ssl=True)

    with pytest.raises(ValueError, match="no encryption of its own"):
        run(connect)


def test_a_writer_whose_reader_sleeps_is_held_back() -> None:
    async def talk(_: VirtualLoop) -> int:
        async def sleepy(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            cast("asyncio.Transport", writer.transport).pause_reading()
            sleepers.append(writer)

        sleepers: list[asyncio.StreamWriter] = []
        await asyncio.start_server(sleepy, "127.0.0.1", 502)
        _, writer = await asyncio.open_connection("127.0.0.1", 502)
        await WallClock().sleep_until(EPOCH + 1.0)
        writer.write(bytes(100_000))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5.0):
                await writer.drain()
        size = writer.transport.get_write_buffer_size()
        for each in (writer, *sleepers):
            each.close()
        return size

    assert run(talk) == 100_000
