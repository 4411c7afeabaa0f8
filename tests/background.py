"""Servers that run while the test itself blocks: an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")

_PATIENCE_S = 60.0  # a machine that is shared by many may take long to start a server


@contextmanager
def background(manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Enter an asynchronous context in the background, and leave it at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def enter() -> T:
        return await manager.__aenter__()

    async def leave() -> None:
        await manager.__aexit__(None, None, None)

    try:
        yield asyncio.run_coroutine_threadsafe(enter(), loop).result(_PATIENCE_S)
    finally:
        asyncio.run_coroutine_threadsafe(leave(), loop).result(_PATIENCE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
