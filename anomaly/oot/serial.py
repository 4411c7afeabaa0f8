"""Charts on results one after another: rules, EWMA, CUSUM, with the rate at which they really speak without reason.

Normal is the history. The rate is simulated, for what it depends on: values that hang together as those of the history
do, a mean and a standard deviation that are known from as few results, and all rules at once. It counts normal results
that break some rule, and the results until the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np

from anomaly import runlength
from anomaly.charts import RUNS, Memory, said, take
from anomaly.oot.stability import straight
from anomaly.oot.study import Found, Held, Row, Settings, need, value
from anomaly.residual import STANDARD, standard
from plant_io.signals import Floats
from policies.charts import Chart, Rule

_RUNS, _LONGEST = 200, 1000
_FEWEST = 8
_SAME = 1e-12


@dataclass(frozen=True, slots=True)
class Normal:
    """What the history says is normal."""

    mean: float
    """Mean, in the unit of the results."""
    sd: float
    """Standard deviation, in the unit of the results."""
    memory: float
    """Correlation of one result with the next [1]."""
    count: int
    """Results [1]."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often charts speak without reason."""

    share: float
    """Share of normal results that break some rule [1]."""
    run: float
    """Results until the first breaks one, on average [1]."""
    error: float
    """Standard error of that average [1]."""


def normal(history: Sequence[float]) -> Normal:
    """Return what is normal for results in a row.

    Parameters
    ----------
    history
        Results in their order, in their unit.

    Raises
    ------
    ValueError
        If there are too few, or all are the same.
    """
    need(len(history), _FEWEST, "result", "of the history")
    y = np.array(history)
    away, sd = y - y.mean(), float(y.std(ddof=1))
    if sd <= _SAME * max(abs(float(y.mean())), 1.0):
        raise ValueError("found a history of one and the same result, expected some that scatter")
    memory = float(away[1:] @ away[:-1] / (away @ away))
    return Normal(float(y.mean()), sd, memory, len(y))


def rate(declared: Chart, usual: Normal, seed: int, runs: int = _RUNS) -> Rate:
    """Return how often charts speak without reason on results like those of the history, simulated.

    Parameters
    ----------
    declared
        The charts, and the memory they take out.
    usual
        What is normal: its memory [1] and its count [1] are what matters.
    seed
        Seed [1].
    runs
        Runs played [1]; each with a mean and a standard deviation of its own, estimated from `count` results.
    """
    rng, broken, total, lengths = np.random.default_rng(seed), 0, 0, list[float]()
    for _ in range(runs):
        told = list(_told(declared, _correlated(rng, usual.memory, usual.count + _LONGEST), usual.count))
        broken, total = broken + sum(told), total + len(told)
        lengths.append(float(told.index(True) + 1) if True in told else float(_LONGEST))
    return Rate(broken / total, float(np.mean(lengths)), float(np.std(lengths)) / sqrt(runs))


def _correlated(rng: np.random.Generator, memory: float, n: int) -> list[float]:
    fresh: list[float] = rng.standard_normal(n).tolist()
    kept, now = sqrt(1.0 - memory**2), fresh[0]
    found = [now]
    for one in fresh[1:]:
        now = memory * now + kept * one
        found.append(now)
    return found


def _told(declared: Chart, values: Sequence[float], count: int) -> Iterator[bool]:
    past: Floats = np.array(values[:count])
    mean, sd = float(past.mean()), float(past.std(ddof=1))
    memory, before = Memory(), None
    for one in values[count:]:
        z = (one - mean) / sd
        memory, rules = take(memory, standard(z, before, STANDARD, declared.memory), declared)
        before = z
        yield bool(rules)


def rules(rows: Sequence[Row], settings: Settings) -> Found:
    """Judge results in their order by the rules of the settings."""
    return _charted(rows, settings, settings.rules)


def ewma(rows: Sequence[Row], settings: Settings) -> Found:
    """Judge results in their order by an EWMA chart."""
    return _charted(rows, settings, ("ewma",))


def cusum(rows: Sequence[Row], settings: Settings) -> Found:
    """Judge results in their order by a CUSUM chart."""
    return _charted(rows, settings, ("cusum",))


def _charted(rows: Sequence[Row], settings: Settings, wanted: tuple[Rule, ...]) -> Found:
    column, unit = settings.columns[0], settings.unit
    there = [row for row in rows if column in row.values]
    levels = _levels(there, settings)
    values = [value(row, column, settings) - level for row, level in zip(there, levels, strict=True)]
    usual = normal([one for row, one in zip(there, values, strict=True) if row.batch not in settings.tested])
    declared = Chart.model_validate(
        {"kind": "chart", "tag": "result", "reference": {"mean": usual.mean, "sd": usual.sd}, "rules": wanted}
        | {"ewma": settings.ewma, "cusum": settings.cusum, "memory": settings.memory or 0.0, "response": "Look."}
    )
    found, notes = list[Held](), list[str]()
    memory, before = Memory(), None
    for row, one, level in zip(there, values, levels, strict=True):
        z = (one - usual.mean) / usual.sd
        memory, broken = take(memory, standard(z, before, STANDARD, declared.memory), declared)
        before = z
        if row.batch in settings.tested:
            found.append(_held(row, (one, level), memory, usual, declared, out=bool(broken)))
            notes += [f"{row.batch}: {said(rule)}." for rule in broken]
    really = rate(declared, usual, settings.seed)
    numbers = {
        f"mean [{unit}]": usual.mean,
        f"standard deviation [{unit}]": usual.sd,
        "correlation of one result with the next [1]": usual.memory,
        "results of the history [1]": float(usual.count),
        "normal results that break a rule, simulated [%]": 100.0 * really.share,
        "results until the first false alarm, simulated [1]": really.run,
        "standard error of that [1]": really.error,
    } | _promised(declared, wanted)
    return Found(tuple(found), numbers, (*notes, _rated(really, usual, settings)))


def _levels(there: Sequence[Row], settings: Settings) -> list[float]:
    """Return what is taken from each result before charts look, in the unit of the results."""
    if settings.residual == "mean":
        return [0.0] * len(there)
    column = settings.columns[0]
    pairs = [(row.age, value(row, column, settings)) for row in there if row.batch not in settings.tested]
    if any(row.age is None for row in there):
        raise ValueError("found results without an age, expected one of each for residuals of a line")
    line = straight([age or 0.0 for age, _ in pairs], [one for _, one in pairs])
    return [line.intercept + line.slope * (row.age or 0.0) for row in there]


def _held(row: Row, shown: tuple[float, float], memory: Memory, usual: Normal, declared: Chart, *, out: bool) -> Held:
    """Return a result with the limits of its chart: of the value, the average or the sum."""
    age = nan if row.age is None else row.age
    if declared.rules == ("ewma",):
        weight = declared.ewma.weight
        sd = sqrt(weight / (2.0 - weight) * (1.0 - (1.0 - weight) ** (2 * memory.taken)))
        far = declared.ewma.limit * sd
        return Held(row.batch, age, memory.average, 0.0, -far, far, out, "weighted average [1]")
    if declared.rules == ("cusum",):
        larger = memory.up if memory.up >= memory.down else -memory.down
        limit = declared.cusum.limit
        return Held(row.batch, age, larger, 0.0, -limit, limit, out, "cumulative sum [1]")
    far, (one, level) = 3.0 * usual.sd, shown
    expected = level + usual.mean
    return Held(row.batch, age, level + one, expected, expected - far, expected + far, out)


def _promised(declared: Chart, wanted: tuple[Rule, ...]) -> dict[str, float]:
    """Return what textbooks promise: independent results, mean and standard deviation known."""
    if wanted == ("ewma",):
        return {"results until the first false alarm, by the book [1]": runlength.ewma(declared.ewma)}
    if wanted == ("cusum",):
        return {"results until the first false alarm, by the book [1]": runlength.cusum(declared.cusum)}
    if all(rule in RUNS and RUNS[rule] is RUNS["shewhart"] for rule in wanted):
        return {"results until the first false alarm, by the book [1]": 1.0 / 0.0026997960632601866}
    return {}


def _rated(really: Rate, usual: Normal, settings: Settings) -> str:
    seldom = "more than" if really.run >= 0.9 * _LONGEST else "about"
    length = "inf" if really.run == inf else f"{really.run:.0f}"
    return (
        f"Without reason {100.0 * really.share:.2g} % of normal results break a rule, and the first after {seldom} "
        f"{length} results: simulated {_RUNS} times for a correlation of {usual.memory:.2f} and a history of "
        f"{usual.count} results, seed {settings.seed}."
    )
