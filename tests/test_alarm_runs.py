"""Alarms on a running line: from raise to acknowledge, shelved across a death of the controller, in the record."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import HOLDER

from controller.alarms.lifecycle import AlarmState
from controller.records.alarmed import carried, left
from controller.records.replay import replay
from controller.records.review import trail
from hil.library import find, open_scenario
from hil.rig.play import Played, in_memory
from hil.rig.verdict import judge


def played(name: str, record: Path | None = None) -> Played:
    scenario, policy = open_scenario(find(name))
    return in_memory(scenario, policy, 1, record, build=HOLDER)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    record = tmp_path_factory.mktemp("shelved") / "record"
    assert [finding for finding in judge(played("a_shelved", record)) if not finding.passed] == []
    return record


def test_an_alarm_goes_from_raise_to_acknowledge_and_to_normal() -> None:
    assert [finding for finding in judge(played("a_alarm")) if not finding.passed] == []


@pytest.mark.parametrize("life", ["record", "record_150s"])
def test_every_step_is_replayed_bit_for_bit(record: Path, life: str) -> None:
    found = replay(record.with_name(life))
    assert found.identical == found.cycles > 0


def test_a_run_that_died_leaves_its_alarms_to_the_next(record: Path) -> None:
    alarms = left(record)
    assert alarms["flows_bad"].state is AlarmState.SHELVED
    (order,) = carried(record)
    assert order.order.who == "system"
    assert left(record.with_name("record_150s"))["flows_bad"].state is AlarmState.OUT_OF_SERVICE


def test_the_audit_trail_says_who_shelved_it_and_why(record: Path) -> None:
    deeds = [deed for deed in trail(record) if deed["subject"] == "flows_bad"]
    shelved = [deed for deed in deeds if deed["kind"] == "alarm state" and deed["new"] == "shelved"]
    assert [(deed["who"], deed["why"]) for deed in shelved] == [("ana", "load cell is being calibrated")]
