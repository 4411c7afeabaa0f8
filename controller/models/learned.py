"""A frozen learner as CasADi expressions, for control models: do-mpc's, the estimator's and one's own.

It agrees with `controller.soft.frozen.Frozen.predict`, which rounds in another order, to better than 1e-8.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np

from controller.models.base import Expression, Symbols
from controller.models.symbolic import Matrix, casadi
from controller.soft.frozen import Frozen, Gp, Mlp, Trees
from controller.soft.kernels import Constant, DotProduct, Kernel, Matern, Product, Rbf, Sum, White
from controller.soft.kernels import variance as prior
from plant_io.signals import Floats

MOST_POINTS = 100
"""Most training points of a Gaussian process inside a control model [1]."""

MOST_WEIGHTS = 5000
"""Most weights of a network inside a control model [1]."""

_NEARNESS = 1e-24
"""Added to squared distances, so that their roots have slopes at the training points too [1]."""


def mean(frozen: Frozen, inputs: Symbols) -> Matrix:
    """Return what a learner predicts, as an expression of one entry, in the unit of its result.

    Parameters
    ----------
    frozen
        The learner.
    inputs
        One expression for each input, in the order and the units it was fitted with.

    Raises
    ------
    ValueError
        If it is too large for a control model, has no slopes, or the inputs are more or fewer.
    """
    z, learner = _scaled(frozen, inputs), frozen.learner
    if isinstance(learner, Trees):
        message = "trees have jumps and no slopes: in a control model use ridge, pls, mlp or gp"
        raise ValueError(message)  # noqa: TRY004  # a mistake in a file, told like every other
    if isinstance(learner, Gp):
        said = _dot(learner.arrays[1], _across(learner, z)) * learner.scale + learner.mean
    elif isinstance(learner, Mlp):
        said = _network(learner, z)
    else:
        centre = np.array(learner.centre) if learner.kind == "pls" else np.zeros(learner.n_inputs)
        said = _dot(np.array(learner.coef), z - _column(centre)) + learner.intercept
    return said * frozen.target_scale + frozen.target_mean


def variance(frozen: Frozen, inputs: Symbols) -> Matrix:
    """Return the variance of what a Gaussian process predicts, noise included, in the unit of its result squared.

    It is not cut off at zero, which would be a kink; rounding may take it below where there is no noise.

    Parameters
    ----------
    frozen
        The learner.
    inputs
        One expression for each input, in the order and the units it was fitted with.

    Raises
    ------
    ValueError
        If it is no Gaussian process, too large for a control model, or the inputs are more or fewer.
    """
    z, learner = _scaled(frozen, inputs), frozen.learner
    if not isinstance(learner, Gp):
        message = f"a learner of kind {learner.kind} knows no variance, only one of kind gp does"
        raise ValueError(message)  # noqa: TRY004  # the same
    across = casadi().vertsplit(_across(learner, z))
    solved: list[Expression] = []
    for right, row in zip(across, learner.arrays[2], strict=True):
        left: Expression = right
        for weight, known in zip(row[:-1].tolist(), solved, strict=True):
            left = left - known * weight
        solved.append(left * (1.0 / float(row[-1])))
    explained = casadi().sumsqr(casadi().vertcat(*solved))
    return (_prior(learner.kernel, z) - explained) * (learner.scale * frozen.target_scale) ** 2


def _scaled(frozen: Frozen, inputs: Symbols) -> Matrix:
    if len(inputs) != frozen.n_inputs:
        raise ValueError(f"found {len(inputs)} inputs, expected the {frozen.n_inputs} the learner was fitted to")
    _small(frozen)
    z = casadi().vertcat(*inputs)
    if frozen.scaling is None:
        return z
    return (z - _column(np.array(frozen.scaling.mean))) / _column(np.array(frozen.scaling.scale))


def _small(frozen: Frozen) -> None:
    learner, where = frozen.learner, "in a control model"
    if isinstance(learner, Gp) and len(learner.points) > MOST_POINTS:
        found = f"a Gaussian process of {len(learner.points)} points"
        raise ValueError(f"found {found}, expected at most {MOST_POINTS} {where}")
    if isinstance(learner, Mlp) and (weights := sum(w.size for w, _ in learner.layers)) > MOST_WEIGHTS:
        raise ValueError(f"found a network of {weights} weights, expected at most {MOST_WEIGHTS} {where}")


def _network(learner: Mlp, z: Matrix) -> Matrix:
    *hidden, (last, bias) = learner.layers
    for weights, biases in hidden:
        z = _ACTIVATIONS[learner.activation](_matrix(weights.T) @ z + _column(biases))
    return _matrix(last.T) @ z + float(bias[0])


_ACTIVATIONS: dict[str, Callable[[Matrix], Matrix]] = {
    "identity": lambda sums: sums,
    "tanh": lambda sums: casadi().tanh(sums),
    "relu": lambda sums: casadi().fmax(sums, 0.0),
    "logistic": lambda sums: casadi().tanh(sums * 0.5) * 0.5 + 0.5,
}


def _across(learner: Gp, z: Matrix) -> Matrix:
    """Return the covariance with every training point, one column."""
    return _covariance(learner.kernel, z, learner.arrays[0])


def _covariance(kernel: Kernel, z: Matrix, points: Floats) -> Matrix:
    match kernel:
        case Constant(value=value):
            found = _column(np.full(len(points), value))
        case White():
            found = _column(np.zeros(len(points)))
        case DotProduct(offset=offset):
            found = _matrix(points) @ z + offset**2
        case Rbf(length=length):
            found = casadi().exp(_squares(z, points, length) * -0.5)
        case Matern(length=length, smoothness=smoothness):
            found = _matern(_squares(z, points, length), smoothness)
        case Sum(first=first, second=second):
            found = _covariance(first, z, points) + _covariance(second, z, points)
        case Product(first=first, second=second):
            found = _covariance(first, z, points) * _covariance(second, z, points)
    return found


def _squares(z: Matrix, points: Floats, length: tuple[float, ...]) -> Matrix:
    scale = np.broadcast_to(np.array(length), points.shape[1])
    parts = [
        (_column(column) - coordinate) * (1.0 / float(size))
        for column, coordinate, size in zip(points.T, casadi().vertsplit(z), scale, strict=True)
    ]
    total = parts[0] * parts[0]
    for part in parts[1:]:
        total = total + part * part
    return total


def _matern(squares: Matrix, smoothness: str) -> Matrix:
    factor = {"1/2": 1.0, "3/2": 3.0, "5/2": 5.0}[smoothness]
    near = casadi().sqrt(squares + _NEARNESS) * sqrt(factor)
    fading = casadi().exp(-near)
    if smoothness == "1/2":
        return fading
    grown = near + 1.0
    return (grown if smoothness == "3/2" else grown + near * near * (1.0 / 3.0)) * fading


def _prior(kernel: Kernel, z: Matrix) -> Matrix:
    match kernel:
        case DotProduct(offset=offset):
            return casadi().sumsqr(z) + offset**2
        case Sum(first=first, second=second):
            return _prior(first, z) + _prior(second, z)
        case Product(first=first, second=second):
            return _prior(first, z) * _prior(second, z)
        case _:
            return _column(prior(kernel, np.zeros((1, 1))))


def _dot(weights: Floats, column: Matrix) -> Matrix:
    return _matrix(weights[None, :]) @ column


def _column(values: Floats) -> Matrix:
    return _matrix(values[:, None])


def _matrix(values: Floats) -> Matrix:
    return casadi().SX(casadi().DM(np.ascontiguousarray(values)))
