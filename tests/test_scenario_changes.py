"""A scenario may change words of its policy, and people may set targets in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cycle import SetTarget
from hil.library import find, open_scenario
from policies import PolicyError, parse

TEXT = """
scenario: 1
title: A target is set
line: A
changes: {material: {turndown: {loop: blend, name: total, target: %s, after: 5m}}}
for: 2m
orders: [{after: 30s, loop: blend, %s, who: olga}]
assertions: {guarded: {kind: guarded, requirement: Every setpoint written is within its limits}}
"""


def written(tmp_path: Path, target: str = "18", asked: str = "name: total, target: 19") -> Path:
    path = tmp_path / "x.scenario.yaml"
    path.write_text(TEXT % (target, asked))
    return path


def test_what_a_scenario_changes_is_in_its_policy_and_all_else_is_as_it_was(tmp_path: Path) -> None:
    _, policy = open_scenario(written(tmp_path))
    _, shipped = open_scenario(find("a_quiet"))
    assert policy.material is not None
    assert policy.material.turndown is not None
    assert policy.material.model_copy(update={"turndown": None}) == shipped.material
    assert policy.model_copy(update={"material": None}).watches == shipped.watches
    assert policy.fingerprint != shipped.fingerprint


def test_a_changed_policy_comes_back_from_its_record(tmp_path: Path) -> None:
    _, policy = open_scenario(written(tmp_path))
    assert parse(policy.files[""], "record", policy.files).fingerprint == policy.fingerprint


def test_what_a_scenario_changes_is_changed_of_whatever_policy_it_is_played_under(tmp_path: Path) -> None:
    _, own = open_scenario(written(tmp_path))
    _, given = open_scenario(find("a_quiet"))

    _, policy = open_scenario(written(tmp_path), given)
    assert policy.fingerprint == own.fingerprint != given.fingerprint
    assert open_scenario(written(tmp_path), policy)[1].fingerprint == policy.fingerprint


def test_a_change_that_a_given_policy_cannot_bear_is_told_at_the_change(tmp_path: Path) -> None:
    _, given = open_scenario(find("a_quiet"))
    with pytest.raises(PolicyError, match=r"x\.scenario\.yaml:5:67: changes\.material\.turndown\.target: found 25"):
        open_scenario(written(tmp_path, target="25"), given)


def test_a_mistake_in_a_change_is_told_at_the_change(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as refused:
        open_scenario(written(tmp_path, target="25"))
    (problem,) = refused.value.problems
    assert (problem.line, problem.column, problem.path) == (5, 67, "changes.material.turndown.target")
    assert problem.message.startswith("found 25, expected a target within the limits")


def test_a_word_that_no_policy_knows_is_told_where_the_scenario_says_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text().replace("material:", "materials:"))
    with pytest.raises(PolicyError, match=r"x\.scenario\.yaml:5:\d+: changes\.materials: unknown key"):
        open_scenario(path)


def test_what_is_wrong_with_the_policy_itself_is_told_in_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("policy: 1\nline: A\nperiods: 1s\n")
    path = written(tmp_path)
    path.write_text(f"policy: mine.yaml\n{path.read_text()}")
    with pytest.raises(PolicyError) as refused:
        open_scenario(path)
    assert {Path(problem.file).name for problem in refused.value.problems} == {"mine.yaml"}


@pytest.mark.parametrize(("asked", "wanted"), [("name: total, target: 19", 19.0), ("name: api, target: policy", None)])
def test_a_person_sets_a_target_in_a_scenario(tmp_path: Path, asked: str, wanted: float | None) -> None:
    scenario, policy = open_scenario(written(tmp_path, asked=asked))
    (order,) = [timed.order for timed in scenario.timed(policy)]
    assert isinstance(order.act, SetTarget)
    assert (order.who, order.act.target) == ("olga", wanted)


@pytest.mark.parametrize("asked", ["target: 19", "name: total, mode: auto", "name: totals, target: 19"])
def test_a_target_of_nothing_is_refused(tmp_path: Path, asked: str) -> None:
    with pytest.raises(PolicyError):
        open_scenario(written(tmp_path, asked=asked))
