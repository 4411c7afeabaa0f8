"""Sensors that look now and then, and speak later."""

from __future__ import annotations

from collections import deque
from math import floor
from typing import Generic, Literal, NamedTuple, TypeVar

T = TypeVar("T")
_SLACK_S = 1e-9


class Reading(NamedTuple, Generic[T]):
    """What a sampled sensor shows."""

    value: T
    """Value shown, in the unit of the sensor."""
    taken_s: float
    """When it was sampled, plant time [s]."""
    quality: Literal["good", "bad"]
    """Whether it is news; a lost sample repeats the last value."""


class Sampled(Generic[T]):
    """A sensor that samples every period and shows each sample after a delay, held until the next.

    Parameters
    ----------
    period_s
        Time between samples [s].
    delay_s
        Time from sample to display [s].
    first
        Value shown at plant time 0, sampled one delay before.
    """

    __slots__ = ("_delay_s", "_next_s", "_period_s", "_waiting", "shown")

    def __init__(self, period_s: float, delay_s: float, first: T) -> None:
        self._period_s = period_s
        self._delay_s = delay_s
        self._next_s = 0.0
        self._waiting: deque[tuple[float, Reading[T]]] = deque()
        self.shown: Reading[T] = Reading(first, -delay_s, "good")

    def due(self, t: float) -> bool:
        """Return whether a sample is to be taken.

        Parameters
        ----------
        t
            Plant time [s].
        """
        return t >= self._next_s - _SLACK_S

    def take(self, t: float, value: T) -> None:
        """Sample `value`.

        Parameters
        ----------
        t
            Plant time [s].
        value
            What the sensor sees, in its unit.
        """
        self._send(t, Reading(value, t, "good"))

    def lose(self, t: float) -> None:
        """Lose a sample; the one before is repeated with bad quality.

        Parameters
        ----------
        t
            Plant time [s].
        """
        last = self._waiting[-1][1] if self._waiting else self.shown
        self._send(t, last._replace(quality="bad"))

    def show(self, t: float) -> Reading[T]:
        """Return what is shown.

        Parameters
        ----------
        t
            Plant time [s].
        """
        while self._waiting and self._waiting[0][0] <= t + _SLACK_S:
            self.shown = self._waiting.popleft()[1]
        return self.shown

    def _send(self, t: float, reading: Reading[T]) -> None:
        self._next_s = (floor((t + _SLACK_S) / self._period_s) + 1.0) * self._period_s
        self._waiting.append((t + self._delay_s, reading))
