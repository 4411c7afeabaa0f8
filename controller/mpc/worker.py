"""Where problems are solved: a process of its own that can hang or die without the cycle noticing.

The cycle submits problems and takes plans; neither ever waits, unless lock-step time asks for it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.reduction import ForkingPickler
from queue import SimpleQueue
from threading import Event, Thread
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

from controller.mpc.child import Pipe, serve
from controller.mpc.solver import solvers
from controller.plan import Plan, Problem, Status
from plant_io.clocks import stopwatch

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess


__all__ = ["Build", "Inline", "SolverPort", "Solves", "Worker", "solvers"]


class Solves(Protocol):
    """Anything that turns a problem into a plan."""

    def solve(self, problem: Problem) -> Plan:
        """Return the plan for one problem; never raises for its numbers."""
        ...


Build = Callable[..., Mapping[str, Solves]]
"""Makes one solver for each loop; `solvers` is the usual one."""


_ROUNDING_S = 1e-6
Word = tuple[Plan, float] | str | None
"""What a process says: a plan and how long it took [s], nothing when ready, why it cannot be, None at its end."""


class SolverPort(Protocol):
    """The controller's door to its solvers."""

    @property
    def solve_s(self) -> list[float]:
        """Return how long each solution took, wall time [s]; never an input of a decision."""
        ...

    async def start(self) -> None:
        """Begin to make the solvers; returns at once."""
        ...

    async def ready(self, within_s: float) -> bool:
        """Wait until problems can be solved, at most `within_s` [s]; return whether they can."""
        ...

    def submit(self, problem: Problem, now: float) -> None:
        """Ask for a plan; `now` is the start of the cycle, POSIX time [s]."""
        ...

    async def take(self, now: float) -> tuple[Plan, ...]:
        """Return the plans that have come since the last time; `now` is the start of the cycle, POSIX time [s]."""
        ...

    async def close(self) -> None:
        """Let the solvers go."""
        ...


class Inline:
    """Solves in this process as soon as asked, and answers one cycle later as a worker would, or later if told.

    Parameters
    ----------
    build
        Makes the solvers.
    arguments
        What it is given.
    compute_s
        How long a solution is made to take in the time of the cycles [s].
    deadlines
        Longest time between a problem and its plan by loop [s]; none where absent.
    """

    def __init__(
        self,
        build: Build,
        arguments: tuple[object, ...] = (),
        compute_s: float = 0.0,
        deadlines: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._build, self._arguments = build, arguments
        self._compute_s, self._deadlines = compute_s, deadlines
        self._solvers: Mapping[str, Solves] | None = None
        self._plans: list[tuple[float, Plan]] = []
        self.solve_s: list[float] = []
        """How long each solution took, wall time [s]."""

    async def start(self) -> None:
        """Make the solvers."""
        self._solvers = self._build(*self._arguments)

    async def ready(self, within_s: float) -> bool:
        """Return whether the solvers are made; `within_s` [s] is never waited."""
        del within_s
        return self._solvers is not None

    def submit(self, problem: Problem, now: float) -> None:
        """Solve a problem; `now` is the start of the cycle, POSIX time [s]."""
        late_s = self._deadlines.get(problem.loop, self._compute_s)
        if self._solvers is None:
            self._plans.append((now, _without(problem, Status.DIED, "the solver was not started")))
        elif self._compute_s > late_s:
            late = _without(problem, Status.LATE, f"no answer for {late_s:.1f} s")
            self._plans.append((now + late_s + 2.0 * _ROUNDING_S, late))  # told once it is past, as by a worker
        else:
            watch = stopwatch()
            self._plans.append((now + self._compute_s, self._solvers[problem.loop].solve(problem)))
            self.solve_s.append(watch())

    async def take(self, now: float) -> tuple[Plan, ...]:
        """Return the plans that have come since the last time; `now` is the start of the cycle, POSIX time [s]."""
        if not self._plans:
            return ()
        come = tuple(plan for due, plan in self._plans if due <= now + _ROUNDING_S)
        self._plans = [(due, plan) for due, plan in self._plans if due > now + _ROUNDING_S]
        return come

    async def close(self) -> None:
        """Let the solvers go."""
        self._solvers = None


@dataclass(slots=True)
class _Child:
    """One life of the worker's process."""

    pipe: Pipe
    """Our end of the pipe."""
    process: SpawnProcess
    """The process, which a thread of ours starts, listens to and buries."""
    unwanted: Event = field(default_factory=Event)
    """Set when it is to end."""
    problems: SimpleQueue[Problem | None] = field(default_factory=SimpleQueue)
    """Problems on their way to it, which a thread of ours sends, for a process that stands still takes nothing."""
    ready: bool = False
    """Whether it has made its solvers."""
    waiting: dict[tuple[str, int], tuple[Problem, float]] = field(default_factory=dict)
    """Problems it has not answered, by loop and number, with the time they were submitted, POSIX time [s]."""


class Worker:
    """Solves in a process of its own.

    A problem not answered within its deadline, counted in the time of the cycles, is answered with a plan that says so,
    and the process is replaced; so is a process that has died. Each such problem is told once.

    Parameters
    ----------
    deadlines
        Longest time between a problem and its plan by loop [s].
    build
        Makes the solvers in the process; must survive pickling.
    arguments
        What it is given; must survive pickling.
    wait_s
        Wall time `take` waits for outstanding plans [s]; 0 never waits, more makes lock-step runs repeatable.
    """

    def __init__(
        self, deadlines: Mapping[str, float], build: Build, arguments: tuple[object, ...] = (), wait_s: float = 0.0
    ) -> None:
        self._deadlines = deadlines
        self._build = bytes(ForkingPickler.dumps((build, arguments)))
        self._wait_s = wait_s
        self._child: _Child | None = None
        self._plans: list[Plan] = []
        self.solve_s: list[float] = []
        """How long each solution took, wall time [s]."""
        self._news = asyncio.Event()
        self._why = "the solver was not started"

    async def start(self) -> None:
        """Start the process; returns at once."""
        self._spawn("the solver is starting")

    async def ready(self, within_s: float) -> bool:
        """Wait until the solvers are made, at most `within_s` [s]; return whether they are."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._child is not None and not self._child.ready:
                    await self._told()
        return self._child is not None and self._child.ready

    def submit(self, problem: Problem, now: float) -> None:
        """Ask for a plan; `now` is the start of the cycle, POSIX time [s]."""
        child = self._child
        if child is None or not child.ready:
            self._plans.append(_without(problem, Status.LATE, self._why))
            if child is None:
                self._spawn(self._why)
            return
        child.waiting[problem.loop, problem.number] = (problem, now)
        child.problems.put(problem)

    async def take(self, now: float) -> tuple[Plan, ...]:
        """Return the plans that have come; `now` is the start of the cycle, POSIX time [s]."""
        if self._wait_s > 0.0:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._wait_s):
                    while self._child is not None and self._child.waiting:
                        await self._told()
        self._give_up_late(now)
        plans, self._plans = tuple(self._plans), []
        return plans

    async def close(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is not None:
            _kill(child)

    async def _told(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _give_up_late(self, now: float) -> None:
        child = self._child
        if child is None:
            return
        late = {key for key, (_, since) in child.waiting.items() if now - since > self._deadlines[key[0]]}
        if not late:
            return
        for key, (problem, since) in child.waiting.items():
            if key in late:
                why = f"no answer for {now - since:.1f} s"
                self._plans.append(_without(problem, Status.LATE, why))
            else:
                self._plans.append(_without(problem, Status.DIED, "the solver was replaced, another problem hung"))
        _kill(child)
        self._spawn("the solver hung and is starting again")

    def _spawn(self, why: str) -> None:
        ours, theirs = get_context("spawn").Pipe()
        process = get_context("spawn").Process(target=serve, args=(theirs,), name="solver", daemon=True)
        loop, child = asyncio.get_running_loop(), _Child(ours, process)
        self._child, self._why = child, why

        def hear(message: Word) -> None:
            with suppress(RuntimeError):  # the event loop was closed first
                loop.call_soon_threadsafe(self._hear, child, message)

        Thread(target=_live, args=(child, theirs, self._build, hear), name="solver", daemon=True).start()

    def _hear(self, child: _Child, message: Word) -> None:
        """Take what a process said."""
        self._news.set()
        if child is not self._child:
            return
        if isinstance(message, tuple):
            plan, took_s = message
            if child.waiting.pop((plan.loop, plan.number), None):
                self._plans.append(plan)
                self.solve_s.append(took_s)
        elif message is None:
            self._bury(child)
        elif message:
            self._why = f"the solver cannot be made: {message}"
        else:
            child.ready = True

    def _bury(self, child: _Child) -> None:
        for problem, _ in child.waiting.values():
            self._plans.append(_without(problem, Status.DIED, "the solver's process ended"))
        if child.ready:
            self._spawn("the solver's process ended and is starting again")
        else:
            self._child = None  # begun again with the next problem, not in a hurry


def _live(child: _Child, theirs: Pipe, build: bytes, hear: Callable[[Word], None]) -> None:
    """Start a process, pass on what it says, and bury it; runs in a thread of its own."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by the process: Ctrl-C is ours alone
    sender = Thread(target=_send, args=(child,), name="problems", daemon=True)
    try:
        child.process.start()
        theirs.close()
        if child.unwanted.is_set():
            child.process.kill()
        child.pipe.send_bytes(build)
        sender.start()
        while True:
            hear(cast("Word", child.pipe.recv()))
    except (EOFError, OSError):
        hear(None)
    if child.process.pid is not None:
        child.process.join()
    child.problems.put(None)
    if sender.ident is not None:
        sender.join()  # the number of a pipe that is closed may soon be another's
    child.pipe.close()


def _send(child: _Child) -> None:
    """Pass problems on to a process until there are no more; runs in a thread of its own."""
    with suppress(OSError):  # a broken pipe is told by the listener
        while (problem := child.problems.get()) is not None:
            child.pipe.send(problem)


def _kill(child: _Child) -> None:
    child.unwanted.set()
    if child.process.pid is not None:
        child.process.kill()


def _without(problem: Problem, status: Status, why: str) -> Plan:
    return Plan(problem.loop, problem.number, problem.at, status, why=why)
