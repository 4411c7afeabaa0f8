"""Play a scenario: the real controller on a simulated line, in memory or over real sockets, scored from the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from controller.cycle import Cycle
from controller.kit import Kit, prepare
from controller.loop import Sink
from controller.mpc.solver import solvers_in_line
from controller.mpc.worker import Build
from controller.runtime import STOPPED, Door, Options, Ran, door, operate
from controller.tally import Tally
from hil.faults.struck import simulate
from hil.rig.labels import label
from hil.rig.lives import Killed, Life, killer, lives
from hil.rig.memory import Memory, MemoryLine
from hil.rig.process import PlcProcess, Served
from hil.rig.score import Kpis, kpis
from hil.rig.troubled import Given, Troubled, journal, operator
from hil.rig.truth import Ruined, Truth, TruthLog, load, traced
from hil.rig.witness import Witness, witness
from hil.scenario import Scenario
from plant_io.clocks import LockstepClock, PacedClock, SimClock, stopwatch
from plant_io.line import Line
from policies import Policy, rebind

EPOCH = 1_767_225_600.0
"""Instant of plant time 0 in simulated runs, 2026-01-01 UTC, POSIX time [s]."""


@dataclass(slots=True)
class Pace:
    """Remembers by how much each cycle began too late or too early on the wall; a sink of the loop."""

    period_s: float
    """Wall time from one cycle to the next [s]."""
    missed_s: list[float] = field(default_factory=list[float])
    """Wall time by which each cycle but the first missed its beginning [s]."""
    _watch: Callable[[], float] = field(default_factory=stopwatch)
    _before: float | None = None

    def __call__(self, cycle: Cycle) -> None:
        """Look at one cycle, at its end."""
        began = self._watch() - sum(cycle.timing.values())
        if self._before is not None:
            self.missed_s.append(began - self._before - self.period_s)
        self._before = began


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
    with ExitStack() as stack:
        stage = _Stage(scenario, policy, seed, build, recorded(scenario, record, stack))
        ran = stage.play((seen, *sinks))
    truth = stage.log.columns()
    return Played(
        scenario, policy, seed, "memory", ran, kpis(truth, policy), truth, seen.seen, EPOCH, watch(), witness=seen
    )


def recorded(scenario: Scenario, record: Path | None, stack: ExitStack) -> Path | None:
    """Return where the record of a run is kept; one that is to be lost must be there first."""
    if record is None and any(wrong.id == "record_lost" for wrong in scenario.faults):
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
        self.clock = SimClock(EPOCH, self._advance)

    def play(self, sinks: Sequence[Sink]) -> Ran:
        """Run the controller, and again after each death, with a memory of nothing."""
        tally, found = Tally(self._policy.period_s), list[Ran]()
        spans = lives(self._faults, self._scenario.for_s)
        across: tuple[Sink, ...] = (tally,) if len(spans) > 1 else ()
        for life in spans:
            asyncio.run(self.clock.sleep_until(EPOCH + life.from_s))
            kill = killer(life, EPOCH, lambda: self.memory.down.update(self._policy.connections))
            with suppress(Killed):
                found.append(asyncio.run(self._live(life, (*across, *sinks, kill))))
        return found[-1] if len(spans) == 1 else replace(found[-1], tally=tally)

    async def _live(self, life: Life, sinks: Sequence[Sink]) -> Ran:
        people, record = operator(self._scenario), self._record
        if record is not None and life.from_s > 0.0:
            record = record.with_name(f"{record.name}_{life.from_s:.0f}s")
        options = Options(
            for_s=None if life.dies else life.to_s - life.from_s,
            record=record,
            orders=life.orders(self._scenario.timed(self._policy)),
            unrecorded=record is None,
            inbox=people.inbox,
            journal=journal(self._faults, lambda: self.clock.now() - EPOCH),
        )
        arguments = (dict(self._policy.loops), dict(self._policy.files))
        compute_s, limits = self._scenario.compute_s, deadlines(self._policy)
        given = Given(self._build, arguments, limits, compute_s, self._faults, EPOCH)
        through = Door(self.clock, self._reached(), Troubled(given))
        return await operate(prepare(self._policy), options, through, (people, *sinks))

    def _reached(self) -> Line:
        """Return the way to the line, over links where they may fail or tags have times of their own."""
        cut = any(fault.id == "crash" for fault in self._faults)
        if cut or not MemoryLine.suits(self._policy):
            return Line(self._policy, self.clock, self.memory.make)
        return MemoryLine(self._policy, self.clock, self.memory)

    def _advance(self, seconds: float) -> None:
        period_s = self._policy.period_s
        for _ in range(round(seconds / period_s)):
            with traced(self.log):
                self.memory.advance(period_s)
            self.memory.down.clear()
            self.log.add(self.line.truth())


def deadlines(policy: Policy) -> dict[str, float]:
    """Return the longest time between a problem and its plan by loop [s]."""
    return {name: loop.deadline_s for name, loop in policy.loops.items()}


def over_sockets(
    scenario: Scenario,
    policy: Policy,
    seed: int,
    options: Options,
    run: Callable[[Kit, Options, Door, Sequence[Sink]], Ran],
) -> Played:
    """Play a scenario over real OPC UA and Modbus, the simulated PLCs in a process of their own.

    Parameters
    ----------
    scenario
        What to play.
    policy
        Policy to play it under.
    seed
        Seed of the plant.
    options
        Clock and record; orders and length come from the scenario.
    run
        Runs the controller; gives people something to look at meanwhile.

    Raises
    ------
    NotServing
        If the PLC process does not come up.
    PlantUnreachable
        If the controller cannot connect to it.
    Ruined
        If the plant came to its end.
    KeyboardInterrupt
        If a person stopped it before anything happened.
    """
    watch, seen, people = stopwatch(), witness(scenario, policy), operator(scenario)
    lockstep, pace = options.lockstep_from is not None, Pace(policy.period_s / (options.speed or 1.0))
    given = replace(options, for_s=scenario.for_s, orders=scenario.timed(policy), inbox=people.inbox)
    with TemporaryDirectory() as folder:
        truth = Path(folder) / "truth.npz"
        served = replace(_served(scenario, seed, options), policy=laid_out(policy, Path(folder)), truth=truth)
        process = PlcProcess(served).start()
        try:
            bound = rebind(policy, process.connect)
            given = replace(given, connect=process.connect)
            through = _door(bound, given, process.epoch)
            ran = run(prepare(bound), given, through, (seen, people, pace))
        finally:
            left = process.stop()
        rows = _rows(truth, ran)
        if left > 0:
            raise Ruined(process.said, rows)
    return Played(
        scenario=scenario,
        policy=policy,
        seed=seed,
        clock="lockstep" if lockstep else "wall",
        ran=ran,
        kpis=kpis(rows, policy),
        truth=rows,
        phases=seen.seen,
        began=process.epoch if seen.begun is None else seen.begun,
        wall_s=watch(),
        jitter_s=() if lockstep else pace.missed_s,
        missed=through.clock.missed if isinstance(through.clock, LockstepClock) else 0,
        witness=seen,
    )


def _served(scenario: Scenario, seed: int, options: Options) -> Served:
    course = scenario.course(seed)
    return Served(
        line=scenario.line,
        lockstep=options.lockstep_from is not None,
        speed=options.speed or 1.0,
        seed=seed,
        start=EPOCH,
        faults=tuple(course.faults),
        turns=tuple(course.turns),
        setups=course.setups,
        handled=tuple(course.handled),
        mismatch=scenario.mismatch,
    )


def _rows(truth: Path, ran: Ran) -> Truth:
    rows = load(truth)
    if not rows and ran.why == STOPPED:
        raise KeyboardInterrupt
    return rows


def _door(bound: Policy, options: Options, epoch: float) -> Door:
    """Return the way to a PLC process; where time is faster than the wall, both keep the same time."""
    through = door(bound, options)
    if options.lockstep_from is not None or options.speed is None:
        return through
    clock = PacedClock.from_origin(options.speed, epoch)
    return replace(through, clock=clock, line=Line(bound, clock))


def laid_out(policy: Policy, folder: Path) -> Path:
    """Write a policy and the files it names as another process reads them, and return the policy's file."""
    for name, data in policy.files.items():
        path = folder / (name or "policy.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder / "policy.yaml"
