"""The runtime: everything around the loop put together, run, and put away again whatever happens."""

from __future__ import annotations

import asyncio
import importlib.metadata
import platform
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.cycle import Cycle, Mode, Order, SetMode
from controller.kit import Kit
from controller.loop import Sink, Station, run
from controller.mpc.solver import solvers
from controller.mpc.worker import SolverPort, Worker
from controller.records.journal import Journal
from controller.tally import Tally
from controller.turn import WILLING
from plant_io import Clock
from plant_io.clocks import LockstepClock, PacedClock, WallClock
from plant_io.line import Line
from plant_io.link import LinkState
from policies import Policy

STOPPED = "stopped by a person"
"""Why a run ended that was stopped by a signal."""
PATIENCE_S = 20.0
"""Longest wait for the connections at the start, wall time [s]."""
_LAST_CYCLES = 5


class PlantUnreachable(OSError):  # noqa: N818  # the plant's own condition, in the words of the field
    """No connection came up at start-up; later it would be bad quality."""


@dataclass(frozen=True, slots=True)
class Timed:
    """An order to be placed some time after the start."""

    after_s: float
    """Time since the start of the run, on its own clock [s]."""
    order: Order
    """The order."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a policy is to be run."""

    for_s: float | None = None
    """Length of the run on its own clock [s]; None for until stopped."""
    speed: float | None = None
    """Plant seconds per wall second where the plant runs faster than the wall [1]."""
    lockstep_from: float | None = None
    """Where the plant waits for the controller: its first instant, POSIX time [s]."""
    record: Path | None = None
    """Record directory; None keeps no record, and then nothing may be moved."""
    orders: tuple[Timed, ...] = ()
    """Orders placed by themselves."""
    connect: Mapping[str, str] = field(default_factory=dict[str, str])
    """Other addresses of connections, kept in the record."""
    unrecorded: bool = False
    """Whether loops may move without a record; for simulated lines only."""
    policy_name: str = "policy.yaml"
    """Name of the policy file, for messages."""


@dataclass(slots=True)
class _Desk:
    """Places timed orders, hands the loops back when the run ends, and lets nothing move without a record."""

    kit: Kit
    options: Options
    clock: Clock
    begun: float
    stopping: str = ""
    broken: str = ""
    released: bool = False
    _placed: int = 0
    _willing: bool = False
    _told: bool = False
    _left: int = _LAST_CYCLES

    def __call__(self) -> Sequence[Order]:
        now = self.clock.now() - self.begun
        due = [t.order for t in self.options.orders[self._placed :] if t.after_s <= now + 1e-6]
        self._placed += len(due)
        if self.broken and (self._willing or due):
            due += self._all(Mode.SHADOW, self.broken)
        if self.stopping:
            due += [] if self._told else self._all(Mode.OFF, self.stopping)
            self._told = True
        return due

    def _all(self, mode: Mode, why: str) -> list[Order]:
        return [Order("system", why, SetMode(name, mode)) for name in self.kit.loops]

    def over(self, number: int) -> bool:
        """Return whether the loop may end: asked to, and every loop handed back (or long enough tried)."""
        for_s, period_s = self.options.for_s, self.kit.policy.period_s
        if not self.stopping and for_s is not None and number * period_s >= for_s - 1e-6:
            self.stopping = "the run has reached its end"
        if not self._told:
            return False
        self._left -= 1
        return self.released or self._left <= 0

    def stop_moving(self, why: str) -> None:
        """Let nothing move any more: without a record there is no control."""
        self.broken = f"no record, no control: {why}"

    def watch(self, cycle: Cycle) -> None:
        """See which loops want to move, and whether every PLC has its setpoints back."""
        self._willing = any(mode in WILLING for mode, _ in cycle.decision.modes.values())
        self.released = self._told and not cycle.decision.handshake


@dataclass(slots=True)
class Recorder:
    """Keeps cycles in the journal; if it cannot, it says so to the desk once and keeps trying no more."""

    journal: Journal
    """Where cycles are kept."""
    alarm: Callable[[str], None]
    """Told why nothing can be kept any more."""
    failed: bool = False
    """Whether it has given up."""

    def __call__(self, cycle: Cycle) -> None:
        """Keep one cycle, if that is still possible."""
        if self.failed:
            return
        try:
            self.journal.cycle(cycle)
        except OSError as error:
            self.failed = True
            self.alarm(str(error))


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run left."""

    tally: Tally
    """Counts and figures."""
    solve_s: list[float]
    """Wall time of each solution [s]."""
    record_bytes: int
    """Size of the record's bodies [B]."""
    why: str
    """Why it ended."""


@dataclass(frozen=True, slots=True)
class Door:
    """The way to one plant: its time, its connections, and the solvers beside the loop."""

    clock: Clock
    """The only source of time of the run."""
    line: Line
    """The connections."""
    solvers: SolverPort
    """Turn problems into plans."""
    ready_s: float = 80.0
    """Longest wait for the solvers at the start where the plant waits for the controller, wall time [s]."""


def door(policy: Policy, options: Options) -> Door:
    """Return the way to the plant a policy names, with the solvers in their own process."""
    deadlines = {name: loop.deadline_s for name, loop in policy.loops.items()}
    lockstep = options.lockstep_from is not None
    wait_s = max(deadlines.values(), default=0.0) if lockstep else 0.0
    worker = Worker(deadlines, solvers, (dict(policy.loops), dict(policy.files)), wait_s=wait_s)
    if options.lockstep_from is not None:
        lines: list[Line] = []

        async def step(k: int) -> bool:
            return await lines[0].step(k)

        clock: Clock = LockstepClock(options.lockstep_from, policy.period_s, step)
        lines.append(Line(policy, clock))
        return Door(clock, lines[0], worker)
    clock = WallClock() if options.speed is None else PacedClock(options.speed)
    return Door(clock, Line(policy, clock), worker, ready_s=0.0)


async def operate(kit: Kit, options: Options, through: Door, sinks: Sequence[Sink] = ()) -> Ran:
    """Run a policy against a plant.

    Parameters
    ----------
    kit
        The policy, bound to the addresses of this site and made ready.
    options
        How to run it.
    through
        The way to the plant.
    sinks
        More keepers and viewers of finished cycles.

    Raises
    ------
    PlantUnreachable
        If no connection comes up at the start.
    FileExistsError
        If the record directory already holds a record.
    """
    clock, line, worker = through.clock, through.line, through.solvers
    desk, tally = _Desk(kit, options, clock, clock.now()), Tally(kit.policy.period_s)
    journal = None if options.record is None else _begin(kit.policy, options, options.record, clock.now())
    recorder = None if journal is None else Recorder(journal, desk.stop_moving)
    if recorder is None and not options.unrecorded:
        desk.stop_moving("no record is kept")
    try:
        await worker.start()
        await line.open()
        await _reach(through, lockstep=options.lockstep_from is not None)
        desk.begun = clock.now()
        _heed(desk)
        keep: tuple[Sink, ...] = () if recorder is None else (recorder,)
        await run(Station(line, clock, kit, desk, worker, (*keep, tally, desk.watch, *sinks)), desk.over)
    finally:
        await worker.close()
        await line.close()
        if journal is not None and recorder is not None:
            _end(journal, clock.now(), desk.stopping or "the run broke off", failed=recorder.failed)
    return Ran(tally, worker.solve_s, journal.bytes if journal else 0, desk.stopping)


async def _reach(through: Door, *, lockstep: bool) -> None:
    line = through.line
    if not await line.ready(PATIENCE_S):
        dead = [name for name, link in line.links.items() if link.state is not LinkState.UP]
        if lockstep or len(dead) == len(line.links):
            raise PlantUnreachable(f"no connection to {', '.join(dead)} within {PATIENCE_S:g} s")
    await through.solvers.ready(through.ready_s)


def _heed(desk: _Desk) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(name, lambda: setattr(desk, "stopping", STOPPED))
        except (NotImplementedError, RuntimeError, ValueError):
            return


def _begin(policy: Policy, options: Options, directory: Path, at: float) -> Journal:
    journal = Journal(directory)
    packages = ("steadyline", "numpy", "casadi", "do-mpc", "river")
    journal.head(
        at,
        {
            "format": 1,
            "line": policy.line,
            "fingerprint": policy.fingerprint,
            "policy_name": options.policy_name,
            "files": dict(policy.files),
            "connect": dict(options.connect),
            "period_s": policy.period_s,
            "versions": {"python": platform.python_version()} | {p: importlib.metadata.version(p) for p in packages},
        },
    )
    return journal


def _end(journal: Journal, at: float, why: str, *, failed: bool) -> None:
    if failed:
        journal.close()
    else:
        journal.tail(at, {"why": why})
