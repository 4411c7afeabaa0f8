"""The network in memory: who listens where, who is connected, and what goes wrong when."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass
from math import inf

from hil.virtual.faults import Direction, Kind, Way, Weather, Window
from hil.virtual.timers import Timers
from hil.virtual.transport import End, Item, Listener, Made, Transport

_FIRST_PORT = 49152  # the first of those nobody owns, RFC 6335, 6


class Network:
    """Ports, connections and faults of one virtual loop; every host is this one.

    All times are loop times; in a played scenario they count from its start. Faults may overlap, and may be asked for
    at any time before they begin. Up is from the controller to the PLC.

    Parameters
    ----------
    loop
        The loop everything runs on, or whatever else has timers.
    seed
        Seed of all chance in the network.
    """

    def __init__(self, loop: Timers, seed: int) -> None:
        self._loop = loop
        self._weather = Weather(seed)
        self._listeners: dict[int, Listener] = {}
        self._pairs: list[_Pair] = []
        self._next = _FIRST_PORT

    def latency(
        self, port: int, direction: Direction, from_s: float, to_s: float, *, delay_s: float, jitter_s: float = 0.0
    ) -> None:
        """Let everything come late; what was sent first still comes first.

        Parameters
        ----------
        port
            TCP port of the PLC.
        direction
            What way it strikes.
        from_s, to_s
            Beginning and end, loop time [s].
        delay_s
            How late everything comes [s].
        jitter_s
            Largest further delay, drawn evenly [s].
        """
        self._weather.add(Window(Kind.LATENCY, port, from_s, to_s, direction, delay_s, jitter_s))

    def stall(self, port: int, direction: Direction, from_s: float, to_s: float) -> None:
        """Hold everything back until the end, as a proxy that hangs; connections stand, new ones wait.

        Parameters
        ----------
        port
            TCP port of the PLC.
        direction
            What way it strikes.
        from_s, to_s
            Beginning and end, loop time [s].
        """
        self._weather.add(Window(Kind.STALL, port, from_s, to_s, direction))

    def drop(self, port: int, direction: Direction, from_s: float, to_s: float) -> None:
        """Lose every packet; after the end TCP sends again when its turn comes, and resets are lost for good.

        Parameters
        ----------
        port
            TCP port of the PLC.
        direction
            What way it strikes.
        from_s, to_s
            Beginning and end, loop time [s].
        """
        self._weather.add(Window(Kind.DROP, port, from_s, to_s, direction))

    def cut(self, port: int, direction: Direction, from_s: float, to_s: float, *, rest_s: float = inf) -> None:
        """Cut every frame at a place drawn evenly; the rest comes late, or at the end.

        Parameters
        ----------
        port
            TCP port of the PLC.
        direction
            What way it strikes.
        from_s, to_s
            Beginning and end, loop time [s].
        rest_s
            How late the rest comes [s]; at the end if infinite.
        """
        self._weather.add(Window(Kind.CUT, port, from_s, to_s, direction, rest_s))

    def refuse(self, port: int, from_s: float, to_s: float) -> None:
        """Refuse every new connection; those that stand go on.

        Parameters
        ----------
        port
            TCP port of the PLC.
        from_s, to_s
            Beginning and end, loop time [s].
        """
        self._weather.add(Window(Kind.REFUSE, port, from_s, to_s))

    def silence(self, port: int, from_s: float, to_s: float) -> None:
        """Accept every new connection and never say anything on it, not even after the end.

        Parameters
        ----------
        port
            TCP port of the PLC.
        from_s, to_s
            Beginning and end, loop time [s].
        """
        self._weather.add(Window(Kind.SILENT, port, from_s, to_s))

    def reorder(self, port: int, from_s: float, to_s: float, *, spread_s: float) -> None:
        """Delay every new connection by chance, so that they come to be in another order.

        Parameters
        ----------
        port
            TCP port of the PLC.
        from_s, to_s
            Beginning and end, loop time [s].
        spread_s
            Largest delay, drawn evenly [s].
        """
        self._weather.add(Window(Kind.REORDER, port, from_s, to_s, jitter_s=spread_s))

    def reset(self, port: int, at_s: float) -> None:
        """Reset every connection there is; both ends hear of it at once.

        Parameters
        ----------
        port
            TCP port of the PLC.
        at_s
            When, loop time [s].
        """
        self._loop.call_at(at_s, lambda: self.break_off(port))

    def listen(self, make: Made, host: str, port: int) -> Listener:
        """Listen at a port, or at any free one if it is 0.

        Raises
        ------
        OSError
            If the port is taken.
        """
        while port == 0:
            port, self._next = (0 if self._next in self._listeners else self._next), self._next + 1
        if port in self._listeners:
            raise OSError(errno.EADDRINUSE, f"somebody listens at {host}:{port} already")
        self._listeners[port] = Listener(make, (host, port), lambda: self._closed(port))
        return self._listeners[port]

    async def connect(self, make: Made, host: str, port: int) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect to a port.

        Raises
        ------
        OSError
            If the connection is refused.
        """
        await self._until(self._weather.call(port, self._loop.time()))
        now = self._loop.time()
        listener = self._listeners.get(port)
        refused = listener is None or self._weather.struck(Kind.REFUSE, port, now) is not None
        silent = self._weather.struck(Kind.SILENT, port, now) is not None
        pair = _Pair(port, *self._ends(host, port))
        if not refused and not silent and listener is not None:
            pair.serve(listener.make(), self._loop)
        try:
            await self._until(self._weather.arrival(port, "down", now))
        except asyncio.CancelledError:
            pair.client.close()
            raise
        if refused:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"nobody answers at {host}:{port}")
        self._pairs = [*(old for old in self._pairs if not old.over), pair]
        protocol = make()
        pair.call(protocol)
        return pair.client, protocol

    def _ends(self, host: str, port: int) -> tuple[Transport, Transport]:
        near, far = (host, self._next), (host, port)
        self._next += 1
        up, down = (_Lane(self._weather, port, way) for way in ("up", "down"))
        return Transport(self._loop, up, (near, far)), Transport(self._loop, down, (far, near))

    def _closed(self, port: int) -> None:
        self._listeners.pop(port, None)

    def break_off(self, port: int) -> None:
        """Reset every connection to a port now."""
        for pair in self._pairs:
            if pair.port == port:
                pair.client.break_off()
                pair.server.break_off()

    async def _until(self, at: float) -> None:
        """Wait until a loop time; for ever, if infinite."""
        if at <= self._loop.time():
            return
        come: asyncio.Future[None] = self._loop.create_future()
        timer = None if at == inf else self._loop.call_at(at, lambda: come.set_result(None))
        try:
            await come
        finally:
            if timer is not None:
                timer.cancel()


@dataclass(frozen=True, slots=True)
class _Lane:
    """One way to and from one port."""

    weather: Weather
    port: int
    way: Way

    def sent(self, item: Item, at: float) -> list[tuple[float, Item]]:
        if item is End.RESET and self.weather.struck(Kind.DROP, self.port, at, self.way) is not None:
            return []
        due = self.weather.arrival(self.port, self.way, at)
        cut = self.weather.cut(self.port, self.way, due, len(item)) if isinstance(item, bytes) else None
        if cut is None or not isinstance(item, bytes):
            return [(due, item)]
        return [(due, item[: cut[0]]), (cut[1], item[cut[0] :])]


@dataclass(frozen=True, slots=True)
class _Pair:
    """The two ends of one connection."""

    port: int
    client: Transport
    server: Transport

    @property
    def over(self) -> bool:
        return self.client.is_closing() and self.server.is_closing()

    def serve(self, protocol: asyncio.BaseProtocol, loop: Timers) -> None:
        self.server.meet(self.client, protocol)
        self.client.meet(self.server, asyncio.Protocol())
        self.client.pause_reading()
        loop.call_soon(lambda: protocol.connection_made(self.server))

    def call(self, protocol: asyncio.BaseProtocol) -> None:
        self.client.set_protocol(protocol)
        protocol.connection_made(self.client)
        self.client.resume_reading()
