"""Detectors of river beside a monitor, on its whitened averages, with their scores brought to one scale.

Raw tags are what river's detectors are weak on: they hang together in time and with one another. The averages of the
monitor's residuals do not. Scores of different detectors mean different things; what they share is how seldom a normal
sample reaches them. The common scale is therefore the number of decades in that: 3 is one normal sample in a thousand.
Members advise. They learn on line, by the rules of the twin, and keep nothing that could be approved as a file.

References
----------
S. C. Tan, K. M. Ting, T. F. Liu, "Fast anomaly detection for streaming data", Proc. IJCAI, 2011,
doi:10.5591/978-1-57735-516-8/IJCAI11-254.
T. Pevny, "Loda: lightweight on-line detector of anomalies", Machine Learning 102(2), 2016,
doi:10.1007/s10994-015-5521-0.
B. Scholkopf, J. C. Platt, J. Shawe-Taylor, A. J. Smola, R. C. Williamson, "Estimating the support of a high-dimensional
distribution", Neural Computation 13(7), 2001, doi:10.1162/089976601750264965.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import log10
from typing import Literal, NamedTuple, cast

import numpy as np

from anomaly.artefact import Model, Tail
from anomaly.fitting import tail
from anomaly.learner import REACH, Forest
from anomaly.monitor import Flags, Monitor
from anomaly.rows import Rows
from anomaly.verdict import Evidence, Verdict
from plant_io.signals import Floats

Kind = Literal["half_space_trees", "loda", "one_class_svm"]
"""Detectors of river that can be members."""

WARM = 250
"""Samples a member learns before its scores say anything [1]; also those between two looks at its own scores."""
KEPT = 1000
"""Scores of normal samples by which a member knows what is usual [1]."""
_RAREST = 1e-12


def _cubed(z: Floats) -> Floats:
    return np.asarray(0.5 + np.clip(z, -REACH, REACH) / (2.0 * REACH))


def _bounded(z: Floats) -> Floats:
    return np.asarray(np.clip(z, -REACH, REACH))


def _far(z: Floats) -> Floats:
    """Return 0 at normal and 1 far from it, for a machine that is linear and would see one side only."""
    return np.asarray(1.0 - np.exp(-0.125 * z * z))


_SHOWN: Mapping[Kind, Callable[[Floats], Floats]] = {
    "half_space_trees": _cubed,
    "loda": _bounded,
    "one_class_svm": _far,
}


class Opinion(NamedTuple):
    """What a monitor and its members make of one sample."""

    verdict: Verdict
    """Verdict of the monitor."""
    decades: dict[str, float]
    """How rare the sample is by the monitor and by each member that is warm, in powers of ten [1]."""

    @property
    def score(self) -> float:
        """Mean of all of them, in powers of ten [1]."""
        return sum(self.decades.values()) / len(self.decades)


class Member:
    """One detector of river, and what scores are usual for it.

    Parameters
    ----------
    kind
        Which detector.
    seed
        Seed of its chance [1].
    """

    def __init__(self, kind: Kind, seed: int) -> None:
        self._detector, self._shown = _grown(kind, seed), _SHOWN[kind]
        self._scores: deque[float] = deque(maxlen=KEPT)
        self._tail: Tail | None = None
        self._learnt = 0

    def decades(self, z: Floats) -> float | None:
        """Return how rare a sample is, in powers of ten [1]; None until it is known what is usual.

        Parameters
        ----------
        z
            Features, shape ``(features,)``, in standard deviations [1].
        """
        if self._tail is None:
            return None
        return rarity(self._tail.p(self._detector.score_one(self._features(z))))

    def learn(self, z: Floats) -> None:
        """Take a sample for normal.

        Parameters
        ----------
        z
            Features, shape ``(features,)``, in standard deviations [1].
        """
        x = self._features(z)
        if self._learnt >= WARM:
            self._scores.append(self._detector.score_one(x))
        self._detector.learn_one(x)
        self._learnt += 1
        if self._learnt >= 2 * WARM and self._learnt % WARM == 0:
            self._tail = tail(np.array(self._scores))

    def _features(self, z: Floats) -> dict[str, float]:
        return {str(place): value for place, value in enumerate(self._shown(z).tolist())}


class Ensemble(Rows):
    """A monitor with members beside it.

    As a detector in river's manner, it scores the mean rarity in powers of ten.

    Parameters
    ----------
    model
        Model of the monitor.
    kinds
        The members.
    """

    def __init__(self, model: Model, kinds: Sequence[Kind]) -> None:
        super().__init__(model.tags + model.inputs)
        self.monitor = Monitor(model)
        self._members = {kind: Member(kind, model.seed) for kind in kinds}

    def step(self, values: Floats, good: Flags | None = None, at: float | None = None) -> Opinion:
        """Take the next sample in, and say what all make of it.

        Parameters
        ----------
        values
            Value of each tag and input, shape ``(columns,)``, in their units; NaN is no value.
        good
            Which of them are evidence, shape ``(columns,)``; all that are finite where it is left out.
        at
            When, POSIX time [s]; one period after the last where it is left out.
        """
        verdict = self.monitor.step(values, good, at)
        if verdict.evidence is not Evidence.JUDGED:
            return Opinion(verdict, {"monitor": 0.0})
        z = verdict.z[-1, :-1].ravel()
        found = Opinion(verdict, self._decades(verdict.p, z))
        if not verdict.latched and verdict.lanes[-1].score < verdict.limit:
            for member in self._members.values():
                member.learn(z)
        return found

    def score_array(self, values: Floats) -> float:
        """Return the mean rarity of the next sample, in powers of ten [1]; nothing changes.

        Parameters
        ----------
        values
            Value of each tag and input, shape ``(columns,)``, in their units; NaN is no value.
        """
        score, z = self.monitor.foreseen(values)
        said = self._decades(self.monitor.scales.model.tail.p(score), z[-1, :-1].ravel())
        return sum(said.values()) / len(said)

    def learn_array(self, values: Floats) -> None:
        """Take the next sample in.

        Parameters
        ----------
        values
            Value of each tag and input, shape ``(columns,)``, in their units; NaN is no value.
        """
        self.step(values)

    def _decades(self, p: float, z: Floats) -> dict[str, float]:
        said = {name: member.decades(z) for name, member in self._members.items()}
        return {"monitor": rarity(p)} | {name: found for name, found in said.items() if found is not None}


def rarity(p: float) -> float:
    """Return how rare something is, in powers of ten [1], 12 at most.

    Parameters
    ----------
    p
        Share of normal samples that are as unusual [1].

    Examples
    --------
    >>> rarity(1e-3), rarity(0.0)
    (3.0, 12.0)
    """
    return abs(log10(max(p, _RAREST)))


def _grown(kind: Kind, seed: int) -> Forest:
    from river import anomaly  # noqa: PLC0415  # takes a second

    makers: dict[Kind, Callable[[], object]] = {
        "half_space_trees": lambda: anomaly.HalfSpaceTrees(n_trees=10, height=8, window_size=WARM // 2, seed=seed),
        "loda": lambda: anomaly.LODA(seed=seed),
        "one_class_svm": anomaly.OneClassSVM,
    }
    return cast("Forest", makers[kind]())
