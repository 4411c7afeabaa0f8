"""How well and how fast anomalies are found: one configuration, on public data, beside what reads no data.

SKAB and TEP are judged by the monitor over all tags, with the same settings for both, and limits that see no label. The
settings are those of a line but for `adaptation`: the verdict is that of the twin, which learns while nothing is wrong;
figures of the frozen model on the same runs are beside. NAB has one signal at a time, for which `univariate` is. Faults
that loops make up for are laid on the simulated lines (`benchmarks/masked.py`).
"""

from __future__ import annotations

import sys

import numpy as np

from anomaly.artefact import Settings
from benchmarks import detect_nab, detect_skab, detect_speed, detect_tep, masked
from benchmarks.tool import Result, main

SETTINGS = Settings(adaptation="gated")
FROZEN = Settings()
SAMPLES, QUICK = 1_000_000, 30_000
WIDE_SAMPLES, WIDE_QUICK = 100_000, 10_000
TREES = 3_000
"""Samples given to the detector of river [1]."""


def skab(result: Result) -> None:
    """Judge the runs of SKAB."""
    root = detect_skab.folder()
    if root is None:
        return absent(result, "skab")
    runs = detect_skab.load(root)
    result.figures["skab"] = detect_skab.judged(runs, [detect_skab.detect(run, SETTINGS) for run in runs])
    told = {"frozen": [detect_skab.detect(run, FROZEN) for run in runs]}
    told["always"] = [np.ones_like(one) for one in told["frozen"]]
    told["clock"] = [detect_skab.clock(run) for run in runs]
    result.baselines |= {f"skab_{name}": detect_skab.judged(runs, one) for name, one in told.items()}
    result.config["skab_runs"] = len(runs)
    return None


def tep(result: Result, *, quick: bool) -> None:
    """Judge the faults of TEP, and what learning costs of slow drifts."""
    root = detect_tep.folder()
    if root is None:
        return absent(result, "tep")
    runs = detect_tep.load(root)
    model, faults = detect_tep.fitted(runs, SETTINGS), detect_tep.faults(runs)
    verdicts = {fault: detect_tep.played(model, run) for fault, run in faults.items()}
    result.figures["tep"] = detect_tep.judged({fault: detect_tep.above(one) for fault, one in verdicts.items()})
    told = {
        "frozen": {fault: detect_tep.above(one, 0) for fault, one in verdicts.items()},
        "always": {fault: np.ones(len(run)) for fault, run in faults.items()},
        "clock": {fault: detect_tep.clock(run) for fault, run in faults.items()},
    }
    result.baselines |= {f"tep_{name}": detect_tep.judged(one) for name, one in told.items()}
    result.figures["absorption"] = detect_tep.absorption(runs, model, quick=quick)
    result.config["tep_faults"] = sorted(faults)
    return None


def nab(result: Result, *, quick: bool) -> None:
    """Judge the signals of NAB."""
    root = detect_nab.folder()
    if root is None:
        return absent(result, "nab")
    every = detect_nab.load(root)
    result.figures["nab"] = detect_nab.figures(every)
    result.baselines |= {f"nab_{name}": value for name, value in detect_nab.baselines(every, quick=quick).items()}
    return None


def speed(result: Result, *, quick: bool) -> None:
    """Time the monitor, and river beside it."""
    for tags, whole, short in ((30, SAMPLES, QUICK), (100, WIDE_SAMPLES, WIDE_QUICK)):
        found = detect_speed.figures(tags, SETTINGS, short if quick else whole)
        river = detect_speed.trees(tags, TREES)
        result.figures |= {f"{name}_{tags}": value for name, value in found.items()}
        result.baselines[f"river_hst_{tags}"] = river
        result.ratios[f"samples_per_s_vs_river_hst_{tags}"] = round(found["samples_per_s"] / river["samples_per_s"], 2)


def loops(result: Result, *, quick: bool) -> None:
    """Let faults grow on simulated lines that their loops make up for."""
    found = masked.measured(masked.usual(quick=quick))
    result.figures["masked_fault_caught"] = {line: one["caught"] for line, one in found.items()}
    result.figures["masked_faults"] = found
    result.baselines["masked_fault_caught_on_cvs_alone"] = {
        line: one["caught_on_cvs_alone"] for line, one in found.items()
    }


def absent(result: Result, name: str) -> None:
    """Say that data are not there."""
    result.figures[name] = f"skipped: no {name} under STEADYLINE_DATA"
    print(f"detect: {name} is skipped, its data are not under STEADYLINE_DATA", file=sys.stderr)


def run(quick: bool) -> Result:  # noqa: FBT001  # called by keyword of the command line
    """Find anomalies in SKAB, TEP and NAB with one configuration, and time it."""
    result = Result("detect", seeds=[detect_speed.SEED])
    result.config |= {"settings": SETTINGS.model_dump(mode="json"), "shares": "f1, far, mar, fdr from 0 to 1"}
    speed(result, quick=quick)
    skab(result)
    tep(result, quick=quick)
    nab(result, quick=quick)
    loops(result, quick=quick)
    return result


if __name__ == "__main__":
    main(run)
