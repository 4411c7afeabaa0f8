"""The lease of a PLC: a number that only one controller can hold, so that two can never both move the plant.

A controller claims with a number newer than any the PLC has granted; the PLC grants it only while nobody holds remote
setpoints, and from then on ignores whatever comes with another number. A lease that was lost or handed back is never
granted again: who wants the PLC once more must claim anew. The low digits are drawn when a controller starts, so that
two that claim at the same moment, or one after the other was killed, claim different numbers. A number fits an unsigned
word of 32 bits, and 0 is none.
"""

from __future__ import annotations

from policies import Access, Policy

STATIONS = 2**16
"""Numbers by which controllers tell themselves apart [1]."""
_LEVELS = 2**16


def newer(claim: float, granted: float) -> bool:
    """Return whether a claim is of a later level than the one granted; levels count round as in RFC 1982.

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
    >>> newer(35.0, claim_after(granted=35.0, station=2))
    False
    """
    return 0 < (claim // STATIONS - granted // STATIONS) % _LEVELS < _LEVELS // 2


def claim_after(granted: float, station: int) -> float:
    """Return the number with which a controller claims.

    Parameters
    ----------
    granted
        Number granted last [1].
    station
        Number drawn when the controller was started, 0 to 65535 [1].

    Examples
    --------
    >>> claim_after(granted=3 * STATIONS + 7.0, station=2) == 4 * STATIONS + 2
    True
    >>> claim_after(granted=2.0**32 - 1.0, station=0) == STATIONS
    True
    """
    level = (granted // STATIONS + 1.0) % _LEVELS
    return max(level, 1.0) * STATIONS + station


def taken(policy: Policy) -> dict[str, dict[str, str]]:
    """Return the setpoints of each PLC that is leased, with their read-backs, by connection."""
    leased = {n: c.handshake for n, c in policy.connections.items() if c.handshake and c.handshake.claim is not None}
    led = None if policy.lockstep is None else policy.lockstep.request
    return {
        name: {
            tag: declared.read_back or tag
            for tag, declared in policy.tags.items()
            if declared.connection == name
            and declared.access is Access.WRITE
            and tag not in {words.heartbeat, words.arm_tag, words.claim, led}
        }
        for name, words in leased.items()
    }
