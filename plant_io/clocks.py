"""Clocks: the wall's, faster ones, and ones that only move when told.

Nothing else imports `time` or sleeps; whatever waits asks one of these.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import floor
from typing import cast

_ROUNDING = 1e-3  # of a period; POSIX seconds are known to a quarter of a microsecond


class WallClock:
    """Real time, immune to steps of the system clock after the start; on a loop with a time of its own, that time."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return POSIX time [s]."""
        kept = _kept()
        return time.monotonic() + self._offset if kept is None else kept()

    async def sleep_until(self, at: float) -> None:
        """Return no earlier than `at`, POSIX time [s]."""
        await asyncio.sleep(0)
        while (left := at - self.now()) > 0.0:  # noqa: ASYNC110  # a timer may fire a clock tick early
            await asyncio.sleep(left)


class PacedClock:
    """Time that runs `speed` times faster than the wall's.

    Parameters
    ----------
    speed
        Seconds of this clock per second of the wall [1]; above zero.
    start
        First instant, POSIX time [s]; the present if None.

    Raises
    ------
    ValueError
        If `speed` is not above zero.
    """

    def __init__(self, speed: float, start: float | None = None) -> None:
        if not speed > 0.0:
            raise ValueError(f"expected a speed above 0, found {speed:g}")
        self._speed = speed
        self._wall = WallClock()
        self._began = self._wall.now()
        self._start = self._began if start is None else start

    def now(self) -> float:
        """Return POSIX time [s]."""
        return self._start + self._speed * (self._wall.now() - self._began)

    async def sleep_until(self, at: float) -> None:
        """Return no earlier than `at`, POSIX time [s]."""
        await asyncio.sleep(0)
        while (left := at - self.now()) > 0.0:  # noqa: ASYNC110  # a timer may fire a clock tick early
            await asyncio.sleep(left / self._speed)

    @classmethod
    def from_origin(cls, speed: float, origin: float) -> PacedClock:
        """Return a clock that agreed with the wall at `origin`, so that two processes can share one time.

        Parameters
        ----------
        speed
            Seconds of the clock per second of the wall [1]; above zero.
        origin
            Where both agree, POSIX time [s].

        Raises
        ------
        ValueError
            If `speed` is not above zero.
        """
        return cls(speed, origin + speed * (WallClock().now() - origin))


class SimClock:
    """Time that jumps to the next wanted instant and carries the simulated plant with it.

    Parameters
    ----------
    start
        First instant, POSIX time [s].
    on_advance
        Called with the seconds gone by, before the sleeper wakes.
    turns
        Sleeps from one turn of other tasks to the next [1]; 1 where there are any that wait for this time.
    """

    def __init__(self, start: float, on_advance: Callable[[float], None] | None = None, turns: int = 1) -> None:
        self._now = start
        self._on_advance = on_advance
        self._turns, self._slept = turns, 0

    def now(self) -> float:
        """Return POSIX time [s]."""
        return self._now

    async def sleep_until(self, at: float) -> None:
        """Jump to `at`, POSIX time [s]."""
        if at > self._now:
            if self._on_advance is not None:
                self._on_advance(at - self._now)
            self._now = at
        self._slept += 1
        if self._slept >= self._turns:
            self._slept = 0
            await asyncio.sleep(0)


class LockstepClock:
    """Time that a simulated plant grants, one period after the other.

    Parameters
    ----------
    start
        First instant, POSIX time [s].
    period_s
        Length of one period of the plant [s].
    step
        Asks the plant for its k-th period since `start` (1, 2, ...); False if the plant did not go along.
    """

    def __init__(self, start: float, period_s: float, step: Callable[[int], Awaitable[bool]]) -> None:
        self._mark = start
        self._now = start
        self._period_s = period_s
        self._step = step
        self._asked = 0
        self.missed = 0
        """Periods the plant did not go along with [1]."""

    def now(self) -> float:
        """Return POSIX time [s]."""
        return self._now

    async def sleep_until(self, at: float) -> None:
        """Ask for every whole period up to `at`, POSIX time [s], and be there."""
        gone = (at - self._mark) / self._period_s
        whole = floor(gone + _ROUNDING)
        # Counted on from the last mark: ticks added up in POSIX seconds drift off any fixed grid.
        self._mark = at if abs(gone - whole) < _ROUNDING else self._mark + whole * self._period_s
        for _ in range(whole):
            self._asked += 1
            if not await self._step(self._asked):
                self.missed += 1
        self._now = max(self._now, at)
        await asyncio.sleep(0)


def stopwatch() -> Callable[[], float]:
    """Return a function that gives the wall time since this call [s].

    It serves the record of timings only; no decision may rest on it.
    """
    began = time.perf_counter()
    return lambda: time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Reading:
    """How a clock stood beside that of the machine."""

    clock: str
    """Which clock: that of the wall, a faster or a simulated one."""
    offset_s: float
    """How far it was ahead of the clock of the machine [s]."""
    zone_min: int
    """How far the time of the place was ahead of UTC [min]."""


def beside_the_machine(clock: object, now: float) -> Reading:
    """Return how a clock stands beside that of the machine.

    Parameters
    ----------
    clock
        The clock.
    now
        What it shows, POSIX time [s].
    """
    machine = time.time()
    zone = time.localtime(machine).tm_gmtoff
    return Reading(_CLOCKS.get(type(clock).__name__, type(clock).__name__), round(now - machine, 6), zone // 60)


_CLOCKS = {"WallClock": "wall", "PacedClock": "paced", "SimClock": "simulated", "LockstepClock": "lockstep"}


def _kept() -> Callable[[], float] | None:
    """Return the POSIX time of the running event loop, if it keeps one of its own as a virtual one does."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return cast("Callable[[], float] | None", getattr(loop, "posix", None))
