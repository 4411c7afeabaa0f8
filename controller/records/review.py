"""The audit trail of a record, to be read by people and kept by others: CSV, JSON lines, and a page of HTML."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import Any

from controller.records.entry import Entry, audited, entries

COLUMNS = (
    "seq", "utc", "local", "who", "kind", "what", "subject", "old", "new", "why", "exception", "clock", "offset_s"
)  # fmt: skip
"""Columns of a written trail."""


def trail(directory: Path) -> Iterator[dict[str, Any]]:
    """Give every entry of the audit trail, oldest first, with its times in words.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read, or was made before records held an audit trail.
    """
    for entry in entries(directory):
        if entry.version == 1:
            raise ValueError(f"{directory}: a record of format 1 holds no audit trail; its cycles can be replayed")
        if entry.kind == "audit":
            yield _told(entry)


def newest(directory: Path, count: int, *, exceptions: bool = False) -> list[dict[str, Any]]:
    """Return the newest entries of the audit trail, newest first; a record that grows is read as it is now.

    Parameters
    ----------
    directory
        Record directory.
    count
        Most entries [1].
    exceptions
        Whether only what a review looks at first is wanted.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read.
    """
    said = (_told(entry) for entry in audited(directory))
    return list(islice((one for one in said if one["exception"] or not exceptions), count))


def _told(entry: Entry) -> dict[str, Any]:
    said = entry.content()
    at = datetime.fromtimestamp(said["at"], UTC)
    local = at.astimezone(timezone(timedelta(minutes=said["zone_min"])))
    times = {"utc": at.isoformat(timespec="milliseconds"), "local": local.isoformat(timespec="milliseconds")}
    return {"seq": entry.seq} | times | said


def to_jsonl(done: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Write one JSON object a line.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    lines = (json.dumps({name: each[name] for name in COLUMNS}, ensure_ascii=False) + "\n" for each in done)
    file.write_text("".join(lines), encoding="utf-8")


def to_csv(done: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Write a CSV file; old and new values are JSON where they are no text.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows([safe(each[name]) for name in COLUMNS] for each in done)


def safe(value: object) -> str:
    """Return a value as a cell; a text that a spreadsheet would take for a formula gets an apostrophe before it.

    Examples
    --------
    >>> safe("=1+1"), safe([1, 2.5]), safe(None)
    ("'=1+1", '[1, 2.5]', '')
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value)
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
