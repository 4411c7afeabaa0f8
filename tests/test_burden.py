"""What people were told: counted from records, and held against what was promised to them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from kept import Kept, fed
from linear_plant import Led

from anomaly.incident import Change, Incident
from controller.burden import Burden
from controller.cli.app import status
from controller.cycle import Cycle
from policies import Lane, Policy, Route, parse

BUDGETS = "budgets: {operator: 2/week, maintenance: 1/week}\n"
WEEK = 7.0 * 86_400.0


def became(change: Change, at: float, name: str = "one", routes: tuple[Route, ...] = ("operator",)) -> Incident:
    return Incident(
        id=name, change=change, at=at, opened=at, onset=at, closed=None, what="Something.", unit="", kind="",
        reading="", likeness=0.0, signs=(), sop="", response="Look.", priority="high", lane=Lane.LOCKED,
        routes=routes, watches=("chart", "other"), entry="",
    )  # fmt: skip


def test_an_incident_counts_once_for_each_class_that_is_told() -> None:
    both: tuple[Route, ...] = ("operator", "maintenance")
    found = Burden.of(
        [
            became(Change.OPENED, 0.0),
            became(Change.UPDATED, 10.0),
            became(Change.RAISED, 20.0, routes=both),
            became(Change.CLOSED, 900.0, routes=both),
            became(Change.REOPENED, 7200.0),
        ],
        WEEK,
    )
    assert found.tally.told == {"operator": 2, "maintenance": 1}
    assert found.sources == {"chart": 2}
    assert found.calls == [0.0, 20.0, 7200.0]


def test_promise_and_outcome_stand_side_by_side() -> None:
    found = Burden.of([became(Change.OPENED, float(i), str(i)) for i in range(9)], WEEK)
    plain = found.plain({"operator": 2.0 / WEEK, "qa": 1.0 / WEEK})
    kept = plain["budgets"]
    assert isinstance(kept, dict)
    assert kept["operator"]["realised_vs_promised"] == pytest.approx(4.5)
    assert (kept["operator"]["broken"], kept["qa"]["broken"]) == (True, False)
    assert kept["operator"]["what"].startswith("Promised 2 per week; 9 told in 7 days, 4.5 of the promise")


def test_an_incident_that_was_right_is_no_false_alarm() -> None:
    found = Burden(frozenset({"two"}))
    for name in ("one", "two"):
        known = {"change": "opened", "id": name, "priority": "high", "watches": ["w"], "routes": ["operator"]}
        found.take([known], 10.0, WEEK)
    assert found.budgets({"operator": 1.0 / WEEK})["operator"].told == 1
    assert len(found.calls) == 2


def test_floods_and_what_stands_for_long_are_told() -> None:
    opened = [became(Change.OPENED, 1200.0 + i, str(i)) for i in range(12)]
    found = Burden.of([*opened, became(Change.CLOSED, 100_000.0, "0"), became(Change.CLOSED, 2000.0, "1")], 2.0 * WEEK)
    plain = found.plain({})
    assert (plain["most_in_ten_minutes"], plain["windows_with_more_than_ten"]) == (12, 1)
    assert plain["calls_per_day"] == pytest.approx(12.0 / 14.0)
    assert plain["stood_longer_than_a_day"] == 1
    assert plain["priorities"] == {"high": 12}


class Told(Kept):
    """A column kept in a record, with incidents in some cycles."""

    def tell(self, *incidents: Incident) -> None:
        snapshot, plans = self.snapshot(), self.plans
        decision = replace(Led.cycle(self), incidents=incidents)
        self.journal.cycle(Cycle(self.number, snapshot, (), plans, decision, ()))
        self.number += 1


def budgeted() -> Policy:
    return parse(fed().files[""] + BUDGETS.encode(), "column.yaml", {})


def test_the_report_of_alarms_is_a_page_and_json_over_several_records(tmp_path: Path) -> None:
    for name in ("one", "two"):
        told = Told(tmp_path / name, budgeted())
        told.cycle()
        told.tell(became(Change.OPENED, told.at, name))
        told.tell()
        told.journal.close()
    page, where = tmp_path / "alarms.html", tmp_path / "alarms.json"
    records = [str(tmp_path / name) for name in ("one", "two")]
    assert status(["report", "alarms", *records, "--out", str(page), "--json", str(where)]) == 0
    found = json.loads(where.read_text())
    assert found["calls"] == 2
    assert found["days"] == pytest.approx(6.0 * budgeted().period_s / 86_400.0)
    assert found["budgets"]["operator"]["told"] == 2
    assert found["budgets"]["maintenance"]["told"] == 0
    assert "What these figures cannot say" in page.read_text()
    assert status(["report", "alarms", *records, "--right", "one", "--json", str(where)]) == 0
    assert json.loads(where.read_text())["budgets"]["operator"]["told"] == 1


def test_a_folder_without_a_record_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert status(["report", "alarms", str(tmp_path)]) == 2
    assert "there is no record here" in capfd.readouterr().err
