"""How far controlled variables, or readings, may be from where they are believed to be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from controller.estimates import Estimate
from controller.models import ControlModel
from controller.models.symbolic import Compiled, Matrix, casadi, outputs, vector
from plant_io.signals import Floats

Shown = Callable[[ControlModel, Matrix, Matrix, Matrix], Matrix]


class Doubt:
    """Standard deviations of the controlled variables by those of the states, to first order.

    Parameters
    ----------
    model
        Control model.
    shown
        What is asked for in their place, such as `controller.models.symbolic.readings`.
    """

    def __init__(self, model: ControlModel, shown: Shown = outputs) -> None:
        x, u, w = (vector(n, len(m)) for n, m in (("x", model.states), ("u", model.inputs), ("w", model.known)))
        p = casadi().SX.sym("p", len(model.states), len(model.states))
        slopes = [casadi().jacobian(y, x) for y in casadi().vertsplit(shown(model, x, u, w))]
        self._variances = Compiled([x, u, w, p], [casadi().vertcat(*[slope @ p @ slope.T for slope in slopes])])

    def __call__(self, estimate: Estimate, inputs: Floats, known: Floats) -> Floats:
        """Return the standard deviations, shape ``(n_y,)``, units of the model.

        Parameters
        ----------
        estimate
            What is believed.
        inputs
            Inputs in force, shape ``(n_u,)``, units of the model.
        known
            Known inputs, shape ``(n_w,)``, units of the model.
        """
        (variances,) = self._variances(estimate.x, inputs, known, estimate.p)
        return np.sqrt(np.maximum(variances, 0.0))
