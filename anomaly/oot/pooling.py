"""Whether batches may be pooled, and when their mean reaches an acceptance criterion: ICH Q1E.

Slopes are compared first, then intercepts, each at a level of 0.25. Without a difference one line holds for all
batches; with different intercepts alone the slope is common; else each batch has its own line, with the variance of
all. The shelf life ends where the one-sided 95 % confidence limit of the mean of the worst batch meets the acceptance
criterion.

References
----------
ICH Q1E, "Evaluation for stability data", 2003, sections 2.4, B.2 and B.4. N. R. Draper, H. Smith, "Applied regression
analysis", 3rd ed., 1998, chapter 6, doi:10.1002/9781118625590.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Literal

import numpy as np

from anomaly.oot.limits import f_above, t_quantile
from anomaly.oot.study import Found, Held, Line, Row, Settings, lines, need
from plant_io.signals import Floats

_LEVEL = 0.25
_FAR, _STEPS, _HALVINGS = 10.0, 400, 60

Model = Literal["one line", "common slope", "separate lines"]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Lines of batches under one model."""

    model: Model
    """Which lines are common."""
    weights: Floats
    """Coefficients, shape ``(n,)``, in the unit of the results and per unit of ages."""
    inverse: Floats
    """Inverse of the normal matrix, shape ``(n, n)``, in units of ages."""
    rss: float
    """Residual sum of squares, in the unit of the results squared."""
    df: int
    """Degrees of freedom [1]."""
    batches: int
    """Number of batches [1]."""

    def mean(self, batch: int, age: float) -> tuple[float, float]:
        """Return the mean of a batch at an age, and its standard error, in the unit of the results.

        Parameters
        ----------
        batch
            Number of the batch, from 0 [1].
        age
            Age, in the unit of ages.
        """
        row = design(self.model, np.array([batch]), np.array([age]), self.batches)[0]
        return float(row @ self.weights), sqrt(self.rss / self.df * float(row @ self.inverse @ row))


def design(model: Model, batch: Floats, age: Floats, batches: int) -> Floats:
    """Return the design matrix of a model, shape ``(n_results, n_coefficients)``, in units of ages.

    Parameters
    ----------
    model
        Which lines are common.
    batch
        Number of the batch of each result, from 0, shape ``(n_results,)`` [1].
    age
        Age of each result, shape ``(n_results,)``, in its unit.
    batches
        Number of batches [1].
    """
    which: Floats = (batch[:, None] == np.arange(batches)[None, :]).astype(float)
    if model == "one line":
        return np.column_stack([np.ones(len(age)), age])
    if model == "common slope":
        return np.column_stack([which, age])
    return np.column_stack([which, which * age[:, None]])


def fit(model: Model, history: Sequence[Line]) -> Fit:
    """Return the lines of least squares under a model."""
    batch = np.concatenate([np.full(len(line.ages), float(i)) for i, line in enumerate(history)])
    age, y = (np.concatenate([np.array(getattr(line, name)) for line in history]) for name in ("ages", "values"))
    x = design(model, batch, age, len(history))
    inverse: Floats = np.asarray(np.linalg.inv(x.T @ x), np.float64)
    weights = inverse @ x.T @ y
    rest = y - x @ weights
    return Fit(model, weights, inverse, float(rest @ rest), len(y) - x.shape[1], len(history))


@dataclass(frozen=True, slots=True)
class Compared:
    """Whether what a smaller model leaves out is there."""

    ratio: float
    """F ratio [1]."""
    chance: float
    """Chance of a larger one where nothing is there [1]."""


def compared(small: Fit, large: Fit) -> Compared:
    """Return the test of a model within a larger one."""
    over = small.df - large.df
    noise = large.rss / large.df
    gained = max(small.rss - large.rss, 0.0) / over
    ratio = gained / noise if noise > 0.0 else (inf if gained > 0.0 else 0.0)
    return Compared(ratio, 0.0 if ratio == inf else f_above(ratio, over, large.df))


def pooled(history: Sequence[Line]) -> tuple[Fit, Compared, Compared]:
    """Return the model ICH Q1E arrives at, and the tests of slopes and of intercepts."""
    one, common, separate = (fit(model, history) for model in ("one line", "common slope", "separate lines"))
    slopes, intercepts = compared(common, separate), compared(one, common)
    if slopes.chance < _LEVEL:
        return separate, slopes, intercepts
    return (common if intercepts.chance < _LEVEL else one), slopes, intercepts


def crossing(found: Fit, batch: int, settings: Settings, last: float) -> float:
    """Return the age at which the confidence limit of a batch meets the acceptance criterion, in the unit of ages.

    Parameters
    ----------
    found
        Lines of the batches.
    batch
        Number of the batch, from 0 [1].
    settings
        Acceptance criteria.
    last
        Greatest age that was tested, in the unit of ages; ten times as far is looked.
    """
    level = settings.confidence if None in {settings.accept_low, settings.accept_high} else _both(settings)
    t = t_quantile(level, found.df)

    def beyond(age: float) -> bool:
        mean, error = found.mean(batch, age)
        high, low = settings.accept_high, settings.accept_low
        return (high is not None and mean + t * error > high) or (low is not None and mean - t * error < low)

    grid: list[float] = np.linspace(0.0, _FAR * last, _STEPS + 1).tolist()
    after = next((age for age in grid if beyond(age)), None)
    if after is None:
        return inf
    low, high = max(after - grid[1], 0.0), after
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return high


def _both(settings: Settings) -> float:
    return 0.5 * (1.0 + settings.confidence)


def q1e(rows: Sequence[Row], settings: Settings) -> Found:
    """Pool batches as far as they may be, and tell until when their mean conforms; every batch takes part."""
    every = (*lines(rows, settings, tested=False), *lines(rows, settings, tested=True))
    several = tuple(line for line in every if len(set(line.ages)) > 1)
    need(len(several), 2, "batch", "of two ages or more")
    if sum(len(line.ages) for line in several) <= 2 * len(several):
        raise ValueError("found two results of each batch, expected more: separate lines leave no residual")
    found, slopes, intercepts = pooled(several)
    last = max(line.ages[-1] for line in several)
    unit, per = settings.unit, f"{settings.unit}/{settings.age_unit}"
    numbers = {
        "F of slopes [1]": slopes.ratio,
        "p of slopes [1]": slopes.chance,
        "F of intercepts [1]": intercepts.ratio,
        "p of intercepts [1]": intercepts.chance,
        f"residual standard deviation [{unit}]": sqrt(found.rss / found.df),
        "degrees of freedom [1]": float(found.df),
    }
    for i, line in enumerate(several):
        zero, later = found.mean(i, 0.0)[0], found.mean(i, 1.0)[0]
        numbers |= {f"intercept of {line.batch} [{unit}]": zero, f"slope of {line.batch} [{per}]": later - zero}
    notes = [f"ICH Q1E at a level of {_LEVEL}: {found.model}."]
    if settings.accept_low is None and settings.accept_high is None:
        return Found((), numbers, (*notes, "Without an acceptance criterion no shelf life is told."), notes[0])
    held = tuple(_shelf(found, several, settings, last))
    shortest = min(one.value for one in held)
    numbers[f"shelf life [{settings.age_unit}]"] = shortest
    notes += list(_extrapolated(shortest, last, settings.age_unit))
    lived = "beyond what was looked at" if shortest == inf else f"{shortest:.1f} {settings.age_unit}"
    said = f"The mean of the worst batch conforms for {lived}, with {found.model}."
    return Found(held, numbers, tuple(notes), said)


def _shelf(found: Fit, several: Sequence[Line], settings: Settings, last: float) -> Iterator[Held]:
    for i, line in enumerate(several):
        ends = crossing(found, i, settings, last)
        least = settings.proposed or 0.0
        what = f"conforms until [{settings.age_unit}]"
        yield Held(line.batch, line.ages[-1], ends, least, least, inf, ends < least, what)


def _extrapolated(shortest: float, last: float, unit: str) -> Iterator[str]:
    if shortest > last:
        most = min(2.0 * last, last + 12.0) if unit == "mo" else 2.0 * last
        yield f"Results reach {last:g} {unit}; ICH Q1E proposes no more than {most:g} {unit}, and only with support."
