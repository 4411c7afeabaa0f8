"""The yardstick of line B, two PI loops; and how a day of line B is judged."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.loops_b import DAY_B, Judged, add, judge, scenario
from benchmarks.tool import Result
from hil.rig.baselines import Day
from hil.rig.baselines_b import Process, Single, Tuned, under_pair
from policies import load, shipped

SLOW = Process(gain=2.0, dead_s=50.0, lag_s=100.0)


def loop(*, smith: bool = False, filter_s: float = 0.0, limits: tuple[float, float] = (-5.0, 5.0)) -> Single:
    return Single(Tuned("PV", "SP", 1.0, 0.0, limits, SLOW, closed_s=25.0, filter_s=filter_s, smith=smith))


def course(one: Single, noise: float = 0.0, gain: float = 2.0) -> list[float]:
    """The measurement every 5 s for 1500 s with the loop on its process, which has `gain`."""
    rng, given, value, seen = np.random.default_rng(1), [0.0] * 10, 0.0, list[float]()
    for k in range(300):
        one.see(value + noise * rng.standard_normal(), 5.0 * k)
        given.append(one.setpoint)
        value += (1.0 - np.exp(-5.0 / 100.0)) * (gain * given[k] - value)
        seen.append(float(value))
    return seen


def test_both_loops_bring_their_process_to_its_target() -> None:
    for smith in (False, True):
        assert course(loop(smith=smith))[-1] == pytest.approx(1.0, abs=0.01)


def test_a_smith_predictor_brings_it_there_sooner_where_its_model_holds() -> None:
    late = [np.abs(np.array(course(loop(smith=smith))) - 1.0).sum() for smith in (False, True)]
    assert late[1] < 0.9 * late[0]


def test_a_smith_predictor_brings_it_there_too_where_its_model_is_a_fifth_off() -> None:
    assert course(loop(smith=True), gain=2.4)[-1] == pytest.approx(1.0, abs=0.02)


def test_a_filter_spares_the_actuator() -> None:
    def worked(filter_s: float) -> float:
        one, rng, before, sum_ = loop(filter_s=filter_s), np.random.default_rng(1), 0.0, 0.0
        for k in range(300):
            one.see(1.0 + 0.1 * rng.standard_normal(), 5.0 * k)
            sum_, before = sum_ + abs(one.setpoint - before), one.setpoint
        return sum_

    assert worked(30.0) < 0.3 * worked(0.0)


def test_a_loop_moves_on_new_samples_only_and_stays_within_its_limits() -> None:
    one = loop(limits=(-0.1, 0.1))
    for at in (0.0, 5.0, 10.0):
        one.see(0.0, at)
    assert one.setpoint == 0.1
    one.see(5.0, 10.0)
    assert one.setpoint == 0.1


def test_at_its_limit_a_loop_does_not_wind_up() -> None:
    one = loop(limits=(-0.1, 0.1))
    for k in range(500):
        one.see(0.0, 5.0 * k)
    one.see(2.0, 2505.0)
    assert one.setpoint < 0.1


def test_the_loops_of_line_b_are_let_in_by_both_plcs() -> None:
    truth = under_pair(load(shipped("B")), Day(101, for_s=400.0))
    assert np.ptp(truth["DRY.TIN_ACT"]) > 0.1
    assert np.ptp(truth["PMP.LS_ACT"]) > 1e-4
    assert np.ptp(truth["DRY.TIN_ACT"][truth["time"] < 180.0]) == 0.0


def test_a_quality_has_settled_when_it_is_back_in_its_band_for_good() -> None:
    time, span_s = np.arange(1.0, 2.0 * DAY_B.span_s + 1.0), DAY_B.span_s
    lod = np.where((time > span_s) & (time <= span_s + 400.0), 2.8, 2.1)
    judged = judge({"time": time, "lod_pct": lod}, DAY_B.qualities["lod"], 1, span_s)
    assert judged.settling.tolist() == [400.0]
    assert judged.left.tolist() == pytest.approx([0.1])


def test_a_quality_that_never_comes_back_counts_the_whole_span() -> None:
    time, span_s = np.arange(1.0, 2.0 * DAY_B.span_s + 1.0), DAY_B.span_s
    judged = judge({"time": time, "lod_pct": 0.0 * time + 3.0}, DAY_B.qualities["lod"], 1, span_s)
    assert judged.settling.tolist() == [span_s]


def test_a_day_says_only_what_goes_wrong_in_it() -> None:
    assert [wrong.id for wrong in scenario(DAY_B, 1).faults] == ["F21"]
    whole = scenario(DAY_B, len(DAY_B.events))
    assert [(wrong.id, wrong.after_s, wrong.for_s) for wrong in whole.faults] == [
        ("F21", 1500.0, 1500.0),
        ("F30", 4500.0, None),
        ("F20", 6000.0, 1500.0),
        ("F20", 7500.0, None),
    ]


def test_figures_are_means_over_seeds_and_ratios_compare_the_times_of_both_qualities() -> None:
    fast, slow = (Judged(np.array([0.1]), np.array([s]), np.array([0.05])) for s in (100.0, 400.0))
    rows = {(who, name): [one, one] for who, one in (("ours", fast), ("pi", slow)) for name in DAY_B.qualities}
    found = Result("loops")
    add(found, DAY_B, rows)
    assert found.ratios["settling_vs_pi_B"] == pytest.approx(0.25)
    assert found.figures["lod_abs_error_B"] == pytest.approx(0.1)
    assert found.figures["d50_rel_error_B"] == pytest.approx(0.1 / 400.0)
    assert found.baselines["lod_settling_s_by_event_pi_B"] == {"pump weak": 400.0}
