"""Kernels of Gaussian processes as plain numbers, and the covariances they give.

References
----------
C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", MIT Press, 2006, chapter 4,
doi:10.7551/mitpress/3206.001.0001.
"""

from __future__ import annotations

from math import exp, sqrt
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from plant_io.signals import Floats
from plant_io.sums import product
from policies.words import Declared, Positive

Lengths = Annotated[tuple[Positive, ...], Field(min_length=1)]
"""One length scale for all inputs, or one for each."""

NotNegative = Annotated[float, Field(allow_inf_nan=False, ge=0, strict=True)]
"""A finite number, zero or above."""


class Constant(Declared):
    """The same covariance everywhere."""

    kind: Literal["constant"] = "constant"
    """Form of the kernel."""
    value: NotNegative
    """Covariance, unit of the scaled result squared."""


class White(Declared):
    """Noise of a measurement: it adds to the variance of a prediction and to nothing else."""

    kind: Literal["white"] = "white"
    """Form of the kernel."""
    level: NotNegative
    """Variance, unit of the scaled result squared."""


class Rbf(Declared):
    """Squared exponential, with one length scale or one for each input."""

    kind: Literal["rbf"] = "rbf"
    """Form of the kernel."""
    length: Lengths
    """Length scales, units of the scaled inputs."""


class Matern(Declared):
    """Matern of half-integer smoothness."""

    kind: Literal["matern"] = "matern"
    """Form of the kernel."""
    length: Lengths
    """Length scales, units of the scaled inputs."""
    smoothness: Literal["1/2", "3/2", "5/2"]
    """How often what it describes can be differentiated, plus one half."""


class DotProduct(Declared):
    """Straight lines: the dot product of the inputs plus a constant."""

    kind: Literal["dot_product"] = "dot_product"
    """Form of the kernel."""
    offset: NotNegative
    """Root of the constant, unit of the scaled inputs."""


class Sum(Declared):
    """The sum of two kernels."""

    kind: Literal["sum"] = "sum"
    """Form of the kernel."""
    first: Kernel
    """One of them."""
    second: Kernel
    """The other."""


class Product(Declared):
    """The product of two kernels."""

    kind: Literal["product"] = "product"
    """Form of the kernel."""
    first: Kernel
    """One of them."""
    second: Kernel
    """The other."""


Kernel = Annotated[
    Constant | White | Rbf | Matern | DotProduct | Sum | Product,
    Field(discriminator="kind"),
]
"""Any kernel."""

Sum.model_rebuild()
Product.model_rebuild()


def covariance(kernel: Kernel, x: Floats, y: Floats) -> Floats:
    """Return the covariances between two sets of points, shape ``(m, n)``, unit of the scaled result squared.

    Parameters
    ----------
    kernel
        The kernel.
    x
        Points, shape ``(m, d)``, units of the scaled inputs.
    y
        Other points, shape ``(n, d)``, the same units.

    Examples
    --------
    >>> covariance(Rbf(length=(1.0,)), np.zeros((1, 2)), np.zeros((1, 2))).tolist()
    [[1.0]]
    """
    match kernel:
        case Constant(value=value):
            found = np.full((len(x), len(y)), value)
        case White():
            found = np.zeros((len(x), len(y)))
        case DotProduct(offset=offset):
            found = product(x, y.T) + offset**2
        case Rbf(length=length):
            found = exponentials(-0.5 * _squares(x, y, length))
        case Matern(length=length, smoothness=smoothness):
            found = _matern(np.sqrt(_squares(x, y, length)), smoothness)
        case Sum(first=first, second=second):
            found = covariance(first, x, y) + covariance(second, x, y)
        case Product(first=first, second=second):
            found = covariance(first, x, y) * covariance(second, x, y)
    return found


def variance(kernel: Kernel, x: Floats) -> Floats:
    """Return the variance at each point before any training, noise included, shape ``(m,)``, scaled result squared.

    Parameters
    ----------
    kernel
        The kernel.
    x
        Points, shape ``(m, d)``, units of the scaled inputs.
    """
    match kernel:
        case Constant(value=value) | White(level=value):
            return np.full(len(x), value)
        case DotProduct(offset=offset):
            return np.asarray(np.einsum("ij,ij->i", x, x)) + offset**2
        case Rbf() | Matern():
            return np.ones(len(x))
        case Sum(first=first, second=second):
            return variance(first, x) + variance(second, x)
        case Product(first=first, second=second):
            return variance(first, x) * variance(second, x)


def exponentials(values: Floats) -> Floats:
    """Return the exponential of each value; NumPy's own differs between processors in the last bit.

    Parameters
    ----------
    values
        Exponents, any shape [1].
    """
    return np.array([exp(value) for value in values.ravel().tolist()]).reshape(values.shape)


def _squares(x: Floats, y: Floats, length: tuple[float, ...]) -> Floats:
    scale = np.array(length)
    apart = (x / scale)[:, None, :] - (y / scale)[None, :, :]
    return np.asarray(np.einsum("mnd,mnd->mn", apart, apart))


def _matern(distance: Floats, smoothness: str) -> Floats:
    if smoothness == "1/2":
        return exponentials(-distance)
    if smoothness == "3/2":
        near = sqrt(3.0) * distance
        return (1.0 + near) * exponentials(-near)
    near = sqrt(5.0) * distance
    return (1.0 + near + near * near / 3.0) * exponentials(-near)
