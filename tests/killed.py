"""Kills writers of records at random instants, and looks at what is left; run as a program, it prints what it found."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from shutil import rmtree
from typing import NoReturn

import numpy as np
from recorded import BEGAN, UNITS, Signals, keeping, left

from controller.records.journal import Journal

_WORD = 4


def write(directory: Path, pipe: int, signals: Signals) -> NoReturn:
    """Write records until killed, and say after each that it is kept."""
    journal = Journal(directory, keeping(block_s=60.0, units=UNITS, every=20, ballast=1_000_000))
    journal.head(BEGAN, {"line": "toy", "station": directory.name})
    for n in range(signals.count):
        journal.cycle(signals.cycle(n))
        os.write(pipe, n.to_bytes(_WORD, "big"))
    os._exit(0)


def killed(directory: Path, signals: Signals, after_s: float) -> int:
    """Let a writer live for so long once it has begun, and return the number of cycles it said it had kept."""
    read, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        write(directory, told, signals)
    os.close(told)
    said = os.read(read, _WORD)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(read, 65536):
        said += more
    os.close(read)
    return len(said) // _WORD


def main(folder: Path, times: int, seed: int) -> dict[str, int]:
    """Kill so many writers; return what was lost and broken."""
    rng, signals = np.random.default_rng(seed), Signals(5000)
    found = dict.fromkeys(("killed", "acknowledged", "lost", "broken", "sealed"), 0)
    for n in range(times):
        directory = folder / str(n)
        acknowledged = killed(directory, signals, float(rng.exponential(0.12)))
        here = left(directory, signals)
        found["killed"] += 1
        found["acknowledged"] += acknowledged
        found["lost"] += max(0, acknowledged - here.cycles)
        found["broken"] += bool(here.wrong)
        found["sealed"] += here.sealed
        if here.wrong:
            print(directory, here.wrong, file=sys.stderr)
        rmtree(directory)
    return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
