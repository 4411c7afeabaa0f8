"""The other side of the pipe: what runs in the solver's process.

Little is imported here, so that the number of threads is set before any library counts the processors.
"""

from __future__ import annotations

import os
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from controller.mpc.worker import Build
    from controller.plan import Problem

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Pipe(Protocol):
    """One end of a pipe between two processes."""

    def send(self, what: object, /) -> None:
        """Send anything that can be pickled."""
        ...

    def send_bytes(self, pickled: bytes, /) -> None:
        """Send what is pickled already."""
        ...

    def recv(self) -> object:
        """Wait for what the other end sends."""
        ...

    def close(self) -> None:
        """Close this end."""
        ...


def serve(pipe: Pipe) -> None:
    """Make the solvers with the first thing received, say so with an empty word, then answer problems with plans.

    With each plan comes how long it took, wall time [s].
    Solvers that cannot be made are told with the reason. The process ends with the process that started it.
    """
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    from plant_io.clocks import stopwatch  # noqa: PLC0415  # brings NumPy, after the number of threads is set

    build, arguments = cast("tuple[Build, tuple[object, ...]]", pipe.recv())
    problems = SimpleQueue["Problem"]()
    Thread(target=_receive, args=(pipe, problems), name="problems", daemon=True).start()
    try:
        solvers = build(*arguments)
    except ValueError as error:
        pipe.send(str(error))
        return
    pipe.send("")
    while True:
        problem = problems.get()
        watch = stopwatch()
        plan = solvers[problem.loop].solve(problem)
        pipe.send((plan, watch()))


def _receive(pipe: Pipe, problems: SimpleQueue[Problem]) -> None:
    try:
        while True:
            problems.put(cast("Problem", pipe.recv()))
    except (EOFError, OSError):
        os._exit(0)  # nobody is left to answer, however busy the solver is
