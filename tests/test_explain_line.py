"""Why a loop of line A moved, and how well it did, from a record of a simulated run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from short_runs import short

from controller.cli.app import status
from controller.explain import exact, explain
from controller.mpc.solver import solvers_in_line
from controller.records.moments import Pick, moment
from hil.rig.play import in_memory


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Line A for a minute and a half, its API load cell 4 % off from the fiftieth second on."""
    directory = tmp_path_factory.mktemp("line") / "record"
    scenario, policy = short({"id": "F04", "target": "FDR_API", "after": "50s", "magnitude": 0.04}, for_s=90.0)
    in_memory(scenario, policy, 1, directory)
    return directory


def test_the_plan_in_the_record_is_found_again_but_for_where_its_solver_stopped(record: Path) -> None:
    kit, found = moment(record, "blend", Pick())
    loop = kit.policy.loops["blend"]
    why = explain(kit.loops["blend"], found, solvers_in_line({"blend": exact(loop)}, kit.policy.files)["blend"])
    for move in why.moves:
        assert abs(move.solver) < 0.01 * loop.moved[move.name].max_move
        parts = sum(part.moves[move.name] for part in why.parts)
        assert parts + move.remainder + move.solver == pytest.approx(move.planned, abs=1e-9)
    assert {"bias", "state"} <= {part.kind for part in why.parts}
    assert why.moment.written


def test_each_number_of_an_explanation_stands_with_its_unit(record: Path, tmp_path: Path) -> None:
    assert status(["explain", str(record), "--json", str(tmp_path / "why.json")]) == 0
    found = json.loads((tmp_path / "why.json").read_text())
    assert [move["unit"] for move in found["moves"]] == ["kg/h", "kg/h"]
    assert [course["unit"] for course in found["expected"]] == ["%", "kg/h"]
    units = {"bias": ("kg/h", "%", " 1 "), "known input": ("kg/h",)}
    for part in found["parts"]:
        assert any(unit in part["what"] for unit in units.get(part["kind"], ("",)))


def test_the_figures_of_a_run_count_what_was_done_in_it(record: Path, tmp_path: Path) -> None:
    assert status(["report", "apc", str(record), "--json", str(tmp_path / "apc.json")]) == 0
    found = json.loads((tmp_path / "apc.json").read_text())["loops"]["blend"]
    assert 0.0 < found["service"] < found["of_asked"] <= 1.0
    assert found["solves"]["solved"] >= 9
    assert found["held"]["api"]["missed"][0]["count"] > 0
    unit, innovations = found["mismatch"]["api_flow"]
    assert (unit, innovations["count"] > 80) == ("kg/h", True)
