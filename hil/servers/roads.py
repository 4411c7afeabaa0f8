"""Links over real sockets that fail when told: whatever goes to a server passes through the network in memory.

A forwarder listens where clients connect, and speaks to the server itself. Between the two lies `hil.virtual.network`,
with the same faults and the same arithmetic as in virtual time, on the time of the plant.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from hil.servers.plant_times import PlantTimes
from hil.virtual.network import Network

_NO_LINGER = struct.pack("ii", 1, 0)


class Roads(Network):
    """Forwarders in front of servers, and how the links through them fail.

    A connection is refused by the system itself, and accepted by it while the link is stalled or loses packets: only
    what is sent over it then waits.

    Parameters
    ----------
    times
        The time of the plant, which faults count.
    seed
        Seed of all chance in the links.
    """

    def __init__(self, times: PlantTimes, seed: int) -> None:
        super().__init__(times, seed)
        self._times = times
        self._doors: dict[int, _Door] = {}

    def forward(self, address: str, host: str, port: int) -> str:
        """Listen for a server, and return where clients connect instead.

        Parameters
        ----------
        address
            Where the server listens, as ``host:port`` or a URL.
        host
            Address to listen at.
        port
            TCP port to listen at, 0 for any free one [1].

        Raises
        ------
        OSError
            If the port is taken.
        """
        server, wanted = port_of(address), (host, port)
        self.listen(lambda: _Outward(host, server), host, server)
        door = self._doors[server] = _Door(wanted, lambda: _Inward(self, host, server))
        door.open()
        return _at(address, host, door.port)

    def refuse(self, port: int, from_s: float, to_s: float) -> None:
        """Refuse every new connection; those that stand go on.

        Parameters
        ----------
        port
            TCP port of the server.
        from_s, to_s
            Beginning and end, plant time [s].
        """
        super().refuse(port, from_s, to_s)
        self._times.call_at(from_s, self._doors[port].close)
        self._times.call_at(to_s, self._doors[port].open)

    def close(self) -> None:
        """Listen no more, and reset every connection."""
        for port, door in self._doors.items():
            door.close()
            self.break_off(port)


def port_of(address: str) -> int:
    """Return the TCP port of an address [1].

    Examples
    --------
    >>> port_of("opc.tcp://127.0.0.1:4840/plant"), port_of("127.0.0.1:502")
    (4840, 502)
    """
    return urlsplit(address if "://" in address else f"//{address}").port or 0


def _at(address: str, host: str, port: int) -> str:
    """Return an address with another host and port [1]."""
    if "://" not in address:
        return f"{host}:{port}"
    return urlunsplit(urlsplit(address)._replace(netloc=f"{host}:{port}"))


class _Door:
    """A port that is listened at, or not."""

    def __init__(self, wanted: tuple[str, int], make: Callable[[], asyncio.Protocol]) -> None:
        self._wanted, self._make = wanted, make
        self._listening: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = 0

    @property
    def port(self) -> int:
        """TCP port [1]."""
        return self._wanted[1]

    def open(self) -> None:
        """Listen at once, so that whoever connects from now on is let in."""
        if self._listening is None:
            listening = socket.create_server(self._wanted)
            listening.settimeout(0.0)
            self._wanted = (self._wanted[0], int(listening.getsockname()[1]))
            self._listening = listening
            self._task = asyncio.get_running_loop().create_task(self._serve(listening), name=f"port {self.port}")

    def close(self) -> None:
        """Refuse whoever connects."""
        if self._task is not None:
            self._task.cancel()
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
        self._listening = self._task = None

    async def _serve(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            accepted, _ = await loop.sock_accept(listening)
            await loop.connect_accepted_socket(self._make, accepted)


class _Relay(asyncio.Protocol):
    """Hands over what one transport gets to another one."""

    def __init__(self) -> None:
        self.mine: asyncio.Transport | None = None
        """Where it comes from."""
        self.other: asyncio.Transport | None = None
        """Where it goes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.mine = transport

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        other, self.other = self.other, None
        if other is not None and not other.is_closing():
            _reset(other) if exc is not None else other.close()

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.resume_reading()


class _Joined(_Relay):
    """A transport that first has to be joined to another one; until then nothing is read from it."""

    def __init__(self) -> None:
        super().__init__()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.mine is not None:
            self.mine.pause_reading()
            self._task = asyncio.get_running_loop().create_task(self._join(self.mine), name="link")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()
        super().connection_lost(exc)

    async def _join(self, mine: asyncio.Transport) -> None:
        beyond = _Relay()
        beyond.other = mine
        try:
            transport = await self._beyond(beyond)
        except OSError:
            _reset(mine)
            return
        self.other = transport
        mine.resume_reading()

    async def _beyond(self, beyond: _Relay) -> asyncio.Transport:
        raise NotImplementedError


class _Inward(_Joined):
    """From a client into the network."""

    def __init__(self, roads: Roads, host: str, port: int) -> None:
        super().__init__()
        self._roads, self._to = roads, (host, port)

    async def _beyond(self, beyond: _Relay) -> asyncio.Transport:
        return (await self._roads.connect(lambda: beyond, *self._to))[0]


class _Outward(_Joined):
    """Out of the network to a server."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._to = (host, port)

    async def _beyond(self, beyond: _Relay) -> asyncio.Transport:
        return (await asyncio.get_running_loop().create_connection(lambda: beyond, *self._to))[0]


def _reset(transport: asyncio.Transport) -> None:
    """Close a connection so that the other end hears of a reset."""
    inner: socket.socket | None = transport.get_extra_info("socket")
    if inner is not None:
        inner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
