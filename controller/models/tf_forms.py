"""Forms of transfer functions that are tried on data, and what they make of a recorded input."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import exp, floor

import numpy as np

from plant_io.signals import Floats

_ALIKE = 1e-3


class Form(Enum):
    """A form, with the numbers it has besides the gain: logarithm of the lag, dead time, share of the second lag."""

    LAG = ("lag", "dead_time")
    TWO_LAGS = ("lag", "dead_time", "share")
    RAMP = ("dead_time",)
    LAGGED_RAMP = ("lag", "dead_time", "ramp")

    @property
    def places(self) -> tuple[str, ...]:
        """What its numbers mean, in their order."""
        return tuple(place for place in self.value if place != "ramp")

    @property
    def numbers(self) -> int:
        """How many numbers it has [1]."""
        return len(self.places)

    @property
    def lags(self) -> bool:
        """Whether it has a lag."""
        return "lag" in self.places

    @property
    def integrating(self) -> bool:
        """Whether its answer to a step is a ramp in the end."""
        return self in {Form.RAMP, Form.LAGGED_RAMP}

    @property
    def more(self) -> Form | None:
        """The form with one more lag, None if none is tried."""
        return {Form.LAG: Form.TWO_LAGS, Form.RAMP: Form.LAGGED_RAMP}.get(self)


@dataclass(frozen=True, slots=True)
class Guess:
    """A transfer function of gain 1."""

    dead_time: float
    """Dead time, in the unit of the plant's own times."""
    lags: tuple[float, ...] = ()
    """At most two lags, in the same unit."""
    integrating: bool = False
    """Whether it integrates besides."""


def answer(guess: Guess, moved: Floats, period: float) -> Floats:
    """Return the answer to an input that is held between the rows, from rest, shape ``(n,)``, unit of the input.

    Parameters
    ----------
    guess
        The transfer function.
    moved
        The input less what it was at rest, shape ``(n,)``, in any unit.
    period
        Time between two rows, in the unit of the lags.
    """
    whole = floor(guess.dead_time / period + 1e-9)
    part = max(0.0, guess.dead_time - whole * period)
    late = np.concatenate([np.zeros(min(whole, len(moved))), moved])[: len(moved)]
    if guess.integrating:
        ramp = _filtered(late, 1.0, period - part, part)
        return ramp - (guess.lags[0] * _lagged(late, guess.lags[0], period, part) if guess.lags else 0.0)
    if len(guess.lags) == 1:
        return _lagged(late, guess.lags[0], period, part)
    slow, fast = guess.lags
    fast = fast if abs(slow - fast) > _ALIKE * slow else slow * (1.0 - _ALIKE)
    both = _lagged(late, slow, period, part), _lagged(late, fast, period, part)
    return (slow * both[0] - fast * both[1]) / (slow - fast)


def _lagged(late: Floats, lag: float, period: float, part: float) -> Floats:
    rest = exp(-(period - part) / lag)
    return _filtered(late, exp(-period / lag), 1.0 - rest, rest - exp(-period / lag))


def _filtered(late: Floats, kept: float, new: float, older: float) -> Floats:
    from scipy.signal import lfilter  # noqa: PLC0415  # slow to import

    return np.asarray(lfilter([0.0, new, older], [1.0, -kept], late), dtype=np.float64)
