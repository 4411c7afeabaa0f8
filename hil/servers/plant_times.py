"""The time of a plant as the timers of a network see it: it follows the wall, or stands until it is led on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol

from hil.virtual.timers import Timer, Timers
from plant_io.clocks import PacedClock

_BEFORE_S = -1.0


class PlantTimes(Timers, Protocol):
    """Timers that count plant time."""

    def advance(self, to: float) -> None:
        """Take note that the plant is at time `to` [s]."""
        ...


class _OfTheLoop:
    """What the running loop does for both."""

    def call_soon(self, callback: Callable[[], object]) -> Timer:
        """Call something as soon as what is under way is done."""
        return asyncio.get_running_loop().call_soon(callback)

    def create_future(self) -> asyncio.Future[Any]:
        """Return something that can be waited for."""
        return asyncio.get_running_loop().create_future()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tell of a failure of the program."""
        asyncio.get_running_loop().call_exception_handler(context)


class Led(_OfTheLoop):
    """Plant time that stands until the plant is led on; before it is led at all, nothing has begun."""

    def __init__(self) -> None:
        self._now = _BEFORE_S
        self._due: list[tuple[float, int, _Due]] = []
        self._numbers = count()

    def time(self) -> float:
        """Return plant time [s]."""
        return self._now

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Call something at plant time `when` [s]."""
        due = _Due(callback)
        heappush(self._due, (when, next(self._numbers), due))
        return due

    def advance(self, to: float) -> None:
        """Let plant time go by up to `to` [s], and do what is due meanwhile, in its order."""
        while self._due and self._due[0][0] <= to:
            when, _, due = heappop(self._due)
            self._now = max(self._now, when)
            due.run()
        self._now = max(self._now, to)


class Paced(_OfTheLoop):
    """Plant time that follows the wall.

    Parameters
    ----------
    clock
        Keeps the time.
    epoch
        Instant of plant time 0, POSIX time [s].
    speed
        Plant seconds per wall second [1].
    """

    def __init__(self, clock: PacedClock, epoch: float, speed: float) -> None:
        self._clock, self._epoch, self._speed = clock, epoch, speed

    def time(self) -> float:
        """Return plant time [s]."""
        return self._clock.now() - self._epoch

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Call something at plant time `when` [s]."""
        return asyncio.get_running_loop().call_later(max(0.0, when - self.time()) / self._speed, callback)

    def advance(self, to: float) -> None:
        """Do nothing: time goes by itself, whether the plant is at time `to` [s] or late."""


class _Due:
    """Something that is to happen."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """Let it not happen."""
        self._callback = None

    def run(self) -> None:
        """Let it happen."""
        if self._callback is not None:
            self._callback()
