"""The process beside the console for what takes its time, started when it is first needed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar

PATIENCE_S = 90.0
"""Longest wait for an answer, wall time [s]."""
MOST = 4
"""Most questions at the same time; whoever comes then is asked to come again [1]."""
_NICE = 10
_Found = TypeVar("_Found")


class Busy(RuntimeError):  # noqa: N818  # the condition, in the words of the field
    """There are as many questions as there may be."""


class Beside:
    """Answers one question after the other in a process of its own.

    Parameters
    ----------
    patience_s
        Longest wait for an answer, wall time [s].
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        """Longest wait for an answer, wall time [s]."""
        self._process, self._asked = 0, 0
        self._pool: ProcessPoolExecutor | None = None

    @property
    def process(self) -> int:
        """Number of the process; 0 where none has been needed."""
        return self._process

    async def ask(self, what: Callable[..., _Found], *given: object) -> _Found:
        """Return what a function gives there.

        Raises
        ------
        Busy
            If too many ask already.
        TimeoutError
            If it takes too long; the process is killed.
        BrokenProcessPool
            If the process dies over it; the next question starts another.
        """
        if self._asked >= MOST:
            raise Busy("there is too much to be worked out")
        self._asked += 1
        pool, mine = self._begun(), asyncio.current_task()
        try:
            return await asyncio.wait_for(asyncio.wrap_future(pool.submit(what, *given)), self.patience_s)
        except (BrokenProcessPool, TimeoutError):
            if self._pool is pool:
                self.close()
            raise
        except asyncio.CancelledError:
            if self._pool is pool or (mine is not None and mine.cancelling()):
                raise
            raise BrokenProcessPool("the process was ended over another question") from None
        finally:
            self._asked -= 1

    def _begun(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_begin)
            self._pool.submit(os.getpid).add_done_callback(self._known)
        return self._pool

    def _known(self, asked: Future[int]) -> None:
        if not asked.cancelled() and asked.exception() is None:
            self._process = asked.result()

    def close(self) -> None:
        """End it, whatever it is at."""
        pool, process = self._pool, self._process
        self._pool, self._process = None, 0
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
        if process:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def _begin() -> None:
    """Stand back behind everything else, and end with whoever asks."""
    with suppress(OSError, AttributeError):
        os.nice(_NICE)
    Thread(target=_end, name="end", daemon=True).start()


def _end() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
    os._exit(1)
