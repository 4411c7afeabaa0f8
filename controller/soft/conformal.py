"""Intervals that hold what they promise: as wide as past errors were, by region, adapted while late results come in.

A score is how far a prediction was off, in multiples of the scale that was stated with it (its standard deviation, or
1). An interval is the prediction plus and minus a half width, in the same multiples. Where past and future scores are
exchangeable it covers a new result with at least the promised probability, whatever their distribution [1]. Where they
drift, older scores count less [2], and the level is moved after each miss or hit so that the promise holds in the long
run [3]. A region with few scores of its own takes those of all regions.

What is covered is the result as the laboratory reports it, with its own error.

References
----------
[1] V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2nd ed., Springer, 2022, sections 2.2
and 4.6, doi:10.1007/978-3-031-06649-8.
[2] R. F. Barber, E. J. Candes, A. Ramdas, R. J. Tibshirani, "Conformal prediction beyond exchangeability", Ann.
Statist. 51(2), 2023, doi:10.1214/23-AOS2276.
[3] I. Gibbs, E. J. Candes, "Adaptive conformal inference under distribution shift", Advances in Neural Information
Processing Systems 34, 2021, doi:10.48550/arXiv.2106.00543.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Annotated

from pydantic import Field

from anomaly.conformal import quantile
from policies.words import Declared, Number

_Share = Annotated[float, Field(gt=0, lt=1, strict=True)]


class Intervals(Declared):
    """How intervals are made."""

    coverage: _Share = 0.9
    """Probability with which an interval is to cover the result [1]."""
    window: Annotated[int, Field(ge=1)] = 200
    """Most scores kept of each region, the newest [1]."""
    fading: Annotated[float, Field(gt=0, le=1, strict=True)] = 1.0
    """What a score counts against the next newer one of its region [1]; 1 is for errors that do not drift."""
    rate: Annotated[float, Field(ge=0, lt=1, strict=True)] = 0.0
    """Share by which the level of a region is moved after each result [1]; 0 leaves it."""
    enough: Annotated[int, Field(ge=1)] = 20
    """Scores from which a region stands on its own [1]."""


class Partition(Declared):
    """Regions of operation: where one input lies between edges."""

    input: str
    """Name of the input."""
    edges: Annotated[tuple[Number, ...], Field(min_length=1)]
    """Where regions meet, rising, in the unit of the input."""

    def region(self, value: float) -> str:
        """Return the name of the region in which `value`, in the unit of the input, lies.

        Examples
        --------
        >>> Partition(input="LS", edges=(0.2, 0.3)).region(0.25)
        'LS 0.2 to 0.3'
        """
        edges = (-inf, *self.edges, inf)
        i = bisect_right(self.edges, value)
        return f"{self.input} {edges[i]:g} to {edges[i + 1]:g}"


@dataclass(frozen=True, slots=True)
class Region:
    """What is remembered of one region."""

    scores: tuple[tuple[float, float], ...]
    """Sample time [s] and score [1], by time; scores of the calibration have the time minus infinity."""
    level: float
    """Share of misses aimed at now [1]."""


State = Mapping[str, Region]
"""Regions by name; it is not changed, another one is made."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A prediction that has met its result, however late."""

    region: str
    """Region in which it was made."""
    at: float
    """When the sample was taken, POSIX time [s]."""
    score: float
    """How far it was off, in multiples of its scale [1]."""
    half: float
    """Half width stated with it, in multiples of its scale [1]."""


def start(rule: Intervals, scores: Mapping[str, Sequence[float]]) -> State:
    """Return the memory after calibration.

    Parameters
    ----------
    rule
        How intervals are made.
    scores
        Scores of each region on results the learner was not fitted to, oldest first, in multiples of the scale [1].

    Raises
    ------
    ValueError
        If a score is no finite number, zero or above.
    """
    for region, values in scores.items():
        if not all(isfinite(value) and value >= 0.0 for value in values):
            raise ValueError(f"region {region}: expected scores of zero or above, found one that is not")
    level = 1.0 - rule.coverage
    return {name: Region(tuple((-inf, v) for v in values[-rule.window :]), level) for name, values in scores.items()}


def half_width(rule: Intervals, state: State, region: str) -> float:
    """Return the half width of an interval in `region`, in multiples of the scale; infinite where too little is known.

    Parameters
    ----------
    rule
        How intervals are made.
    state
        What is remembered.
    region
        Region of the prediction.
    """
    own = state.get(region)
    level = 1.0 - rule.coverage if own is None else own.level
    if own is not None and len(own.scores) >= rule.enough:
        return quantile([score for _, score in own.scores], 1.0 - level, rule.fading)
    pooled = sorted((pair for one in state.values() for pair in one.scores), key=lambda pair: pair[0])
    return quantile([score for _, score in pooled], 1.0 - level, rule.fading)


def learn(rule: Intervals, state: State, outcome: Outcome) -> State:
    """Return the memory after a result came in; a result that is known already changes nothing.

    Results may come in any order: scores are kept by the time of their samples.

    Parameters
    ----------
    rule
        How intervals are made.
    state
        What is remembered.
    outcome
        The prediction and how far it was off.
    """
    old = state.get(outcome.region, Region((), 1.0 - rule.coverage))
    known = any(at == outcome.at for at, _ in old.scores)
    if known or not (isfinite(outcome.score) and isfinite(outcome.at)):
        return state
    place = bisect_right(old.scores, (outcome.at, inf))
    scores = (*old.scores[:place], (outcome.at, outcome.score), *old.scores[place:])[-rule.window :]
    missed = float(outcome.score > outcome.half)
    level = min(max(old.level + rule.rate * (1.0 - rule.coverage - missed), 0.0), 1.0)
    return {**state, outcome.region: replace(old, scores=scores, level=level)}
