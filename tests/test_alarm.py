"""People are told at once that a loop was released, and that one that was asked to serve cannot."""

from __future__ import annotations

from pair import Pair

from controller.alarm import patience_s
from controller.cycle import Mode, Order, SetMode


def ask(mode: Mode) -> Order:
    return Order("ana", "start", SetMode("pair", mode))


def test_a_release_is_an_alert_with_its_first_out_and_what_to_do() -> None:
    pair = Pair().auto()
    pair.values["P1.STATE"] = 0.0
    (alert,) = pair.cycle().alerts
    assert alert.active
    assert alert.what == "pair: released to the PLC, which holds it now: a PLC took its setpoints back"
    assert (alert.watch, alert.priority, alert.route) == ("loops.pair.released", "high", "operator")
    assert alert.response


def test_a_release_for_want_of_evidence_names_the_tags_that_are_gone() -> None:
    pair = Pair().auto()
    pair.bad = {"P1.ACT"}
    alerts = [alert for d in pair.go(100, 5.0, 5.0) for alert in d.alerts]
    assert alerts[0].watch == "loops.pair.released"
    assert alerts[0].what.endswith("evidence was missing for too long")
    assert ([(sign.tag, sign.z) for sign in alerts[0].signs], alerts[0].origin) == ([("P1.ACT", 0.0)], "sensor")


def test_it_ends_when_a_person_arms_the_loop_and_not_before() -> None:
    pair = Pair().auto()
    pair.values["P1.STATE"] = 0.0
    pair.go(20)
    assert pair.told == [("loops.pair.released", True)]
    pair.values["P1.STATE"] = 1.0
    pair.cycle(ask(Mode.AUTO))
    assert pair.told == [("loops.pair.released", True), ("loops.pair.released", False)]


def test_a_release_asked_for_by_a_person_is_none() -> None:
    pair = Pair().auto()
    pair.cycle(ask(Mode.SHADOW))
    pair.go(100)
    assert pair.told == []


def test_a_loop_that_was_asked_to_serve_and_cannot_says_so_once_and_why() -> None:
    pair = Pair()
    pair.go(4, 5.0, 5.0)
    pair.bad = {"P1.ACT"}
    pair.cycle(ask(Mode.AUTO))
    alerts = [alert for d in pair.go(100, 5.0, 5.0) for alert in d.alerts]
    assert [alert.what for alert in alerts] == [
        "pair: was asked to serve and cannot: no evidence from P1.ACT (link_down)"
    ]
    assert alerts[0].at - 1005.0 > patience_s(next(iter(pair.kit.loops.values())))
    pair.bad, pair.values["P1.STATE"], pair.values["P2.STATE"] = set(), 1.0, 1.0
    assert [alert.what for d in pair.go(10, 5.0, 5.0) for alert in d.alerts] == ["pair: serves"]


def test_a_plc_that_does_not_grant_is_the_reason_told() -> None:
    pair = Pair()
    pair.go(4, 5.0, 5.0)
    pair.cycle(ask(Mode.AUTO))
    pair.values["P2.STATE"] = 1.0
    (alert,) = (alert for d in pair.go(100, 5.0, 5.0) for alert in d.alerts)
    assert alert.what == "pair: was asked to serve and cannot: no remote setpoints from p1"


def test_a_loop_that_takes_over_in_time_tells_nobody() -> None:
    pair = Pair().auto()
    pair.go(100, 5.0, 5.0)
    assert pair.told == []
