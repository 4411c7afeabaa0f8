import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import MOVER
from recorded import changed, cycles, keeping, kept
from short_runs import short

from controller.alarms.lifecycle import AlarmEvent, AlarmState
from controller.alarms.state import Alarm, AlarmChange
from controller.cli.app import status
from controller.cycle import (
    Accept,
    Attention,
    Cycle,
    Delivered,
    Event,
    HandleAlarm,
    Mode,
    Offer,
    Order,
    Phase,
    SetLimits,
    SetMode,
    SetTarget,
)
from controller.records.audit import deeds
from controller.records.journal import FILE
from controller.records.review import trail
from controller.records.verify import verify
from hil.rig.play import in_memory
from plant_io import Outcome, Receipt, Setpoint

(PLAIN,) = cycles(1)


def after(**more: Any) -> Cycle:
    return replace(PLAIN, decision=replace(PLAIN.decision, **more))


def ordered(act: Any, before: Cycle = PLAIN) -> dict[str, object]:
    done = deeds(before.decision, replace(before, orders=(Order("ana", "because", act),)))
    return {name: getattr(done[0], name) for name in ("who", "what", "subject", "old", "new", "why")}


def test_a_cycle_in_which_nobody_did_anything_leaves_nothing() -> None:
    assert deeds(PLAIN.decision, PLAIN) == []


def test_an_order_is_kept_with_who_what_old_new_and_why() -> None:
    before = after(modes={"hold": (Mode.SHADOW, Phase.READY)})
    assert ordered(SetMode("hold", Mode.AUTO), before) == {
        "who": "ana",
        "what": "mode asked for",
        "subject": "hold",
        "old": "shadow",
        "new": "auto",
        "why": "because",
    }


def test_limits_and_targets_are_kept_with_what_was_there_before() -> None:
    before = after(limits={"hold": {"u": (1.0, 2.0)}}, targets={"hold": {"y": 3.0}})
    found = ordered(SetLimits("hold", "u", (1.5, 2.0)), before)
    assert (found["old"], found["new"]) == ((1.0, 2.0), (1.5, 2.0))
    found = ordered(SetTarget("hold", "y", None), before)
    assert (found["old"], found["new"]) == (3.0, "policy")
    assert ordered(SetTarget("hold", "y", 4.0))["old"] == "policy"


def test_what_people_do_to_alarms_is_kept_with_the_states_before_and_after() -> None:
    order = Order("ana", "probe", HandleAlarm("y_high", Attention.SHELVE, 60.0))
    step = AlarmChange(5.0, AlarmEvent.SHELVED, AlarmState.UNACKNOWLEDGED, shelved(order))
    asked, stepped = deeds(PLAIN.decision, replace(after(alarms=(step,)), orders=(order,)))
    assert (asked.what, asked.subject, asked.new, asked.why) == ("alarm: shelve", "y_high", 60.0, "probe")
    assert (stepped.kind, stepped.who, stepped.why) == ("alarm state", "ana", "probe")
    assert (stepped.old, stepped.new) == ("unacknowledged", "shelved")


@pytest.mark.parametrize(
    ("delivered", "final", "looked"), [(True, True, False), (False, False, False), (False, True, True)]
)
def test_a_receipt_is_looked_at_first_only_where_nothing_was_delivered_for_good(
    *, delivered: bool, final: bool, looked: bool
) -> None:
    order = Order("system", "receipt", Delivered("phone", "k", 2, delivered, "HTTP 503", final))
    (deed,) = deeds(PLAIN.decision, replace(PLAIN, orders=(order,)))
    assert (deed.subject, deed.exception) == ("phone", looked)


def shelved(order: Order) -> Alarm:
    return Alarm(
        name="y_high", source="limit", state=AlarmState.SHELVED, since=5.0, stands=True, seen=True, seen_since=1.0,
        raised=1.0, what="Y is high", priority="high", sort="process", consequence="", response="Look.",
        routing=("operator",), until=65.0, who=order.who, why=order.why,
    )  # fmt: skip


def test_an_accepted_proposal_is_kept_with_its_moves() -> None:
    before = after(proposals=(Offer("hold", 5.0, {"SP": 2.5}),))
    assert ordered(Accept("hold", 5.0), before)["new"] == {"SP": 2.5}
    assert ordered(Accept("hold", 4.0), before)["new"] == "no longer on offer"


def test_a_loop_that_sheds_by_itself_is_an_exception() -> None:
    before = after(modes={"hold": (Mode.AUTO, Phase.ACTIVE)})
    (done,) = deeds(before.decision, after(modes={"hold": (Mode.AUTO, Phase.SHED)}))
    assert (done.who, done.old, done.new, done.exception) == ("controller", "auto active", "auto shed", True)


def test_a_setpoint_that_was_not_taken_is_an_exception() -> None:
    refused = Receipt(Setpoint("SP", float("nan")), Outcome.REFUSED, "out of range")
    (done,) = deeds(PLAIN.decision, replace(PLAIN, receipts=(refused,)))
    assert (done.subject, done.new, done.why, done.exception) == ("SP", "nan", "out of range", True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    record = tmp_path_factory.mktemp("run") / "record"
    scenario, policy = short({"id": "record_lost", "target": "controller", "after": "40s", "for": "5s"})
    in_memory(scenario, policy, 1, record, build=MOVER)
    return record


def test_a_run_leaves_its_policy_its_orders_its_modes_and_its_end(folder: Path) -> None:
    done = list(trail(folder))
    assert [each["what"] for each in done[:2]] == ["run begun", "policy adopted"]
    assert done[-1]["what"] == "run ended"
    asked = next(each for each in done if each["kind"] == "order")
    assert (asked["who"], asked["old"], asked["new"], asked["subject"]) == ("scenario", "shadow", "auto", "blend")
    lost = next(each for each in done if each["why"].startswith("no record, no control"))
    assert (lost["who"], lost["new"], lost["exception"]) == ("system", "shadow", True)
    assert verify(folder).broken is None


def test_every_entry_says_by_which_clocks_it_was_made(folder: Path) -> None:
    for each in trail(folder):
        assert each["clock"] == "simulated"
        assert each["utc"].endswith("+00:00")
        assert each["offset_s"] < -1000.0


def test_the_trail_is_exported_as_csv_json_lines_and_a_page(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("t.csv", "t.jsonl", "t.html"):
        assert status(["audit", "export", str(folder), "--out", str(tmp_path / name)]) == 0
    capsys.readouterr()
    count = len(list(trail(folder)))
    with (tmp_path / "t.csv").open() as file:
        assert len(list(csv.DictReader(file))) == count
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert [line["seq"] for line in lines] == [each["seq"] for each in trail(folder)]
    page = (tmp_path / "t.html").read_text()
    assert page.index("The record is intact") < page.index("<h2>Exceptions</h2>") < page.index("<h2>Everything</h2>")
    exceptions = page[page.index("<h2>Exceptions</h2>") : page.index("<h2>Everything</h2>")]
    assert "no record, no control" in exceptions
    assert "policy adopted" not in exceptions


def test_the_page_of_a_record_that_was_changed_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept(tmp_path, keeping())
    changed(tmp_path / FILE, ("UPDATE records SET at = at + 1 WHERE seq = 5", ()))
    assert status(["audit", "export", str(tmp_path), "--out", str(tmp_path / "t.html")]) == 1
    assert "The record is broken" in (tmp_path / "t.html").read_text()
    assert "broken at record 5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (SetTarget("hold", "y", 99.0), "hold: target 99 of y refused, expected a number within 1 to 2: because"),
        (HandleAlarm("y_high", Attention.RESET), "alarm y_high: not reset, it stands: because"),
    ],
)
def test_an_order_that_is_refused_is_kept_with_the_sentence_that_refuses_it(act: Any, said: str) -> None:
    order = Order("ana", "because", act)
    asked, refused = deeds(PLAIN.decision, replace(after(events=(Event(5.0, said, "ana"),)), orders=(order,)))
    assert (asked.kind, refused.kind, refused.who, refused.what) == ("order", "event", "ana", said)


def test_an_order_whose_reason_speaks_of_refusing_is_no_refusal() -> None:
    order = Order("ana", "the last was refused", SetTarget("hold", "y", 1.5))
    said = Event(5.0, "hold: target of y set to 1.5: the last was refused", "ana")
    (asked,) = deeds(PLAIN.decision, replace(after(events=(said,)), orders=(order,)))
    assert asked.what == "target asked for"
