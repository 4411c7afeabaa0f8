"""What a loop is to do, as formulas: squared deviations, what more or less is worth, and limits with a price."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from controller.models import ControlModel
from controller.models.symbolic import Matrix, casadi
from plant_io.signals import Floats
from policies import Mpc
from policies.units import convert, difference

_PENALTY = 100.0
"""Cost of leaving the limits of the lowest rank by one scale, in squared scales [1]."""
_RANKS = 100.0
"""Cost of the limits of one rank relative to those of the next in use [1]."""
_FAR = 1e6
"""Where a limit stands that is none, in scales beyond those of the policy [1]."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a sample is told besides state and inputs, one column each."""

    known: Matrix
    """Known inputs, ``(n_w, 1)``, units of the model."""
    targets: Matrix
    """Wanted outputs, ``(n_y, 1)``, units of the model."""
    wanted: Matrix
    """1 for each output for which something is wanted, else 0, ``(n_y, 1)`` [1]."""
    lowest: Matrix
    """Lowest acceptable outputs, ``(n_y, 1)``, units of the model."""
    highest: Matrix
    """Highest acceptable outputs, ``(n_y, 1)``, units of the model."""
    present: Matrix
    """1 for each output that counts, else 0, ``(n_y, 1)`` [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """What a loop is to do."""

    n_w: int
    """Number of known inputs [1]."""
    y_scale: Floats
    """Scale of each output, shape ``(n_y,)``, units of the model."""
    u_scale: Floats
    """Scale of each input, shape ``(n_u,)``, units of the model."""
    lowest: Floats
    """Lowest acceptable outputs of the policy, shape ``(n_y,)``, units of the model."""
    highest: Floats
    """Highest acceptable outputs of the policy, shape ``(n_y,)``, units of the model."""
    y_slope: Floats
    """Cost of a scale more of each output, shape ``(n_y,)`` [1]."""
    u_slope: Floats
    """Cost of a scale more of each input, shape ``(n_u,)`` [1]."""
    y_best: Floats
    """Where that costs nothing, shape ``(n_y,)``, units of the model: the better limit, so that little is left over."""
    u_best: Floats
    """The same for each input, shape ``(n_u,)``, units of the model."""
    penalties: Floats
    """Cost of leaving the limits of each output by a scale, shape ``(n_y,)`` [1]."""

    @classmethod
    def of(cls, model: ControlModel, loop: Mpc) -> Objective:
        """Return what `loop` is to do with `model`."""
        held = [(loop.controlled[name], unit) for name, unit in model.controlled.items()]
        moved = [(loop.moved[name], unit) for name, unit in model.inputs.items()]
        y_limits = np.array([[convert(end, one.unit, unit) for end in one.limits] for one, unit in held])
        u_limits = np.array([[convert(end, one.unit, unit) for end in one.limits] for one, unit in moved])
        y_slope, u_slope = (np.array([one.slope for one, _ in each]) for each in (held, moved))
        ranks = sorted({one.rank for one, _ in held}, reverse=True)
        return cls(
            n_w=len(model.known),
            y_scale=np.array([difference(one.scale, one.unit, unit) for one, unit in held]),
            u_scale=np.array([difference(one.scale, one.unit, unit) for one, unit in moved]),
            lowest=y_limits[:, 0],
            highest=y_limits[:, 1],
            y_slope=y_slope,
            u_slope=u_slope,
            y_best=np.where(y_slope < 0.0, y_limits[:, 1], y_limits[:, 0]),
            u_best=np.where(u_slope < 0.0, u_limits[:, 1], u_limits[:, 0]),
            penalties=np.array([_PENALTY * _RANKS ** ranks.index(one.rank) for one, _ in held]),
        )

    @property
    def n_given(self) -> int:
        """How much a sample is told [1]."""
        return self.n_w + 5 * len(self.y_scale)

    def split(self, told: Matrix) -> Given:
        """Return what a sample is told, taken out of one column of ``n_given``."""
        parts, n_y = casadi().vertsplit(told), len(self.y_scale)
        ends = [0, *(self.n_w + i * n_y for i in range(6))]
        known, *rest = (casadi().vertcat(*parts[a:b]) for a, b in pairwise(ends))
        return Given(known, *rest)

    def told(self, known: Floats, targets: Floats, limits: tuple[Floats, Floats], present: Floats) -> Floats:
        """Return what each sample and the end are told, shape ``(n + 1, n_given)``, units of the model.

        Parameters
        ----------
        known
            Known inputs, shape ``(n + 1, n_w)``, units of the model.
        targets
            Wanted outputs, not a number where nothing is wanted, shape ``(n + 1, n_y)``, units of the model.
        limits
            Lowest and highest acceptable outputs, shapes ``(n_y,)``, units of the model.
        present
            1 for each output that counts, else 0, shape ``(n_y,)`` [1].
        """
        there, far = present > 0.0, _FAR * self.y_scale
        wanted = np.isfinite(targets) & there
        ends = np.where(there, limits[0], self.lowest - far), np.where(there, limits[1], self.highest + far)
        parts = (known, np.where(wanted, targets, 0.0), wanted, *ends, there)
        table, at = np.empty((len(known), sum([part.shape[-1] for part in parts]))), 0
        for part in parts:
            table[:, at : at + part.shape[-1]] = part
            at += part.shape[-1]
        return table

    def cost(self, y: Matrix, u: Matrix, given: Given) -> Matrix:
        """Return the cost of outputs and inputs at one sample, moves and limits aside."""
        split, sumsqr, column = casadi().vertsplit, casadi().sumsqr, casadi().vertcat
        off = zip(split(y - given.targets), self.y_scale.tolist(), split(given.wanted), strict=True)
        worth = zip(split(y), self.y_slope.tolist(), self.y_best.tolist(), self.y_scale.tolist(), strict=True)
        spent = zip(split(u), self.u_slope.tolist(), self.u_best.tolist(), self.u_scale.tolist(), strict=True)
        found = sumsqr(column(*[part / scale * there for part, scale, there in off]))
        for (part, slope, best, scale), there in zip(worth, split(given.present), strict=True):
            found = found + (part - best) / scale * slope * there if slope else found
        for part, slope, best, scale in spent:
            found = found + (part - best) / scale * slope if slope else found
        return found

    def beyond(self, y: Matrix, given: Given) -> list[tuple[str, Matrix, float]]:
        """Return how far each output is beyond each limit in scales, on which side, and the cost of each scale."""
        limits = zip(*map(casadi().vertsplit, (y, given.lowest, given.highest)), strict=True)
        prices = zip(self.y_scale.tolist(), self.penalties.tolist(), strict=True)
        found = list[tuple[str, Matrix, float]]()
        for (part, low, high), (scale, penalty) in zip(limits, prices, strict=True):
            found.append(("below", (part - low) * -1.0 / scale, penalty))
            found.append(("above", (part - high) / scale, penalty))
        return found
