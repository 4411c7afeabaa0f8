import asyncio

import pytest

from plant_io.clocks import WallClock
from plant_io.drivers.asking import asked


class StrangeCancelledError(asyncio.CancelledError):
    """What a library makes of a cancellation."""


def lost(trouble: Exception) -> OSError:
    return ConnectionError(f"meant: {trouble}")


async def nap(seconds: float) -> None:
    clock = WallClock()
    await clock.sleep_until(clock.now() + seconds)


def test_an_answer_comes_through() -> None:
    async def ask() -> int:
        return 7

    assert asyncio.run(asked(ask, lost)) == 7


@pytest.mark.parametrize("trouble", [KeyError("x"), AttributeError("x"), RuntimeError("x"), ValueError("x")])
def test_whatever_a_library_raises_becomes_link_trouble(trouble: Exception) -> None:
    async def ask() -> None:
        raise trouble

    with pytest.raises(ConnectionError, match=r"meant: .*x"):
        asyncio.run(asked(ask, lost))


def test_link_trouble_stays_what_it_is() -> None:
    async def ask() -> None:
        raise ConnectionResetError("reset")

    with pytest.raises(ConnectionResetError):
        asyncio.run(asked(ask, lost))


def test_a_library_that_cancels_in_its_own_way_still_meets_the_deadline() -> None:
    async def ask() -> None:
        try:
            await nap(10.0)
        except asyncio.CancelledError as cancelled:
            raise StrangeCancelledError from cancelled

    async def run() -> None:
        async with asyncio.timeout(0.01):
            await asked(ask, lost)

    with pytest.raises(TimeoutError):
        asyncio.run(run())


def test_a_library_that_loses_a_cancellation_still_meets_the_deadline() -> None:
    async def ask() -> None:
        try:
            await nap(10.0)
        except asyncio.CancelledError:
            return

    async def run() -> None:
        async with asyncio.timeout(0.01):
            while True:
                await asked(ask, lost)

    with pytest.raises(TimeoutError):
        asyncio.run(run())


def test_a_cancellation_that_meets_an_error_is_not_lost() -> None:
    async def ask() -> None:
        try:
            await nap(10.0)
        except asyncio.CancelledError as cancelled:
            raise ConnectionRefusedError("refused") from cancelled

    async def run() -> bool:
        task = asyncio.create_task(asked(ask, lost))
        await nap(0.01)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled()

    assert asyncio.run(run())


def test_last_words_are_still_answered_after_a_cancellation() -> None:
    said: list[str] = []

    async def ask() -> str:
        return "released"

    async def work() -> None:
        try:
            await nap(10.0)
        finally:
            said.append(await asked(ask, lost))

    async def run() -> None:
        task = asyncio.create_task(work())
        await nap(0.01)
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(run())
    assert said == ["released"]
