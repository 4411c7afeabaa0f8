"""Identification of a tablet press: by how much a tablet is heavier when it takes more force to compress it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from controller.models.process import Fit, Parameter, Process
from plant_io.signals import Floats
from plant_io.sums import inverse

FEWEST = 12
"""Fewest results a slope is identified from [1]."""

BY_FORCE, MG_PER_KN = "by_force", "mg/kN"
"""Name and unit of what is identified."""

_TERMS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """Tablets weighed at line while the force was moved in steps at one gap, each array of shape ``(n,)``."""

    force: Floats
    """Mean of the indicated main compression force when they were taken [kN]."""
    mass: Floats
    """Mean mass of the tablets of one sample [mg]."""
    taken: Floats
    """When they were taken, from the start of the test, rising [s]."""


def identify(record: Record, usual: float, seed: int, how: str) -> Process:
    """Return the slope of mass by force at a usual force, from the first two thirds of a record, tested on the rest.

    Least squares of the mass on a parabola in the force, as powder stiffens while it is compressed.

    Parameters
    ----------
    record
        The record.
    usual
        Force at which the slope is wanted [kN].
    seed
        Seed of the record [1].
    how
        How it was made, in words.

    Raises
    ------
    ValueError
        If there are too few results, fewer than three forces, or the slope is not above zero.
    """
    n, away = len(record.mass), record.force - usual
    if n < FEWEST or not float(np.std(record.force)) > 0.0:
        raise ValueError(f"found {n} results at line at one force or few, expected {FEWEST} or more at several")
    fitted = 2 * n // 3
    terms = np.vander(away, _TERMS, increasing=True)
    found, _, rank, _ = np.linalg.lstsq(terms[:fitted], record.mass[:fitted], rcond=None)
    if int(rank) < _TERMS or not float(found[1]) > 0.0:
        raise ValueError(f"found a slope of {float(found[1]):.3g} mg/kN, expected forces that move the mass")
    left = record.mass - np.asarray(np.einsum("ij,j->i", terms, found))
    variance = float(np.sum(left[:fitted] ** 2)) / (fitted - _TERMS)
    spread: Floats = variance * inverse(np.asarray(np.einsum("ij,ik->jk", terms[:fitted], terms[:fitted])))
    tested, shown = left[fitted:], record.mass[fitted:]
    return Process.model_validate(
        {
            "schema": "steadyline.process/1",
            "model": "press",
            "how": how,
            "seed": seed,
            "fitted_s": float(record.taken[fitted - 1]),
            "tested_s": float(record.taken[-1] - record.taken[fitted - 1]),
            "parameters": {BY_FORCE: Parameter(value=float(found[1]), sd=float(spread[1, 1]) ** 0.5, unit=MG_PER_KN)},
            "report": {
                "mass": Fit(
                    unit="mg",
                    rmse=float(np.sqrt(np.mean(tested**2))),
                    r2=1.0 - float(np.mean(tested**2) / np.var(shown)),
                    samples=len(tested),
                )
            },
        }
    )
