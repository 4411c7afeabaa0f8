"""What the next batch of a product should show, from the batches before it: by product, by lot of a material, by age.

Results are explained by parts, each a Gaussian effect that batches share which agree in some factors: the same product,
the same lot, the same lot in the same strength. An effect may grow with a covariate (age, what the certificate of the
material says), and may fade with the batches between. What is left is noise. So a lot that is known tells its next
batch narrowly, and the first batch of a new lot is told from its product, with a wider interval.

A result is an interval, not a number: one below the limit of quantification lies anywhere under it, one that is rounded
within half a step of what is written. It teaches what the normal distribution over its interval has lost in variance
and moved in mean, so that a result under the limit teaches nothing where it was expected under the limit anyway. One
that is further away than `clip` standard deviations is taken in as if it were that far, so that a strange batch does
not teach all others.

The limit is conformal: as many standard deviations above what was expected as no more than a share of the past results
were. It takes no distribution for granted but that of the past.

With batches in the order of their results, the factor of their covariance matrix grows by one row with each batch, and
the row of a batch gives its prediction from all before it.

References
----------
C. R. Henderson, "Best linear unbiased estimation and prediction under a selection model", Biometrics 31(2), 1975,
doi:10.2307/2529430. C. E. Rasmussen, C. K. I. Williams, "Gaussian processes for machine learning", 2006, section 2.2.
M. Opper, "A Bayesian approach to on-line learning", in "On-line learning in neural networks", 1999. P. J. Huber,
"Robust estimation of a location parameter", Ann. Math. Statist. 35(1), 1964, doi:10.1214/aoms/1177703732.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import erfc, exp, inf, log, pi, sqrt
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from anomaly.conformal import quantile
from plant_io.signals import Floats
from policies.words import Declared, Number, Positive

_TINY = 1e-12
_ROUNDING = 1e-9
_GROWS = 2
_NARROW = 1e-4
_NOTHING = 1e-6
_STRANGE, _FAR, _UNHEARD = 0.01, 10.0, 1e-300

Share = Annotated[float, Field(gt=0.0, lt=1.0)]


class Part(Declared):
    """One effect that batches share which agree in some factors."""

    of: tuple[str, ...] = ()
    """Factors in which they agree; all batches share it where empty."""
    along: str = ""
    """Covariate with which it grows; it is as large for all where empty."""
    fades: Positive | None = None
    """Batches between two of them over which they agree less, by a factor of e [1]; they always agree where absent."""
    sd: Positive
    """Standard deviation of the effect, in the unit of the result, per scale of the covariate."""


class Covariate(Declared):
    """A number that is known of a batch before its result."""

    centre: Number = 0.0
    """Value at which its effects are zero, in its unit."""
    scale: Positive = 1.0
    """Difference over which an effect grows by its standard deviation, in its unit."""
    absent: Number = 0.0
    """What counts where it is not known, in its unit; what a certificate does not report is below its limit."""


class LotModel(Declared):
    """How results of batches hang together, in plain numbers: the same numbers give the same limits."""

    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
    """Effects, which add up."""
    covariates: dict[str, Covariate] = Field(default_factory=dict)
    """Covariates by name."""
    noise: Positive
    """Standard deviation of what no effect explains, in the unit of the result."""
    loq: Annotated[float, Field(ge=0.0)] = 0.0
    """Limit of quantification: a result at or below it lies anywhere under it, in the unit of the result."""
    step: Annotated[float, Field(ge=0.0)] = 0.0
    """Step to which results are rounded, in the unit of the result."""
    clip: Positive = 3.0
    """Standard deviations beyond which a result teaches no more than at them [1]."""
    share: Share = 0.02
    """Share of normal results promised to be above the limit [1]."""
    fading: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """What a past distance counts against the next newer one in the limit [1]."""
    passed: Annotated[int, Field(ge=0)] = 60
    """First results, which teach and set no limit: they were expected from too little [1]."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch before its result."""

    name: str
    """Its number."""
    place: float
    """Place in the order of making, in batches [1]."""
    factors: Mapping[str, str]
    """Product, lot, strength and the like."""
    covariates: Mapping[str, float] = field(default_factory=dict[str, float])
    """Numbers known of it, each in its unit; not a number or left out where not known."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the result of a batch should be."""

    mean: float
    """Mean, in the unit of the result."""
    sd: float
    """Standard deviation of a result about it, in the unit of the result."""
    limit: float
    """Limit a normal result is above with the promised share, in the unit of the result; infinite while too little is
    known."""


@dataclass(frozen=True, slots=True)
class LotSeen:
    """A result held against what was expected."""

    batch: str
    """Number of the batch."""
    value: float
    """Result as reported, in the unit of the result."""
    expected: Expected
    """What was expected."""
    z: float
    """Distance from the mean, in standard deviations [1]; the mean over the interval of a censored or rounded one."""
    above: bool
    """Whether it is above the limit."""


class LotForecast:
    """The batches so far; it changes in place.

    Parameters
    ----------
    model
        How results hang together.

    Examples
    --------
    >>> parts = (Part(sd=1.0), Part(of=("lot",), sd=0.1))
    >>> forecast = LotForecast(LotModel(parts=parts, noise=0.01, passed=2))
    >>> for i, value in enumerate([0.20, 0.21, 0.20, 0.21]):
    ...     _ = forecast.take(Batch(str(i), i, {"lot": "A"}), value)
    >>> known, new = (forecast.foretell(Batch("5", 5, {"lot": lot})) for lot in "AB")
    >>> round(known.mean, 3), round(known.sd, 3), round(new.mean, 3), round(new.sd, 2)
    (0.205, 0.011, 0.203, 0.14)
    """

    def __init__(self, model: LotModel) -> None:
        self.model = model
        self._count, room = 0, 64
        self._root: Floats = np.zeros((room, room))
        self._white: Floats = np.zeros(room)
        self._places: Floats = np.zeros(room)
        self._along: Floats = np.zeros((len(model.parts), room))
        self._groups: NDArray[np.int64] = np.zeros((len(model.parts), room), np.int64)
        self._known: list[dict[tuple[str, ...], int]] = [{} for _ in model.parts]
        self._scores: list[float] = []

    def foretell(self, batch: Batch) -> Expected:
        """Return what the result of a batch should be, from the results taken in so far."""
        mean, sd, _ = self._told(batch)
        far = quantile(self._scores, 1.0 - self.model.share, self.model.fading) if self._scores else inf
        return Expected(mean, sd, max(mean + far * sd, self.model.loq))

    def judge(self, batch: Batch, value: float, expected: Expected | None = None) -> LotSeen:
        """Return a result held against what was expected, and change nothing.

        Parameters
        ----------
        batch
            The batch.
        value
            Its result as reported, in the unit of the result.
        expected
            What was expected of it when it was made; from all results so far where it is left out.
        """
        said = self.foretell(batch) if expected is None else expected
        ends = interval(value, self.model)
        z, _ = middle((ends[0] - said.mean) / said.sd, (ends[1] - said.mean) / said.sd)
        return LotSeen(batch.name, value, said, z, value > said.limit + _ROUNDING)

    def take(self, batch: Batch, value: float, expected: Expected | None = None) -> LotSeen:
        """Take in a result, and return it held against what was expected.

        Parameters
        ----------
        batch
            The batch.
        value
            Its result as reported, in the unit of the result.
        expected
            As for `judge`.
        """
        seen = self.judge(batch, value, expected)
        mean, sd, row = self._told(batch)
        low, high = interval(value, self.model)
        told, white = taught((low - mean) / sd, (high - mean) / sd, self.model)
        n = self._count
        self._make_room()
        self._root[n, :n], self._root[n, n] = row, sd / told
        self._white[n] = white
        self._places[n] = batch.place
        for i, part in enumerate(self.model.parts):
            key = tuple(batch.factors.get(name, "") for name in part.of)
            self._groups[i, n] = self._known[i].setdefault(key, len(self._known[i]))
            self._along[i, n] = along(part, batch, self.model)
        self._count = n + 1
        if n >= self.model.passed:
            self._scores.append(seen.z)
        return seen

    def _told(self, batch: Batch) -> tuple[float, float, Floats]:
        """Return mean and standard deviation of a result, and the row of the batch in the factor."""
        from scipy.linalg import solve_triangular  # noqa: PLC0415  # takes a while to import

        n, own, shared = self._count, self.model.noise**2, np.zeros(self._count)
        for i, part in enumerate(self.model.parts):
            mine = along(part, batch, self.model)
            own += (part.sd * mine) ** 2
            group = self._known[i].get(tuple(batch.factors.get(name, "") for name in part.of), -1)
            weight = part.sd**2 * mine * self._along[i, :n] * (self._groups[i, :n] == group)
            if part.fades is not None:
                weight = weight * np.exp(-np.abs(self._places[:n] - batch.place) / part.fades)
            shared += weight
        row: Floats = np.zeros(0)
        if n:
            row = np.asarray(solve_triangular(self._root[:n, :n], shared, lower=True, check_finite=False))
        return float(row @ self._white[:n]), sqrt(max(own - float(row @ row), _TINY)), row

    def _make_room(self) -> None:
        n, room = self._count, len(self._white)
        if n < room:
            return
        more = _GROWS * room - room
        self._root = np.pad(self._root, ((0, more), (0, more)))
        self._white, self._places = np.pad(self._white, (0, more)), np.pad(self._places, (0, more))
        self._along = np.pad(self._along, ((0, 0), (0, more)))
        self._groups = np.pad(self._groups, ((0, 0), (0, more)))


def along(part: Part, batch: Batch, model: LotModel) -> float:
    """Return how far the covariate of a part is from its centre, in its scales [1]; 1 for a part without one."""
    if not part.along:
        return 1.0
    covariate = model.covariates.get(part.along, Covariate())
    value = batch.covariates.get(part.along, covariate.absent)
    return ((value if np.isfinite(value) else covariate.absent) - covariate.centre) / covariate.scale


def interval(value: float, model: LotModel) -> tuple[float, float]:
    """Return between what a reported result lies, in the unit of the result.

    Parameters
    ----------
    value
        Result as reported, in the unit of the result.
    model
        Limit of quantification and step of rounding.
    """
    half = max(0.5 * model.step, _ROUNDING)
    if value <= model.loq + _ROUNDING:
        return -inf, model.loq + half
    return value - half, value + half


def below(z: float) -> float:
    """Return the share of a normal distribution below `z` standard deviations [1] above its mean [1]."""
    return 0.5 * erfc(-z / sqrt(2.0))


def middle(low: float, high: float) -> tuple[float, float]:
    """Return mean [1] and lost variance [1] of a standard normal variable that lies between two ends.

    Parameters
    ----------
    low, high
        The ends, in standard deviations [1].

    Examples
    --------
    >>> [round(one, 4) for one in middle(-inf, 0.0)], [round(one, 4) for one in middle(1.0, 1.001)]
    ([-0.7979, 0.6366], [1.0005, 1.0])
    """
    if low > 0.0:
        mean, lost = middle(-high, -low)
        return -mean, lost
    held = below(high) - below(low)
    if high - low < _NARROW or held < _TINY:
        return (high if low == -inf else 0.5 * (low + high)), 1.0
    density = [0.0 if abs(end) == inf else exp(-0.5 * end * end) / sqrt(2.0 * pi) for end in (low, high)]
    mean = (density[0] - density[1]) / held
    slope = [0.0 if abs(end) == inf else end * one for end, one in zip((low, high), density, strict=True)]
    return min(max(mean, low), high), min(max(mean * mean - (slope[0] - slope[1]) / held, 0.0), 1.0)


def taught(low: float, high: float, model: LotModel) -> tuple[float, float]:
    """Return what a result teaches: the share of its standard deviation it is worth [1], and its whitened distance [1].

    A normal result with a standard deviation larger by one over the share, and with that distance, would move mean and
    variance of what was expected as much.

    Parameters
    ----------
    low, high
        Ends of its interval, in standard deviations from what was expected [1].
    model
        Where distances are clipped.
    """
    mean, lost = middle(low, high)
    share = sqrt(max(lost, _NOTHING))
    return share, max(-model.clip, min(model.clip, mean / share if lost > _NOTHING else 0.0))


def likelihood(low: float, high: float) -> float:
    """Return the logarithm of the chance that a normal result, or now and then a strange one, is between two ends [1].

    Parameters
    ----------
    low, high
        The ends, in standard deviations [1].
    """
    return log((1.0 - _STRANGE) * _held(low, high) + _STRANGE * _held(low / _FAR, high / _FAR) + _UNHEARD)


def _held(low: float, high: float) -> float:
    if low > 0.0:
        return _held(-high, -low)
    if high - low < _NARROW:
        return (high - low) * exp(-0.125 * (low + high) ** 2) / sqrt(2.0 * pi)
    return below(high) - below(low)


def covariance(model: LotModel, batches: Sequence[Batch]) -> Floats:
    """Return the covariance of the results of batches, shape ``(n, n)``, in the unit of the result squared."""
    n = len(batches)
    places = np.array([batch.place for batch in batches])
    apart = np.abs(places[:, None] - places[None, :])
    whole: Floats = np.eye(n) * model.noise**2
    for part in model.parts:
        keys = {key: i for i, key in enumerate(dict.fromkeys(_key(part, batch) for batch in batches))}
        group = np.array([keys[_key(part, batch)] for batch in batches])
        reach = np.array([along(part, batch, model) for batch in batches])
        one = (group[:, None] == group[None, :]) * np.outer(reach, reach) * part.sd**2
        whole += one if part.fades is None else one * np.exp(-apart / part.fades)
    return whole


def _key(part: Part, batch: Batch) -> tuple[str, ...]:
    return tuple(batch.factors.get(name, "") for name in part.of)
