"""Records of a few cycles, and what can be done to them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import apsw
import numpy as np
from fakes import Bench

from controller.cycle import Cycle, Decision
from controller.records.chain import Signer
from controller.records.history import History
from controller.records.journal import FILE, Journal, Keeping
from controller.records.verify import verify
from plant_io import Snapshot, TagIndex

RAW = bytes(range(32))
OTHER = bytes(range(1, 33))
PAGE = Path(__file__).parents[1] / "docs" / "records.md"


def cycles(count: int) -> list[Cycle]:
    """Return some cycles of a bench."""
    bench, found = Bench(), list[Cycle]()
    for number in range(count):
        at = bench.snapshot()
        found.append(Cycle(number, at, (), (), bench.cycle(), ()))
    return found


def keeping(**more: object) -> Keeping:
    """Return how a signed record is kept, with a checkpoint every few records."""
    return replace(Keeping(signer=Signer(RAW), every=4), **cast("Any", more))


def kept(directory: Path, how: Keeping, count: int = 9, *, ended: bool = True) -> Path:
    """Keep a record and return its file."""
    made = cycles(count)
    journal = Journal(directory, how)
    journal.head(made[0].snapshot.at, {"line": "toy"})
    for cycle in made:
        journal.cycle(cycle)
    if ended:
        journal.tail(made[-1].snapshot.at + 1.0, {"why": "the end"})
    else:
        journal.close()
    return directory / FILE


def changed(file: Path, *statements: tuple[str, tuple[object, ...]]) -> None:
    """Do something to a record that nobody should."""
    with sqlite3.connect(file) as db:
        for sql, bindings in statements:
            db.execute(sql, bindings)
    db.close()


def page() -> Callable[..., tuple[int, str | None]]:
    """Return the verifier that the page on records prints."""
    (code,) = re.findall(r"```python\n(import json, sqlite3.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    there: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, str(PAGE), "exec"), there)  # noqa: S102  # that is what the page is for
    return cast("Callable[..., tuple[int, str | None]]", there["verify"])


TAGS = {"F.PV": 1, "F.SP": 1, "NIR.X": 3, "T.PV": 1, "SOFT.API": 1}
UNITS = {"F.PV": "kg/h", "F.SP": "kg/h", "NIR.X": "", "T.PV": "Cel", "SOFT.API": "%"}
BEGAN = 1_000_000.0


@dataclass
class Signals:
    """Signals that are known, and cycles that show them."""

    count: int
    seed: int = 1
    index: TagIndex = field(default_factory=lambda: TagIndex(TAGS))

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.times = BEGAN + np.arange(self.count) * 1.0
        self.values = np.round(rng.normal(20.0, 1.0, (self.count, self.index.width)), 2)
        self.values[:, self.index.start[1]] = np.floor(self.times / 40.0)
        self.quality = rng.choice([0, 0, 0, 1, 2], (self.count, len(self.index))).astype(np.uint8)
        self.values[rng.random(self.values.shape) < 0.02] = np.nan

    def cycle(self, n: int) -> Cycle:
        snapshot = Snapshot.empty(float(self.times[n]), self.index)
        snapshot.values[:], snapshot.quality[:] = self.values[n], self.quality[n]
        place, start = self.index.places["SOFT.API"]
        soft = {"SOFT.API": (float(self.values[n, start]), 0.1, int(self.quality[n, place]))}
        snapshot.values[start], snapshot.quality[place] = np.nan, 2
        return Cycle(n, snapshot, (), (), nothing(soft), ())

    def kept(self, journal: Journal, since: int, until: int) -> None:
        for n in range(since, until):
            journal.cycle(self.cycle(n))


def nothing(soft: Mapping[str, tuple[float, float, int]]) -> Decision:
    """Return a decision that does nothing."""
    none: dict[str, Any] = dict.fromkeys(
        ("setpoints", "handshake", "confirmed", "proposals", "problems", "alerts", "events"), ()
    )
    return Decision(**none, armed=frozenset(), modes={}, trips={}, soft=soft, substituted={})


@dataclass(frozen=True)
class Left:
    """What is left of a record after something happened to whoever wrote it."""

    cycles: int
    """Cycles in it [1]."""
    sealed: int
    """Blocks of columns in it [1]."""
    wrong: str
    """What is wrong with it; empty where nothing is."""


def left(directory: Path, signals: Signals) -> Left:
    """Open a record without any help, and look whether all that is in it is what was written."""
    file = directory / FILE
    if not file.exists() or not file.stat().st_size:
        return Left(0, 0, "")
    with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)) as db:
        whole = ", ".join(str(said) for (said,) in db.execute("PRAGMA integrity_check"))
        if not list(db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'records'")):
            return Left(0, 0, "" if whole == "ok" else whole)
        if not list(db.execute("SELECT 1 FROM records")):
            return Left(0, 0, "" if whole == "ok" else whole)
    found = verify(directory)
    if whole != "ok" or found.broken is not None:
        return Left(0, 0, f"{whole}, {found.sentence()}")
    cycles, sealed = found.kinds.get("cycle", 0), found.kinds.get("sealed", 0)
    if not cycles:
        return Left(0, 0, "")
    with History(directory) as history:
        table = history.range(["F.PV", "NIR.X"])
    same = table.values["F.PV"].tobytes() == np.ascontiguousarray(signals.values[:cycles, 0]).tobytes()
    same = same and table.times.tobytes() == signals.times[:cycles].tobytes()
    return Left(cycles, sealed, "" if same else "its values are not those that were written")
