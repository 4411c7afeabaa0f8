"""What a method for results out of trend is given, and what it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Annotated, Literal

from pydantic import Field

from policies.charts import Averaging, Rule, Summing
from policies.sentences import counted
from policies.words import Declared, Number, Positive

Method = Literal[
    "regression", "time_point", "slope", "q1e", "random_coefficients", "rules", "ewma", "cusum", "t2_q", "lots"
]
"""A method by name."""

Share = Annotated[float, Field(gt=0.0, lt=1.0)]


class Row(Declared):
    """Results of one batch at one age."""

    batch: str
    """Number of the batch."""
    age: Number | None = None
    """Age at which it was tested, in the unit of ages; None where it has none."""
    values: dict[str, Number]
    """Results by column, each in its unit; of one that is below its limit of quantification, the limit."""
    below: tuple[str, ...] = ()
    """Columns whose result is below its limit of quantification."""
    factors: dict[str, str] = Field(default_factory=dict)
    """Words of the other columns: product, lot and the like."""


class Settings(Declared):
    """Everything a method is told besides the results."""

    method: Method
    """The method."""
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    """Columns judged; all methods but `t2_q` judge the first."""
    tested: tuple[str, ...]
    """Batches judged; all others are history."""
    unit: str = "%"
    """UCUM code of the results."""
    age_unit: str = "mo"
    """UCUM code of ages."""
    limits: Literal["z", "prediction", "tolerance"] = "prediction"
    """Kind of limits: a number of standard deviations, a prediction or a tolerance interval."""
    side: Literal["both", "high", "low"] = "both"
    """Where a result is out of trend."""
    z: Positive = 3.0
    """Standard deviations of `limits: z` [1]."""
    coverage: Share = 0.99
    """Share of normal results within the limits [1]."""
    confidence: Share = 0.95
    """Confidence of tolerance intervals and of the mean in ICH Q1E [1]."""
    below: Literal["limit", "half", "zero"] = "limit"
    """What a result below its limit of quantification counts as, but in `lots`, which takes it as an interval."""
    accept_low: Number | None = None
    """Lower acceptance criterion, in the unit of the results."""
    accept_high: Number | None = None
    """Upper acceptance criterion, in the unit of the results."""
    proposed: Positive | None = None
    """Shelf life proposed, in the unit of ages."""
    rules: tuple[Rule, ...] = ("nelson_1", "nelson_2", "nelson_3", "nelson_5")
    """Rules of `rules`."""
    residual: Literal["mean", "line"] = "mean"
    """What charts look at: distances from the mean of the history, or from the line through it over age."""
    ewma: Averaging = Averaging()
    """Numbers of the EWMA chart."""
    cusum: Summing = Summing()
    """Numbers of the CUSUM chart."""
    memory: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    """Correlation of one result with the next that is taken out before charts look [1]; nothing is where absent."""
    explained: Share = 0.8
    """Share of the variance that principal components keep [1]."""
    by: tuple[tuple[str, ...], ...] = ()
    """Factors of `lots`: batches alike in all of a group share an effect."""
    along: tuple[str, ...] = ()
    """Columns along which results of `lots` grow, and the age where it is there."""
    loq: Annotated[float, Field(ge=0.0)] = 0.0
    """Limit of quantification, in the unit of the results."""
    step: Annotated[float, Field(ge=0.0)] = 0.0
    """Step to which results are rounded, in the unit of the results."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Seed of what is simulated [1]."""


@dataclass(frozen=True, slots=True)
class Held:
    """One result held against its limits."""

    batch: str
    """Number of the batch."""
    age: float
    """Age, in the unit of ages; not a number where it has none."""
    value: float
    """What was judged, in the unit that `what` says."""
    expected: float
    """What was expected, in the same unit."""
    low: float
    """Lower limit, in the same unit; minus infinity where there is none."""
    high: float
    """Upper limit, in the same unit; infinity where there is none."""
    out: bool
    """Whether it is out of trend."""
    what: str = "result"
    """What was judged, with its unit."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a method found."""

    method: str
    """The method."""
    version: str
    """Version of the method."""
    out: bool
    """Whether something is out of trend."""
    said: str
    """The finding in one sentence."""
    held: tuple[Held, ...] = ()
    """Results of the tested batches held against their limits."""
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])
    """What it rests on, each key with its unit."""
    notes: tuple[str, ...] = ()
    """What is to be known when it is read, one sentence each."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a method works out, before it is put into words."""

    held: tuple[Held, ...]
    """Results held against their limits."""
    numbers: Mapping[str, float]
    """What it rests on, each key with its unit."""
    notes: tuple[str, ...] = ()
    """What is to be known, one sentence each."""
    said: str = ""
    """The finding where it is no count of results out of limits."""


def value(row: Row, column: str, settings: Settings) -> float:
    """Return what a result counts as, in its unit; not a number where there is none."""
    found = row.values.get(column, nan)
    if column not in row.below:
        return found
    return {"limit": found, "half": 0.5 * found, "zero": 0.0}[settings.below]


@dataclass(frozen=True, slots=True)
class Line:
    """Results of one batch over age."""

    batch: str
    """Number of the batch."""
    ages: tuple[float, ...]
    """Ages, rising, in their unit."""
    values: tuple[float, ...]
    """Results, in their unit."""


def lines(rows: Sequence[Row], settings: Settings, *, tested: bool) -> tuple[Line, ...]:
    """Return the results of each tested batch over age, or of each of the others."""
    column = settings.columns[0]
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if (row.batch in settings.tested) is tested and row.age is not None and column in row.values:
            found.setdefault(row.batch, []).append((row.age, value(row, column, settings)))
    return tuple(_line(batch, pairs) for batch, pairs in found.items())


def _line(batch: str, pairs: list[tuple[float, float]]) -> Line:
    pairs.sort()
    return Line(batch, tuple(age for age, _ in pairs), tuple(one for _, one in pairs))


def points(found: Sequence[Line]) -> Iterator[tuple[str, float, float]]:
    """Give batch, age and result of every point, each in its unit."""
    for line in found:
        for age, one in zip(line.ages, line.values, strict=True):
            yield line.batch, age, one


def need(count: int, fewest: int, noun: str, of: str) -> None:
    """Refuse too little history.

    Raises
    ------
    ValueError
        If there are fewer than needed.
    """
    if count < fewest:
        raise ValueError(f"found {counted(count, noun)} {of}, expected {fewest} or more")
