"""Results of batches read from a table, with every mistake told by its place."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from anomaly.oot.study import Row

BATCH, AGE, UNIT = "batch", "age", "unit"
_BELOW = "<"


@dataclass(slots=True)
class Table:
    """Results of batches."""

    rows: list[Row] = field(default_factory=list[Row])
    """Results, in the order of the file."""
    doubts: list[str] = field(default_factory=list[str])
    """What is used and doubted, one sentence each."""


def table(path: Path, columns: Sequence[str], unit: str) -> Table:
    """Return the results in a file: columns `batch`, those asked for, and `age` where it has one.

    A result below its limit of quantification is written with the limit, such as ``<0.05``. Columns that are not asked
    for are factors. A column `unit` says the unit of each row.

    Parameters
    ----------
    path
        Table separated by commas or semicolons, with a head.
    columns
        Columns with results or other numbers.
    unit
        UCUM code of the results.

    Raises
    ------
    ValueError
        If a column is not there, or a cell cannot be used.
    """
    text = path.read_text(encoding="utf-8-sig")
    head = text.split("\n", 1)[0]
    reader = csv.DictReader(text.splitlines(), delimiter=";" if head.count(";") > head.count(",") else ",")
    there = reader.fieldnames or ()
    lost = [name for name in (BATCH, *columns) if name not in there]
    if lost:
        raise ValueError(f"{path}:1: found no column {', '.join(lost)}; there are {', '.join(there) or 'none'}")
    found, seen = Table(), dict[tuple[str, float | None], int]()
    for line, cells in enumerate(reader, 2):
        place = f"{path}:{line}"
        row = _row({name: (cell or "").strip() for name, cell in cells.items() if name}, columns, unit, place)
        if not row.batch:
            raise ValueError(f"{place}: {BATCH}: found nothing, expected the number of the batch")
        key = row.batch, row.age
        if AGE in there and row.values and key in seen:
            old = " at that age" if row.age is not None else ""
            found.doubts.append(f"{place}: batch {row.batch} has a result{old} in line {seen[key]} already; both count")
        seen[key] = line
        found.rows.append(row)
    found.doubts += _backwards(found.rows, path)
    return found


def _row(cells: Mapping[str, str], columns: Sequence[str], unit: str, place: str) -> Row:
    said = cells.get(UNIT, "")
    if said and said != unit:
        raise ValueError(f"{place}: {UNIT}: found {said}, expected {unit}; results in another unit are never mixed in")
    values, below = dict[str, float](), list[str]()
    for name in columns:
        if cells[name]:
            values[name] = _number(cells[name].removeprefix(_BELOW).strip(), f"{place}: {name}")
            if cells[name].startswith(_BELOW):
                below.append(name)
    age = cells.get(AGE, "")
    factors = {name: cell for name, cell in cells.items() if name not in {BATCH, AGE, UNIT, *columns}}
    at = _number(age, f"{place}: {AGE}") if age else None
    return Row(batch=cells[BATCH], age=at, values=values, below=tuple(below), factors=factors)


def _number(text: str, place: str) -> float:
    try:
        found = float(text)
    except ValueError:
        raise ValueError(
            f"{place}: found {text!r}, expected a number, or one behind a < where it is below it"
        ) from None
    if not isfinite(found):
        raise ValueError(f"{place}: found {text!r}, expected a finite number")
    if found < 0.0:
        raise ValueError(f"{place}: found the negative result {found:g}")
    return found


def _backwards(rows: Sequence[Row], path: Path) -> Iterator[str]:
    newest: dict[str, float] = {}
    for line, row in enumerate(rows, 2):
        if row.age is not None and row.age < newest.get(row.batch, row.age):
            last = newest[row.batch]
            yield f"{path}:{line}: batch {row.batch} at {row.age:g} stands behind {last:g}; results are taken by age"
        if row.age is not None:
            newest[row.batch] = max(row.age, newest.get(row.batch, row.age))
