"""The shipped scenarios leave no line, no fault, no mode and no form of assertion out."""

from collections.abc import Mapping
from functools import cache
from typing import get_args

import pytest

from controller.cycle import Mode
from hil.faults.tables import CONTROL, LINKS, MODBUS_FAULTS, OPCUA_FAULTS, PLCS, SENSORS, STAMPS
from hil.library import shipped_ones
from hil.listing import listed
from hil.plants.faults import CATALOGUE, of_plant
from hil.plc.lines import blueprint, names
from hil.plc.stations import LoopMode
from hil.scenario import Assertion, Scenario

GROUPS = (SENSORS, STAMPS, PLCS, LINKS, OPCUA_FAULTS, MODBUS_FAULTS, CONTROL)
NOT_SHOWN: Mapping[str, str] = {}
"""Faults that no shipped scenario shows, and why; better none."""


@cache
def scenarios() -> tuple[Scenario, ...]:
    return tuple(scenario for _, scenario in shipped_ones())


def shown() -> set[str]:
    return {fault.id for scenario in scenarios() for fault in scenario.faults}


def test_every_line_has_scenarios() -> None:
    assert {scenario.line for scenario in scenarios()} == set(names())


@pytest.mark.parametrize("line", names())
def test_every_fault_that_can_be_injected_on_a_line_is_in_a_scenario(line: str) -> None:
    possible = {str(row["id"]) for row in listed(line)}
    assert possible - shown() - NOT_SHOWN.keys() == set()


def test_no_excuse_is_kept_for_a_fault_that_is_shown() -> None:
    assert NOT_SHOWN.keys() & shown() == set()
    assert all(NOT_SHOWN.values())


@pytest.mark.parametrize("line", names())
def test_every_line_shows_faults_of_its_own_plant(line: str) -> None:
    mine = {fault.id for scenario in scenarios() if scenario.line == line for fault in scenario.faults}
    assert any(of_plant(fault) for fault in mine)


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: next(iter(group)))
def test_every_group_of_faults_is_in_a_scenario(group: Mapping[str, object]) -> None:
    assert group.keys() <= CATALOGUE.keys()
    assert group.keys() - shown() - NOT_SHOWN.keys() == set()


def test_every_mode_of_the_controller_is_ordered() -> None:
    assert {order.mode for scenario in scenarios() for order in scenario.orders} - {None} == set(Mode)


def test_every_mode_of_a_plc_loop_is_ordered() -> None:
    ordered = {act.mode for scenario in scenarios() for act in scenario.stations}
    assert ordered - {None} == {mode.name for mode in LoopMode}


@pytest.mark.parametrize("line", names())
def test_on_every_line_an_operator_takes_a_loop(line: str) -> None:
    taken = {act.station for scenario in scenarios() if scenario.line == line for act in scenario.stations if act.mode}
    assert taken & blueprint(line).stations.keys()


@pytest.mark.parametrize("line", ["A", "B", "C", "D"])
def test_on_every_line_that_can_be_led_a_mode_of_the_controller_is_ordered(line: str) -> None:
    assert any(order.mode for scenario in scenarios() if scenario.line == line for order in scenario.orders)


def test_people_change_a_target_at_the_plant() -> None:
    values = {
        act.station
        for scenario in scenarios()
        for act in scenario.stations
        if act.station in blueprint(scenario.line).local and act.setpoint is not None
    }
    assert values & {name for line in names() for name in blueprint(line).shown.values()}


def test_every_form_of_assertion_is_made() -> None:
    forms = {get_args(form.model_fields["kind"].annotation)[0] for form in get_args(get_args(Assertion)[0])}
    assert forms == {claim.kind for scenario in scenarios() for claim in scenario.assertions.values()}
