"""Where the loop leaves what it has just done for the console: it never waits there, and what is old gives way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from controller.cycle import Cycle
from controller.state import State

LONGEST = 600
"""Cycles kept for a console that is busy; the oldest are not shown [1]."""


class Seen(NamedTuple):
    """What one cycle did and left; of the state only what never changes in place is looked at."""

    cycle: Cycle
    """The cycle."""
    state: State
    """What it left to the next."""


class Slot:
    """Takes cycles from the thread of the loop and gives them to the thread of the console.

    To leave one costs the loop an entry in a list of bounded length, and one call to wake the console if it sleeps.
    """

    def __init__(self) -> None:
        self._waiting: deque[Seen] = deque(maxlen=LONGEST)
        self._wake: Callable[[], object] | None = None
        self._woken = False

    def __call__(self, cycle: Cycle, state: State) -> None:
        """Leave one cycle; called in the thread of the loop."""
        self._waiting.append(Seen(cycle, state))
        if self._wake is not None and not self._woken:
            self._woken = True
            with suppress(RuntimeError):  # the console has just ended
                self._wake()

    def wakes(self, wake: Callable[[], object] | None) -> None:
        """Say how the console is woken from another thread; None where there is none to wake."""
        self._wake, self._woken = wake, False

    def take(self) -> list[Seen]:
        """Return what has been left since the last call, oldest first; called in the thread of the console."""
        self._woken = False
        found = list[Seen]()
        with suppress(IndexError):
            while True:
                found.append(self._waiting.popleft())
        return found
