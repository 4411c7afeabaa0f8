"""The quantile by which conformal limits promise what they hold.

References
----------
V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2nd ed., Springer, 2022, section 2.2,
doi:10.1007/978-3-031-06649-8. R. F. Barber, E. J. Candes, A. Ramdas, R. J. Tibshirani, "Conformal prediction beyond
exchangeability", Ann. Statist. 51(2), 2023, doi:10.1214/23-AOS2276.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nextafter


def quantile(scores: Sequence[float], share: float, fading: float = 1.0) -> float:
    """Return the least score at or below which a new one lies with probability `share`; infinite if none is sure to be.

    Parameters
    ----------
    scores
        Scores, oldest first [1].
    share
        Probability [1].
    fading
        What a score counts against the next newer one [1].

    Examples
    --------
    Of nine scores, the largest is above a tenth with a probability of 90 %:

    >>> quantile([3.0, 1.0, 2.0, 5.0, 4.0, 9.0, 6.0, 8.0, 7.0], 0.9)
    9.0
    >>> quantile([3.0, 1.0, 2.0], 0.9)
    inf
    """
    weighted = sorted((score, fading ** (len(scores) - i)) for i, score in enumerate(scores))
    wanted = share * (1.0 + sum(weight for _, weight in weighted))
    reached = 0.0
    for score, weight in weighted:
        reached += weight
        if reached >= nextafter(wanted, -inf) - 1e-12 * wanted:
            return score
    return inf
