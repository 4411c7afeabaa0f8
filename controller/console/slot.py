"""Where the loop leaves what it has just done for the console: it never waits there, and what is old gives way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from anomaly.cases import CaseState
from anomaly.ewma import ChartState
from anomaly.trend import TrendState
from controller.alarms.state import AlarmMemory
from controller.cycle import Cycle
from controller.material.state import MaterialState
from controller.state import LoopState, State
from controller.trail import Trail
from plant_io.changes import replace

LONGEST = 600
"""Cycles kept for a console that is busy; the oldest are not shown [1]."""
_BLANK = Trail()


@dataclass(frozen=True, slots=True)
class Left:
    """Of what a cycle left to the next, what pages look at; none of it ever changes in place."""

    loops: Mapping[str, LoopState]
    """Memory of each loop by name, but for its estimates and what they are made from."""
    charts: tuple[ChartState, ...]
    """Memory of the charts of averages, in the order of the kit."""
    trends: tuple[TrendState, ...]
    """Memory of the libraries of trends, in the order of the kit."""
    armed: frozenset[str]
    """Connections whose PLC was asked for remote setpoints and has not been told otherwise."""
    claims: Mapping[str, float]
    """Number claimed last, by connection [1]."""
    material: MaterialState
    """Memory of the material in the line."""
    alarms: AlarmMemory
    """Memory of the alarms."""
    cases: CaseState
    """Memory of the cases."""

    @classmethod
    def of(cls, state: State) -> Left:
        """Return it of the memory of the whole controller."""
        return cls(
            loops={name: replace(one, trail=_BLANK, estimate=None, filtered=None) for name, one in state.loops.items()},
            charts=state.watches.charts,
            trends=state.watches.trends,
            armed=state.armed,
            claims=state.claims,
            material=state.material,
            alarms=state.alarms,
            cases=state.cases,
        )


class Seen(NamedTuple):
    """What one cycle did and left."""

    cycle: Cycle
    """The cycle."""
    state: Left
    """What it left to the next."""


class Slot:
    """Takes cycles from the thread of the loop and gives them to the thread of the console.

    To leave one costs the loop an entry in a list of bounded length, and one call to wake the console if it sleeps.
    """

    def __init__(self) -> None:
        self._waiting: deque[Seen] = deque(maxlen=LONGEST)
        self._wake: Callable[[], object] | None = None
        self._woken = False

    def __call__(self, seen: Seen) -> None:
        """Leave one cycle; called in the thread of the loop."""
        self._waiting.append(seen)
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
