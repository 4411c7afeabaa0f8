"""The next sample of every tag from the last few of all, fitted at once and then recursively.

One set of lags serves all tags, so that one matrix of doubt does for all their weights. Sums are made in one order on
every processor.

References
----------
L. Ljung, "System Identification: Theory for the User", 2nd ed., Prentice Hall, 1999, section 11.2.
A. E. Hoerl, R. W. Kennard, "Ridge regression: biased estimation for nonorthogonal problems", Technometrics 12(1), 1970,
doi:10.1080/00401706.1970.10488634.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomaly.rows import Rows
from plant_io.signals import Floats

Places = NDArray[np.intp]

_BOUND = 5
"""Samples learnt between two times at which weights that have strayed are brought back [1]."""
_EVERY = 100
"""Samples learnt between two times of forgetting [1]."""


class Fit(NamedTuple):
    """Weights and what they are known by."""

    weights: Floats
    """Prediction of each tag from 1 and the lags, shape ``(1 + lags x columns, tags)``, in the unit of the data."""
    doubt: Floats
    """Inverse of the information in the lags, shape ``(1 + lags x columns, 1 + lags x columns)`` [1]."""


class Predictor(Rows):
    """Frozen weights, and beside them a twin that learns by recursive least squares where it is told to.

    Values are in standard deviations from normal. As a detector by itself, it scores the root mean square residual of
    the weights that learn, and learns all it is given.

    Parameters
    ----------
    names
        Columns; those that are predicted come first.
    fit
        Weights, shape ``(1 + lags x columns, tags)``, and doubt [1].
    twin
        Whether weights beside the frozen ones learn.
    stray
        How far the weights of each tag on 1 and on its own lags may depart from the frozen ones, for each unit of the
        root of their doubt, shape ``(tags,)``, in standard deviations [1]; any way where it is left out.
    horizon
        Samples over which they forget, once they are known as well as at first [1].
    """

    def __init__(
        self, names: tuple[str, ...], fit: Fit, *, twin: bool = True, stray: Floats | None = None, horizon: int = 20_000
    ) -> None:
        super().__init__(names)
        self.columns, self.tags = len(names), fit.weights.shape[1]
        self.weights = np.stack([fit.weights] * (2 if twin else 1))
        self.doubt = fit.doubt.copy() if twin else fit.doubt
        self._learns, self._own = twin, _own(len(fit.weights), self.columns, self.tags)
        self._reach = None if stray is None else np.sqrt(np.diag(fit.doubt))[self._own[0]] * stray[self._own[1]]
        self.past = np.zeros(len(fit.weights))
        self.past[0] = 1.0
        self._first = float(np.trace(fit.doubt))
        self._forget = (1.0 - 1.0 / horizon) ** -_EVERY
        self._learnt = 0

    def predicted(self) -> Floats:
        """Return the next sample as each lane predicts it, shape ``(lanes, tags)``, in standard deviations [1]."""
        return np.asarray(np.einsum("p,lpt->lt", self.past, self.weights))

    def expected(self, lane: int) -> Floats:
        """Return the next sample as a lane predicts it, inputs as they were, shape ``(columns,)`` [1].

        Parameters
        ----------
        lane
            0 for the frozen weights, -1 for those that learn [1].
        """
        return np.concatenate([self.predicted()[lane], self.past[1 + self.tags : 1 + self.columns]])

    def push(self, values: Floats) -> None:
        """Take a sample into the lags.

        Parameters
        ----------
        values
            Sample, shape ``(columns,)``, in standard deviations from normal [1], all of it finite.
        """
        past, n = self.past, self.columns
        past[1 + n :] = past[1:-n]
        past[1 : 1 + n] = values

    def lay(self, rows: Floats) -> None:
        """Set all lags.

        Parameters
        ----------
        rows
            Samples, the newest last, shape ``(lags, columns)``, in standard deviations from normal [1].
        """
        self.past[1:] = rows[::-1].ravel()

    def fit(self) -> Fit:
        """Return what the last lane has learnt, to begin another predictor with."""
        return Fit(self.weights[-1].copy(), self.doubt.copy())

    def refill(self, column: int, value: float) -> None:
        """Set all lags of one column, after a gap.

        Parameters
        ----------
        column
            Position of the column [1].
        value
            Its value, in standard deviations from normal [1].
        """
        self.past[1 + column :: self.columns] = value

    def learn(self, errors: Floats) -> None:
        """Let the twin learn from its residuals, before the sample is pushed.

        Parameters
        ----------
        errors
            Residuals of the twin, shape ``(tags,)``, in standard deviations [1]; 0 where a tag is not to be learnt.
        """
        if not self._learns:
            return
        pulled = np.einsum("ij,j->i", self.doubt, self.past)
        root = sqrt(1.0 + float(np.einsum("i,i->", self.past, pulled)))
        pulled /= root
        self.weights[-1] += np.einsum("i,t->it", pulled / root, errors)
        self.doubt -= np.einsum("i,j->ij", pulled, pulled)
        self._learnt += 1
        if self._reach is not None and self._learnt % _BOUND == 0:
            self._bound(self._reach)
        if self._learnt % _EVERY == 0 and float(np.trace(self.doubt)) < self._first:
            self.doubt *= self._forget

    def _bound(self, reach: Floats) -> None:
        own, (frozen, learnt) = self._own, self.weights
        learnt[own] = frozen[own] + np.clip(learnt[own] - frozen[own], -reach, reach)

    def residuals(self, values: Floats) -> Floats:
        """Return what the newest prediction of the last lane leaves, 0 where a value is missing, shape ``(tags,)`` [1].

        Parameters
        ----------
        values
            Sample, shape ``(columns,)``, in standard deviations from normal [1], NaN where one is missing.
        """
        left = values[: self.tags] - self.predicted()[-1]
        return np.where(np.isfinite(left), left, 0.0)

    def score_array(self, values: Floats) -> float:
        """Return the root mean square residual of the next sample, in standard deviations [1].

        Parameters
        ----------
        values
            Sample, shape ``(columns,)``, in standard deviations from normal [1], NaN where one is missing.
        """
        left = self.residuals(values)
        return sqrt(float(np.einsum("t,t->", left, left)) / max(int(np.isfinite(values[: self.tags]).sum()), 1))

    def learn_array(self, values: Floats) -> None:
        """Learn the next sample; what is missing is taken to be as predicted, and an input as it was.

        Parameters
        ----------
        values
            Sample, shape ``(columns,)``, in standard deviations from normal [1], NaN where one is missing.
        """
        expected = self.expected(-1)
        self.learn(self.residuals(values))
        self.push(np.where(np.isfinite(values), values, expected))


def _own(lags: int, columns: int, tags: int) -> tuple[Places, Places]:
    """Return rows and columns of the weights of each tag on 1 and on its own lags."""
    each = np.arange(tags)
    rows = [np.zeros_like(each), *(first + each for first in range(1, lags, columns))]
    return np.concatenate(rows), np.tile(each, len(rows))
