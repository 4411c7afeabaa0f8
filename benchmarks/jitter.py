"""How punctual the cycle is: the real runtime on line A, with its solver in a process of its own, paced by the wall.

The plant is in memory, its record on disk; a second of the plant takes 20 ms of the wall, so that each cycle has a
fiftieth of the time it has on a line. A cycle that has not ended when the next was due is an overrun. Each is explained
by what the kernel, the collector of garbage and the timing map of the cycle say of it: the wall time from when the
cycle was due to its end is computing time of its thread, time in which the thread was ready and another had the
processor, and time in which it waited; each beyond what is usual.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.tool import Result, main
from controller.cycle import Cycle, Mode, Order, SetMode
from controller.desk import Timed
from controller.kit import prepare
from controller.mpc.worker import Worker, solvers
from controller.runtime import Door, Options, Ran, operate
from hil.plc.lines import blueprint
from hil.rig.memory import Memory
from plant_io import Snapshot
from plant_io.clocks import WallClock
from plant_io.line import Line
from policies import Policy, load, shipped

EPOCH = 1_767_225_600.0
SPEED = 50.0
CYCLES, QUICK = 100_000, 1_500
SEED = 1
WARM = 100
"""Cycles after the solver is ready that are counted but not judged as usual: everything is loaded in them [1]."""
_HALF = 0.5


@dataclass(slots=True)
class Pace:
    """Plant time that follows the wall, and carries the plant on while there is nothing to do."""

    advance: Callable[[float], None]
    """Lets plant time go by."""
    _wall: WallClock = field(default_factory=WallClock)
    _began: float = field(default_factory=lambda: WallClock().now())
    _plant: float = EPOCH

    def now(self) -> float:
        """Return plant time, POSIX time [s]."""
        return EPOCH + SPEED * (self._wall.now() - self._began)

    async def sleep_until(self, at: float) -> None:
        """Return no earlier than `at`, POSIX time [s]; the plant is there before."""
        gone = float(round(at - self._plant))
        if gone > 0.0:
            self.advance(gone)
            self._plant += gone
        await asyncio.sleep(0)
        while (left := at - self.now()) > 0.0:  # noqa: ASYNC110  # a timer may fire a clock tick early
            await asyncio.sleep(left / SPEED)


@dataclass(frozen=True, slots=True)
class Count:
    """What has been counted up to some instant."""

    wall: float
    """Wall time [s]."""
    cpu: float
    """Computing time of this thread [s]."""
    ready: float
    """Time in which this thread was ready and did not run [s]."""
    rubbish: float
    """Time spent collecting garbage [s]."""
    steal: float
    """Time taken by the host of this machine, all processors [s]."""
    switches: int
    """Times another had the processor against this thread's will [1]."""
    faults: int
    """Pages that had to be fetched from disk [1]."""


class Meter:
    """Counts what the kernel and the collector of garbage say of this thread."""

    def __init__(self) -> None:
        self._rubbish, self._since = 0.0, 0.0
        gc.callbacks.append(self._collected)

    def close(self) -> None:
        """Count no more."""
        gc.callbacks.remove(self._collected)

    def __call__(self) -> Count:
        """Return the counts now."""
        cpu, ready = time.thread_time(), 0.0
        with suppress(OSError, ValueError, IndexError):
            ready = 1e-9 * int(Path("/proc/thread-self/schedstat").read_text().split()[1])
        used = resource.getrusage(resource.RUSAGE_THREAD)
        return Count(time.perf_counter(), cpu, ready, self._rubbish, _stolen(), used.ru_nivcsw, used.ru_majflt)

    def _collected(self, phase: Literal["start", "stop"], _info: dict[str, int]) -> None:
        if phase == "start":
            self._since = time.perf_counter()
        else:
            self._rubbish += time.perf_counter() - self._since


def _stolen() -> float:
    with suppress(OSError, ValueError, IndexError), Path("/proc/stat").open() as lines:
        return float(lines.readline().split()[8]) / 100.0
    return 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One cycle."""

    late: float
    """How long after it was due it began, wall time [s]."""
    whole: float
    """From when it was due to its end, wall time [s]."""
    before: Count
    """Counts at the end of the cycle before."""
    began: Count
    """Counts at its beginning."""
    ended: Count
    """Counts at its end."""
    parts: dict[str, float]
    """Its timing map, the record and all that keeps it being part "kept", wall times [s]."""


class Watch:
    """A line that notes when cycles begin, and a sink that notes when they end."""

    def __init__(self, line: Line, clock: Pace) -> None:
        self.rows: list[Row] = []
        self._line, self._clock, self._meter = line, clock, Meter()
        self._read = line.read
        line.read = self._noted  # type: ignore[method-assign]
        self._before = self._began = self._meter()
        self._late = 0.0

    def close(self) -> None:
        """Watch no more."""
        self._meter.close()

    async def _noted(self, at: float) -> Snapshot:
        self._late, self._began = (self._clock.now() - at) / SPEED, self._meter()
        return await self._read(at)

    def __call__(self, cycle: Cycle) -> None:
        """Note the end of a cycle."""
        ended = self._meter()
        wall, timing = ended.wall - self._began.wall, dict(cycle.timing)
        parts = timing | {"kept": wall - sum(timing.values())}
        self.rows.append(Row(self._late, self._late + wall, self._before, self._began, ended, parts))
        self._before = ended


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual of a cycle, medians."""

    cpu: float
    """Computing time [s]."""
    whole: float
    """Wall time from when it is due to its end [s]."""
    parts: dict[str, float]
    """Wall time of its parts [s]."""

    @classmethod
    def of(cls, rows: list[Row]) -> Usual:
        """Return what is usual of some cycles."""
        parts = {name: float(np.median([row.parts[name] for row in rows])) for name in rows[0].parts}
        cpu = float(np.median([row.ended.cpu - row.began.cpu for row in rows]))
        return cls(cpu, float(np.median([row.whole for row in rows])), parts)


def cause(row: Row, usual: Usual) -> str:
    """Return why a cycle took longer than usual: what made up at least half of what was too much, or nothing found.

    Being late to begin is the scheduler's, or the plant's, which is carried on in the same thread and is none of ours.
    """
    much = row.whole - usual.whole
    cpu = row.ended.cpu - row.began.cpu
    ready = row.ended.ready - row.before.ready
    idle = (row.ended.wall - row.began.wall) - cpu - (row.ended.ready - row.began.ready)
    rubbish = row.ended.rubbish - row.began.rubbish
    excess = {name: took - usual.parts[name] for name, took in row.parts.items()}
    longest = max(excess, key=lambda name: excess[name])
    plant = row.late - (row.began.ready - row.before.ready)
    found = {
        "another had the processor": ready,
        "the host had the processor": row.ended.steal - row.before.steal,
        "garbage was collected": rubbish,
        "pages were fetched from disk": idle if row.ended.faults > row.began.faults else 0.0,
        f"more to compute in {longest}": cpu - usual.cpu - rubbish,
        "the record waited for the disk": idle if longest == "kept" else 0.0,
        "the solver's hand-over": idle if longest in {"plans", "write"} else 0.0,
        "another thread of ours had the interpreter": idle if longest in {"read", "decide"} else 0.0,
        "the plant in memory was late": plant,
    }
    most = max(found, key=lambda name: found[name])
    return most if found[most] >= _HALF * much else "unexplained"


async def _run(policy: Policy, cycles: int, record: Path) -> tuple[Ran, list[Row]]:
    memory = Memory(blueprint("A").simulate(policy, seed=SEED), EPOCH)
    worker = Worker(
        {name: loop.deadline_s for name, loop in policy.loops.items()},
        solvers,
        (dict(policy.loops), dict(policy.files)),
    )
    await worker.start()
    await worker.ready(120.0)
    orders = tuple(Timed(30.0, Order("bench", "measured", SetMode(name, Mode.AUTO))) for name in policy.loops)
    clock = Pace(memory.advance)
    line = Line(policy, clock, memory.make)
    watch = Watch(line, clock)
    try:
        options = Options(for_s=cycles * policy.period_s, record=record, orders=orders)
        ran = await operate(prepare(policy, SEED), options, Door(clock, line, _Made(worker)), (watch,))
    finally:
        watch.close()
    return ran, watch.rows


class _Made:
    """A worker that has been started already."""

    def __init__(self, worker: Worker) -> None:
        self.solve_s, self.ready, self.submit = worker.solve_s, worker.ready, worker.submit
        self.take, self.close = worker.take, worker.close

    async def start(self) -> None:
        """Return at once."""


def run(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure how punctual the cycle is."""
    policy, cycles = load(shipped("A")), QUICK if quick else CYCLES
    with TemporaryDirectory() as directory:
        ran, rows = asyncio.run(_run(policy, cycles, Path(directory) / "record"))
    period = policy.period_s / SPEED
    usual = Usual.of(rows[WARM:])
    over = [row for row in rows if row.whole > period]
    causes = Counter(cause(row, usual) for row in over)
    late = np.array([row.late for row in rows])
    whole = np.array([row.whole for row in rows])
    plans = ran.tally.plans
    return Result(
        "jitter",
        figures={
            "cycles": len(rows),
            "overruns": len(over),
            "periods_skipped": ran.tally.overruns,
            "overruns_by_cause": dict(causes.most_common()),
            "overruns_unexplained": causes["unexplained"],
            **_times("late", late),
            **_times("whole", whole),
            **_times("cpu", np.array([row.ended.cpu - row.began.cpu for row in rows])),
            "plans": plans.total(),
            "plans_late_or_failed": plans.total() - plans["solved"],
            "releases": len(ran.tally.trips),
        },
        ratios={"p99_whole_to_period": round(float(np.quantile(whole, 0.99)) / period, 3)},
        config={
            "period_ms": 1e3 * period,
            "line": "A, in memory, recorded",
            "switches_against_will": rows[-1].ended.switches - rows[0].before.switches,
            "ready_but_not_running_s": round(rows[-1].ended.ready - rows[0].before.ready, 2),
            "load_1_min": round(float(Path("/proc/loadavg").read_text().split()[0]), 2),
        },
        seeds=[SEED],
    )


def _times(name: str, seconds: NDArray[np.float64]) -> dict[str, float]:
    found = np.quantile(1e3 * seconds, [0.5, 0.99, 0.999, 1.0])
    return {f"{name}_{q}_ms": round(float(t), 3) for q, t in zip(("p50", "p99", "p999", "max"), found, strict=True)}


if __name__ == "__main__":
    main(run)
