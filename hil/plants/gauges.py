"""Instruments that read together: one period, one delay, an error of their own each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple

from hil.plants.ops import Ops, Value
from hil.plants.sensors import Sampled

_BIAS = 0.3


class Sources(NamedTuple, Generic[Value]):
    """Operations of a run and its randomness."""

    ops: Ops[Value]
    """The operations."""
    draw: Callable[[], Value]
    """Source of standard normal values, scaled by the noise of the run [1]."""
    skew: Callable[[], Value]
    """Source of standard normal values, scaled by how far a line may differ from the nominal one [1]."""


class Error(NamedTuple):
    """Standard deviation of the noise of an instrument; its bias is drawn with three tenths of it."""

    absolute: float
    """Part that does not depend on the reading, in the unit of the reading."""
    relative: float
    """Part in proportion to the reading [1]."""


class Gauges(Generic[Value]):
    """Instruments that read together.

    Parameters
    ----------
    sources
        Operations and randomness.
    timing
        Time between samples, and from sample to display [s].
    errors
        Error of each instrument, by its tag.
    first
        True values at the start, by tag and in the unit of the tag.
    """

    __slots__ = ("_biases", "_errors", "_sampled", "_sources")

    _sources: Sources[Value]
    _errors: Mapping[str, Error]
    _biases: dict[str, Value]
    _sampled: Sampled[dict[str, Value]]

    def __init__(
        self,
        sources: Sources[Value],
        timing: tuple[float, float],
        errors: Mapping[str, Error],
        first: Mapping[str, Value],
    ) -> None:
        self._sources = sources
        self._errors = errors
        self._biases = {tag: _BIAS * sources.skew() for tag in errors}
        self._sampled = Sampled(*timing, self._blurred(first))

    def due(self, t: float) -> bool:
        """Return whether a sample is to be taken.

        Parameters
        ----------
        t
            Plant time [s].
        """
        return self._sampled.due(t)

    def take(self, t: float, true: Mapping[str, Value], blur: Value | float = 1.0) -> None:
        """Take a sample.

        Parameters
        ----------
        t
            Plant time [s].
        true
            True values by tag, in the unit of the tag.
        blur
            Multiplier of the noise [1].
        """
        self._sampled.take(t, self._blurred(true, blur))

    def lose(self, t: float) -> None:
        """Lose a sample; the one before is shown again, and what follows is what would have followed.

        Parameters
        ----------
        t
            Plant time [s].
        """
        for _ in self._errors:
            self._sources.draw()
        self._sampled.lose(t)

    def show(self, t: float, tags: dict[str, Value], taken: dict[str, float]) -> None:
        """Write what is shown, and when it was sampled.

        Parameters
        ----------
        t
            Plant time [s].
        tags
            Where to write values, in the units of the tags.
        taken
            Where to write times of sampling, plant time [s].
        """
        shown = self._sampled.show(t)
        tags.update(shown.value)
        taken.update(dict.fromkeys(shown.value, shown.taken_s))

    def _blurred(self, true: Mapping[str, Value], blur: Value | float = 1.0) -> dict[str, Value]:
        draw = self._sources.draw
        return {
            tag: true[tag] + (error.absolute + error.relative * true[tag]) * (self._biases[tag] + draw() * blur)
            for tag, error in self._errors.items()
        }
