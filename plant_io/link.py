"""Keeps one connection up: a fresh driver for every attempt, a deadline on every wait.

    CLOSED -> OPENING -> UP <-> SUSPECT -> DOWN -> OPENING ...

The libraries' own reconnection is never used: after a stall it may leave a connection that looks alive and is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar, cast
from zlib import crc32

import numpy as np

from plant_io.clocks import WallClock
from plant_io.ports import Batch, Clock, Driver, Identity, Refusal
from plant_io.security.expiry import Reminder
from plant_io.signals import Outcome, Receipt, Setpoint
from policies.scans import CONTROL

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

T = TypeVar("T")
Fresh = Callable[[], Driver]
"""Makes a driver for one attempt to connect."""
Whole = Callable[[Batch], bool]
"""Says whether what was read belongs together."""
Rests = Callable[[float], Awaitable[None]]
"""Waits so many seconds before the next attempt to connect."""

_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.2, 2.0
_ABORT_S = 3.0
_MISSES = 2
_SILENT = 0.99  # two clocks measure the same wait; they differ by less


class LinkState(StrEnum):
    """How far a connection may be relied on."""

    CLOSED = "closed"
    """Nobody wants it."""
    OPENING = "opening"
    """Being established."""
    UP = "up"
    """Answers."""
    SUSPECT = "suspect"
    """Missed one deadline."""
    DOWN = "down"
    """Lost; the next attempt waits for its turn."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for what, in wall time."""

    answer_s: float
    """Longest wait for one read or one write [s]."""
    opening_s: float
    """Longest wait for a connection to be established [s]."""


class Link:
    """One connection and its supervisor.

    Parameters
    ----------
    name
        Name of the connection.
    make
        Makes a fresh driver; called for every attempt.
    patience
        Deadlines.
    whole
        Says whether what was read belongs together; what does not is read once more.
    rest
        Waits between two attempts to connect; on the wall if None.
    """

    def __init__(
        self, name: str, make: Fresh, patience: Patience, whole: Whole | None = None, rest: Rests | None = None
    ) -> None:
        self.name = name
        """Name of the connection."""
        self.state = LinkState.CLOSED
        """How far it may be relied on."""
        self.why = ""
        """What was last wrong."""
        self.identity = Identity()
        """What the device said of itself at the last connect."""
        self.reads = 0
        """Reads that were answered [1]."""
        self.misses = 0
        """Reads and writes that were not answered in time [1]."""
        self.rereads = 0
        """Reads that were repeated because the values did not belong together [1]."""
        self.restarts = 0
        """Times the device was found restarted [1]."""
        self._make = make
        self._patience = patience
        self._whole = whole
        self._wall: Clock = WallClock()
        self._rest = self._rested if rest is None else rest
        # The name is the seed: no two connections knock in step, and every run knocks alike.
        self._jitter = np.random.default_rng(crc32(name.encode()))
        self._driver: Driver | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._lost = asyncio.Event()
        self._started: float | None = None
        self._entered = 0
        self._attempts = 0
        self._missed = 0
        self._heard = 0.0
        self._told = False
        self._refused = ""
        self._news: list[str] = []
        self._reminder = Reminder()

    @property
    def reconnects(self) -> int:
        """Times the connection came back [1]."""
        return max(0, self._entered - 1)

    @property
    def sessions(self) -> int:
        """Times the connection was established [1]."""
        return self._entered

    @property
    def there(self) -> bool:
        """Whether there is a connection, even one in doubt."""
        return self._driver is not None

    def start(self) -> None:
        """Begin to keep the connection up; returns at once."""
        # Made here, the first driver loads its library before the first cycle and not in it.
        self._task = asyncio.create_task(self._supervise(self._make()), name=f"link {self.name}")

    async def close(self) -> None:
        """Give the connection back."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        self._leave(LinkState.CLOSED)

    async def ready(self) -> None:
        """Wait until the connection is established."""
        await self._up.wait()

    async def lost(self) -> None:
        """Wait until the connection that is there is lost."""
        await self._lost.wait()

    async def read(self, scan: str = CONTROL, within_s: float | None = None) -> Batch | None:
        """Return what the device answers, or None if the connection is not there or the deadline passed.

        Parameters
        ----------
        scan
            Scan class to be read.
        within_s
            Longest wait, wall time [s]; that of the link if None.
        """
        driver = self._present()
        batch = None if driver is None else await self._within(driver, self._read(driver, scan), within_s)
        if batch is not None:
            self.reads += 1
            self._attempts = 0
        return batch

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        """Write raw values in order if the connection is up; nothing is kept to be written later."""
        driver = self._present()
        if driver is None or self.state is not LinkState.UP:
            return [Receipt(setpoint, Outcome.NOT_CONFIRMED, "link down") for setpoint in setpoints]
        receipts = await self._within(driver, driver.write(setpoints))
        return receipts or [Receipt(setpoint, Outcome.NOT_CONFIRMED, self.why) for setpoint in setpoints]

    def news(self) -> Sequence[str]:
        """Return what there is to say since this was last asked, one sentence each: mismatches, refusals, ends."""
        for ending in self._reminder.due(self.identity.ends, self._wall.now()):
            self._say("certificate ends", ending)
        news, self._news = self._news, []
        return news

    def _present(self) -> Driver | None:
        if self._task is not None and self._task.done():
            # Supervision ends only by a fault of this program, which is to be seen.
            self._task.result()
        return self._driver

    async def _read(self, driver: Driver, scan: str) -> Batch:
        batch = await driver.read(scan)
        if self._whole is None or self._whole(batch):
            return batch
        self.rereads += 1
        return await driver.read(scan)

    async def _within(self, driver: Driver, answer: Awaitable[T], within_s: float | None = None) -> T | None:
        longest = self._patience.answer_s if within_s is None else within_s
        try:
            async with asyncio.timeout(longest):
                found = await answer
        except TimeoutError:
            self._miss(driver, longest)
            return None
        except OSError as trouble:
            self._lose(driver, str(trouble))
            return None
        if driver is self._driver:
            self._missed, self._heard = 0, self._wall.now()
            self.state = LinkState.UP
        return found

    def _miss(self, driver: Driver, waited_s: float) -> None:
        self.misses += 1
        self._missed += 1
        self.why = f"no answer within {waited_s:g} s"
        # A fast scan is impatient, and several may miss at once; a connection is lost only if it is silent for as long
        # as two waits of its own.
        silence = self._wall.now() - self._heard
        if self._missed >= _MISSES and silence >= _SILENT * _MISSES * self._patience.answer_s:
            self._lose(driver, self.why)
        elif driver is self._driver:
            self.state = LinkState.SUSPECT

    def _lose(self, driver: Driver, why: str) -> None:
        if driver is self._driver:
            self._leave(LinkState.DOWN, why)
            self._lost.set()

    async def _supervise(self, driver: Driver) -> None:
        while True:
            try:
                await self._serve(driver)
                pause_s = 0.0
            except OSError as trouble:
                self._leave(LinkState.DOWN, str(trouble) or "could not be opened in time")
                pause_s = self._heed(trouble)
            finally:
                await _abandon(driver)
            await self._rest(max(pause_s, self._wait()))
            driver = self._make()

    async def _serve(self, driver: Driver) -> None:
        """Open the connection and return when it is lost."""
        self.state = LinkState.OPENING
        async with asyncio.timeout(self._patience.opening_s):
            identity = await driver.open()
        self._enter(driver, identity)
        await self._lost.wait()

    def _enter(self, driver: Driver, identity: Identity) -> None:
        before, self.identity = self.identity, identity
        if identity.started is not None:
            self.restarts += self._started not in {None, identity.started}
            self._started = identity.started
        if self._told:
            _log().info("link is back" if self._entered else "link is there", connection=self.name)
        for note in identity.notes:
            if note not in before.notes:
                self._say("device does not match the policy", note)
        self.state, self.why, self._driver = LinkState.UP, "", driver
        self._entered += 1
        self._missed, self._heard, self._told, self._refused = 0, self._wall.now(), False, ""
        self._lost.clear()
        self._up.set()

    def _leave(self, state: LinkState, why: str = "") -> None:
        self.state, self.why, self._driver = state, why, None
        self._up.clear()
        if state is LinkState.DOWN and not self._told:
            self._told = True
            _log().warning("link is lost" if self._entered else "no link yet", connection=self.name, why=why)

    def _heed(self, trouble: OSError) -> float:
        """Say once what only a person can put right, and return how long to wait at least [s]."""
        if not isinstance(trouble, Refusal):
            return 0.0
        if str(trouble) != self._refused:
            self._refused = str(trouble)
            self._say("connection is refused", self._refused)
        return trouble.pause_s

    def _say(self, topic: str, what: str) -> None:
        _log().warning(topic, connection=self.name, what=what)
        self._news.append(what)

    async def _rested(self, seconds: float) -> None:
        await self._wall.sleep_until(self._wall.now() + seconds)

    def _wait(self) -> float:
        """Return how long to wait before the next attempt [s]."""
        longest = min(_LONGEST_WAIT_S, _SHORTEST_WAIT_S * 2.0 ** min(self._attempts, 8))
        self._attempts += 1
        return max(_SHORTEST_WAIT_S, longest * self._jitter.uniform(0.5, 1.0))


async def _abandon(driver: Driver) -> None:
    """Drop a connection; a driver that cannot even do that in time keeps nobody waiting."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_ABORT_S):
            await driver.abort()


def _log() -> FilteringBoundLogger:
    from structlog import get_logger  # noqa: PLC0415  # slow to import, and nothing is said while all is well

    return cast("FilteringBoundLogger", get_logger())
