"""What tags showed around the opening of a case, out of the records, where no library froze a window."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from anomaly.cases import Case
from controller.cases.history import Kept
from controller.records.history import History
from plant_io import Quality

_BEFORE_S, _AFTER_S, _POINTS, _MOST = 3600.0, 600.0, 400, 6


class Curve(NamedTuple):
    """What one tag showed."""

    tag: str
    """The tag."""
    unit: str
    """UCUM code."""
    minutes: list[float]
    """Time from the opening [min]."""
    values: list[float | None]
    """Good values, in `unit`; None where there was none."""


def curves(case: Case, records: Iterable[Kept]) -> list[Curve]:
    """Return what the tags of a case showed from an hour before its onset to ten minutes after its opening.

    Parameters
    ----------
    case
        The case.
    records
        Records of the line.

    Raises
    ------
    ValueError
        If a record cannot be read.
    """
    one = case.evidence
    there = next((each for each in records if each.begun <= one.at <= each.ended), None)
    if one.window is not None or there is None:
        return []
    units = {value.tag: value.unit for value in one.values[:_MOST]}
    with History(there.directory) as history:
        table = history.range(tuple(units), one.onset - _BEFORE_S, one.at + _AFTER_S)
    every = max(1, len(table.times) // _POINTS)
    minutes: list[float] = ((table.times[::every] - one.at) / 60.0).tolist()
    found = list[Curve]()
    for tag, unit in units.items():
        column = np.atleast_2d(table.values[tag].T)[0][::every].tolist()
        good = (table.quality[tag][::every] == int(Quality.GOOD)).tolist()
        values = [value if fine and np.isfinite(value) else None for value, fine in zip(column, good, strict=True)]
        found.append(Curve(tag, unit, minutes, values))
    return found
