"""Figures of an alarm system as EEMUA 191 and ISA-18.2 count them, from the steps of its alarms alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import HOLDER

from controller.alarms.figures import Figures, Span, figures
from controller.alarms.lifecycle import AlarmEvent, AlarmState
from controller.alarms.state import Alarm, AlarmChange
from controller.cli.alarms_said import judged
from controller.cli.app import status
from hil.library import find, open_scenario
from hil.rig.play import in_memory
from hil.rig.verdict import judge
from policies import Priority

DAY = 86_400.0


def step(
    at: float,
    state: AlarmState = AlarmState.UNACKNOWLEDGED,
    event: AlarmEvent | None = AlarmEvent.RAISED,
    name: str = "a",
    priority: Priority = "low",
) -> AlarmChange:
    stands = state in {AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED}
    alarm = Alarm(
        name=name, source="limit", state=state, since=at, stands=stands, seen=stands, seen_since=at, raised=at,
        what="x", priority=priority, sort="process", consequence="", response="Look.", routing=("operator",),
    )  # fmt: skip
    return AlarmChange(at, event, AlarmState.NORMAL, alarm)


def found(*steps: AlarmChange, end: float = 6000.0) -> Figures:
    return figures([Span(0.0, end, tuple(steps))])


def burst(at: float, count: int) -> list[AlarmChange]:
    """So many alarms of different names in ten minutes."""
    return [step(at + 5.0 * i, name=f"n{i}") for i in range(count)]


def test_average_and_peak_are_counted_in_windows_of_ten_minutes() -> None:
    one = found(*burst(0.0, 4), *burst(600.0, 7), end=6000.0)
    assert [count for _, count in one.windows] == [4, 7, *[0] * 8]
    assert (one.count, one.peak) == (11, 7)
    assert one.average == pytest.approx(1.1)


def test_a_moment_left_over_at_the_end_is_no_window() -> None:
    assert len(found(end=6001.0).windows) == 10
    assert len(found(end=6100.0).windows) == 11
    assert len(found(step(6000.5), end=6001.0).windows) == 11


def test_ten_in_a_window_are_no_flood_and_eleven_are() -> None:
    assert found(*burst(0.0, 10)).floods == ()
    assert [(one.count, one.peak) for one in found(*burst(0.0, 11)).floods] == [(11, 11)]


def test_a_flood_lasts_until_there_are_fewer_than_five() -> None:
    one = found(*burst(600.0, 12), *burst(1200.0, 5), *burst(1800.0, 4), *burst(3000.0, 20))
    assert [(flood.begin, flood.end, flood.count) for flood in one.floods] == [
        (600.0, 1800.0, 17),
        (3000.0, 3600.0, 20),
    ]
    assert one.flooded == pytest.approx(0.3)


@pytest.mark.parametrize(("times", "chatters"), [((0.0, 30.0, 59.0), True), ((0.0, 30.0, 60.0), False)])
def test_three_times_in_a_minute_is_chattering(times: tuple[float, ...], *, chatters: bool) -> None:
    assert (found(*(step(at) for at in times)).chattering == {"a": 3}) is chatters


def test_what_stands_for_more_than_a_day_is_stale_acknowledged_or_not() -> None:
    steps = (
        step(0.0, name="old"),
        step(100.0, AlarmState.ACKNOWLEDGED, AlarmEvent.ACKNOWLEDGED, name="old"),
        step(0.0, name="over"),
        step(DAY - 1.0, AlarmState.RETURNED, AlarmEvent.CLEARED, name="over"),
    )
    assert found(*steps, end=2.0 * DAY).stale == {"old": 2.0 * DAY}


def test_only_what_calls_people_counts() -> None:
    one = found(
        step(0.0),
        step(1.0, AlarmState.ACKNOWLEDGED, AlarmEvent.ACKNOWLEDGED),
        step(2.0, AlarmState.SHELVED, AlarmEvent.SHELVED),
        step(3.0, AlarmState.UNACKNOWLEDGED, None, name="carried"),
        step(9.0, AlarmState.UNACKNOWLEDGED, AlarmEvent.EXPIRED),
    )
    assert (one.counts, one.kept) == ({"a": 2}, {"shelved": 1})


def test_priorities_and_the_most_frequent_are_shares_of_all() -> None:
    steps = [step(float(i), name="often") for i in range(0, 6000, 1000)]
    one = found(*steps, step(7.0, name="once", priority="high"), step(8.0, name="twice", priority="medium"))
    assert one.priorities == {"low": 6, "medium": 1, "high": 1}
    assert [(name, count) for name, count, _ in one.top()] == [("often", 6), ("once", 1), ("twice", 1)]
    assert sum(share for _, _, share in one.top()) == pytest.approx(1.0)


def test_the_time_to_acknowledge_is_from_the_raise() -> None:
    one = found(step(0.0), step(90.0, AlarmState.ACKNOWLEDGED, AlarmEvent.ACKNOWLEDGED), step(200.0))
    assert one.answered_s == (90.0,)
    assert one.median_s == 90.0


def test_nothing_at_all_keeps_every_figure() -> None:
    assert {row.verdict for row in judged(figures([Span(0.0, 3600.0, ())]))} == {"", "kept"}
    assert figures([]).plain()["average_per_ten_minutes"] == 0.0


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    record = tmp_path_factory.mktemp("flood") / "record"
    scenario, policy = open_scenario(find("e_flood"))
    played = in_memory(scenario, policy, 1, record, build=HOLDER)
    assert [finding for finding in judge(played) if not finding.passed] == []
    return record


def test_the_report_of_a_flood_says_so_in_one_page_and_in_json(record: Path, tmp_path: Path) -> None:
    page, where = tmp_path / "alarms.html", tmp_path / "alarms.json"
    assert status(["report", "alarms", str(record), "--out", str(page), "--json", str(where)]) == 0
    alarms = json.loads(where.read_text())["alarms"]
    assert alarms["peak_per_ten_minutes"] > 10
    assert alarms["share_in_flood"] > 0.0
    assert alarms["kept_from_people"] == {"shelved": 1}
    assert alarms["top_ten"][0]["alarm"] == "pump_blows"
    text = page.read_text()
    assert "NOT KEPT" in text
    assert "pump_blows" in text
    assert 'src="http' not in text
