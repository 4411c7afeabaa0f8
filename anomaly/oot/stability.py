"""Three charts for stability results: regression control, by time point, slope control.

References
----------
PhRMA CMC statistics and stability expert teams, "Identification of out-of-trend stability results", Pharm. Technol.
27(4), 2003; the three charts also in Pharm. Technol. 37(6), 2013. N. R. Draper, H. Smith, "Applied regression
analysis", 3rd ed., 1998, chapters 1 and 3, doi:10.1002/9781118625590.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from anomaly.oot.limits import Told, held
from anomaly.oot.study import Found, Held, Line, Row, Settings, lines, need, points
from policies.sentences import counted

_SAME = 0.5
"""Ages that differ by no more than this are one time point, in the unit of ages."""


@dataclass(frozen=True, slots=True)
class Straight:
    """A straight line through points."""

    intercept: float
    """Result at age zero, in the unit of the results."""
    slope: float
    """Change, in the unit of the results per unit of ages."""
    sd: float
    """Residual standard deviation, in the unit of the results."""
    df: int
    """Degrees of freedom of it [1]."""
    centre: float
    """Mean age, in the unit of ages."""
    spread: float
    """Sum of squared distances of ages from their mean, in their unit squared."""

    def told(self, age: float) -> Told:
        """Return what it says of a result at an age.

        Parameters
        ----------
        age
            The age, in the unit of ages.
        """
        h = 1.0 / (self.df + 2) + (age - self.centre) ** 2 / self.spread
        return Told(self.intercept + self.slope * age, self.sd, self.df, h)


def straight(ages: Sequence[float], values: Sequence[float]) -> Straight:
    """Return the line of least squares through points.

    Parameters
    ----------
    ages
        Ages, in their unit.
    values
        Results, in their unit.

    Raises
    ------
    ValueError
        If all have the same age.
    """
    x, y = np.array(ages), np.array(values)
    spread = float(((x - x.mean()) ** 2).sum())
    if spread == 0.0:
        raise ValueError("found results of one age only, expected several ages")
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    intercept = float(y.mean()) - slope * float(x.mean())
    rest, df = y - intercept - slope * x, len(x) - 2
    sd = sqrt(float(rest @ rest) / df) if df > 0 else 0.0
    return Straight(intercept, slope, sd, df, float(x.mean()), spread)


def regression(rows: Sequence[Row], settings: Settings) -> Found:
    """Hold results against one line through all results of the history."""
    history = list(points(lines(rows, settings, tested=False)))
    need(len(history), 3, "result", "of the history")
    line = straight([age for _, age, _ in history], [one for _, _, one in history])
    tested = points(lines(rows, settings, tested=True))
    found = tuple(held((batch, age), one, line.told(age), settings) for batch, age, one in tested)
    unit, per = settings.unit, f"{settings.unit}/{settings.age_unit}"
    numbers = {
        f"intercept [{unit}]": line.intercept,
        f"slope [{per}]": line.slope,
        f"residual standard deviation [{unit}]": line.sd,
        "degrees of freedom [1]": float(line.df),
    }
    return Found(found, numbers, ("All batches of the history are taken for one line.",))


def time_point(rows: Sequence[Row], settings: Settings) -> Found:
    """Hold results against those of the history of the same age."""
    history = list(points(lines(rows, settings, tested=False)))
    found, notes, numbers = list[Held](), list[str](), dict[str, float]()
    for batch, age, one in points(lines(rows, settings, tested=True)):
        alike = np.array([past for _, at, past in history if abs(at - age) <= _SAME])
        if len(alike) < _FEWEST:
            few = f"{counted(len(alike), 'result')} of the history"
            notes.append(f"{batch} at {age:g} {settings.age_unit}: {few}; it is not judged.")
            continue
        told = Told(float(alike.mean()), float(alike.std(ddof=1)), len(alike) - 1, 1.0 / len(alike))
        found.append(held((batch, age), one, told, settings))
        numbers |= {
            f"mean at {age:g} {settings.age_unit} [{settings.unit}]": told.expected,
            f"standard deviation at {age:g} {settings.age_unit} [{settings.unit}]": told.sd,
            f"results at {age:g} {settings.age_unit} [1]": float(len(alike)),
        }
    return Found(tuple(found), numbers, tuple(notes))


_FEWEST = 3


def slope(rows: Sequence[Row], settings: Settings) -> Found:
    """Hold the slope of a batch up to each age against the slopes of the history up to it."""
    history = lines(rows, settings, tested=False)
    per = f"{settings.unit}/{settings.age_unit}"
    found, notes, numbers = list[Held](), list[str](), dict[str, float]()
    for line in lines(rows, settings, tested=True):
        for age in line.ages[1:]:
            own = _until(line, age)
            past = np.array([one for one in (_until(each, age) for each in history) if one is not None])
            if own is None or len(past) < _FEWEST:
                few = f"{counted(len(past), 'slope')} of the history"
                notes.append(f"{line.batch} up to {age:g} {settings.age_unit}: {few}; it is not judged.")
                continue
            told = Told(float(past.mean()), float(past.std(ddof=1)), len(past) - 1, 1.0 / len(past))
            found.append(held((line.batch, age), own, told, settings, f"slope [{per}]"))
            numbers |= {
                f"mean slope up to {age:g} {settings.age_unit} [{per}]": told.expected,
                f"standard deviation of slopes up to {age:g} {settings.age_unit} [{per}]": told.sd,
            }
    return Found(tuple(found), numbers, tuple(notes))


def _until(line: Line, age: float) -> float | None:
    pairs = [(at, one) for at, one in zip(line.ages, line.values, strict=True) if at <= age + _SAME]
    if len({at for at, _ in pairs}) < 2 or pairs[-1][0] < age - _SAME:  # noqa: PLR2004  # a line needs two
        return None
    return straight([at for at, _ in pairs], [one for _, one in pairs]).slope
