"""The truth log of a run: one row per period, from which every score is computed."""

from __future__ import annotations

import os
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from plant_io.signals import Floats

Truth = Mapping[str, Floats]
"""Columns of a truth log by name, each of shape ``(rows,)``; ``time`` is plant time [s]."""


class TruthLog:
    """Rows of truth, kept until they are saved."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._cells = array("d")

    def add(self, row: Mapping[str, float]) -> None:
        """Keep one `row`, each value in the unit of its column.

        Raises
        ------
        ValueError
            If it has other columns than the first.
        """
        if not self._names:
            self._names = tuple(row)
        if tuple(row) != self._names:
            raise ValueError("a truth log has the same columns in every row")
        self._cells.extend(row.values())

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
        draft = path.with_name(path.name + ".part")
        with draft.open("wb") as file:
            if path.suffix == ".csv":
                np.savetxt(file, self._table(), delimiter=",", header=",".join(self._names), comments="", fmt="%.17g")
            else:
                np.savez_compressed(file, names=np.array(self._names), table=self._table())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def _table(self) -> Floats:
        return np.array(self._cells).reshape(-1, max(1, len(self._names)))


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


def _by_name(names: Sequence[str], table: Floats) -> Truth:
    return {name: table[:, i] for i, name in enumerate(names)}
