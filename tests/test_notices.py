"""What people are sent of alarms is a pure function of their steps; what came of each attempt is in the record."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from fakes import HOLDER, Bench
from test_alarm_policy import FILES as BESIDE
from test_alarm_policy import GOOD

from controller.cycle import Attention, Cycle, Delivered, HandleAlarm, Order
from controller.notices.post import LONGEST_QUEUE, Post
from controller.notices.router import MOST_ITEMS
from controller.notices.state import Notice
from controller.notices.transports import Sent
from controller.notices.words import subject, text
from controller.records import codec
from controller.records.replay import replay
from controller.records.review import trail
from hil.library import find, open_scenario
from hil.rig.play import in_memory
from hil.rig.verdict import judge
from policies import PolicyError
from policies import parse as read
from policies.notices import Notices

HOOK = {"kind": "webhook", "url": "https://example.org/alarms", "secret": {"env": "STEADYLINE_HOOK"}}
MAIL = {"kind": "email", "host": "mail.example.org", "sender": "line@example.org", "to": ["qa@example.org"]}


def limits(count: int = 1, **more: Any) -> dict[str, Any]:
    one = {"tag": "Y", "unit": "1", "dead_band": 0.1, "response": "Look.", "priority": "high", **more}
    return {f"y_{i}": {**one, "high": 3.0 + i} for i in range(count)}


class Told(Bench):
    """The toy loop with limits on Y at 3, 4, ..., and somebody to tell."""

    def __init__(self, ways: Any = None, count: int = 1, receiver: Any = None, **more: Any) -> None:
        limit = {key: more.pop(key) for key in ("class", "routing", "priority") if key in more}
        notices = {
            "receivers": {"phone": {**HOOK, **(receiver or {})}, "boss": HOOK},
            "ways": ways if ways is not None else {"all": {"to": ["phone"]}},
            **more,
        }
        super().__init__(alarms={"limits": limits(count, **limit)}, notices=notices)
        self.sent: list[Notice] = []

    def cycle(self, *orders: Any, **news: Any) -> Any:
        decision = super().cycle(*orders, **news)
        self.sent += decision.notices
        return decision

    def go(self, cycles: int = 1, y: float = 1.0) -> list[Notice]:
        before, self.values["Y"] = len(self.sent), y
        for _ in range(cycles):
            self.cycle()
        return self.sent[before:]

    def attend(self, attention: Attention, for_s: float | None = None, name: str = "y_0") -> None:
        self.cycle(Order("ana", "seen", HandleAlarm(name, attention, for_s)))


def test_an_alarm_that_is_raised_is_sent_to_whom_its_way_leads_and_to_nobody_else() -> None:
    (notice,) = Told().go(3, 3.5)
    assert (notice.receiver, notice.kind, notice.at) == ("phone", "alarm", 1001.0)
    assert [(item.alarm, item.event, item.what) for item in notice.items] == [("y_0", "raised", "Y is 3.5, above 3")]


@pytest.mark.parametrize(
    ("way", "fits"),
    [
        ({"priorities": ["high"]}, True),
        ({"priorities": ["low", "medium"]}, False),
        ({"classes": ["product quality"]}, True),
        ({"classes": ["equipment"]}, False),
        ({"roles": ["qa"]}, True),
        ({"roles": ["lab"]}, False),
        ({"when": ["cleared"]}, False),
    ],
)
def test_a_way_is_chosen_by_priority_class_role_and_what_happened(way: dict[str, Any], fits: bool) -> None:  # noqa: FBT001
    alarm: dict[str, Any] = {"class": "product quality", "routing": ["operator", "qa"]}
    told = Told({"a": {"to": ["phone"], **way}}, **alarm)
    assert bool(told.go(2, 3.5)) is fits


def test_what_people_do_and_what_ends_is_sent_where_asked_for() -> None:
    told = Told({"a": {"to": ["phone"], "when": ["acknowledged", "cleared", "shelved", "unshelved"]}})
    told.go(1, 3.5)
    told.attend(Attention.ACKNOWLEDGE)
    told.go(1, 1.0)
    told.attend(Attention.SHELVE, 3.0)
    told.go(5, 3.5)
    assert [item.event for one in told.sent for item in one.items] == [
        "acknowledged",
        "cleared",
        "shelved",
        "unshelved",
    ]


def test_what_is_shelved_or_out_of_service_is_sent_to_nobody() -> None:
    told = Told()
    told.attend(Attention.SHELVE, 600.0)
    assert told.go(100, 3.5) == []


def test_more_than_a_receiver_may_be_sent_waits_and_comes_as_one() -> None:
    told = Told(count=5, receiver={"most": 2, "within": "60s"})
    for i in range(5):
        told.go(1, 3.5 + i)
    assert [len(one.items) for one in told.sent] == [1, 1]
    told.go(60, 7.5)
    assert [(one.kind, len(one.items)) for one in told.sent[2:]] == [("digest", 3)]
    assert told.sent[2].at == told.sent[0].at + 60.0


def test_a_digest_gathers_for_its_time_and_counts_what_does_not_fit() -> None:
    told = Told({"a": {"to": ["phone"], "digest": "5m", "when": ["raised", "cleared"]}})
    for _ in range(MOST_ITEMS):
        told.go(1, 3.5)
        told.go(1, 1.0)
    assert told.sent == []
    (notice,) = told.go(300)
    assert (notice.kind, len(notice.items), notice.more) == ("digest", MOST_ITEMS, MOST_ITEMS)


def test_when_nobody_acknowledges_the_next_are_told_each_once_with_whose_it_is() -> None:
    steps = {
        "first": {"to": ["boss"], "after": "60s", "owner": "shift lead"},
        "then": {"to": ["boss", "phone"], "after": "2m", "owner": "head of production"},
    }
    told = Told({}, escalations=steps)
    told.go(30, 3.5)
    told.go(200, 1.0)  # it is over, and still nobody has seen it
    assert [(one.at - 1001.0, one.receiver, one.owner) for one in told.sent] == [
        (60.0, "boss", "shift lead"),
        (120.0, "boss", "head of production"),
        (120.0, "phone", "head of production"),
    ]


def test_an_acknowledgement_ends_the_escalation_and_the_next_raise_begins_anew() -> None:
    told = Told({}, escalations={"first": {"to": ["boss"], "after": "60s", "owner": "shift lead"}})
    told.go(30, 3.5)
    told.attend(Attention.ACKNOWLEDGE)
    told.go(100, 1.0)
    assert told.sent == []
    told.go(61, 3.5)
    assert len(told.sent) == 1


def test_keys_are_of_one_notice_alone_and_notices_come_back_from_the_record() -> None:
    told = Told({"a": {"to": ["phone", "boss"]}}, count=3)
    decisions = [told.cycle() for told.values["Y"] in (3.5, 4.5, 5.5)]
    keys = [one.key for decision in decisions for one in decision.notices]
    assert len(set(keys)) == len(keys) == 6
    again = codec.unpack(codec.pack(decisions[0]))["notices"]
    assert [one["key"] for one in again] == keys[:2]


def test_a_receiver_that_takes_nothing_is_an_alarm_until_it_does() -> None:
    told = Told()
    told.cycle(Order("system", "receipt", Delivered("phone", "k", 5, delivered=False, status="HTTP 503", final=True)))
    alarm = told.state.alarms.alarms["notices.phone"]
    assert (alarm.state.value, alarm.routing) == ("unacknowledged", ("maintenance",))
    assert alarm.what == "notice k was not delivered to phone in 5 attempts: HTTP 503"
    told.cycle(Order("system", "receipt", Delivered("phone", "l", 1, delivered=True, status="HTTP 200", final=True)))
    assert told.state.alarms.alarms["notices.phone"].state.value == "returned unacknowledged"


def test_a_receipt_comes_back_from_the_record_as_it_was() -> None:
    order = Order("system", "receipt", Delivered("phone", "k", 2, delivered=False, status="HTTP 503", final=False))
    assert codec.order(codec.unpack(codec.pack(order))) == order


class Answers:
    """A receiver that answers what the test says, one after the other."""

    def __init__(self, *answers: Sent | Exception) -> None:
        self.answers, self.taken, self.closed = list(answers), list[tuple[str, float]](), False

    async def send(self, notice: Notice, at: float) -> Sent:
        self.taken.append((notice.key, at))
        answer = self.answers.pop(0) if self.answers else Sent(delivered=True, status="ok")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed = True


NO = Sent(delivered=False, status="HTTP 503")


def posted(way: Answers, notices: int, cycles: int, **more: Any) -> list[Delivered]:
    """Receipts of some notices of one cycle, cycles coming each second."""
    declared, inbox = Notices.model_validate({"receivers": {"phone": {**HOOK, **more}}}), SimpleQueue[Order]()
    bench = Told()
    (one,) = bench.go(1, 3.5)
    cycle = Cycle(0, bench.snapshot(), (), (), bench.cycle(), ())
    sent = tuple(replace(one, key=f"k{i}") for i in range(notices))

    async def run() -> None:
        post = Post(declared, lambda _: {"phone": way}, inbox)
        for i in range(cycles):
            decision = replace(cycle.decision, notices=sent if i == 0 else ())
            post(replace(cycle, snapshot=replace(cycle.snapshot, at=float(i)), decision=decision))
            for _ in range(3):
                await asyncio.sleep(0)
        await post.close()

    asyncio.run(run())
    found = [inbox.get_nowait() for _ in range(inbox.qsize())]
    return [order.act for order in found if isinstance(order.act, Delivered)]


def test_an_attempt_that_fails_is_made_again_later_and_later_with_the_same_key() -> None:
    way = Answers(NO, NO, NO)
    receipts = posted(way, 1, 30, backoff="2s")
    assert [key for key, _ in way.taken] == ["k0"] * 4
    assert [at for _, at in way.taken] == [0.0, 3.0, 8.0, 17.0]  # each is seen to have failed one cycle later
    assert [(one.attempt, one.delivered, one.final) for one in receipts] == [
        (1, False, False),
        (2, False, False),
        (3, False, False),
        (4, True, True),
    ]


def test_after_the_last_attempt_the_next_notice_has_its_turn() -> None:
    receipts = posted(Answers(NO, NO), 2, 20, tries=2, backoff="1s")
    assert [(one.key, one.attempt, one.delivered, one.final) for one in receipts] == [
        ("k0", 1, False, False),
        ("k0", 2, False, True),
        ("k1", 1, True, True),
    ]


def test_what_no_attempt_can_mend_is_tried_once() -> None:
    (receipt,) = posted(Answers(Sent(delivered=False, status="HTTP 404", again=False)), 1, 9)
    assert (receipt.status, receipt.final) == ("HTTP 404", True)


def test_a_way_that_breaks_is_a_receipt_and_no_end_of_the_run() -> None:
    (receipt,) = posted(Answers(RuntimeError("broken")), 1, 9, tries=1)
    assert receipt.status == "RuntimeError: broken"


def test_more_notices_than_can_wait_are_receipts_too() -> None:
    receipts = posted(Answers(*[NO] * 5), LONGEST_QUEUE + 2, 1)
    assert [one.status for one in receipts] == [f"{LONGEST_QUEUE} others wait already"] * 2


def test_a_notice_in_words_says_what_is_wrong_and_what_to_do() -> None:
    (notice,) = Told().go(1, 3.5)
    assert subject(notice) == "[toy] HIGH raised: y_0"
    assert "Y is 3.5, above 3" in text(notice)
    assert "Do: Look." in text(notice)
    assert (
        subject(replace(notice, more=3, owner="shift lead")) == "[toy] HIGH raised: y_0 and 3 more, now for shift lead"
    )


@pytest.mark.parametrize(
    ("notices", "sentence"),
    [
        ({"receivers": {"p": {**HOOK, "url": "http://10.0.0.5/a"}}, "ways": {"a": {"to": ["p"]}}}, "expected https"),
        ({"receivers": {"p": {**HOOK, "url": "https://a:b@x/"}}, "ways": {"a": {"to": ["p"]}}}, "no part of a policy"),
        ({"receivers": {"p": {**HOOK, "secret": "abc"}}, "ways": {"a": {"to": ["p"]}}}, "secret: "),
        ({"receivers": {"p": {**MAIL, "security": "none"}}, "ways": {"a": {"to": ["p"]}}}, "starttls or tls"),
        ({"receivers": {"p": {**MAIL, "user": "u"}}, "ways": {"a": {"to": ["p"]}}}, "one of user and password"),
        ({"receivers": {"p": {**MAIL, "to": ["Ana <a@b.c>"]}}, "ways": {"a": {"to": ["p"]}}}, "to[0]: "),
        ({"receivers": {"p": HOOK}, "ways": {"a": {"to": ["q"]}}}, "found 'q'"),
        ({"receivers": {"p": HOOK}}, "no way and no escalation"),
    ],
)
def test_what_is_wrong_with_notices_is_said(notices: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PolicyError) as wrong:
        read(f"{GOOD}\nnotices: {json.dumps(notices)}\n".encode(), "p", BESIDE)
    assert sentence in str(wrong.value)


@pytest.mark.parametrize("name", ["e_told"])
def test_notices_of_a_running_line_are_delivered_refused_and_escalated(name: str, tmp_path: Path) -> None:
    scenario, policy = open_scenario(find(name))
    played = in_memory(scenario, policy, 1, tmp_path / "record", build=HOLDER)
    assert [finding for finding in judge(played) if not finding.passed] == []
    again = replay(tmp_path / "record")
    assert again.identical == again.cycles > 0
    sent = [deed for deed in trail(tmp_path / "record") if deed["what"] in {"notice delivered", "notice failed"}]
    assert len(sent) == len(played.ran.tally.receipts) > 0
