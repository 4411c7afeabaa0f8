"""The horizon as a small dense quadratic program in the corrections of a few blocks of moves.

States are eliminated (H. G. Bock and K. J. Plitt, "A multiple shooting algorithm for direct solution of optimal control
problems", IFAC Proc. Vol. 17(2), 1984, doi:10.1016/S1474-6670(17)61205-9) along a roll-out, so that the linearised
states always begin and stay on the model; the curvature is that of the squares (Gauss-Newton).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from controller.mpc.horizon import Horizon, Run
from controller.mpc.prices import Prices
from controller.mpc.qp import Quadratic, Solution
from controller.mpc.sensitive import Sensitive, Sizes
from plant_io.signals import Floats
from plant_io.sums import applied, product


def spread(horizon: int) -> tuple[int, ...]:
    """Return lengths of blocks of moves, fine at first and coarse at the end.

    Examples
    --------
    >>> spread(40)
    (1, 1, 1, 1, 2, 2, 4, 4, 8, 16)
    >>> spread(5)
    (1, 1, 1, 1, 1)
    """
    lengths, left = list[int](), horizon
    for length in (1, 1, 1, 1, 2, 2, 4, 4, 8, 16, *[16] * horizon):
        if left <= 0:
            break
        lengths.append(min(length, left))
        left -= lengths[-1]
    return tuple(lengths)


class Condenser:
    """Turns a run into a quadratic program in block corrections of its inputs.

    Parameters
    ----------
    horizon
        What is repeated.
    lengths
        Length of each block, together the horizon [1].
    reach
        Largest move of each input in one sample, infinite where any is permitted, shape ``(n_u,)``, units of the model.
    """

    def __init__(self, horizon: Horizon, lengths: Sequence[int], reach: Floats) -> None:
        n_u, blocks = horizon.n_u, len(lengths)
        self._horizon, self._reach = horizon, reach
        self._starts = np.cumsum([0, *lengths[:-1]])
        self._of = np.repeat(np.arange(blocks), lengths)
        priced = horizon.stage.moves > 0.0
        self._scale = np.where(priced, 1.0 / np.sqrt(np.where(priced, horizon.stage.moves, 1.0)), 1.0)
        differ = np.asarray(np.kron(np.eye(blocks) - np.eye(blocks, k=-1), np.diag(self._scale)), dtype=np.float64)
        self._differ = differ
        prices = np.tile(horizon.stage.moves, blocks)
        self._priced: Floats = differ.T * prices
        self._moves_hessian = 2.0 * product(self._priced, differ) + 1e-9 * np.eye(blocks * n_u)
        bounded = np.tile(np.isfinite(reach), blocks)
        self._bounded = bounded
        self._hard = differ[bounded]
        self._weights = np.tile(horizon.stage.weights, horizon.length)
        sizes = Sizes(horizon.length, horizon.n_x, n_u, horizon.n_r, horizon.n_r + horizon.n_g + 1, horizon.n_e, blocks)
        self._sensitive = Sensitive(sizes, self._of, self._scale, compiled=horizon.compiled)

    def corrected(self, inputs: Floats, d: Floats) -> Floats:
        """Return inputs with block corrections added, shape ``(n, n_u)``, units of the model.

        Parameters
        ----------
        inputs
            Inputs, shape ``(n, n_u)``, units of the model.
        d
            Corrections, shape ``(blocks * n_u,)``, in moves that cost one [1].
        """
        return inputs + (d.reshape(-1, len(self._scale)) * self._scale)[self._of]

    def quadratic(self, run: Run, limits: tuple[Floats, Floats], given: Floats) -> Quadratic:
        """Return the quadratic program around a run.

        Parameters
        ----------
        run
            Where the horizon is linearised.
        limits
            Lowest and highest inputs of each sample, shapes ``(n, n_u)``, units of the model.
        given
            What is given for each sample and for the end, shape ``(n + 1, n_p)``, units of the model.
        """
        h, moves, found = self._horizon, run.moves[self._starts], self._sensitive
        along, end = h.slopes(run, given)
        found.find(along, end, np.concatenate([run.rows[:, : h.n_r].ravel(), run.end[:-1]]))
        slope = 2.0 * (found.gradient + applied(self._priced, moves.ravel()))
        slope += found.rows[:, -1].sum(axis=0) + found.end[-1]
        low, high = self._limits(run.inputs, limits, moves)
        return Quadratic(
            hessian=2.0 * found.hessian + self._moves_hessian,
            gradient=slope,
            low=low,
            high=high,
            hard=self._hard,
            soft=found.rows[:, h.n_r : -1].reshape(-1, len(slope)),
            room=-run.rows[:, h.n_r : -1].ravel(),
            weights=self._weights,
            each=h.n_g,
        )

    def prices(self, found: Solution) -> Prices:
        """Return what the limits cost a solution of one of its programs, at the first sample of each block."""
        length, blocks, n_u = self._horizon.length, len(self._starts), len(self._scale)
        inputs, moves, every = np.zeros((length, n_u)), np.zeros((length, n_u)), np.zeros(blocks * n_u)
        inputs[self._starts] = found.hard[: len(every)].reshape(blocks, n_u) / self._scale
        every[self._bounded] = found.hard[len(every) :]
        moves[self._starts] = every.reshape(blocks, n_u)
        return Prices(inputs, moves, found.soft.reshape(length, -1))

    def _limits(self, inputs: Floats, limits: tuple[Floats, Floats], moves: Floats) -> tuple[Floats, Floats]:
        low, high = limits
        least = np.maximum.reduceat(low - inputs, self._starts) / self._scale
        most = np.minimum.reduceat(high - inputs, self._starts) / self._scale
        down, up = (-self._reach - moves).ravel()[self._bounded], (self._reach - moves).ravel()[self._bounded]
        return (
            np.concatenate([np.minimum(least, 0.0).ravel(), np.minimum(down, 0.0)]),
            np.concatenate([np.maximum(most, 0.0).ravel(), np.maximum(up, 0.0)]),
        )
