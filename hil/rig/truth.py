"""The truth log of a run: one row per period, from which every score is computed."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from struct import Struct
from typing import IO, Protocol

import numpy as np

from plant_io.signals import Floats

_LABEL = "# fault "

Truth = Mapping[str, Floats]
"""Columns of a truth log by name, each of shape ``(rows,)``; ``time`` is plant time [s]."""


class Ruined(ArithmeticError):  # noqa: N818  # the state of the plant, in the words of the rig
    """A simulated plant came to its end; it names the unit operation.

    Parameters
    ----------
    what
        What happened, and where.
    truth
        The truth until then.
    labels
        What was really to go wrong, as plain values, one for each fault.
    """

    def __init__(self, what: str, truth: Truth, labels: Sequence[Mapping[str, object]] = ()) -> None:
        super().__init__(what)
        self.truth = truth
        """The truth until then."""
        self.labels = tuple(labels)
        """What was really to go wrong."""


class TruthLog:
    """Rows of truth, kept until they are saved.

    Parameters
    ----------
    labels
        What will really go wrong, as plain values, one for each fault.
    """

    def __init__(self, labels: Sequence[Mapping[str, object]] = ()) -> None:
        self.labels = tuple(labels)
        """What will really go wrong."""
        self._names: tuple[str, ...] = ()
        self._packed = Struct("").pack
        self._cells = array("d")
        self._spilt: IO[bytes] | None = None

    def spill(self, path: Path) -> None:
        """Write every row beside where the log is to be left, at once, so that it outlives this process.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        self._spilt = _spilt(path).open("wb", buffering=0)

    def add(self, row: Mapping[str, float]) -> None:
        """Keep one `row`, each value in the unit of its column.

        Raises
        ------
        ValueError
            If it has other columns than the first.
        """
        if not self._names:
            self._names, self._packed = tuple(row), Struct(f"{len(row)}d").pack
            if self._spilt is not None:
                self._spilt.write(json.dumps(self._names).encode() + b"\n")
        if tuple(row) != self._names:
            raise ValueError("a truth log has the same columns in every row")
        cells = self._packed(*row.values())
        self._cells.frombytes(cells)
        if self._spilt is not None:
            self._spilt.write(cells)

    def columns(self) -> Truth:
        """Return the log by column."""
        return _by_name(self._names, self._table())

    def save(self, path: Path) -> None:
        """Write the log so that it is there whole or not at all; CSV if `path` ends in ``.csv``, else NPZ.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        if self._spilt is not None:
            self._spilt.close()
        draft = path.with_name(path.name + ".part")
        with draft.open("wb") as file:
            if path.suffix == ".csv":
                _table_to(file, self.columns(), self.labels)
            else:
                told = np.array([json.dumps(label) for label in self.labels], np.str_)
                np.savez_compressed(file, names=np.array(self._names), table=self._table(), labels=told)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def _table(self) -> Floats:
        return np.array(self._cells).reshape(-1, max(1, len(self._names)))


class Traced:
    """Let a plant take a step; if that is its end, keep the truth until then.

    Parameters
    ----------
    log
        The truth until then.

    Raises
    ------
    Ruined
        If it came to its end.
    """

    __slots__ = ("_log",)

    def __init__(self, log: TruthLog) -> None:
        self._log = log

    def __enter__(self) -> None:
        """Begin the step."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """End it."""
        if isinstance(error, ArithmeticError):
            raise Ruined(str(error), self._log.columns(), self._log.labels) from error


class End(Protocol):
    """How a plant or its process came to its end."""

    @property
    def truth(self) -> Truth:
        """The truth until then."""
        ...

    @property
    def labels(self) -> Sequence[Mapping[str, object]]:
        """What was really to go wrong."""
        ...


def write(end: End, path: Path) -> None:
    """Write the truth of a plant until its end as a table, CSV.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        _table_to(file, end.truth, end.labels)


def labels_in(path: Path) -> list[Mapping[str, object]]:
    """Return what really went wrong, as a saved truth log tells it.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if path.suffix == ".csv":
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [line.removeprefix(_LABEL) for line in lines if line.startswith(_LABEL)]
    else:
        with np.load(path) as saved:
            found = [str(each) for each in saved["labels"]]
    return [json.loads(each) for each in found]


def load(path: Path) -> Truth:
    """Return a saved truth log.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if path.suffix == ".csv":
        with path.open(encoding="utf-8") as file:
            names = file.readline().strip().split(",")
            return _by_name(names, np.loadtxt(file, delimiter=",", ndmin=2)) if names != [""] else {}
    with np.load(path) as saved:
        return _by_name(saved["names"].tolist(), np.asarray(saved["table"], np.float64))


def left(path: Path) -> Truth:
    """Return the truth that a process left: the log saved at its end, or else the rows it spilt until then.

    Raises
    ------
    OSError
        If they cannot be read.
    """
    if path.exists() or not _spilt(path).exists():
        return load(path)
    head, _, cells = _spilt(path).read_bytes().partition(b"\n")
    names = json.loads(head or b"[]")
    width = 8 * max(1, len(names))
    whole = cells[: len(cells) // width * width]
    return _by_name(names, np.frombuffer(whole, np.float64).reshape(-1, max(1, len(names))))


def _spilt(path: Path) -> Path:
    return path.with_name(path.name + ".rows")


def _table_to(file: IO[bytes], truth: Truth, labels: Sequence[Mapping[str, object]]) -> None:
    """Write a table, CSV; after it each fault, as a comment."""
    table = np.column_stack([*truth.values()]) if truth else np.empty((0, 0))
    told = "\n".join(_LABEL + json.dumps(label) for label in labels)
    np.savetxt(file, table, delimiter=",", header=",".join(truth), footer=told, comments="", fmt="%.17g")


def _by_name(names: Sequence[str], table: Floats) -> Truth:
    return {name: table[:, i] for i, name in enumerate(names)}
