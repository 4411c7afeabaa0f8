"""Where inputs are to come to rest: on their targets first, then within limits, then as near as can be to their rests.

K. R. Muske and J. B. Rawlings, "Model predictive control with linear models", AIChE J. 39(2), 1993,
doi:10.1002/aic.690390208. Because the aim agrees with the targets, going there leaves no offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from controller.models.transfer import Transfer
from controller.mpc.qp import Quadratic, solve
from controller.plan import Problem
from plant_io.signals import Floats
from plant_io.sums import applied, product
from policies import TransferFunction
from policies.units import convert, difference

_FIRST = 1e4
"""Cost of missing a target relative to missing a rest, both by a scale [1]."""
_LAST = 1e-6
"""Cost of moving an input that has no rest by a scale [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Aim:
    """What is needed to find where inputs are to come to rest."""

    rests: Floats
    """1 for each input that has a rest, 0 for the others, shape ``(n_u,)`` [1]."""
    rest: Floats
    """Where it is, shape ``(n_u,)``, units of the model."""
    unit: Floats
    """Scale of each input, shape ``(n_u,)``, units of the model."""
    scale: Floats
    """Scale of each controlled variable, shape ``(n_c,)``, units of the model."""
    by_inputs: Floats
    """Controlled variables in the end by inputs, known ones last, shape ``(n_c, n_u + n_w)``, units of the model.

    One that integrates by how far it runs over a horizon."""
    biases: list[int]
    """Where that which drives the bias of each controlled variable stands in the state."""
    ramps: Floats
    """How far each controlled variable that integrates runs over a horizon per unit of its bias, else 0 [1]."""

    @classmethod
    def of(cls, model: Transfer, loop: TransferFunction) -> Aim:
        """Return the aim of a loop."""
        rows = [list(model.measured).index(name) for name in model.controlled]
        moved = [(loop.moved[n], unit) for n, unit in model.inputs.items()]
        run = loop.horizon * loop.sample_s / model.time_s
        ramps = np.array([run if model.integrating[row] else 0.0 for row in rows])
        return cls(
            rests=np.array([float(m.rest is not None) for m, _ in moved]),
            rest=np.array([0.0 if m.rest is None else convert(m.rest, m.unit, unit) for m, unit in moved]),
            unit=np.array([difference(m.scale, m.unit, unit) for m, unit in moved]),
            scale=np.array(
                [difference(loop.controlled[n].scale, loop.controlled[n].unit, u) for n, u in model.controlled.items()]
            ),
            by_inputs=model.gains()[rows] * np.where(ramps > 0.0, ramps, 1.0)[:, None],
            biases=[model.drives[row] for row in rows],
            ramps=ramps,
        )

    def find(self, problem: Problem, wanted: Floats, limits: tuple[Floats, Floats]) -> Floats:
        """Return where the inputs are to come to rest, shape ``(n_u,)``, units of the model.

        Parameters
        ----------
        problem
            What stands, and within what.
        wanted
            Wanted controlled variables, not a number where nothing is wanted, shape ``(n_c,)``, units of the model.
        limits
            Lowest and highest inputs, shapes ``(n_u,)``, units of the model.
        """
        there, n = np.isfinite(wanted), len(self.unit)
        inputs = np.concatenate([problem.inputs, problem.known])
        ends = applied(self.by_inputs, inputs) + problem.state[self.biases] * np.where(
            self.ramps > 0.0, self.ramps, 1.0
        )
        off = np.where(self.ramps > 0.0, ends, ends - np.where(there, wanted, 0.0)) / self.scale
        slopes = (self.by_inputs[:, :n] * self.unit / self.scale[:, None])[there]
        away = (problem.inputs - self.rest) / self.unit
        weights = np.where(self.rests > 0.0, 1.0, _LAST)
        found = solve(
            Quadratic(
                hessian=2.0 * (_FIRST * product(slopes.T, slopes) + np.diag(weights)),
                gradient=2.0 * (_FIRST * applied(slopes.T, off[there]) + self.rests * away),
                low=np.minimum((limits[0] - problem.inputs) / self.unit, 0.0),
                high=np.maximum((limits[1] - problem.inputs) / self.unit, 0.0),
                hard=np.zeros((0, n)),
                soft=np.zeros((0, n)),
                room=np.zeros(0),
                weights=np.zeros(0),
                each=1,
            )
        )
        return problem.inputs if found is None else problem.inputs + found * self.unit
