"""The verb `report alarms`: what people were told over the runs of some records, against their budgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from controller.cli import paper
from controller.cli.alarms_said import JUDGED, judged
from controller.cli.ends import reading
from controller.cli.options import Json
from controller.cli.paper import Out
from controller.cli.show import give, people

if TYPE_CHECKING:
    from anomaly.budget import Kept
    from controller.records.burdened import Told

_WEEK_S = 604_800.0
_HEAD = ("told to", "promised a week", "told", "realised a week", "of the promise", "95 % interval", "")
_LIMITS = (
    "Every incident counts as a false alarm unless people have said that it was right (--right ID).",
    "Nothing here is the plant's truth: a record knows what was told, and not whether something was wrong.",
)


def alarms(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Record directories of one line.")],
    *,
    right: Annotated[
        list[str] | None, typer.Option("--right", metavar="ID", help="An incident that was right; may be repeated.")
    ] = None,
    out: Out = None,
    json: Json = None,
) -> int:
    """Tell how often people were called, in what floods, by what, and what was promised to them."""
    from controller.records.burdened import burdened  # noqa: PLC0415  # heavy

    columns = (TextColumn("reading"), MofNCompleteColumn(), TimeElapsedColumn())
    with reading(), Progress(*columns, console=people, transient=True) as progress:
        bar = progress.add_task("", total=None)
        told = burdened(records, right or (), lambda n: progress.update(bar, completed=n))
    found, promised = told.burden, told.policy.budgets.declared
    plain, budgets = found.plain(promised), list(_rows(found.budgets(promised)))
    tables = (
        ("alarms", JUDGED, [tuple(map(str, each)) for each in judged(told.figures)]),
        ("budgets of false alarms", _HEAD, budgets),
        ("incidents", ("", ""), list(_facts(plain))),
    )
    for title, head, rows in tables:
        table = Table(*map(escape, head), title=title, title_justify="left", show_header=any(head))
        for row in rows:
            table.add_row(*map(escape, row))
        people.print(table)
    if out is not None:
        _write(Path(out), told)
    give({"line": told.policy.line} | plain | {"alarms": told.figures.plain(), "limits": list(_LIMITS)}, json)
    return 0


def _rows(budgets: Mapping[str, Kept]) -> Iterator[tuple[str, ...]]:
    for route, one in budgets.items():
        yield (
            route,
            f"{one.promised * _WEEK_S:.3g}",
            str(one.told),
            f"{one.realised * _WEEK_S:.3g}",
            f"{one.ratio:.2g}",
            f"{one.low / one.promised:.2g} to {one.ratio_high:.2g}",
            "more than chance allows" if one.broken else "",
        )


def _facts(plain: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    days, daily = cast("float", plain["days"]), cast("float | None", plain["calls_per_day"])
    yield "time looked at [d]", f"{days:.4g}"
    yield "calls [1]", str(plain["calls"])
    yield "calls a day [1/d]", "-" if daily is None else f"{daily:.3g}"
    yield "most calls in ten minutes [1]", str(plain["most_in_ten_minutes"])
    yield "windows of ten minutes with more than ten calls [1]", str(plain["windows_with_more_than_ten"])
    yield "incidents by priority [1]", _counted(plain["priorities"])
    yield "incidents by the watch that began them [1]", _counted(plain["sources"])
    yield "stood longer than a day [1]", str(plain["stood_longer_than_a_day"])


def _counted(found: object) -> str:
    counts = cast("Mapping[str, int]", found)
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _write(path: Path, told: Told) -> None:
    from controller.cli import alarms_page, page  # noqa: PLC0415  # heavy

    found, promised = told.burden, told.policy.budgets.declared
    parts = [
        *alarms_page.parts(told.figures, told.policy.line),
        "<h2>Budgets of false alarms</h2>",
        page.table(_HEAD, _rows(found.budgets(promised))) if promised else page.said("The policy promises none."),
        "<h2>Incidents</h2>",
        page.table(("", ""), _facts(found.plain(promised))),
        "<h2>What these figures cannot say</h2>",
        page.said(*_LIMITS),
    ]
    paper.put(path, page.page(f"Alarms of line {told.policy.line}", parts))
