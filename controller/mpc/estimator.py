"""What is believed of the line: an extended Kalman filter with one integrating bias for each measurement."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan

import numpy as np

from controller.estimates import Estimate, Filtered, corrected
from controller.models import ControlModel
from controller.models.symbolic import Compiled, Matrix, ahead, casadi, outputs, readings, symmetric, vector
from controller.mpc.native import native
from plant_io.signals import Floats
from policies import Mpc, SqpSettings
from policies.units import difference

BELIEVED = 5.0
"""Largest innovation believed in full, in its standard deviations [1]."""


class KalmanEstimator:
    """Follows the line from its inputs and its measurements, one control period at a time.

    Each measurement corrects the prediction on its own, with its innovation bounded (P. J. Huber, "Robust estimation
    of a location parameter", Ann. Math. Statist. 35(1), 1964, doi:10.1214/aoms/1177703732). The equations are those of
    A. H. Jazwinski, "Stochastic Processes and Filtering Theory", 1970, section 8.3, compiled into one function.

    Parameters
    ----------
    model
        Control model.
    loop
        What the policy says of the measurements.
    period_s
        Length of one control period [s].
    """

    def __init__(self, model: ControlModel, loop: Mpc, period_s: float) -> None:
        self._model = model
        self._start_p = np.diag([model.start_sd[name] ** 2 for name in model.states])
        symbols = tuple(vector(n, len(m)) for n, m in (("x", model.states), ("u", model.inputs), ("w", model.known)))
        self._outputs = Compiled(symbols, [outputs(model, *symbols)])
        build = native if isinstance(loop.solver, SqpSettings) and loop.solver.compile else None
        self._filter = Compiled(*_filter(model, noise(model, loop), wander(model, loop, period_s), period_s), build)

    def start(self, inputs: Floats, known: Floats, measured: Mapping[str, float]) -> Estimate:
        """Return the steady state that agrees with inputs and measurements, with great doubt about it.

        Parameters
        ----------
        inputs
            Inputs in force, shape ``(n_u,)``, units of the model.
        known
            Known inputs, shape ``(n_w,)``, units of the model.
        measured
            Measurements by name, each in its unit.
        """
        x = self._model.steady(inputs, known, measured)
        return Estimate(x, self._start_p.copy(), dict.fromkeys(self._model.measured, nan))

    def step(self, estimate: Estimate, inputs: Floats, known: Floats, fresh: Mapping[str, float]) -> Estimate:
        """Return what is believed one period later.

        What is not finite is not believed: a measurement is left out, a correction is not made, and with unusable
        inputs everything stays as it was.

        Parameters
        ----------
        estimate
            What was believed.
        inputs
            Inputs in force during the period, shape ``(n_u,)``, units of the model.
        known
            Known inputs during the period, shape ``(n_w,)``, units of the model.
        fresh
            Measurements new in this period by name, each in its unit.
        """

        def attempt(readings: Floats, there: Floats) -> Filtered:
            x, p, innovations = self._filter(estimate.x, estimate.p, inputs, known, readings, there)
            return x, p, innovations

        return corrected(estimate, self._model.measured, fresh, attempt)

    def outputs(self, estimate: Estimate, inputs: Floats, known: Floats) -> Floats:
        """Return the controlled variables as believed, shape ``(n_y,)``, units of the model.

        Parameters
        ----------
        estimate
            What is believed.
        inputs
            Inputs in force, shape ``(n_u,)``, units of the model.
        known
            Known inputs, shape ``(n_w,)``, units of the model.
        """
        return self._outputs(estimate.x, inputs, known)[0]


def _filter(
    model: ControlModel, variances: Floats, wandered: Floats, period_s: float
) -> tuple[list[Matrix], list[Matrix]]:
    """Return the filter: state, covariance, inputs, known inputs, readings and which are fresh; and what it gives."""
    n, ca = len(model.states), casadi()
    x, u, w = vector("x", n), vector("u", len(model.inputs)), vector("w", len(model.known))
    p, y, fresh = ca.SX.sym("p", n, n), vector("y", len(variances)), vector("fresh", len(variances))
    predicted = ahead(model, x, u, w, period_s)
    moved = ca.jacobian(predicted, x)
    spread = symmetric(moved @ p @ moved.T + ca.diag(ca.vertcat(*wandered)))
    innovations = y - readings(model, predicted, u, w)
    believed = predicted
    for i, variance in enumerate(variances):
        believed, spread = _correct(model, (believed, spread), (u, w), (i, y, fresh, float(variance)))
    return [x, p, u, w, y, fresh], [believed, spread, innovations]


def _correct(
    model: ControlModel,
    believed: tuple[Matrix, Matrix],
    given: tuple[Matrix, Matrix],
    reading: tuple[int, Matrix, Matrix, float],
) -> tuple[Matrix, Matrix]:
    """Return state and covariance after one reading."""
    ca, (x, p), (i, y, fresh, noise) = casadi(), believed, reading
    at = vector("at", len(model.states))
    shown = readings(model, at, *given)[i]
    predicted, slope = ca.substitute([shown, ca.jacobian(shown, at)], [at], [x])
    variance = slope @ p @ slope.T + noise
    seen = p @ slope.T * fresh[i]
    gain = seen / variance
    limit = ca.sqrt(variance) * BELIEVED
    bounded = ca.fmin(ca.fmax(y[i] - predicted, -limit), limit)
    return x + gain * bounded, symmetric(p - seen @ gain.T)


def noise(model: ControlModel, loop: Mpc) -> Floats:
    """Return the variance of each measurement, shape ``(n_m,)``, squared units of the model.

    Parameters
    ----------
    model
        Control model.
    loop
        What the policy says of the measurements.
    """
    declared = [(loop.measured[name], unit) for name, unit in model.measured.items()]
    return np.array([difference(m.sd, m.unit, unit) ** 2 for m, unit in declared])


def wander(model: ControlModel, loop: Mpc, period_s: float) -> Floats:
    """Return the variance each state gains in one period, shape ``(n_x,)``, squared units of the model.

    Parameters
    ----------
    model
        Control model.
    loop
        What the policy says of the measurements.
    period_s
        Length of one control period [s].
    """
    belongs = {state: name for name, state in model.biases.items()}
    gained = {s: loop.measured[name].bias_sd or 0.0 for s, name in belongs.items()}
    grown = [gained[s] if s in gained else model.wander_sd[s] for s in model.states]
    return np.array(grown) ** 2 * period_s / 60.0
