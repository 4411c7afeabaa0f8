"""Solvers that hang or answer late when a scenario says so, a record that cannot be kept, and people who look on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from queue import SimpleQueue

from controller.alarms.lifecycle import TOLD
from controller.alarms.listed import listed
from controller.alarms.state import Alarm
from controller.cycle import Accept, Cycle, HandleAlarm, Order
from controller.mpc.worker import Build, Inline
from controller.plan import Problem
from controller.records.journal import Journal, Keeping
from hil.plants.faults import CATALOGUE, Fault, intensity
from hil.rig.disk import TROUBLES, failing
from hil.rig.quality import Quality
from hil.scenario import Asked, Scenario
from policies import Policy


@dataclass(frozen=True, slots=True)
class Given:
    """What inline solvers are given, and how they fail."""

    build: Build
    """Makes the solvers."""
    arguments: tuple[object, ...]
    """What it is given."""
    deadlines: Mapping[str, float]
    """Longest time between a problem and its plan by loop [s]."""
    compute_s: float
    """How long a solution usually takes [s]."""
    faults: Sequence[Fault]
    """Faults of the run."""
    epoch: float
    """Instant from which the faults count, POSIX time [s]."""


class Troubled(Inline):
    """Solvers in this process that take longer, or never answer, while a fault of theirs is there.

    Parameters
    ----------
    given
        What they are given.
    """

    def __init__(self, given: Given) -> None:
        super().__init__(given.build, given.arguments, given.compute_s, given.deadlines)
        self._given = given

    def submit(self, problem: Problem, now: float) -> None:
        """Solve a problem; `now` is the start of the cycle, POSIX time [s]."""
        given = self._given
        mine = [fault for fault in given.faults if fault.target == problem.loop]
        self._compute_s = max([given.compute_s, *(_takes(fault, now - given.epoch) for fault in mine)])
        super().submit(problem, now)


def _takes(fault: Fault, time: float) -> float:
    """Return how long a solution takes because of a fault [s], at a time since the start [s]."""
    grown = intensity(fault, time)
    if fault.id == "solver_hang" and grown > 0.0:
        return inf
    full = CATALOGUE[fault.id].magnitude if fault.magnitude is None else fault.magnitude
    return grown * full if fault.id == "solver_slow" else 0.0


def journal(faults: Sequence[Fault], since: Callable[[], float]) -> Callable[[Path, Keeping], Journal]:
    """Return what makes a record on a disk that fails while a fault of it is there.

    Parameters
    ----------
    faults
        Faults of the run.
    since
        Gives the time since the start [s].
    """
    mine = [fault for fault in faults if fault.id in TROUBLES]
    if not mine:
        return Journal
    disk = failing(lambda _: next((fault.id for fault in mine if intensity(fault, since()) > 0.0), None))

    class Troubling(Journal):
        """A record on that disk, which is there as long as it is; nothing is held in reserve on it."""

        def __init__(self, directory: Path, keeping: Keeping) -> None:
            super().__init__(directory, replace(keeping, vfs=disk.name, ballast=0))

    return Troubling


@dataclass(slots=True)
class Operator:
    """Accepts the moves that are proposed, and sees to the alarms on the list, one period later; a sink of the loop."""

    accepting: Sequence[Asked]
    """When they are accepted."""
    attending: list[Asked] = field(default_factory=list[Asked])
    """When alarms are seen to that the scenario does not name; emptied as that is done."""
    alarms: Mapping[str, Alarm] = field(default_factory=dict[str, Alarm])
    """Alarms on the list, by name."""
    inbox: SimpleQueue[Order] = field(default_factory=SimpleQueue["Order"])
    """Where orders are placed."""
    quality: Quality | None = None
    """Who follows up cases; nobody where None."""
    begun: float | None = None
    """Start of the first cycle, POSIX time [s]."""

    def __call__(self, cycle: Cycle) -> None:
        """Look at one cycle."""
        if self.quality is not None:
            self.quality(cycle)
        self.begun = cycle.snapshot.at if self.begun is None else self.begun
        since_s = cycle.snapshot.at - self.begun
        self.alarms = listed(self.alarms, cycle.decision.alarms)
        while self.attending and self.attending[0].after_s <= since_s:
            self._attend(self.attending.pop(0))
        for offer in cycle.decision.proposals:
            for asked in self.accepting:
                there = asked.after_s <= since_s < asked.after_s + (inf if asked.for_s is None else asked.for_s)
                if there and asked.loop in {None, offer.loop}:
                    self.inbox.put(Order(asked.who, "as the scenario says", Accept(offer.loop, offer.at)))
                    break

    def _attend(self, asked: Asked) -> None:
        for name, alarm in self.alarms.items():
            if asked.alarms is not None and alarm.state in TOLD:
                self.inbox.put(Order(asked.who, asked.why, HandleAlarm(name, asked.alarms, asked.for_s)))


def operator(scenario: Scenario, policy: Policy) -> Operator:
    """Return who accepts moves, sees to alarms and follows up cases in a scenario."""
    unnamed = [asked for asked in scenario.orders if asked.alarms is not None and asked.alarm is None]
    accepting = [asked for asked in scenario.orders if asked.accept is not None]
    people = Operator(accepting, sorted(unnamed, key=lambda asked: asked.after_s))
    if scenario.cases:
        people.quality = Quality(scenario.cases, policy, people.inbox)
    return people
