"""Tags written as a table (CSV, RFC 4180): one row for each tag, in columns named as the keys of a tag are.

``low`` and ``high`` are the two ends of ``range``; an empty cell is a key that is not written; a list has blanks
between its entries. Cells may be parted by commas, semicolons or tabs. A row that begins with ``#`` is a remark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from policies.check_shape import Form, form, hint, listed
from policies.errors import Problem
from policies.model import Policy
from policies.positions import Document, Mark, Path, dotted, resolved

_NAME, _LOW, _HIGH = "name", "low", "high"
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class _Cell:
    """One cell, and where it stands."""

    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class _Table:
    """A file that is being read into a document."""

    document: Document
    file: str
    shape: Form

    def mark(self, cell: _Cell) -> Mark:
        return Mark(cell.line, cell.column, self.file)

    def wrong(self, cell: _Cell, path: str, message: str) -> None:
        self.document.problems.append(Problem(self.file, cell.line, cell.column, path, message))


def merge(document: Document, data: bytes, file: str) -> None:
    """Add the tags of a table to a policy that is being read; what is wrong with it becomes a problem of the policy.

    Parameters
    ----------
    document
        The policy.
    data
        The table.
    file
        Its name, for messages.
    """
    section = cast("dict[str, object]", document.data)
    tags = section.setdefault("tags", {}) if isinstance(document.data, dict) else None
    if not isinstance(tags, dict):
        return
    document.values.setdefault(("tags",), Mark(1, 1, file))
    table = _Table(document, file, form(Policy))
    try:
        rows = _rows(data.decode("utf-8-sig"), table)
    except UnicodeDecodeError as error:
        before = data[: error.start]
        place = _Cell("", before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        table.wrong(place, "", f"found the byte 0x{data[error.start]:02x}, expected text in UTF-8")
        return
    header = next(rows, [_Cell("", 1, 1)])
    columns = _columns(header, table)
    if columns is not None:
        for row in rows:
            _row(row, columns, cast("dict[str, object]", tags), table)


def _rows(text: str, table: _Table) -> Iterator[list[_Cell]]:
    """Give the rows that say something."""
    parted = max(_DELIMITERS, key=text.partition("\n")[0].count)
    quoted, plain = r' *"(?P<quoted>(?:[^"]|"")*)" *', rf'(?P<plain>[^"{parted}\r\n]*)'
    pattern = re.compile(rf"(?:{quoted}|{plain})(?P<end>{parted}|\r?\n|\Z)")
    line, begin, at = 1, 0, 0
    row: list[_Cell] = []
    while (match := pattern.match(text, at)) is not None:
        held = match["plain"] if match["quoted"] is None else match["quoted"].replace('""', '"')
        row.append(_Cell(held.strip(), line, at - begin + 1))
        breaks, at = match[0].count("\n"), match.end()
        if breaks:
            line, begin = line + breaks, text.rfind("\n", 0, at) + 1
        if match["end"] == parted:
            continue
        if any(cell.text for cell in row) and not row[0].text.startswith("#"):
            yield row
        row = []
        if at == len(text):
            return
    table.wrong(_Cell("", line, at - begin + 1), "", "found a quotation mark inside a cell, expected it doubled")


def _columns(header: Sequence[_Cell], table: _Table) -> list[tuple[str, ...] | None] | None:
    """Return the keys of the columns, None for one that cannot be used; None if there are no names."""
    keys = [key for key in table.shape.child("tags").child("A").keys if key != "range"]
    known, seen = [_NAME, _LOW, _HIGH, *keys], set[str]()
    found: list[tuple[str, ...] | None] = []
    for cell in header:
        usable = cell.text.partition(".")[0] in known and cell.text not in seen
        found.append(tuple(cell.text.split(".")) if usable else None)
        if cell.text in seen:
            table.wrong(cell, cell.text, "written twice, expected it once")
        elif cell.text and not usable:
            meant = hint(cell.text, known) or f"; known are {listed(known, 'and')}"
            table.wrong(cell, cell.text, f"unknown column{meant}")
        seen |= {cell.text} - {""}
    if (_NAME,) in found:
        return found
    table.wrong(header[0], _NAME, "missing, expected a column with the names of the tags")
    return None


def _row(
    row: Sequence[_Cell], columns: Sequence[tuple[str, ...] | None], tags: dict[str, object], table: _Table
) -> None:
    if len(row) != len(columns):
        table.wrong(
            row[0], f"line {row[0].line}", f"found {len(row)} cells, expected {len(columns)} as in the first line"
        )
        return
    cells = {key: cell for key, cell in zip(columns, row, strict=True) if key is not None and cell.text}
    named = cells.pop((_NAME,), None)
    if named is None:
        table.wrong(row[0], f"line {row[0].line}", "missing, expected the name of a tag")
        return
    here: Path = ("tags", named.text)
    if named.text in tags:
        first = table.document.keys[here]
        place = f"line {first.line} of {first.file or table.document.name}"
        table.wrong(named, dotted(here), f"written twice, first in {place}; expected it once")
        return
    table.document.keys[here] = table.document.values[here] = table.mark(named)
    tags[named.text] = tag = dict[str, object]()
    ends = [cells.pop((end,), None) for end in (_LOW, _HIGH)]
    given = [end for end in ends if end is not None]
    if given:
        tag["range"] = [None if end is None else resolved(end.text) for end in ends]
        _place(table, (*here, "range"), given[0])
        for i, end in enumerate(ends):
            _place(table, (*here, "range", i), end or given[0])
    for key, cell in cells.items():
        _put(tag, (*here, *key), cell, table)


def _put(tag: dict[str, object], path: Path, cell: _Cell, table: _Table) -> None:
    """Write one cell into a tag: as text where the key holds text, as a list where it holds one."""
    section = tag
    for i, part in enumerate(path[2:-1], 3):
        _place(table, path[:i], cell)
        section = cast("dict[str, object]", section.setdefault(str(part), {}))
    parts = cell.text.split()
    match table.shape.at(table.document.data, path).core.get("type"):
        case "string":
            section[str(path[-1])] = cell.text
        case "array":
            section[str(path[-1])] = [resolved(part) for part in parts]
            for i in range(len(parts)):
                _place(table, (*path, i), cell)
        case _:
            section[str(path[-1])] = resolved(cell.text)
    _place(table, path, cell)


def _place(table: _Table, path: Path, cell: _Cell) -> None:
    table.document.keys.setdefault(path, table.mark(cell))
    table.document.values.setdefault(path, table.mark(cell))
