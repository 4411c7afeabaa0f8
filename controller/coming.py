"""What is announced before it comes: known inputs and targets over the samples of the horizon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from plant_io import Snapshot
from plant_io.signals import Floats
from policies.units import convert


@dataclass(frozen=True, slots=True)
class Announced:
    """How one value is announced."""

    next: float | str
    """Value that comes next, in `unit`, or the tag that shows it."""
    unit: str
    """UCUM code of the value as it is written or shown."""
    model_unit: str
    """UCUM code of the value in the model."""
    at: str
    """Tag that shows the time left until it comes."""
    unit_s: float
    """Seconds per unit of that tag [s]."""

    @classmethod
    def of(cls, said: tuple[float | str, str], unit: str, model_unit: str, units: Mapping[str, str]) -> Announced:
        """Return what is `said` of what comes: the value, in `unit` where it is a number, and the tag of the time."""
        coming, at = said
        shown = units[coming] if isinstance(coming, str) else unit
        return cls(coming, shown, model_unit, at, convert(1.0, units[at], "s"))

    def look(self, seen: Snapshot) -> tuple[float, float] | None:
        """Return how long it is until a value comes [s], and the value in the unit of the model; None if none does."""
        left = seen.good(self.at)
        value = seen.good(self.next) if isinstance(self.next, str) else self.next
        if left is None or value is None or left <= 0.0:
            return None
        return left * self.unit_s - (seen.at - seen.taken(self.at)), convert(value, self.unit, self.model_unit)


def ahead(now: Floats, announced: Mapping[int, Announced], seen: Snapshot, span: tuple[int, float]) -> Floats:
    """Return values over the horizon, shape ``(horizon + 1, n)``; `now` as it is where nothing is announced.

    A value holds from the sample on that begins nearest to its time.

    Parameters
    ----------
    now
        Present values, shape ``(n,)``, units of the model.
    announced
        How values are announced, by their place in `now`.
    seen
        The line.
    span
        Samples of the horizon [1], and length of a sample [s].
    """
    horizon, sample_s = span
    found = {i: come for i, each in announced.items() if (come := each.look(seen)) is not None}
    firsts = {i: round(max(after_s, 0.0) / sample_s) for i, (after_s, _) in found.items()}
    if not any(first <= horizon for first in firsts.values()):
        return now
    values = np.tile(now, (horizon + 1, 1))
    for i, (_, value) in found.items():
        values[firsts[i] :, i] = value
    return values
