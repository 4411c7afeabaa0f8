"""Watches all tags of a line together: predicts each, averages what is left, and says how unusual it is.

A frozen model and a twin of it that learns run side by side on the same samples. The twin learns from a sample only
while its own score is below the limit, and not at all from the fifth sample above it until the incident is over:
otherwise it would take a fault for normal. Which of the two raises the alarm is a setting; frozen is the default.
"""

from __future__ import annotations

from math import isfinite, nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomaly.artefact import Model
from anomaly.bank import Bank
from anomaly.channels import Channels, Plane, counted
from anomaly.predictor import Fit, Predictor
from anomaly.rows import Rows
from anomaly.unsure import Unsure
from anomaly.verdict import Evidence, Lane, Verdict
from plant_io.signals import Floats

Flags = NDArray[np.bool_]

_LATE = 1.5
"""Periods after which a sample is missing [1]."""
_EARLY = 0.5
"""Periods before which the next sample is left out [1]."""


class Scales:
    """What a model judges by, as arrays; neither it nor a verdict holds the large matrices of the model.

    Parameters
    ----------
    model
        The model.
    """

    def __init__(self, model: Model) -> None:
        how = model.settings
        self.model, self.fingerprint = model.head, model.fingerprint
        self.centre, self.low, self.high = np.array(model.centre), np.array(model.low), np.array(model.high)
        self.inverse = _inverse(np.array(model.scale))
        live = self.inverse[: len(model.tags)] > 0.0
        self.certainty = np.where(live, 1.0 / np.array(model.noise), 0.0)
        self.standard = np.array(model.bank)
        rates = np.array([*how.rates, how.spread_rate])
        self.unsure = Unsure(np.array(model.weights), np.array(model.noise), rates, self.standard, how.lags)
        axes = Plane(np.array(model.axes), np.array(model.powers), model.kept)
        self.channels = Channels(axes, len(how.rates), how.channels)
        self.inverse_usual = np.zeros(self.channels.width)
        places = counted(how.channels, len(how.rates))
        self.inverse_usual[places] = 1.0 / np.array(model.usual)[places]
        self.counts = 1 if how.twin and how.adaptation == "gated" else 0

    @property
    def nbytes(self) -> int:
        """Size of its arrays [byte]."""
        return (
            self.channels.nbytes
            + self.unsure.nbytes
            + sum(one.nbytes for one in vars(self).values() if isinstance(one, np.ndarray))
        )

    def rate(self, place: int) -> float:
        """Return the rate of a distance [1].

        Parameters
        ----------
        place
            Position among the distances [1].
        """
        channel, at = self.channels.name(place)
        how = self.model.settings
        return how.spread_rate if channel == "spread" else how.rates[at]


class Kit:
    """A model, ready to begin monitors with; it does not change.

    Parameters
    ----------
    model
        The model.
    """

    def __init__(self, model: Model) -> None:
        self.model, self.columns, self.scales = model, model.tags + model.inputs, Scales(model)


class _Look(NamedTuple):
    """What a sample would mean."""

    z: Floats
    errors: Floats
    residuals: Floats
    averages: Floats
    standard: Floats
    off: Floats
    scores: list[float]
    places: list[int]


class Monitor(Rows):
    """All tags of a line, watched together.

    It changes in place. The same model and the same samples give the same verdicts, bit for bit.

    Parameters
    ----------
    model
        What is normal.
    kit
        The same, ready, where it is at hand.
    """

    def __init__(self, model: Model, kit: Kit | None = None) -> None:
        super().__init__(model.tags + model.inputs)
        how = model.settings
        self.scales = kit.scales if kit else Scales(model)
        self._n, self._how, self._limit, self._period_s = len(model.tags), how, model.limit, model.period_s
        lanes = 2 if how.twin else 1
        fit = Fit(np.array(model.weights), np.array(model.doubt))
        stray = how.stray * np.array(model.noise)
        self._predictor = Predictor(self.names, fit, twin=how.twin, stray=stray, horizon=how.horizon)
        self._bank = Bank(model.tags, np.array(how.rates), how.spread_rate, self.scales.standard, lanes=lanes)
        self._gone, self._wait = np.full(len(self.names), how.patience + 1), np.full(len(self.names), how.lags - 1)
        self._whole, self._at, self._turn, self._off = False, nan, 0, self.scales.unsure.nothing
        self._over, self._high, self._alarm, self._latched = [0] * lanes, [0] * lanes, [False] * lanes, False

    def step(
        self, values: Floats, good: Flags | None = None, at: float | None = None, *, steady: bool = True
    ) -> Verdict:
        """Take the next sample in, and say what it means.

        Parameters
        ----------
        values
            Value of each tag and input, shape ``(columns,)``, in their units; NaN is no value.
        good
            Which of them are evidence, shape ``(columns,)``; all that are finite where it is left out.
        at
            When, POSIX time [s]; one period after the last where it is left out.
        steady
            Whether the line is not announced to be moving to another state: start-up, another lot, another grade.
        """
        now = at if at is not None else self._at + self._period_s if isfinite(self._at) else 0.0
        if not self._due(now):
            return self._nothing(now, values, Evidence.EARLY)
        fine = np.isfinite(values) if good is None else np.isfinite(values) & good
        if self._whole and steady and fine.all():
            look = self._look(values, None)
            learnt = self._count(look)
            self._commit(look, learnt=learnt)
            return self._verdict(now, values, look, Evidence.JUDGED, learnt=learnt)
        return self._patch(now, np.where(fine, values, nan), fine, steady=steady)

    def score_array(self, values: Floats) -> float:
        """Return the score of the next sample [1]; nothing changes.

        Parameters
        ----------
        values
            Value of each tag and input, shape ``(columns,)``, in their units; NaN is no value.
        """
        return self.foreseen(values)[0]

    def foreseen(self, values: Floats) -> tuple[float, Floats]:
        """Return the score of the next sample, and its averages in standard deviations [1]; nothing changes.

        Parameters
        ----------
        values
            Value of each tag and input, shape ``(columns,)``, in their units; NaN is no value.
        """
        fine = np.isfinite(values)
        judged = None if self._whole and fine.all() else fine & (self._wait == 0) & (self._gone <= self._how.patience)
        look = self._look(values, judged)
        return look.scores[self.scales.counts], look.standard

    def learn_array(self, values: Floats) -> None:
        """Take the next sample in.

        Parameters
        ----------
        values
            Value of each tag and input, shape ``(columns,)``, in their units; NaN is no value.
        """
        self.step(values)

    def close(self) -> None:
        """End the incident: the alarm falls, and the twin may learn again."""
        lanes = len(self._over)
        self._over, self._high, self._alarm, self._latched = [0] * lanes, [0] * lanes, [False] * lanes, False

    @property
    def nbytes(self) -> int:
        """Size of all arrays it holds and of those of its model [byte]."""
        kept = (self._predictor.weights, self._predictor.doubt, self._predictor.past, self._bank.averages)
        own = self._gone.nbytes + self._wait.nbytes + self._off.nbytes
        return sum(one.nbytes for one in kept) + own + self.scales.nbytes

    def _due(self, now: float) -> bool:
        """Return whether a sample counts, after the lags have been brought up to it."""
        gone = (now - self._at) / self._period_s if isfinite(self._at) else 1.0
        if -_EARLY < gone < _EARLY:
            return False
        if gone < 0.0 or gone > _LATE + self._how.patience:
            self._gone[:] = self._how.patience + 1
            self._whole = False
        elif gone > _LATE:
            for _ in range(round(gone) - 1):
                self._predictor.push(self._predictor.expected(0))
        self._at = now
        return True

    def _look(self, values: Floats, judged: Flags | None) -> _Look:
        scales, reach = self.scales, self._how.reach
        z = values - scales.centre
        z *= scales.inverse
        predicted = self._predictor.predicted()
        away = None
        if judged is not None:
            away = judged[: self._n].astype(np.float64)
            expected = np.concatenate([predicted[0], self._predictor.past[1 + self._n : 1 + len(self.names)]])
            z = np.where(np.isfinite(z), z, expected)
        errors = z[: self._n] - predicted
        np.minimum(z, reach, out=z)
        np.maximum(z, -reach, out=z)
        if away is not None:
            errors = np.where(away > 0.0, errors, 0.0)
        residuals = errors * scales.certainty
        np.minimum(residuals, reach, out=residuals)
        np.maximum(residuals, -reach, out=residuals)
        averages = self._bank.weighed(residuals, away)
        standard = self._bank.standardised(averages)
        off = self._off
        if away is not None:
            off = scales.unsure.after(off, self._gone, self._how.patience, away)
            standard *= away * scales.unsure.narrowed(off)
        distances = scales.channels.distances(standard)
        distances *= scales.inverse_usual
        rows = distances.tolist()
        scores = [max(row) for row in rows]
        places = [row.index(score) for row, score in zip(rows, scores, strict=True)]
        if len(scores) > 1 and scores[0] > self._how.leash * scores[1]:
            scores[1], places[1] = scores[0] / self._how.leash, places[0]
        return _Look(z, errors, residuals, averages, standard, off, scores, places)

    def _count(self, look: _Look) -> bool:
        """Count samples above the limit, and return whether the twin may learn from this one."""
        how, limit = self._how, self._limit
        for lane, score in enumerate(look.scores):
            self._over[lane] = self._over[lane] + 1 if score > limit else 0
            if self._alarm[lane]:
                self._alarm[lane] = score >= how.off * limit
            else:
                self._high[lane] = self._high[lane] + 1 if score > how.on * limit else 0
                self._alarm[lane] = self._high[lane] >= how.delay
        return how.twin and self._may_learn(look.scores[1] / limit)

    def _may_learn(self, ratio: float) -> bool:
        how = self._how
        self._latched = ratio >= how.off if self._latched else self._over[1] >= how.latch
        if self._latched or ratio >= how.gate:
            return False
        self._turn = (self._turn + 1) % how.learns_every
        return self._turn == 0

    def _commit(self, look: _Look, *, learnt: bool) -> None:
        if learnt:
            self._predictor.learn(look.errors[1])
        self._predictor.push(look.z)
        self._bank.averages, self._off = look.averages, look.off

    def _patch(self, now: float, values: Floats, fine: Flags, *, steady: bool) -> Verdict:
        """Take in a sample of which a part is missing, or cannot be judged yet."""
        how, patience = self._how, self._how.patience
        judged = fine & (self._wait == 0) & (self._gone <= patience) & steady
        look = self._look(values, judged)
        heard = bool(judged[: self._n].any())
        learnt = self._count(look) if heard else False
        self._commit(look, learnt=learnt)
        back = fine & (self._gone > patience)
        for column in np.flatnonzero(back).tolist():
            self._predictor.refill(column, float(look.z[column]))
        self._wait = np.where(back, how.lags - 1, np.maximum(self._wait - fine, 0))
        self._gone = np.where(fine, 0, np.minimum(self._gone + 1, patience + 1))
        kept = ((self._gone[: self._n] <= patience) & steady).astype(np.float64)
        self._bank.forget(kept)
        self._off = self._off * kept
        self._whole = not (self._gone.any() or self._wait.any() or self._off.any())
        why = (
            Evidence.JUDGED
            if heard
            else Evidence.ANNOUNCED
            if not steady
            else Evidence.STARTING
            if fine[: self._n].any()
            else Evidence.MISSING
        )
        if not steady:
            self.close()
        return self._verdict(now, values, look, why, learnt=learnt)

    def _verdict(self, now: float, values: Floats, look: _Look, why: Evidence, *, learnt: bool) -> Verdict:
        lanes = tuple(map(Lane, look.scores, look.places, self._alarm, self._over))
        return Verdict(
            at=now,
            evidence=why,
            lanes=lanes,
            scales=self.scales,
            z=look.standard,
            residuals=look.residuals,
            values=values.copy(),
            learnt=learnt,
            latched=self._latched,
        )

    def _nothing(self, now: float, values: Floats, why: Evidence) -> Verdict:
        """Return the verdict on a sample that is left out."""
        none, lanes = np.zeros_like(self._bank.averages), len(self._over)
        look = _Look(values, none[:, 0], none[:, 0], none, none, self._off, [0.0] * lanes, [0] * lanes)
        return self._verdict(now, values, look, why, learnt=False)


def _inverse(scale: Floats) -> Floats:
    return np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0.0)
