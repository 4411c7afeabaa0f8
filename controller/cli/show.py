"""What verbs give: results on stdout or in a file, words for people on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controller.cli.ends import Refused

people = Console(stderr=True, highlight=False, soft_wrap=True)
"""Where people read."""


def give(result: Mapping[str, object], where: str | None) -> None:
    """Write a result as one JSON object.

    Parameters
    ----------
    result
        Plain values; numbers that are none become null.
    where
        A file, ``-`` for stdout, or None for nowhere.
    """
    if where is None:
        return
    text = json.dumps(_finite(result), indent=2)
    if where == "-":
        sys.stdout.write(text + "\n")
        return
    try:
        Path(where).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise Refused(f"{where}: this cannot be written: {error.strerror}") from error


def tabled(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table for people, or that there is nothing to be shown in it.

    Parameters
    ----------
    title
        What it is of.
    head
        Names of the columns.
    rows
        Its rows.
    """
    there = list(rows)
    if not there:
        people.print(f"[italic]{escape(title)}[/]: none")
        return
    table = Table(*map(escape, head), title=escape(title), title_justify="left")
    for row in there:
        table.add_row(*map(escape, row))
    people.print(table)


def given(where: str | None) -> str | None:
    """Return where a result is to be given, a file that can be written or ``-``.

    Raises
    ------
    Refused
        If the file cannot be written.
    """
    return where if where == "-" else writable(where)


def writable(where: str | None) -> str | None:
    """Return the name of a file to be written, after it was opened before the work to see whether it can be.

    Raises
    ------
    Refused
        If it cannot.
    """
    if where is None:
        return where
    if where == "-":
        raise Refused("-: this cannot be written: wanted the name of a file")
    path = Path(where)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        there = path.exists()
        with path.open("ab"):  # what stands there stays
            pass
        if not there:
            path.unlink()
    except (OSError, ValueError) as error:
        raise Refused(f"{where}: this cannot be written: {getattr(error, 'strerror', None) or error}") from error
    return where


def kept(where: str, write: Callable[[Path], None]) -> None:
    """Write a file that could be written when the work began.

    Raises
    ------
    Refused
        If it cannot be any more.
    """
    try:
        write(Path(where))
    except OSError as error:
        raise Refused(f"{where}: this cannot be written: {error.strerror}") from error


def log_to_people() -> None:
    """Let log lines go where people read, so that a result on stdout stays readable by programs."""
    import structlog  # noqa: PLC0415  # slow to import

    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in cast("Mapping[str, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in cast("list[object]", value)]
    return value
