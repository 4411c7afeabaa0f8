"""What the limits a linear plan runs into cost it, in the words of every other plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from controller.mpc.prices import runs
from controller.plan import Binding, Limit
from plant_io.signals import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What the limits of a condensed quadratic program belong to."""

    names: tuple[Sequence[str], Sequence[str]]
    """Inputs and controlled variables, in their order."""
    lengths: NDArray[np.int_]
    """Samples in each block, shape ``(b,)`` [1]."""
    scale: float
    """Length of a scale of an input in the unit of the program [1]."""
    soft: tuple[Sequence[int], Sequence[int], Floats]
    """Sample after the first instant, controlled variable and side of each soft row [1]."""


def bindings(rows: Rows, hard: Floats, soft: Floats) -> tuple[Binding, ...]:
    """Return the limits that bind, by variable and in the order of time.

    The price of a limit of a block, which holds once for all its samples, is told at its first sample.

    Parameters
    ----------
    rows
        What the limits belong to.
    hard
        What one more of each limit of inputs, then of moves, would save, below zero at lower ones, shape ``(2 b n_u,)``
        [1].
    soft
        What one more of each soft limit would save, shape ``(s,)`` [1].
    """
    inputs, outputs = rows.names
    paid = (hard * rows.scale).reshape(2, len(rows.lengths), len(inputs))
    found = list[Binding]()
    for i, name in enumerate(inputs):
        for limit, side, prices in (
            (Limit.INPUT_LOW, -1.0, paid[0, :, i]),
            (Limit.INPUT_HIGH, 1.0, paid[0, :, i]),
            (Limit.MOVE_DOWN, -1.0, paid[1, :, i]),
            (Limit.MOVE_UP, 1.0, paid[1, :, i]),
        ):
            found += [_sampled(one, rows.lengths) for one in runs(name, limit, side * prices)]
    at, variable = (np.asarray(part, np.intp) for part in rows.soft[:2])
    for i, name in enumerate(outputs):
        for limit, side in ((Limit.OUTPUT_LOW, -1.0), (Limit.OUTPUT_HIGH, 1.0)):
            mine, prices = (variable == i) & (rows.soft[2] == side), np.zeros(int(rows.lengths.sum()) + 1)
            prices[at[mine] + 1] = soft[mine]
            found += runs(name, limit, prices)
    return tuple(found)


def _sampled(found: Binding, lengths: NDArray[np.int_]) -> Binding:
    """Return a limit that binds in some blocks as one that binds in their samples; a move is made once for a block."""
    starts, ends = np.cumsum(lengths) - lengths, np.cumsum(lengths) - 1
    moves = found.limit in {Limit.MOVE_DOWN, Limit.MOVE_UP}
    return replace(found, first=int(starts[found.first]), last=int((starts if moves else ends)[found.last]))
