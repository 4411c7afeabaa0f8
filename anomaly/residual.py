"""What is left of a value without its normal value and what the last value foretells."""

from __future__ import annotations

from math import sqrt

from policies.normal import Reference

STANDARD = Reference(mean=0.0, sd=1.0)
"""What is normal for a residual."""


def standard(value: float, before: float | None, normal: Reference, memory: float) -> float:
    """Return the residual of a value, in standard deviations [1]: independent from one value to the next.

    For values of which one is correlated with the next by f, ``(d - f d') / sqrt(1 - f^2)`` has no memory, d and d'
    being the distances of value and value before from normal.

    Parameters
    ----------
    value
        Value, unit of the tag.
    before
        Value before, unit of the tag; None where there was none.
    normal
        What is normal.
    memory
        Correlation of one value with the next [1].

    Examples
    --------
    >>> normal = Reference(mean=6.0, sd=0.1)
    >>> round(standard(6.1, None, normal, 0.6), 3), round(standard(6.1, 6.1, normal, 0.6), 3)
    (1.0, 0.5)
    """
    away = (value - normal.mean) / normal.sd
    if before is None or memory == 0.0:
        return away
    return (away - memory * (before - normal.mean) / normal.sd) / sqrt(1.0 - memory**2)
