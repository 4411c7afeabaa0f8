"""Averages of residuals at several rates, from the newest alone to the mean over many, and of their squares.

A fast average sees a jump at once, a slow one sees a small shift that lasts; the average of the squares sees noise that
grows where the mean stays.

References
----------
C. A. Lowry, W. H. Woodall, C. W. Champ, S. E. Rigdon, "A multivariate exponentially weighted moving average control
chart", Technometrics 34(1), 1992, doi:10.2307/1269551.
"""

from __future__ import annotations

import numpy as np

from anomaly.rows import Rows
from plant_io.signals import Floats


def classical(rates: Floats, spread_rate: float, tags: int) -> Floats:
    """Return the standard deviations for residuals that are independent and normal, shape ``(rates + 1, tags)`` [1].

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
    each = np.sqrt([*(rates / (2.0 - rates)), 2.0 * spread_rate / (2.0 - spread_rate)])
    return np.repeat(each[:, None], tags, axis=1)


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
        Standard deviation of each average, shape ``(rates + 1, tags)`` [1], the squares last; 0 of a tag that is not
        judged. That of independent residuals where it is left out.
    lanes
        Sets of residuals side by side [1].
    """

    def __init__(
        self,
        names: tuple[str, ...],
        rates: Floats,
        spread_rate: float,
        standard: Floats | None = None,
        lanes: int = 1,
    ) -> None:
        super().__init__(names)
        normal = classical(rates, spread_rate, len(names)) if standard is None else standard
        self._rates = np.array([*rates, spread_rate])[:, None]
        self._scale = np.divide(1.0, normal, out=np.zeros_like(normal), where=normal > 0.0)
        self.averages = np.zeros((lanes, len(rates) + 1, len(names)))

    def weighed(self, residuals: Floats, away: Floats | None = None) -> Floats:
        """Return the averages after another sample; nothing changes.

        Parameters
        ----------
        residuals
            Residuals, shape ``(lanes, tags)``, in standard deviations [1].
        away
            1 for each tag that has a residual, 0 for each that has none and stays as it is [1], shape ``(tags,)``.

        Returns
        -------
        averages
            Shape ``(lanes, rates + 1, tags)`` [1]; the last are averages of the squares, less 1.
        """
        moved = np.empty_like(self.averages)
        moved[:, :-1] = residuals[:, None]
        np.multiply(residuals, residuals, out=moved[:, -1])
        moved[:, -1] -= 1.0
        moved -= self.averages
        moved *= self._rates
        if away is not None:
            moved *= away
        moved += self.averages
        return moved

    def standardised(self, averages: Floats) -> Floats:
        """Return averages in their own standard deviations from normal.

        Parameters
        ----------
        averages
            Averages, in standard deviations of the residuals [1], the squares last.
        """
        return averages * self._scale

    def forget(self, kept: Floats) -> None:
        """Set the averages of some tags back to normal.

        Parameters
        ----------
        kept
            1 for each tag that is kept, 0 for each that is set back [1], shape ``(tags,)``.
        """
        self.averages = self.averages * kept

    def score_array(self, values: Floats) -> float:
        """Return the largest average after the next residuals, in its standard deviations [1].

        Parameters
        ----------
        values
            Residuals, shape ``(tags,)``, in standard deviations [1], NaN where one is missing.
        """
        return float(np.abs(self.standardised(self._after(values))[:, :-1]).max())

    def learn_array(self, values: Floats) -> None:
        """Take the next residuals in.

        Parameters
        ----------
        values
            Residuals, shape ``(tags,)``, in standard deviations [1], NaN where one is missing.
        """
        self.averages = self._after(values)

    def _after(self, values: Floats) -> Floats:
        there = np.isfinite(values)
        return self.weighed(np.where(there, values, 0.0)[None], there.astype(np.float64))
