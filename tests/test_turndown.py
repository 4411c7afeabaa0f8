"""A line that makes nothing which may be let out is turned down instead of stopped, and nobody's target is fought."""

from __future__ import annotations

import pytest
from test_material import POLICY

from controller.cycle import Mode, Order, Phase, SetTarget
from controller.material.kit import TurndownKit
from controller.material.phases import LinePhase
from controller.material.phases import Phase as Course
from controller.material.state import UP, Diversion, Gate, MaterialState, Turndown
from controller.material.turndown import WHO, Led, followed
from hil.library import changed
from policies import Policy, PolicyError

WORDS = TurndownKit("blend", "total", "kg/h", target=18.0, usual=20.0, after_s=300.0, back_s=60.0)
AUTO = Led(Mode.AUTO, Phase.ACTIVE, None)
LOW = AUTO._replace(wished=18.0)
SINCE = 1000.0
"""When the gate began to reject, POSIX time [s]."""


def memory(
    turndown: Turndown = UP, *, sound_since: float | None = None, phase: LinePhase = LinePhase.RUNNING, number: int = 2
) -> MaterialState:
    """What material remembers while the gate rejects, or, where all has conformed since some time, lets out."""
    going = Diversion(number, "content", "content may be 9.4, below 9.5 %", SINCE) if sound_since is None else None
    gate = Gate(going is not None, float("inf") if sound_since is None else sound_since, going, number)
    return MaterialState(gate=gate, phase=Course(phase, 0.0), turndown=turndown)


def told(at: float, led: Led, now: MaterialState, *orders: Order) -> tuple[Turndown, list[str]]:
    turndown, events = followed(at, orders, led, now, WORDS)
    return turndown, [event.what for event in events]


def wants(value: float | None) -> Order:
    return Order("olga", "as planned", SetTarget("blend", "total", value))


def lowered() -> Turndown:
    return told(SINCE + 300.0, AUTO, memory())[0]


def test_after_the_declared_time_of_rejecting_the_lower_target_is_ordered_with_its_reason() -> None:
    assert told(SINCE + 299.0, AUTO, memory()) == (UP, [])
    turndown, said = told(SINCE + 300.0, AUTO, memory())
    why = "diversion 2 has rejected for 300 s: content may be 9.4, below 9.5 %"
    assert turndown.asks == (Order(WHO, f"turned down: {why}", SetTarget("blend", "total", 18.0)),)
    assert said == [f"material: blend total is turned down to 18 kg/h: {why}"]


def test_it_is_ordered_once() -> None:
    turndown, said = told(SINCE + 301.0, LOW, memory(lowered()))
    assert (turndown.since, turndown.asks, said) == (SINCE + 300.0, (), [])


@pytest.mark.parametrize("former", [None, 19.5])
def test_once_all_has_conformed_for_a_while_the_former_target_returns(former: float | None) -> None:
    down = told(SINCE + 300.0, AUTO._replace(wished=former), memory())[0]
    assert told(2059.0, LOW, memory(down, sound_since=2000.0))[0].asks == ()
    turndown, said = told(2060.0, LOW, memory(down, sound_since=2000.0))
    assert [order.act for order in turndown.asks] == [SetTarget("blend", "total", former)]
    (sentence,) = said
    assert sentence.startswith("material: turndown ends after 760 s, the target of blend total is ")
    assert sentence.endswith(f" {former or 20.0:g} kg/h again: what is made conforms")
    assert told(2061.0, AUTO._replace(wished=former), memory(turndown, sound_since=2000.0)) == (UP, [])


def test_what_conforms_for_a_moment_only_does_not_bring_the_former_target_back() -> None:
    down = told(2010.0, LOW, memory(lowered(), sound_since=2000.0))[0]
    assert told(2030.0, LOW, memory(down, number=3)) == (lowered()._replace(asks=()), [])


@pytest.mark.parametrize("wanted", [19.0, 18.0, None])
def test_a_person_who_sets_the_target_has_it_until_the_next_diversion(wanted: float | None) -> None:
    led = AUTO._replace(wished=wanted)
    mine, said = told(SINCE + 400.0, led, memory(lowered()), wants(wanted))
    assert said == ["material: turndown ends after 100 s: olga has set the target of blend total"]
    assert mine.asks == ()
    for later in (500.0, 5000.0):
        assert told(SINCE + later, led, memory(mine)) == (mine, [])
    high = AUTO._replace(wished=19.0)
    assert told(SINCE + 600.0, high, memory(mine, number=3))[0].asks


def test_a_person_who_sets_the_target_while_all_is_rejected_is_not_overruled() -> None:
    led = AUTO._replace(wished=21.0)
    mine = told(SINCE + 100.0, led, memory(), wants(21.0))[0]
    assert told(SINCE + 300.0, led, memory(mine)) == (mine, [])


def test_a_target_that_was_refused_to_a_person_ends_nothing() -> None:
    assert told(SINCE + 400.0, LOW, memory(lowered()), wants(99.0)) == (lowered()._replace(asks=()), [])


@pytest.mark.parametrize(
    ("led", "said"),
    [
        (AUTO._replace(mode=Mode.SHADOW, phase=Phase.READY), "blend is not in auto but in shadow"),
        (AUTO._replace(mode=Mode.ADVISORY), "blend is not in auto but in advisory"),
        (AUTO._replace(phase=Phase.HOLD), "blend moves nothing now, it is in hold"),
        (AUTO._replace(wished=17.5), "the target of blend total is 17.5 kg/h already"),
        (AUTO._replace(span=(19.0, 22.0)), "people keep blend total within 19 to 22 kg/h"),
    ],
)
def test_where_the_target_may_not_be_lowered_it_is_said_once_why(led: Led, said: str) -> None:
    first, events = told(SINCE + 300.0, led, memory())
    assert (first.asks, first.waits) == ((), said)
    assert events == [f"material: the line is not turned down: {said}"]
    assert told(SINCE + 301.0, led, memory(first)) == (first, [])
    assert told(SINCE + 302.0, AUTO, memory(first))[0].asks


def test_a_former_target_that_people_have_limited_out_meanwhile_is_not_asked_for() -> None:
    led = LOW._replace(span=(17.5, 19.0))
    turndown, said = told(2060.0, led, memory(lowered(), sound_since=2000.0))
    assert turndown == UP
    (sentence,) = said
    assert sentence.startswith("material: turndown ends after 760 s: what is made conforms; the target stays 18 kg/h, ")
    assert sentence.endswith("since people keep blend total within 17.5 to 19 kg/h")


def test_a_loop_that_leaves_auto_gets_its_former_target_back() -> None:
    led = LOW._replace(mode=Mode.SHADOW, phase=Phase.READY)
    turndown, said = told(SINCE + 400.0, led, memory(lowered()))
    assert [order.act for order in turndown.asks] == [SetTarget("blend", "total", None)]
    assert said[0].endswith("again: blend is not in auto but in shadow")


@pytest.mark.parametrize("phase", [LinePhase.STOPPING, LinePhase.PAUSED, LinePhase.STOPPED])
def test_a_line_that_is_shut_down_or_stands_is_turned_down_no_longer(phase: LinePhase) -> None:
    turndown, said = told(SINCE + 400.0, LOW, memory(lowered(), phase=phase))
    assert [order.act for order in turndown.asks] == [SetTarget("blend", "total", None)]
    assert said[0].endswith(f"again: the line is {phase.value}")


@pytest.mark.parametrize("phase", [one for one in LinePhase if one is not LinePhase.RUNNING])
def test_only_a_line_in_production_is_turned_down(phase: LinePhase) -> None:
    assert told(SINCE + 900.0, AUTO, memory(phase=phase)) == (UP, [])


# What a policy may say

GOOD: dict[str, object] = {"loop": "blend", "name": "total", "target": 18.0, "after": "5m"}


def policy(**news: object) -> Policy:
    """Return the policy of line A with a turndown, and other words of its material."""
    turndown = GOOD | {key: value for key, value in news.items() if key in {*GOOD, "back"}}
    more = {key: value for key, value in news.items() if key not in turndown}
    return changed(POLICY, {"material": {"turndown": turndown, **more}})


def test_a_turndown_is_read_with_its_times() -> None:
    material = policy(back="2m").material
    assert material is not None
    assert material.turndown is not None
    assert (material.turndown.after_s, material.turndown.back_s) == (300.0, 120.0)


@pytest.mark.parametrize(
    ("news", "place", "said"),
    [
        ({"loop": "mixer"}, "loop", "found 'mixer', expected a loop: blend"),
        ({"name": "totals"}, "name", "found 'totals', expected a controlled variable of blend: api, total"),
        ({"target": 17.0}, "target", "found 17, expected a target within the limits of total, 18 to 22 kg/h"),
        ({"target": 20.0}, "target", "found 20, expected less than its target of 20 kg/h"),
        ({"phases": None}, "", "found no phases beside it, expected material.phases"),
        ({"divert": None}, "", "found no divert beside it, expected material.divert"),
        (
            {"phases": {"flows": 19.0}},
            "target",
            "found 18, expected at least 19 kg/h, at which the line runs",
        ),
        ({"after": "soon"}, "after", "expected"),
    ],
)
def test_a_turndown_that_makes_no_sense_is_refused_in_one_sentence(
    news: dict[str, object], place: str, said: str
) -> None:
    with pytest.raises(PolicyError) as refused:
        policy(**news)
    (problem,) = refused.value.problems
    assert problem.path == ".".join(["material", "turndown", *([place] if place else [])])
    assert said in problem.message
