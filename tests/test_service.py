"""Into service and out of it: the table of phases, the first-out, arming again, and a PLC that does not echo."""

from itertools import pairwise
from typing import Any

import pytest
from fakes import POLICY, Bench
from test_turn import ask, in_auto, what

from controller.cli.live import glance
from controller.cycle import Cause, Cycle, Mode, Phase
from controller.modes import SERVICE, Signal, step
from controller.tally import Tally
from plant_io import Setpoint

REENTRY = {"after": "10s", "times": 2}


def ready() -> Bench:
    bench = Bench()
    for _ in range(4):
        bench.cycle(plans=(bench.plan(9.0),))
    assert bench.loop.phase is Phase.READY
    return bench


def reentering(*moves: float) -> Bench:
    return in_auto(*moves, loops={"hold": {**POLICY["loops"]["hold"], "reentry": REENTRY}})


def blind(bench: Bench, cycles: int) -> list[Any]:
    """Take the evidence away for some time; plans come all the while."""
    bench.bad = {"Y"}
    found = [bench.cycle(plans=(bench.plan(5.0),)) for _ in range(cycles)]
    bench.bad = set()
    return found


def test_every_way_to_active_leads_through_init_or_hold() -> None:
    assert {before for (before, _), after in SERVICE.items() if after is Phase.ACTIVE} == {Phase.INIT, Phase.HOLD}
    assert {before for (before, _), after in SERVICE.items() if after is Phase.INIT} == {Phase.REQUEST}
    assert {before for (before, _), after in SERVICE.items() if after is Phase.HOLD} == {Phase.ACTIVE}


def test_only_arming_and_off_lead_out_of_shed() -> None:
    assert {signal: step(Phase.SHED, signal) for signal in Signal if step(Phase.SHED, signal) is not Phase.SHED} == {
        Signal.REARMED: Phase.READY,
        Signal.STOPPED: Phase.OFF,
    }


def test_a_loop_goes_into_service_one_phase_at_a_time_and_each_is_said() -> None:
    bench = ready()
    phases, said = [bench.loop.phase], []
    for orders in ((ask(Mode.AUTO),), (), (), ()):
        decision = bench.cycle(*orders, plans=(bench.plan(9.0),))
        phases.append(bench.loop.phase)
        said += [w for w in what(decision) if " to " in w]
        bench.values["SUP.STATE"] = 1.0
    assert phases == [Phase.READY, Phase.REQUEST, Phase.INIT, Phase.ACTIVE, Phase.ACTIVE]
    assert said == [f"hold: {a.value} to {b.value}" for a, b in pairwise(phases[:4])]


def test_in_init_nothing_moves_until_a_plan_begins_at_the_setpoints_in_force() -> None:
    bench = ready()
    bench.cycle(ask(Mode.AUTO))
    old = bench.plan(9.0)
    bench.values |= {"SUP.STATE": 1.0, "U_ACT": 7.0}
    begun = bench.cycle()
    assert bench.loop.phase is Phase.INIT
    assert [p.inputs.tolist() for p in begun.problems] == [[7.0]]
    for _ in range(3):
        decision = bench.cycle(plans=(old,))
        assert decision.setpoints == ()
        assert decision.handshake[-1].tag == "SUP.HEARTBEAT"
    assert bench.cycle(plans=(bench.plan(9.0),)).setpoints == (Setpoint("U", pytest.approx(7.1)),)


def test_evidence_lost_in_init_waits_and_does_not_move() -> None:
    bench = ready()
    bench.cycle(ask(Mode.AUTO))
    bench.values["SUP.STATE"] = 1.0
    bench.cycle()
    assert all(d.setpoints == () for d in blind(bench, 5))
    assert bench.loop.phase is Phase.INIT


def test_the_first_out_is_the_first_cause_and_what_comes_later_is_its_consequence() -> None:
    bench = in_auto(5.0)
    blind(bench, 23)
    (first,) = bench.loop.trips
    assert (first.release, first.sequence, first.cause) == (1, 1, Cause.BLIND)
    bench.values["SUP.STATE"] = 2.0
    decision = bench.cycle()
    assert "hold: and then a PLC fell back because it lost the heartbeat" in what(decision)
    assert [(t.sequence, t.cause) for t in decision.trips["hold"]] == [(1, Cause.BLIND), (2, Cause.LAPSED)]
    bench.values["SUP.SCAN"] = 0.0
    assert [t.cause for t in bench.cycle().trips["hold"]][2:] == [Cause.RESTARTED]
    assert len(bench.cycle().trips["hold"]) == 3


def test_causes_of_one_cycle_stand_in_the_order_of_the_table() -> None:
    bench = in_auto(5.0)
    bench.values |= {"SUP.STATE": 2.0, "SUP.SCAN": 0.0}
    assert [t.cause for t in bench.cycle().trips["hold"]] == [Cause.RESTARTED, Cause.LAPSED]


def test_the_first_out_is_kept_until_a_person_arms_the_loop_again() -> None:
    bench = in_auto(5.0)
    bench.values["SUP.STATE"] = 0.0
    assert [t.cause for t in bench.cycle().trips["hold"]] == [Cause.TAKEN_BACK]
    for order in (ask(Mode.SHADOW), ask(Mode.OFF), ask(Mode.SHADOW)):
        assert bench.cycle(order).trips["hold"][0].cause is Cause.TAKEN_BACK
    assert bench.cycle(ask(Mode.AUTO)).trips == {}


def test_a_second_release_has_the_next_number() -> None:
    bench = in_auto(5.0)
    for number in (1, 2):
        bench.values["SUP.STATE"] = 0.0
        assert bench.cycle().trips["hold"][0].release == number
        bench.values["SUP.STATE"] = 1.0
        bench.cycle(ask(Mode.AUTO), plans=(bench.plan(5.0),))
        for _ in range(6):
            bench.cycle(plans=(bench.plan(5.0),))
        assert bench.loop.phase is Phase.ACTIVE


def test_by_default_a_released_loop_never_goes_back_by_itself() -> None:
    bench = in_auto(5.0)
    blind(bench, 23)
    bench.values["SUP.STATE"] = 0.0
    bench.cycle()
    for _ in range(120):
        assert bench.cycle(plans=(bench.plan(5.0),)).handshake == ()
    assert (bench.loop.mode, bench.loop.phase) == (Mode.SHADOW, Phase.SHED)


def test_with_reentry_a_cause_that_has_passed_lets_the_loop_arm_itself_so_often_and_no_more() -> None:
    bench = reentering(5.0)
    said: list[str] = []
    for _ in range(3):
        blind(bench, 23)
        said += [w for _ in range(20) for w in what(bench.cycle(plans=(bench.plan(5.0),))) if "again" in w]
    assert [w for w in said if "arms itself" in w] == [
        f"hold: arms itself again, {n} of 2: evidence was missing for too long" for n in (1, 2)
    ]
    assert (bench.loop.mode, bench.loop.phase) == (Mode.SHADOW, Phase.SHED)
    bench.cycle(ask(Mode.AUTO))
    assert bench.loop.reentries == 0


def test_a_loop_that_arms_itself_goes_through_init_again() -> None:
    bench = reentering(5.0)
    blind(bench, 23)
    phases = [(bench.cycle(plans=(bench.plan(5.0),)), bench.loop.phase)[1] for _ in range(20)]
    ways = [b for a, b in pairwise(phases) if a is not b]
    assert ways == [Phase.REQUEST, Phase.INIT, Phase.ACTIVE]


@pytest.mark.parametrize("state", [0.0, 1.0], ids=["taken back by people", "not followed"])
def test_reentry_is_not_for_what_only_people_can_judge(state: float) -> None:
    bench = reentering(9.0)
    bench.values["SUP.STATE"] = state
    for _ in range(90):
        bench.cycle(plans=(bench.plan(9.0),))
    assert (bench.loop.mode, bench.loop.phase) == (Mode.SHADOW, Phase.SHED)


def test_reentry_does_not_outlive_an_order_for_shadow() -> None:
    bench = reentering(5.0)
    blind(bench, 23)
    bench.cycle(ask(Mode.SHADOW))
    for _ in range(60):
        bench.cycle(plans=(bench.plan(5.0),))
    assert (bench.loop.mode, bench.loop.phase) == (Mode.SHADOW, Phase.SHED)


def test_a_plc_that_scans_and_says_remote_but_echoes_no_beat_does_not_hear_us() -> None:
    bench = in_auto(5.0)
    bench.hears = False
    said = [w for _ in range(8) for w in what(bench.cycle())]
    assert said == ["hold: released to the PLC, mode shadow: a PLC no longer echoes the heartbeat"]
    assert [t.cause for t in bench.cycle().trips["hold"]] == [Cause.UNHEARD]


def test_an_echo_that_cannot_be_read_is_no_reason_to_doubt() -> None:
    bench = in_auto(5.0)
    bench.bad = {"SUP.ECHO"}
    for _ in range(30):
        bench.cycle(plans=(bench.plan(5.0),))
    assert bench.loop.phase is Phase.ACTIVE


def test_a_release_is_in_the_summary_of_the_run_and_in_the_line_of_status() -> None:
    bench, tally = in_auto(5.0), Tally(1.0)
    bench.values |= {"SUP.STATE": 2.0, "SUP.SCAN": 0.0}
    cycle = Cycle(0, bench.snapshot(), (), (), bench.cycle(), ())
    for _ in range(2):
        tally(cycle)
    at = cycle.decision.trips["hold"][0].at
    assert tally.summary([], [])["released"] == [
        {
            "loop": "hold",
            "release": 1,
            "first_out": {"at": at, "cause": "a PLC was restarted"},
            "then": [{"at": at, "cause": "a PLC fell back because it lost the heartbeat"}],
        }
    ]
    assert glance(cycle, bench.kit.policy).startswith("hold shadow/shed (a PLC was restarted)")
