"""What a network in memory needs of time: an event loop has it, and so has a plant that is led."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol


class Timer(Protocol):
    """Something that is to happen."""

    def cancel(self) -> None:
        """Let it not happen."""
        ...


class Timers(Protocol):
    """Time, and what is to happen in it."""

    def time(self) -> float:
        """Return the time [s]."""
        ...

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Call something at a time `when` [s]."""
        ...

    def call_soon(self, callback: Callable[[], object]) -> Timer:
        """Call something as soon as what is under way is done."""
        ...

    def create_future(self) -> asyncio.Future[Any]:
        """Return something that can be waited for."""
        ...

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tell of a failure of the program."""
        ...
