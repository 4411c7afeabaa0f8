"""Identification of line B2 from a commissioning record: what the tags showed, and what the laboratory found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from controller.models.process import Fit, Parameter, Process
from controller.models.robust_fit import fitted
from controller.models.six_cell import OUT_UM, OUT_X, PARAMETERS, SixCell
from controller.models.symbolic import Compiled, ahead, readings, vector
from plant_io.signals import Floats

READINGS: Mapping[str, str] = {"lod": "%", "d50": "um", "bed": "Cel", "inlet": "Cel", "liquid": "kg/h", "wet": "um"}
"""What the instruments show, as the model has it, and the units."""

SAMPLES: Mapping[str, str] = {"discharge": "%", "sieve": "um"}
"""What the laboratory finds in each batch, and the units: loss on drying at discharge, size behind the mill."""

_GUESS = SixCell(70.0, 1.0, 0.12, 0.012, 0.9, 300.0, 1.0, 450.0, 1.3)
_REACH = np.log(4.0)
"""Logarithm of the factor by which a parameter may differ from its guess [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What was seen during commissioning, at equal steps of time from a steady round of the cells on."""

    period_s: float
    """Time between two rows [s]."""
    setpoints: Floats
    """Liquid to solids [1], inlet air [degC] and time to fill a cell [s] in force, shape ``(n, 3)``."""
    known: Floats
    """Flows of API and excipient [kg/h], air [m3/h], its humidity [kg/kg] and the cell filled, shape ``(n, 5)``."""
    readings: Floats
    """What the instruments showed at the end of each step, columns and units of `READINGS`, shape ``(n, 6)``; not a
    number where it is not to be compared."""
    samples: Floats
    """What the laboratory found, columns and units of `SAMPLES`, shape ``(n, 2)``; not a number where there is none."""

    def first(self, rows: int) -> Record:
        """Return the first `rows` of it."""
        cut = {field.name: getattr(self, field.name)[:rows] for field in fields(self) if field.name != "period_s"}
        return replace(self, **cut)

    @property
    def seen(self) -> Floats:
        """Return readings and samples side by side, shape ``(n, 8)``."""
        return np.column_stack([self.readings, self.samples])


@dataclass(frozen=True, slots=True)
class Told:
    """How a process was found."""

    seed: int
    """Seed the record was made with [1]."""
    how: str
    """How the record was made, in words."""
    path: Process
    """The path of the API from the feeders to the mill, identified before; its parameters and report are kept."""


def identify(record: Record, sd: Floats, told: Told) -> Process:
    """Return the parameters that explain the first two thirds of a record best, tested on the rest.

    The control model itself is run along the setpoints, changing cells when the PLC did, and compared with everything
    that was seen.

    Parameters
    ----------
    record
        What was seen.
    sd
        How far each reading and sample may lie from the model, by which it is weighed, shape ``(8,)``, units of
        `READINGS` and `SAMPLES`.
    told
        How it was found.

    Raises
    ------
    ValueError
        If the fit does not converge.
    """
    rows = len(record.known)
    split = rows * 2 // 3
    theta, spread = _fit(record.first(split), sd)
    values = zip(PARAMETERS.items(), np.exp(theta).tolist(), spread.tolist(), strict=True)
    parameters = {name: Parameter(value=v, sd=v * each, unit=unit) for (name, unit), v, each in values}
    predicted, seen = _shown(record, theta)[split:], record.seen[split:]
    report = {
        name: _judge(seen[:, i], predicted[:, i], unit)
        for i, (name, unit) in enumerate({**READINGS, **SAMPLES}.items())
    }
    return Process.model_validate(
        {
            "schema": "steadyline.process/1",
            "model": "six_cell",
            "how": told.how,
            "seed": told.seed,
            "fitted_s": record.period_s * split,
            "tested_s": record.period_s * (rows - split),
            "parameters": {**told.path.parameters, **parameters},
            "report": {**told.path.report, **report},
        }
    )


def _fit(record: Record, sd: Floats) -> tuple[Floats, Floats]:
    """Return logarithms of the parameters of the model, and their standard errors [1]."""
    there = np.isfinite(record.seen)

    def residuals(theta: Floats) -> Floats:
        off: Floats = ((_shown(record, theta) - record.seen) / sd)[there]
        return off

    guess = np.log([getattr(_GUESS, field.name) for field in fields(_GUESS)])
    return fitted(residuals, guess, _REACH)


def _shown(record: Record, theta: Floats) -> Floats:
    """Return what would be seen along a record by the model, shape ``(n, 8)``, units of `READINGS` and `SAMPLES`."""
    model = SixCell(*np.exp(theta).tolist())
    x, u, w = vector("x", len(model.states)), vector("u", len(model.inputs)), vector("w", len(model.known))
    after = ahead(model, x, u, w, record.period_s)
    step_on = Compiled([x, u, w], [after, readings(model, after, u, w)])
    at = model.steady(record.setpoints[0], record.known[0], {})
    along = np.empty(record.seen.shape)
    for k, (given, known) in enumerate(zip(record.setpoints, record.known, strict=True)):
        at, shown = step_on(at, given, known)
        along[k] = [*shown, 100.0 * at[OUT_X] / (1.0 + at[OUT_X]), at[OUT_UM]]
    return along


def _judge(seen: Floats, predicted: Floats, unit: str) -> Fit:
    there = np.isfinite(seen)
    off, varied = seen[there] - predicted[there], seen[there] - np.mean(seen[there])
    r2 = 1.0 - float(off @ off) / float(varied @ varied)
    return Fit(unit=unit, rmse=float(np.sqrt(np.mean(off**2))), r2=r2, samples=int(there.sum()))
