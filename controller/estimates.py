"""What is believed of a line, and what an estimator is: one step of the model, corrected by what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isfinite, nan
from typing import Protocol

import numpy as np

from plant_io.flags import finite
from plant_io.signals import Floats
from plant_io.values import quick


@quick
@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """State of the control model with its doubt; equal means bit for bit."""

    x: Floats
    """States, shape ``(n_x,)``, units of the model."""
    p: Floats
    """Covariance of the states, or of those in doubt, shape ``(n, n)``, products of the units of the model."""
    innovations: Mapping[str, float]
    """Measured minus predicted by measurement, in its unit; not a number where nothing fresh came."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Estimate) and self._bits() == other._bits()

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    def _bits(self) -> tuple[object, ...]:
        innovations = np.array(list(self.innovations.values()))
        return self.x.tobytes(), self.p.tobytes(), tuple(self.innovations), innovations.tobytes()


class Estimator(Protocol):
    """Follows a line from its inputs and its measurements, one step at a time; keeps nothing itself."""

    def start(self, inputs: Floats, known: Floats, measured: Mapping[str, float]) -> Estimate:
        """Return the state of rest that agrees with inputs and measurements, with great doubt about it.

        Parameters
        ----------
        inputs
            Inputs in force, shape ``(n_u,)``, units of the model.
        known
            Known inputs, shape ``(n_w,)``, units of the model.
        measured
            Measurements by name, each in its unit; those missing are taken to agree with the model.
        """
        ...

    def step(self, estimate: Estimate, inputs: Floats, known: Floats, fresh: Mapping[str, float]) -> Estimate:
        """Return what is believed one step later.

        What is not finite is not believed: a measurement is left out, a correction is not made, and with unusable
        inputs everything stays as it was.

        Parameters
        ----------
        estimate
            What was believed.
        inputs
            Inputs in force during the step, shape ``(n_u,)``, units of the model.
        known
            Known inputs during the step, shape ``(n_w,)``, units of the model.
        fresh
            Measurements of the end of the step by name, each in its unit.
        """
        ...


Filtered = tuple[Floats, Floats, Floats]
"""States ``(n_x,)``, covariance ``(n, n)`` and innovations ``(n_m,)`` after one step, units of the model."""


def corrected(
    old: Estimate, names: Iterable[str], fresh: Mapping[str, float], attempt: Callable[[Floats, Floats], Filtered]
) -> Estimate:
    """Return what one step of a filter makes of an estimate; what is not finite is not believed.

    Parameters
    ----------
    old
        What was believed.
    names
        All measurements, in the order of the model.
    fresh
        Those at hand by name, each in its unit.
    attempt
        Makes the step with readings, shape ``(n_m,)``, in their units, and which of them are fresh, ``(n_m,)`` [1].
    """
    names = tuple(names)
    found = {name: value for name, value in fresh.items() if isfinite(value)}
    for believed in (found, dict[str, float]()):
        readings, there, beyond = np.zeros(len(names)), np.zeros(len(names)), dict.fromkeys(names, nan)
        places = [(i, name) for i, name in enumerate(names) if name in believed]
        for i, name in places:
            readings[i], there[i] = believed[name], 1.0
        x, p, innovations = attempt(readings, there)
        if finite(x) and finite(p):
            beyond |= {name: innovations.item(i) for i, name in places}
            return Estimate(x, p, beyond)
    return Estimate(old.x, old.p, dict.fromkeys(names, nan))
