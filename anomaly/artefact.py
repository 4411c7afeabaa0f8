"""What a monitor is made from: settings, and a model in plain numbers that can be approved as a file."""

from __future__ import annotations

import hashlib
from math import exp, inf, log
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Vector = tuple[float, ...]
Matrix = tuple[Vector, ...]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Settings(_Frozen):
    """How a monitor works; the same for every line unless its policy says otherwise."""

    lags: Annotated[int, Field(ge=1, le=10)] = 2
    """Samples back from which the next one is predicted [1]."""
    memory: Literal["own", "inputs"] = "own"
    """What a tag is predicted from: ``own``, the lags of all tags and inputs, which shows what changes; ``inputs``,
    those of the inputs alone, which shows what has departed, however slowly."""
    ridge: Annotated[float, Field(gt=0.0)] = 20.0
    """Weight of the belief that nothing depends on anything, in samples of unit variance [1]."""
    rates: Annotated[tuple[Annotated[float, Field(gt=0.0, le=1.0)], ...], Field(min_length=1)] = (1.0, 0.3, 0.1)
    """Weights of the newest residual in the averages of the bank [1]; 0.03 needs ten days of training or more."""
    spread_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05
    """Weight of the newest squared residual in the average that shows a change of noise [1]."""
    channels: tuple[Literal["tag", "joint", "plane", "off_plane", "spread"], ...] = ("tag", "joint")
    """Channels whose worst counts: one tag, T2 of all, PCA T2, PCA Q, noise."""
    shrink: Share = 0.1
    """How far correlations of residuals are drawn towards none before they are inverted [1]."""
    explained: Share = 0.8
    """Share of the variance of the residuals that spans the plane of PCA [1]."""
    least_noise: Annotated[float, Field(gt=0.0)] = 0.01
    """Least standard deviation of a residual, as a share of that of its tag [1]."""
    reach: Annotated[float, Field(gt=0.0)] = 20.0
    """Distance from normal at which a value and a residual end, in their standard deviations [1]."""
    adaptation: Literal["frozen", "gated"] = "frozen"
    """Whose score is the verdict: that of the frozen model or that of its twin, which learns while nothing is wrong."""
    twin: bool = True
    """Whether the twin runs beside."""
    gate: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Share of the limit up to which the twin learns [1]; above the limit it would learn faults."""
    learns_every: Annotated[int, Field(ge=1)] = 2
    """Samples of those it may learn from of which the twin takes one [1]: lags that overlap say little new."""
    latch: Annotated[int, Field(ge=1)] = 5
    """Samples in a row above the limit after which the twin learns nothing until the incident is over [1]."""
    leash: Annotated[float, Field(gt=1.0)] = 3.0
    """Times the limit at which the score of the frozen model is an alarm of the twin too, and ends its learning [1]."""
    stray: Annotated[float, Field(gt=0.0)] = 1.25
    """Standard errors by which the twin's weights of a tag on itself may depart from the frozen ones [1]: it may learn
    how tags hang together, but not that a tag which creeps is as it should be."""
    horizon: Annotated[int, Field(ge=100)] = 20_000
    """Samples over which the twin forgets, once it knows as much as it did at first [1]."""
    on: Annotated[float, Field(ge=1.0)] = 1.2
    """Share of the limit above which an alarm begins [1]."""
    off: Share = 0.8
    """Share of the limit below which an alarm ends [1]."""
    delay: Annotated[int, Field(ge=1)] = 5
    """Samples in a row an alarm takes to begin [1]."""
    false_alarms_per_day: Annotated[float, Field(gt=0.0)] = 2.0 / 7.0
    """Budget of the limit: false alarms a day in normal operation [1/day]; two a week."""
    patience: Annotated[int, Field(ge=0)] = 3
    """Missing samples in a row that are bridged by prediction [1]; after more, lags start anew."""
    burn: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.25
    """Share of the training data that only teaches; residuals of the later part say what is normal [1]."""


class Tail(_Frozen):
    """How likely scores are in normal operation: a table, and an exponential tail beyond it."""

    scores: Vector
    """Scores [1], ascending."""
    beyond: Vector
    """Share of normal samples above each of them [1]."""
    scale: Annotated[float, Field(gt=0.0)]
    """Rise of the score by which the share falls by a factor of e, beyond the table [1]."""

    def p(self, score: float) -> float:
        """Return the share of normal samples that score higher [1].

        Parameters
        ----------
        score
            Score [1].
        """
        if score >= self.scores[-1]:
            return self.beyond[-1] * exp(-(score - self.scores[-1]) / self.scale)
        last, left = -inf, 1.0
        for at, share in zip(self.scores, self.beyond, strict=True):
            if score < at:
                return left if last == -inf else left + (share - left) * (score - last) / (at - last)
            last, left = at, share
        return left

    def score(self, share: float) -> float:
        """Return the score that a share of normal samples exceeds, in the exponential tail [1].

        Parameters
        ----------
        share
            Share [1], no more than that at the end of the table.
        """
        return self.scores[-1] + self.scale * max(log(self.beyond[-1] / share), 0.0)


class Card(_Frozen):
    """Where a model comes from, and what its limit rests on."""

    source: str = ""
    """What the training data are of."""
    seeds: tuple[int, ...] = ()
    """Seeds of the runs [1]; none where they are not simulated."""
    runs: Annotated[int, Field(ge=1)]
    """Runs it was fitted to [1]."""
    hours: Annotated[float, Field(ge=0.0)]
    """Time of steady running in them [h]."""
    data_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Hash of all rows, hexadecimal."""
    limited_by: str
    """How the limit was found."""
    promise: str
    """What the limit promises, and what that rests on."""
    promised_per_week: Annotated[float, Field(gt=0.0)]
    """False alarms it promises at most, on average [1/week]."""
    tops: Vector = ()
    """Highest score that lasted of each run, by a model that was not fitted to it, as a share of the limit [1]."""
    policy: str = ""
    """Line and revision of the policy it was made for."""


class Model(_Frozen):
    """A fitted monitor, in plain numbers: the same numbers give the same scores, bit for bit."""

    tags: Annotated[tuple[str, ...], Field(min_length=1)]
    """Tags watched."""
    inputs: tuple[str, ...] = ()
    """Tags that help to predict and are not judged: setpoints, moved variables, soft sensors."""
    settings: Settings = Settings()
    """How it works."""
    baseline_s: Annotated[float, Field(ge=0.0)] = 0.0
    """Time at the beginning of each run from whose means tags are departures [s]; 0 where they are as read."""
    absolute: tuple[str, ...] = ()
    """Tags that are as read all the same."""
    moved: tuple[str, ...] = ()
    """Inputs that are departures too."""
    log: tuple[str, ...] = ()
    """Tags and inputs of which the natural logarithm is taken."""
    period_s: Annotated[float, Field(gt=0.0)] = 1.0
    """Time from one sample to the next [s]."""
    trained: tuple[float, float] = (0.0, 0.0)
    """First and last time of the training data, POSIX time [s]; zeros where unknown."""
    samples: int
    """Samples it was trained on [1]."""
    seed: int = 1
    """Seed of members that need one [1]."""
    centre: Vector
    """Mean of each tag and input, in its unit."""
    scale: Vector
    """Standard deviation of each tag and input, in its unit; 0 of one that stood still, which is not judged."""
    low: Vector
    """Lowest value of each tag and input in training, in its unit."""
    high: Vector
    """Highest value of each tag and input in training, in its unit."""
    weights: Matrix
    """Prediction of each tag from 1 and the lags, shape (1 + lags x columns, tags), in standard deviations [1]."""
    doubt: Matrix
    """Inverse of the information in the lags, shape (1 + lags x columns, 1 + lags x columns) [1]."""
    noise: Vector
    """Standard deviation of the residual of each tag, in standard deviations of the tag [1]."""
    bank: Matrix
    """Standard deviation of each average of residuals, and of squared ones, shape (rates + 1, tags) [1]."""
    axes: Matrix
    """Principal axes of the residuals, shape (tags, tags), one in a column [1]."""
    powers: Vector
    """Variance along each axis, regularised [1], falling."""
    kept: Annotated[int, Field(ge=0)]
    """Axes that span the plane of PCA [1]."""
    usual: Vector
    """What each distance of the channels reaches in one normal sample of a hundred [1]: rates within channels."""
    tail: Tail
    """How likely scores are in normal operation."""
    limit: Annotated[float, Field(gt=0.0)]
    """Score from which a sample is an anomaly [1]."""
    card: Card | None = None
    """Where it comes from; none where nobody said."""

    @property
    def constant(self) -> tuple[str, ...]:
        """Tags that stood still in training and are not judged."""
        return tuple(tag for tag, scale in zip(self.tags, self.scale, strict=False) if scale == 0.0)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all of it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def head(self) -> Self:
        """All of it but the large matrices, which are left empty."""
        return self.model_copy(update={"weights": (), "doubt": (), "axes": ()})

    def limited(self, limit: float, tail: Tail | None = None) -> Self:
        """Return the model with another limit.

        Parameters
        ----------
        limit
            Score from which a sample is an anomaly [1].
        tail
            How likely scores are; as before where it is left out.
        """
        return self.model_copy(update={"limit": limit, "tail": tail or self.tail})
