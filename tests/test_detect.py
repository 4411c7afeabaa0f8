"""The benchmark of detection: its sums by hand, and what the monitor comes to on the development data."""

import numpy as np
import pytest

from benchmarks import detect_skab, detect_tep
from benchmarks.detect import SETTINGS
from benchmarks.detect_skab import FITTED, Run


def run(labels: str) -> Run:
    after = np.array([one == "1" for one in labels])
    return Run("by hand", ("A",), np.zeros((FITTED + len(after), 1)), np.r_[np.zeros(FITTED, np.bool_), after])


def said(text: str) -> detect_skab.Told:
    return np.array([one == "1" for one in text])


def test_rows_episodes_and_delays_of_skab_are_counted() -> None:
    found = detect_skab.judged([run("0001111000"), run("0011")], [said("0100011100"), said("0000")])
    assert (found["f1"], found["far"], found["mar"]) == (round(2 / (2 + 0.5 * 6), 4), 0.25, round(4 / 6, 4))
    assert found["episodes_per_h"] == 3600 / 8
    assert (found["events"], found["events_found"], found["median_delay_s"]) == (2, 1, 2.0)


def test_samples_of_tep_are_counted_before_and_after_the_fault() -> None:
    told = np.zeros(260)
    told[[5, 20, 30]], told[200:] = 1.0, 1.0
    found = detect_tep.judged({1: told, 3: np.zeros(260)})
    assert (found["fdr"], found["far"]) == (0.6, round(2 / 300, 4))
    assert found["median_delay_min"] == 120.0
    assert found["by_fault"] == {"1": 0.6, "3": 0.0}


def test_a_ramp_comes_to_its_size_and_stays() -> None:
    drifted = detect_tep.ramped(np.zeros((960, 52)), np.full(52, 2.0), 4, (4.0, 8.0))
    assert not drifted[:, [0, 1, 2, 4]].any()
    assert drifted[detect_tep.BEGINS, 3] == 0.0
    assert (drifted[detect_tep.BEGINS + 160 :, 3] == 8.0).all()


@pytest.mark.skipif(detect_skab.folder() is None, reason="SKAB is not under STEADYLINE_DATA")
def test_the_monitor_keeps_its_goals_on_skab() -> None:
    root = detect_skab.folder()
    assert root
    runs = detect_skab.load(root)
    found = detect_skab.judged(runs, [detect_skab.detect(one, SETTINGS) for one in runs])
    assert found["f1"] >= 0.83
    assert found["far"] <= 0.12
    assert found["mar"] <= 0.22
    assert found["episodes_per_h"] <= 1.0


@pytest.mark.skipif(detect_tep.folder() is None, reason="TEP is not under STEADYLINE_DATA")
def test_the_monitor_keeps_its_goals_on_tep() -> None:
    root = detect_tep.folder()
    assert root
    runs = detect_tep.load(root)
    model = detect_tep.fitted(runs, SETTINGS)
    told = {fault: detect_tep.above(detect_tep.played(model, one)) for fault, one in detect_tep.faults(runs).items()}
    found = detect_tep.judged(told)
    assert float(str(found["fdr"])) >= 0.975
    assert float(str(found["far"])) <= 0.01
