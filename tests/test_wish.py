import numpy as np
import pytest
from fakes import POLICY

from controller.plan import Plan, Status
from controller.wish import Use, guess, wish
from policies import IpoptSettings, Policy

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


@pytest.mark.parametrize(
    ("age_s", "begun"),
    [(0.0, [0.0, 1.0, 2.0, 3.0, 4.0]), (10.0, [1.0, 2.0, 3.0, 4.0, 4.0]), (30.0, [3.0, 4.0, 4.0, 4.0, 4.0])],
)
def test_the_search_begins_with_the_last_plan_moved_up_to_now(age_s: float, begun: list[float]) -> None:
    assert guess(PLAN, 100.0 + age_s, LOOP).ravel().tolist() == begun


def test_after_some_failures_the_search_begins_afresh() -> None:
    assert guess(PLAN, 140.0, LOOP).size == 0  # three failures since
    assert guess(None, 100.0, LOOP).size == 0


def test_ipopt_begins_every_search_afresh() -> None:
    assert guess(PLAN, 110.0, LOOP.model_copy(update={"solver": IpoptSettings()})).size == 0
