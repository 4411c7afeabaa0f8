"""The Skoltech Anomaly Benchmark by the rules of its board: fitted to the first 400 rows of a run, judged on the rest.

A sample is said to be an anomaly while an alarm stands, with its delay and hysteresis. Limits come from the 400 rows
alone.

References
----------
I. D. Katser, V. O. Kozitsin, "Skoltech Anomaly Benchmark (SKAB)", 2020, doi:10.34740/KAGGLE/DSV/1693952.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anomaly.artefact import Settings
from anomaly.fitting import Training, fit
from anomaly.monitor import Monitor
from plant_io.signals import Floats

Told = NDArray[np.bool_]
"""Whether each sample is said, or labelled, to be an anomaly."""

FITTED = 400
"""Rows a detector is fitted to [1]."""
CLOCK = (570, 975)
"""Rows of a run between which a clock that reads no data says that something is wrong [1]."""
_PER_HOUR = 3600.0
"""Rows in an hour [1/h]."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the rig."""

    name: str
    """Folder and file."""
    tags: tuple[str, ...]
    """Names of the signals."""
    values: Floats
    """Values, shape ``(rows, tags)``, in their units."""
    labels: Told
    """Whether a row is labelled, shape ``(rows,)``."""


def folder() -> Path | None:
    """Return where the data lie, or None."""
    found = Path(os.environ.get("STEADYLINE_DATA", "../shared/data")) / "skab"
    return found if found.is_dir() else None


def load(root: Path) -> list[Run]:
    """Return every labelled run that is there."""
    files = [file for part in ("valve1", "valve2", "other") for file in (root / part).glob("*.csv")]
    return [_run(root, file) for file in sorted(files)]


def _run(root: Path, file: Path) -> Run:
    with file.open() as lines:
        names = lines.readline().strip().split(";")[1:-2]
        rows = np.loadtxt(lines, delimiter=";", usecols=range(1, len(names) + 2), ndmin=2)
    return Run(str(file.relative_to(root)), tuple(names), rows[:, :-1], rows[:, -1] > 0.5)


def detect(run: Run, settings: Settings) -> Told:
    """Return when the monitor's alarm stands, shape ``(rows,)``, over the rows it was not fitted to."""
    monitor = Monitor(fit([run.values[:FITTED]], Training(run.tags), settings))
    return np.array([monitor.step(row).alarm for row in run.values])[FITTED:]


def clock(run: Run) -> Told:
    """Return what a clock says that reads no data, shape ``(rows,)``, over the rows after those fitted to."""
    at = np.arange(len(run.values))[FITTED:]
    return (at >= CLOCK[0]) & (at < CLOCK[1])


def judged(runs: Sequence[Run], told: Sequence[Told]) -> dict[str, float]:
    """Return how right a detector is, rows of all runs together.

    F1 is that of labelled rows; FAR is the share of the other rows, and MAR that of labelled ones, on which it is wrong
    [1]. An episode is false where its first row has no label; events are runs in which a labelled row is told.
    """
    labels = [run.labels[FITTED:] for run in runs]
    said, true = np.concatenate(told), np.concatenate(labels)
    hits, false, missed = int((said & true).sum()), int((said & ~true).sum()), int((~said & true).sum())
    begins = sum(int((one & ~np.r_[False, one[:-1]] & ~label).sum()) for one, label in zip(told, labels, strict=True))
    first = [_delay(one, label) for one, label in zip(told, labels, strict=True) if label.any()]
    found = [delay for delay in first if delay is not None]
    return {
        "f1": round(hits / (hits + 0.5 * (false + missed)), 4),
        "far": round(false / int((~true).sum()), 4),
        "mar": round(missed / int(true.sum()), 4),
        "episodes_per_h": round(begins / (int((~true).sum()) / _PER_HOUR), 3),
        "events": len(first),
        "events_found": len(found),
        "median_delay_s": float(np.median(found)) if found else float("nan"),
    }


def _delay(told: Told, labels: Told) -> int | None:
    where = np.flatnonzero(labels)
    hits = np.flatnonzero(told[where[0] : where[-1] + 1])
    return int(hits[0]) if len(hits) else None
