"""The lease of a PLC: a number that only one controller can hold, so that two can never both move the plant.

A controller claims with a number newer than any the PLC has granted; the PLC grants it only while nobody holds remote
setpoints, and from then on ignores whatever comes with another number. The low digits name the controller, so that two
that claim at the same moment claim different numbers.
"""

from __future__ import annotations

STATIONS = 16
"""Controllers that may exist beside each other on one line [1]."""


def newer(claim: float, granted: float) -> bool:
    """Return whether a claim is of a later epoch than the one granted.

    Parameters
    ----------
    claim
        Number claimed [1].
    granted
        Number granted last [1].

    Examples
    --------
    >>> newer(claim_after(granted=35.0, station=2), 35.0)
    True
    """
    return claim // STATIONS > granted // STATIONS


def claim_after(granted: float, station: int) -> float:
    """Return the number with which a controller claims.

    Parameters
    ----------
    granted
        Number granted last [1].
    station
        Which controller it is, 0 to 15 [1].

    Examples
    --------
    >>> claim_after(granted=35.0, station=2)
    50.0
    """
    return (granted // STATIONS + 1.0) * STATIONS + station
