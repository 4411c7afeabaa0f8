"""Averages of residuals at several rates, from the newest alone to the mean over many, and of their squares.

A fast average sees a jump at once, a slow one sees a small shift that lasts; the average of the squares sees noise that
grows where the mean stays.

References
----------
C. A. Lowry, W. H. Woodall, C. W. Champ, S. E. Rigdon, "A multivariate exponentially weighted moving average control
chart", Technometrics 34(1), 1992, doi:10.2307/1269551.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from anomaly.rows import Rows
from plant_io.signals import Floats


class Averages(NamedTuple):
    """What a bank remembers."""

    means: Floats
    """Averages of residuals, shape ``(lanes, rates, tags)``, in standard deviations [1]."""
    squares: Floats
    """Averages of their squares, shape ``(lanes, tags)`` [1]; 1 is normal."""


class Standard(NamedTuple):
    """What is normal for a bank."""

    means: Floats
    """Standard deviation of each average, shape ``(rates, tags)`` [1]; 0 of a tag that is not judged."""
    squares: Floats
    """Standard deviation of each average square, shape ``(tags,)`` [1]; 0 of a tag that is not judged."""


def classical(rates: Floats, spread_rate: float, tags: int) -> Standard:
    """Return the standard deviations for residuals that are independent and normal.

    ``sqrt(r / (2 - r))`` for the average of rate r (S. W. Roberts, Technometrics 1(3), 1959,
    doi:10.1080/00401706.1959.10489860), and ``sqrt(2)`` times that for squares.

    Parameters
    ----------
    rates
        Weights of the newest residual [1], shape ``(rates,)``.
    spread_rate
        Weight of the newest square [1].
    tags
        Tags [1].
    """
    means = np.sqrt(rates / (2.0 - rates))
    return Standard(
        np.repeat(means[:, None], tags, axis=1), np.full(tags, np.sqrt(2.0 * spread_rate / (2.0 - spread_rate)))
    )


class Bank(Rows):
    """Averages of the residuals of each tag, each in its own standard deviations.

    As a detector by itself, it takes residuals in standard deviations, and scores the largest average.

    Parameters
    ----------
    names
        Tags.
    rates
        Weights of the newest residual [1], shape ``(rates,)``.
    spread_rate
        Weight of the newest square [1].
    standard
        What is normal; that of independent residuals where it is left out.
    lanes
        Sets of residuals side by side [1].
    """

    def __init__(
        self,
        names: tuple[str, ...],
        rates: Floats,
        spread_rate: float,
        standard: Standard | None = None,
        lanes: int = 1,
    ) -> None:
        super().__init__(names)
        normal = standard or classical(rates, spread_rate, len(names))
        self._rates, self._spread_rate = rates[:, None], spread_rate
        with np.errstate(divide="ignore"):
            self._mean_scale = np.where(normal.means > 0.0, 1.0 / normal.means, 0.0)
            self._square_scale = np.where(normal.squares > 0.0, 1.0 / normal.squares, 0.0)
        self.averages = Averages(np.zeros((lanes, len(rates), len(names))), np.ones((lanes, len(names))))

    def weighed(self, residuals: Floats, away: Floats | None = None) -> Averages:
        """Return the averages after another sample; nothing changes.

        Parameters
        ----------
        residuals
            Residuals, shape ``(lanes, tags)``, in standard deviations [1].
        away
            1 for each tag that has a residual, 0 for each that has none and stays as it is [1], shape ``(tags,)``.
        """
        means, squares = self.averages
        moved, spread = residuals[:, None] - means, residuals * residuals - squares
        moved *= self._rates
        spread *= self._spread_rate
        if away is not None:
            moved *= away
            spread *= away
        moved += means
        spread += squares
        return Averages(moved, spread)

    def standardised(self, averages: Averages) -> Averages:
        """Return averages in their own standard deviations from normal.

        Parameters
        ----------
        averages
            Averages, in standard deviations of the residuals [1].
        """
        return Averages(averages.means * self._mean_scale, (averages.squares - 1.0) * self._square_scale)

    def forget(self, tags: Floats) -> None:
        """Set the averages of some tags back to normal.

        Parameters
        ----------
        tags
            1 for each tag that is kept, 0 for each that is set back [1], shape ``(tags,)``.
        """
        means, squares = self.averages
        self.averages = Averages(means * tags, 1.0 + (squares - 1.0) * tags)

    def score_array(self, values: Floats) -> float:
        """Return the largest average after the next residuals, in its standard deviations [1].

        Parameters
        ----------
        values
            Residuals, shape ``(tags,)``, in standard deviations [1], NaN where one is missing.
        """
        return float(np.abs(self.standardised(self._after(values)).means).max())

    def learn_array(self, values: Floats) -> None:
        """Take the next residuals in.

        Parameters
        ----------
        values
            Residuals, shape ``(tags,)``, in standard deviations [1], NaN where one is missing.
        """
        self.averages = self._after(values)

    def _after(self, values: Floats) -> Averages:
        there = np.isfinite(values)
        return self.weighed(np.where(there, values, 0.0)[None], there.astype(np.float64))
