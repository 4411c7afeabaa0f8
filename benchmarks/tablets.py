"""Impurities and dissolution of real tablet batches, predicted in the order of time and as is usually reported.

1,005 batches of a cholesterol-lowering tablet over two years, here those that are there for development. In the order
of time a batch is predicted by what was fitted to batches whose results were known by then: the laboratory is six
batches late. A static model is fitted to the first batches and kept. A random split shuffles all batches first, so that
neighbours of a batch, of the same lots and the same week, are learnt from. All three are scored on the same batches.

References
----------
J. Zagar, J. Mihelic, "Big data collection in pharmaceutical manufacturing and its use for product quality predictions",
Sci. Data 9, 99, 2022, doi:10.1038/s41597-022-01203-x.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.tool import Result, main
from controller.soft import conformal
from controller.soft.conformal import Intervals, Outcome
from plant_io.signals import Floats

LATE = 6
"""Batches by which results of the laboratory are late [1]."""

FIRST = 200
"""Batches a static model is fitted to; all are scored on those after them [1]."""

TARGETS: Mapping[str, str] = {
    "impurities_total": "total impurities [%]",
    "dissolution_av": "mean drug release [%]",
}
"""What is predicted."""

HIDDEN = {"dissolution_av", "dissolution_min", "resodual_solvent", "impurities_total", "impurity_o", "impurity_l"}
"""Columns of the laboratory that are results of the batch itself; the press summary repeats them in its last six."""

COVERAGE = 0.9
"""What intervals promise [1]."""

_NAMES = {"batch", "start", "code", "strength", "weekend"}
_REPEATED = 6
_FOLDS = 5
_SEEDS = (1, 2, 3)

Indices = NDArray[np.intp]


class Learner(Protocol):
    """What scikit-learn's estimators have in common."""

    def fit(self, x: Floats, y: Floats) -> object:
        """Learn."""
        ...

    def predict(self, x: Floats) -> Floats:
        """Return predictions, shape ``(n,)``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Batches:
    """Batches in the order in which they were made."""

    inputs: Floats
    """What is known when a batch is done, shape ``(n, n_inputs)``, not a number where missing."""
    results: Mapping[str, Floats]
    """Results of the laboratory by name, shape ``(n,)`` [%]."""
    codes: Indices
    """Product of each batch, shape ``(n,)``."""


def folder() -> Path | None:
    """Return where the data lie, or None."""
    found = Path(os.environ.get("STEADYLINE_DATA", "../shared/data")) / "tablets"
    return found if found.is_dir() else None


def load(root: Path) -> Batches:
    """Return the batches in a folder."""
    laboratory, process = (_table(root / f"{name}.csv") for name in ("laboratory", "process"))
    if [row["batch"] for row in laboratory] != [row["batch"] for row in process]:
        raise ValueError("laboratory.csv and process.csv do not have the same batches in the same order")
    columns = [name for name in laboratory[0] if name not in HIDDEN | _NAMES]
    of_press = [name for name in list(process[0])[:-_REPEATED] if name not in _NAMES]
    rows = [[_number(one[name]) for name in columns] for one in laboratory]
    pressed = [[_number(one[name]) for name in of_press] for one in process]
    codes = np.unique([one["code"] for one in laboratory], return_inverse=True)[1]
    kinds = np.eye(int(codes.max()) + 1)[codes]
    results = {name: np.array([_number(one[name]) for one in laboratory]) for name in TARGETS}
    return Batches(np.column_stack([rows, pressed, kinds]), results, codes)


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file, delimiter=";"))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def learners() -> dict[str, Callable[[], Learner]]:
    """Return what is fitted, by name."""
    from sklearn.cross_decomposition import PLSRegression  # noqa: PLC0415  # heavy
    from sklearn.ensemble import ExtraTreesRegressor  # noqa: PLC0415  # heavy
    from sklearn.linear_model import RidgeCV  # noqa: PLC0415  # heavy

    ridge, pls = cast("Callable[..., Learner]", RidgeCV), cast("Callable[..., Learner]", PLSRegression)
    trees = cast("Callable[..., Learner]", ExtraTreesRegressor)
    return {
        "ridge": lambda: ridge(alphas=np.geomspace(1.0, 1e4, 9)),
        "pls": lambda: pls(n_components=4, scale=False),
        "trees": lambda: trees(n_estimators=100, min_samples_leaf=3, max_features=0.3, random_state=1),
    }


def known(batch: int) -> int:
    """Return how many of the first batches have results when `batch` is predicted [1]."""
    return max(batch - LATE, 0)


def predicted(make: Callable[[], Learner], data: Batches, y: Floats, train: Indices, test: Indices) -> Floats:
    """Return predictions of some batches by what was fitted to others, shape ``(n_test,)`` [%]."""
    train = train[np.isfinite(y[train])]
    gaps = ~np.isfinite(data.inputs[train]).all(axis=0)
    centre = np.array([np.nanmedian(column) if np.isfinite(column).any() else 0.0 for column in data.inputs[train].T])
    filled = np.where(np.isfinite(data.inputs), data.inputs, centre)
    missing = ~np.isfinite(data.inputs[:, gaps])
    every = np.column_stack([filled, missing])
    spread = every[train].std(axis=0)
    z = (every - every[train].mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    z = np.clip(z, -5.0, 5.0)
    learner = make()
    learner.fit(z[train], y[train])
    return np.ravel(learner.predict(z[test]))


def in_time(make: Callable[[], Learner], data: Batches, y: Floats, every: int) -> Floats:
    """Return predictions of every batch after the first, each by what was known then, shape ``(n - FIRST,)`` [%].

    Parameters
    ----------
    make
        Makes a learner.
    data
        Batches.
    y
        Results, shape ``(n,)`` [%].
    every
        Batches between two fits [1].
    """
    n, parts = len(y), list[Floats]()
    for at in range(FIRST, n, every):
        parts.append(predicted(make, data, y, np.arange(known(at)), np.arange(at, min(at + every, n))))
    return np.concatenate(parts)


def static(make: Callable[[], Learner], data: Batches, y: Floats) -> Floats:
    """Return predictions of the same batches by what was fitted once, shape ``(n - FIRST,)`` [%]."""
    return predicted(make, data, y, np.arange(known(FIRST)), np.arange(FIRST, len(y)))


def shuffled(make: Callable[[], Learner], data: Batches, y: Floats, seed: int) -> Floats:
    """Return predictions of the same batches in folds of a random split, shape ``(n - FIRST,)`` [%]."""
    order, found = np.random.default_rng(seed).permutation(len(y)), np.full(len(y), np.nan)
    for fold in np.array_split(order, _FOLDS):
        found[fold] = predicted(make, data, y, np.setdiff1d(order, fold), fold)
    return found[FIRST:]


def yardstick(data: Batches, y: Floats) -> Floats:
    """Return the mean of the known results of the same product, the newest ten, shape ``(n - FIRST,)`` [%]."""
    found: list[float] = []
    for at in range(FIRST, len(y)):
        before = np.arange(known(at))
        alike = before[(data.codes[before] == data.codes[at]) & np.isfinite(y[before])][-10:]
        found.append(float(np.mean(y[alike]) if len(alike) else np.nanmean(y[before])))
    return np.array(found)


def covered(y: Floats, said: Floats, rule: Intervals) -> tuple[float, float]:
    """Return the share of results inside their intervals, and the median width of these [%], in the order of time.

    Results that were known from the first half of the batches scored make the first scores; the rest come in late.
    """
    misses = np.abs(y - said)
    begin = len(y) // 4
    state = conformal.start(rule, {"": misses[:begin][np.isfinite(misses[:begin])].tolist()})
    halves: list[float] = []
    for at in range(begin, len(y)):
        due = at - LATE
        if due >= begin and np.isfinite(misses[due]):
            state = conformal.learn(rule, state, Outcome("", float(due), float(misses[due]), halves[due - begin]))
        halves.append(conformal.half_width(rule, state, ""))
    inside = misses[begin:] <= np.array(halves)
    there = np.isfinite(misses[begin:])
    return float(np.mean(inside[there])), float(2.0 * np.median(np.array(halves)[there]))


def rmse(y: Floats, said: Floats) -> float:
    """Return the root-mean-square error over batches that have a result [%]."""
    return float(np.sqrt(np.nanmean((y - said) ** 2)))


def judged(data: Batches, target: str, every: int, seeds: Sequence[int]) -> Iterator[tuple[str, float]]:
    """Give every figure of one target by name."""
    y = data.results[target]
    later = y[FIRST:]
    ours: dict[str, Floats] = {}
    for name, make in learners().items():
        ours[name] = in_time(make, data, y, every)
        yield f"{name}_time_order_pct", rmse(later, ours[name])
        yield f"{name}_static_pct", rmse(later, static(make, data, y))
        yield f"{name}_random_split_pct", float(np.mean([rmse(later, shuffled(make, data, y, s)) for s in seeds]))
    best = ours["ridge"]
    fixed, moved = Intervals(coverage=COVERAGE, window=10_000), Intervals(coverage=COVERAGE, fading=0.99, rate=0.02)
    for name, rule in (("fixed", fixed), ("adaptive", moved)):
        share, width = covered(later, best, rule)
        yield f"ridge_{name}_interval_covers", share
        yield f"ridge_{name}_interval_width_pct", width


def run(quick: bool) -> Result:  # noqa: FBT001  # the command line says so
    """Predict impurities and dissolution of real tablet batches in three ways."""
    root, result = folder(), Result("tablets")
    if root is None:
        result.config |= {"skipped": "no development data; set STEADYLINE_DATA"}
        return result
    data, every, seeds = load(root), 50 if quick else 5, _SEEDS[:1] if quick else _SEEDS
    for target in TARGETS:
        y = data.results[target]
        figures = dict(judged(data, target, every, seeds))
        result.figures |= {f"{target}_{name}": value for name, value in figures.items()}
        spread, simple = float(np.nanstd(y[FIRST:])), rmse(y[FIRST:], yardstick(data, y))
        result.baselines |= {f"{target}_spread_pct": spread, f"{target}_mean_of_product_pct": simple}
        for name in learners():
            timely, flattering = (figures[f"{name}_{how}_pct"] for how in ("time_order", "random_split"))
            result.ratios |= {f"{target}_{name}_time_order_over_random_split": timely / flattering}
            result.ratios |= {f"{target}_{name}_time_order_over_mean_of_product": timely / simple}
    result.config |= {"batches": len(data.codes), "late": LATE, "first": FIRST, "every": every}
    result.seeds = seeds
    return result


if __name__ == "__main__":
    main(run)
