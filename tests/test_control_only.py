"""Runs of the control alone: what only speaks to people is left out, and the setpoints are the same."""

import json
import pickle

import pytest

from controller.cli.app import DONE, status
from controller.cycle import Cycle
from hil.control_only import control_only, loops_only
from hil.library import find, open_scenario
from hil.rig.play import in_memory
from plant_io import Setpoint
from policies import Policy


def written(name: str, policy: Policy | None, *, lean: bool) -> list[tuple[float, Setpoint]]:
    scenario, shipped = open_scenario(find(name))
    scenario = scenario.model_copy(update={"for_s": 420.0, "assertions": {}})
    found: list[tuple[float, Setpoint]] = []

    def keep(cycle: Cycle) -> None:
        found.extend((cycle.snapshot.at, one) for one in cycle.decision.setpoints)

    played = control_only(scenario, policy or shipped) if lean else (scenario, policy or shipped)
    in_memory(*played, 5, sinks=(keep,))
    return found


@pytest.mark.parametrize("name", ["a_demo", "a_film"])
def test_setpoints_are_the_same_bit_for_bit(name: str) -> None:
    assert written(name, None, lean=True) == written(name, None, lean=False) != []


@pytest.mark.parametrize("name", ["a_demo", "a_divert"])
def test_loops_move_the_same_without_the_gate(name: str) -> None:
    gate = "LINE.DIVERT_SP"
    whole = [(at, one) for at, one in written(name, None, lean=False) if one.tag != gate]
    scenario, policy = open_scenario(find(name))
    _, alone = loops_only(scenario, policy)
    assert written(name, alone, lean=False) == whole != []
    assert alone.material is None
    assert set(alone.soft_sensors) == {"SOFT.API", "FDR_API.SPAN", "FDR_EXC.SPAN"}


def test_a_gate_that_has_the_line_turned_down_stays_since_the_loop_would_move_otherwise_without_it() -> None:
    scenario, policy = open_scenario(find("a_turndown"))
    claims, alone = loops_only(scenario, policy)
    assert policy.material is not None
    assert alone.material is not None
    assert alone.material.turndown == policy.material.turndown
    assert set(claims.assertions) == set(scenario.assertions)


def test_without_the_gate_nothing_is_judged_that_speaks_of_it() -> None:
    scenario, policy = open_scenario(find("a_divert"))
    alone, lean = loops_only(scenario, policy)
    assert set(scenario.assertions) - set(alone.assertions) == {
        "opens",
        "start_up",
        "told",
        "closes",
        "escapes",
        "rejected",
    }
    assert lean.fingerprint not in {policy.fingerprint, control_only(scenario, policy)[1].fingerprint}


def test_what_acts_and_what_loops_and_the_gate_read_is_kept_and_nothing_else() -> None:
    scenario, policy = open_scenario(find("a_demo"))
    _, lean = control_only(scenario.model_copy(update={"assertions": {}}), policy)
    assert set(lean.watches) == {"nir_fit"}
    assert set(lean.soft_sensors) == {"SOFT.API", "FDR_API.SPAN", "FDR_EXC.SPAN", "REC.API", "TAB.API"}
    assert lean.incidents is None
    assert lean.fingerprint != policy.fingerprint


def test_what_is_left_travels_to_other_processes() -> None:
    played = control_only(*open_scenario(find("a_demo")))
    scenario, policy = pickle.loads(pickle.dumps(played))  # noqa: S301  # our own
    assert (scenario, policy.fingerprint) == (played[0], played[1].fingerprint)


def test_assertions_about_watches_are_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    scenario, _ = open_scenario(find("a_film"))
    spoken = {claim.kind for claim in scenario.assertions.values()} & {"alert", "detected", "incident", "quiet"}
    assert spoken
    asked = ["hil", "run", "a_film", "--clock", "memory", "--control-only", "--jobs", "1", "--json", "-"]
    assert status(asked) == DONE
    run = json.loads(capsys.readouterr().out)["runs"][0]
    assert len(run["assertions"]) < len(scenario.assertions)
    assert run["repeat"].endswith("--clock memory --control-only")
