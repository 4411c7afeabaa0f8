"""Reads one connection: some tags when a cycle begins, others at times of their own, whoever else is late."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from math import inf
from typing import TypeVar

import numpy as np

from plant_io.clocks import LockstepClock, SimClock, stopwatch
from plant_io.latch import Answer
from plant_io.link import Link
from plant_io.ports import Batch, Clock
from plant_io.scan import Coherence, Counters, Gathered, Schedule, doubted, scans_of
from plant_io.timing import Figures
from policies import Policy
from policies.scans import CONTROL

T = TypeVar("T")

ANSWER_SHARE = 0.5
"""Share of the time to the next scan that is waited for an answer [1]."""


def deadline(scan: str, connection: str, policy: Policy) -> float:
    """Return the longest wait for all values of one scan class, wall time [s].

    Parameters
    ----------
    scan
        Name of the class.
    connection
        Name of the connection.
    policy
        Gives the times.
    """
    declared = policy.classes[scan]
    return declared.deadline_s or min(ANSWER_SHARE * declared.every_s, policy.connections[connection].timeout_s)


async def together(asked: Sequence[Coroutine[None, None, T]]) -> Sequence[T]:
    """Wait for all at the same time; a single one needs no task of its own, which costs several turns of the loop."""
    return [await each for each in asked] if len(asked) == 1 else await asyncio.gather(*asked)


class Scanner:
    """What keeps one connection read.

    The class of the cycle is read when the cycle asks. On a clock that runs by itself the others have tasks of their
    own, on absolute schedules, and the cycle takes what they had last. Where time stands still between the cycles, in
    memory and in lock-step, they are read by the first cycle at or after their time, so that a run can be repeated.

    Parameters
    ----------
    link
        The connection.
    policy
        Gives the tags of the connection of that name, and their classes.
    clock
        Gives the times of the scans.
    """

    def __init__(self, link: Link, policy: Policy, clock: Clock) -> None:
        scans = scans_of(link.name, policy)
        self.figures: Mapping[str, Figures] = {name: Figures() for name in scans}
        """How each class is kept to."""
        self._link, self._clock, self._period_s = link, clock, policy.period_s
        self._still = isinstance(clock, SimClock | LockstepClock)
        # A plant that waits for the controller has no deadlines; a busy machine must not look like a lost link.
        waits = isinstance(clock, LockstepClock)
        self._within = {name: None if waits else deadline(name, link.name, policy) for name in scans}
        self._schedules = {name: Schedule.of(policy.classes[name]) for name in scans}
        self._coherence = Coherence.of(link.name, policy)
        alone = frozenset[str]() if self._coherence is None else self._coherence.alone
        self._judged = {n: np.array([i for i, t in enumerate(s) if t not in alone], np.intp) for n, s in scans.items()}
        self._gathered = Gathered(link.name, policy)
        self._torn: dict[str, Counters] = {}
        self._counts: dict[str, int] = {}
        self._session = 0
        self._before: float | None = None
        self._first = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def torn(self) -> Counters | None:
        """Scan counters around the newest values that are not from one scan; None where all are."""
        return next(iter(self._torn.values()), None)

    def start(self) -> None:
        """Begin to read what has times of its own; returns at once."""
        if not self._still and set(self._schedules) - {CONTROL}:
            self._task = asyncio.create_task(self._keep(), name=f"scans {self._link.name}")

    async def ready(self) -> None:
        """Wait until the connection is there and what has times of its own was read once."""
        await self._link.ready()
        if self._task is not None:
            await self._first.wait()

    async def close(self) -> None:
        """Read no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def read(self, at: float) -> Answer | None:
        """Read what is due when a cycle begins, and return all that is known; None if there is no connection.

        Parameters
        ----------
        at
            Start of the cycle, POSIX time [s].
        """
        if self._task is not None and self._task.done():
            # It ends only by a fault of this program, which is to be seen.
            self._task.result()
        self._meet()
        due = [name for name in self._schedules if name == CONTROL or (self._still and self._due(name, at))]
        if CONTROL in due and self._before is not None:
            self._skip(CONTROL, round((at - self._before) / self._period_s) - 1)
        self._before = at
        came = await together([self._scan(name, at) for name in due])
        self._counts |= {name: self._schedules[name].count(at) for name, got in zip(due, came, strict=True) if got}
        return self._gathered.answer(self._clock.now()) if self._link.there else None

    def _due(self, name: str, at: float) -> bool:
        return self._counts.get(name) != self._schedules[name].count(at)

    def _meet(self) -> None:
        """Forget what came through an earlier connection."""
        if self._link.sessions != self._session:
            self._session = self._link.sessions
            self._gathered.lose()
            self._torn.clear()
            self._counts.clear()

    async def _scan(self, name: str, at: float | None) -> bool:
        """Read one class that was due at `at`, or is read out of turn; return whether it came."""
        figures = self.figures[name]
        if at is not None and not self._still:
            figures.late.add(self._clock.now() - at)
        watch, there = stopwatch(), self._link.there
        batch = await self._link.read(name, self._within[name])
        if batch is None:
            figures.missed += there
            if name == CONTROL:
                self._gathered.lose(name)
            return False
        figures.took.add(watch())
        self._meet()
        self._gathered.put(name, self._seen(name, batch), self._clock.now())
        return True

    def _seen(self, name: str, batch: Batch) -> Batch:
        """Return what came, in doubt where it does not belong together."""
        self._torn.pop(name, None)
        if self._coherence is None or batch.counters is None or self._coherence.holds(batch):
            return batch
        self.figures[name].torn += 1
        self._torn[name] = batch.counters
        return doubted(batch, self._judged[name])

    async def _keep(self) -> None:
        """Have a task for each class, as long as the connection is there, and again when it is back."""
        while True:
            await self._link.ready()
            names = [name for name in self._schedules if name != CONTROL]
            tasks = {asyncio.create_task(self._run(name), name=f"scan {self._link.name} {name}") for name in names}
            tasks.add(asyncio.create_task(self._link.lost(), name=f"loss {self._link.name}"))
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            for task in done:
                task.result()

    async def _run(self, name: str) -> None:
        """Read one class at once and then at its times; one that is late is skipped, never made up for."""
        schedule, due, at = self._schedules[name], inf, None
        while True:
            came = await self._scan(name, at)
            self._counts[name] = 1
            if len(self._counts.keys() - {CONTROL}) == len(self._schedules.keys() - {CONTROL}):
                self._first.set()
            now = self._clock.now()
            if at is not None:
                self._skip(name, schedule.skipped(due, now))
            # What did not come is asked for again in the next cycle, for its own next time may be far.
            due = schedule.after(now) if came else min(schedule.after(now), now + self._period_s)
            if due == inf:
                return await self._link.lost()
            await self._clock.sleep_until(due)
            at = due

    def _skip(self, name: str, instants: int) -> None:
        if instants > 0:
            self.figures[name].overruns += 1
            self.figures[name].skipped += instants
