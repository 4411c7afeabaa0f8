"""What is bad or does not follow leaves the problem, not the controller, and comes back without a bump."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pair import Pair

from controller.cycle import Cause, Mode, Order, Phase, SetMode
from controller.kit import prepare
from policies import load, shipped


def last(pair: Pair) -> list[float]:
    return pair.posed[-1].present.tolist()


def test_a_bad_controlled_variable_leaves_the_problem_and_the_rest_goes_on() -> None:
    pair = Pair().auto()
    pair.bad = {"P1.Y"}
    decision = pair.cycle(plans=(pair.plan(5.0, 9.0),))
    assert pair.loop.phase is Phase.ACTIVE
    assert decision.without == {"pair": ("y1",)}
    assert last(pair) == [0.0, 1.0]
    assert pair.said[-1] == "pair: goes on without y1: P1.Y (link_down)"
    assert [s.tag for s in pair.cycle().setpoints] == ["P2.SP"]


def test_it_comes_back_once_it_has_been_good_for_as_long_as_the_policy_wants() -> None:
    pair = Pair().auto()
    pair.bad = {"P1.Y"}
    pair.go(15, 5.0, 5.0)
    pair.bad = set()
    pair.go(2, 5.0, 5.0)
    assert pair.loop.absent["y1"].back is None
    pair.bad = {"P1.Y"}
    pair.go(1, 5.0, 5.0)
    pair.bad = set()
    pair.go(3, 5.0, 5.0)
    assert last(pair) == []
    assert pair.said.count("pair: y1 is part of the problem again") == 1
    assert pair.said.count("pair: goes on without y1: P1.Y (link_down)") == 1


def test_what_comes_back_is_led_to_its_target_from_where_it_is() -> None:
    pair = Pair().auto()
    pair.bad = {"P1.Y"}
    pair.go(5, 5.0, 5.0)
    pair.bad, pair.values["P1.Y"] = set(), 6.0
    pair.posed.clear()
    pair.go(60, 5.0, 5.0)
    led = [(p.targets[0], p.highest[0] if len(p.highest) else 4.0) for p in pair.posed if not len(p.present)]
    assert led == [(pytest.approx(target), limit) for target, limit in LED]
    assert pair.loop.absent == {}


LED = [(6.0, 6.0), (5.2, 6.0), (4.4, 6.0), (3.6, 6.0), (2.8, 6.0), (2.0, 4.0)]


def test_a_critical_controlled_variable_holds_the_loop_and_releases_it() -> None:
    pair = Pair(y1={"on_bad": "hold"}).auto()
    pair.bad = {"P1.Y"}
    pair.go(1, 5.0, 5.0)
    assert pair.loop.phase is Phase.HOLD
    pair.go(25, 5.0, 5.0)
    assert pair.loop.phase is Phase.SHED


def test_with_fewer_controlled_variables_than_it_needs_the_loop_holds() -> None:
    pair = Pair(needs={"controlled": 2}).auto()
    pair.bad = {"P2.Y"}
    pair.go(1, 5.0, 5.0)
    assert pair.loop.phase is Phase.HOLD
    pair.bad = set()
    pair.go(4, 5.0, 5.0)
    assert pair.loop.phase is Phase.ACTIVE


def test_without_any_controlled_variable_the_loop_holds() -> None:
    pair = Pair().auto()
    pair.bad = {"P1.Y", "P2.Y"}
    pair.go(1, 5.0, 5.0)
    assert pair.loop.phase is Phase.HOLD


def test_an_input_whose_plc_is_local_stays_where_it_is_while_the_other_moves() -> None:
    pair = Pair(u1={"on_lost": "drop"}).auto()
    pair.values["P1.STATE"] = 0.0
    pair.values["P1.ACT"] = 4.0
    decision = pair.cycle(plans=(pair.plan(9.0, 9.0),))
    assert (pair.loop.phase, decision.without) == (Phase.ACTIVE, {"pair": ("u1",)})
    assert [s.tag for s in decision.setpoints] == ["P2.SP"]
    problem = pair.posed[-1]
    assert (problem.low[0], problem.high[0]) == (4.0, 4.0)
    assert (problem.low[1], problem.high[1]) == (0.0, 10.0)
    assert pair.said[-1] == "pair: goes on without u1: its PLC, p1, does not take remote setpoints"


def test_a_local_input_comes_back_from_where_it_was_left_once_a_plan_knows() -> None:
    pair = Pair(u1={"on_lost": "drop"}).auto()
    old = pair.plan(9.0, 5.0)
    pair.values["P1.STATE"] = 0.0
    pair.go(5, 9.0, 5.0)
    pair.values |= {"P1.STATE": 1.0, "P1.ACT": 4.0}
    for _ in range(6):
        assert all(s.tag != "P1.SP" for s in pair.cycle(plans=(old,)).setpoints)
    assert pair.loop.idle["u1"].back is not None
    assert pair.posed[-1].inputs[0] == 4.0
    assert (pair.posed[-1].low[0], pair.posed[-1].high[0]) == (0.0, 10.0)
    (moved,) = pair.cycle(plans=(pair.plan(9.0, 5.0),)).setpoints
    assert (moved.tag, moved.value) == ("P1.SP", pytest.approx(4.1))
    assert "pair: u1 is part of the problem again" in pair.said


def test_the_plc_that_is_away_is_asked_again_all_the_while() -> None:
    pair = Pair(u1={"on_lost": "drop"}).auto()
    pair.values["P1.STATE"] = 0.0
    said = {s.tag for decision in pair.go(3, 5.0, 5.0) for s in decision.handshake}
    assert {"P1.ARM", "P1.HEARTBEAT"} <= said


def test_an_input_the_policy_needs_releases_the_loop_when_its_plc_is_local() -> None:
    pair = Pair(u1={"on_lost": "drop"}).auto()
    pair.values["P2.STATE"] = 0.0
    pair.go(1, 5.0, 5.0)
    assert pair.loop.phase is Phase.SHED


def test_with_fewer_inputs_than_it_needs_the_loop_is_released() -> None:
    pair = Pair(u1={"on_lost": "drop"}, u2={"on_lost": "drop"}, needs={"moved": 2}).auto()
    pair.values["P1.STATE"] = 0.0
    pair.go(1, 5.0, 5.0)
    assert pair.loop.phase is Phase.SHED


def test_an_input_without_a_read_back_leaves_and_holds_nobody_up() -> None:
    pair = Pair(u1={"on_lost": "drop"}).auto()
    pair.bad = {"P1.ACT"}
    decision = pair.cycle(plans=(pair.plan(9.0, 9.0),))
    assert [s.tag for s in decision.setpoints] == ["P2.SP"]
    assert pair.said[-1] == "pair: goes on without u1: P1.ACT (link_down)"


def test_a_whole_plc_that_is_silent_is_done_without_where_the_policy_lets_it() -> None:
    pair = Pair(u1={"on_lost": "drop"}).auto()
    pair.bad = {name for name in pair.values if name.startswith("P1.")}
    decision = pair.go(30, 5.0, 9.0)[-1]
    assert pair.loop.phase is Phase.ACTIVE
    assert decision.without == {"pair": ("u1", "y1")}
    assert not any(s.tag.startswith("P1.") for s in (*decision.setpoints, *decision.handshake))


def test_a_plc_that_takes_nothing_costs_its_input_only() -> None:
    pair = Pair(u1={"on_lost": "drop"}).auto()
    pair.deaf = {"P1"}
    pair.go(10, 9.0, 9.0)
    assert pair.loop.phase is Phase.ACTIVE
    assert "P1.SP: wrote 5.1, the PLC shows 5" in pair.said
    assert "pair: goes on without u1: its PLC takes nothing" in pair.said
    assert pair.posed[-1].high[0] == pair.posed[-1].low[0] == 5.0
    assert pair.values["P2.ACT"] > 5.5


def test_the_plc_of_an_idle_input_may_be_restarted_without_releasing_the_loop() -> None:
    pair = Pair(u1={"on_lost": "drop"}).auto()
    pair.values["P1.SCAN"] = 0.0
    pair.values["P1.STATE"] = 0.0
    pair.go(3, 5.0, 9.0)
    assert pair.loop.phase is Phase.ACTIVE
    assert pair.loop.idle.keys() == {"u1"}


def test_what_was_asked_of_a_plc_that_went_away_says_nothing_of_what_it_takes() -> None:
    pair = Pair(u1={"on_lost": "drop"}).auto()
    pair.deaf = {"P1"}
    pair.go(2, 9.0, 5.0)
    assert [each.setpoint.tag for each in pair.loop.pending] == ["P1.SP"]
    pair.deaf, pair.values["P1.STATE"] = set(), 0.0
    pair.go(10, 9.0, 5.0)
    pair.values["P1.STATE"] = 1.0
    pair.go(15, 9.0, 5.0)
    assert pair.loop.idle == {}
    assert pair.values["P1.ACT"] > 5.2


def test_a_bridge_over_a_new_gap_is_no_evidence_that_a_variable_is_back() -> None:
    pair = Pair()
    loop = replace(pair.kit.loops["pair"], bridges={"P1.Y": 5.0})
    pair.kit = replace(pair.kit, loops={"pair": loop})
    pair.auto()
    pair.bad = {"P1.Y"}
    pair.go(10, 5.0, 5.0)
    pair.bad = set()
    pair.go(1, 5.0, 5.0)
    pair.bad = {"P1.Y"}
    pair.go(4, 5.0, 5.0)
    assert pair.loop.absent["y1"].back is None
    assert last(pair) == [0.0, 1.0]


LED_BY = {"tag": "P1.LOOP", "shows": 2.0}


def test_an_input_whose_loop_somebody_took_stays_where_it_is() -> None:
    pair = Pair(u1={"on_lost": "drop", "follows": LED_BY}).auto()
    pair.values["P1.LOOP"] = 1.0
    decision = pair.cycle(plans=(pair.plan(9.0, 9.0),))
    assert [s.tag for s in decision.setpoints] == ["P2.SP"]
    assert pair.said[-1] == "pair: goes on without u1: P1.LOOP shows 1"


def test_a_loop_somebody_took_releases_a_controller_that_needs_it() -> None:
    pair = Pair(u1={"follows": LED_BY}).auto()
    pair.values["P1.LOOP"] = 1.0
    pair.cycle()
    assert pair.loop.phase is Phase.SHED
    assert pair.loop.trips[0].cause is Cause.NOT_FOLLOWED


def test_a_mode_that_cannot_be_read_is_missing_evidence_and_no_reason_to_let_go_at_once() -> None:
    pair = Pair(u1={"follows": LED_BY}).auto()
    pair.bad = {"P1.LOOP"}
    pair.go(3, 5.0, 5.0)
    assert pair.loop.phase is Phase.HOLD
    assert "pair: no evidence from P1.LOOP (link_down)" in pair.said


def test_a_link_that_is_lost_holds_a_loop_whose_inputs_are_all_behind_it() -> None:
    spare = {"on_lost": "drop"}
    pair = Pair(u1=spare | {"follows": LED_BY}, u2=spare | {"follows": {"tag": "P2.LOOP", "shows": 2.0}}).auto()
    pair.bad = set(pair.values)
    pair.go(3, 5.0, 5.0)
    assert pair.loop.phase is Phase.HOLD


def test_before_it_is_in_service_a_loop_needs_all_its_plcs() -> None:
    pair = Pair(u1={"on_lost": "drop"})
    pair.go(4, 5.0, 5.0)
    pair.cycle(Order("ana", "start", SetMode("pair", Mode.AUTO)))
    pair.values["P2.STATE"] = 1.0
    pair.go(10, 5.0, 5.0)
    assert pair.loop.phase is Phase.REQUEST


def test_off_forgets_what_was_done_without() -> None:
    pair = Pair().auto()
    pair.bad = {"P1.Y"}
    pair.go(3, 5.0, 5.0)
    decision = pair.cycle(Order("ana", "end", SetMode("pair", Mode.OFF)))
    assert decision.without == {}


def test_equal_cycles_give_equal_decisions_while_something_is_out() -> None:
    def run() -> list[object]:
        pair = Pair(u1={"on_lost": "drop"}).auto()
        pair.bad, pair.values["P1.STATE"] = {"P2.Y"}, 0.0
        return pair.go(8, 5.0, 9.0)

    assert run() == run()


def test_line_c_does_not_go_on_without_the_impurities_it_keeps_below_their_limits() -> None:
    kit = prepare(load(shipped("c"))).loops["synthesis"]
    limited = {name for name, one in kit.declared.controlled.items() if one.target is None}
    assert len(limited) >= 7
    assert not kit.drops & limited
