"""Channel E on its host line: bearings wear with the work of the line, the line feels it, and the watches hear it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hil.plants.faults import Fault
from hil.plants.line_b import LineB
from hil.plants.line_e import DESIGNS, NOMINAL, LineE
from hil.rig.stand import Stand, Trial
from policies import Policy, load, shipped


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(shipped("E"))


def played(policy: Policy, for_: str, *faults: tuple[str, str]) -> Trial:
    with Stand("memory", 1, Path()) as stand:
        for id_, target in faults:
            stand.fault(id_, target, after="60s")
        return stand.play(policy, for_=for_)


def ran(line: LineE | LineB, seconds: float) -> dict[str, float]:
    for _ in range(round(seconds)):
        line.step(1.0, NOMINAL)
    return line.truth()


def worn(damage: dict[str, float]) -> LineE:
    """A quiet nominal line some of whose bearings are worn."""
    line = LineE(1, mismatch=0.0, noise=0.0)
    for drive in line.drives:
        drive.damage = damage.get(drive.name, 0.0)
    return line


def test_sound_drives_leave_the_host_line_as_it_is() -> None:
    host, line = ran(LineB(4), 60.0), ran(LineE(4), 60.0)
    assert host == pytest.approx({name: line[name] for name in host}, rel=1e-5)


def test_a_worn_screw_bearing_drags_and_a_worn_mill_bearing_takes_bite() -> None:
    sound, sick = ran(worn({}), 120.0), ran(worn({"DRV_TSG": 0.5, "DRV_MIL": 0.5}), 120.0)
    assert sick["torque_nm"] - sound["torque_nm"] == pytest.approx(0.1, abs=1e-3)
    assert sick["milled_d50"] > sound["milled_d50"] + 3.0
    assert sick["wet_d50"] == pytest.approx(sound["wet_d50"], rel=1e-3)


def test_a_worn_screw_bearing_makes_the_screws_turn_unevenly() -> None:
    line, speeds = LineE(1, mismatch=0.0), list[float]()
    for drive in line.drives:
        drive.damage = 0.5
    for _ in range(600):
        line.step(1.0, NOMINAL)
        speeds.append(line.truth()["screw_rpm"])
    assert 0.3 < np.std(speeds) < 3.5


def test_wear_follows_the_work_of_the_host_line() -> None:
    hard = {**NOMINAL, "DRY.AIR_SP": 1.2 * NOMINAL["DRY.AIR_SP"]}
    easy_line, hard_line = LineE(1, mismatch=0.0, noise=0.0), LineE(1, mismatch=0.0, noise=0.0)
    for _ in range(300):
        easy_line.step(1.0, NOMINAL)
        hard_line.step(1.0, hard)
    easy, worked = easy_line.truth(), hard_line.truth()
    assert worked["DRV_FAN_damage"] / easy["DRV_FAN_damage"] == pytest.approx(1.2**6, rel=0.1)
    assert worked["DRV_TSG_damage"] == pytest.approx(easy["DRV_TSG_damage"], rel=1e-6)


def test_nominal_drives_run_at_their_design_speed_and_load() -> None:
    line = LineE(1, mismatch=0.0, noise=0.0)
    ran(line, 1200.0)
    for design in DESIGNS:
        assert line.tags[f"{design.name}.CURR"] == pytest.approx(design.current, rel=0.02)
        assert line.tags[f"{design.name}.VIB"] == pytest.approx(1.1, rel=0.01)


def test_faults_fall_on_drives_and_on_the_host_line() -> None:
    line = LineE(1, mismatch=0.0, noise=0.0, faults=[Fault("E01", "DRV_PMP", 0.0), Fault("F21", "PMP", 0.0)])
    truth = ran(line, 60.0)
    assert truth["liquid_kg_h"] == pytest.approx(0.9 * 3.75, rel=0.01)
    assert truth["DRV_PMP_damage"] > 100.0 * truth["DRV_FAN_damage"]
    with pytest.raises(ValueError, match="E01 cannot fall on 'MIL'"):
        LineE(1, faults=[Fault("E01", "MIL", 0.0)])


def test_equal_seeds_give_equal_lines_and_other_seeds_other_bearings() -> None:
    one, two, other = (ran(LineE(seed), 30.0) for seed in (3, 3, 4))
    assert one == two
    assert one["DRV_MIL_life_h"] != other["DRV_MIL_life_h"]


def test_a_quiet_quarter_of_an_hour_is_silent(policy: Policy) -> None:
    trial = played(policy, "15m")
    assert (trial.played.ran.tally.alerts, trial.played.ran.tally.writes.total()) == ([], 0)


def test_a_bearing_fault_is_heard_in_the_envelope_long_before_it_is_bad(policy: Policy) -> None:
    trial = played(policy, "20m", ("E01", "DRV_MIL"))
    (heard, what), *_ = trial.spoken("mill_bearing")
    assert "DRV_MIL.ENV is above normal" in what
    assert 60.0 < heard < 1200.0
    assert trial.truth["DRV_MIL_damage"][round(heard)] < 0.1
    assert {alert.watch for alert in trial.played.ran.tally.alerts} <= {"mill_bearing", "mill_impulses"}
    (incident,) = trial.incidents()
    assert (incident.unit, incident.reading) == ("mill drive", "bearing of the mill drive is damaged")


@pytest.mark.parametrize(("fault", "drive"), [("E02", "DRV_FAN"), ("E03", "DRV_PMP"), ("E04", "DRV_TSG")])
def test_imbalance_a_loose_foot_and_a_loose_sensor_are_told_as_vibration(
    policy: Policy, fault: str, drive: str
) -> None:
    trial = played(policy, "10m", (fault, drive))
    word = {"DRV_FAN": "fan", "DRV_PMP": "pump", "DRV_TSG": "screw"}[drive]
    assert {alert.watch for alert in trial.played.ran.tally.alerts} == {f"{word}_vibration"}
