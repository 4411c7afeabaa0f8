"""CasADi behind a typed wall: symbols, derivatives, and compiled functions on plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Protocol, Self, cast

import numpy as np

from controller.models.base import ControlModel, Expression, Stepping
from plant_io.signals import Floats


class Matrix(Expression, Protocol):
    """A matrix of expressions; a vector is one column."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns [1]."""
        ...

    @property
    def T(self) -> Self:  # noqa: N802  # CasADi's and NumPy's name
        """The transposed matrix."""
        ...

    def __getitem__(self, rows: int | tuple[slice, slice], /) -> Matrix: ...
    def __float__(self) -> float: ...
    def is_constant(self) -> bool:
        """Return whether it is a number."""
        ...

    def is_op(self, op: int, /) -> bool:
        """Return whether the outermost operation is `op`; only of one entry that is neither number nor symbol."""
        ...

    def is_symbolic(self) -> bool:
        """Return whether it is a symbol."""
        ...

    def dep(self, i: int, /) -> Matrix:
        """Return what the outermost operation is applied to."""
        ...

    def __matmul__(self, other: Matrix, /) -> Matrix: ...
    def __add__(self, other: Expression | float, /) -> Matrix: ...
    def __sub__(self, other: Expression | float, /) -> Matrix: ...
    def __mul__(self, other: Expression | float, /) -> Matrix: ...
    def __rmul__(self, other: float, /) -> Matrix: ...
    def __truediv__(self, other: Expression | float, /) -> Matrix: ...
    def __neg__(self) -> Matrix: ...


class _Buffer(Protocol):
    def set_arg(self, i: int, memory: Floats, /) -> None: ...
    def set_res(self, i: int, memory: Floats, /) -> None: ...


class Routine(Protocol):
    """A function of CasADi."""

    def call(self, arguments: Sequence[Matrix], /) -> list[Matrix]:
        """Return the results for `arguments`."""
        ...

    def buffer(self) -> tuple[_Buffer, Callable[[], None]]:
        """Return a place for arguments and results, and what runs it on them."""
        ...

    def mapaccum(self, name: str, times: int, /) -> Routine:
        """Return the function applied again and again, its first result becoming its first argument."""
        ...

    def map(self, times: int, how: str, /) -> Routine:
        """Return the function applied to each of several columns."""
        ...

    def name(self) -> str:
        """Return its name."""
        ...

    def n_in(self) -> int:
        """Return the number of arguments [1]."""
        ...

    def n_instructions(self) -> int:
        """Return the number of operations [1]."""
        ...

    def n_out(self) -> int:
        """Return the number of results [1]."""
        ...

    def size_in(self, i: int, /) -> tuple[int, int]:
        """Return rows and columns of an argument [1]."""
        ...

    def size_out(self, i: int, /) -> tuple[int, int]:
        """Return rows and columns of a result [1]."""
        ...


Build = Callable[[Sequence[Routine]], Sequence[Routine] | None]
"""Compiles functions, or says that it cannot."""


class _Generator(Protocol):
    def add(self, function: Routine, /) -> None: ...
    def dump(self) -> str: ...


class _Symbol(Protocol):
    def __call__(self, numbers: object, columns: int = 1, /) -> Matrix: ...
    def eye(self, n: int, /) -> Matrix: ...
    def sym(self, name: str, rows: int, columns: int, /) -> Matrix: ...


class _Dense(Protocol):
    def full(self) -> Floats: ...


class _Casadi(Protocol):
    SX: _Symbol
    MX: _Symbol

    def vertsplit(self, matrix: Matrix, /) -> list[Matrix]: ...
    def vertcat(self, *parts: Expression | float) -> Matrix: ...
    def horzcat(self, *parts: Expression | float) -> Matrix: ...
    def densify(self, matrix: Matrix, /) -> Matrix: ...
    def diag(self, column: Matrix, /) -> Matrix: ...
    def triu(self, matrix: Matrix, /) -> Matrix: ...
    def triu2symm(self, matrix: Matrix, /) -> Matrix: ...
    def sumsqr(self, matrix: Matrix, /) -> Matrix: ...
    def substitute(self, formulas: list[Matrix], old: list[Matrix], new: list[Matrix], /) -> list[Matrix]: ...
    def DM(self, numbers: object, /) -> _Dense: ...  # noqa: N802  # CasADi's name
    def jacobian(self, f: Expression, x: Matrix, /) -> Matrix: ...
    def vec(self, matrix: Matrix, /) -> Matrix: ...
    def sqrt(self, x: Expression, /) -> Matrix: ...
    def exp(self, x: Expression, /) -> Matrix: ...
    def tanh(self, x: Expression, /) -> Matrix: ...
    def fmin(self, x: Expression | float, y: Expression | float, /) -> Matrix: ...
    def fmax(self, x: Expression | float, y: Expression | float, /) -> Matrix: ...
    def Function(self, name: str, ins: Sequence[Matrix], outs: Sequence[Matrix], /) -> Routine: ...  # noqa: N802  # CasADi's name
    def CodeGenerator(self, name: str, options: dict[str, object], /) -> _Generator: ...  # noqa: N802  # CasADi's name
    def external(self, name: str, file: str, /) -> Routine: ...
    def depends_on(self, f: Matrix, x: Matrix, /) -> bool: ...

    OP_ADD: int
    OP_SUB: int
    OP_NEG: int
    OP_MUL: int
    OP_DIV: int
    OP_SQ: int
    OP_TWICE: int


def casadi() -> _Casadi:
    """Return CasADi as far as it is used here."""
    import casadi as found  # noqa: PLC0415  # takes half a second

    return cast("_Casadi", found)


class Compiled:
    """A function of plain arrays made from expressions; the same arrays give the same bits.

    Parameters
    ----------
    inputs
        Symbols, one matrix for each argument.
    outputs
        Expressions of these symbols, one matrix for each result.
    build
        Makes machine code of the function where it can; None leaves it as it is.
    """

    def __init__(self, inputs: Sequence[Matrix], outputs: Sequence[Matrix], build: Build | None = None) -> None:
        dense = [casadi().densify(matrix) for matrix in outputs]
        function = casadi().Function("compiled", list(inputs), dense)
        self.operations = function.n_instructions()
        """How many operations it takes [1]."""
        self._buffer, self._run = ((build and build([function])) or [function])[0].buffer()
        arguments = [np.zeros(m.shape[0] * m.shape[1]) for m in inputs]
        sizes = [(len(m),) if i.shape[1] == 1 else i.shape for i, m in zip(inputs, arguments, strict=True)]
        self._arguments: list[Floats] = [m.reshape(s, order="F") for m, s in zip(arguments, sizes, strict=True)]
        results = [np.zeros(m.shape[0] * m.shape[1]) for m in dense]
        shapes = [(m.shape[0],) if m.shape[1] == 1 else m.shape for m in dense]
        self._results: list[Floats] = [m.reshape(s, order="F") for m, s in zip(results, shapes, strict=True)]
        for i, memory in enumerate(arguments):
            self._buffer.set_arg(i, memory)
        for i, memory in enumerate(results):
            self._buffer.set_res(i, memory)

    def __call__(self, *arguments: Floats) -> tuple[Floats, ...]:
        """Return the results for `arguments`, each of the shape and unit of its matrix; a column comes as ``(n,)``."""
        for memory, argument in zip(self._arguments, arguments, strict=True):
            memory[:] = argument
        self._run()
        return tuple([memory.copy() for memory in self._results])


def vector(name: str, n: int) -> Matrix:
    """Return a column of `n` symbols."""
    return casadi().SX.sym(name, n, 1)


def symmetric(matrix: Matrix) -> Matrix:
    """Return a symmetric matrix with what is below its diagonal taken from above, which costs half."""
    return casadi().triu2symm(casadi().triu(casadi().densify(matrix)))


def rates(model: ControlModel, x: Matrix, u: Matrix, w: Matrix) -> Matrix:
    """Return the time derivatives of the states as one column, unit of the state per second."""
    split = casadi().vertsplit
    return casadi().vertcat(*model.rhs(split(x), split(u), split(w)))


def outputs(model: ControlModel, x: Matrix, u: Matrix, w: Matrix) -> Matrix:
    """Return the controlled outputs as one column, units of the model."""
    split = casadi().vertsplit
    return casadi().vertcat(*model.outputs(split(x), split(u), split(w)))


def readings(model: ControlModel, x: Matrix, u: Matrix, w: Matrix) -> Matrix:
    """Return the measurements as one column, units of the model."""
    split = casadi().vertsplit
    return casadi().vertcat(*model.readings(split(x), split(u), split(w)))


def ahead(model: ControlModel, x: Matrix, u: Matrix, w: Matrix, span_s: float) -> Matrix:
    """Return the states after a span of time with the inputs held, by Runge-Kutta or by the model itself.

    Parameters
    ----------
    model
        The model.
    x, u, w
        States, inputs and known inputs, one column each, units of the model.
    span_s
        Length of the span [s]; cut into steps no longer than the model permits.
    """
    if isinstance(model, Stepping):
        split = casadi().vertsplit
        return casadi().vertcat(*model.ahead(split(x), split(u), split(w), span_s))
    steps = ceil(span_s / model.longest_step_s)
    return runge_kutta(lambda at: rates(model, at, u, w), x, span_s / steps, steps)


def runge_kutta(slope: Callable[[Matrix], Matrix], x: Matrix, h: float, steps: int) -> Matrix:
    """Return where `x` goes in some steps of the classical Runge-Kutta rule.

    Parameters
    ----------
    slope
        Time derivatives at some states.
    x
        States at the start, one column.
    h
        Length of one step [s].
    steps
        Number of steps [1].
    """
    for _ in range(steps):
        k1 = slope(x)
        k2 = slope(x + k1 * (h / 2))
        k3 = slope(x + k2 * (h / 2))
        k4 = slope(x + k3 * h)
        x = x + (k1 + k2 * 2.0 + k3 * 2.0 + k4) * (h / 6)
    return x
