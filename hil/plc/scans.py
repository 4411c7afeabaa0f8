"""When PLCs scan, and what they have seen by then."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import isclose
from typing import NamedTuple, Protocol, Self, TypeVar, runtime_checkable

from hil.plc.stations import ByHand, Station
from plant_io.signals import Floats

T = TypeVar("T")

SCAN_S = 0.5
"""Plant time of one step of the plant, and of one PLC scan where nothing else is said [s]."""

_SLACK_S = 1e-9


class Seen(NamedTuple):
    """What the instruments showed when the PLCs looked last."""

    tags: Mapping[str, float | Floats]
    """Values by tag, each in the unit of its tag; an array has shape ``(length,)``."""
    taken: Mapping[str, float]
    """When sampled tags were sampled, plant time [s]."""
    quality: Mapping[str, str]
    """Tags that are not good, and what they are."""

    def followed(
        self,
        tags: Mapping[str, float | Floats],
        taken: Mapping[str, float],
        quality: Mapping[str, str],
        *,
        but: Collection[str],
    ) -> Self:
        """Return what is seen now; tags of PLCs that have not looked stand.

        Parameters
        ----------
        tags
            What the instruments show now, by tag, each in the unit of its tag; an array has shape ``(length,)``.
        taken
            When sampled tags were sampled, plant time [s].
        quality
            Tags that are not good, and what they are.
        but
            Tags that stand.
        """
        return type(self)(_kept(but, self.tags, tags), _kept(but, self.taken, taken), _kept(but, self.quality, quality))


class Loop(Protocol):
    """A control loop inside a truth plant that a PLC runs."""

    running: bool
    """Whether the PLC scans; while it does not, the outputs of the loop stand."""

    def forget(self) -> None:
        """Start without retained data, bumpless from where the outputs stand."""
        ...


@runtime_checkable
class RunsLoops(Protocol):
    """A truth plant with loops that PLCs run."""

    @property
    def loops(self) -> Mapping[str, Loop]:
        """Return them by unit."""
        ...


class Loops:
    """The loops inside a plant by the PLC that runs them: the one whose connection shows the tags of their unit.

    Parameters
    ----------
    plant
        The truth plant; one without loops has nothing to run.
    connections
        Connection of each tag.
    """

    __slots__ = ("_by_plc", "_late")

    def __init__(self, plant: object, connections: Mapping[str, str]) -> None:
        units = {tag.partition(".")[0]: connection for tag, connection in connections.items()}
        self._by_plc: dict[str, list[Loop]] = {}
        self._late: Collection[str] = set[str]()
        for unit, loop in plant.loops.items() if isinstance(plant, RunsLoops) else ():
            self._by_plc.setdefault(units.get(unit, ""), []).append(loop)

    def run(self, late: Collection[str]) -> None:
        """Let the loops of all PLCs run, but for those that are `late`."""
        if late == self._late:
            return
        self._late = set(late)
        for plc, loops in self._by_plc.items():
            for loop in loops:
                loop.running = plc not in late

    def forget(self, plc: str) -> None:
        """Let the loops of a PLC start without retained data."""
        for loop in self._by_plc.get(plc, ()):
            loop.forget()


class Turns:
    """When a PLC scans.

    Parameters
    ----------
    scan_s
        Plant time of one scan, a whole multiple of `SCAN_S` [s].

    Raises
    ------
    ValueError
        If it is none.
    """

    __slots__ = ("_last_s", "_scan_s", "due_s")

    def __init__(self, scan_s: float) -> None:
        if round(scan_s / SCAN_S) < 1 or not isclose(scan_s / SCAN_S, round(scan_s / SCAN_S), abs_tol=1e-9):
            raise ValueError(f"a scan of {scan_s} s, expected a whole multiple of {SCAN_S} s")
        self._scan_s = scan_s
        self._last_s = -scan_s
        self.due_s = 0.0
        """Plant time from which the next scan may begin [s]."""

    def take(self, now: float) -> float:
        """Return the time since the scan before if one begins now, or 0 [s].

        Parameters
        ----------
        now
            Plant time [s].
        """
        if now < self.due_s - _SLACK_S:
            return 0.0
        passed, self._last_s, self.due_s = now - self._last_s, now, now + self._scan_s
        return passed


def by_hand(plant: object, stations: Mapping[str, Station]) -> dict[str, ByHand]:
    """Return the loops inside a plant whose output can be set by hand, by their setpoint.

    Parameters
    ----------
    plant
        The truth plant.
    stations
        Loops that operators can take, by setpoint.
    """
    loops = plant.loops if isinstance(plant, RunsLoops) else dict[str, Loop]()
    own = [name for name, station in stations.items() if station.output]
    found: dict[str, object] = {name: loops.get(name, loops.get(name.partition(".")[0])) for name in own}
    return {name: loop for name, loop in found.items() if isinstance(loop, ByHand)}


def _kept(old: Collection[str], before: Mapping[str, T], now: Mapping[str, T]) -> dict[str, T]:
    fresh = {tag: value for tag, value in now.items() if tag not in old}
    return fresh | {tag: value for tag, value in before.items() if tag in old}
