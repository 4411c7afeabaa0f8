import numpy as np
import pytest
from fakes import POLICY

from controller.plan import Plan, Status
from controller.wish import Use, wish
from policies import Policy

LOOP = Policy.model_validate(POLICY).loops["hold"]  # sample 10 s, deadline 5 s, shift 2, hold 3
PLAN = Plan("hold", 1, 100.0, Status.SOLVED, np.arange(5.0).reshape(-1, 1), np.zeros((6, 1)))


@pytest.mark.parametrize(
    ("age_s", "use", "asked"),
    [
        (0.0, Use.FRESH, 0.0),
        (9.9, Use.FRESH, 0.0),
        (10.0, Use.FRESH, 1.0),
        (14.9, Use.FRESH, 1.0),
        (15.0, Use.SHIFTED, 1.0),
        (34.9, Use.SHIFTED, 3.0),
        (35.0, Use.HELD, None),
        (64.9, Use.HELD, None),
        (65.0, Use.OVER, None),
    ],
)
def test_an_old_plan_is_followed_then_held_then_given_up(age_s: float, use: Use, asked: float | None) -> None:
    found = wish(PLAN, 100.0 + age_s, LOOP)
    assert found.use is use
    assert (None if found.inputs is None else found.inputs[0]) == asked


def test_without_a_plan_nothing_is_asked() -> None:
    assert wish(None, 0.0, LOOP).use is Use.NONE
