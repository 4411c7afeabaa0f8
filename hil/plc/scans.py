"""When PLCs scan, and what they have seen by then."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import isclose
from typing import NamedTuple, Self, TypeVar

from plant_io.signals import Floats

T = TypeVar("T")

SCAN_S = 0.5
"""Plant time of one step of the plant, and of one PLC scan where nothing else is said [s]."""

_SLACK_S = 1e-9


class Seen(NamedTuple):
    """What the instruments showed when the PLCs looked last."""

    tags: Mapping[str, float | Floats]
    """Values by tag, each in the unit of its tag; an array has shape ``(length,)``."""
    taken: Mapping[str, float]
    """When sampled tags were sampled, plant time [s]."""
    quality: Mapping[str, str]
    """Tags that are not good, and what they are."""

    def followed(
        self,
        tags: Mapping[str, float | Floats],
        taken: Mapping[str, float],
        quality: Mapping[str, str],
        *,
        but: Collection[str],
    ) -> Self:
        """Return what is seen now; tags of PLCs that have not looked stand.

        Parameters
        ----------
        tags
            What the instruments show now, by tag, each in the unit of its tag; an array has shape ``(length,)``.
        taken
            When sampled tags were sampled, plant time [s].
        quality
            Tags that are not good, and what they are.
        but
            Tags that stand.
        """
        return type(self)(_kept(but, self.tags, tags), _kept(but, self.taken, taken), _kept(but, self.quality, quality))


class Turns:
    """When a PLC scans.

    Parameters
    ----------
    scan_s
        Plant time of one scan, a whole multiple of `SCAN_S` [s].

    Raises
    ------
    ValueError
        If it is none.
    """

    __slots__ = ("_last_s", "_scan_s", "due_s")

    def __init__(self, scan_s: float) -> None:
        if round(scan_s / SCAN_S) < 1 or not isclose(scan_s / SCAN_S, round(scan_s / SCAN_S), abs_tol=1e-9):
            raise ValueError(f"a scan of {scan_s} s, expected a whole multiple of {SCAN_S} s")
        self._scan_s = scan_s
        self._last_s = -scan_s
        self.due_s = 0.0
        """Plant time from which the next scan may begin [s]."""

    def take(self, now: float) -> float:
        """Return the time since the scan before if one begins now, or 0 [s].

        Parameters
        ----------
        now
            Plant time [s].
        """
        if now < self.due_s - _SLACK_S:
            return 0.0
        passed, self._last_s, self.due_s = now - self._last_s, now, now + self._scan_s
        return passed


def _kept(old: Collection[str], before: Mapping[str, T], now: Mapping[str, T]) -> dict[str, T]:
    fresh = {tag: value for tag, value in now.items() if tag not in old}
    return fresh | {tag: value for tag, value in before.items() if tag in old}
