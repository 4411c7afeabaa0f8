"""Options, files and figures that the verbs of `soft-sensor` share."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table as Grid

from controller.cli.ends import Refused, duration
from controller.cli.show import people, writable

if TYPE_CHECKING:
    from controller.cli.soft_data import Asked
    from controller.soft.hybrid_model import Figures


class Unit(StrEnum):
    """Units of the times of a table."""

    S = "s"
    MIN = "min"
    H = "h"


_SECONDS = {Unit.S: 1.0, Unit.MIN: 60.0, Unit.H: 3600.0}
_ROLES = ("result", "time", "taken", "known")
CARD = ("use", "version", "approver", "goal", "margin")
"""What may be said for a card."""


Data = Annotated[
    list[Path],
    typer.Argument(metavar="DATA...", help="CSV file of inputs and results, or record directories in order of time."),
]
Sensor = Annotated[
    str | None, typer.Option("--sensor", metavar="NAME", help="Soft sensor of the policy of a record that is meant.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="NAME=COLUMN", help="Column, or tag of a record, of an input, result, time, taken, known."
    ),
]
Leave = Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="Column to leave out.")]
Times = Annotated[Unit, typer.Option("--unit", help="Unit of the times.")]
LabelSd = Annotated[
    float | None, typer.Option(min=0.0, help="Standard deviation of one result; of a record, as its policy says.")
]
Delay = Annotated[str | None, typer.Option(metavar="T", help="Time from a sample to its result, such as 15m.")]
Card = Annotated[
    list[str] | None, typer.Option("--card", metavar="KEY=TEXT", help="use, version, approver, goal or margin.")
]
Plot = Annotated[str | None, typer.Option(metavar="FILE", help="Page of plots to write.", callback=writable)]


def asked_of(column: Sequence[str] | None, leave: Sequence[str] | None, unit: Unit, delay: str | None) -> Asked:
    """Return what a person said of the columns of a table, or the tags of a record.

    Raises
    ------
    Refused
        If something is no pair, or no duration.
    """
    from controller.cli.soft_data import Asked  # noqa: PLC0415  # heavy

    named = pairs_of("--column", column)
    result, time, taken, known = (named.pop(role, None) for role in _ROLES)
    return Asked(
        result=result,
        time=time,
        taken=taken,
        known=known,
        inputs=named,
        leave=tuple(leave or ()),
        seconds=_SECONDS[unit],
        delay_s=duration("--delay", delay) or 0.0,
    )


def pairs_of(option: str, texts: Sequence[str] | None, among: Sequence[str] = ()) -> dict[str, str]:
    """Return texts such as ``NAME=TEXT`` as pairs; names are among some, where these are given.

    Raises
    ------
    Refused
        If one is no pair.
    """
    found: dict[str, str] = {}
    for text in texts or ():
        name, sign, value = text.partition("=")
        if not (name and sign) or (among and name not in among):
            raise Refused(f"{option}: found {text!r}, expected {'|'.join(among) if among else 'NAME'}=TEXT")
        found[name] = value
    return found


def one_of(data: Sequence[Path]) -> Path:
    """Return the one table that was named.

    Raises
    ------
    Refused
        If they are more.
    """
    if len(data) != 1:
        raise Refused(f"DATA: found {len(data)} files, expected one table, or record directories alone")
    return data[0]


def are_spectra(data: Sequence[Path]) -> bool:
    """Return whether what a person named is a table of spectra."""
    from controller.cli.spectra_data import holds_spectra  # noqa: PLC0415  # heavy

    return len(data) == 1 and holds_spectra(data[0])


@contextmanager
def walking() -> Generator[Callable[[int], None]]:
    """Show people how many cycles of records have been read."""
    from rich.progress import MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415  # heavy

    columns = (TextColumn("reading cycles"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=people, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda count: progress.update(task, completed=count)


def show_figures(rows: Mapping[str, Figures], unit: str) -> None:
    """Show figures to people, with their unit."""
    heads = (f"RMSEP [{unit}]", f"bias [{unit}]", "coverage [1]", "n [1]")
    grid = Grid("", *map(escape, heads))
    for name, one in rows.items():
        coverage = "-" if one.coverage is None else f"{one.coverage:.3f}"
        grid.add_row(name, f"{one.rmsep:.4g}", f"{one.bias:+.3g}", coverage, str(one.n))
    people.print(grid)


def write_text(where: str, text: str) -> None:
    """Write a file.

    Raises
    ------
    Refused
        If it cannot be.
    """
    try:
        Path(where).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{where}: this cannot be written: {error.strerror}") from error


def number_of(option: str, text: str) -> float:
    """Return a number above zero.

    Raises
    ------
    Refused
        If it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise Refused(f"{option}: found {text!r}, expected a number above zero, in the unit of the result")
    return value
