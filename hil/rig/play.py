"""Play a scenario: the real controller on a simulated line, in memory or over real sockets, scored from the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from controller.cycle import Cycle
from controller.kit import Kit, prepare
from controller.loop import Sink
from controller.mpc.solver import solvers
from controller.mpc.worker import Build, Inline
from controller.runtime import STOPPED, Door, Options, Ran, door, operate
from hil.plc.lines import blueprint
from hil.rig.memory import Memory
from hil.rig.process import PlcProcess, Served
from hil.rig.score import Kpis, kpis
from hil.rig.truth import Truth, TruthLog, load
from hil.scenario import Scenario
from plant_io.clocks import LockstepClock, PacedClock, SimClock, stopwatch
from plant_io.line import Line
from policies import Policy, rebind

EPOCH = 1_767_225_600.0
"""Instant of plant time 0 in simulated runs, 2026-01-01 UTC, POSIX time [s]."""


@dataclass(slots=True)
class Phases:
    """Remembers when each loop reached which phase; a sink of the loop."""

    seen: list[tuple[float, str, str]] = field(default_factory=list[tuple[float, str, str]])
    """Time since the start [s], loop and phase, whenever the phase changed."""
    _now: dict[str, str] = field(default_factory=dict[str, str])
    begun: float | None = None
    """Start of the first cycle, POSIX time [s]."""

    def __call__(self, cycle: Cycle) -> None:
        """Look at one cycle."""
        at = cycle.snapshot.at
        self.begun = at if self.begun is None else self.begun
        for loop, (_, phase) in cycle.decision.modes.items():
            if self._now.get(loop) != phase.value:
                self._now[loop] = phase.value
                self.seen.append((at - self.begun, loop, phase.value))


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


def in_memory(
    scenario: Scenario,
    policy: Policy,
    seed: int,
    record: Path | None = None,
    *,
    build: Build = solvers,
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
    watch, kit = stopwatch(), prepare(policy)
    faults = [wrong.fault() for wrong in scenario.faults]
    simulated = blueprint(scenario.line).simulate(policy, seed, faults, scenario.mismatch)
    memory, log = Memory(simulated, EPOCH), TruthLog()

    def advance(seconds: float) -> None:
        for _ in range(round(seconds / policy.period_s)):
            memory.advance(policy.period_s)
            log.add(simulated.truth())

    clock = SimClock(EPOCH, advance)
    inline = Inline(build, (dict(policy.loops), dict(policy.files)), scenario.compute_s, deadlines(policy))
    through = Door(clock, Line(policy, clock, memory.make), inline)
    options = Options(for_s=scenario.for_s, record=record, orders=scenario.timed(policy), unrecorded=record is None)
    phases = Phases()
    ran = asyncio.run(operate(kit, options, through, (phases, *sinks)))
    return Played(
        scenario, policy, seed, "memory", ran, kpis(log.columns(), policy), log.columns(), phases.seen, EPOCH, watch()
    )


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
    KeyboardInterrupt
        If a person stopped it before anything happened.
    """
    watch, phases = stopwatch(), Phases()
    lockstep = options.lockstep_from is not None
    pace = Pace(policy.period_s / (options.speed or 1.0))
    with TemporaryDirectory() as folder:
        truth = Path(folder) / "truth.npz"
        served = replace(
            _served(scenario, seed, options),
            policy=laid_out(policy, Path(folder)),
            truth=truth,
        )
        process = PlcProcess(served).start()
        try:
            bound = rebind(policy, process.connect)
            given = replace(options, for_s=scenario.for_s, orders=scenario.timed(policy), connect=process.connect)
            through = _door(bound, given, process.epoch)
            ran = run(prepare(bound), given, through, (phases, pace))
        finally:
            process.stop()
        rows = _rows(truth, ran)
    return Played(
        scenario=scenario,
        policy=policy,
        seed=seed,
        clock="lockstep" if lockstep else "wall",
        ran=ran,
        kpis=kpis(rows, policy),
        truth=rows,
        phases=phases.seen,
        began=process.epoch if phases.begun is None else phases.begun,
        wall_s=watch(),
        jitter_s=() if lockstep else pace.missed_s,
        missed=through.clock.missed if isinstance(through.clock, LockstepClock) else 0,
    )


def _served(scenario: Scenario, seed: int, options: Options) -> Served:
    return Served(
        line=scenario.line,
        lockstep=options.lockstep_from is not None,
        speed=options.speed or 1.0,
        seed=seed,
        start=EPOCH,
        faults=tuple(wrong.fault() for wrong in scenario.faults),
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
