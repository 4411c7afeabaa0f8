"""Moving-horizon estimation: all that was read in a window, weighed together, with states that stay where they can be.

Along the last solution the model is linearised, and the least-squares problem that remains is solved exactly by a run
of a filter forwards and, for the next linearisation, one of its adjoint backwards: a Gauss-Newton step costs no more
than two runs of a filter (B. M. Bell, "The iterated Kalman smoother as a Gauss-Newton method", SIAM J. Optim. 4(3),
1994, doi:10.1137/0804035; G. J. Bierman, "Fixed interval smoothing with discrete measurements", Int. J. Control 18(1),
1973, pages 65 to 75). What came before the window is weighed by the filter's covariance (C. V. Rao, J. B. Rawlings and
D. Q. Mayne, "Constrained state estimation for nonlinear discrete-time systems", IEEE Trans. Autom. Control 48(2), 2003,
doi:10.1109/TAC.2002.808470). A bound that a state breaks becomes a reading of the bound, so sharp that it holds, until
the state comes off it by itself. The number of iterations is fixed: equal windows give equal bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from controller.estimates import Estimate, Estimator
from controller.models import ControlModel
from controller.models.symbolic import Compiled, Matrix, ahead, casadi, readings, symmetric, vector
from controller.mpc.estimator import BELIEVED, noise, wander
from controller.trail import Stage, Trail
from plant_io.signals import Floats
from policies import Mpc
from policies.estimating import MheSettings

_SHARP = 1e-3
"""Deviation of a reading of a bound, of the doubt about the state at the start [1]."""
_ROUNDING_S = 1e-6
_OPERATION_S, _CALL_S = 2.5e-9, 1e-5
"""What an operation of a formula takes on a processor of 2023, and what calling one takes besides [s]."""


@runtime_checkable
class Bounded(Protocol):
    """A control model that says which states cannot be below something."""

    @property
    def lowest(self) -> Mapping[str, float]:
        """Least value of some states, in their units."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One step of the filter along a path, with what its adjoint needs."""

    moved: Floats
    """What becomes of the states, shape ``(n_x, n_x)``, products of the units of the model."""
    shown: Floats
    """Readings by states, then bounds, shape ``(n_m, n_x)``, units of the model."""
    gains: Floats
    """States by surprises, shape ``(n_x, n_m)``, units of the model."""
    surprises: Floats
    """Surprise of each reading over its variance, zero where there was none, shape ``(n_m,)``, units of the model."""


Read = tuple[Floats, NDArray[np.bool_]]
"""Readings and bounds by step, shape ``(steps, n_m)``, units of the model, and which readings there are [1]."""


class MovingHorizon:
    """Weighs the window that ends now.

    Parameters
    ----------
    model
        Control model.
    loop
        What the policy says of the measurements.
    settings
        What it says of the window.
    period_s
        Length of one control period [s].
    estimator
        The filter, along which the first linearisation goes.
    """

    def __init__(
        self, model: ControlModel, loop: Mpc, settings: MheSettings, period_s: float, estimator: Estimator
    ) -> None:
        self._names, self._settings, self._estimator = tuple(model.measured), settings, estimator
        lowest = model.lowest if isinstance(model, Bounded) else dict[str, float]()
        states = list(model.states)
        bounds = [states.index(name) for name in lowest]
        self._bounded, self._lowest = np.array(bounds, np.intp), np.array(list(lowest.values()), np.float64)
        sharp = np.array([model.start_sd[name] for name in lowest]) * _SHARP
        variances = np.concatenate([noise(model, loop), sharp**2])
        self._forward = _forward(model, variances, wander(model, loop, period_s), bounds, period_s)
        self._backward = _backward(len(states), len(self._names) + len(lowest))
        forward, backward = (_CALL_S + _OPERATION_S * each.operations for each in (self._forward, self._backward))
        times, steps = settings.iterations, settings.horizon_s / period_s
        self.takes_s = steps * ((times + 1) * forward + (times - 1) * backward)
        """What a whole window takes about, the first run of the filter included [s]."""

    def weighed(self, trail: Trail) -> tuple[Floats, Floats] | None:
        """Return state ``(n_x,)`` and covariance ``(n_x, n_x)`` now, units of the model; None if none is finite.

        Parameters
        ----------
        trail
            What was read and what the filter believed, at least over the window.
        """
        if trail[-1].estimate is None:  # what the filter believed is not found yet
            return None
        window = self._window(trail)
        arrival = window[0].estimate
        if arrival is None or len(window) == 1:
            return None
        x, p = arrival.x, arrival.p / self._settings.arrival
        path, read = self._filtered(window, arrival), self._read(window)
        for _ in range(self._settings.iterations - 1):
            states, steps = self._run(window, read, path, (x, p))
            path = self._smoothed(states, steps)
        states, _ = self._run(window, read, path, (x, p))
        x, p = states[-1]
        x = x.copy()
        x[self._bounded] = np.maximum(x[self._bounded], self._lowest)
        return (x, p) if bool(np.isfinite(x).all() and np.isfinite(p).all()) else None

    def _window(self, trail: Trail) -> Sequence[Stage]:
        begin = trail[-1].at - self._settings.horizon_s + _ROUNDING_S
        kept = [i for i, stage in enumerate(trail) if stage.estimate is not None and (i == 0 or stage.at <= begin)]
        return trail[kept[-1] :]

    def _filtered(self, window: Sequence[Stage], arrival: Estimate) -> list[Floats]:
        estimate, path = arrival, [arrival.x]
        for stage in window[1:]:
            fresh = {name: reading.value for name, reading in stage.readings.items()}
            estimate = self._estimator.step(estimate, stage.inputs, stage.known, fresh)
            path.append(estimate.x)
        return path

    def _run(
        self, window: Sequence[Stage], read: Read, path: Sequence[Floats], arrival: tuple[Floats, Floats]
    ) -> tuple[list[tuple[Floats, Floats]], list[_Step]]:
        """Return states and covariances of the filter linearised along a path, and its steps."""
        y, given = read
        below = np.array(path)[1:, self._bounded] < self._lowest
        there = np.concatenate([given, below], axis=1).astype(np.float64)
        found, steps = [arrival], list[_Step]()
        for i, stage in enumerate(window[1:]):
            x, p, *rest = self._forward(*found[-1], path[i], path[i + 1], stage.inputs, stage.known, y[i], there[i])
            found.append((x, p))
            steps.append(_Step(*rest))
        return found, steps

    def _read(self, window: Sequence[Stage]) -> Read:
        """Return readings and bounds of each step, and which readings there are."""
        values = np.array([[s.readings[n].value if n in s.readings else nan for n in self._names] for s in window[1:]])
        given = np.isfinite(values)
        lowest = np.broadcast_to(self._lowest, (len(values), len(self._lowest)))
        return np.concatenate([np.where(given, values, 0.0), lowest], axis=1), given

    def _smoothed(self, states: Sequence[tuple[Floats, Floats]], steps: Sequence[_Step]) -> list[Floats]:
        """Return the path that weighs the whole window, from the end backwards."""
        x, p = states[-1]
        path, pull = [x], np.zeros(len(x))
        for (x, p), step in zip(reversed(states[:-1]), reversed(steps), strict=True):
            pull, correction = self._backward(pull, p, step.moved, step.shown, step.gains, step.surprises)
            path.append(x - correction)
        return path[::-1]


def _forward(
    model: ControlModel, variances: Floats, wandered: Floats, bounds: Sequence[int], period_s: float
) -> Compiled:
    """Return one step of the filter along a path, and what its adjoint needs.

    From state and covariance, the path before and after, inputs, known inputs, readings and bounds, and which count.
    """
    n, ca = len(model.states), casadi()
    x, old, new = vector("x", n), vector("old", n), vector("new", n)
    u, w = vector("u", len(model.inputs)), vector("w", len(model.known))
    p, y, there = ca.SX.sym("p", n, n), vector("y", len(variances)), vector("there", len(variances))
    then = ahead(model, old, u, w, period_s)
    moved = ca.jacobian(then, old)
    believed, spread = then + moved @ (x - old), symmetric(moved @ p @ moved.T + ca.diag(ca.vertcat(*wandered)))
    predicted = ca.vertcat(readings(model, new, u, w), *[new[i] for i in bounds])
    shown = ca.jacobian(predicted, new)
    off, gains, surprises = y - predicted, list[Matrix](), list[Matrix]()
    for i, variance in enumerate(variances.tolist()):
        slope = shown[i : i + 1, :]
        far = ca.fmax(off[i], -off[i]) / (BELIEVED * sqrt(variance)) if i < len(variances) - len(bounds) else ca.SX(0.0)
        total = slope @ spread @ slope.T + ca.fmax(1.0, far) * variance
        seen = spread @ slope.T * there[i]
        gains.append(seen / total)
        surprise = off[i] + slope @ (new - believed)
        believed, spread = believed + gains[-1] * surprise, symmetric(spread - seen @ gains[-1].T)
        surprises.append(surprise / total * there[i])
    found = [believed, spread, moved, shown, ca.horzcat(*gains), ca.vertcat(*surprises)]
    return Compiled([x, p, old, new, u, w, y, there], found)


def _backward(n: int, m: int) -> Compiled:
    """Return one step of the adjoint: the pull on the states before, and their correction.

    From the pull after, the covariance before, and what the step of the filter left.
    """
    ca = casadi()
    pull, p, moved, shown = vector("pull", n), ca.SX.sym("p", n, n), ca.SX.sym("a", n, n), ca.SX.sym("h", m, n)
    gains, surprises = ca.SX.sym("k", n, m), vector("s", m)
    before: Matrix = pull
    for i in reversed(range(m)):
        before = before - shown[i : i + 1, :].T * (gains[:, i : i + 1].T @ before + surprises[i])
    before = moved.T @ before
    return Compiled([pull, p, moved, shown, gains, surprises], [before, p @ before])
