"""Why a loop made a move, told from a record."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from kept import Kept

from controller.cli.app import status
from controller.cycle import Order, SetLimits
from controller.explain import Explanation, exact, explain
from controller.mpc.solver import solvers_in_line
from controller.plan import Limit
from controller.records.moments import Pick, moment


def told(directory: Path, pick: Pick | None = None) -> Explanation:
    kit, found = moment(directory, None, Pick() if pick is None else pick)
    loop = kit.policy.loops["column"]
    solver = solvers_in_line({"column": exact(loop)}, kit.policy.files)["column"]
    return explain(kit.loops["column"], found, solver)


def share(why: Explanation, kind: str, name: str, moved: str) -> float:
    """Return what one part does to an input [lb/min]."""
    return sum(part.moves[moved] for part in why.parts if (part.kind, part.name) == (kind, name))


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A column that is asked for another target after a quiet while."""
    directory = tmp_path_factory.mktemp("target")
    led = Kept(directory).auto()
    led.samples(70)
    led.plant.targets["xD"] = 0.5
    led.samples(2)
    return directory


def test_a_move_after_a_new_target_is_told_to_be_the_targets(quiet: Path) -> None:
    why = told(quiet, Pick(cycle=71 * 3 + 1))
    move = why.moves[0]
    assert move.planned > 0.01
    assert share(why, "target", "xd", "r") == pytest.approx(move.planned, rel=0.02)
    assert abs(move.remainder) < 0.02 * move.planned
    assert "0.5 % against 0 % a horizon earlier" in {part.what for part in why.parts}


def test_without_the_move_the_target_would_have_been_missed(quiet: Path) -> None:
    course = told(quiet, Pick(cycle=71 * 3 + 1)).courses[0]
    assert (course.name, course.unit, course.target) == ("xd", "%", 0.5)
    assert abs(course.planned[-1] - 0.5) < 0.01
    assert abs(course.held[-1] - 0.5) > 0.4
    assert course.seconds[1] - course.seconds[0] == 60.0


def test_a_feed_that_changed_is_told_from_the_rest(tmp_path: Path) -> None:
    led = Kept(tmp_path).auto()
    led.samples(70)
    led.plant.hidden["F"] = 0.3
    led.samples(2)
    why = told(tmp_path, Pick(cycle=72 * 3 - 1))
    assert abs(share(why, "known input", "f", "s")) > 0.5 * abs(why.moves[1].planned) > 1e-3
    assert any(part.what.startswith("0.3 [lb_av]/min against 0 [lb_av]/min") for part in why.parts)


def test_parts_remainder_and_solver_make_up_each_first_move(quiet: Path) -> None:
    for move in (why := told(quiet)).moves:
        parts = sum(part.moves[move.name] for part in why.parts)
        assert parts + move.remainder + move.solver == pytest.approx(move.planned, abs=1e-12)


def test_limits_of_people_are_told_with_what_they_held_back(tmp_path: Path) -> None:
    led = Kept(tmp_path).auto()
    led.samples(10)
    led.sample(Order("shift", "worn pump", SetLimits("column", "r", (-0.01, 0.01))))
    led.plant.targets["xD"] = 0.5
    led.samples(2)
    why = told(tmp_path)
    (part,) = (part for part in why.parts if part.kind == "limit")
    assert part.what == "-0.01 to 0.01 [lb_av]/min against -0.6 to 0.6 [lb_av]/min of the policy, set by people"
    assert part.moves["r"] < -0.01
    (bound,) = (bound for bound in why.bounds if bound.name == "r" and bound.limit is Limit.INPUT_HIGH)
    assert bound.value == pytest.approx(0.01)
    assert (bound.unit, bound.samples[0]) == ("[lb_av]/min", 0)
    assert bound.price > 0.0


def test_what_was_written_is_told_in_the_cycle_in_which_it_was(quiet: Path) -> None:
    why = told(quiet)
    assert why.moment.written
    (first, *_) = (move for move in why.moves if move.written is not None)
    assert first.written == pytest.approx(first.asked, abs=1e-9)


def test_a_cycle_is_found_by_number_by_time_and_by_instant(quiet: Path) -> None:
    one = told(quiet, Pick(cycle=30)).moment
    assert told(quiet, Pick(since_s=600.0)).moment.number == one.number
    assert told(quiet, Pick(at=one.at + 1.0)).moment.number == one.number


def test_a_record_without_a_solved_plan_is_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Kept(tmp_path).cycle()
    assert status(["explain", str(tmp_path)]) == 2
    assert capfd.readouterr().err.strip().endswith("the record holds no solved plan of loop column")


def test_a_cycle_that_is_not_there_is_refused(quiet: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert status(["explain", str(quiet), "--cycle", "100000"]) == 2
    assert "in a cycle 100000" in capfd.readouterr().err


def test_two_ways_to_name_a_cycle_are_refused(quiet: Path) -> None:
    assert status(["explain", str(quiet), "--cycle", "3", "--last"]) == 2


def test_the_verb_writes_json_and_a_page(quiet: Path, tmp_path: Path) -> None:
    told_in, drawn_in = tmp_path / "why.json", tmp_path / "why.html"
    assert status(["explain", str(quiet), "--at", "70m", "--json", str(told_in), "--plot", str(drawn_in)]) == 0
    found = json.loads(told_in.read_text())
    assert {"moves", "bounds", "parts", "expected", "limits"} <= found.keys()
    assert found["since_s"] == 4200.0
    assert all(np.isfinite(move["remainder"]) for move in found["moves"])
    assert "<script>" in drawn_in.read_text()
