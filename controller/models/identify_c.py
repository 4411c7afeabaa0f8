"""Identification of line C from a commissioning record: what its tags showed, results dated back to their samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np

from controller.models.line_c import LineC
from controller.models.line_c_feed import IMPURITIES, PARAMETERS
from controller.models.process import Fit, Parameter, Process
from controller.models.symbolic import Compiled, ahead, readings, vector
from plant_io.signals import Floats

READINGS: Mapping[str, str] = {
    "coil": "Cel",
    "bed": "Cel",
    "ftir_sm": "mmol/L",
    "ftir_nitro": "mmol/L",
    **dict.fromkeys(IMPURITIES, "%"),
}
"""What the model is compared with, and the units."""

_GUESS = (80.0, 100.0, 50.0, 100.0, 0.2, 10.0, 0.003, 12.0, 0.04, 0.5, 0.1, 2.0, 30.0, 0.1, 2.0, 30.0, 0.1, 2.0, 30.0)
_GUESS_STRIPPED = (0.1, 20.0)
_SHARE = 0.04
"""Standard deviation of every reading beside what is given, as a share of it [1]."""
_REACH = np.log(12.0)
"""Logarithm of the factor by which a parameter may differ from its guess [1]."""
_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What was seen during commissioning, at equal steps of time from a steady state on."""

    period_s: float
    """Time between two rows [s]."""
    setpoints: Floats
    """Ratio [1], coil [degC], throughput [1], bed [degC] and hydrogen [bar] in force, shape ``(n, 5)``."""
    pumps: Floats
    """Setpoints of the three pumps in force, shape ``(n, 3)`` [mL/min]."""
    readings: Floats
    """What was seen, each in the row at whose end it was sampled, shape ``(n, 11)``, units of `READINGS`; not a number
    where nothing was sampled."""

    def first(self, rows: int) -> Record:
        """Return the first `rows` of it."""
        cut = {field.name: getattr(self, field.name)[:rows] for field in fields(self) if field.name != "period_s"}
        return replace(self, **cut)


class _Aside(NamedTuple):
    """What goes on meanwhile; fitted along and forgotten, as it is another tomorrow."""

    ageing: float
    """Loss of activity of the catalyst [1/h]."""
    drift: float
    """Drift of the infrared instrument [1/h]."""
    sm: float
    """Bias of its reading of starting material [mmol/L]."""
    nitro: float
    """Bias of its reading of the nitro compound [mmol/L]."""


_ASIDE = 4
_ASIDE_SCALE = (0.01, 0.01, 1.0, 3.0)


def identify(record: Record, sd: tuple[float, ...], seed: int, how: str) -> Process:
    """Return the parameters that explain the first two thirds of a record best, tested on the rest.

    The control model itself is run along the setpoints and compared with every reading.

    Parameters
    ----------
    record
        What was seen.
    sd
        How far one reading may lie from the model, by which it is weighed, with what the model leaves out; units of
        `READINGS`.
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
    theta, spread = _fit(record.first(split), np.array(sd))
    found = zip(PARAMETERS.items(), np.exp(theta[:-_ASIDE]).tolist(), spread[:-_ASIDE].tolist(), strict=True)
    predicted, seen = _shown(record, theta)[split:], record.readings[split:]
    return Process.model_validate(
        {
            "schema": "steadyline.process/1",
            "model": "line_c",
            "how": how,
            "seed": seed,
            "fitted_s": record.period_s * split,
            "tested_s": record.period_s * (rows - split),
            "parameters": {name: Parameter(value=v, sd=v * e, unit=unit) for (name, unit), v, e in found},
            "report": {n: _judge(seen[:, i], predicted[:, i], u) for i, (n, u) in enumerate(READINGS.items())},
        }
    )


def _fit(record: Record, sd: Floats) -> tuple[Floats, Floats]:
    """Return logarithms of the parameters of the model and what goes on meanwhile, and their standard errors."""
    from scipy.optimize import least_squares  # noqa: PLC0415  # slow to import

    there, weights = np.isfinite(record.readings), np.hypot(sd, _SHARE * record.readings)

    def residuals(theta: Floats) -> Floats:
        off: Floats = ((_shown(record, theta) - record.readings) / weights)[there]
        return off

    guess = np.concatenate([np.log([*_GUESS, *_GUESS_STRIPPED]), np.zeros(_ASIDE)])
    reach = np.concatenate([np.full(len(PARAMETERS), _REACH), 20.0 * np.array(_ASIDE_SCALE)])
    scale = np.concatenate([np.ones(len(PARAMETERS)), _ASIDE_SCALE])
    found = least_squares(residuals, guess, loss="soft_l1", x_scale=scale, bounds=(guess - reach, guess + reach))
    if not found.success:
        raise ValueError(f"identification did not converge: {found.message}")
    slopes = np.asarray(found.jac)
    return found.x, np.sqrt(np.diag(np.linalg.pinv(slopes.T @ slopes)))


def _shown(record: Record, theta: Floats) -> Floats:
    """Return what the instruments would show along a record by the model, shape ``(n, 11)``, units of `READINGS`."""
    model, aside = LineC.from_numbers(np.exp(theta[:-_ASIDE]).tolist()), _Aside(*theta[-_ASIDE:].tolist())
    x, u, w = vector("x", len(model.states)), vector("u", len(model.inputs)), vector("w", len(model.known))
    after = ahead(model, x, u, w, record.period_s)
    step_on = Compiled([x, u, w], [after, readings(model, after, u, w)])
    names = list(model.measured)
    picked, activity = [names.index(name) for name in READINGS], list(model.states).index("a")
    at, shown = model.steady(record.setpoints[0], record.pumps[0], {}), np.empty((len(record.setpoints), len(names)))
    for k, (given, known) in enumerate(zip(record.setpoints, record.pumps, strict=True)):
        at, shown[k] = step_on(at, given, known)
        at[activity] -= aside.ageing * record.period_s / _SECONDS_PER_HOUR
    found = shown[:, picked]
    gain = 1.0 + aside.drift * record.period_s / _SECONDS_PER_HOUR * np.arange(1, len(found) + 1)
    found[:, 2:4] = found[:, 2:4] * gain[:, None] + (aside.sm, aside.nitro)
    return found


def _judge(seen: Floats, predicted: Floats, unit: str) -> Fit:
    there = np.isfinite(seen)
    off, varied = seen[there] - predicted[there], seen[there] - np.mean(seen[there])
    r2 = 1.0 - float(off @ off) / float(varied @ varied)
    return Fit(unit=unit, rmse=float(np.sqrt(np.mean(off**2))), r2=r2, samples=int(there.sum()))
