"""Play a scenario over real OPC UA and Modbus: the simulated PLCs in a process of their own, led or on the wall."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from controller.cycle import Cycle
from controller.kit import Kit, prepare
from controller.loop import Sink
from controller.mpc.solver import solvers_in_line
from controller.runtime import STOPPED, Door, Options, Ran, door
from controller.tally import Tally
from hil.faults.tables import SOLVERS
from hil.rig.labels import label
from hil.rig.lives import Killed, Life, killer, lives
from hil.rig.play import EPOCH, Played, deadlines, laid_out, recorded
from hil.rig.process import PlcProcess, Served
from hil.rig.receivers import receivers
from hil.rig.score import kpis
from hil.rig.tied import Tied, Vanished
from hil.rig.troubled import Given, Troubled, journal, operator
from hil.rig.truth import Ruined, Truth, left
from hil.rig.witness import Witness, witness
from hil.scenario import Scenario
from plant_io.clocks import LockstepClock, PacedClock, WallClock, stopwatch
from plant_io.line import Line
from policies import Policy, rebind

Run = Callable[[Kit, Options, Door, Sequence[Sink]], Ran]
"""Runs the controller; gives people something to look at meanwhile."""


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


def over_sockets(scenario: Scenario, policy: Policy, seed: int, options: Options, run: Run) -> Played:
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
    Vanished
        If it ends in mid-run; the run ends at once with it.
    PlantUnreachable
        If the controller cannot connect to it.
    Ruined
        If the plant came to its end.
    KeyboardInterrupt
        If a person stopped it before anything happened.
    """
    watch = stopwatch()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        truth = folder / "truth.npz"
        served = replace(_served(scenario, seed, options), policy=laid_out(policy, folder), truth=truth)
        process = PlcProcess(served).start()
        options = replace(options, record=recorded(scenario, options.record, stack), connect=process.connect)
        stage = _Stage(scenario, policy, seed, options, process)
        with _ending(process, stage, truth):
            ran = stage.play(run)
        rows = _rows(truth, ran)
    lockstep, seen = options.lockstep_from is not None, stage.seen
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
        jitter_s=() if lockstep else stage.pace.missed_s,
        missed=stage.missed,
        witness=seen,
    )


@contextmanager
def _ending(process: PlcProcess, stage: _Stage, truth: Path) -> Generator[None]:
    """End the PLC process with the run, and tell if it ended before."""
    status = 0
    try:
        try:
            yield
        finally:
            status = process.stop()
    except asyncio.CancelledError:
        if not stage.ended:
            raise
        if status <= 0:
            how = f"killed by signal {-status}" if status else "it was told to, by somebody else"
            what = f"the PLC process of line {stage.line} ended in mid-run: {how}"
            raise Vanished(what, left(truth), stage.labels()) from None
    if status > 0:
        raise Ruined(process.said, left(truth))


class _Stage:
    """A PLC process, and the lives of the controller on it."""

    def __init__(self, scenario: Scenario, policy: Policy, seed: int, options: Options, process: PlcProcess) -> None:
        self.line = scenario.line
        self.seen: Witness = witness(scenario, policy)
        self.pace = Pace(policy.period_s / (options.speed or 1.0))
        self.missed = 0
        """Periods the plant did not go along with in lock-step [1]."""
        self.ended = False
        """Whether the PLC process ended in mid-run."""
        self._scenario, self._policy, self._options, self._process = scenario, policy, options, process
        self._faults, self._people = scenario.struck(seed), operator(scenario, policy)
        self._bound = rebind(policy, process.connect)
        self._lead = rebind(policy, process.lead)
        self._now = EPOCH

    def play(self, run: Run) -> Ran:
        """Run the controller, and again after each death, with a memory of nothing."""
        tally, found = Tally(self._policy.period_s), list[Ran]()
        spans = lives(self._faults, self._scenario.for_s)
        across: tuple[Sink, ...] = (tally,) if len(spans) > 1 else ()
        for life in spans:
            if life.from_s > 0.0:
                asyncio.run(self._pass(life.from_s))
            with suppress(Killed):
                found.append(self._live(life, run, across))
        return found[-1] if len(spans) == 1 else replace(found[-1], tally=tally)

    def labels(self) -> list[Mapping[str, object]]:
        """Return what was really to go wrong, as plain values."""
        return [label(fault, self._scenario.for_s).plain() for fault in self._faults]

    @property
    def _began(self) -> float:
        """First instant of the run, POSIX time [s]."""
        return self._process.epoch if self.seen.begun is None else self.seen.begun

    def _live(self, life: Life, run: Run, across: Sequence[Sink]) -> Ran:
        people, through = self._people, self._door(life)
        line = through.line
        kill = line.sever if isinstance(line, Tied) else lambda: None
        given = replace(
            self._options,
            for_s=None if life.dies else life.to_s - life.from_s,
            orders=life.orders(self._scenario.timed(self._policy), self._options.record),
            inbox=people.inbox,
            record=life.record(self._options.record),
            journal=journal(self._faults, lambda: through.clock.now() - self._began),
            ways=receivers(self._scenario, lambda: through.clock.now() - self._began),
        )
        sinks: tuple[Sink, ...] = (*across, self.seen, people, self.pace, killer(life, lambda: self._began, kill))
        try:
            return run(prepare(self._bound), given, through, sinks)
        finally:
            self.ended = isinstance(line, Tied) and line.ended
            self._now = through.clock.now()
            self.missed += through.clock.missed if isinstance(through.clock, LockstepClock) else 0

    def _door(self, life: Life) -> Door:
        """Return the way to the PLC process, in lock-step or in its time."""
        options, policy = self._options, self._bound
        begins = None if options.lockstep_from is None else options.lockstep_from + life.from_s
        through = door(policy, replace(options, lockstep_from=begins))
        lines: list[Line] = []

        async def step(k: int) -> bool:
            return await lines[0].step(k)

        if begins is not None:
            through = replace(through, clock=LockstepClock(begins, _every_s(policy), step))
        elif options.speed is not None:
            through = replace(through, clock=PacedClock.from_origin(options.speed, self._process.epoch))
        lines.append(Tied(policy, through.clock, self._lead, self._process.outlet))
        if begins is not None and any(fault.id in SOLVERS for fault in self._faults):
            through = replace(through, solvers=self._troubled())
        return replace(through, line=lines[0])

    def _troubled(self) -> Troubled:
        arguments = (dict(self._policy.loops), dict(self._policy.files))
        compute_s, limits = self._scenario.compute_s, deadlines(self._policy)
        return Troubled(Given(solvers_in_line, arguments, limits, compute_s, self._faults, EPOCH))

    async def _pass(self, to_s: float) -> None:
        """Let time go by without a controller, up to a time since the start [s]."""
        if self._options.lockstep_from is None:
            speed = self._options.speed
            clock = WallClock() if speed is None else PacedClock.from_origin(speed, self._process.epoch)
            await clock.sleep_until(self._began + to_s)
            return
        line = Line(self._lead, WallClock())
        try:
            await LockstepClock(self._now, _every_s(self._policy), line.step).sleep_until(EPOCH + to_s)
        finally:
            await line.close()


def _every_s(policy: Policy) -> float:
    """Return the length of one period of a plant that is led [s]."""
    return (policy.lockstep.every_s if policy.lockstep else None) or policy.period_s


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
        for_s=scenario.for_s,
    )


def _rows(truth: Path, ran: Ran) -> Truth:
    rows = left(truth)
    if not rows and ran.why == STOPPED:
        raise KeyboardInterrupt
    return rows
