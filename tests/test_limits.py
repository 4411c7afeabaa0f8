"""What people may set while a loop runs: limits inside those of the policy, and targets that are numbers."""

from __future__ import annotations

import pytest
from linear_plant import Led
from pair import Pair

from controller.cycle import Mode, Order, SetLimits, SetMode, SetTarget
from controller.records import codec


def limits(name: str, *span: float) -> Order:
    return Order("ana", "shift", SetLimits("pair", name, (span[0], span[1]) if span else None))


def target(name: str, value: float | None) -> Order:
    return Order("ana", "shift", SetTarget("pair", name, value))


def test_limits_of_an_input_bind_the_next_problem_at_once() -> None:
    pair = Pair().auto()
    decision = pair.cycle(limits("u1", 4.0, 6.0))
    (problem,) = decision.problems
    assert (problem.low.tolist(), problem.high.tolist()) == ([4.0, 0.0], [6.0, 10.0])
    assert decision.limits == {"pair": {"u1": (4.0, 6.0)}}
    assert pair.said[-1] == "pair: limits of u1 set to 4 to 6 1: shift"


def test_they_bind_a_plan_made_before_them() -> None:
    pair = Pair().auto()
    pair.cycle(limits("u1", 4.0, 5.2))
    pair.go(6, 9.0, 5.0)
    assert pair.values["P1.ACT"] == pytest.approx(5.2)


def test_an_input_outside_new_limits_goes_back_no_faster_than_plans_take_it() -> None:
    pair = Pair().auto()
    pair.cycle(limits("u1", 1.0, 2.0))
    pair.go(3)
    assert pair.values["P1.ACT"] == 5.0
    pair.go(30, 4.0, 5.0)
    assert pair.values["P1.ACT"] == pytest.approx(4.0)


def test_cleared_limits_are_those_of_the_policy_and_nothing_moves_by_it() -> None:
    pair = Pair().auto()
    pair.cycle(limits("u1", 4.0, 6.0))
    decision = pair.cycle(limits("u1"))
    assert (decision.limits, decision.setpoints) == ({}, ())
    assert decision.problems[0].high.tolist() == [10.0, 10.0]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (limits("u1", -1.0, 6.0), "limits -1 to 6 of u1 refused, expected limits within 0 to 10 1"),
        (limits("u1", 6.0, 4.0), "limits 6 to 4 of u1 refused, expected the lower value first and the higher second"),
        (limits("u1", 4.0, float("nan")), "limits 4 to nan of u1 refused, expected the lower value first"),
        (limits("y1", 2.5, 3.0), "limits 2.5 to 3 of y1 refused, its target of 2 would lie outside"),
        (limits("z", 2.5, 3.0), "limits refused, z is neither moved nor controlled here"),
        (target("y1", 9.0), "target 9 of y1 refused, expected a number within 0 to 4 1"),
        (target("y1", float("nan")), "target nan of y1 refused, expected a number within 0 to 4 1"),
        (target("u1", 1.0), "target refused, u1 is not controlled here"),
    ],
)
def test_what_is_outside_is_refused_and_said(order: Order, said: str) -> None:
    pair = Pair().auto()
    decision = pair.cycle(order)
    (event,) = (event for event in decision.events if event.who == "ana")
    assert event.what.startswith(f"pair: {said}")
    assert (decision.limits, decision.targets) == ({}, {})


def test_limits_of_a_controlled_variable_go_to_the_solver() -> None:
    pair = Pair().auto()
    (problem,) = pair.cycle(limits("y1", 1.5, 2.5)).problems
    assert (problem.lowest.tolist(), problem.highest.tolist()) == ([1.5, 0.0], [2.5, 4.0])


def test_a_target_is_set_within_the_limits_people_have_set() -> None:
    pair = Pair().auto()
    pair.cycle(limits("y1", 1.5, 2.5))
    assert pair.cycle(target("y1", 3.0)).targets == {}
    decision = pair.cycle(target("y1", 2.4))
    assert decision.targets == {"pair": {"y1": 2.4}}
    assert decision.problems[0].targets.tolist() == [2.4, 2.0]
    assert pair.cycle(target("y1", None)).problems[0].targets.tolist() == [2.0, 2.0]


def test_what_people_have_set_outlives_a_release_and_a_new_start_of_the_loop() -> None:
    pair = Pair().auto()
    pair.cycle(limits("u1", 4.0, 6.0))
    pair.cycle(Order("ana", "rest", SetMode("pair", Mode.OFF)))
    assert pair.go(3, 5.0, 5.0)[-1].limits == {"pair": {"u1": (4.0, 6.0)}}


def test_a_target_that_a_tag_shows_is_set_there_and_not_here() -> None:
    led = Led().auto()
    led.cycle(Order("ana", "try", SetTarget("column", "xd", 0.1)))
    assert "column: target of xd refused, it comes from SP.xD: try" in led.said


def test_orders_come_back_from_the_record_as_they_were() -> None:
    for order in (limits("u1", 4.0, 6.0), limits("u1"), target("y1", 2.4), target("y1", None)):
        assert codec.order(codec.unpack(codec.pack(order))) == order


def test_a_loop_of_transfer_functions_keeps_its_product_within_limits_people_set() -> None:
    led = Led().auto()
    led.samples(4)
    led.plant.targets |= {"xD": 0.75, "xB": 0.5}
    led.samples(30)
    before = led.plant.moved["R"]
    assert before > 0.02
    led.cycle(Order("ana", "reflux pump", SetLimits("column", "r", (-0.6, 0.02))))
    moves = []
    for _ in range(30):
        led.sample()
        moves.append(led.plant.moved["R"])
    steps = [abs(b - a) for a, b in zip([before, *moves], moves, strict=False)]
    assert moves[-1] <= 0.02 + 1e-6
    assert max(steps) <= 0.2 + 1e-9
