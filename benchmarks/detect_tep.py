"""The Tennessee Eastman process in closed loop: faults that are told at one false alarm in a hundred samples.

Fitted to the normal training run, limited so that one sample in a hundred of the normal test run is above, as is usual
with these data; judged on the test run of every fault that is there, from the sample with which the fault begins.
Faults 3, 9 and 15 hardly change anything and are left out of the mean, as is usual too.

References
----------
J. J. Downs, E. F. Vogel, "A plant-wide industrial process control problem", Computers & Chemical Engineering 17(3),
1993, doi:10.1016/0098-1354(93)80018-I. L. H. Chiang, E. L. Russell, R. D. Braatz, "Fault detection and diagnosis in
industrial systems", Springer, 2001, doi:10.1007/978-1-4471-0347-9.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from anomaly.artefact import Model, Settings
from anomaly.calibration import calibrated
from anomaly.fitting import Training, fit
from anomaly.monitor import Monitor
from anomaly.verdict import Verdict
from plant_io.signals import Floats

TAGS = (*(f"XMEAS{n}" for n in range(1, 42)), *(f"XMV{n}" for n in range(1, 12)))
PERIOD_S = 180.0
BEGINS = 160
"""Samples before a fault [1]."""
HIDDEN = (3, 9, 15)
"""Faults that are left out of the mean."""
ABOVE = 0.01
"""Share of normal samples that may be above the limit [1]."""
WARM = 10
"""Samples at the beginning that are not counted as false alarms [1]."""
RAMPED = (1, 4, 7, 9, 13, 18, 22, 31, 38, 41)
"""Measurements whose sensors drift in the test of absorption, by number."""
RAMPS = tuple((size, hours) for size in (2.0, 4.0) for hours in (8.0, 24.0, 35.0))
"""Drift in standard deviations of the measurement [1], and time it takes [h]."""


def folder() -> Path | None:
    """Return where the data lie, or None."""
    found = Path(os.environ.get("STEADYLINE_DATA", "../shared/data")) / "tep"
    return found if found.is_dir() else None


def load(root: Path) -> dict[str, Floats]:
    """Return every run that is there by its name, shape ``(samples, 52)``, in the units of the process."""
    runs = {file.stem[1:]: np.loadtxt(file) for file in sorted(root.glob("d*.dat"))}
    return {name: run.T if run.shape[0] == len(TAGS) else run for name, run in runs.items()}


def fitted(runs: Mapping[str, Floats], settings: Settings) -> Model:
    """Return the model of the normal training run, limited on the normal test run."""
    model = fit([runs["00"]], Training(TAGS, period_s=PERIOD_S), settings)
    return calibrated(model, [runs["00_te"]], above=ABOVE)


def played(model: Model, run: Floats) -> list[Verdict]:
    """Return the verdicts on a run."""
    monitor = Monitor(model)
    return [monitor.step(row) for row in run]


def faults(runs: Mapping[str, Floats]) -> dict[int, Floats]:
    """Return the test run of each fault by its number."""
    return {int(name[:2]): run for name, run in runs.items() if name.endswith("_te") and int(name[:2])}


def judged(told: Mapping[int, Floats]) -> dict[str, object]:
    """Return the share of samples told of each fault, their mean, false alarms before faults, and the median delay."""
    found = {fault: float(one[BEGINS:].mean()) for fault, one in told.items()}
    counted = [share for fault, share in found.items() if fault not in HIDDEN]
    first = [int(np.argmax(one[BEGINS:])) for fault, one in told.items() if fault not in HIDDEN and one[BEGINS:].any()]
    return {
        "fdr": round(float(np.mean(counted)), 4),
        "far": round(float(np.mean([one[WARM:BEGINS].mean() for one in told.values()])), 4),
        "median_delay_min": float(np.median(first)) * PERIOD_S / 60.0,
        "by_fault": {str(fault): round(share, 3) for fault, share in found.items()},
    }


def above(verdicts: Sequence[Verdict], lane: int | None = None) -> Floats:
    """Return 1 for each sample that is above the limit, 0 for the others."""
    lanes = [one.lane if lane is None else one.lanes[lane] for one in verdicts]
    return np.array([one.score > verdict.limit for one, verdict in zip(lanes, verdicts, strict=True)], dtype=np.float64)


def clock(run: Floats) -> Floats:
    """Return what a clock says that reads no data: one sample in a hundred."""
    return np.asarray(np.arange(len(run)) % round(1.0 / ABOVE) == 0, dtype=np.float64)


def ramped(normal: Floats, spread: Floats, number: int, ramp: tuple[float, float]) -> Floats:
    """Return a normal run in which one sensor drifts, and stays where it has come to."""
    size, hours = ramp
    run, share = normal.copy(), np.minimum(np.arange(len(normal) - BEGINS) * PERIOD_S / (hours * 3600.0), 1.0)
    run[BEGINS:, number - 1] += size * spread[number - 1] * share
    return run


def absorption(runs: Mapping[str, Floats], model: Model, *, quick: bool) -> dict[str, float]:
    """Return what learning costs of sensors that drift: shares of drifts, and of samples in them, that are told.

    ``alone`` is the frozen model with nothing beside, ``locked`` the same with its twin learning beside, as it is on a
    line by default, ``twin`` the verdict of the twin itself.
    """
    settings, spread = model.settings, runs["00"].std(axis=0)
    alone = model.model_copy(update={"settings": settings.model_copy(update={"twin": False, "adaptation": "frozen"})})
    told: dict[str, list[Floats]] = {"alone": [], "locked": [], "twin": []}
    for number in RAMPED[:: 3 if quick else 1]:
        for ramp in RAMPS[:: 2 if quick else 1]:
            run = ramped(runs["00_te"], spread, number, ramp)
            told["alone"].append(_alarms(played(alone, run), 0))
            both = played(model, run)
            told["locked"].append(_alarms(both, 0))
            told["twin"].append(_alarms(both, 1))
    points = {name: float(np.mean([one.mean() for one in every])) for name, every in told.items()}
    drifts = {name: float(np.mean([one.any() for one in every])) for name, every in told.items()}
    return (
        {f"points_{name}": round(share, 4) for name, share in points.items()}
        | {f"drifts_{name}": round(share, 4) for name, share in drifts.items()}
        | {"cost_points": round(100.0 * (points["alone"] - points["locked"]), 4)}
    )


def _alarms(verdicts: Sequence[Verdict], lane: int) -> Floats:
    return np.array([one.lanes[lane].alarm for one in verdicts[BEGINS:]], dtype=np.float64)
