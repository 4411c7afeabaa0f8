"""The life cycle of an alarm is a table without gaps, and the cycle takes alarms through it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest
from fakes import Bench

from controller.alarms.lifecycle import KEPT, REFUSED, TABLE, AlarmEvent, AlarmState, after
from controller.alarms.state import Alarm
from controller.cycle import Attention, CarryAlarms, HandleAlarm, Mode, Order, SetMode
from controller.records import codec

_LIMIT: dict[str, Any] = {
    "tag": "Y",
    "unit": "1",
    "high": 3.0,
    "dead_band": 0.5,
    "response": "Lower it.",
    "priority": "high",
}
_STANDING = frozenset({AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED})
_OVER = frozenset(
    {
        AlarmState.NORMAL,
        AlarmState.RETURNED,
        AlarmState.LATCHED_UNACKNOWLEDGED,
        AlarmState.LATCHED_ACKNOWLEDGED,
    }
)


class Watched(Bench):
    """The toy loop with alarms."""

    def __init__(self, **more: Any) -> None:
        limit = _LIMIT | {key: value for key, value in more.items() if key not in {"quality", "links", "watches"}}
        rest: dict[str, Any] = {key: more[key] for key in ("quality", "links", "watches") if key in more}
        alarms: dict[str, Any] = {"limits": {"y_high": limit}, **rest}
        super().__init__(alarms=alarms)
        self.changes: list[tuple[str, str]] = []
        self.said: list[str] = []

    def cycle(self, *orders: Any, **news: Any) -> Any:
        decision = super().cycle(*orders, **news)
        self.changes += [(str(one.event), str(one.alarm.state)) for one in decision.alarms]
        self.said += [event.what for event in decision.events if event.who != "controller"]
        return decision

    def go(self, cycles: int = 1, **values: float) -> Any:
        self.values |= values
        return [self.cycle() for _ in range(cycles)][-1]

    def order(self, attention: str, for_s: float | None = None, why: str = "shift", name: str = "y_high") -> Any:
        return self.cycle(Order("ana", why, HandleAlarm(name, Attention(attention), for_s)))

    @property
    def alarms(self) -> Mapping[str, Alarm]:
        return self.state.alarms.alarms

    def where(self) -> AlarmState:
        return self.alarms["y_high"].state if "y_high" in self.alarms else AlarmState.NORMAL


def test_every_pair_of_state_and_event_leads_somewhere_or_is_refused_with_one_sentence() -> None:
    pairs = set(product(AlarmState, AlarmEvent))
    assert set(TABLE) | set(REFUSED) == pairs
    assert not set(TABLE) & set(REFUSED)
    assert all(sentence and sentence == sentence.strip(" .") for sentence in REFUSED.values())


@pytest.mark.parametrize(("state", "event"), list(product(AlarmState, AlarmEvent)))
def test_what_follows_fits_the_condition(state: AlarmState, event: AlarmEvent) -> None:
    begins = {AlarmEvent.RAISED: True, AlarmEvent.WORSENED: True, AlarmEvent.CLEARED: False, AlarmEvent.LATCHED: False}
    known = True if state in _STANDING else False if state in _OVER else None
    for stands in {begins[event]} if event in begins else {known} if known is not None else {True, False}:
        found = after(state, event, stands=bool(stands))
        assert found is None or found in KEPT or found in (_STANDING if stands else _OVER)


def test_every_state_is_reached_from_normal_and_leads_back_to_it() -> None:
    ways = {(state, nxt) for (state, _), found in TABLE.items() for nxt in found}
    for begin, edges in ((AlarmState.NORMAL, ways), (AlarmState.NORMAL, {(b, a) for a, b in ways})):
        reached = {begin}
        while more := {b for a, b in edges if a in reached} - reached:
            reached |= more
        assert reached == set(AlarmState)


def test_whatever_is_done_in_whatever_order_state_and_condition_agree() -> None:
    rng, bench = np.random.default_rng(11), Watched(latching=True, on_delay="2s", off_delay="2s")
    acts = [*Attention]
    for _ in range(2000):
        bench.values["Y"] = float(rng.choice([1.0, 4.0]))
        attention = acts[int(rng.integers(len(acts)))]
        bench.order(attention, 5.0 if attention is Attention.SHELVE else None)
        if "y_high" in bench.alarms:
            alarm = bench.alarms["y_high"]
            assert alarm.state in KEPT or alarm.state in (_STANDING if alarm.stands else _OVER)
            assert (alarm.until is not None) == (alarm.state is AlarmState.SHELVED)
    assert len({state for _, state in bench.changes}) == len(AlarmState) - 2  # it latches, and nothing suppresses it


def test_a_limit_stands_above_it_and_is_over_a_dead_band_below() -> None:
    bench = Watched()
    assert bench.go(2, Y=3.0).alarms == ()
    (change,) = bench.go(Y=3.01).alarms
    assert (change.alarm.what, change.alarm.priority) == ("Y is 3.01, above 3", "high")
    bench.go(3, Y=2.6)
    assert bench.where() is AlarmState.UNACKNOWLEDGED
    bench.go(Y=2.4)
    assert bench.where() is AlarmState.RETURNED


def test_without_evidence_a_limit_neither_begins_nor_ends() -> None:
    bench = Watched()
    bench.go(Y=4.0)
    bench.bad = {"Y"}
    bench.go(5, Y=1.0)
    assert bench.changes == [("raised", "unacknowledged")]


def test_delays_keep_what_is_short_from_people_both_ways() -> None:
    bench = Watched(on_delay="3s", off_delay="3s")
    bench.go(3, Y=4.0)
    bench.go(1, Y=1.0)
    assert bench.changes == []
    bench.go(4, Y=4.0)
    bench.go(3, Y=1.0)
    bench.go(1, Y=4.0)
    assert bench.changes == [("raised", "unacknowledged")]
    bench.go(4, Y=1.0)
    assert bench.where() is AlarmState.RETURNED


def test_it_is_acknowledged_while_it_stands_and_forgotten_when_over() -> None:
    bench = Watched()
    bench.go(Y=4.0)
    bench.order("acknowledge", why="called the shift")
    assert bench.said == ["alarm y_high: acknowledged, acknowledged now: called the shift"]
    bench.go(Y=1.0)
    assert bench.changes[-1] == ("cleared", "normal")
    assert bench.alarms == {}


def test_what_nobody_saw_stays_until_somebody_does() -> None:
    bench = Watched()
    bench.go(Y=4.0)
    bench.go(50, Y=1.0)
    assert bench.where() is AlarmState.RETURNED
    bench.order("acknowledge")
    assert bench.where() is AlarmState.NORMAL


def test_what_latches_is_acknowledged_and_then_reset() -> None:
    bench = Watched(latching=True)
    bench.go(Y=4.0)
    bench.go(Y=1.0)
    bench.order("reset")
    assert bench.said == ["alarm y_high: not reset, it must be acknowledged first: shift"]
    bench.order("acknowledge")
    bench.order("reset")
    assert bench.where() is AlarmState.NORMAL


def test_shelving_ends_by_itself_and_what_stands_is_unacknowledged_then() -> None:
    bench = Watched()
    bench.go(Y=4.0)
    bench.order("acknowledge")
    bench.order("shelve", 10.0, "probe is being cleaned")
    bench.go(9)
    assert bench.where() is AlarmState.SHELVED
    bench.go()
    assert bench.changes[-1] == ("shelving expired", "unacknowledged")


@pytest.mark.parametrize(("value", "state"), [(4.0, AlarmState.UNACKNOWLEDGED), (1.0, AlarmState.NORMAL)])
def test_shelving_that_a_person_ends_leaves_what_stands_unacknowledged(value: float, state: AlarmState) -> None:
    bench = Watched()
    bench.go(Y=4.0)
    bench.order("shelve", 100.0)
    bench.go(3, Y=value)
    bench.order("unshelve")
    assert bench.where() is state


def test_it_may_be_shelved_before_it_stands() -> None:
    bench = Watched()
    bench.order("shelve", 5.0)
    bench.go(3, Y=4.0)
    assert bench.where() is AlarmState.SHELVED
    bench.go(3)
    assert bench.where() is AlarmState.UNACKNOWLEDGED


@pytest.mark.parametrize(
    ("attention", "for_s", "why", "name", "said"),
    [
        ("shelve", 601.0, "long", "y_high", "not shelved, expected a time of 600 s at most: long"),
        ("shelve", 0.0, "none", "y_high", "not shelved, expected a time of 600 s at most: none"),
        ("shelve", 60.0, " ", "y_high", "not shelved, no reason was given"),
        ("remove", None, "", "y_high", "not removed from service, no reason was given"),
        ("acknowledge", None, "seen", "y_low", "not acknowledged, there is no such alarm: seen"),
        ("acknowledge", None, "seen", "y_high", "not acknowledged, there is nothing to acknowledge: seen"),
    ],
)
def test_what_may_not_be_done_changes_nothing_and_is_said(
    attention: str, for_s: float | None, why: str, name: str, said: str
) -> None:
    bench = Watched(max_shelving="10m")
    bench.order(attention, for_s, why, name)
    assert (bench.said, bench.changes, bench.alarms) == ([f"alarm {name}: {said}"], [], {})


def test_out_of_service_it_is_silent_until_a_person_puts_it_back() -> None:
    bench = Watched()
    bench.order("remove", why="probe is away")
    bench.go(100_0, Y=4.0)
    assert bench.where() is AlarmState.OUT_OF_SERVICE
    bench.order("restore")
    assert bench.where() is AlarmState.UNACKNOWLEDGED


def test_an_acknowledgement_of_one_that_was_raised_anew_is_turned_down() -> None:
    bench = Watched()
    bench.go(Y=4.0)
    seen = bench.alarms["y_high"].raised
    bench.go(Y=1.0)
    bench.go(Y=4.0)
    bench.cycle(Order("ana", "seen", HandleAlarm("y_high", Attention.ACKNOWLEDGE, raised=seen)))
    assert bench.where() is AlarmState.UNACKNOWLEDGED
    assert "raised anew since" in bench.said[-1]


def test_the_design_suppresses_it_while_its_condition_holds() -> None:
    bench = Watched(suppressed={"tag": "SUP.STATE", "at_most": 0.5})
    bench.go(3, Y=4.0)
    assert bench.where() is AlarmState.SUPPRESSED
    bench.values["SUP.STATE"] = 1.0
    bench.go()
    assert bench.changes[-1] == ("unsuppressed", "unacknowledged")
    bench.bad = {"SUP.STATE"}
    bench.go(3)
    assert bench.where() is AlarmState.UNACKNOWLEDGED


def test_the_design_may_suppress_it_by_the_phase_of_a_loop() -> None:
    bench = Watched(suppressed={"loop": "hold", "phases": ["off", "ready"]})
    bench.go(Y=4.0)
    assert bench.where() is AlarmState.SUPPRESSED


def test_values_that_are_no_evidence_are_an_alarm_with_the_reason() -> None:
    bench = Watched(quality={"y_bad": {"tags": ["Y", "U_ACT"], "response": "Look at it."}})
    bench.bad = {"Y"}
    bench.go()
    assert bench.alarms["y_bad"].what == "no evidence from Y (link down)"


def test_a_plc_that_stopped_is_an_alarm_of_its_link() -> None:
    bench = Watched(links={"plc_lost": {"connection": "plc", "response": "Look at it.", "on_delay": "5s"}})
    bench.go(2)
    assert bench.alarms == {}
    bench.bad = set(bench.values)
    bench.go(7)
    assert bench.alarms["plc_lost"].what == "connection plc is lost"


def test_a_loop_that_was_released_is_an_alarm_without_being_named() -> None:
    bench = Bench()
    alarms = bench.kit.alarms.known
    assert {"loops.hold.released", "loops.hold.serves"} == set(alarms)
    assert alarms["loops.hold.released"].priority == "high"


def test_alarms_of_an_earlier_run_go_on_and_what_begins_anew_is_over() -> None:
    first = Watched()
    first.go(Y=4.0)
    first.order("shelve", 600.0, "probe")
    left = codec.unpack(codec.pack(tuple(first.alarms.values())))
    spoken = Alarm(**{**left[0], "name": "loops.hold.released", "source": "loop", "state": AlarmState.UNACKNOWLEDGED})
    order = Order("system", "as record left them", CarryAlarms((*map(codec.alarm, left), spoken)))
    second = Watched()
    second.at = first.at
    second.values["Y"] = 4.0
    second.cycle(codec.order(codec.unpack(codec.pack(order))))
    assert second.where() is AlarmState.SHELVED
    assert second.alarms["loops.hold.released"].state is AlarmState.RETURNED
    second.go(600)
    assert second.where() is AlarmState.UNACKNOWLEDGED


def test_orders_and_steps_come_back_from_the_record_as_they_were() -> None:
    bench = Watched()
    bench.go(Y=4.0)
    order = Order("ana", "x", HandleAlarm("y_high", Attention.SHELVE, 60.0, raised=bench.at))
    decision = bench.cycle(order)
    assert codec.order(codec.unpack(codec.pack(order))) == order
    (change,) = decision.alarms
    assert codec.alarm_change(codec.unpack(codec.pack(change))) == change


def test_orders_for_alarms_are_none_of_the_loops() -> None:
    bench = Watched()
    bench.cycle(Order("ana", "on", SetMode("hold", Mode.AUTO)), Order("ana", "x", HandleAlarm("y", Attention.RESET)))
    assert bench.loop.mode is Mode.AUTO
