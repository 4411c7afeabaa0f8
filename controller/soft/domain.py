"""Where a learner may be believed: near the data it was fitted to, by range, by T2 and Q, and by its own doubt.

References
----------
N. D. Tracy, J. C. Young, R. L. Mason, "Multivariate control charts for individual observations", J. Qual. Technol.
24(2), 1992, doi:10.1080/00224065.1992.12015232 (limit of T2 for a new observation).
P. Nomikos, J. F. MacGregor, "Multivariate SPC charts for monitoring batch processes", Technometrics 37(1), 1995,
doi:10.1080/00401706.1995.10485888 (limit of Q by moments).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from controller.soft.frozen import Rows
from plant_io.signals import Floats
from plant_io.sums import applied, dot
from policies.words import Declared, Positive, Row

USUAL, RARE = 0.99, 0.9999
"""Share of data like those of the training inside the limits of a good and of an uncertain value [1]."""

EXPLAINED = 0.95
"""Share of the variance of the inputs that the components carry [1]."""

LEEWAY, REACH, IMPOSSIBLE = 0.1, 0.5, 10.0
"""How far inputs may leave their training range, in multiples of it: to be good, uncertain, or possible at all [1]."""

SD_USUAL, SD_RARE = 1.5, 3.0
"""Doubt of the learner that is good or uncertain, in multiples of its largest at its training points [1]."""

_FEWEST = 4


class Verdict(IntEnum):
    """What a prediction is good for; the worst of several counts."""

    GOOD = 0
    """The learner may be believed."""
    UNCERTAIN = 1
    """It may be believed with doubt."""
    FALLBACK = 2
    """Only the mechanistic part may be believed."""
    NONE = 3
    """There is no value: an input is missing, or cannot be what it is said to be."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether inputs are where the learner knows its way."""

    verdict: Verdict
    """What the prediction is good for."""
    reasons: tuple[str, ...]
    """Why it is not good, one sentence each."""
    t2: float
    """Squared distance of the inputs within the components, in multiples of its limit [1]."""
    q: float
    """Squared distance of the inputs from the components, in multiples of its limit [1]."""


class Limits(Declared):
    """Limits of one figure."""

    usual: Positive
    """Largest for a good value, in the unit of the figure."""
    rare: Positive
    """Largest for an uncertain value, in the unit of the figure."""


class Domain(Declared):
    """The applicability domain of a learner, as plain numbers."""

    inputs: Annotated[tuple[str, ...], Field(min_length=1)]
    """Name of each input."""
    low: Row
    """Least value of each in the training data, shape ``(n_inputs,)``, units of the inputs."""
    high: Row
    """Largest value of each in the training data, shape ``(n_inputs,)``, units of the inputs."""
    mean: Row
    """Mean of each, shape ``(n_inputs,)``, units of the inputs."""
    scale: tuple[Positive, ...]
    """Standard deviation of each, shape ``(n_inputs,)``, units of the inputs."""
    loadings: Rows
    """Directions of the components, shape ``(n_components, n_inputs)`` [1]."""
    score_sd: tuple[Positive, ...]
    """Standard deviation of the scores of each component, shape ``(n_components,)`` [1]."""
    t2: Limits
    """Limits of T2 [1]."""
    q: Limits | None
    """Limits of Q [1]; none where the components carry everything."""
    sd: Limits | None
    """Limits of the standard deviation of the learner, unit of its result; none where it knows none."""

    @model_validator(mode="after")
    def _shapes_agree(self) -> Self:
        n, k = len(self.inputs), len(self.score_sd)
        rows = (self.low, self.high, self.mean, self.scale, *self.loadings)
        if len(self.loadings) != k or any(len(row) != n for row in rows):
            raise ValueError(f"the sizes do not fit {n} inputs and {k} components")
        return self

    def judge(self, x: Floats, sd: float | None = None) -> Judgement:
        """Return whether the learner knows its way at these inputs.

        Parameters
        ----------
        x
            Inputs, shape ``(n_inputs,)``, in their units.
        sd
            Standard deviation of the learner there, unit of its result, where it knows one.
        """
        missing = [name for name, value in zip(self.inputs, x.tolist(), strict=True) if not isfinite(value)]
        if missing:
            return Judgement(Verdict.NONE, tuple(f"{name} is missing" for name in missing), np.nan, np.nan)
        z = (x - np.array(self.mean)) / np.array(self.scale)
        loadings = np.array(self.loadings)
        scores = applied(loadings, z)
        parts, rest = scores / np.array(self.score_sd), z - applied(loadings.T, scores)
        t2, q = dot(parts, parts), dot(rest, rest)
        found = [
            *self._ranges(x),
            *_against("T2", t2, self.t2, "the inputs are together unlike those of the training data"),
            *_against("Q", q, self.q, "the inputs do not go together as in the training data"),
            *_against("the sd of the learner", sd, self.sd, "it has seen little near these inputs"),
        ]
        verdict = max((one for one, _ in found), default=Verdict.GOOD)
        share = 0.0 if self.q is None else q / self.q.usual
        return Judgement(verdict, tuple(reason for _, reason in found), t2 / self.t2.usual, share)

    def _ranges(self, x: Floats) -> Iterator[tuple[Verdict, str]]:
        for name, value, low, high in zip(self.inputs, x.tolist(), self.low, self.high, strict=True):
            out = max(low - value, value - high) / (high - low)
            said = f"{name} is {value:g}, outside {low:g} to {high:g} of the training data"
            if out > IMPOSSIBLE:
                yield Verdict.NONE, f"{said} by {out:.0f} times that range: is its unit another one?"
            elif out > LEEWAY:
                yield Verdict.FALLBACK if out > REACH else Verdict.UNCERTAIN, said


def _against(name: str, value: float | None, limits: Limits | None, why: str) -> Iterator[tuple[Verdict, str]]:
    if limits is None or value is None or value <= limits.usual:
        return
    said = f"{name} is {value / limits.usual:.2g} times its limit: {why}"
    yield Verdict.UNCERTAIN if value <= limits.rare else Verdict.FALLBACK, said


def fit(inputs: Sequence[str], x: Floats, sd: Floats | None = None) -> Domain:
    """Return the applicability domain of a learner that was fitted to `x`.

    Parameters
    ----------
    inputs
        Name of each input.
    x
        Inputs of the training data, shape ``(n, n_inputs)``, in their units.
    sd
        Standard deviation of the learner at each of them, shape ``(n,)``, unit of its result; None where it knows none.

    Raises
    ------
    ValueError
        If there are too few, one is not finite, or an input does not change.
    """
    n, d = x.shape
    if n < _FEWEST:
        raise ValueError(f"found {n} samples, expected at least {_FEWEST} to know what is usual")
    for name, column in zip(inputs, x.T, strict=True):
        if not np.isfinite(column).all():
            raise ValueError(f"the input {name} is not a number in {int(np.sum(~np.isfinite(column)))} samples")
        if not float(np.ptp(column)) > 0.0:
            raise ValueError(f"the input {name} is {column[0]:g} in every sample: leave it out")
    mean, scale = x.mean(axis=0), x.std(axis=0, ddof=1)
    z = (x - mean) / scale
    _, sizes, directions = np.linalg.svd(z, full_matrices=False)
    k = _components(sizes, n, d)
    return Domain(
        inputs=tuple(inputs),
        low=tuple(x.min(axis=0).tolist()),
        high=tuple(x.max(axis=0).tolist()),
        mean=tuple(mean.tolist()),
        scale=tuple(scale.tolist()),
        loadings=tuple(tuple(row) for row in directions[:k].tolist()),
        score_sd=tuple((sizes[:k] / np.sqrt(n - 1)).tolist()),
        t2=Limits(usual=_t2_limit(n, k, USUAL), rare=_t2_limit(n, k, RARE)),
        q=_q_limits(z, k) if k < min(d, n - 1) else None,
        sd=None if sd is None else Limits(usual=SD_USUAL * float(sd.max()), rare=SD_RARE * float(sd.max())),
    )


def _components(sizes: Floats, n: int, d: int) -> int:
    carried = np.cumsum(sizes**2) / np.sum(sizes**2)
    return min(int(np.searchsorted(carried, EXPLAINED)) + 1, d, n - 2)


def _t2_limit(n: int, k: int, share: float) -> float:
    from scipy import stats  # noqa: PLC0415  # takes a second; only who fits needs it

    return float(k * (n * n - 1) / (n * (n - k)) * stats.f.ppf(share, k, n - k))


def _q_limits(z: Floats, k: int) -> Limits:
    """Return the limits of Q from samples that were left out one by one, for those fitted lie too near."""
    from scipy import stats  # noqa: PLC0415  # the same

    found: list[float] = []
    for i in range(len(z)):
        kept = np.delete(z, i, axis=0)
        centre = kept.mean(axis=0)
        directions = np.linalg.svd(kept - centre, full_matrices=False)[2][:k]
        off = z[i] - centre
        found.append(float(np.sum((off - (off @ directions.T) @ directions) ** 2)))
    mean, spread = float(np.mean(found)), float(np.var(found, ddof=1))
    factor, freedom = spread / (2.0 * mean), 2.0 * mean * mean / spread
    usual, rare = (factor * float(stats.chi2.ppf(share, freedom)) for share in (USUAL, RARE))
    return Limits(usual=usual, rare=rare)
