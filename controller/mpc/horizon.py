"""A stage repeated over the horizon: roll-out and slopes on plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from controller.models.symbolic import Build, Matrix, Routine, casadi
from controller.mpc.stage import Stage
from plant_io.signals import Floats
from plant_io.sums import dot


def interpreted(functions: Sequence[Routine]) -> None:
    """Leave functions as they are."""
    del functions


class Kernel:
    """A CasADi function on arrays that stay where they are.

    Parameters
    ----------
    function
        Routine with dense arguments and results.
    """

    def __init__(self, function: Routine) -> None:
        self.arguments = [np.zeros(_turned(function.size_in(i))) for i in range(function.n_in())]
        """Where arguments are put; transposed, a column of CasADi's is a row."""
        self.results = [np.zeros(_turned(function.size_out(i))) for i in range(function.n_out())]
        """Where results are found until the next call; transposed too."""
        self._buffer, self.run = function.buffer()
        for i, memory in enumerate(self.arguments):
            self._buffer.set_arg(i, memory)
        for i, memory in enumerate(self.results):
            self._buffer.set_res(i, memory)


def _turned(size: tuple[int, int]) -> tuple[int, int]:
    return size[1], size[0]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A horizon rolled out."""

    inputs: Floats
    """Inputs, shape ``(n, n_u)``, units of the model."""
    states: Floats
    """States, shape ``(n + 1, n_x)``, units of the model."""
    moves: Floats
    """Move into each sample, shape ``(n, n_u)``, units of the model."""
    rows: Floats
    """Squares, soft rows and other cost of each sample, shape ``(n, n_r + n_g + 1)`` [1]."""
    end: Floats
    """Squares and other cost at the end, shape ``(n_e + 1,)`` [1]."""
    cost: float
    """Cost, moves included [1]."""


class Horizon:
    """A stage repeated.

    Parameters
    ----------
    stage
        One sample.
    length
        Number of samples [1].
    build
        Compiles functions where it can.
    """

    def __init__(self, stage: Stage, length: int, build: Build) -> None:
        self.stage, self.length = stage, length
        self.n_x, self.n_u, self.n_r = stage.x.shape[0], stage.u.shape[0], stage.squares.shape[0]
        self.n_g, self.n_e = stage.soft.shape[0], stage.end_squares.shape[0]
        found = build(_functions(stage, length))
        self.compiled = found is not None
        """Whether its formulas are machine code."""
        made = found or _functions(
            stage, length, _chained(stage)
        )  # formulas written out are the faster slopes, compiled
        roll, end, slopes, end_slopes = (Kernel(f) for f in made)
        self._roll, self._end, self._slopes, self._end_slopes = roll, end, slopes, end_slopes

    def roll(self, start: Floats, inputs: Floats, before: Floats, given: Floats) -> Run:
        """Roll inputs out.

        Parameters
        ----------
        start
            States at the beginning, shape ``(n_x,)``, units of the model.
        inputs
            Inputs of each sample, shape ``(n, n_u)``, units of the model.
        before
            Inputs before the first sample, shape ``(n_u,)``, units of the model.
        given
            What is given for each sample and for the end, shape ``(n + 1, n_p)``, units of the model.
        """
        roll, end = self._roll, self._end
        roll.arguments[0][0], roll.arguments[1][:], roll.arguments[2][:] = start, inputs, given[:-1]
        roll.run()
        states = np.concatenate([roll.arguments[0], roll.results[0]])
        rows = roll.results[1].copy()
        end.arguments[0][0], end.arguments[1][0], end.arguments[2][0] = states[-1], inputs[-1], given[-1]
        end.run()
        last = end.results[0][0].copy()
        moves = inputs - np.concatenate([before[None], inputs[:-1]])
        squares, soft = rows[:, : self.n_r], rows[:, self.n_r : -1]
        cost = float(
            np.sum(squares * squares)
            + dot(last[:-1], last[:-1])
            + dot(np.maximum(soft, 0.0).sum(axis=0), self.stage.weights)
            + rows[:, -1].sum()
            + last[-1]
            + dot((moves * moves).sum(axis=0), self.stage.moves)
        )
        return Run(inputs, states, moves, rows, last, cost)

    def slopes(self, run: Run, given: Floats) -> tuple[Floats, Floats]:
        """Return the slopes along a run, valid until the next call.

        Parameters
        ----------
        run
            Where the slopes are wanted.
        given
            What is given for each sample and for the end, shape ``(n + 1, n_p)``, units of the model.

        Returns
        -------
        tuple
            Slopes of next states and rows by states and inputs, shape ``(n, n_x + n_u, n_x + n_r + n_g + 1)``, and of
            the end by the same, shape ``(n_x + n_u, n_e + 1)``; units of the model.
        """
        along, end = self._slopes, self._end_slopes
        along.arguments[0][:], along.arguments[1][:], along.arguments[2][:] = run.states[:-1], run.inputs, given[:-1]
        along.run()
        end.arguments[0][0], end.arguments[1][0], end.arguments[2][0] = run.states[-1], run.inputs[-1], given[-1]
        end.run()
        n = self.n_x + self.n_u
        return along.results[0].reshape(self.length, n, -1), end.results[0].reshape(n, -1)


def _functions(stage: Stage, length: int, slopes: Routine | None = None) -> list[Routine]:
    ca, given = casadi(), [stage.x, stage.u, stage.p]
    rows, ahead = _rows(stage), ca.densify(stage.ahead)
    end = ca.densify(ca.vertcat(stage.end_squares, stage.end_other))
    free = ca.vertcat(stage.x, stage.u)
    step = ca.Function("step", given, [ahead, rows])
    written = ca.Function("slope", given, [_flat(ca.jacobian(ca.vertcat(ahead, rows), free))])
    return [
        step.mapaccum("roll", length),
        ca.Function("end", given, [end]),
        (slopes or written).map(length, "serial"),
        ca.Function("end_slopes", given, [_flat(ca.jacobian(end, free))]),
    ]


def _chained(stage: Stage) -> Routine | None:
    """Return the slopes of a stage by those of its next states, where they are had so."""
    if stage.slopes is None:
        return None
    ca, given, free = casadi(), [stage.x, stage.u, stage.p], casadi().vertcat(stage.x, stage.u)
    symbols = [ca.MX.sym("given", *part.shape) for part in given]
    (below,) = ca.Function("row_slopes", given, [ca.jacobian(_rows(stage), free)]).call(symbols)
    (above,) = stage.slopes.call(symbols)
    return ca.Function("chained", symbols, [_flat(ca.vertcat(above, below))])


def _rows(stage: Stage) -> Matrix:
    return casadi().densify(casadi().vertcat(stage.squares, stage.soft, stage.other))


def _flat(slopes: Matrix) -> Matrix:
    """Return a Jacobian as one column, row by row of its transpose; CasADi counts by columns."""
    return casadi().vec(casadi().densify(slopes))
