"""What is believed of a line with a matrix of transfer functions: a Kalman filter with one bias for each measurement.

R. E. Kalman, "A new approach to linear filtering and prediction problems", J. Basic Eng. 82(1), 1960,
doi:10.1115/1.3662552. What was put in is known, so that inputs remembered for a dead time are in no doubt and cost
nothing; innovations are bounded as in `controller.mpc.estimator`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import nan

import numpy as np

from controller.estimates import Estimate, Filtered, corrected
from controller.models.symbolic import Compiled, Matrix, casadi, symmetric, vector
from controller.models.transfer import Step, Transfer, dot
from plant_io.signals import Floats
from policies import TransferFunction
from policies.units import difference

_BELIEVED = 5.0
"""Largest innovation believed in full, in its standard deviations [1]."""
_AT_FIRST = 3.0
"""Doubt about a bias at the start, in standard deviations of its measurement [1]."""
_MINUTE_S = 60.0


class LinearEstimator:
    """Follows the line from its inputs and its measurements, one step at a time.

    Parameters
    ----------
    model
        Control model.
    loop
        What the policy says of the measurements.
    """

    def __init__(self, model: Transfer, loop: TransferFunction) -> None:
        self._model, self._step = model, model.step
        declared = [(loop.measured[name], unit) for name, unit in model.measured.items()]
        noise = np.array([difference(m.sd, m.unit, unit) for m, unit in declared])
        gained = np.array([m.bias_sd for m, _ in declared]) * np.sqrt(loop.step_s / _MINUTE_S)
        doubt, wander = np.zeros(model.n_d), np.zeros(model.n_d)
        doubt[model.biases] = doubt[model.drives] = np.maximum(_AT_FIRST * noise, gained)
        wander[model.drives] = gained
        for row, at in model.integrators.items():
            doubt[at], doubt[model.biases.start + row] = noise[row], gained[row]
        self._start_p = np.diag(doubt**2)
        self._older = np.maximum(np.arange(sum(self._step.lengths)) - 1, 0)
        self._filter = _filter(self._step, noise**2, wander**2)

    def start(self, inputs: Floats, known: Floats, measured: Mapping[str, float]) -> Estimate:
        """Return the state of rest that agrees with inputs and measurements.

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
            Measurements new after this step by name, each in its unit.
        """
        n_d = self._model.n_d
        remembered = estimate.x[n_d:][self._older]
        remembered[self._step.first] = np.concatenate([inputs, known])

        def attempt(readings: Floats, there: Floats) -> Filtered:
            d, p, innovations = self._filter(estimate.x[:n_d], estimate.p, remembered, readings, there)
            return np.concatenate([d, remembered]), p, innovations

        return corrected(estimate, self._model.measured, fresh, attempt)

    def outputs(self, estimate: Estimate) -> Floats:
        """Return the measurements as believed, shape ``(n_y,)``, units of the model."""
        n_d = self._model.n_d
        return dot(self._step.c, estimate.x[:n_d]) + dot(self._step.e, estimate.x[n_d:])


def _filter(step: Step, noise: Floats, wander: Floats) -> Compiled:
    """Return the filter as one function of state, covariance, inputs remembered, readings, and which are fresh."""
    ca, n, n_y = casadi(), len(step.a), len(noise)
    d, p, h = vector("d", n), ca.SX.sym("p", n, n), vector("h", step.g.shape[1])
    y, fresh = vector("y", n_y), vector("fresh", n_y)
    a, wandered = ca.SX(step.a), ca.diag(ca.vertcat(*wander))
    believed, spread = a @ d + _times(step.g, h), symmetric(a @ p @ a.T + wandered)
    direct = _times(step.e, h)
    innovations = y - (ca.SX(step.c) @ believed + direct)
    for i, variance in enumerate(noise):
        slope = ca.SX(step.c[i : i + 1])
        total = slope @ spread @ slope.T + float(variance)
        seen = spread @ slope.T * fresh[i]
        gain = seen / total
        limit = ca.sqrt(total) * _BELIEVED
        off = y[i] - (slope @ believed + direct[i])
        believed = believed + gain * ca.fmin(ca.fmax(off, -limit), limit)
        spread = symmetric(spread - seen @ gain.T)
    return Compiled([d, p, h, y, fresh], [believed, spread, innovations])


def _times(matrix: Floats, column: Matrix) -> Matrix:
    """Return a matrix, mostly of zeros, times a column."""
    ca, rows = casadi(), list[Matrix]()
    for row in matrix:
        total = ca.SX(0.0)
        for at in np.flatnonzero(row).tolist():
            total = total + column[at] * float(row[at])
        rows.append(total)
    return ca.vertcat(*rows)
