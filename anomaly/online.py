"""A monitor in the manner of river: it gathers its training, fits itself, and learns while nothing is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from math import isfinite, nan

import numpy as np

from anomaly.artefact import Model, Settings
from anomaly.fitting import Training, fit
from anomaly.monitor import Monitor
from anomaly.verdict import Verdict

LEARNING = Settings(adaptation="gated")
"""Settings of a monitor whose twin has the word."""


class Online:
    """A detector that needs nothing but samples; until it has seen enough of them it scores 0.

    The score is 1 at the limit. Samples that it fits itself to are believed to be normal; while nothing in them moves,
    it goes on gathering. Features may come in any order, be missing, or appear later, when they are passed over.

    Parameters
    ----------
    warm
        Samples it fits itself to [1].
    settings
        How the monitor works.
    period_s
        Time from one sample to the next [s].
    """

    def __init__(self, warm: int = 400, settings: Settings = LEARNING, period_s: float = 1.0) -> None:
        self._warm, self._settings, self._period_s = warm, settings, period_s
        self._gathered: list[dict[str, float]] = []
        self.monitor: Monitor | None = None
        self.verdict: Verdict | None = None

    @property
    def model(self) -> Model | None:
        """Its model without the large matrices; None until it has fitted itself."""
        return None if self.monitor is None else self.monitor.scales.model

    def score_one(self, x: Mapping[str, float]) -> float:
        """Return how unusual the next sample would be: 1 at the limit [1]; nothing changes.

        Parameters
        ----------
        x
            Value of each feature, in its unit.
        """
        if self.monitor is None:
            return 0.0
        return self.monitor.score_one(x) / self.monitor.scales.model.limit

    def learn_one(self, x: Mapping[str, float]) -> None:
        """Take the next sample in: gather it, or judge it and learn it where it is normal.

        Parameters
        ----------
        x
            Value of each feature, in its unit.
        """
        if self.monitor is not None:
            self.verdict = self.monitor.step(self.monitor.row(x))
            return
        self._gathered.append({name: value for name, value in x.items() if isfinite(value)})
        if len(self._gathered) >= self._warm:
            with suppress(ValueError):
                self.monitor = self._fitted()
            self._gathered = self._gathered[self._warm // 2 :] if self.monitor is None else []

    def _fitted(self) -> Monitor:
        names = tuple(sorted({name for row in self._gathered for name in row}))
        rows = np.array([[row.get(name, nan) for name in names] for row in self._gathered])
        monitor = Monitor(fit([rows], Training(names, period_s=self._period_s), self._settings))
        for row in rows[-10 * self._settings.lags :]:
            monitor.step(row)
        return monitor
