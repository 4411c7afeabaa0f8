"""The two ends of a connection in memory, with the manners of TCP: in order, whole, and slow only if told."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable
from enum import Enum
from math import inf
from typing import Protocol, cast

from hil.virtual.timers import Timer, Timers

_HIGH_WATER = 65536


class End(Enum):
    """What can travel besides bytes."""

    FIN = "fin"
    """Nothing more is sent."""
    RESET = "reset"
    """The connection is gone."""


Item = bytes | End
Made = Callable[[], asyncio.BaseProtocol]
"""Makes the protocol of one end."""


class Path(Protocol):
    """One way through the network."""

    def sent(self, item: Item, at: float) -> list[tuple[float, Item]]:
        """Return when what is sent at loop time `at` [s] arrives, loop time [s], and in what pieces; lost if empty."""
        ...


class Listener(asyncio.AbstractServer):
    """A port that is listened at.

    Parameters
    ----------
    make
        Makes the protocol of each connection.
    address
        Host and port.
    gone
        Called when it is closed.
    """

    def __init__(self, make: Made, address: tuple[str, int], gone: Callable[[], None]) -> None:
        self.make = make
        """Makes the protocol of each connection."""
        self.sockets = (_Named(address),)
        """Something that knows the address, as the sockets of a real server do."""
        self._gone = gone
        self._serving = True

    def close(self) -> None:
        """Listen no more; connections that stand go on."""
        if self._serving:
            self._serving = False
            self._gone()

    def is_serving(self) -> bool:
        """Return whether it listens."""
        return self._serving

    async def wait_closed(self) -> None:
        """Return at once."""

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop it lives on."""
        return asyncio.get_running_loop()

    async def start_serving(self) -> None:
        """Return at once; it listens from the start."""

    async def serve_forever(self) -> None:
        """Wait for ever."""
        await asyncio.get_running_loop().create_future()


class _Named:
    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def getsockname(self) -> tuple[str, int]:
        return self._address


class Transport(asyncio.Transport):
    """One end of a connection.

    Parameters
    ----------
    loop
        The loop it lives on, or whatever else has timers.
    path
        The way from here to the other end.
    addresses
        Host and port of this end and of the other one.
    """

    def __init__(self, loop: Timers, path: Path, addresses: tuple[tuple[str, int], tuple[str, int]]) -> None:
        super().__init__({"sockname": addresses[0], "peername": addresses[1]})
        self._loop, self._path = loop, path
        self._protocol: asyncio.BaseProtocol = asyncio.Protocol()
        self._peer: Transport | None = None
        self._inbox: deque[tuple[float, Item]] = deque()
        self._timer: Timer | None = None
        self._reading, self._closing, self._ended, self._gone = True, False, False, False
        self._pending, self._limits, self._full = 0, (_HIGH_WATER // 4, _HIGH_WATER), False

    def meet(self, peer: Transport | None, protocol: asyncio.BaseProtocol) -> None:
        """Tie this end to the other one, or to nobody, and to what speaks through it."""
        self._peer, self._protocol = peer, protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes."""
        if self._ended and not self._closing:
            raise RuntimeError("Cannot call write() after write_eof()")
        if data and not self._closing:
            self._send(bytes(data))

    def can_write_eof(self) -> bool:
        """Return that one end may fall silent alone."""
        return True

    def write_eof(self) -> None:
        """Send that nothing more comes."""
        if not self._ended:
            self._ended = True
            self._send(End.FIN)

    def close(self) -> None:
        """Close this end; what has been sent is still on its way."""
        if not self._closing:
            self.write_eof()
            self._leave(None)

    def abort(self) -> None:
        """Close this end at once; as with a kernel, what has been sent is still on its way."""
        self.close()

    def break_off(self) -> None:
        """Lose the connection as if the other end had reset it."""
        if not self._closing:
            self._leave(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))

    def is_closing(self) -> bool:
        """Return whether it is closed or about to be."""
        return self._closing

    def pause_reading(self) -> None:
        """Take nothing in for now."""
        self._reading = False

    def resume_reading(self) -> None:
        """Take in what has come meanwhile, and what comes."""
        self._reading = True
        self._wake()

    def is_reading(self) -> bool:
        """Return whether anything is taken in."""
        return self._reading and not self._closing

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return what speaks through it."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let something else speak through it."""
        self._protocol = protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set how many bytes may be on their way before the protocol is asked to pause, and to go on."""
        high = _HIGH_WATER if high is None else high
        self._limits = (high // 4 if low is None else low, high)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return these two numbers, the lower first."""
        return self._limits

    def get_write_buffer_size(self) -> int:
        """Return the bytes on their way."""
        return self._pending

    def _send(self, item: Item) -> None:
        peer = self._peer
        if peer is None:
            return
        for due, piece in self._path.sent(item, self._loop.time()):
            peer.expect(due, piece)
            self._pending += len(piece) if isinstance(piece, bytes) else 0
        if self._pending > self._limits[1] and not self._full:
            self._full = True
            self._protocol.pause_writing()

    def expect(self, due: float, item: Item) -> None:
        """Take note of what is on its way here; what was sent first comes first.

        Parameters
        ----------
        due
            When it arrives, loop time [s].
        item
            What it is.
        """
        self._inbox.append((max(due, self._inbox[-1][0]) if self._inbox else due, item))
        if len(self._inbox) == 1:
            self._wake()

    def _wake(self) -> None:
        """See to it that what has arrived, or arrives next, is taken in."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._inbox or not self._reading or self._inbox[0][0] == inf:
            return
        due = self._inbox[0][0]
        at_once = due <= self._loop.time()
        self._timer = self._loop.call_soon(self._take) if at_once else self._loop.call_at(due, self._take)

    def _take(self) -> None:
        self._timer = None
        while self._inbox and self._reading and self._inbox[0][0] <= self._loop.time() + 1e-9:
            self._got(self._inbox.popleft()[1])
        self._wake()

    def _got(self, item: Item) -> None:
        if isinstance(item, bytes) and self._peer is not None:
            self._peer.drained(len(item))
        if self._closing:
            # A host answers a packet for a connection it no longer has with a reset (RFC 9293, 3.10.7.1).
            if isinstance(item, bytes):
                self._send(End.RESET)
        elif item is End.RESET:
            self.break_off()
        else:
            self._hand_over(item)

    def _hand_over(self, item: Item) -> None:
        protocol = cast("asyncio.Protocol", self._protocol)  # pymodbus derives from less, and does all of it
        try:
            if isinstance(item, bytes):
                protocol.data_received(item)
            elif not protocol.eof_received():
                self.close()
        except Exception as error:  # noqa: BLE001  # as every transport of asyncio does with a protocol that fails
            context = {"message": "a protocol failed", "exception": error, "transport": self, "protocol": protocol}
            self._loop.call_exception_handler(context)
            self._leave(error)

    def drained(self, count: int) -> None:
        """Take note that the other end has taken in `count` bytes."""
        self._pending -= count
        if self._full and self._pending <= self._limits[0]:
            self._full = False
            self._protocol.resume_writing()

    def _leave(self, error: Exception | None) -> None:
        self._closing = self._ended = True
        protocol = self._protocol
        self._loop.call_soon(lambda: protocol.connection_lost(error))
