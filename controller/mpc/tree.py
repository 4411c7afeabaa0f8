"""Several plants in one program: do-mpc's scenario tree, its plants told apart by parameters that are 0 or 1.

S. Lucia, T. Finkler and S. Engell, "Multi-stage nonlinear model predictive control applied to a semi-batch
polymerization reactor under uncertainty", J. Process Control 23(9), 2013, doi:10.1016/j.jprocont.2013.08.008.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.models import ControlModel
from controller.models.symbolic import Matrix, ahead, casadi, outputs
from controller.mpc.domodel import DoMpc
from plant_io.signals import Floats

Where = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Plants:
    """The plants a plan is to hold for, the one identified the first."""

    models: Sequence[ControlModel]
    """Their models, alike in all but their parameters."""

    @property
    def first(self) -> ControlModel:
        """The one identified."""
        return self.models[0]

    @property
    def chosen(self) -> int:
        """Number of parameters that say which plant it is [1]; none for one plant alone."""
        return len(self.models) if len(self.models) > 1 else 0

    @property
    def weights(self) -> Floats:
        """What says which plant it is for each of them, shape ``(plants, chosen)`` [1]."""
        return np.eye(len(self.models))[:, : self.chosen]

    def ahead(self, at: tuple[Matrix, Matrix, Matrix], which: Matrix, span_s: float) -> Matrix:
        """Return the states after a span of time.

        Parameters
        ----------
        at
            States, inputs and known inputs, one column each, units of the model.
        which
            1 for the plant it is, 0 for the others, ``(chosen, 1)`` [1].
        span_s
            Length of the span [s].
        """
        return self._one([ahead(model, *at, span_s) for model in self.models], which)

    def outputs(self, at: tuple[Matrix, Matrix, Matrix], which: Matrix) -> Matrix:
        """Return the controlled outputs, one column, units of the model; the arguments are those of `ahead`."""
        return self._one([outputs(model, *at) for model in self.models], which)

    def _one(self, found: list[Matrix], which: Matrix) -> Matrix:
        if not self.chosen:
            return found[0]
        parts = zip(casadi().vertsplit(which), found, strict=True)
        (first, *rest) = (part * weight for weight, part in parts)
        for part in rest:
            first = first + part
        return first


@dataclass(frozen=True, slots=True)
class Node:
    """A sample of one branch of the tree."""

    k: int
    """Sample [1]."""
    s: int
    """Branch [1]."""
    parent: int
    """Branch of the sample before [1]."""
    plant: int
    """Which plant it is up to here [1]; the one identified at the root."""


def nodes(mpc: DoMpc, n: int) -> list[list[Node]]:
    """Return the nodes of each sample and of the end, ``n + 1`` lists."""
    tree = mpc.scenario_tree
    found = [[Node(0, 0, 0, 0)]]
    for k in range(1, n + 1):
        row = list[Node]()
        for s in range(int(np.asarray(tree["n_scenarios"])[k])):
            parent = int(np.asarray(tree["parent_scenario"])[k][s])
            branches = int(np.asarray(tree["n_branches"])[k - 1])
            first = int(np.asarray(tree["branch_offset"])[k - 1][parent])
            row.append(Node(k, s, parent, first + (s % branches if branches > 1 else 0)))
        found.append(row)
    return found
