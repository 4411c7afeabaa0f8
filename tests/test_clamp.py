"""A PLC that does not take a setpoint in full: what it takes is a limit, for as long as it clamps."""

from __future__ import annotations

import pytest
from pair import Pair

from controller.cycle import Mode, Order, Phase, SetMode
from plant_io import Setpoint


def clamped(high: float = 5.3, **changes: object) -> Pair:
    """A loop that has driven its first input into the limit of its PLC."""
    pair = Pair(**changes).auto()
    pair.most["P1"] = (-1.0, high)
    pair.go(15, 9.0, 5.0)
    return pair


def test_what_the_plc_takes_becomes_the_limit_of_the_next_problems_and_is_told_once() -> None:
    pair = clamped()
    pair.go(40, 9.0, 5.0)
    assert pair.loop.phase is Phase.ACTIVE
    assert pair.said.count("P1.SP: wrote 5.4, the PLC takes no more than 5.3") == 1
    assert pair.posed[-1].high[0] == pytest.approx(5.3)
    assert pair.posed[-1].inputs[0] == pytest.approx(5.3)


def test_the_other_direction_stays_free() -> None:
    pair = clamped()
    pair.go(3, 4.0, 5.0)
    assert pair.values["P1.ACT"] == pytest.approx(5.0)
    assert pair.loop.phase is Phase.ACTIVE


def test_it_is_asked_for_a_little_more_once_a_sample_and_for_no_more() -> None:
    pair = clamped()
    written = [s for d in pair.go(20, 9.0, 5.0) for s in d.setpoints if s.tag == "P1.SP"]
    assert written == [Setpoint("P1.SP", pytest.approx(5.302))] * 2


def test_a_plc_that_takes_more_again_is_believed_and_the_input_goes_on_at_its_rate() -> None:
    pair = clamped()
    pair.most["P1"] = (-1.0, 100.0)
    before = pair.values["P1.ACT"]
    pair.go(12, 9.0, 5.0)
    assert "P1.SP: the PLC takes more than 5.3 again" in pair.said
    assert pair.loop.closed == {}
    steps = []
    for _ in range(5):
        before = pair.values["P1.ACT"]
        pair.go(1, 9.0, 5.0)
        steps.append(pair.values["P1.ACT"] - before)
    assert steps == [pytest.approx(0.1)] * 5


def test_a_plc_that_follows_in_neither_direction_does_not_follow() -> None:
    pair = clamped()
    pair.deaf = {"P1"}
    pair.go(12, 4.0, 5.0)
    assert pair.loop.phase is Phase.SHED
    assert "P1.SP: wrote 5.2, the PLC shows 5.3" in pair.said


def test_a_policy_may_want_to_be_released_by_a_clamp() -> None:
    pair = clamped(u1={"on_clamp": "release"})
    assert pair.loop.phase is Phase.SHED


def test_to_take_over_again_is_to_know_nothing_of_clamps() -> None:
    pair = clamped()
    pair.cycle(Order("ana", "look", SetMode("pair", Mode.SHADOW)))
    assert pair.loop.closed == {}
    assert pair.loop.took == frozenset()


def test_what_a_plc_took_before_it_was_local_says_nothing_of_what_it_takes_after() -> None:
    pair = clamped(u1={"on_lost": "drop"})
    pair.values["P1.STATE"] = 0.0
    pair.go(2, 9.0, 5.0)
    assert pair.loop.closed == {}
