"""An event loop whose time jumps to the next timer when nothing is ready, and whose connections stay in memory."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from hil.virtual.network import Network
from hil.virtual.transport import Listener, Made

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

T = TypeVar("T")

_RESOLUTION_S = 1e-6  # a nanosecond, asyncio's own, is lost in the rounding of the hundredth day


class Standstill(RuntimeError):  # noqa: N818  # the state of the loop, in the words of the rig
    """Nothing is ready and no timer is set, so nothing can ever happen again."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs whatever asyncio runs, in a time of its own, without threads and without ports.

    Time stands while anything is ready and jumps to the next timer when nothing is. Jobs for threads are done at once
    on the spot. Equal programs give equal runs.

    Parameters
    ----------
    epoch
        Instant of loop time 0, POSIX time [s].
    start_s
        Loop time at which it begins [s]; below zero for what has to be made ready before.
    seed
        Seed of all chance in the network.
    """

    def __init__(self, epoch: float, start_s: float = 0.0, seed: int = 0) -> None:
        self._leap = _Leap(start_s, self._stuck)
        super().__init__(self._leap)
        self._leap.closed_to_others = True
        self._clock_resolution = _RESOLUTION_S
        self._epoch = epoch
        self.network = Network(self, seed)
        """Where its connections run, and how they fail."""

    def time(self) -> float:
        """Return the loop time [s]."""
        return self._leap.now

    def posix(self) -> float:
        """Return POSIX time [s]; `plant_io.clocks` asks for it."""
        return self._epoch + self._leap.now

    async def create_server(  # type: ignore[override]  # sockets and encryption of a kind memory does not have
        self, protocol_factory: Made, host: str | None = None, port: int = 0, **options: object
    ) -> Listener:
        """Listen in memory.

        Raises
        ------
        OSError
            If the port is taken.
        ValueError
            If it should be encrypted by the loop.
        """
        _plain(options)
        return self.network.listen(protocol_factory, host or "127.0.0.1", port)

    async def create_connection(  # type: ignore[override]  # sockets and encryption of a kind memory does not have
        self, protocol_factory: Made, host: str | None = None, port: int = 0, **options: object
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect in memory, as fast as the network lets one.

        Raises
        ------
        OSError
            If it is refused.
        ValueError
            If it should be encrypted by the loop.
        """
        _plain(options)
        return await self.network.connect(protocol_factory, host or "127.0.0.1", port)

    def run_in_executor(self, executor: object, func: Callable[..., T], *args: object) -> asyncio.Future[T]:
        """Do a job for a thread at once, so that time stands while it is done."""
        del executor
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # whatever it is, it belongs to whoever waits
            done.set_exception(error)
        return done

    def _stuck(self) -> str:
        waiting = sorted(task.get_name() for task in asyncio.all_tasks(self))
        return (
            f"nothing is ready and no timer is set at {self.time():g} s of virtual time, so nothing can ever happen "
            f"again; {', '.join(waiting) or 'nobody'} would wait for ever"
        )


class _Leap(selectors.DefaultSelector):
    """Instead of waiting, leaps to the end of the wait; only signals can come from outside."""

    def __init__(self, now: float, stuck: Callable[[], str]) -> None:
        super().__init__()
        self.now = now
        self.closed_to_others = False
        self._stuck = stuck

    def register(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        if self.closed_to_others:
            raise RuntimeError("virtual time cannot wait for a real socket, pipe or process")
        return super().register(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        signalled = super().select(0)
        if signalled or timeout == 0:
            return signalled
        if timeout is None:
            raise Standstill(self._stuck())
        self.now += max(0.0, timeout)
        return []


def _plain(options: dict[str, object]) -> None:
    if options.get("ssl") is not None:
        raise ValueError("a connection in memory has no encryption of its own")
