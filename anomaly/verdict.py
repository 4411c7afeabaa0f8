"""What a monitor says of one sample, with everything that is needed to explain it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anomaly.channels import CHANNELS, Channel
from plant_io.signals import Floats

if TYPE_CHECKING:
    from anomaly.monitor import Scales


class Evidence(StrEnum):
    """Whether a sample could be judged, and why not."""

    JUDGED = "judged"
    """It was."""
    STARTING = "starting"
    """There were not enough samples before it, or a gap ended."""
    MISSING = "missing"
    """No tag has a good value."""
    EARLY = "early"
    """It came before a period had passed, or the clock went back; it was left out."""
    ANNOUNCED = "announced"
    """The line is said to be moving to another state."""


class Cause(NamedTuple):
    """A tag behind a score."""

    tag: str
    """Name of the tag."""
    z: float
    """Distance of its average residual from normal, with its sign, in standard deviations [1]."""
    rate: float
    """Weight of the newest residual in the average [1]."""
    share: float
    """Share of the distance of the channel it accounts for [1]; negative where it hides something."""

    @property
    def sign(self) -> int:
        """Whether the tag is above (1) or below (-1) what it should be [1]."""
        return 1 if self.z >= 0.0 else -1


class Lane(NamedTuple):
    """What the frozen model or its twin says of one sample."""

    score: float
    """How unusual it is: the worst distance over what is usual for it [1]."""
    place: int
    """Position of that distance [1]."""
    alarm: bool
    """Whether an alarm stands, after delay and with hysteresis."""
    over: int
    """Samples in a row above the limit [1]."""


class Verdict(NamedTuple):
    """What a monitor says of one sample."""

    at: float
    """When, POSIX time [s]."""
    evidence: Evidence
    """Whether it could be judged."""
    lanes: tuple[Lane, ...]
    """The frozen model, and its twin where there is one."""
    scales: Scales
    """Model it was judged by."""
    z: Floats
    """Averages in standard deviations, shape ``(lanes, rates + 1, tags)`` [1]; the last are those of the squares."""
    residuals: Floats
    """Measured minus predicted, shape ``(lanes, tags)``, in standard deviations of the residual [1]."""
    values: Floats
    """Values, shape ``(columns,)``, in the units of the tags; NaN where there was no good one."""
    learnt: bool
    """Whether the twin learnt from it."""
    latched: bool
    """Whether the twin learns nothing until the incident is over."""

    @property
    def lane(self) -> Lane:
        """The lane whose word counts."""
        return self.lanes[self.scales.counts]

    @property
    def score(self) -> float:
        """How unusual the sample is [1]."""
        return self.lane.score

    @property
    def limit(self) -> float:
        """Score from which a sample is an anomaly [1]."""
        return self.scales.model.limit

    @property
    def ratio(self) -> float:
        """Score over limit [1]."""
        return self.lane.score / self.scales.model.limit

    @property
    def alarm(self) -> bool:
        """Whether an alarm stands."""
        return self.lane.alarm

    @property
    def p(self) -> float:
        """Share of normal samples that score higher [1]."""
        return self.scales.model.tail.p(self.lane.score)

    @property
    def version(self) -> str:
        """Fingerprint of the model."""
        return self.scales.fingerprint

    @property
    def channel(self) -> Channel:
        """Channel that is farthest from normal."""
        return self.scales.channels.name(self.lane.place)[0]

    @property
    def rate(self) -> float:
        """Rate of the average that is farthest from normal [1]."""
        return self.scales.rate(self.lane.place)

    @property
    def outside(self) -> tuple[str, ...]:
        """Tags and inputs beyond anything seen in training, where the model only guesses."""
        model = self.scales.model
        with np.errstate(invalid="ignore"):
            beyond = (self.values < self.scales.low) | (self.values > self.scales.high)
        return tuple(name for name, out in zip(model.tags + model.inputs, beyond, strict=True) if out)

    def top(self, count: int = 3, lane: int | None = None) -> tuple[Cause, ...]:
        """Return the tags that account for most of the score, the first before all.

        Parameters
        ----------
        count
            Number of tags [1].
        lane
            0 for the frozen model, 1 for its twin; the one that counts where it is left out.
        """
        which = self.scales.counts if lane is None else lane
        channel, at = self.scales.channels.name(self.lanes[which].place)
        z = self.z[which, -1 if channel == CHANNELS[-1] else at]
        shares = self.scales.channels.shares(z, channel)
        whole, rate = float(np.einsum("t->", np.abs(shares))) or 1.0, self.scales.rate(self.lanes[which].place)
        order = np.argsort(-shares, kind="stable")[:count]
        return tuple(Cause(self.scales.model.tags[i], float(z[i]), rate, float(shares[i]) / whole) for i in order)
