"""The runtime: everything around the loop put together, run, and put away again whatever happens."""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import platform
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from controller.cycle import Cycle, Order
from controller.desk import Desk, Recorder, Timed, Viewer
from controller.kit import Kit
from controller.loop import Sink, Station, run
from controller.mpc.solver import solvers
from controller.mpc.worker import SolverPort, Worker
from controller.notices.post import Post
from controller.notices.transports import Open, transports
from controller.records.chain import FORMAT, Signer
from controller.records.journal import Journal, Keeping
from controller.state import State
from controller.tally import Tally
from plant_io import Clock
from plant_io.clocks import LockstepClock, PacedClock, WallClock
from plant_io.line import Line
from plant_io.link import LinkState
from policies import Policy

STOPPED = "stopped by a person"
"""Why a run ended that was stopped by a signal."""
PATIENCE_S = 20.0
"""Longest wait for the connections at the start, wall time [s]."""


class PlantUnreachable(OSError):  # noqa: N818  # the plant's own condition, in the words of the field
    """No connection came up at start-up; later it would be bad quality."""


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
    inbox: SimpleQueue[Order] = field(default_factory=SimpleQueue["Order"])
    """Orders people place while it runs."""
    journal: Callable[[Path, Keeping], Journal] = Journal
    """Opens the record in its directory."""
    signer: Signer | None = None
    """Signs the record; nobody does where None."""
    barred: str = ""
    """Why no loop may be put in service in this run; empty where it may."""
    asked: Callable[[], str] = lambda: ""
    """Says why the run is to end, where somebody asked for it; else nothing."""
    supersedes: Mapping[str, object] = field(default_factory=dict[str, object])
    """Fingerprint and record of the policy before it, and who ordered this one and why; nothing where none was."""
    signatures: bytes = b""
    """Signatures of the policy, as they lay beside it, kept in the record."""
    shown: Callable[[Cycle, State], None] | None = None
    """Is left what each cycle did and left, for people to look at; it must return at once."""
    ways: Open = transports
    """Opens the ways by which notices reach their receivers."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run left."""

    tally: Tally
    """Counts and figures."""
    solve_s: list[float]
    """Wall time of each solution [s]."""
    commit_s: list[float]
    """Wall time of each record [s]."""
    record_bytes: int
    """Size of the record's bodies [B]."""
    why: str
    """Why it ended."""
    unreached: tuple[str, ...]
    """Connections whose PLC was not seen to have its setpoints back."""
    not_kept: int = 0
    """Cycles the record does not hold, because it could not be written [1]."""
    links: Mapping[str, object] = field(default_factory=dict[str, object])
    """How each connection and its scan classes kept to their times, as plain values."""

    def summary(self) -> Mapping[str, object]:
        """Return the figures as plain values."""
        ends = {"unreached": list(self.unreached), "not_kept": self.not_kept, "links": dict(self.links)}
        return self.tally.summary(self.solve_s, self.commit_s) | ends


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

        every_s = policy.lockstep.every_s if policy.lockstep else None
        clock: Clock = LockstepClock(options.lockstep_from, every_s or policy.period_s, step)
        lines.append(Line(policy, clock))
        return Door(clock, lines[0], worker)
    clock = WallClock() if options.speed is None else PacedClock(options.speed)
    return Door(clock, Line(policy, clock), worker, ready_s=0.0)


async def operate(
    kit: Kit, options: Options, through: Door, sinks: Sequence[Sink] = (), views: Sequence[Sink] = ()
) -> Ran:
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
        More keepers of finished cycles; they run in the cycle, and a failure of theirs ends the run.
    views
        What shows finished cycles to people, each in a thread of its own.

    Raises
    ------
    PlantUnreachable
        If a connection does not come up at the start.
    FileExistsError
        If the record directory already holds a record.
    """
    clock, line, worker = through.clock, through.line, through.solvers
    desk = Desk(kit, clock, options.orders, options.inbox, options.for_s, clock.now())
    tally, viewers = Tally(kit.policy.period_s), [Viewer(view) for view in views]
    recorder: Recorder | None = None
    post = Post(kit.policy.notices, options.ways, options.inbox)
    try:
        await worker.start()
        await line.open()
        await _reach(through)
        desk.begun, desk.barred, desk.asked = clock.now(), options.barred, options.asked
        _heed(desk)
        if options.record is not None:
            recorder = Recorder(_begin(kit, options, options.record, clock), desk)
        elif not options.unrecorded:
            desk.broken = "no record, no control: no record is kept"
        keep: tuple[Sink, ...] = (post,) if recorder is None else (recorder, post)
        gc.freeze()  # what was loaded and made so far is never gone through again in the middle of a cycle
        shown = () if options.shown is None else (options.shown,)
        keepers = shown if recorder is None else (recorder.journal.state, *shown)
        station = Station(line, clock, kit, desk, worker, (*keep, tally, desk.watch, *sinks, *viewers), keepers)
        await run(station, desk.over)
    except BaseException:
        await desk.hand_back(line)
        raise
    finally:
        gc.unfreeze()
        await worker.close()
        await line.close()
        await post.close()
        for viewer in viewers:
            viewer.close()
        if recorder is not None:
            _end(recorder, clock.now(), desk.stopping or "the run broke off")
    commits = [] if recorder is None else recorder.commit_s
    size, not_kept = (0, 0) if recorder is None else (recorder.journal.bytes, recorder.not_kept)
    unreached = tuple(sorted(desk.armed))
    return Ran(tally, worker.solve_s, commits, size, desk.stopping, unreached, not_kept, line.summary())


async def _reach(through: Door) -> None:
    line = through.line
    if not await line.ready(PATIENCE_S):
        links = line.links.items()
        dead = [f"{name} ({link.why or link.state})" for name, link in links if link.state is not LinkState.UP]
        if dead:
            raise PlantUnreachable(f"no connection to {', '.join(dead)} within {PATIENCE_S:g} s")
    await through.solvers.ready(through.ready_s)


def _heed(desk: Desk) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(name, lambda: setattr(desk, "stopping", STOPPED))
        except (NotImplementedError, RuntimeError, ValueError):
            return


def _begin(kit: Kit, options: Options, directory: Path, clock: Clock) -> Journal:
    journal, policy = options.journal(directory, Keeping.of(kit.policy, options.signer, clock)), kit.policy
    packages = ("steadyline", "numpy", "casadi", "do-mpc", "daqp", "river")
    journal.head(
        clock.now(),
        {
            "format": FORMAT,
            "line": policy.line,
            "fingerprint": policy.fingerprint,
            "policy_name": options.policy_name,
            "files": dict(policy.files),
            "signatures": options.signatures,
            "supersedes": dict(options.supersedes),
            "connect": dict(options.connect),
            "station": kit.station,
            "period_s": policy.period_s,
            "machine": platform.machine(),
            "versions": {"python": platform.python_version()} | {p: importlib.metadata.version(p) for p in packages},
        },
    )
    return journal


def _end(recorder: Recorder, at: float, why: str) -> None:
    """Close a record in order; one that cannot be closed stays readable as it is."""
    try:
        recorder.finish()
        recorder.journal.tail(at, {"why": why, "not_kept": recorder.not_kept})
    except OSError:
        recorder.journal.close()
