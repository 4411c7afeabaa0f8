"""What the console costs: processor for viewers of 1,000 tags, bytes of an update, time to the screen, page weight.

All 1,000 values change in every cycle of a second, the worst there is. The console and the viewers each run in a
process of their own; of the console counts its processor time, less that without a viewer, and of the loop its own,
which must not depend on viewers. The screen is that of a headless Chromium.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from time import perf_counter, process_time, thread_time, time

import numpy as np

from benchmarks.tool import Result, main
from controller.console.apart import Apart
from controller.console.doors import Doors
from controller.console.slot import LONGEST
from controller.console.wire import Opening
from controller.cycle import Cycle, Order
from controller.decide import decide
from controller.kit import Kit, prepare
from plant_io import Snapshot
from plant_io.clocks import WallClock
from policies import Policy

TAGS = 1000
SEED = 20261121
PAGES = ("/", "/tags", "/alarms", "/health")
SCRIPT = Path(__file__).parents[1] / "tests" / "interop" / "console.js"


def policy() -> Policy:
    """Return a policy of 1,000 tags that nothing is done with."""
    tag = {"unit": "Cel", "range": [0, 100], "connection": "plc", "type": "float32"}
    return Policy.model_validate(
        {
            "policy": 1,
            "line": "B",
            "revision": "1",
            "period": "1s",
            "connections": {"plc": {"protocol": "modbus", "host": "127.0.0.1", "port": 5020}},
            "tags": {f"UNIT{i // 20}.T{i}": tag | {"address": f"input:{2 * i}"} for i in range(TAGS)},
        }
    )


class Plant:
    """A plant all of whose values change in every cycle.

    Parameters
    ----------
    kit
        The policy, made ready.
    """

    def __init__(self, kit: Kit) -> None:
        self.kit, self.number, self.state = kit, 0, kit.start()
        self._random, self._began = np.random.default_rng(SEED), WallClock().now()
        self.left_s: list[float] = []
        """Wall time it took the loop to leave each cycle, waits for the interpreter included [s]."""
        self.spent_s: list[float] = []
        """Processor time of the same [s]."""
        self.told: dict[int, float] = {}
        """When each cycle was left, POSIX time [s], by its number."""

    def leave(self, served: Apart) -> None:
        """Leave one cycle with the console, as the loop does."""
        kit, at = self.kit, self._began + self.number
        fresh = Snapshot.empty(at, kit.index)
        values, times = self._random.uniform(0.0, 100.0, TAGS), np.full(TAGS, at)
        codes = np.zeros(TAGS, np.uint8)
        seen = Snapshot(at, kit.index, values, fresh.sd, codes, codes, times, times)
        decision, self.state = decide(seen, (), (), self.state, kit)
        cycle = Cycle(self.number, seen, (), (), decision, ())
        self.told[self.number] = time()
        began, spent = perf_counter(), thread_time()
        served(cycle, self.state)
        self.spent_s.append(thread_time() - spent)
        self.left_s.append(perf_counter() - began)
        self.number += 1


@dataclass(frozen=True, slots=True)
class Viewers:
    """Browsers in a process of their own."""

    there: Synchronized[int]
    """How many have been given something [1]."""
    taken: Synchronized[int]
    """What all of them have been given [B]."""

    @classmethod
    def none(cls) -> Viewers:
        """Return what nobody has been given yet."""
        way = get_context("spawn")
        return cls(way.Value("q", 0), way.Value("q", 0))


def view(url: str, count: int, for_s: float, given: Viewers) -> None:
    """Look at all tags from many browsers, in a process of its own, for `for_s` [s]."""
    host, _, port = url.removeprefix("http://").rstrip("/").partition(":")

    async def one() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /events?topic=tags HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        await reader.readuntil(b"data: {")
        given.there.value += 1
        while data := await reader.read(1 << 16):
            given.taken.value += len(data)

    async def all_of_them() -> None:
        tasks = [asyncio.create_task(one()) for _ in range(count)]
        await asyncio.wait(tasks, timeout=for_s)
        for task in tasks:
            task.cancel()

    asyncio.run(all_of_them())


@contextmanager
def running(plant: Plant) -> Generator[Apart]:
    """Serve the console of a plant that goes on at one cycle a second."""
    opening = Opening(plant.kit.policy, plant.kit.station, None, None, Doors(port=0))
    served = Apart(opening, SimpleQueue[Order](), lambda said: print(said, file=sys.stderr))
    over = Event()

    def live() -> None:
        while not over.wait(1.0):
            plant.leave(served)

    thread = Thread(target=live, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        over.set()
        thread.join()
        served.close()


@dataclass(frozen=True, slots=True)
class Share:
    """What some viewers cost."""

    console: float
    """Share of one core that the process of the console takes [1]."""
    loop: float
    """Share of one core that the process of the loop takes [1]."""
    size: float
    """What one viewer is given in a second [B]."""


def spent_s(process: int) -> float:
    """Return the processor time of another process [s]."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share(served: Apart, count: int, for_s: float) -> Share:
    """Return what some viewers cost, measured for `for_s` [s]."""
    wait, given = Event(), Viewers.none()
    viewers = get_context("spawn").Process(target=view, args=(served.url, count, for_s + 10.0, given), daemon=True)
    if count:
        viewers.start()
        while given.there.value < count:
            wait.wait(0.1)
    wait.wait(1.5)
    cpu, theirs, taken, began = process_time(), spent_s(served.process), given.taken.value, perf_counter()
    wait.wait(for_s)
    wall = perf_counter() - began
    loop, console = (process_time() - cpu) / wall, (spent_s(served.process) - theirs) / wall
    size = (given.taken.value - taken) / max(1, count) / wall
    if count:
        viewers.terminate()
        viewers.join()
        wait.wait(2.0)
    return Share(console, loop, size)


def browsed(served: Apart, plant: Plant, looks: int) -> dict[str, object]:
    """Return times to the screen [ms] and weights of pages [kB]; nothing where there is no Chromium."""
    there = shutil.which("chromium") and shutil.which("node") and (SCRIPT.parent / "node_modules").is_dir()
    if not there:
        return {}
    base = served.url.rstrip("/")
    seen = json.loads(_run("pixel", base, str(looks)))
    late = sorted(1e3 * (at - plant.told[int(number)]) for number, at in seen if int(number) in plant.told)
    weights = json.loads(_run("weigh", base, ",".join(PAGES)))
    found: dict[str, object] = {
        f"page_kb_{path.strip('/') or 'line'}": round(size / 1e3, 1) for path, size in weights.items()
    }
    return found | {"to_pixel_ms_median": round(late[len(late) // 2]), "to_pixel_ms_most": round(late[-1])}


def _run(*words: str) -> str:
    done = subprocess.run(["node", str(SCRIPT), *words], capture_output=True, text=True, check=True, timeout=120)  # noqa: S607  # found before
    return done.stdout


def run(quick: bool) -> Result:  # noqa: FBT001  # one flag, from the command line
    """Measure what the console costs."""
    for_s, plant = 8.0 if quick else 30.0, Plant(prepare(policy()))
    result = Result("console", seeds=(SEED,), config={"tags": TAGS, "for_s": for_s, "longest_slot": LONGEST})
    with running(plant) as served:
        none, one, hundred = (share(served, count, for_s) for count in (0, 1, 100))
        result.figures |= browsed(served, plant, 8 if quick else 30)
    left_us = 1e6 * np.array(plant.left_s)
    result.figures |= {
        "cpu_percent_1_viewer": round(100.0 * (one.console - none.console), 2),
        "cpu_percent_100_viewers": round(100.0 * (hundred.console - none.console), 2),
        "loop_cpu_percent_no_viewer": round(100.0 * none.loop, 2),
        "loop_cpu_percent_1_viewer": round(100.0 * one.loop, 2),
        "loop_cpu_percent_100_viewers": round(100.0 * hundred.loop, 2),
        "bytes_per_update": round(one.size),
        "left_cpu_us_median": round(1e6 * float(np.median(plant.spent_s)), 1),
        "left_us_median": round(float(np.median(left_us)), 1),
        "left_us_p99": round(float(np.percentile(left_us, 99)), 1),
    }
    result.baselines["cpu_percent_no_viewer"] = round(100.0 * none.console, 2)
    return result


if __name__ == "__main__":
    main(run)
