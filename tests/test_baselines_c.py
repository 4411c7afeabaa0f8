"""The yardsticks of line C are fair: what is reckoned is what the line does, and the setting found is really kept."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.loops_c import scenario
from hil.plants.faults import Fault
from hil.plants.line_c import NOMINAL, LineC
from hil.rig.baselines import Day
from hil.rig.baselines_c import FAULTS, LIMITS, STANDARD, Setting, at_rest, hindsight, inside, kept, made
from policies import load, shipped

OTHER = Setting(1.6, 52.0, 0.9, 56.0, 16.0)


@pytest.mark.parametrize("setting", [STANDARD, OTHER])
def test_what_is_reckoned_at_rest_is_what_the_line_comes_to(setting: Setting) -> None:
    fault = Fault("F60", "P2", 0.0, magnitude=0.08)
    line = LineC(4, faults=(fault,), noise=0.0)
    given = dict(zip(("EQ_SP", "R1.T_SP", "Q_SP", "R2.T_SP", "R2.PH2_SP"), setting, strict=True))
    for _ in range(2400):
        line.step(1.0, {**NOMINAL, **given})
    areas, production = at_rest(4, np.array([setting]), 0.08, 0.0)
    true = line.truth()
    for name in LIMITS:
        assert areas[name][0] == pytest.approx(true[name], rel=0.03), name
    assert production[0] == pytest.approx(60e3 * (true["made_mol"]) / 2400.0, rel=0.02)


def test_a_poisoned_catalyst_leaves_more_of_what_it_should_remove() -> None:
    fresh, poisoned = (at_rest(1, np.array([STANDARD]), 0.0, s)[0] for s in (0.0, 1200.0))
    assert all(poisoned[name][0] > 1.1 * fresh[name][0] for name in ("nitro", "imp_h", "imp_c"))
    assert poisoned["imp_d"][0] < fresh["imp_d"][0]


def test_a_setting_is_turned_at_the_plcs_when_it_is_wanted() -> None:
    truth = kept(load(shipped("C")), Day(4, (), 600.0), OTHER, after_s=60.0)
    assert truth["EQ_ACT"][50] == STANDARD.ratio
    assert [truth[tag][-1] for tag in ("EQ_ACT", "Q_ACT", "R2.PH2_ACT")] == pytest.approx([1.6, 0.9, 16.0], abs=1e-5)


def test_shares_and_production_count_from_when_a_day_has_settled() -> None:
    time = np.arange(1.0, 3601.0)
    truth = {name: np.where(time <= 1800.0, 99.0, 0.0) for name in LIMITS}
    truth |= {"time": time, "made_mol": 1e-4 * time}
    assert set(inside(truth).values()) == {1.0}
    assert made(truth) == pytest.approx(6.0)


def test_the_scenario_of_the_benchmark_has_the_faults_of_the_yardsticks() -> None:
    assert tuple(replace(fault, seed=0) for fault in scenario(14400.0).course(1).faults) == FAULTS


@pytest.mark.slow
def test_who_knows_the_day_keeps_more_limits_than_the_standard_setpoints() -> None:
    found = hindsight([9], 0.03)
    for lost, poisoned_s in ((0.0, 0.0), (0.08, 0.0), (0.0, 2400.0)):
        areas = at_rest(9, np.array([found]), lost, poisoned_s)[0]
        assert [name for name, limit in LIMITS.items() if areas[name][0] > limit] == []
    worse = at_rest(9, np.array([STANDARD]), 0.0, 2400.0)[0]
    assert worse["nitro"][0] > LIMITS["nitro"]
