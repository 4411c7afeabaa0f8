"""What an estimator foretells: controlled variables some steps ahead, and how far its next readings may be off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from controller.estimates import Estimate
from controller.kit import LoopKit
from controller.models.symbolic import Compiled, casadi, outputs, readings, vector
from controller.models.transfer import Transfer, dot
from controller.mpc.doubt import Doubt
from plant_io.signals import Floats
from policies.units import difference

Given = tuple[Floats, Floats]
"""Inputs and known inputs of one step, shapes ``(n_u,)`` and ``(n_w,)``, units of the model."""


class Foretold:
    """Looks ahead with the model of a loop.

    Parameters
    ----------
    kit
        The loop.
    """

    def __init__(self, kit: LoopKit) -> None:
        self._kit, model = kit, kit.model
        declared = [(kit.declared.measured[name], unit) for name, unit in model.measured.items()]
        self._noise = np.array([difference(one.sd, one.unit, unit) for one, unit in declared])
        if isinstance(model, Transfer):
            return
        symbols = [vector(n, len(m)) for n, m in (("x", model.states), ("u", model.inputs), ("w", model.known))]
        self._outputs = Compiled(symbols, [casadi().densify(outputs(model, *symbols))])
        self._doubt = Doubt(model, readings)

    def outputs(self, estimate: Estimate, given: Given) -> Floats:
        """Return the controlled variables as believed, shape ``(n_y,)``, units of the model."""
        model = self._kit.model
        if not isinstance(model, Transfer):
            (found,) = self._outputs(estimate.x, *given)
            return found
        rows = [list(model.measured).index(name) for name in model.controlled]
        d, history = estimate.x[: model.n_d], estimate.x[model.n_d :]
        return (dot(model.step.c, d) + dot(model.step.e, history))[rows]

    def ahead(self, estimate: Estimate, course: Sequence[Given], stops: Sequence[int]) -> Floats:
        """Return the controlled variables foretold after some steps, shape ``(len(stops), n_y)``, units of the model.

        Parameters
        ----------
        estimate
            What is believed at first.
        course
            Inputs of each step that was made.
        stops
            Steps after which the controlled variables are wanted, rising, at most the length of `course` [1].
        """
        found, wanted = list[Floats](), set(stops)
        blind = Estimate(estimate.x, np.zeros_like(estimate.p), {})
        for made, given in enumerate(course[: max(stops, default=0)], start=1):
            blind = self._kit.estimator.step(blind, *given, {})
            if made in wanted:
                found.append(self.outputs(blind, given))
        return np.array(found).reshape(len(found), len(self._kit.model.controlled))

    def sd(self, estimate: Estimate, inputs: Floats, known: Floats) -> Floats:
        """Return the doubt in the readings after the next step, shape ``(n_m,)``, units of the model.

        Parameters
        ----------
        estimate
            What is believed before it.
        inputs
            Inputs in force, shape ``(n_u,)``, units of the model.
        known
            Known inputs, shape ``(n_w,)``, units of the model.
        """
        model, ahead = self._kit.model, self._kit.estimator.step(estimate, inputs, known, {})
        if not isinstance(model, Transfer):
            believed = self._doubt(ahead, inputs, known)
        else:
            slopes = model.step.c
            believed = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", slopes, ahead.p, slopes), 0.0))
        return np.asarray(np.hypot(believed, self._noise), dtype=np.float64)
