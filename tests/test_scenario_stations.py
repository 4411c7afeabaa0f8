"""What operators do at the stations of PLC loops stands in scenarios, and is checked before anything starts."""

from math import inf
from pathlib import Path

import pytest

from hil.faults.course import Course, Handled, handled_of
from hil.faults.struck import simulate
from hil.library import open_scenario
from hil.listing import listed
from policies import load, shipped
from policies.errors import PolicyError

HEAD = "scenario: 1\ntitle: A trial\nline: {line}\nclock: memory\nfor: 2m\n"
TAIL = "assertions:\n  quiet: {{kind: unwritten, requirement: Nothing is written}}\n".replace("{{", "{").replace(
    "}}", "}"
)


def written(directory: Path, line: str, middle: str) -> Path:
    path = directory / "trial.scenario.yaml"
    path.write_text(HEAD.format(line=line) + middle + TAIL)
    return path


def ending(said: str) -> str:
    name, after, lasts = said.split()
    return f"  - {{target: controller, id: {name:6}, after: {after}, for: {lasts}}}\n"


def wrong_with(directory: Path, line: str, middle: str) -> list[str]:
    with pytest.raises(PolicyError) as told:
        open_scenario(written(directory, line, middle))
    return [f"{each.line}:{each.column}: {each.message}" for each in told.value.problems]


def test_an_operator_takes_a_loop_by_hand_gives_it_back_and_changes_its_setpoint() -> None:
    acts = (
        Handled("DRY.TIN_SP", 10.0, "MAN", output=58.0),
        Handled("DRY.TIN_SP", 400.0, "AUTO"),
        Handled("DRY.TIN_SP", 410.0, setpoint=50.0),
    )
    line = simulate(load(shipped("B")), 1, Course(handled=acts))
    line.advance(399.0)
    assert line.plant.truth()["dryer_c"] > 0.0
    assert line.setpoint("DRY.TIN_SP") == pytest.approx(58.0, abs=1.0)
    line.advance(20.0)
    assert (line.setpoint("DRY.TIN_SP"), line.image().values["DRY.TIN_MODE"]) == (50.0, 1.0)


def test_acts_of_operators_reach_a_plc_process_as_they_are() -> None:
    text = '[{"name": "BLD.N_SP", "at_s": 3.0, "mode": "MAN", "setpoint": null, "output": 200.0}]'
    assert handled_of(text) == (Handled("BLD.N_SP", 3.0, "MAN", None, 200.0),)
    with pytest.raises(ValueError, match="unexpected keyword"):
        handled_of('[{"nome": 1}]')


def test_units_of_what_an_operator_enters_are_converted(tmp_path: Path) -> None:
    acts = "stations:\n  - {station: FDR_API.F_SP, after: 1m, mode: AUTO, setpoint: 2100, unit: g/h}\n"
    scenario, _ = open_scenario(written(tmp_path, "A", acts))
    assert scenario.stations[0].setpoint == pytest.approx(2.1)
    acts = "stations:\n  - {station: PRS.MCF_SP, mode: MAN, output: 9000, unit: um}\n"
    scenario, _ = open_scenario(written(tmp_path, "A", acts))
    assert scenario.stations[0].output == pytest.approx(9.0)


@pytest.mark.parametrize(
    ("line", "act", "told"),
    [
        ("B", "{station: DRY.TOUT_SP, mode: MAN}", "7:15: found 'DRY.TOUT_SP'"),
        ("B", "{station: DRY.TFILL_SP, mode: MAN}", "7:15: found 'DRY.TFILL_SP'"),
        ("E", "{station: MIL.N_SP, mode: CAS}", "7:31: found CAS, wanted MAN or AUTO"),
        ("B", "{station: DRY.TIN_SP, mode: AUTO, setpoint: 50, unit: kg}", "found 'kg'"),
        ("B", "{station: DRY.TIN_SP, mode: MAN, setpoint: 50}", "found setpoint beside mode: MAN"),
        ("B", "{station: DRY.TIN_SP, output: 50, setpoint: 50}", "wanted it only beside mode: MAN"),
        ("B", "{station: DRY.TIN_SP}", "found neither mode nor setpoint"),
        ("B", "{station: DRY.TIN_SP, mode: MAN, after: 3m}", "found 180 s, but the run ends after 120 s"),
    ],
)
def test_an_act_that_cannot_be_is_refused_with_its_place(tmp_path: Path, line: str, act: str, told: str) -> None:
    found = wrong_with(tmp_path, line, f"stations:\n  - {act}\n")
    assert len(found) == 1
    assert told in found[0]
    assert found[0].startswith("7:")


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("reload 10s 30s", "crash 20s 5s", "8:45: found 20 s, but reload of 10 s keeps the controller away until 40 s"),
        ("crash 10s 60m", "crash 20s 5s", "8:45: found 20 s, but crash of 10 s keeps the controller away until 3610 s"),
        ("crash 50s 9s", "reload 20s 30s", "7:45: found 50 s, but reload of 20 s keeps the controller away until 50 s"),
    ],
)
def test_a_controller_that_is_away_cannot_be_ended_again(tmp_path: Path, first: str, second: str, told: str) -> None:
    assert wrong_with(tmp_path, "A", f"faults:\n{ending(first)}{ending(second)}") == [told]


def test_endings_one_after_the_other_are_fine(tmp_path: Path) -> None:
    faults = f"faults:\n{ending('crash 50s 9s')}{ending('reload 20s 9s')}"
    scenario, _ = open_scenario(written(tmp_path, "A", faults))
    assert [fault.off_s < inf for fault in scenario.struck(1)] == [True, True]


def test_faults_of_reports_are_listed_with_what_the_policy_lacks_for_them() -> None:
    rows = {str(row["id"]): row for row in listed("A")}
    assert (rows["ua_gap"]["targets"], rows["ua_overflow"]["targets"]) == (["line"], ["line"])
    assert rows["ua_gap"]["needs"] == "a tag with scan: subscribe"
    assert rows["F04"]["needs"] == ""
