import asyncio
from itertools import pairwise

import pytest

from plant_io.clocks import LockstepClock, PacedClock, SimClock, WallClock, stopwatch


def test_the_wall_clock_never_wakes_a_sleeper_early() -> None:
    async def nap() -> list[float]:
        clock = WallClock()
        late = []
        for _ in range(5):
            at = clock.now() + 0.01
            await clock.sleep_until(at)
            late.append(clock.now() - at)
        return late

    assert all(late >= 0.0 for late in asyncio.run(nap()))


def test_an_instant_gone_by_is_not_waited_for() -> None:
    elapsed = stopwatch()
    asyncio.run(WallClock().sleep_until(0.0))
    assert elapsed() < 0.5


def test_a_paced_clock_runs_faster_than_the_wall() -> None:
    async def nap() -> tuple[float, float]:
        clock, elapsed = PacedClock(speed=100.0, start=1000.0), stopwatch()
        await clock.sleep_until(1010.0)
        return clock.now(), elapsed()

    now, wall = asyncio.run(nap())
    assert now >= 1010.0
    assert 0.09 <= wall < 1.0


def test_paced_clocks_with_one_origin_show_one_time() -> None:
    origin = WallClock().now() - 5.0
    first = PacedClock.from_origin(10.0, origin)
    second = PacedClock.from_origin(10.0, origin)
    assert abs(first.now() - second.now()) < 0.1
    assert 50.0 <= first.now() - origin < 60.0


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_clock_that_stands_still_or_runs_backwards_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        PacedClock(speed)


def test_simulated_time_jumps_and_carries_the_plant_with_it() -> None:
    gone: list[float] = []
    clock = SimClock(100.0, gone.append)
    asyncio.run(clock.sleep_until(101.5))
    asyncio.run(clock.sleep_until(101.0))
    assert clock.now() == 101.5
    assert gone == [1.5]


def test_the_plant_has_moved_before_the_sleeper_wakes() -> None:
    seen: list[float] = []
    clock = SimClock(0.0, lambda _: seen.append(clock.now()))
    asyncio.run(clock.sleep_until(3.0))
    assert seen == [0.0]


def lockstep(
    start: float, period_s: float, sleeps: list[float], *, along: bool = True
) -> tuple[LockstepClock, list[int]]:
    asked: list[int] = []

    async def step(k: int) -> bool:
        asked.append(k)
        return along

    async def run() -> LockstepClock:
        clock = LockstepClock(start, period_s, step)
        for at in sleeps:
            await clock.sleep_until(at)
            assert clock.now() == at
        return clock

    return asyncio.run(run()), asked


def test_a_lockstep_clock_asks_for_each_period_once() -> None:
    _, asked = lockstep(10.0, 2.0, [12.0, 13.0, 14.0, 14.0, 20.0])
    assert asked == [1, 2, 3, 4, 5]


def test_an_hour_of_seconds_at_posix_magnitude_loses_no_period() -> None:
    ticks = [1_760_000_000.1]
    for _ in range(3600):
        ticks.append(ticks[-1] + 1.0)
    _, asked = lockstep(ticks[0], 1.0, ticks[1:])
    assert asked == list(range(1, 3601))


def test_a_tenth_of_a_second_is_no_harder() -> None:
    ticks = [1_760_000_000.0]
    for _ in range(600):
        ticks.append(ticks[-1] + 0.1)
    _, asked = lockstep(ticks[0], 0.1, ticks[1:])
    assert all(b - a == 1 for a, b in pairwise(asked))
    assert asked[-1] == 600


def test_periods_the_plant_did_not_go_along_with_are_counted() -> None:
    clock, _ = lockstep(0.0, 1.0, [1.0, 3.0], along=False)
    assert clock.missed == 3
    assert clock.now() == 3.0
