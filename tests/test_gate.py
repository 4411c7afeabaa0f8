"""A plan is looked at before it is believed, whatever its solver says of it."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from pair import Pair

from controller.plan import Plan, Status

WRONG = [
    ([[5.0, nan]], "it holds a number that is not finite"),
    ([[5.0, 5.0], [inf, 5.0]], "it holds a number that is not finite"),
    ([[5.0, 10.1]], "it leaves the limits of the inputs"),
    ([[-0.1, 5.0]], "it leaves the limits of the inputs"),
    ([[5.0, 5.0], [6.1, 5.0]], "it moves an input further than is permitted"),
    ([[5.0]], "it does not have an input for each that is moved"),
    ([], "it does not have an input for each that is moved"),
]


def solved(pair: Pair, rows: list[list[float]]) -> Plan:
    moves = np.array(rows, dtype=float).reshape(len(rows), -1) if rows else np.empty((0, 0))
    return Plan("pair", 7, pair.at, Status.SOLVED, moves, np.zeros((len(rows) + 1, 2)))


@pytest.mark.parametrize(("rows", "why"), WRONG)
def test_a_plan_that_cannot_be_right_is_none_and_the_last_one_is_followed_further(
    rows: list[list[float]], why: str
) -> None:
    pair = Pair().auto(6.0, 5.0)
    before = pair.loop.plan
    decision = pair.cycle(plans=(solved(pair, rows),))
    assert pair.loop.plan is before
    assert pair.said[-1] == f"pair: plan 7 failed: {why}"
    assert [s.tag for s in decision.setpoints] == ["P1.SP"]


def test_a_plan_may_begin_outside_the_limits_where_its_input_was_found_there() -> None:
    pair = Pair().auto()
    pair.values["P1.ACT"] = 12.0
    pair.go(1)
    pair.cycle(plans=(solved(pair, [[11.0, 5.0], [10.0, 5.0]]),))
    assert pair.loop.plan.number == 7


def test_wrong_plans_alone_lead_to_the_release_of_the_loop() -> None:
    pair = Pair().auto()
    for _ in range(90):
        pair.cycle(plans=(solved(pair, [[nan, nan]]),))
    assert pair.loop.phase.value == "shed"
    assert pair.said.count("pair: plan 7 failed: it holds a number that is not finite") == 1
