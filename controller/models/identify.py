"""Identification of line A from a commissioning record: what the tags showed, and assays of thief samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from controller.models.line_a import LineA
from controller.models.process import Fit, Parameter, Process
from controller.models.symbolic import Compiled, ahead, vector
from controller.soft.path import step as mixed
from plant_io.signals import Floats

_READINGS = {"api_flow": "kg/h", "exc_flow": "kg/h", "api": "%"}
_GUESS = np.array([*np.log([10.0, 10.0, 0.2]), 0.0])
_SCALE = np.array([1.0, 1.0, 1.0, 0.1])


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What was seen during commissioning, at equal steps of time from a steady state on."""

    period_s: float
    """Time between two rows [s]."""
    setpoints: Floats
    """Setpoints of API and excipient in force, shape ``(n, 2)`` [kg/h]."""
    lubricant: Floats
    """Flow reading of the lubricant, shape ``(n,)`` [kg/h]."""
    flows: Floats
    """Flow readings of API and excipient at the end of each step, shape ``(n, 2)`` [kg/h]."""
    assays: Floats
    """Concentration of samples taken at the end of each step, shape ``(n,)`` [%]; not a number where none was taken."""
    hopper: Floats
    """Mass shown in the press hopper, shape ``(n,)`` [kg]."""
    blind: Floats
    """Whether the feeders of API and excipient could not weigh in each step, shape ``(n, 2)`` [1]."""
    nir_ages: Floats
    """Age of each NIR reading when it came, shape ``(m,)`` [s]."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How far one reading may lie from the model, by which it is weighed."""

    flows: tuple[float, float]
    """Standard deviations of the two flow readings [kg/h]."""
    assay: float
    """Standard deviation of one assay, with what the model leaves out [%]."""


def identify(record: Record, noise: Noise, seed: int, how: str) -> Process:
    """Return the parameters that explain the first two thirds of a record best, tested on the rest.

    The model itself is run along the setpoints and compared with every reading. Tanks cannot be told apart from the end
    of the line, so the third holds what the press hopper shows and the others share the rest. A constant feed error is
    fitted along with the parameters and forgotten.

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

    Raises
    ------
    ValueError
        If the fit does not converge.
    """
    rows = len(record.setpoints)
    split = rows * 2 // 3
    theta, spread = _fit(record, noise, split)
    predicted, seen = _shown(record, theta)[split:], _seen(record)[split:]
    return Process.model_validate(
        {
            "schema": "steadyline.process/1",
            "model": "line_a",
            "how": how,
            "seed": seed,
            "fitted_s": record.period_s * split,
            "tested_s": record.period_s * (rows - split),
            "parameters": _parameters(theta, spread, record),
            "report": {n: _judge(seen[:, i], predicted[:, i], u) for i, (n, u) in enumerate(_READINGS.items())},
        }
    )


def _fit(record: Record, noise: Noise, split: int) -> tuple[Floats, Floats]:
    """Return logarithms of the parameters followed by the feed error, and their standard errors [1]."""
    from scipy.optimize import least_squares  # noqa: PLC0415  # slow to import

    seen, weights = _seen(record)[:split], np.array([*noise.flows, noise.assay])
    there = np.isfinite(seen)
    cut = replace(record, setpoints=record.setpoints[:split], lubricant=record.lubricant[:split])

    def residuals(theta: Floats) -> Floats:
        off: Floats = (_shown(cut, theta) - seen) / weights
        return off[there]

    found = least_squares(residuals, _GUESS, x_scale=_SCALE)
    if not found.success:
        raise ValueError(f"identification did not converge: {found.message}")
    slopes = np.asarray(found.jac)
    return found.x, np.sqrt(np.diag(np.linalg.pinv(slopes.T @ slopes)))


def _parameters(theta: Floats, spread: Floats, record: Record) -> dict[str, Parameter]:
    values = np.exp(theta[:-1])
    lag_api, lag_exc, tank = zip(values.tolist(), (values * spread[:-1]).tolist(), strict=True)
    excess_api, excess_exc = _excess(record, tank[0])
    found = {
        "lag_api": (lag_api, "s"),
        "lag_exc": (lag_exc, "s"),
        "tank_1": (tank, "kg"),
        "tank_2": (tank, "kg"),
        "tank_3": (_mean(record.hopper), "kg"),
        "tank_4": (tank, "kg"),
        "nir_delay": (_mean(record.nir_ages), "s"),
        "excess_api": (excess_api, "1"),
        "excess_exc": (excess_exc, "1"),
    }
    return {name: Parameter(value=value, sd=sd, unit=unit) for name, ((value, sd), unit) in found.items()}


def _excess(record: Record, tank: float) -> list[tuple[float, float]]:
    """Return by how much the feeders feed more than they show while they are blind, and standard errors [1].

    The flows as they were shown go through the tanks, with the excess and a constant feed error to be found.
    """
    from scipy.optimize import least_squares  # noqa: PLC0415  # slow to import

    masses = (tank, tank, float(np.mean(record.hopper)), tank)
    there = np.isfinite(record.assays)

    def residuals(theta: Floats) -> Floats:
        api, exc = (record.flows * (1.0 + record.blind * theta[:2])).T
        api = api * (1.0 + theta[2])
        total = api + exc + record.lubricant
        inlet, at = 100.0 * api / total, (float(record.assays[there][0]),) * len(masses)
        along = np.empty(len(inlet))
        for k, (fed, mass) in enumerate(zip(inlet.tolist(), (total * record.period_s / 3600.0).tolist(), strict=True)):
            at = mixed(at, fed, mass, masses)
            along[k] = at[-1]
        off: Floats = (along - record.assays)[there]
        return off

    found = least_squares(residuals, np.zeros(3))
    slopes = np.asarray(found.jac)
    spread = np.sqrt(np.diag(np.linalg.inv(slopes.T @ slopes)) * 2.0 * found.cost / (there.sum() - 3))
    return list(zip(found.x[:2].tolist(), spread[:2].tolist(), strict=True))


def _mean(values: Floats) -> tuple[float, float]:
    """Return mean and standard error, unit of `values`."""
    return float(np.mean(values)), float(np.std(values) / np.sqrt(len(values)))


def _judge(seen: Floats, predicted: Floats, unit: str) -> Fit:
    there = np.isfinite(seen)
    off, varied = seen[there] - predicted[there], seen[there] - np.mean(seen[there])
    r2 = 1.0 - float(off @ off) / float(varied @ varied)
    return Fit(unit=unit, rmse=float(np.sqrt(np.mean(off**2))), r2=r2, samples=int(there.sum()))


def _seen(record: Record) -> Floats:
    return np.column_stack([record.flows, record.assays])


def _shown(record: Record, theta: Floats) -> Floats:
    """Return flows [kg/h] and concentration in the feed frame [%] along a record, shape ``(n, 3)``."""
    lag_api, lag_exc, tank = np.exp(theta[:-1]).tolist()
    tanks = (tank, tank, float(np.mean(record.hopper)), tank)
    model = LineA(lag_api, lag_exc, tanks, nir_delay_s=0.0, excess_api=1.0, excess_exc=1.0)
    x, u, w = vector("x", len(model.states)), vector("u", len(model.inputs)), vector("w", len(model.known))
    step = Compiled([x, u, w], [ahead(model, x, u, w, record.period_s)])
    at = model.steady(record.setpoints[0], record.lubricant[:1], {})
    at[2:6] *= (1.0 + theta[-1]) / (1.0 + theta[-1] * at[2] / 100.0)
    at[8] = theta[-1]
    along = np.empty((len(record.setpoints), len(_READINGS)))
    for k, (given, lubricant) in enumerate(zip(record.setpoints, record.lubricant[:, None], strict=True)):
        at = step(at, given, lubricant)[0]
        along[k] = at[[0, 1, 5]]
    return along
