"""The Numenta Anomaly Benchmark: single signals, labelled by windows, scored for how early and how seldom one speaks.

The detector is that of ``kind: univariate`` in a policy, as it is, with its limit of one normal value in a thousand. No
label is seen but by the scorer, and by the limits of the baselines, which are the best there are for them.

References
----------
A. Lavin, S. Ahmad, "Evaluating real-time anomaly detection algorithms - the Numenta Anomaly Benchmark", IEEE ICMLA,
2015, doi:10.1109/ICMLA.2015.141.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import exp
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from anomaly import univariate
from anomaly.univariate import Standing, Univariate
from plant_io.signals import Floats

LIMIT = univariate.decades(1e-3)
"""Score at which the detector speaks [1]."""

QUICK = 6
"""One file in so many is given to the detectors of river in a quick run [1]."""

_PROBATION, _LONGEST = 0.15, 5000
_STEEP, _FAR = 5.0, 3.0

Told = NDArray[np.bool_]
"""Whether a detector speaks, for each value."""


@dataclass(frozen=True, slots=True)
class Series:
    """One signal with its labels."""

    name: str
    """Folder and file."""
    times: Floats
    """When each value was taken, POSIX time [s], shape ``(n,)``."""
    values: Floats
    """Values, shape ``(n,)``, any one unit."""
    windows: tuple[tuple[int, int], ...]
    """First and last value of each anomaly."""

    @property
    def every(self) -> float:
        """Time between two values [s]."""
        return float(np.median(np.diff(self.times)))

    @property
    def probation(self) -> int:
        """Values at the beginning that are not scored [1]."""
        return int(min(_PROBATION * len(self.values), _PROBATION * _LONGEST))


@dataclass(frozen=True, slots=True)
class Profile:
    """What mistakes cost, against 1 for an anomaly that is found at once."""

    false: float
    """Cost of speaking outside of every window [1]."""
    missed: float
    """Cost of a window that is missed [1]."""


PROFILES: Mapping[str, Profile] = {
    "standard": Profile(0.11, 1.0),
    "low_fp": Profile(0.22, 1.0),
    "low_fn": Profile(0.11, 2.0),
}
"""The profiles of the benchmark."""


def folder() -> Path | None:
    """Return where the data lie, or None."""
    found = Path(os.environ.get("STEADYLINE_DATA", "../shared/data")) / "nab"
    return found if found.is_dir() else None


def load(root: Path) -> list[Series]:
    """Return every signal of the benchmark that is there."""
    labels = cast("dict[str, list[list[str]]]", json.loads((root / "labels" / "combined_windows.json").read_text()))
    return [_series(root, name, windows) for name, windows in labels.items() if (root / "data" / name).is_file()]


def _series(root: Path, name: str, labelled: list[list[str]]) -> Series:
    with (root / "data" / name).open(newline="") as file:
        rows = [(row["timestamp"], row["value"]) for row in csv.DictReader(file)]
    times = np.array([_time(when) for when, _ in rows])
    windows = [
        (int(np.searchsorted(times, _time(a))), int(np.searchsorted(times, _time(b), "right")) - 1) for a, b in labelled
    ]
    return Series(name, times, np.array([float(value) for _, value in rows]), tuple(windows))


def _time(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def score(series: Series, told: Told, profile: Profile) -> float:
    """Return what a detector earns on one signal [1]: up to 1 for each window, less its mistakes."""
    earned, before = 0.0, None
    spoken = np.flatnonzero(told)
    spoken = spoken[spoken >= series.probation]
    outside = np.ones(len(spoken), np.bool_)
    for first, last in series.windows:
        inside = (spoken >= first) & (spoken <= last)
        outside &= ~inside
        if not inside.any():
            earned -= profile.missed
            continue
        early = (last - int(spoken[inside][0]) + 1) / (last - first + 1)
        earned += _worth(-early) / _worth(-1.0)
    for at in spoken[outside].tolist():
        before = max((window for window in series.windows if window[1] < at), default=None)
        late = _FAR + 1.0 if before is None else (at - before[1]) / (before[1] - before[0])
        earned += profile.false * _worth(late)
    return earned


def _worth(position: float) -> float:
    """Return the scaled sigmoid: 1 before, 0 at, and -1 behind the end of a window."""
    return -1.0 if position > _FAR else 2.0 / (1.0 + exp(_STEEP * position)) - 1.0


def standing(every: Sequence[Series], told: Sequence[Told], profile: Profile) -> float:
    """Return the score of a detector: 0 for one that is silent, 100 for one that is early and never wrong [1]."""
    windows = sum(len(series.windows) for series in every)
    null = -profile.missed * windows
    earned = sum(score(series, one, profile) for series, one in zip(every, told, strict=True))
    return 100.0 * (earned - null) / (windows - null)


def detect(series: Series) -> Told:
    """Return when our detector speaks."""
    detector, memory = Univariate(series.every), Standing()
    told = np.zeros(len(series.values), np.bool_)
    for i, (at, value) in enumerate(zip(series.times.tolist(), series.values.tolist(), strict=True)):
        away = detector.deviations(at, value)
        memory, told[i] = memory.after(high=detector.suspect(away).score >= LIMIT)
        detector.take(at, value, away)
    return told


class _OneByOne(Protocol):
    def score_one(self, x: dict[str, float]) -> float: ...
    def learn_one(self, x: dict[str, float]) -> None: ...


def rivals() -> dict[str, Callable[[], _OneByOne]]:
    """Return the detectors of river that are shown beside, as they come."""
    from river import anomaly, preprocessing  # noqa: PLC0415  # takes a second

    scaled = cast("Callable[[], _OneByOne]", lambda: preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=1))
    return {"river_hst": scaled, "river_loda": cast("Callable[[], _OneByOne]", lambda: anomaly.LODA(seed=1))}


def raw(series: Series, make: Callable[[], _OneByOne]) -> Floats:
    """Return the raw scores of a detector of river [1], shape ``(n,)``."""
    detector, scores = make(), np.zeros(len(series.values))
    for i, value in enumerate(series.values.tolist()):
        x = {"value": value}
        scores[i] = detector.score_one(x)
        detector.learn_one(x)
    return scores


def tuned(every: Sequence[Series], scores: Sequence[Floats]) -> float:
    """Return the standard score with the best limit there is, sought on the labels."""
    together = np.concatenate(scores)
    limits = np.unique(np.quantile(together[np.isfinite(together)], 1.0 - np.geomspace(1e-5, 0.2, 25)))
    return max(standing(every, [one >= limit for one in scores], PROFILES["standard"]) for limit in limits.tolist())


def figures(every: Sequence[Series]) -> dict[str, float]:
    """Return what our detector comes to on the signals."""
    told = [detect(series) for series in every]
    found = {name: round(standing(every, told, profile), 2) for name, profile in PROFILES.items()}
    hits = [
        one[first : last + 1].any() for series, one in zip(every, told, strict=True) for first, last in series.windows
    ]
    spoken = sum(int(one[series.probation :].sum()) for series, one in zip(every, told, strict=True))
    return found | {"files": len(every), "windows": len(hits), "windows_found": int(sum(hits)), "alarms": spoken}


def baselines(every: Sequence[Series], *, quick: bool) -> dict[str, float]:
    """Return the standard scores of what reads no data, and of detectors of river with their best limits."""
    standard = PROFILES["standard"]
    always = [np.ones(len(series.values), np.bool_) for series in every]
    clock = [np.arange(len(series.values)) % univariate.STANDS == 0 for series in every]
    found = {"always": standing(every, always, standard), "clock": standing(every, clock, standard)}
    some = every[::QUICK] if quick else every
    for name, make in rivals().items():
        found[name] = tuned(some, [raw(series, make) for series in some])
    return {name: round(value, 2) for name, value in found.items()}
