"""Identification of line B from a commissioning record: what the tags showed, and what the laboratory found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np

from controller.models.line_b import PARAMETERS, USUAL_RATIO, USUAL_SPEED, LineB
from controller.models.process import Fit, Parameter, Process
from controller.models.robust_fit import fitted
from controller.models.symbolic import Compiled, ahead, vector
from controller.soft.path import step
from plant_io.signals import Floats

TANKS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
"""Numbers of mixed tanks that are tried for the residence-time path [1]."""

READINGS: Mapping[str, str] = {"lod": "%", "d50": "um", "bed": "Cel", "inlet": "Cel", "wet": "um"}
"""What the model is compared with, and the units."""

_SECONDS_PER_HOUR = 3600.0
_GUESS_KG = 2.0
_GUESS = LineB(70.0, 1.0, 1.0, 0.15, 0.01, 400.0, 1.0, 0.15, 150.0, 450.0, 1.0, 0.15)
_REACH = np.log(4.0)
"""Logarithm of the factor by which a parameter may differ from its guess [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What was seen during commissioning, at equal steps of time from a steady state on."""

    period_s: float
    """Time between two rows [s]."""
    setpoints: Floats
    """Liquid to solids [1], inlet air [degC] and screw speed [rpm] in force, shape ``(n, 3)``."""
    known: Floats
    """Flows of API and excipient [kg/h], air [m3/h] and its humidity [kg/kg] as shown, shape ``(n, 4)``."""
    readings: Floats
    """LOD of samples [%], sieved size of samples [um], temperatures of granules and inlet air [degC] and size of the
    wet granules [um] as shown, each at the end of its step, shape ``(n, 5)``; not a number where none was taken."""
    assays: Floats
    """API in the dry mass of samples behind the mill, shape ``(n,)`` [%]; not a number where none was taken."""

    def first(self, rows: int) -> Record:
        """Return the first `rows` of it."""
        cut = {field.name: getattr(self, field.name)[:rows] for field in fields(self) if field.name != "period_s"}
        return replace(self, **cut)


class Noise(NamedTuple):
    """How far one reading may lie from the model, by which it is weighed; with what the model leaves out."""

    readings: tuple[float, float, float, float, float]
    """Standard deviations of LOD [%], size [um], the two temperatures [K] and the wet size [um]."""
    assay: float
    """Standard deviation of one assay [%]."""


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


def identify(record: Record, noise: Noise, seed: int, how: str, *, whole: bool = True) -> Process:
    """Return the parameters that explain the first two thirds of a record best, tested on the rest.

    The control model itself is run along the setpoints and compared with every reading. The path of the API from the
    feeders to the mill is a row of equal mixed tanks, of the number that fits best; a constant feed error is fitted
    along with them and forgotten.

    Parameters
    ----------
    record
        What was seen.
    noise
        How the readings are weighed.
    seed
        Seed the record was made with [1].
    how
        How the record was made, in words.
    whole
        Whether the control model is identified; otherwise only the path of the API is.

    Raises
    ------
    ValueError
        If a fit does not converge.
    """
    rows = len(record.assays)
    split = rows * 2 // 3
    path = min((_row(record.first(split), noise.assay, number) for number in TANKS), key=lambda one: one.cost)
    tank = Parameter(value=path.mass, sd=path.mass_sd, unit="kg")
    parameters = {f"tank_{i}": tank for i in range(1, path.number + 1)}
    report = {"api": _judge(record.assays[split:], _content(record, path)[split:], "%")}
    if whole:
        theta, spread = _fit(record.first(split), np.array(noise.readings))
        found = zip(PARAMETERS.items(), np.exp(theta).tolist(), spread.tolist(), strict=True)
        parameters |= {name: Parameter(value=v, sd=v * sd, unit=unit) for (name, unit), v, sd in found}
        predicted, seen = _shown(record, theta)[split:], record.readings[split:]
        report |= {n: _judge(seen[:, i], predicted[:, i], u) for i, (n, u) in enumerate(READINGS.items())}
    return Process.model_validate(
        {
            "schema": "steadyline.process/1",
            "model": "line_b" if whole else "path",
            "how": how,
            "seed": seed,
            "fitted_s": record.period_s * split,
            "tested_s": record.period_s * (rows - split),
            "parameters": parameters,
            "report": report,
        }
    )


def _fit(record: Record, sd: Floats) -> tuple[Floats, Floats]:
    """Return logarithms of the parameters of the model, and their standard errors [1]."""
    there = np.isfinite(record.readings)

    def residuals(theta: Floats) -> Floats:
        off: Floats = ((_shown(record, theta) - record.readings) / sd)[there]
        return off

    guess = np.log([getattr(_GUESS, field.name) for field in fields(_GUESS)])
    return fitted(residuals, guess, _REACH)


def _shown(record: Record, theta: Floats) -> Floats:
    """Return what the instruments would show along a record by the model, shape ``(n, 5)``, units of `READINGS`."""
    model = LineB(*np.exp(theta).tolist())
    x, u, w = vector("x", len(model.states)), vector("u", len(model.inputs)), vector("w", len(model.known))
    step_on = Compiled([x, u, w], [ahead(model, x, u, w, record.period_s)])
    at = model.steady(record.setpoints[0], record.known[0], {})
    along = np.empty((len(record.setpoints), len(at)))
    for k, (given, known) in enumerate(zip(record.setpoints, record.known, strict=True)):
        at = step_on(at, given, known)[0]
        along[k] = at
    lod: Floats = 100.0 * along[:, 3] / (1.0 + along[:, 3])
    law = (model.wet_by_liquid, model.wet_by_speed)
    wet = model.wet * (along[:, 0] / USUAL_RATIO) ** law[0] * (record.setpoints[:, 2] / USUAL_SPEED) ** -law[1]
    return np.column_stack([lod, along[:, 7], along[:, 5], along[:, 1], wet])


def _row(record: Record, assay_sd: float, number: int) -> _Path:
    from scipy.optimize import least_squares  # noqa: PLC0415  # slow to import

    there = np.isfinite(record.assays)

    def residuals(theta: Floats) -> Floats:
        path = _Path(number, float(np.exp(theta[0])), 0.0, float(theta[1]), 0.0)
        off: Floats = (_content(record, path) - record.assays)[there] / assay_sd
        return off

    guess = np.array([np.log(_GUESS_KG / number), 0.0])
    found = least_squares(residuals, guess, x_scale=np.array([1.0, 0.1]))
    if not found.success:
        raise ValueError(f"identification of the path did not converge: {found.message}")
    slopes, mass = np.asarray(found.jac), float(np.exp(found.x[0]))
    spread = np.sqrt(np.diag(np.linalg.pinv(slopes.T @ slopes)))
    return _Path(number, mass, mass * float(spread[0]), float(found.x[1]), float(found.cost))


def _content(record: Record, path: _Path) -> Floats:
    """Return the API content behind the mill along a record, shape ``(n,)`` [%]."""
    api, exc = record.known[:, 0] * (1.0 + path.error), record.known[:, 1]
    passed = (api + exc) * record.period_s / _SECONDS_PER_HOUR
    fed = 100.0 * api / (api + exc)
    tanks, masses = (float(fed[0]),) * path.number, (path.mass,) * path.number
    along = np.empty(len(fed))
    for k, (inlet, kilograms) in enumerate(zip(fed.tolist(), passed.tolist(), strict=True)):
        tanks = step(tanks, inlet, kilograms, masses)
        along[k] = tanks[-1]
    return along


def _judge(seen: Floats, predicted: Floats, unit: str) -> Fit:
    there = np.isfinite(seen)
    off, varied = seen[there] - predicted[there], seen[there] - np.mean(seen[there])
    r2 = 1.0 - float(off @ off) / float(varied @ varied)
    return Fit(unit=unit, rmse=float(np.sqrt(np.mean(off**2))), r2=r2, samples=int(there.sum()))
