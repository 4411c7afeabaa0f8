"""Answers of the controlled variables over the horizon, found once: to what is, and to steps of the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from controller.models.transfer import Step, Transfer
from plant_io.signals import Floats
from plant_io.sums import applied, product
from policies import TransferFunction


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What the controlled variables do over the horizon.

    The horizon begins where a plan can be followed first: at once where the plant counts the samples, else a cycle
    later.
    """

    free: Floats
    """Controlled variables by the state, inputs none, shape ``(horizon + 1, n_c, n_x)``, unit of one by the other's."""
    held: Floats
    """Controlled variables by inputs that stay, shape ``(horizon + 1, n_c, n_u + n_w)``, unit of one by the other's."""
    steps: Floats
    """The same by a step of each input at the start, shape ``(horizon + 1, n_c, n_u + n_w)``, in the same units."""

    @classmethod
    def of(cls, model: Transfer, loop: TransferFunction) -> Answers:
        """Return the answers of a model over the horizon of its loop."""
        rows = [list(model.measured).index(name) for name in model.controlled]
        each = round(loop.sample_s / loop.step_s)
        lead = 0 if loop.trigger is not None else 1
        at = lead + each * np.arange(loop.horizon + 1)
        by_steps = _steps(model.step, rows, int(at[-1]))
        return cls(_free(model.step, rows, at.tolist()), by_steps[at], by_steps[at - lead])

    def alone(self, state: Floats, inputs: Floats) -> Floats:
        """Return the controlled variables if no input moves, shape ``(horizon + 1, n_c)``, units of the model.

        Parameters
        ----------
        state
            State, shape ``(n_x,)``, units of the model.
        inputs
            Inputs, the known ones last, shape ``(n_u + n_w,)``, units of the model.
        """
        return applied(self.free, state) + applied(self.held, inputs)

    def of_blocks(self, starts: Sequence[int], unit: Floats) -> Floats:
        """Return the controlled variables after the first instant by what each input is moved away in each block.

        Shape ``(horizon * n_c, blocks * n_u)``; later samples follow earlier ones.

        Parameters
        ----------
        starts
            First sample of each block [1].
        unit
            Unit of each move, shape ``(n_u,)``, units of the model.
        """
        horizon, n_u = len(self.steps) - 1, len(unit)
        columns = list[Floats]()
        for start, stop in zip(starts, [*starts[1:], horizon], strict=True):
            found = np.zeros((horizon, self.steps.shape[1], n_u))
            for at, sign in ((start, 1.0), (stop, -1.0)):
                found[at:] += sign * self.steps[1 : horizon + 1 - at, :, :n_u]
            columns.append((found * unit).reshape(-1, n_u))
        return np.hstack(columns)


def _free(step: Step, rows: Sequence[int], at: Sequence[int]) -> Floats:
    """Return rows by the state some steps earlier, shape ``(len(at), n_c, n_d + n_h)``."""
    by_d, by_h = step.c[rows], step.e[rows]
    last = np.cumsum(step.lengths) - 1
    found, wanted = list[Floats](), set(at)
    for k in range(at[-1] + 1):
        if k in wanted:
            found.append(np.hstack([by_d, by_h]))
        later = np.roll(product(by_d, step.g) + by_h, -1, axis=1)
        later[:, last] = 0.0
        by_d, by_h = product(by_d, step.a), later
    return np.array(found)


def _steps(step: Step, rows: Sequence[int], longest: int) -> Floats:
    """Return rows by a step of each input, shape ``(longest + 1, n_c, n_inputs)``."""
    n = len(step.lengths)
    d, h = np.zeros((len(step.a), n)), np.zeros((step.g.shape[1], n))
    found = [np.zeros((len(rows), n))]
    for _ in range(longest):
        h = np.roll(h, 1, axis=0)
        h[step.first] = np.eye(n)
        d = product(step.a, d) + product(step.g, h)
        found.append(product(step.c[rows], d) + product(step.e[rows], h))
    return np.array(found)
