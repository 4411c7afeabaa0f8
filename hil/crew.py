"""Processes that share tasks out among themselves; one that dies takes only its own task with it.

Little is imported here, so that the number of threads is set before any library counts the processors.
"""

from __future__ import annotations

import gc
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread
from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    Link = Connection[object, object]

Task = TypeVar("Task")
Result = TypeVar("Result")

_TRIES = 2
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def cores() -> int:
    """Return how many processors this process may use [1]."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int) -> Iterator[tuple[int, Result | None]]:
    """Yield number and result of each task when it is finished; None for one whose process died, and died again.

    Tasks are begun in their order. Where the iterator is closed early, what is under way is ended.

    Parameters
    ----------
    work
        Turns a task into its result; survives pickling, as both do. An error it raises is a death of its process.
    tasks
        What is to be done.
    jobs
        How many processes [1].
    """
    left, tries = deque(range(len(tasks))), [0] * len(tasks)
    hands = [_Hand[Task, Result](work) for _ in range(min(jobs, len(tasks)))]
    try:
        while left or any(hand.number is not None for hand in hands):
            for hand in hands:
                if left and hand.number is None:
                    number = left.popleft()
                    hand.begin(number, tasks[number])
            busy = {hand.link: hand for hand in hands if hand.number is not None}
            for link in wait(list(busy)):
                number, results = busy[cast("Link", link)].finish()
                tries[number] += 1
                if results or tries[number] == _TRIES:
                    yield number, results[0] if results else None
                else:
                    left.appendleft(number)
    finally:
        for hand in hands:
            hand.leave()


class _Hand(Generic[Task, Result]):
    """A process that is replaced when it dies."""

    def __init__(self, work: Callable[[Task], Result]) -> None:
        self.number: int | None = None
        self._work = work
        self._process: SpawnProcess | None = None

    def begin(self, number: int, task: Task) -> None:
        """Hand a task to the process."""
        self.number = number
        with suppress(OSError):  # that it has died, the link tells
            if self._process is None:
                self.link, self._process = _spawned()
                self.link.send(self._work)
            self.link.send(task)

    def finish(self) -> tuple[int, tuple[Result, ...]]:
        """Return the number of the task and its result, or no result where the process died with it."""
        number, self.number = self.number or 0, None
        try:
            return number, (cast("Result", self.link.recv()),)
        except (EOFError, OSError):
            self.leave()
            return number, ()

    def leave(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            self.link.close()
            process.kill()
            process.join()
            process.close()


def _spawned() -> tuple[Link, SpawnProcess]:
    """Return a fresh process and our end of the link to it; Ctrl-C is for us alone."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_toil, args=(theirs,), name="run")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    return cast("Link", ours), process


def _toil(link: Link) -> None:
    """Do one task after the other, as long as there is somebody to do it for."""
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    Thread(target=_end_with_parent, name="parent", daemon=True).start()
    work = cast("Callable[[object], object]", link.recv())
    with suppress(EOFError):
        while True:
            link.send(work(link.recv()))
            gc.collect()  # a run looks for no garbage; what the one before left would stay for good


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)  # however far the work is
