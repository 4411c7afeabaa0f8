"""The contract of detectors: who keeps it, and that whoever breaks it is told how."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import cast

import numpy as np
import pytest
from river import anomaly as theirs
from river import neighbors
from watched import MOVED, TAGS, model, normal

from anomaly import contract, hosted
from anomaly.contract import ContractBroken, Features, Scorer, Trial
from anomaly.monitor import Monitor
from anomaly.univariate import Univariate


class Distance:
    """A detector of somebody else: distance from the mean of what it has learnt."""

    def __init__(self, weight: float = 0.05) -> None:
        self.weight = weight
        self.means: Features = {}

    def score_one(self, x: Features) -> float:
        return max((abs(value - self.means.get(name, value)) for name, value in x.items()), default=0.0)

    def learn_one(self, x: Features) -> None:
        for name, value in x.items():
            before = self.means.get(name, value)
            self.means[name] = before + self.weight * (value - before)


def made(kind: str, **options: object) -> Callable[[], Scorer]:
    return cast("Callable[[], Scorer]", partial(getattr(theirs, kind), **options))


@pytest.mark.parametrize(
    ("make", "trial"),
    [
        (made("HalfSpaceTrees", n_trees=10, height=6, window_size=100, seed=1), Trial()),
        (made("LODA", seed=1), Trial(samples=300)),
        (made("OneClassSVM"), Trial()),
        (lambda: theirs.LocalOutlierFactor(engine=neighbors.LazySearch(window_size=100)), Trial(samples=150)),
        (Distance, Trial()),
        (Univariate, None),
    ],
    ids=["HalfSpaceTrees", "LODA", "OneClassSVM", "LocalOutlierFactor", "Distance", "Univariate"],
)
def test_detectors_keep_the_contract(make: Callable[..., Scorer], trial: Trial | None) -> None:
    if trial is None:
        contract.check(lambda: make(60.0, "a"), Trial(features=("a",), samples=5500))
    else:
        contract.check(make, trial)


def test_the_monitor_keeps_the_contract() -> None:
    rows = [dict(zip((*TAGS, MOVED), row, strict=True)) for row in normal(6000, seed=2).tolist()]
    contract.check(lambda: Monitor(model()), Trial(far=1e9, given=rows))


class Nosy(Distance):
    def score_one(self, x: Features) -> float:
        self.learn_one(x)
        return super().score_one(x)


class Rude(Distance):
    def learn_one(self, x: Features) -> None:
        super().learn_one(x)
        x.clear()


class Positional(Distance):
    def score_one(self, x: Features) -> float:
        for name, value in x.items():
            return super().score_one({name: value})
        return 0.0


class Demanding(Distance):
    def score_one(self, x: Features) -> float:
        return super().score_one({"a": x["a"]})


class Fickle(Distance):
    def score_one(self, x: Features) -> float:
        return super().score_one(x) + 1e-6 * float(np.random.default_rng().random())


class Hoarder(Distance):
    def __init__(self) -> None:
        super().__init__()
        self.all: list[Features] = []

    def learn_one(self, x: Features) -> None:
        super().learn_one(x)
        self.all.append(dict(x))


class Dead(Distance):
    def score_one(self, x: Features) -> float:
        return 0.0 * super().score_one(x)


class Dizzy(Distance):
    def score_one(self, x: Features) -> float:
        return super().score_one(x) / (float("inf") if x else 1.0) * float("inf")


class Forgetful(Distance):
    def __getstate__(self) -> dict[str, object]:
        return {"weight": self.weight, "means": {}}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Nosy, "scoring leaves no trace: "),
        (Rude, "samples are left as they are: learn_one changes the sample it is given"),
        (Positional, "features are known by name: features in another order score otherwise"),
        (Demanding, "features may be missing: without a: KeyError: 'a'"),
        (Fickle, "the same seed gives the same scores: two that were made and taught alike score otherwise"),
        (Hoarder, r"memory is bounded: it takes \d+ bytes after 600 samples and \d+ after 2400"),
        (Dead, "what is far scores high: a far sample scores 0, and a tenth of the normal ones score 0 or more"),
        (Dizzy, "scores are finite numbers: before it has learnt anything, a score is no number"),
        (Forgetful, "copies go on alike: a copy scores otherwise than the original"),
    ],
)
def test_a_broken_clause_is_named(make: Callable[[], Scorer], said: str) -> None:
    with pytest.raises(ContractBroken, match=said):
        contract.check(make)


def test_trees_without_a_seed_are_found_out() -> None:
    with pytest.raises(ContractBroken, match="the same seed gives the same scores"):
        contract.check(made("HalfSpaceTrees", n_trees=5, height=6, window_size=100))


def test_trees_that_see_raw_values_are_found_out_to_be_dead() -> None:
    raw = Trial(centre=60.0, sd=10.0, far=120.0)
    with pytest.raises(ContractBroken, match="what is far scores high"):
        contract.check(made("HalfSpaceTrees", n_trees=10, height=6, window_size=100, seed=1), raw)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution of somebody else, installed beside ours, with a detector in it."""
    package = tmp_path / "distances-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: distances\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[steadyline.detectors]\ndistance = distances_of_others:Distance\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = ModuleType("distances_of_others")
    module.__dict__["Distance"] = Distance
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("installed")
def test_a_detector_that_is_installed_is_found_by_its_name_and_keeps_the_contract() -> None:
    assert isinstance(hosted.maker("distance")(weight=0.1), Distance)
    contract.check(cast("Callable[[], Scorer]", hosted.maker("distance")))
