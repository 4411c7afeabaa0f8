"""The container a refill is taken from, on a floor scale of its own, and the laboratory that assays the tablets."""

from __future__ import annotations

from numpy.random import Generator

from hil.plants.powder import API, Masses
from hil.plants.sensors import Sampled

_SCALE_SD = 0.002
_ASSAY_PERIOD_S, _ASSAY_LATE_S, _ASSAY_SD = 1800.0, 1800.0, 0.005


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


class Laboratory:
    """Assay of the tablets: a sample every half hour, its result half an hour later, good to 0.5 % of the value.

    Parameters
    ----------
    rng
        Source of the randomness of the method.
    noise
        Multiplier of its standard deviation [1].
    powder
        What the tablets are made of at the start [kg].
    """

    __slots__ = ("_noise", "_rng", "assay")

    def __init__(self, rng: Generator, noise: float, powder: Masses) -> None:
        self._rng, self._noise = rng, noise
        self.assay: Sampled[float] = Sampled(_ASSAY_PERIOD_S, _ASSAY_LATE_S, self._found(powder))
        """API content of the tablets [%]."""

    def look(self, t: float, powder: Masses) -> None:
        """Take a sample if one is due, and report what has been found by now.

        Parameters
        ----------
        t
            Plant time [s].
        powder
            What the tablets are made of now [kg].
        """
        if self.assay.due(t):
            self.assay.take(t, self._found(powder))
        self.assay.show(t)

    def _found(self, powder: Masses) -> float:
        return 100.0 * powder[API] / sum(powder) * (1.0 + _ASSAY_SD * self._noise * self._rng.standard_normal())
