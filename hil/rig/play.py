"""Play a scenario: the real controller on a simulated line, in memory or over real sockets, scored from the truth."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from controller.kit import prepare
from controller.loop import Sink
from controller.mpc.solver import solvers_in_line
from controller.mpc.worker import Build
from controller.runtime import Door, Options, Ran, operate
from controller.tally import Tally
from hil.faults.struck import simulate
from hil.faults.tables import ENDINGS
from hil.rig.disk import TROUBLES
from hil.rig.labels import label
from hil.rig.lives import Killed, Life, killer, lives
from hil.rig.memory import Memory, MemoryLine
from hil.rig.receivers import receivers
from hil.rig.score import Kpis, kpis
from hil.rig.troubled import Given, Troubled, journal, operator
from hil.rig.truth import Traced, Truth, TruthLog
from hil.rig.witness import Witness, witness
from hil.scenario import Scenario
from plant_io.clocks import SimClock, stopwatch
from plant_io.line import Line
from policies import Policy

EPOCH = 1_767_225_600.0
"""Instant of plant time 0 in simulated runs, 2026-01-01 UTC, POSIX time [s]."""
_COLLECTED_AFTER = (20_000, 20, 20)
_TURNS = 20


@dataclass(frozen=True, slots=True)
class Played:
    """What a scenario came to."""

    scenario: Scenario
    """What was played."""
    policy: Policy
    """Policy it was played under."""
    seed: int
    """Seed of the plant [1]."""
    clock: str
    """How time went by: memory, virtual, lockstep or wall."""
    ran: Ran
    """What the controller counted."""
    kpis: Kpis
    """Figures from the plant's truth."""
    truth: Truth
    """The plant's truth, one row a period."""
    phases: Sequence[tuple[float, str, str]]
    """Time since the start [s], loop and phase, whenever the phase changed."""
    began: float
    """First instant, POSIX time [s]."""
    wall_s: float
    """Wall time it took [s]."""
    jitter_s: Sequence[float] = ()
    """Wall time by which each cycle missed its beginning, where cycles follow the wall [s]."""
    missed: int = 0
    """Periods the plant did not go along with in lock-step [1]."""
    witness: Witness = field(default_factory=Witness)
    """What was seen of it besides."""


def in_memory(
    scenario: Scenario,
    policy: Policy,
    seed: int,
    record: Path | None = None,
    *,
    build: Build = solvers_in_line,
    sinks: Sequence[Sink] = (),
) -> Played:
    """Play a scenario in this process, in simulated time, without sockets.

    Parameters
    ----------
    scenario
        What to play.
    policy
        Policy to play it under.
    seed
        Seed of the plant.
    record
        Record directory, if one is to be kept.
    build
        Makes the solvers.
    sinks
        More keepers and viewers of finished cycles.
    """
    watch, seen = stopwatch(), witness(scenario, policy)
    with ExitStack() as stack, _collected_seldom():
        stage = _Stage(scenario, policy, seed, build, recorded(scenario, record, stack))
        ran = stage.play((seen, *sinks))
    truth = stage.log.columns()
    return Played(
        scenario, policy, seed, "memory", ran, kpis(truth, policy), truth, seen.seen, EPOCH, watch(), witness=seen
    )


@contextmanager
def _collected_seldom() -> Generator[None]:
    """Let cycles of objects be looked for seldom: time stands still meanwhile, and a run leaves few."""
    before = gc.get_threshold()
    gc.set_threshold(*_COLLECTED_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def recorded(scenario: Scenario, record: Path | None, stack: ExitStack) -> Path | None:
    """Return where the record of a run is kept; what is to be lost, or gone on with after a death, must be there."""
    if record is None and any(wrong.id in {*TROUBLES, *ENDINGS} for wrong in scenario.faults):
        return Path(stack.enter_context(TemporaryDirectory())) / "record"
    return record


class _Stage:
    """A line in memory, and the lives of the controller on it."""

    def __init__(self, scenario: Scenario, policy: Policy, seed: int, build: Build, record: Path | None) -> None:
        course = scenario.course(seed)
        self._scenario, self._policy, self._build, self._record = scenario, policy, build, record
        self._faults = course.faults
        self.line = simulate(policy, seed, course, scenario.mismatch)
        told = [label(fault, scenario.for_s).plain() for fault in course.faults]
        self.memory, self.log = Memory(self.line, EPOCH), TruthLog(told)
        alone = self._whole()  # nothing but the loop waits then; signals can do so for a moment
        self.clock = SimClock(EPOCH, self._advance, _TURNS if alone and policy.notices is None else 1)
        self._people = operator(scenario, policy)

    def play(self, sinks: Sequence[Sink]) -> Ran:
        """Run the controller, and again after each death, with a memory of nothing."""
        tally, found = Tally(self._policy.period_s), list[Ran]()
        spans = lives(self._faults, self._scenario.for_s)
        across: tuple[Sink, ...] = (tally,) if len(spans) > 1 else ()
        for life in spans:
            asyncio.run(self.clock.sleep_until(EPOCH + life.from_s))
            kill = killer(life, lambda: EPOCH, self._kill)
            with suppress(Killed):
                found.append(asyncio.run(self._live(life, (*across, *sinks, kill))))
        return found[-1] if len(spans) == 1 else replace(found[-1], tally=tally)

    async def _live(self, life: Life, sinks: Sequence[Sink]) -> Ran:
        people, record = self._people, life.record(self._record)
        options = Options(
            for_s=None if life.dies else life.to_s - life.from_s,
            record=record,
            orders=life.orders(self._scenario.timed(self._policy), self._record),
            unrecorded=record is None,
            inbox=people.inbox,
            journal=journal(self._faults, lambda: self.clock.now() - EPOCH),
            ways=receivers(self._scenario, lambda: self.clock.now() - EPOCH),
        )
        arguments = (dict(self._policy.loops), dict(self._policy.files))
        compute_s, limits = self._scenario.compute_s, deadlines(self._policy)
        given = Given(self._build, arguments, limits, compute_s, self._faults, EPOCH)
        through = Door(self.clock, self._reached(), Troubled(given))
        return await operate(prepare(self._policy), options, through, (people, *sinks))

    def _kill(self) -> None:
        """Kill the controller: nothing it still tries reaches the plant."""
        self.memory.down.update(self._policy.connections)
        raise Killed

    def _reached(self) -> Line:
        """Return the way to the line, over links where they may fail or tags have times of their own."""
        if self._whole():
            return MemoryLine(self._policy, self.clock, self.memory)
        return Line(self._policy, self.clock, self.memory.make)

    def _whole(self) -> bool:
        """Return whether every tag is read in every cycle and no link fails."""
        return MemoryLine.suits(self._policy) and not any(fault.id == "crash" for fault in self._faults)

    def _advance(self, seconds: float) -> None:
        period_s = self._policy.period_s
        for _ in range(round(seconds / period_s)):
            with Traced(self.log):
                self.memory.advance(period_s)
            self.memory.down.clear()
            self.log.add(self.line.truth())


def deadlines(policy: Policy) -> dict[str, float]:
    """Return the longest time between a problem and its plan by loop [s]."""
    return {name: loop.deadline_s for name, loop in policy.loops.items()}


def laid_out(policy: Policy, folder: Path) -> Path:
    """Write a policy and the files it names as another process reads them, and return the policy's file."""
    for name, data in policy.files.items():
        path = folder / (name or "policy.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder / "policy.yaml"
