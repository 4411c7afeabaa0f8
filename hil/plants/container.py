"""The container a refill is taken from, on a floor scale of its own."""

from __future__ import annotations

from numpy.random import Generator

_SCALE_SD = 0.002


class Container:
    """A container that weighs what each refill took out of it.

    Parameters
    ----------
    rng
        Source of the randomness of the scale.
    noise
        Multiplier of its standard deviation, 0.2 % of the net mass [1].
    """

    __slots__ = ("_before", "_noise", "_open", "_rng", "charge", "count")

    def __init__(self, rng: Generator, noise: float) -> None:
        self._rng, self._noise = rng, noise
        self._before, self._open = 0.0, False
        self.charge = 0.0
        """Net mass of the newest refill as weighed [kg]; 0 before the first."""
        self.count = 0.0
        """Number of the newest refill, from 1 [1]; 0 before the first."""

    def look(self, refilled: float, *, refilling: bool) -> None:
        """Weigh when a refill has ended.

        Parameters
        ----------
        refilled
            True mass that has left the container since the start [kg].
        refilling
            Whether the valve is open.
        """
        if self._open and not refilling and refilled > self._before:
            drawn = self._rng.standard_normal()
            self.charge = (refilled - self._before) * (1.0 + _SCALE_SD * self._noise * drawn)
            self.count += 1.0
            self._before = refilled
        self._open = refilling
