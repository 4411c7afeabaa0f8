"""Incidents of the detectors are alarms: people acknowledge and shelve them like any other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fakes import HOLDER, Bench

from anomaly.incident import Change, Incident
from controller.alarms import look as alarms
from controller.alarms.kit import AlarmKit
from controller.alarms.lifecycle import AlarmState
from controller.alarms.state import AlarmMemory
from controller.cycle import Attention, HandleAlarm, Order
from hil.library import find, open_scenario
from hil.rig.play import in_memory
from hil.rig.verdict import judge
from policies import Lane

ONE = Incident(
    id="toy-1000-1", change=Change.OPENED, at=1001.0, opened=1000.0, onset=990.0, closed=None,
    what="Feeder: worn screw.", unit="feeder", kind="process", reading="worn screw", likeness=0.8, signs=(),
    sop="SOP-1", response="Look at it.", priority="medium", lane=Lane.LOCKED, routes=("operator", "qa"),
    watches=("monitor",), entry="",
)  # fmt: skip


class Folded:
    """The alarms of a line that folds its alerts into incidents."""

    def __init__(self, **incidents: Any) -> None:
        self.bench = Bench(incidents={}, alarms={"incidents": incidents})
        self.kit: AlarmKit = self.bench.kit.alarms
        self.memory, self.at, self.said = AlarmMemory(), 1000.0, list[str]()

    def cycle(self, *orders: Order, incidents: tuple[Incident, ...] = ()) -> AlarmState:
        self.at += 1.0
        seen = replace(self.bench.snapshot(), at=self.at)
        found = alarms.look(alarms.Given(seen, orders, (), incidents, frozenset({"plc"}), {}), self.memory, self.kit)
        self.memory = found.memory
        self.said += [event.what for event in found.events]
        return self.memory.alarms[ONE.id].state if ONE.id in self.memory.alarms else AlarmState.NORMAL

    def attend(self, attention: Attention, for_s: float | None = None) -> AlarmState:
        return self.cycle(Order("ana", "seen", HandleAlarm(ONE.id, attention, for_s)))


def became(change: Change, **more: Any) -> tuple[Incident]:
    return (replace(ONE, change=change, **more),)


def test_an_incident_is_acknowledged_while_it_stands_and_leaves_the_list_when_closed() -> None:
    line = Folded()
    assert line.cycle(incidents=became(Change.OPENED)) is AlarmState.UNACKNOWLEDGED
    alarm = line.memory.alarms[ONE.id]
    assert (alarm.what, alarm.response, alarm.routing) == (ONE.what, ONE.response, ONE.routes)
    assert line.attend(Attention.ACKNOWLEDGE) is AlarmState.ACKNOWLEDGED
    assert line.cycle(incidents=became(Change.UPDATED, what="Feeder: more is known.")) is AlarmState.ACKNOWLEDGED
    assert line.memory.alarms[ONE.id].what == "Feeder: more is known."
    assert line.cycle(incidents=became(Change.CLOSED, closed=1005.0)) is AlarmState.NORMAL


def test_an_incident_that_becomes_more_urgent_calls_people_again() -> None:
    line = Folded()
    line.cycle(incidents=became(Change.OPENED))
    line.attend(Attention.ACKNOWLEDGE)
    assert line.cycle(incidents=became(Change.RAISED, priority="high")) is AlarmState.UNACKNOWLEDGED
    assert line.memory.alarms[ONE.id].priority == "high"


def test_an_incident_nobody_saw_stays_when_it_is_closed_and_comes_again_when_it_goes_on() -> None:
    line = Folded()
    line.cycle(incidents=became(Change.OPENED))
    assert line.cycle(incidents=became(Change.CLOSED, closed=1005.0)) is AlarmState.RETURNED
    assert line.cycle(incidents=became(Change.REOPENED)) is AlarmState.UNACKNOWLEDGED


def test_an_incident_is_shelved_for_as_long_as_the_policy_lets_and_never_taken_out_of_service() -> None:
    line = Folded(max_shelving="1h")
    line.cycle(incidents=became(Change.OPENED))
    assert line.attend(Attention.REMOVE) is AlarmState.UNACKNOWLEDGED
    assert "an incident comes once; it can be shelved" in line.said[-1]
    assert line.attend(Attention.SHELVE, 7200.0) is AlarmState.UNACKNOWLEDGED
    assert line.attend(Attention.SHELVE, 1800.0) is AlarmState.SHELVED


@pytest.mark.parametrize("name", ["a_seen"])
def test_the_incident_of_a_loop_that_was_released_is_acknowledged_on_a_running_line(name: str) -> None:
    scenario, policy = open_scenario(find(name))
    assert [finding for finding in judge(in_memory(scenario, policy, 1, build=HOLDER)) if not finding.passed] == []
