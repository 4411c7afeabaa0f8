"""Tasks for the tests of the crew; importable in its processes."""

import gc
import os
import signal
from pathlib import Path
from weakref import WeakSet


def squared(task: int) -> tuple[int, int]:
    """Return the square, and in which process and with how many threads it was found."""
    return task * task, int(os.environ["OMP_NUM_THREADS"])


def deadly(task: tuple[int, str]) -> int:
    """Kill the process: of task 1 at its first try, of task 3 at every try."""
    number, folder = task
    tries = Path(folder) / str(number)
    with tries.open("a") as file:
        file.write("x")
    if number == 3 or (number == 1 and tries.read_text() == "x"):
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def endless(folder: str) -> None:
    """Tell which process this is, and never come back."""
    Path(folder, str(os.getpid())).touch()
    signal.pause()


class Litter:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.me = self


_LITTER = WeakSet[Litter]()


def littering(_: int) -> int:
    """Return how much of former tasks still lies about, and leave something that only a collector finds."""
    gc.disable()
    found = len(_LITTER)
    _LITTER.add(Litter())
    return found
