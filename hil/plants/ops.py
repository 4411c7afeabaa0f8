"""The few operations the equations of the plants are written in: once, for one run or for many side by side.

An equation takes its values as `Value` and its operations as `Ops[Value]`. With `SINGLE` every value is a float; with
`BATCHED` every value is an array whose first axis is the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BY_ROW = "...i,ij->...j"
"""For `numpy.einsum`: rows times a matrix, added in one order; BLAS would add as suits the processor."""

Value = TypeVar("Value", float, Floats)
"""What an equation counts with: a float, or an array whose first axis is the run."""

Truth = bool | NDArray[np.bool_]
"""Outcome of a comparison of two values."""


def one_by_one(function: Callable[[float], float], x: Floats) -> Floats:
    """Return a function of `math` of each element, in its unit; those of NumPy differ from processor to processor.

    Parameters
    ----------
    function
        What gives each, in its unit.
    x
        Values of any shape and unit.

    Examples
    --------
    >>> one_by_one(math.sqrt, np.array([4.0, 9.0])).tolist()
    [2.0, 3.0]
    """
    return np.array([function(one) for one in x.ravel().tolist()]).reshape(x.shape)


class Ops(Protocol[Value]):
    """The operations; arithmetic and comparison are those of the values themselves."""

    def exp(self, x: Value, /) -> Value:
        """Return e to the power of `x` [1]."""
        ...

    def log(self, x: Value, /) -> Value:
        """Return the natural logarithm of `x` [1]."""
        ...

    def sin(self, x: Value, /) -> Value:
        """Return the sine of `x` [rad]."""
        ...

    def power(self, x: Value, exponent: float, /) -> Value:
        """Return `x` [1], not negative, to the power of `exponent` [1]."""
        ...

    def where(self, when: Truth, yes: Value, no: Value, /) -> Value:
        """Return `yes` where it is so and `no` elsewhere, in their unit."""
        ...

    def minimum(self, x: Value, y: Value | float, /) -> Value:
        """Return the lesser of `x` and `y`, in their unit."""
        ...

    def maximum(self, x: Value, y: Value | float, /) -> Value:
        """Return the greater of `x` and `y`, in their unit."""
        ...

    def clip(self, x: Value, low: float, high: float, /) -> Value:
        """Return `x` kept between `low` and `high`, in their unit."""
        ...

    def column(self, x: Value, /) -> Value:
        """Return `x` so that it spreads over an array whose last axis is no run, in its unit."""
        ...

    def total(self, parts: Floats, /) -> Value:
        """Return the sum over the last axis, in the unit of `parts`."""
        ...

    def stack(self, each: Sequence[Value], /) -> Floats:
        """Return values of several places as one array, place first, in their unit."""
        ...

    def unstack(self, array: Floats, /) -> list[Value]:
        """Return the values of `array` along its first axis, in its unit."""
        ...

    def finite(self, x: Value, /) -> bool:
        """Return whether `x`, of any unit, is finite in every run."""
        ...


class _Single:
    exp = staticmethod(math.exp)
    log = staticmethod(math.log)
    sin = staticmethod(math.sin)
    power = staticmethod(math.pow)
    minimum = staticmethod(min)
    maximum = staticmethod(max)
    finite = staticmethod(math.isfinite)

    @staticmethod
    def where(when: Truth, yes: float, no: float, /) -> float:
        return yes if when else no

    @staticmethod
    def clip(x: float, low: float, high: float, /) -> float:
        return min(max(x, low), high)

    @staticmethod
    def column(x: float, /) -> float:
        return x

    @staticmethod
    def total(parts: Floats, /) -> float:
        return float(parts.sum())

    @staticmethod
    def stack(each: Sequence[float], /) -> Floats:
        return np.array(each)

    @staticmethod
    def unstack(array: Floats, /) -> list[float]:
        values: list[float] = array.tolist()
        return values


class _Batched:
    @staticmethod
    def exp(x: Floats, /) -> Floats:
        return np.exp(x)

    @staticmethod
    def log(x: Floats, /) -> Floats:
        return np.log(x)

    @staticmethod
    def sin(x: Floats, /) -> Floats:
        return np.sin(x)

    @staticmethod
    def power(x: Floats, exponent: float, /) -> Floats:
        return np.power(x, exponent)

    @staticmethod
    def where(when: Truth, yes: Floats, no: Floats, /) -> Floats:
        return np.where(when, yes, no)

    @staticmethod
    def minimum(x: Floats, y: Floats | float, /) -> Floats:
        return np.minimum(x, y)

    @staticmethod
    def maximum(x: Floats, y: Floats | float, /) -> Floats:
        return np.maximum(x, y)

    @staticmethod
    def clip(x: Floats, low: float, high: float, /) -> Floats:
        return np.clip(x, low, high)

    @staticmethod
    def column(x: Floats, /) -> Floats:
        return x[..., np.newaxis]

    @staticmethod
    def total(parts: Floats, /) -> Floats:
        return np.asarray(parts.sum(axis=-1))

    @staticmethod
    def stack(each: Sequence[Floats], /) -> Floats:
        return np.array(each)

    @staticmethod
    def unstack(array: Floats, /) -> list[Floats]:
        return list(array)

    @staticmethod
    def finite(x: Floats, /) -> bool:
        return bool(np.isfinite(x).all())


SINGLE: Ops[float] = _Single()
"""One run, by `math`."""

BATCHED: Ops[Floats] = _Batched()
"""Many runs side by side, by `numpy`."""
