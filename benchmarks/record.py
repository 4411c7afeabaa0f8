"""The record beside a table of one row per sample: how fast it is written, how fast trends are read, how small it is.

Both are SQLite files on the same disk, filled with the same signals in one run. Written with `synchronous=FULL`, one
transaction a cycle: 1,000 tags, 700 of them noisy and rounded to the resolution of a sensor, 200 setpoints, 100 states.
Read: tags over 8 h, from files that were filled without waiting for the disk. Sizes are those of columns of the shipped
lines' own signals, quiet runs in memory. Times are of the wall; the processor's are beside them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.tool import Result, main
from controller.cycle import Cycle, Decision
from controller.records.history import History
from controller.records.journal import FILE, Journal, Keeping
from hil.library import find, open_scenario
from hil.rig.play import in_memory
from plant_io import Snapshot, TagIndex

Floats = NDArray[np.float64]
SEED = 20261121
BEGAN = 1_700_000_000.0
LINES = {"A": "a_quiet", "B": "b_quiet", "C": "c_quiet"}
_NONE: dict[str, Any] = dict.fromkeys(
    ("setpoints", "handshake", "confirmed", "proposals", "problems", "alerts", "events"), ()
)
NOTHING = Decision(**_NONE, armed=frozenset(), modes={}, trips={}, soft={}, substituted={})


class Unsafe(Journal):
    """A journal that does not wait for the disk, to fill a file that is only read."""

    def __init__(self, directory: Path, keeping: Keeping) -> None:
        super().__init__(directory, keeping)
        self._db.execute("PRAGMA synchronous=OFF")


def signals(cycles: int, tags: int) -> Floats:
    """Return values of tags over cycles, shape ``(cycles, tags)``, each in its own unit."""
    rng = np.random.default_rng(SEED)
    walk = np.cumsum(rng.normal(0.0, 0.02, (cycles, tags)), axis=0) + rng.uniform(10.0, 90.0, tags)
    values = np.round(walk + rng.normal(0.0, 0.05, (cycles, tags)), 2)
    setpoints, states = slice(int(0.7 * tags), int(0.9 * tags)), slice(int(0.9 * tags), tags)
    values[:, setpoints] = np.round(walk[:: max(1, cycles // 12)], 1).repeat(max(1, cycles // 12), axis=0)[
        :cycles, setpoints
    ]
    values[:, states] = rng.integers(0, 3, (cycles // 300 + 1, tags)).repeat(300, axis=0)[:cycles, states]
    return values


def cycle(number: int, values: Floats, index: TagIndex) -> Cycle:
    """Return a cycle that read these values, shape ``(n_tags,)``, each in its own unit."""
    seen = Snapshot.empty(BEGAN + number, index)
    seen.values[:], seen.quality[:], seen.reason[:] = values, 0, 0
    seen.source[:], seen.arrival[:] = seen.at - 0.04, seen.at - 0.01
    return Cycle(number, seen, (), (), NOTHING, ())


def written(folder: Path, values: Floats) -> tuple[float, float, float]:
    """Return the wall and the processor time of one cycle, and the longest, of a record that waits for the disk [s]."""
    index = TagIndex({f"T{n:04}": 1 for n in range(values.shape[1])})
    journal = Journal(folder, Keeping(block_s=600.0))
    journal.head(BEGAN, {})
    made = [cycle(n, row, index) for n, row in enumerate(values)]
    wall, cpu, longest = time.perf_counter(), time.process_time(), 0.0
    for one in made:
        before = time.perf_counter()
        journal.cycle(one)
        longest = max(longest, time.perf_counter() - before)
    took = (time.perf_counter() - wall) / len(made), (time.process_time() - cpu) / len(made)
    journal.close()
    return *took, longest


def rows_written(file: Path, values: Floats) -> tuple[float, float]:
    """Return the wall and the processor time of one cycle of a table of rows that waits for the disk [s]."""
    db = _rows(file)
    wall, cpu = time.perf_counter(), time.process_time()
    for number, row in enumerate(values):
        with db:
            db.executemany("INSERT INTO samples VALUES (?, ?, ?, 0)", _samples(number, row))
    took = (time.perf_counter() - wall) / len(values), (time.process_time() - cpu) / len(values)
    db.close()
    return took


def _samples(number: int, row: Floats) -> list[tuple[int, float, float]]:
    return [(tag, BEGAN + number, value) for tag, value in enumerate(row.tolist())]


def _rows(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    table = "CREATE TABLE samples (tag INTEGER, at REAL, value REAL, quality INTEGER, PRIMARY KEY (tag, at))"
    db.execute(f"{table} WITHOUT ROWID")
    return db


def filled(folder: Path, values: Floats) -> tuple[Path, Path]:
    """Fill a record and a table of rows with the same values, shape ``(cycles, tags)``; return where they are."""
    index = TagIndex({f"T{n:04}": 1 for n in range(values.shape[1])})
    journal = Unsafe(folder / "record", Keeping())
    journal.head(BEGAN, {})
    for number, row in enumerate(values):
        journal.cycle(cycle(number, row, index))
    journal.tail(BEGAN + len(values), {})
    file = folder / "rows.sqlite"
    db = _rows(file)
    with db:  # in the order of the key, which is the best that can happen to it
        for tag in range(values.shape[1]):
            column = enumerate(values[:, tag].tolist())
            db.executemany("INSERT INTO samples VALUES (?, ?, ?, 0)", [(tag, BEGAN + n, v) for n, v in column])
    db.close()
    return folder / "record", file


def queries(record: Path, file: Path, hours: float, repeats: int) -> dict[str, tuple[float, float]]:
    """Return the median times of trend queries, ours and on rows [s]; `hours` is the length of what is there [h]."""
    end, count = BEGAN + hours * 3600.0, 1000
    history, db = History(record), sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    width = (end - BEGAN) / count
    grouped = (
        "SELECT CAST((at - ?) / ? AS INTEGER) AS n, min(value), avg(value), max(value), avg(quality = 0) "
        "FROM samples WHERE tag = ? AND at BETWEEN ? AND ? AND quality < 2 GROUP BY n"
    )
    raw = "SELECT at, value, quality FROM samples WHERE tag = ? AND at BETWEEN ? AND ?"

    def on_rows(tags: int) -> None:
        for tag in range(tags):
            db.execute(grouped, (BEGAN, width, tag, BEGAN, end)).fetchall()

    def ours(tags: int) -> None:
        for tag in range(tags):
            history.buckets(f"T{tag:04}", BEGAN, end, count)

    def raw_rows(tag: int) -> None:
        np.array(db.execute(raw, (tag, BEGAN, end)).fetchall())

    cases: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "one_tag_buckets": (lambda: ours(1), lambda: on_rows(1)),
        "twelve_tags_buckets": (lambda: ours(12), lambda: on_rows(12)),
        "one_tag_raw": (lambda: history.range(["T0003"], BEGAN, end), lambda: raw_rows(3)),
    }
    found = {name: (_median(one, repeats), _median(other, repeats)) for name, (one, other) in cases.items()}
    history.close()
    db.close()
    return found


def _median(work: Callable[[], object], repeats: int) -> float:
    took = list[float]()
    for _ in range(repeats):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return median(took)


def sizes(folder: Path, line: str, for_s: float) -> tuple[float, int]:
    """Return the bytes per value of the columns of a line's own signals, and how many values [1].

    Parameters
    ----------
    folder
        Where the record is kept.
    line
        Name of the line.
    for_s
        Length of the run [s].
    """
    scenario, policy = open_scenario(find(LINES[line]))
    played = scenario.model_copy(update={"for_s": for_s, "assertions": {}})
    in_memory(played, policy, SEED, folder)
    with sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True) as db:
        ((size,),) = db.execute("SELECT sum(length(body)) FROM chunks")
        ((times, cycles),) = db.execute("SELECT sum(length(times)), sum(count) FROM blocks")
        ((width,),) = db.execute("SELECT sum(length) FROM tags")
    db.close()
    return (size + times) / (cycles * width), cycles * width


def run(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Write, read and weigh the record beside a table of rows."""
    cycles, few, tags, hours, repeats = (300, 40, 12, 8.0, 7) if quick else (1500, 120, 24, 8.0, 15)
    result = Result("record", seeds=[SEED])
    result.config |= {"tags": 1000, "cycles_written": cycles, "tags_read": tags, "hours_read": hours}
    with TemporaryDirectory() as name:
        folder = Path(name)
        _compared_writing(result, folder, signals(cycles, 1000), few)
        record, rows = filled(folder / "read", signals(int(hours * 3600), tags))
        ratios = list[float]()
        for case, (ours, other) in queries(record, rows, hours, repeats).items():
            result.figures[f"{case}_ms"] = round(1e3 * ours, 3)
            result.baselines[f"{case}_rows_ms"] = round(1e3 * other, 3)
            result.ratios[f"{case}_vs_rows"] = round(other / ours, 1)
            ratios.append(other / ours)
        result.ratios["query_vs_rows"] = round(min(ratios), 1)
        result.figures["bytes_per_row_value"] = round(rows.stat().st_size / (hours * 3600 * tags), 1)
        _weighed(result, folder, 600.0 if quick else 3600.0)
    return result


def _compared_writing(result: Result, folder: Path, values: Floats, few: int) -> None:
    wall, cpu, longest = written(folder / "record", values)
    rows_wall, rows_cpu = rows_written(folder / "rows.sqlite", values[:few])
    result.figures |= {
        "x_realtime_1000_tags": round(1.0 / wall, 1),
        "cycle_ms": round(1e3 * wall, 2),
        "cycle_cpu_ms": round(1e3 * cpu, 2),
        "longest_cycle_ms": round(1e3 * longest, 1),
    }
    result.baselines |= {"x_realtime_rows": round(1.0 / rows_wall, 1), "rows_cycle_cpu_ms": round(1e3 * rows_cpu, 2)}
    result.ratios["write_vs_rows"] = round(rows_wall / wall, 1)


def _weighed(result: Result, folder: Path, for_s: float) -> None:
    most = 0.0
    for line in LINES:
        size, count = sizes(folder / line, line, for_s)
        result.figures[f"bytes_per_value_{line}"] = round(size, 2)
        result.config[f"values_{line}"] = count
        most = max(most, size)
    result.figures["bytes_per_value"] = round(most, 2)


if __name__ == "__main__":
    main(run)
