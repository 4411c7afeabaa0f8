"""A TCP proxy whose line can be stalled, cut or unplugged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Passes bytes between its own port and another one while it is let."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._flows = asyncio.Event()
        self._flows.set()
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    async def plug(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._pair, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Refuse connections and drop those there are."""
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Reset every connection."""
        for end in self._ends:
            end.transport.abort()

    def stall(self) -> None:
        """Hold everything back, in both directions, with the connections standing."""
        self._flows.clear()

    def flow(self) -> None:
        """Let through what was held back."""
        self._flows.set()

    async def _pair(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._ends |= {writer, other_writer}
            await asyncio.gather(self._pump(reader, other_writer), self._pump(other_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
        writer.transport.abort()


@asynccontextmanager
async def proxied(target: int) -> AsyncIterator[Proxy]:
    """Give a proxy in front of a port of this machine."""
    proxy = Proxy(target)
    await proxy.plug()
    try:
        yield proxy
    finally:
        await proxy.unplug()
