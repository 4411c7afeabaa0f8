"""Weights swept on a simulated line, and the policy that is proposed."""

from __future__ import annotations

import json
from math import nan
from pathlib import Path

import pytest

from controller.cli.app import status
from hil.tuning import TUNING, Score, Tried, front, knee, settings, summed, tuned, weights
from policies import Policy, load, shipped
from policies.edit import changed

POLICY: Policy = load(shipped("A"))
SHORT = """
scenario: 1
title: A minute and a half of line A under control
line: A
for: 90s
orders:
  - {after: 5s, mode: auto}
assertions:
  kept: {kind: kpi, requirement: The API content stays within its limits, kpi: api.in_spec_fraction, at_least: 0.5}
"""


def tried(*points: tuple[float, float]) -> list[Tried]:
    """Return settings by moves and error."""
    return [Tried({"move_weight": float(i)}, error, move, 0.0, 1.0, "") for i, (move, error) in enumerate(points)]


def test_a_number_is_changed_and_every_other_byte_is_kept() -> None:
    before = POLICY.files[""]
    after = changed(before, {("loops", "blend", "move_weight"): 0.55})
    assert after.replace(b"move_weight: 0.55", b"move_weight: 0.2") == before


def test_numbers_on_one_line_are_changed_each_in_its_place() -> None:
    text = b"a: {b: 1.5, c: 2}  # b: 1.5\r\nd: 1.5\n"
    assert changed(text, {("a", "b"): 10.25, ("a", "c"): 3.0}) == b"a: {b: 10.25, c: 3}  # b: 1.5\r\nd: 1.5\n"


def test_a_number_that_is_not_written_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a\.c: found no number"):
        changed(b"a: {b: 1}\n", {("a", "c"): 2.0})


def test_a_scale_is_changed_in_the_policy_that_is_read_again() -> None:
    found = tuned(POLICY, "blend", {"controlled.api.scale": 0.2, "move_weight": POLICY.loops["blend"].move_weight})
    assert found.loops["blend"].controlled["api"].scale == 0.2
    assert found.fingerprint != POLICY.fingerprint


def test_settings_are_all_combinations_with_the_one_as_it_is_first() -> None:
    found = settings(POLICY, "blend", weights(POLICY, "blend", ["move_weight=0.1,0.2", "moved.api_sp.scale=0.05,0.1"]))
    assert found[0] == {"move_weight": 0.2, "moved.api_sp.scale": 0.05}
    assert len(found) == 4
    assert len({tuple(one.items()) for one in found}) == 4


@pytest.mark.parametrize("text", ["move_weight", "move_weight=a", "move_weight=0", "horizon=3", "api.scale=1"])
def test_weights_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="--weights: found"):
        weights(POLICY, "blend", [text])


def test_the_front_leaves_out_what_is_worse_in_both() -> None:
    assert front(tried((10.0, 1.0), (5.0, 2.0), (11.0, 1.5), (1.0, 9.0))) == [3, 1, 0]


def test_the_knee_is_where_more_moves_no_longer_buy_much() -> None:
    assert knee(tried((1.0, 10.0), (2.0, 2.0), (20.0, 1.0))) == 1


def test_a_setting_without_a_score_is_never_proposed() -> None:
    points = tried((1.0, 1.0), (2.0, 0.5))
    lost = Tried({}, nan, nan, nan, nan, "the plant has come to its end")
    assert knee([lost, *points]) in {1, 2}
    assert knee([lost]) is None


def test_one_run_without_a_score_takes_its_setting_out() -> None:
    scores = [Score(0, 1, 0.5, 2.0, 1.0), Score(0, 2, nan, nan, nan, "loop blend was never in service")]
    (one,) = summed([{}], scores)
    assert one.why == "seed 2: loop blend was never in service"


def test_seeds_to_tune_on_are_not_those_anything_is_reported_on() -> None:
    assert not {*TUNING} & {*range(1, 251)}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tuned")
    scenario = out / "short.scenario.yaml"
    scenario.write_text(SHORT, encoding="utf-8")
    asked = ["--seeds", "9001", "--check", "9002", "--weights", "move_weight=0.02,2", "--jobs", "1"]
    assert status(["tune", str(scenario), *asked, "--out", str(out), "--json", str(out / "t.json")]) == 0
    return out


def test_heavier_moves_are_fewer_moves(played: Path) -> None:
    found = json.loads((played / "t.json").read_text())["tried"]
    assert [one["setting"]["move_weight"] for one in found] == [0.2, 0.02, 2.0]
    assert found[1]["move_per_h"] > found[0]["move_per_h"] > found[2]["move_per_h"] > 0.0
    assert all(one["error"] > 0.0 for one in found)


def test_the_proposed_policy_is_the_shipped_one_but_for_the_number(played: Path) -> None:
    told = json.loads((played / "t.json").read_text())
    chosen = told["tried"][told["proposed"]]["setting"]["move_weight"]
    wanted = shipped("A").read_bytes().replace(b"move_weight: 0.2\n", f"move_weight: {chosen:g}\n".encode())
    assert (played / "policy.yaml").read_bytes() == wanted
    assert load(played / "policy.yaml").loops["blend"].move_weight == chosen


def test_the_reason_names_the_seeds_and_those_of_the_check(played: Path) -> None:
    reason = (played / "reason.md").read_text()
    assert "tuned on seeds 9001 only" in reason
    assert "On seeds 9002, played once after the choice" in reason
    assert "proposed" in (played / "tune.html").read_text()


def test_seeds_cannot_be_tuned_on_and_checked_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    asked = ["tune", "a_demo", "--seeds", "4,5", "--check", "5", "--out", str(tmp_path)]
    assert status(asked) == 2
    assert "--check: found seeds 5" in capfd.readouterr().err


def test_a_policy_is_tuned_on_the_scenario_of_its_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert status(["tune", str(shipped("A")), "--loop", "none", "--out", str(tmp_path)]) == 2
    assert "its loops: blend" in capfd.readouterr().err
