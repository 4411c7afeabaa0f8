"""Questions to whole arrays of yes and no, asked of their bytes: a fraction of the time of ``all`` and ``any``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def every(flags: NDArray[np.bool_]) -> bool:
    """Return whether all are set, as they are where there is none.

    Examples
    --------
    >>> every(np.array([True, True])), every(np.array([True, False])), every(np.array([], np.bool_))
    (True, False, True)
    """
    return 0 not in flags.tobytes()


def some(flags: NDArray[np.bool_]) -> bool:
    """Return whether one is set.

    Examples
    --------
    >>> some(np.array([False, True])), some(np.array([False, False]))
    (True, False)
    """
    return 1 in flags.tobytes()


def finite(values: NDArray[np.float64]) -> bool:
    """Return whether all numbers are finite.

    Parameters
    ----------
    values
        Numbers, any shape, in any unit.

    Examples
    --------
    >>> finite(np.array([[1.0, 2.0]])), finite(np.array([1.0, np.nan]))
    (True, False)
    """
    return 0 not in np.isfinite(values).tobytes()
