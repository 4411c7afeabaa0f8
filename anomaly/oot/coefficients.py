"""Random-coefficient regression: every batch has a line of its own, drawn about the line of all.

``y = (b0 + u0) + (b1 + u1) age + e`` with (u0, u1) normal of covariance D and e of variance s^2. They are found by
restricted maximum likelihood. A result of a new batch scatters about the line of all with ``z'(D + C)z + s^2``, C being
the covariance of b: those limits are for batches that go another way. Held against the earlier results of its own batch
a single result may be strange by itself: that is a matter for the laboratory first.

References
----------
N. M. Laird, J. H. Ware, "Random-effects models for longitudinal data", Biometrics 38(4), 1982, doi:10.2307/2529876.
S.-C. Chow, J. Shao, "Estimating drug shelf-life with random batches", Biometrics 47(3), 1991.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt, tanh
from typing import Protocol, cast

import numpy as np

from anomaly.oot.limits import Told, held
from anomaly.oot.stability import straight
from anomaly.oot.study import Found, Line, Row, Settings, lines, need
from plant_io.signals import Floats

_TINY = 1e-9
_EDGE = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Random:
    """A random-coefficient regression."""

    mean: Floats
    """Intercept and slope of all, shape ``(2,)``, in the unit of the results and per unit of ages."""
    error: Floats
    """Covariance of them, shape ``(2, 2)``, in the same units squared."""
    between: Floats
    """Covariance of the lines of batches, shape ``(2, 2)``, in the same units squared."""
    within: float
    """Standard deviation of a result about the line of its batch, in the unit of the results."""
    batches: int
    """Batches it rests on [1]."""

    def told(self, age: float) -> Told:
        """Return what it says of a result of a new batch at an age.

        Parameters
        ----------
        age
            The age, in the unit of ages.
        """
        z = np.array([1.0, age])
        sd = sqrt(float(z @ self.between @ z) + self.within**2)
        return Told(float(z @ self.mean), sd, self.batches - 1, float(z @ self.error @ z) / sd**2)

    def after(self, ages: Sequence[float], values: Sequence[float], age: float) -> tuple[float, float]:
        """Return mean and standard deviation of the next result of a batch, in the unit of the results.

        Parameters
        ----------
        ages
            Ages of its results so far, in their unit.
        values
            The results, in their unit.
        age
            Age of the next one, in the unit of ages.
        """
        z, next_z, whole = design(ages), np.array([1.0, age]), self.between + self.error
        cover = z @ whole @ z.T + self.within**2 * np.eye(len(z))
        gain = np.linalg.solve(cover, z @ whole @ next_z)
        mean = float(next_z @ self.mean) + float(gain @ (np.array(values) - z @ self.mean))
        left = float(next_z @ whole @ next_z) - float(gain @ (z @ whole @ next_z))
        return mean, sqrt(max(left, 0.0) + self.within**2)


def design(ages: Sequence[float]) -> Floats:
    """Return ones [1] beside `ages` in their unit, shape ``(n, 2)``."""
    return np.column_stack([np.ones(len(ages)), np.array(ages)])


class _Optimum(Protocol):
    x: Floats


def fitted(history: Sequence[Line]) -> Random:
    """Return the regression that restricted maximum likelihood finds."""
    from scipy.optimize import minimize  # noqa: PLC0415  # takes a while to import

    begin = _moments(history)
    seek = cast("Callable[..., _Optimum]", minimize)
    options = {"xatol": 1e-8, "fatol": 1e-10, "maxfev": 4000, "maxiter": 4000}
    found = seek(_unlikely, begin, args=(history,), method="Nelder-Mead", options=options)
    between, within = _parts(found.x)
    mean, error, _ = _solved(between, within, history)
    return Random(mean, error, between, within, len(history))


def _moments(history: Sequence[Line]) -> Floats:
    """Return what the lines of single batches say: logarithms of the standard deviations, and the correlation."""
    own = [straight(line.ages, line.values) for line in history]
    rest = sum(one.sd**2 * one.df for one in own) / max(sum(one.df for one in own), 1)
    within = max(sqrt(rest), _TINY)
    cover = np.cov(np.array([[one.intercept, one.slope] for one in own]).T)
    noise = rest * np.mean([np.linalg.inv(design(line.ages).T @ design(line.ages)) for line in history], axis=0)
    left = np.clip(np.diag(cover - noise), 0.01 * np.diag(cover) + _TINY**2, None)
    slant = float((cover - noise)[0, 1]) / sqrt(float(left[0] * left[1]))
    bent = float(np.arctanh(np.clip(slant, -0.95, 0.95)))
    return np.array([0.5 * log(float(left[0])), 0.5 * log(float(left[1])), bent, log(within)])


def _parts(numbers: Floats) -> tuple[Floats, float]:
    level, slope, bent, within = numbers.tolist()
    sds, slant = np.array([exp(level), exp(slope)]), tanh(max(min(bent, _EDGE), -_EDGE))
    return np.outer(sds, sds) * np.array([[1.0, slant], [slant, 1.0]]), exp(within)


def _solved(between: Floats, within: float, history: Sequence[Line]) -> tuple[Floats, Floats, float]:
    """Return the line of all, its covariance, and minus twice the restricted log likelihood."""
    normal, right, cost = np.zeros((2, 2)), np.zeros(2), 0.0
    solved: list[tuple[Floats, Floats, Floats]] = []
    for line in history:
        z, y = design(line.ages), np.array(line.values)
        cover = z @ between @ z.T + within**2 * np.eye(len(z))
        inverse: Floats = np.asarray(np.linalg.inv(cover), np.float64)
        normal += z.T @ inverse @ z
        right += z.T @ inverse @ y
        cost += float(np.linalg.slogdet(cover)[1])
        solved.append((z, y, inverse))
    error: Floats = np.asarray(np.linalg.inv(normal), np.float64)
    mean = error @ right
    for z, y, inverse in solved:
        rest = y - z @ mean
        cost += float(rest @ inverse @ rest)
    return mean, error, cost + float(np.linalg.slogdet(normal)[1])


def _unlikely(numbers: Floats, history: Sequence[Line]) -> float:
    try:
        return _solved(*_parts(numbers), history)[2]
    except (np.linalg.LinAlgError, OverflowError):
        return float("inf")


def random_coefficients(rows: Sequence[Row], settings: Settings) -> Found:
    """Hold results against the lines batches may have, and each against the earlier ones of its batch."""
    history = tuple(line for line in lines(rows, settings, tested=False) if len(set(line.ages)) > 1)
    need(len(history), 3, "batch", "of the history with two ages or more")
    found = fitted(history)
    unit, per = settings.unit, f"{settings.unit}/{settings.age_unit}"
    numbers = {
        f"intercept [{unit}]": float(found.mean[0]),
        f"slope [{per}]": float(found.mean[1]),
        f"standard deviation of intercepts [{unit}]": sqrt(float(found.between[0, 0])),
        f"standard deviation of slopes [{per}]": sqrt(float(found.between[1, 1])),
        f"standard deviation about the line of the batch [{unit}]": found.within,
        "batches of the history [1]": float(found.batches),
    }
    tested = lines(rows, settings, tested=True)
    pairs = [(line.batch, age, one) for line in tested for age, one in zip(line.ages, line.values, strict=True)]
    judged = tuple(held((batch, age), one, found.told(age), settings) for batch, age, one in pairs)
    return Found(judged, numbers, tuple(_alone(tested, found, settings)))


def _alone(tested: Sequence[Line], found: Random, settings: Settings) -> Iterator[str]:
    far = settings.z if settings.limits == "z" else 3.0
    for line in tested:
        for i, (age, one) in enumerate(zip(line.ages, line.values, strict=True)):
            mean, sd = found.after(line.ages[:i], line.values[:i], age) if i else (one, 1.0)
            if abs(one - mean) > far * sd:
                off = f"{(one - mean) / sd:+.1f} standard deviations from the earlier results of its batch"
                yield f"{line.batch} at {age:g} {settings.age_unit}: {off}; let the laboratory look first."
