"""Records of a few cycles, and what can be done to them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from fakes import Bench

from controller.cycle import Cycle
from controller.records.chain import Signer
from controller.records.journal import FILE, Journal, Keeping

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
