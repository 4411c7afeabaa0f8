"""Recorded results read from files: chromatograms as lists of peaks, or values of tags as a table."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import cast

from controller.soft.intake import Found, Memory, Method, Result, Taken, take
from controller.soft.peaks import sizes
from policies.sentences import counted

_TIME = "at"
_NEEDED = ("sequence", "at", "peaks")


@dataclass(slots=True)
class Recorded:
    """What a file holds, in the order of sampling."""

    rows: dict[float, dict[str, float]] = field(default_factory=dict[float, dict[str, float]])
    """Values by tag, by time of sampling, POSIX time [s]."""
    refused: list[str] = field(default_factory=list[str])
    """What is not used, one sentence each."""
    doubts: list[str] = field(default_factory=list[str])
    """What is used and doubted, one sentence each."""
    strangers: list[str] = field(default_factory=list[str])
    """Unknown peaks, one sentence each."""


def table(path: Path) -> Recorded:
    """Return a table of tags over time: a column `at` and one for each tag.

    Raises
    ------
    ValueError
        If it has no times, or a cell is no number.
    """
    found = Recorded()
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if _TIME not in (reader.fieldnames or ()):
            raise ValueError(f"{path}:1: found no column {_TIME}, the time of sampling, POSIX time in s")
        for line, row in enumerate(reader, 2):
            found.rows[_number(row[_TIME], f"{path}:{line}: {_TIME}")] = {
                tag: _number(text, f"{path}:{line}: {tag}") if text else nan
                for tag, text in row.items()
                if tag != _TIME
            }
    found.rows = dict(sorted(found.rows.items()))
    return found


def chromatograms(path: Path, name: str, method: Method) -> Recorded:
    """Return chromatograms, one JSON object in a line, as the tags of a list of peaks.

    Each has `sequence`, `at` (when its sample was taken, POSIX time in s) and `peaks`, a list of `rrt`, `area` and
    `name` or null; it may have `version` of the method, `sample` and `unit`. Of injections of one sample the newest
    counts.

    Parameters
    ----------
    path
        The file.
    name
        Name of the list of peaks.
    method
        Its method.

    Raises
    ------
    ValueError
        If a line is no chromatogram.
    """
    found, memory, taken = Recorded(), Memory(), list[Taken]()
    for place, result in _results(path):
        memory, one, why = take(result, memory, method)
        if one is None:
            found.refused.append(f"{place}: {why}; it is not used")
            continue
        taken.append(one)
        late = ["it came late, and stands at its time of sampling"] if one.late else []
        again = ["its sample was injected before; the newer injection counts"] if one.again else []
        found.doubts += [f"{place}: injection {result.sequence}: {said}" for said in (*one.doubts, *late, *again)]
    found.strangers = [
        f"{one.name}: {one.size:.3g} in the newest of {counted(one.count, 'result')} with it"
        for one in memory.strangers
    ]
    tags = (name, *(f"{name}.{known}" for known in method.listed))
    for one in sorted(_newest(taken), key=lambda each: each.result.taken):
        values = dict(zip(tags, sizes(one), strict=True))
        found.rows[one.result.taken] = values | ({f"{name}.STRETCH": one.stretch} if method.stretch else {})
    return found


def _newest(taken: Sequence[Taken]) -> Iterator[Taken]:
    by_sample = {one.result.sample: one for one in taken if one.result.sample}
    for one in taken:
        if not one.result.sample or by_sample[one.result.sample] is one:
            yield one


def _results(path: Path) -> Iterator[tuple[str, Result]]:
    for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not text.strip():
            continue
        place = f"{path}:{line}"
        try:
            data: object = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"{place}:{error.colno}: this is no JSON: {error.msg.lower()}") from None
        yield place, _result(data, place)


def _result(data: object, place: str) -> Result:
    if not isinstance(data, dict):
        raise ValueError(f"{place}: expected an object with {', '.join(_NEEDED)}")  # noqa: TRY004  # it is a file
    said = cast("Mapping[str, object]", data)
    missing = [key for key in _NEEDED if key not in said]
    if missing or not isinstance(said["peaks"], list):
        raise ValueError(f"{place}: found no {', '.join(missing or ['list of peaks'])}")
    peaks = [_peak(one, place) for one in cast("list[object]", said["peaks"])]
    words = {key: str(said[key]) for key in ("version", "sample", "unit") if key in said}
    sequence = _number(said["sequence"], f"{place}: sequence")
    return Result(round(sequence), _number(said["at"], f"{place}: at"), tuple(peaks), **words)


def _peak(data: object, place: str) -> Found:
    if not isinstance(data, dict):
        raise ValueError(f"{place}: expected peaks with rrt, area and name")  # noqa: TRY004  # it is a file
    said = cast("Mapping[str, object]", data)
    name = said.get("name")
    rrt, area = (_number(said.get(key), f"{place}: {key} of a peak") for key in ("rrt", "area"))
    return Found(rrt, area, None if name is None else str(name))


def _number(value: object, place: str) -> float:
    try:
        return float(cast("float", value))
    except (TypeError, ValueError):
        raise ValueError(f"{place}: found {value!r}, expected a number") from None
