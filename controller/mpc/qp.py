"""Small dense quadratic programs, solved by DAQP behind a typed wall.

D. Arnström, A. Bemporad and D. Axehill, "A dual active-set solver for embedded quadratic programming using recursive
LDL' updates", IEEE Trans. Autom. Control 67(8), 2022, doi:10.1109/TAC.2022.3176430.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from plant_io.changes import replace
from plant_io.flags import finite, some
from plant_io.signals import Floats
from plant_io.sums import applied, dot

_SOFT = 8  # DAQP's word for a row that may be violated at a price
_LINEAR = 1e8  # one over the curvature of that price: none to speak of
_ITERATIONS = 2000
_LONGEST_S = 3600.0
_PASSES = 3
_NEAR = 1e-9
_THIN = 3


class _Model(Protocol):
    settings: Mapping[str, float]

    def setup(self, *parts: Floats | NDArray[np.intc]) -> tuple[int, float]: ...
    def soft_weights(self, rho_l: Floats, rho_u: Floats, w_l: Floats, w_u: Floats, /) -> None: ...
    def solve(self) -> tuple[Floats, float, int, Mapping[str, object]]: ...


class _Daqp(Protocol):
    def Model(self) -> _Model: ...  # noqa: N802  # DAQP's name


@dataclass(frozen=True, slots=True, eq=False)
class Quadratic:
    """Minimise ``d' hessian d / 2 + gradient' d`` within limits, and softly below others."""

    hessian: Floats
    """Curvature, shape ``(n, n)``, positive definite [1]."""
    gradient: Floats
    """Slope, shape ``(n,)`` [1]."""
    low: Floats
    """Lowest `d`, then lowest ``hard @ d``, shape ``(n + m,)`` [1]."""
    high: Floats
    """Highest `d`, then highest ``hard @ d``, shape ``(n + m,)`` [1]."""
    hard: Floats
    """Rows that are kept, shape ``(m, n)`` [1]."""
    soft: Floats
    """Rows that cost above `room`, shape ``(s, n)`` [1]."""
    room: Floats
    """Room of each soft row, below zero where it is used up, shape ``(s,)`` [1]."""
    weights: Floats
    """Cost of each soft row per unit above its room, shape ``(s,)`` [1]."""
    each: int
    """Soft rows of one sample [1]; they come sample by sample."""
    longest_s: float = inf
    """Wall time each pass over it may take [s]."""

    @property
    def finite(self) -> bool:
        """Whether every number is one; infinite limits are none."""
        parts = (self.hessian, self.gradient, self.soft, self.room)
        return all(finite(part) for part in parts)

    def cost(self, d: Floats) -> float:
        """Return what `d`, shape ``(n,)`` [1], costs more than zero does."""
        above = np.maximum(applied(self.soft, d) - self.room, 0.0) - np.maximum(-self.room, 0.0)
        return 0.5 * dot(d, applied(self.hessian, d)) + dot(self.gradient, d) + dot(self.weights, above)


def daqp() -> _Daqp:
    """Return DAQP as far as it is used here."""
    import daqp as found  # noqa: PLC0415  # only where problems are solved  # pyright: ignore[reportMissingTypeStubs]

    return cast("_Daqp", found)


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A solution with what its limits cost."""

    d: Floats
    """The solution, shape ``(n,)`` [1]."""
    hard: Floats
    """What one more of each of `low` and `high` would save, below zero at `low`, shape ``(n + m,)`` [1]."""
    soft: Floats
    """What one more of each `room` would save, shape ``(s,)`` [1]."""


def solve(problem: Quadratic, longest_s: float = inf) -> Floats | None:
    """Return the solution, shape ``(n,)``, or None if there is none, or none in time.

    Parameters
    ----------
    problem
        What is to be solved.
    longest_s
        Wall time it may take [s].
    """
    found = solved(problem, longest_s)
    return None if found is None else found.d


def solved(problem: Quadratic, longest_s: float = inf) -> Solution | None:
    """Return the solution with its prices, or None if there is none, or none in time.

    Without soft rows first, which is all where none is broken; then with every third sample standing for three, which
    finds on which side of its room each row will lie; then with all of them.

    Parameters
    ----------
    problem
        What is to be solved.
    longest_s
        Wall time it may take [s].
    """
    n, s = len(problem.gradient), len(problem.room)
    problem = replace(problem, longest_s=longest_s / _PASSES)
    found = _solve(problem, slice(0, 0), 1.0, np.zeros(n))
    if found is None:
        return None
    if not some(applied(problem.soft, found.d) > problem.room + _NEAR):
        return Solution(found.d, found.hard, np.zeros(s))
    thin = np.arange(s) // problem.each % _THIN == _THIN // 2
    found = _solve(problem, thin, float(_THIN), np.zeros(n))
    return found if found is None else _solve(problem, slice(None), 1.0, found.d)


def _solve(problem: Quadratic, kept: slice | NDArray[np.bool_], share: float, near: Floats) -> Solution | None:
    """Return the solution with some soft rows only, their weights times `share`, or None.

    Above its room a row costs ``max(0, a) = a + max(0, -a)``, so that rows on the side where they lie `near` the
    solution add nothing to be decided.
    """
    soft, room, price = problem.soft[kept], problem.room[kept], problem.weights[kept] * share
    over = applied(soft, near) > room
    gradient = problem.gradient + applied(soft.T, price * over)
    side = np.where(over, -1.0, 1.0)
    hard, rows = len(problem.low), len(room)
    weights, shares, sense = np.zeros(hard + rows), np.zeros(hard + rows), np.zeros(hard + rows, dtype=np.intc)
    weights[hard:], shares[hard:], sense[hard:] = price, _LINEAR, _SOFT
    upper, lower = np.concatenate([problem.high, side * room]), np.concatenate([problem.low, np.full(rows, -1e30)])
    model = daqp().Model()
    model.settings = {"iter_limit": _ITERATIONS, "time_limit": min(problem.longest_s, _LONGEST_S)}
    matrix = np.concatenate([problem.hard, side[:, None] * soft])
    flag, _ = model.setup(problem.hessian, gradient, matrix, upper, lower, sense)
    if flag < 0:
        return None
    model.soft_weights(shares, shares, weights, weights)
    d, _, flag, told = model.solve()
    if flag <= 0 or not finite(d):
        return None
    paid = cast("Floats", told["lam"])
    return Solution(d, paid[:hard], np.where(over, price - paid[hard:], paid[hard:]))
