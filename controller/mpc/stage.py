"""One sample of the horizon as formulas: where it leads, what it costs, what it should keep."""

from __future__ import annotations

from dataclasses import dataclass

from controller.models.symbolic import Matrix, Routine
from plant_io.signals import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """What every sample of a horizon is made of.

    The cost of a plan is the sum over its samples of ``sum(squares**2) + other + weights @ max(0, soft)`` and
    ``moves @ (u - u_before)**2``, and of ``sum(end_squares**2) + end_other`` at its end.
    """

    x: Matrix
    """Symbols of the states, ``(n_x, 1)``."""
    u: Matrix
    """Symbols of the inputs, ``(n_u, 1)``."""
    p: Matrix
    """Symbols of what is given for each sample, ``(n_p, 1)``."""
    ahead: Matrix
    """States one sample later, ``(n_x, 1)``."""
    squares: Matrix
    """What is squared and summed up at the start of the sample, ``(n_r, 1)``."""
    other: Matrix
    """Cost at the start of the sample that is no square."""
    soft: Matrix
    """What is not to be above zero at the start of the sample, ``(n_g, 1)``."""
    weights: Floats
    """Cost of each of `soft` per unit above zero, shape ``(n_g,)`` [1]."""
    end_squares: Matrix
    """What is squared and summed up after the last sample, of its final states and its inputs, ``(n_e, 1)``."""
    end_other: Matrix
    """Cost after the last sample that is no square."""
    slopes: Routine | None
    """Slopes of `ahead` by states and inputs, of `x`, `u` and `p`, where they are had cheaper than from its formula."""
    moves: Floats
    """Cost of a squared move of each input, shape ``(n_u,)``, one over its squared unit."""
