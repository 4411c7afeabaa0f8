"""Identification of line B from a commissioning record: what the tags showed, and assays of thief samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from controller.models.process import Fit, Parameter, Process
from controller.soft.path import step
from plant_io.signals import Floats

TANKS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
"""Numbers of mixed tanks that are tried for the residence-time path [1]."""

_SECONDS_PER_HOUR = 3600.0
_GUESS_KG = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What was seen during commissioning, at equal steps of time from a steady state on."""

    period_s: float
    """Time between two rows [s]."""
    flows: Floats
    """Flow readings of API and excipient, shape ``(n, 2)`` [kg/h]."""
    assays: Floats
    """API in the dry mass of samples behind the mill, shape ``(n,)`` [%]; not a number where none was taken."""


class _Path(NamedTuple):
    """A row of equal mixed tanks."""

    number: int
    """Number of tanks [1]."""
    mass: float
    """Mass that each holds [kg]."""
    mass_sd: float
    """Standard error of the mass [kg]."""
    error: float
    """Relative error of the API feeder [1]."""
    cost: float
    """Half the sum of squared residuals, in standard deviations of an assay [1]."""


def identify(record: Record, assay_sd: float, seed: int, how: str) -> Process:
    """Return the parameters that explain the first two thirds of a record best, tested on the rest.

    The path from the feeders to the mill is a row of equal mixed tanks, of the number that fits best. A constant feed
    error is fitted along with them and forgotten.

    Parameters
    ----------
    record
        What was seen.
    assay_sd
        Standard deviation of one assay [%].
    seed
        Seed the record was made with [1].
    how
        How the record was made, in words.

    Raises
    ------
    ValueError
        If the fit does not converge.
    """
    rows = len(record.assays)
    split = rows * 2 // 3
    found = min((_fit(record, assay_sd, split, number) for number in TANKS), key=lambda path: path.cost)
    tank = Parameter(value=found.mass, sd=found.mass_sd, unit="kg")
    return Process.model_validate(
        {
            "schema": "steadyline.process/1",
            "model": "line_b",
            "how": how,
            "seed": seed,
            "fitted_s": record.period_s * split,
            "tested_s": record.period_s * (rows - split),
            "parameters": {f"tank_{i}": tank for i in range(1, found.number + 1)},
            "report": {"api": judge(record.assays[split:], _shown(record, found)[split:], "%")},
        }
    )


def judge(seen: Floats, predicted: Floats, unit: str) -> Fit:
    """Return how well a reading was predicted.

    Parameters
    ----------
    seen
        What was seen, shape ``(n,)``, in `unit`; not a number where nothing was.
    predicted
        What was predicted, shape ``(n,)``, in `unit`.
    unit
        UCUM code.
    """
    there = np.isfinite(seen)
    off, varied = seen[there] - predicted[there], seen[there] - np.mean(seen[there])
    r2 = 1.0 - float(off @ off) / float(varied @ varied)
    return Fit(unit=unit, rmse=float(np.sqrt(np.mean(off**2))), r2=r2, samples=int(there.sum()))


def _fit(record: Record, assay_sd: float, split: int, number: int) -> _Path:
    from scipy.optimize import least_squares  # noqa: PLC0415  # slow to import

    cut = Record(record.period_s, record.flows[:split], record.assays[:split])
    there = np.isfinite(cut.assays)

    def residuals(theta: Floats) -> Floats:
        path = _Path(number, float(np.exp(theta[0])), 0.0, float(theta[1]), 0.0)
        off: Floats = (_shown(cut, path) - cut.assays)[there] / assay_sd
        return off

    guess = np.array([np.log(_GUESS_KG / number), 0.0])
    found = least_squares(residuals, guess, x_scale=np.array([1.0, 0.1]))
    if not found.success:
        raise ValueError(f"identification did not converge: {found.message}")
    slopes, mass = np.asarray(found.jac), float(np.exp(found.x[0]))
    spread = np.sqrt(np.diag(np.linalg.pinv(slopes.T @ slopes)))
    return _Path(number, mass, mass * float(spread[0]), float(found.x[1]), float(found.cost))


def _shown(record: Record, path: _Path) -> Floats:
    """Return the API content behind the mill along a record, shape ``(n,)`` [%]."""
    api, exc = record.flows[:, 0] * (1.0 + path.error), record.flows[:, 1]
    passed = (api + exc) * record.period_s / _SECONDS_PER_HOUR
    fed = 100.0 * api / (api + exc)
    tanks, masses = (float(fed[0]),) * path.number, (path.mass,) * path.number
    along = np.empty(len(fed))
    for k, (inlet, kilograms) in enumerate(zip(fed.tolist(), passed.tolist(), strict=True)):
        tanks = step(tanks, inlet, kilograms, masses)
        along[k] = tanks[-1]
    return along
