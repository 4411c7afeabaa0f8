"""A test on the plant as it was recorded, and what was found in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plant_io.signals import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What was recorded, at equal steps of time, from near rest on."""

    period: float
    """Time between two rows, in the unit of the plant's own times."""
    inputs: Mapping[str, Floats]
    """Inputs in force from each row to the next by name, shape ``(n,)``, each in its unit."""
    outputs: Mapping[str, Floats]
    """Measurements at each row by name, shape ``(n,)``, each in its unit; not a number where there was none."""

    @property
    def rows(self) -> int:
        """Number of rows [1]."""
        return len(next(iter(self.outputs.values())))

    def part(self, rows: slice) -> Trial:
        """Return some rows."""
        inputs, outputs = ({n: v[rows] for n, v in kind.items()} for kind in (self.inputs, self.outputs))
        return Trial(self.period, inputs, outputs)


@dataclass(frozen=True, slots=True)
class Estimated:
    """One number found, with how well it is known."""

    value: float
    """Value, in the unit of what was estimated."""
    half: float
    """Half of its 95 % confidence interval, in the same unit."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one measurement answers to one input."""

    gain: Estimated
    """Gain, unit of the measurement per unit of the input; per unit of time where it integrates."""
    dead_time: Estimated
    """Dead time, in the unit of the plant's own times."""
    lags: tuple[Estimated, ...]
    """Lags, in the unit of the plant's own times."""
    integrating: bool
    """Whether it integrates."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """How one measurement answers to all inputs, and the evidence for it."""

    answers: Mapping[str, Answer]
    """Answers by input; those that cannot be told from none are not there."""
    simulated: Floats
    """The measurement as the inputs alone explain it, shape ``(n,)``, in its unit."""
    residuals: Floats
    """What could not be predicted from one row to the next, shape ``(n,)``, unit of the measurement."""
    r2: float
    """Share of the variance that the inputs explain [1]."""
    rmse: float
    """Root of the mean squared difference from what the inputs explain, unit of the measurement."""
    sd: float
    """Standard deviation of the noise of one measurement, in its unit."""
    drift_sd: float
    """Standard deviation by which it drifts in the square root of one row, unit of the measurement."""
    white: float
    """Probability that residuals which are white are as correlated as these, by G. M. Ljung and G. E. P. Box [1]."""
