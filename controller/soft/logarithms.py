"""Logarithms that come out the same on every processor."""

from __future__ import annotations

from math import log

import numpy as np

from plant_io.signals import Floats

_LEAST = 1e-12


def logarithms(values: Floats) -> Floats:
    """Return the natural logarithm of each value; NumPy's own differs between processors in the last bit.

    Parameters
    ----------
    values
        Numbers, any shape [1]; those at or below zero count as a trace.

    Examples
    --------
    >>> logarithms(np.array([1.0])).tolist()
    [0.0]
    """
    return np.array([log(max(value, _LEAST)) for value in values.ravel().tolist()]).reshape(values.shape)
