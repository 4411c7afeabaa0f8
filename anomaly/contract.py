"""What every detector must do, as one check that anyone can call on theirs.

from anomaly import contract

def test_my_detector_keeps_the_contract() -> None:
    contract.check(MyDetector)
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isclose, isfinite
from typing import Protocol

import numpy as np

Features = dict[str, float]
"""One sample: the value of each feature by name."""

_ASKED = 3
_GROWTH = 1.25
_ALLOWANCE = 4096
_ROUNDING = 1e-9


class Scorer(Protocol):
    """A detector as river has them."""

    def score_one(self, x: Features, /) -> float:
        """Return how unusual `x` is [1]; higher is more so."""
        ...

    def learn_one(self, x: Features, /) -> object:
        """Take `x`, in the units it was made for, for usual."""
        ...


class ContractBroken(AssertionError):  # noqa: N818  # it is what it says
    """A detector does not keep the contract; the message lists every clause that is broken."""


@dataclass(frozen=True)
class Trial:
    """What a detector is tried with: normal samples, and one that is not."""

    features: tuple[str, ...] = ("a", "b", "c")
    """Names of the features."""
    centre: float = 0.5
    """Normal value of every feature, units of the detector."""
    sd: float = 0.1
    """Normal standard deviation of every feature, units of the detector."""
    far: float = 0.99
    """Value of every feature in a sample that must score higher than most, units of the detector."""
    samples: int = 600
    """Samples it is taught [1]; its memory is tried with four times as many."""
    seed: int = 1
    """Seed of the samples [1]."""
    given: Sequence[Features] = field(default=(), repr=False)
    """Normal samples to be used in turn instead of drawn ones, where features hang together."""

    def normal(self, samples: int | None = None, seed: int = 0) -> list[Features]:
        """Return some normal samples [1], as many as are taught where left out, by a `seed` beside its own."""
        n = self.samples if samples is None else samples
        if self.given:
            return [dict(self.given[(seed * self.samples + i) % len(self.given)]) for i in range(n)]
        rng = np.random.default_rng([self.seed, seed])
        rows: list[list[float]] = (self.centre + self.sd * rng.standard_normal((n, len(self.features)))).tolist()
        return [dict(zip(self.features, row, strict=True)) for row in rows]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the features of its samples."""
        return tuple(self.given[0]) if self.given else self.features

    def away(self, far: float) -> Features:
        """Return a sample in which every feature lies `far` standard deviations [1] from normal."""
        rows = self.normal()
        columns = {name: [row[name] for row in rows] for name in self.names}
        return {name: float(np.mean(x) + far * np.std(x)) for name, x in columns.items()}


@dataclass(frozen=True, slots=True)
class _Case:
    make: Callable[[], Scorer]
    trial: Trial

    def taught(self, rows: Sequence[Features] | None = None) -> Scorer:
        detector = self.make()
        for row in self.trial.normal() if rows is None else rows:
            detector.learn_one(dict(row))
        return detector

    def scores(self, detector: Scorer) -> list[float]:
        """Scores of fresh samples, each of them learnt afterwards."""
        found: list[float] = []
        for row in self.trial.normal(60, seed=9):
            found.append(detector.score_one(dict(row)))
            detector.learn_one(dict(row))
        return found


def check(make: Callable[[], Scorer], trial: Trial | None = None) -> None:
    """Try a detector, and fail if it does not keep the contract.

    Parameters
    ----------
    make
        Makes a detector that has learnt nothing from the trial, always the same: seeded, or fitted beforehand.
    trial
        What it is tried with.

    Raises
    ------
    ContractBroken
        If any clause is broken; it lists all that are.
    """
    case, broken = _Case(make, trial or Trial()), list[str]()
    for said, clause in CLAUSES.items():
        try:
            broken += [f"{said}: {what}" for what in clause(case)]
        except Exception as error:  # noqa: BLE001  # whatever a foreign detector does is a finding
            broken.append(f"{said}: {type(error).__name__}: {error}")
    if broken:
        raise ContractBroken("\n".join(broken))


def _gives_numbers(case: _Case) -> Iterator[str]:
    fresh = case.make()
    for row in case.trial.normal(5):
        if not isfinite(fresh.score_one(row)):
            yield "before it has learnt anything, a score is no number"
    taught = case.taught()
    for far in (1e3, -1e3):
        score = taught.score_one(case.trial.away(far))
        if not isfinite(score):
            yield f"a value {far:g} standard deviations from normal scores {score}"


def _is_awake(case: _Case) -> Iterator[str]:
    taught = case.taught()
    usual = sorted(taught.score_one(row) for row in case.trial.normal(200, seed=8))
    far = taught.score_one(dict.fromkeys(case.trial.names, case.trial.far))
    if not far > usual[180]:
        yield f"a far sample scores {far:g}, and a tenth of the normal ones score {usual[180]:g} or more"


def _scores_without_a_trace(case: _Case) -> Iterator[str]:
    asked, left = case.taught(), case.taught()
    for row in case.trial.normal(50, seed=7):
        again = [asked.score_one(dict(row)) for _ in range(_ASKED)]
        if len(set(again)) > 1:
            yield f"the same sample scores {again[0]:g} and then {again[-1]:g}"
            return
    if case.scores(asked) != case.scores(left):
        yield "one that was asked scores otherwise afterwards than one that was not"


def _leaves_samples_alone(case: _Case) -> Iterator[str]:
    detector = case.taught()
    for does in (detector.score_one, detector.learn_one):
        row = case.trial.normal(1)[0]
        given = dict(row)
        does(given)
        if given != row or list(given) != list(row):
            yield f"{getattr(does, '__name__', 'it')} changes the sample it is given"


def _knows_features_by_name(case: _Case) -> Iterator[str]:
    turned = [dict(reversed(list(row.items()))) for row in case.trial.normal()]
    one, other = case.taught(), case.taught(turned)
    for row in case.trial.normal(50, seed=6):
        turned_row = dict(reversed(list(row.items())))
        if not isclose(one.score_one(dict(row)), other.score_one(turned_row), rel_tol=_ROUNDING, abs_tol=_ROUNDING):
            yield "features in another order score otherwise, and by more than rounding"
            return
        one.learn_one(dict(row))
        other.learn_one(turned_row)


def _does_without_features(case: _Case) -> Iterator[str]:
    detector = case.taught()
    for gone in (*((name,) for name in case.trial.names), case.trial.names):
        row = {name: value for name, value in case.trial.normal(1)[0].items() if name not in gone}
        what = f"without {', '.join(gone)}"
        try:
            if not isfinite(detector.score_one(dict(row))):
                yield f"{what} the score is no number"
            detector.learn_one(dict(row))
        except Exception as error:  # noqa: BLE001  # whatever a foreign detector does is a finding
            yield f"{what}: {type(error).__name__}: {error}"
    if not all(isfinite(score) for score in case.scores(detector)):
        yield "after a missing feature, scores are no numbers"


def _is_seeded(case: _Case) -> Iterator[str]:
    if case.scores(case.taught()) != case.scores(case.taught()):
        yield "two that were made and taught alike score otherwise"


def _is_bounded(case: _Case) -> Iterator[str]:
    detector, n = case.taught(), case.trial.samples
    before = _size(detector)
    for row in case.trial.normal(3 * n, seed=5):
        detector.learn_one(row)
    after = _size(detector)
    if after > _GROWTH * before + _ALLOWANCE:
        yield f"it takes {before} bytes after {n} samples and {after} after {4 * n}"


def _size(detector: Scorer) -> int:
    return len(pickle.dumps(detector))


def _replays(case: _Case) -> Iterator[str]:
    whole = case.taught()
    stored = pickle.loads(pickle.dumps(whole))  # noqa: S301  # our own bytes
    found = {"a copy": case.scores(copy.deepcopy(whole)), "one that was stored": case.scores(stored)}
    wanted = case.scores(whole)
    yield from (f"{said} scores otherwise than the original" for said, scores in found.items() if scores != wanted)


CLAUSES: Mapping[str, Callable[[_Case], Iterator[str]]] = {
    "scores are finite numbers": _gives_numbers,
    "what is far scores high": _is_awake,
    "scoring leaves no trace": _scores_without_a_trace,
    "samples are left as they are": _leaves_samples_alone,
    "features are known by name": _knows_features_by_name,
    "features may be missing": _does_without_features,
    "the same seed gives the same scores": _is_seeded,
    "memory is bounded": _is_bounded,
    "copies go on alike": _replays,
}
"""Every clause of the contract."""
