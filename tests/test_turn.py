"""Modes, phases and the way from a plan to a write, on a toy loop."""

from dataclasses import replace
from math import nan
from typing import Any

import pytest
from fakes import POLICY, Bench

from controller.cycle import Accept, Mode, Order, Phase, SetMode
from controller.plan import Status
from plant_io import Setpoint


def ask(mode: Mode) -> Order:
    return Order("ana", "start of shift", SetMode("hold", mode))


def in_auto(*moves: float, **changes: object) -> Bench:
    """A bench whose loop is ACTIVE with a plan made in its last cycle."""
    bench = Bench(**changes)
    for _ in range(4):
        bench.cycle()
    bench.cycle(plans=(bench.plan(*(moves or (5.0,))),))
    bench.cycle(ask(Mode.AUTO))
    bench.values["SUP.STATE"] = 1.0
    bench.cycle()
    assert bench.loop.phase is Phase.INIT
    bench.cycle(plans=(bench.plan(*(moves or (5.0,))),))
    assert bench.loop.phase is Phase.ACTIVE
    return bench


def what(decision: Any) -> list[str]:
    return [event.what for event in decision.events]


def test_nothing_is_written_until_someone_asks() -> None:
    bench = Bench()
    for _ in range(5):
        decision = bench.cycle(plans=(bench.plan(9.0),))
        assert decision.setpoints == decision.handshake == ()
    assert bench.loop.mode is Mode.SHADOW
    assert bench.loop.phase is Phase.READY


def test_an_order_names_the_person_and_the_reason() -> None:
    (event,) = (e for e in Bench().cycle(ask(Mode.AUTO)).events if e.who == "ana")
    assert event.what == "hold: mode auto asked for: start of shift"


def test_auto_waits_for_evidence_a_plan_and_the_plc() -> None:
    bench = Bench()
    assert bench.cycle(ask(Mode.AUTO)).handshake == ()
    phases = [(bench.cycle(plans=(bench.plan(9.0),)), bench.loop.phase)[1] for _ in range(4)]
    assert phases == [Phase.OFF, Phase.READY, Phase.REQUEST, Phase.REQUEST]
    decision = bench.cycle()
    assert [s.tag for s in decision.handshake] == ["SUP.ARM", "SUP.HEARTBEAT"]
    assert decision.setpoints == ()


def test_entry_is_bumpless_and_the_first_move_no_faster_than_the_rate() -> None:
    bench = in_auto(9.0)
    decision = bench.cycle()
    assert decision.setpoints == (Setpoint("U", pytest.approx(5.1)),)


def test_the_heartbeat_comes_last_and_changes_every_cycle() -> None:
    bench = in_auto(9.0)
    beats = [bench.cycle().handshake[-1] for _ in range(3)]
    assert {b.tag for b in beats} == {"SUP.HEARTBEAT"}
    assert len({b.value for b in beats}) == 3


def test_lost_evidence_holds_and_is_said_once_each_way() -> None:
    bench = in_auto(9.0)
    bench.bad = {"Y"}
    first, second = bench.cycle(), bench.cycle()
    assert first.setpoints == second.setpoints == ()
    assert what(first) == ["hold: active to hold", "hold: no evidence from Y (link_down)"]
    assert what(second) == []
    bench.bad = set()
    assert what(bench.cycle()) == ["hold: hold to active", "hold: evidence is complete again"]


def test_evidence_lost_for_too_long_releases_the_loop_and_a_person_must_ask_again() -> None:
    bench = in_auto(5.0)
    bench.bad = {"Y"}
    said = [w for _ in range(23) for w in what(bench.cycle(plans=(bench.plan(5.0),)))]
    assert "hold: released to the PLC, mode shadow: evidence was missing for too long" in said
    bench.bad = set()
    for _ in range(10):
        assert bench.cycle(plans=(bench.plan(9.0),)).setpoints == ()
    assert bench.loop.phase is Phase.SHED


def test_a_released_loop_tells_the_plc_until_the_plc_shows_it() -> None:
    bench = in_auto(9.0)
    first = bench.cycle(ask(Mode.SHADOW))
    assert first.handshake == (Setpoint("SUP.ARM", 0.0),)
    bench.values["SUP.STATE"] = 0.0
    bench.cycle()
    assert bench.cycle().handshake == ()


def test_a_plc_that_takes_its_setpoints_back_releases_the_loop() -> None:
    bench = in_auto(9.0)
    bench.values["SUP.STATE"] = 2.0
    decision = bench.cycle()
    assert decision.setpoints == ()
    assert bench.loop.mode is Mode.SHADOW
    assert bench.loop.phase is Phase.SHED


def test_a_restarted_plc_means_init_not_auto() -> None:
    bench = in_auto(9.0)
    bench.values["SUP.SCAN"] = 0.0
    decision = bench.cycle()
    assert decision.setpoints == decision.handshake == ()
    assert (bench.loop.mode, bench.loop.phase) == (Mode.SHADOW, Phase.SHED)
    assert "PLC behind connection plc was restarted" in what(decision)


def test_nothing_at_all_is_written_to_a_plc_that_is_not_heard() -> None:
    bench = in_auto(9.0)
    bench.bad = set(bench.values)
    decision = bench.cycle()
    assert decision.setpoints == decision.handshake == ()


def test_the_scan_counter_may_wrap() -> None:
    bench = in_auto(9.0)
    bench.values["SUP.SCAN"] = 2.0**32 - 3
    bench.cycle()
    bench.values["SUP.SCAN"] = -1.0
    bench.cycle()
    assert bench.loop.phase is Phase.ACTIVE


def test_an_old_plan_is_shifted_then_held_then_the_loop_is_released_and_each_is_said_once() -> None:
    bench = in_auto(*range(1, 10))
    said: list[str] = []
    for _ in range(90):
        decision = bench.cycle()
        bench.values["U_ACT"] = decision.setpoints[0].value if decision.setpoints else bench.values["U_ACT"]
        said += what(decision)
    assert said == [
        "hold: followed further, no new plan has come",
        "hold: setpoints stand still, no new plan has come",
        "hold: released to the PLC, mode shadow: no plan came for too long",
    ]


def test_a_failed_plan_is_said_once_and_its_numbers_are_never_used() -> None:
    bench = in_auto(5.0)
    failed = bench.plan(status=Status.FAILED)
    first, second = bench.cycle(plans=(failed,)), bench.cycle(plans=(failed,))
    assert what(first) == ["hold: plan 1 failed: no reason"]
    assert what(second) == []
    assert what(bench.cycle(plans=(bench.plan(5.0),))) == ["hold: solved again"]


def test_numbers_that_are_none_in_a_plan_are_never_written() -> None:
    bench = in_auto(9.0)
    written = [s.value for _ in range(3) for s in bench.cycle(plans=(bench.plan(nan),)).setpoints]
    assert written == [pytest.approx(5.1)] * 3


def test_numbers_that_are_none_from_the_plant_are_never_written() -> None:
    bench = in_auto(9.0)
    bench.values["U_ACT"] = nan
    assert bench.cycle().setpoints == ()


def test_a_write_is_confirmed_by_the_next_read_back() -> None:
    bench = in_auto(9.0)
    (asked,) = bench.cycle().setpoints
    bench.values["U_ACT"] = asked.value
    assert bench.cycle().confirmed == (asked,)


def test_a_write_the_plc_does_not_follow_is_told() -> None:
    bench = in_auto(9.0)
    said = [w for _ in range(8) for w in what(bench.cycle())]
    assert said == [
        "U: wrote 5.1, the PLC shows 5",
        "hold: released to the PLC, mode shadow: a PLC did not follow what was written",
    ]


def test_a_plc_that_follows_slowly_is_not_given_up() -> None:
    bench = in_auto(9.0)
    for _ in range(12):
        bench.cycle()
        bench.values["U_ACT"] += 0.02
    assert bench.loop.phase is Phase.ACTIVE


def test_a_plc_whose_scan_counter_stands_still_has_stopped_whatever_its_server_answers() -> None:
    bench = in_auto(9.0)
    said: list[str] = []
    for _ in range(30):
        bench.values["SUP.SCAN"] -= 2.0
        decision = bench.cycle()
        bench.values["U_ACT"] = decision.setpoints[0].value if decision.setpoints else bench.values["U_ACT"]
        said += what(decision)
    assert "hold: no evidence from the PLC behind plc (not heard, or stopped)" in said
    assert "hold: released to the PLC, mode shadow: evidence was missing for too long" in said
    assert decision.setpoints == decision.handshake == ()


def test_an_accepted_proposal_does_not_outlive_the_permission_to_move() -> None:
    bench = in_auto(5.3)
    bench.cycle(ask(Mode.ADVISORY))
    bench.cycle(plans=(bench.plan(5.3),))
    bench.bad = {"Y"}
    bench.cycle(Order("ana", "looks right", Accept("hold", bench.loop.proposal.at)))
    bench.bad = set()
    assert all(bench.cycle().setpoints == () for _ in range(5))


def test_off_forgets_what_was_believed_and_auto_begins_anew() -> None:
    bench = in_auto(5.0)
    bench.cycle(ask(Mode.OFF))
    for _ in range(30):
        bench.cycle()
    bench.cycle(ask(Mode.AUTO))
    assert bench.loop.phase is Phase.OFF
    assert bench.loop.plan is None
    assert bench.loop.settled == 1


def test_a_value_found_outside_the_limits_does_not_turn_the_bounds_round() -> None:
    declared = {**POLICY["loops"]["hold"], "authority": 0.1}
    bench = in_auto(5.0, loops={"hold": declared})
    bench.state = replace(bench.state, loops={"hold": replace(bench.loop, anchors={"u": 15.0})})
    problems = [p for _ in range(20) for p in bench.cycle().problems]
    assert problems
    assert all(p.low[0] <= p.high[0] for p in problems)


def test_advisory_moves_only_what_was_accepted() -> None:
    bench = in_auto(5.3)
    bench.cycle(ask(Mode.ADVISORY))
    decision = bench.cycle(plans=(bench.plan(5.3),))
    assert decision.setpoints == ()
    assert [offer.moves for offer in decision.proposals] == [{"U": 5.3}]
    stale = Order("ana", "looks right", Accept("hold", 1.0))
    assert bench.cycle(stale).setpoints == ()
    order = Order("ana", "looks right", Accept("hold", bench.loop.proposal.at))
    values = []
    for orders in ((order,), (), (), ()):
        decision = bench.cycle(*orders)
        values += [s.value for s in decision.setpoints]
        bench.values["U_ACT"] = values[-1]
    assert values == [pytest.approx(v) for v in (5.1, 5.2, 5.3)]
    assert bench.loop.proposal is None


def test_problems_are_posed_on_the_sample_grid_with_inputs_as_read_back() -> None:
    bench = Bench()
    posed = [bench.cycle().problems for _ in range(25)]
    assert [i for i, p in enumerate(posed) if p] == [0, 10, 20]
    assert posed[10][0].inputs.tolist() == [5.0]


def test_a_request_that_is_given_up_is_not_said_to_be_granted() -> None:
    bench = Bench()
    for _ in range(4):
        bench.cycle(plans=(bench.plan(5.0),))
    bench.cycle(ask(Mode.AUTO), plans=(bench.plan(5.0),))
    said = [w for _ in range(10) for w in what(bench.cycle(plans=(bench.plan(5.0),)))]
    assert said == ["hold: a PLC does not grant remote setpoints"]
    bench.bad = {"Y"}
    assert what(bench.cycle()) == ["hold: request to off", "hold: no evidence from Y (link_down)"]


def test_what_ends_because_the_loop_is_off_is_not_said_to_have_become_good() -> None:
    bench = in_auto(9.0)
    bench.bad = {"Y"}
    assert "hold: no evidence from Y (link_down)" in what(bench.cycle())
    assert what(bench.cycle(ask(Mode.OFF))) == ["hold: mode off asked for: start of shift"]


def test_equal_arguments_give_equal_decisions() -> None:
    one, two = in_auto(9.0), in_auto(9.0)
    for _ in range(5):
        assert one.cycle() == two.cycle()


def test_a_plc_that_does_not_grant_remote_setpoints_is_shown_a_rising_arm_word() -> None:
    bench = Bench()
    for _ in range(4):
        bench.cycle(plans=(bench.plan(5.0),))
    arms = [bench.cycle(*((ask(Mode.AUTO),) if i == 0 else ())).handshake[0].value for i in range(10)]
    assert arms.count(0.0) == 1
    bench.values["SUP.STATE"] = 1.0
    assert {bench.cycle(plans=(bench.plan(5.0),)).handshake[0].value for _ in range(20)} == {1.0}
