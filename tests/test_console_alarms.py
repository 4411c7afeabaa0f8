"""The page of alarms where there are more than a screen holds: sheets of a hundred, and CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fakes import HOLDER
from short_runs import short
from shown import LATE, Told, console, told

from controller.alarms.lifecycle import AlarmEvent, AlarmState
from controller.alarms.state import Alarm, AlarmChange, AlarmMemory
from controller.console.console import Console
from controller.console.listing import recorded
from controller.console.sheets import SHEET, cut, turned
from controller.console.slot import Left, Seen
from hil.rig.play import in_memory

COUNT = 2 * SHEET + 50


def alarm(number: int, why: str = "") -> Alarm:
    return Alarm(
        name=f"alarm_{number:03}",
        source="limit",
        state=AlarmState.UNACKNOWLEDGED,
        since=1000.0 + number,
        stands=True,
        seen=True,
        seen_since=1000.0 + number,
        raised=1000.0 + number,
        what=f"number {number} is too high",
        priority="low",
        sort="process",
        consequence="Nothing much.",
        response="Look.",
        routing=("operator",),
        who="ana" if why else "",
        why=why,
    )


@pytest.fixture(scope="module")
def line() -> Told:
    return told()


@pytest.fixture(scope="module")
def client(line: Told) -> Generator[httpx.Client]:
    alarms = [alarm(i, "=1+1" if i == 0 else "") for i in range(COUNT)]
    with console(line) as served:
        cycle, state = line.next()
        told_of = tuple(AlarmChange(one.since, AlarmEvent.RAISED, AlarmState.NORMAL, one) for one in alarms)
        decision = replace(cycle.decision, alarms=told_of)
        left = replace(Left.of(state), alarms=AlarmMemory({one.name: one for one in alarms}))
        served.take(Seen(replace(cycle, decision=decision), left))
        seen(served, line)
        with httpx.Client(base_url=served.url, timeout=20.0) as client:
            yield client


def seen(served: Console, line: Told) -> None:
    wait = threading.Event()
    while served.hall.board.at != line.at:
        wait.wait(0.005)


def test_a_long_list_is_read_in_sheets_and_none_of_it_is_left_out(client: httpx.Client) -> None:
    pages = [client.get(f"/alarms?list={number}&past={number}").text for number in (1, 2, 3)]
    for number in range(COUNT):
        assert sum(page.count(f'id="acknowledge-alarm_{number:03}"') for page in pages) == 1
        assert sum(page.count(f'<span class="label">alarm_{number:03}</span>') for page in pages) == 2
    assert "101 to 200 of 250" in pages[1]
    assert "the whole run as CSV" not in pages[0]  # without a record, the console knows what it has seen
    assert "/alarms?list=3&amp;aside=1&amp;past=2" in pages[1]


def test_a_sheet_beyond_the_end_is_the_last_and_one_that_is_no_number_is_none(client: httpx.Client) -> None:
    assert "201 to 250 of 250" in client.get("/alarms?list=999").text
    assert [client.get(f"/alarms?list={text}").status_code for text in ("0", "-1", "x", "٣", "99999")] == [404] * 5
    with pytest.raises(LookupError):
        turned("1.2")


def test_a_sheet_goes_on_by_itself_as_its_own_page(client: httpx.Client) -> None:
    with client.stream("GET", "/events?topic=alarms:2.1.1") as stream:
        first = next(text for text in stream.iter_lines() if text.startswith("data: {"))
    assert "101 to 200 of 250" in first
    assert client.get("/events?topic=alarms:2").status_code == 404


def test_the_list_and_its_history_are_given_as_csv_that_no_spreadsheet_runs(client: httpx.Client) -> None:
    for path, size in (("/alarms/list.csv", COUNT), ("/alarms/history.csv", COUNT)):
        found = client.get(path)
        assert found.headers["content-type"] == "text/csv; charset=utf-8"
        assert found.headers["content-disposition"].startswith("attachment")
        rows = list(csv.DictReader(io.StringIO(found.text)))
        assert len(rows) == size
        assert len({row["name"] for row in rows}) == size
        assert next(row for row in rows if row["name"] == "alarm_000")["why"] == "'=1+1"


def test_the_history_of_a_recorded_run_holds_every_step(tmp_path: Path) -> None:
    scenario, policy = short(LATE, for_s=90.0)
    steps = list[AlarmChange]()
    in_memory(
        scenario,
        policy,
        1,
        build=HOLDER,
        record=tmp_path,
        sinks=(lambda cycle: steps.extend(cycle.decision.alarms),),
    )
    rows = list(csv.DictReader(io.StringIO(recorded(tmp_path))))
    assert steps
    assert [(row["name"], row["after"]) for row in rows] == [(one.alarm.name, one.alarm.state.value) for one in steps]


def test_sheets_hold_every_row_once() -> None:
    rows = list(range(COUNT))
    sheets = [cut(rows, number + 1) for number in range(cut(rows, 1).of)]
    assert [row for sheet in sheets for row in sheet.rows] == rows
