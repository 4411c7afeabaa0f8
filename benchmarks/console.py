"""What the console costs: processor for viewers of 1,000 tags, bytes of an update, time to the screen, page weight.

All 1,000 values change in every cycle of a second, the worst there is. The viewers run in a process of their own; only
the processor time of this one counts, less that without a viewer. The screen is that of a headless Chromium.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from time import perf_counter, process_time, thread_time, time

import numpy as np

from benchmarks.tool import Result, main
from controller.console.console import Console, Shown
from controller.console.doors import Doors
from controller.console.slot import LONGEST
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

    def leave(self, served: Console) -> None:
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


def view(url: str, count: int, for_s: float) -> None:
    """Look at all tags from many browsers, in a process of its own, for `for_s` [s]."""
    host, _, port = url.removeprefix("http://").rstrip("/").partition(":")

    async def one() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /events?topic=tags HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        while await reader.read(1 << 16):
            pass

    async def all_of_them() -> None:
        tasks = [asyncio.create_task(one()) for _ in range(count)]
        await asyncio.wait(tasks, timeout=for_s)
        for task in tasks:
            task.cancel()

    asyncio.run(all_of_them())


@contextmanager
def running(plant: Plant) -> Iterator[Console]:
    """Serve the console of a plant that goes on at one cycle a second."""
    served = Console(Shown(plant.kit, None, SimpleQueue[Order](), None), Doors(port=0))
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


def share(served: Console, count: int, for_s: float) -> tuple[float, float]:
    """Return the share of one core spent with some viewers [1], and the size of an update [B]; each for `for_s` [s]."""
    wait = Event()
    viewers = get_context("spawn").Process(target=view, args=(served.url, count, for_s + 6.0), daemon=True)
    if count:
        viewers.start()
        while served.hall.hub.clients < count:
            wait.wait(0.1)
    wait.wait(1.5)
    cpu, bytes_, began = process_time(), served.hall.hub.bytes, perf_counter()
    wait.wait(for_s)
    spent, wall = process_time() - cpu, perf_counter() - began
    sent = served.hall.hub.bytes - bytes_
    if count:
        viewers.terminate()
        viewers.join()
        while served.hall.hub.clients:
            wait.wait(0.1)
    return spent / wall, sent / max(1.0, round(wall))


def browsed(served: Console, plant: Plant, looks: int) -> dict[str, object]:
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
        none, _ = share(served, 0, for_s)
        one, size = share(served, 1, for_s)
        hundred, _ = share(served, 100, for_s)
        result.figures |= browsed(served, plant, 8 if quick else 30)
    left_us = 1e6 * np.array(plant.left_s)
    result.figures |= {
        "cpu_percent_1_viewer": round(100.0 * (one - none), 2),
        "cpu_percent_100_viewers": round(100.0 * (hundred - none), 2),
        "bytes_per_update": round(size),
        "left_cpu_us_median": round(1e6 * float(np.median(plant.spent_s)), 1),
        "left_us_median": round(float(np.median(left_us)), 1),
        "left_us_p99": round(float(np.percentile(left_us, 99)), 1),
    }
    result.baselines["cpu_percent_no_viewer"] = round(100.0 * none, 2)
    return result


if __name__ == "__main__":
    main(run)
