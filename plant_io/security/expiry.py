"""When and how the end of a certificate is spoken of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil

DAYS = (30, 7, 1)
"""Days before the end at which it is spoken of [d]."""
DAY_S = 86400.0
"""Length of a day [s]."""


def stage(ends: float, now: float) -> int:
    """Return how near the end is [1]: 0 far, one more for each of `DAYS` that has begun, and another when it is over.

    Parameters
    ----------
    ends
        End of the certificate, POSIX time [s].
    now
        Present, POSIX time [s].

    Examples
    --------
    >>> [stage(40 * DAY_S, day * DAY_S) for day in (0, 10, 33, 39, 40)]
    [0, 1, 2, 3, 4]
    """
    return sum(ends - now <= days * DAY_S for days in (*DAYS, 0))


def remaining(ends: float, now: float) -> str:
    """Return in words how long a certificate still lasts.

    Parameters
    ----------
    ends
        End of the certificate, POSIX time [s].
    now
        Present, POSIX time [s].

    Examples
    --------
    >>> remaining(10.5 * DAY_S, 9 * DAY_S), remaining(9 * DAY_S, 9 * DAY_S)
    ('ends on 1970-01-11, in 2 days', 'ended on 1970-01-10')
    """
    day = datetime.fromtimestamp(ends, UTC).date().isoformat()
    if ends <= now:
        return f"ended on {day}"
    left = ceil((ends - now) / DAY_S)
    return f"ends on {day}, in {left} day{'s' if left > 1 else ''}"


class Reminder:
    """Speaks of the end of each certificate once at each threshold."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, float], int] = {}

    def due(self, ends: Mapping[str, float], now: float) -> list[str]:
        """Return a sentence for every certificate that has come nearer its end than was said before.

        Parameters
        ----------
        ends
            End of each certificate by what it is, POSIX time [s].
        now
            Present, POSIX time [s].
        """
        said: list[str] = []
        for what, end in ends.items():
            reached = stage(end, now)
            if reached > self._told.get((what, end), 0):
                self._told[what, end] = reached
                said.append(f"{what} {remaining(end, now)}; renew it before the connection is refused")
        return said
