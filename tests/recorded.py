"""Records of a few cycles, and what can be done to them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from fakes import Bench

from controller.cycle import Cycle, Decision
from controller.records.chain import Signer
from controller.records.journal import FILE, Journal, Keeping
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
