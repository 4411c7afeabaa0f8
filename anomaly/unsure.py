"""How far averages of residuals may be off because predictions rest on what had to take the place of missing values.

Where a value is missing its expected value stands for it, and whatever is predicted from it is off by what that is off.
An error that stays goes through an average whole, while the noise of residuals is averaged out. So it is added to the
standard deviation of each average as long as it may be in there: what rests on missing values alone is no anomaly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from plant_io.signals import Floats

Counts = NDArray[np.intp]

_LEFT = 1e-3
"""Share of its standard deviation by which an average may be off and counts as if it were not [1]."""


class Unsure:
    """What errors of expected values do to the averages of residuals; it does not change.

    Parameters
    ----------
    weights
        Prediction of each tag from 1 and the lags, shape ``(1 + lags x columns, tags)``, in standard deviations [1].
    noise
        Standard deviation of each residual, shape ``(tags,)``, in those of its tag [1].
    rates
        Weight of the newest residual in each average, that of squares last, shape ``(averages,)`` [1].
    standard
        Standard deviation of each average, shape ``(averages, tags)``, in those of residuals [1]; 0 if not judged.
    lags
        Samples a prediction rests on [1].
    """

    def __init__(self, weights: Floats, noise: Floats, rates: Floats, standard: Floats, lags: int) -> None:
        tags = len(noise)
        pull = weights[1:].reshape(lags, -1, tags).sum(axis=0)
        self._pull = np.square(np.divide(pull, noise, out=np.zeros_like(pull), where=noise > 0.0))
        self._first = np.ones(len(pull))
        self._first[:tags] = np.square(noise)
        self._rates = rates[:, None]
        self._scale = np.divide(1.0, standard, out=np.zeros_like(standard), where=standard > 0.0)
        self.nothing = np.zeros_like(standard)

    @property
    def nbytes(self) -> int:
        """Size of its arrays [byte]."""
        return sum(one.nbytes for one in (self._pull, self._first, self._rates, self._scale, self.nothing))

    def after(self, off: Floats, gone: Counts, patience: int, away: Floats) -> Floats:
        """Return how far averages may be off after another sample, shape ``(averages, tags)``, in residuals' sd [1].

        The error of an expected value grows as that of a random walk while it is bridged; afterwards it is that of a
        value of which nothing is known, one standard deviation of its tag, and so is that of an input from the first.

        Parameters
        ----------
        off
            How far they may be off before it, likewise [1].
        gone
            Samples in a row in which each column was missing, shape ``(columns,)`` [1].
        patience
            Samples that are bridged [1].
        away
            1 for each tag that has a residual, 0 for each that has none and stays as it is [1], shape ``(tags,)``.
        """
        known = np.where(gone > patience, 1.0, np.minimum(self._first * gone, 1.0))
        square = np.einsum("c,ct->t", known, self._pull)
        moved = np.repeat(np.sqrt(square)[None], len(off), axis=0)
        moved[-1] = square
        moved -= off
        moved *= self._rates * away
        moved += off
        moved[moved * self._scale < _LEFT] = 0.0
        return moved

    def narrowed(self, off: Floats) -> Floats:
        """Return by what averages in standard deviations are multiplied, shape ``(averages, tags)`` [1].

        Parameters
        ----------
        off
            How far they may be off, in standard deviations of residuals [1], shape ``(averages, tags)``.
        """
        return np.asarray(1.0 / np.sqrt(1.0 + np.square(off * self._scale)))
