"""Tables of tests on a plant, as historians and spreadsheets write them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path

import numpy as np

from controller.cli.ends import Refused
from controller.models.trial import Trial
from plant_io.signals import Floats
from policies.sentences import among

_ROLES: Mapping[str, tuple[str, ...]] = {
    "time": ("t", "time", "simtime", "simtime_s"),
    "output": ("pv", "cv", "y"),
    "input": ("mv", "mva", "u"),
    "known": ("dv", "d"),
}
_UNEVEN = 0.01


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column is what; nothing named means that names tell."""

    time: str | None = None
    """Column of the time."""
    outputs: tuple[str, ...] = ()
    """Measurements."""
    inputs: tuple[str, ...] = ()
    """Inputs that can be moved."""
    known: tuple[str, ...] = ()
    """Inputs that are only read."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A test with the roles of its columns."""

    trial: Trial
    """What was recorded."""
    roles: Roles
    """Which column is what."""


def read(path: Path, wanted: Roles, *, before: bool = False) -> Table:
    """Return the test in a CSV file.

    Rows at uneven times are put on even ones: inputs as they stood, measurements in between.

    Parameters
    ----------
    path
        The file.
    wanted
        Which column is what.
    before
        Whether the inputs of a row stood in the time before it, as a read-back shows them, rather than after it.

    Raises
    ------
    Refused
        If it is no table of numbers, a column is not there, or names do not tell what is what.
    OSError
        If it cannot be read.
    """
    columns = read_columns(path)
    roles = _roles(columns, wanted, path)
    time = columns[roles.time or ""]
    if not np.isfinite(time).all() or len(time) < 2 or not (np.diff(time) > 0.0).all():  # noqa: PLR2004  # one step
        raise Refused(f"{path}: {roles.time}: found times that do not grow from row to row, expected that they do")
    inputs = {name: columns[name] for name in (*roles.inputs, *roles.known)}
    if before:
        inputs = {name: np.append(values[1:], values[-1]) for name, values in inputs.items()}
    outputs = {name: columns[name] for name in roles.outputs}
    return Table(_even(time, inputs, outputs), roles)


def read_columns(path: Path) -> dict[str, Floats]:
    """Return the columns of a CSV file by name, each of shape ``(n,)``; not a number where a cell is empty.

    Raises
    ------
    Refused
        If it is no table of numbers.
    OSError
        If it cannot be read.
    """
    rows = _rows(path)
    if len(rows) < 2:  # noqa: PLR2004  # a header and a row
        there = "one line" if rows else "nothing"
        raise Refused(f"{path}: found {there}, expected a header and rows of numbers")
    header = [name.strip() for name in rows[0]]
    found = dict[str, Floats]()
    for i, name in enumerate(header):
        if name in found:
            raise Refused(f"{path}: found the column {name!r} twice, expected every name once")
        found[name] = np.array([_number(row, i, path, line) for line, row in enumerate(rows[1:], 2) if row])
    return found


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            sample = file.read(4096)
            file.seek(0)
            return list(csv.reader(file, delimiter=max(",;\t", key=sample.count)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(f"{path}: found bytes that are no text, expected a CSV file in UTF-8") from error


def _number(row: Sequence[str], i: int, path: Path, line: int) -> float:
    text = row[i].strip() if i < len(row) else ""
    if not text:
        return nan
    with suppress(ValueError):
        if isfinite(value := float(text)):
            return value
    raise Refused(f"{path}:{line}: found {text!r} in column {i + 1}, expected a number or nothing")


def _roles(columns: Mapping[str, Floats], wanted: Roles, path: Path) -> Roles:
    named = (*((wanted.time,) if wanted.time else ()), *wanted.outputs, *wanted.inputs, *wanted.known)
    for name in named:
        if name not in columns:
            raise Refused(f"{path}: found no column {name!r}, {among(columns, 'column', 'expected')}")
    told = {role: tuple(n for n in columns if _is(n, role) and n not in named) for role in _ROLES}
    time = wanted.time or next(iter((*told["time"], *columns)))
    rest = {role: tuple(n for n in names if n != time) for role, names in told.items()}
    roles = Roles(time, wanted.outputs or rest["output"], wanted.inputs or rest["input"], wanted.known or rest["known"])
    for names, option, example in ((roles.outputs, "--output", "PV.x"), (roles.inputs, "--input", "MV.u")):
        if not names:
            message = f"{path}: found no column whose name says so, expected {option} with one of"
            raise Refused(f"{message} {', '.join(columns)}, or names such as {example}")
    return roles


def _is(name: str, role: str) -> bool:
    head = name.lower().replace("_", ".").split(".")[0]
    return head in _ROLES[role] or (role in {"output", "input", "known"} and head.rstrip("0123456789") in _ROLES[role])


def _even(time: Floats, inputs: Mapping[str, Floats], outputs: Mapping[str, Floats]) -> Trial:
    steps = np.diff(time)
    period = float(np.median(steps))
    if (np.abs(steps - period) <= _UNEVEN * period).all():
        return Trial(period, inputs, outputs)
    even = np.arange(time[0], time[-1] + 0.5 * period, period)
    standing = np.clip(np.searchsorted(time, even + 1e-9 * period, side="right") - 1, 0, len(time) - 1)
    measured = dict[str, Floats]()
    for name, values in outputs.items():
        there = np.isfinite(values)
        measured[name] = np.interp(even, time[there], values[there])
    return Trial(period, {name: values[standing] for name, values in inputs.items()}, measured)
