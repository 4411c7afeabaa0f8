"""The verb history: what the signals of a recorded run were."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.show import give, kept, people, writable

if TYPE_CHECKING:
    from controller.records.history import History, Point
    from controller.records.table import Bucket, Table

_SHOWN = 20


def add(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command()(history)


def instant(text: str | None, option: str = "") -> float | None:
    """Return an instant given as POSIX seconds or as ISO 8601, POSIX time [s]; without a zone it is UTC."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        said = "wanted POSIX seconds or a time such as 2026-03-02T14:05:00Z"
        raise Refused(f"{option}: found {text!r}, {said}".removeprefix(": ")) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def history(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="Record directory.")],
    *,
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="NAME", help="Tag; may be repeated.")] = None,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="T", help="First instant, ISO 8601 or POSIX s.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="T", help="Last instant.")] = None,
    buckets: Annotated[int | None, typer.Option(min=1, metavar="N", help="Least, mean, greatest in N times.")] = None,
    before: Annotated[str | None, typer.Option(metavar="T", help="The last value at that time or before.")] = None,
    at: Annotated[str | None, typer.Option(metavar="T", help="The whole line in the last cycle by then.")] = None,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="Table as .csv or .parquet.", callback=writable)
    ] = None,
    json: Json = None,
) -> int:
    """Show what signals were: a range, least, mean and greatest in buckets, the last before, the line at one instant.

    Without a tag or an instant it lists the tags there are. A run may go on meanwhile.
    """
    from controller.records.history import History  # noqa: PLC0415  # heavy

    span, by = (instant(begin, "--from"), instant(end, "--to")), instant(at, "--at")
    until = instant(before, "--before")
    with reading(), History(record) as there:
        _within(record, there.span(), (span[0], next((t for t in (by, until, span[1]) if t is not None), None)))
        if by is not None:
            result = _line(there, by, tag)
        elif not tag:
            result = _listed(there)
        elif before is not None:
            result = {name: _point(there, name, there.last(name, inf if until is None else until)) for name in tag}
        elif buckets is not None:
            result = {name: _bucket(there.buckets(name, *_whole(there, span), buckets)) for name in tag}
        else:
            first, last = span
            table = there.range(tag, -inf if first is None else first, inf if last is None else last)
            _put(table, out)
            result = _table(table)
    if json is None and out is None:
        _show(result)
    give(result, json)
    return 0


def _whole(there: History, span: tuple[float | None, float | None]) -> tuple[float, float]:
    first, last = there.span()
    return (first if span[0] is None else span[0], last if span[1] is None else span[1])


def _listed(there: History) -> dict[str, object]:
    first, last = there.span()
    tags = {name: {"unit": tag.unit, "length": tag.length} for name, tag in there.tags.items()}
    return {"from": first, "to": last, "tags": tags}


def _line(there: History, at: float, tags: list[str] | None) -> dict[str, object]:
    return {name: _point(there, name, point) for name, point in there.line(at).items() if not tags or name in tags}


def _point(there: History, name: str, point: Point | None) -> dict[str, object] | None:
    if point is None:
        return None
    value = point.value[0] if len(point.value) == 1 else list(point.value)
    return {"at": point.at, "value": value, "unit": there.tags[name].unit, "quality": point.quality.name.lower()}


def _bucket(found: Bucket) -> dict[str, object]:
    names = ("begins", "low", "mean", "high", "good", "cycles")
    return {name: getattr(found, name).tolist() for name in names}


def _table(table: Table) -> dict[str, object]:
    return {name: column if isinstance(column, list) else _plain(column) for name, column in table.columns()}


def _plain(column: object) -> list[object]:
    return list(column.tolist())  # type: ignore[attr-defined]  # it is an array


def _put(table: Table, out: str | None) -> None:
    from policies.sentences import counted  # noqa: PLC0415  # heavy

    if out is None:
        return
    if out.endswith(".parquet"):
        kept(out, table.to_parquet)
    elif out.endswith(".csv"):
        kept(out, table.to_csv)
    else:
        raise Refused(f"{out}: wanted a file that ends with .csv or .parquet")
    people.print(f"{out}: {counted(len(table.times), 'cycle')}", markup=False)


def _within(record: Path, whole: tuple[float, float], asked: tuple[float | None, float | None]) -> None:
    first, last = whole
    begin, end = asked
    if (begin is not None and begin > last) or (end is not None and end < first):
        there = f"from {_utc(first)} to {_utc(last)}"
        raise Refused(f"{record}: found no cycle at the time that was asked for, expected one {there}")


def _show(result: Mapping[str, object]) -> None:
    for name, said in list(result.items())[:_SHOWN]:
        _say(name, said)
    if len(result) > _SHOWN:
        people.print(f"and {len(result) - _SHOWN} more; --json - gives all", markup=False)


def _say(name: str, said: object) -> None:
    words = "no value by then" if said is None else str(said)
    if isinstance(said, dict):
        known = cast("dict[str, object]", said)
        if known.keys() == {"at", "value", "unit", "quality"}:
            words = f"{known['value']} {known['unit']}, {known['quality']}, at {_utc(cast('float', known['at']))}"
    elif isinstance(said, float) and name in {"from", "to"}:
        words = _utc(said)
    people.print(f"{name}: {words}", markup=False, overflow="ellipsis", no_wrap=True, crop=True, soft_wrap=False)


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
