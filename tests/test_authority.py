"""How far an input may be corrected is never a share of what may be nothing."""

from __future__ import annotations

import pytest
from test_policies_rules import wrong

SHARE = ("move_weight: 0.5", "move_weight: 0.5\n    authority: 0.1")
AMOUNT = ("move_weight: 0.5", "move_weight: 0.5\n    authority: {api_sp: 100}")
FROM_ZERO = ("limits: [1600, 2400]", "limits: [0, 2400]")
WANTED = "expected an amount for each, such as {api_sp: 0.5}"


def test_a_share_of_a_value_that_may_be_zero_is_refused() -> None:
    said = f"loops.blend.authority: found a share of the value of api_sp, which may be zero; {WANTED}"
    assert wrong(SHARE, FROM_ZERO) == [said]


def test_a_share_of_a_temperature_on_a_scale_is_refused() -> None:
    as_temperature = ("unit: g/h, limits", "unit: Cel, limits")
    found = wrong(
        SHARE,
        as_temperature,
        ("F.SP: {unit: kg/h,", "F.SP: {unit: Cel,"),
        ("F.ACT: {unit: kg/h,", "F.ACT: {unit: Cel,"),
    )
    why = "whose zero in Cel is a point of a scale"
    assert f"loops.blend.authority: found a share of the value of api_sp, {why}; {WANTED}" in found


@pytest.mark.parametrize("limits", [FROM_ZERO, ("limits: [1600, 2400]", "limits: [1600, 2300]")])
def test_an_amount_is_good_anywhere(limits: tuple[str, str]) -> None:
    assert wrong(AMOUNT, limits) == []


def test_a_share_of_what_is_never_zero_is_good() -> None:
    assert wrong(SHARE) == []
