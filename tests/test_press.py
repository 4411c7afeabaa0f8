"""What is identified of the tablet press in commissioning, and what the soft sensor of tablets makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from controller.models.identify_press import Record, identify
from controller.models.process import read
from controller.soft.tablets import prepare_claim
from hil.commissioning_press import FILE, record, write
from plant_io.signals import Floats
from policies import LabelClaim, load, shipped

POLICY = load(shipped("a"))
CLAIM = POLICY.soft_sensors["TAB.API"]
assert isinstance(CLAIM, LabelClaim)
RNG = np.random.default_rng(8)
FORCE = RNG.uniform(5.0, 7.0, 60)
AT = 300.0 * np.arange(60.0)


def test_the_slope_at_the_usual_force_is_found_within_its_standard_error() -> None:
    away = FORCE - 6.0
    mass = 200.0 + 5.0 * away - 0.7 * away**2 + 0.6 * RNG.standard_normal(60)
    found = identify(Record(FORCE, mass, AT), 6.0, 1, "made up").parameters["by_force"]
    assert found.unit == "mg/kN"
    assert 0.05 < found.sd < 0.3
    assert abs(found.value - 5.0) < 3.0 * found.sd


@pytest.mark.parametrize(
    ("force", "mass", "said"),
    [
        (FORCE[:8], FORCE[:8], "found 8 results"),
        (np.full(60, 6.0), FORCE, "found 60 results at line at one force"),
        (FORCE, -FORCE, "expected forces that move the mass"),
    ],
)
def test_too_few_results_one_force_or_a_mass_that_does_not_follow_are_refused(
    force: Floats, mass: Floats, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        identify(Record(force, mass, AT[: len(force)]), 6.0, 1, "made up")


def test_the_shipped_press_is_what_one_command_identifies(tmp_path: Path) -> None:
    write(tmp_path)
    again, there = read((tmp_path / FILE).read_bytes()), read(POLICY.files[FILE])
    assert again.parameters["by_force"].value == pytest.approx(there.parameters["by_force"].value, rel=1e-6)
    assert prepare_claim("T", CLAIM, POLICY).by_force == there.parameters["by_force"].value


def test_commissioning_sees_the_tags_of_the_press_alone() -> None:
    seen = record(3)
    assert 30 <= len(seen.mass) <= 48
    assert (seen.force.min(), seen.force.max()) == pytest.approx((5.0, 7.0), abs=0.3)
    assert (np.diff(seen.taken) > 0.0).all()


def test_a_policy_whose_press_is_not_identified_is_refused() -> None:
    files = {**POLICY.files, FILE: POLICY.files["process.json"]}
    with pytest.raises(ValueError, match=r"soft_sensors\.T: parameter by_force is missing"):
        prepare_claim("T", CLAIM, POLICY.sealed(POLICY.fingerprint, files))
