"""Since when a series of residuals is off: the likeliest beginning of a step or a ramp in white noise.

References
----------
D. M. Hawkins, P. Qiu, C. W. Kang, "The changepoint model for statistical process control", J. Qual. Technol. 35(4),
2003, doi:10.1080/00224065.2003.11980233.
"""

from __future__ import annotations

import numpy as np

from plant_io.signals import Floats


def onset(series: Floats) -> int:
    """Return where a change most likely begins that lasts to the end of a series.

    For a change of course f from sample k on, the likelihood gains half of ``(f . x)^2 / (f . f)``; the largest of all
    k and of both courses, a step and a ramp, counts.

    Parameters
    ----------
    series
        Residuals, the newest last, shape ``(n,)``, in standard deviations [1]; NaN where there is none.

    Returns
    -------
    int
        Position of its first sample [1]; the last one where the series is too short to tell.

    Examples
    --------
    >>> onset(np.array([0.1, -0.2, 0.1, 3.0, 2.8, 3.1]))
    3
    """
    there = np.isfinite(series)
    back, seen = np.where(there, series, 0.0)[::-1], there[::-1].astype(np.float64)
    if not len(back):
        return 0
    ages = np.arange(len(back), dtype=np.float64)
    count, ages_sum, squares = np.cumsum(seen), np.cumsum(seen * ages), np.cumsum(seen * ages**2)
    total, weighted = np.cumsum(back), np.cumsum(back * ages)
    # A ramp that is 1 at its first sample, k samples back, is k + 1 - age at each one since.
    top = ages + 1.0
    along = top * total - weighted
    size = top**2 * count - 2.0 * top * ages_sum + squares
    gains = [_gain(total, count), _gain(along, size)]
    return len(back) - 1 - int(np.maximum(*gains).argmax())


def _gain(along: Floats, size: Floats) -> Floats:
    return np.divide(along**2, size, out=np.zeros_like(along), where=size > 0.0)
