"""The few operations the equations of the plants are written in: once, for one run or for many side by side.

An equation takes its values as `Value` and its operations as `Ops[Value]`. With `SINGLE` every value is a float; with
`BATCHED` every value is an array whose first axis is the run.
"""

from __future__ import annotations

import math
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Value = TypeVar("Value", float, Floats)
"""What an equation counts with: a float, or an array whose first axis is the run."""

Truth = bool | NDArray[np.bool_]
"""Outcome of a comparison of two values."""


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


class _Single:
    exp = staticmethod(math.exp)
    log = staticmethod(math.log)
    sin = staticmethod(math.sin)
    power = staticmethod(math.pow)
    minimum = staticmethod(min)
    maximum = staticmethod(max)

    @staticmethod
    def where(when: Truth, yes: float, no: float, /) -> float:
        return yes if when else no

    @staticmethod
    def clip(x: float, low: float, high: float, /) -> float:
        return min(max(x, low), high)


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


SINGLE: Ops[float] = _Single()
"""One run, by `math`."""

BATCHED: Ops[Floats] = _Batched()
"""Many runs side by side, by `numpy`."""
