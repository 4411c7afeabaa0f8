"""Assertions hold when they should, and fail when they should; what really went wrong is told with the result."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from fakes import HOLDER

from anomaly import Alert
from controller.cli.ends import Unreachable
from controller.records.journal import entries
from controller.runtime import PlantUnreachable
from hil import campaign, cli
from hil.library import open_scenario
from hil.outcome import outcome_of, plain
from hil.plants.faults import Fault
from hil.rig.labels import labels
from hil.rig.lives import lives
from hil.rig.play import Played, in_memory
from hil.rig.process import NotServing
from hil.rig.truth import TruthLog, labels_in, load
from hil.rig.verdict import judge
from policies import Lane

HEAD = """\
scenario: 1
title: Two minutes for tests
line: A
for: 2m
seed: 3
orders:
  - {after: 30s, mode: auto}
requirements:
  R-1: A requirement
"""
FAULT = "faults:\n  - {id: F52, target: NIR, after: 60s, for: 40s}\n"


def scenario(folder: Path, claim: str = "kind: guarded", head: str = HEAD) -> Path:
    file = folder / "x.scenario.yaml"
    file.write_text(f"{head}assertions:\n  it: {{requirement: R-1, {claim}}}\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A run in which the spectra are lost for 40 s; every tag that a test asks about is kept."""
    seen = "".join(
        f"  t{i}: {{requirement: R-1, kind: quality, tag: {name}, quality: good, within: 1m}}\n"
        for i, name in enumerate(("NIR.SPECTRUM", "HOP.M", "FDR_API.F_PV", "FDR_API.F_ACT"))
    )
    file = tmp_path_factory.mktemp("run") / "x.scenario.yaml"
    file.write_text(f"{HEAD}{FAULT}assertions:\n{seen}", encoding="utf-8")
    opened, policy = open_scenario(file)
    return in_memory(opened, policy, 3, build=HOLDER)


@pytest.fixture
def holds(played: Played, tmp_path: Path) -> Callable[[str], bool]:
    """Judge one assertion of that run."""

    def judged(claim: str) -> bool:
        opened, _ = open_scenario(scenario(tmp_path, claim, HEAD + FAULT), played.policy, "memory")
        (finding,) = judge(replace(played, scenario=opened))
        assert (finding.requirement_id, finding.requirement) == ("R-1", "A requirement")
        assert finding.found
        assert finding.wanted
        return finding.passed

    return judged


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("kind: always, truth: api_frame, at_least: 9, at_most: 11", "kind: always, truth: api_frame, at_most: 9"),
        ("kind: always, tag: FDR_API.F_ACT, unit: g/min, at_least: 30", "kind: always, tag: HOP.M, at_least: 30"),
        ("kind: never, tag: HOP.M, above: 1", "kind: never, tag: HOP.M, above: 0.2"),
        ("kind: band, tag: FDR_API.F_PV, low: 1, high: 3", "kind: band, tag: FDR_API.F_PV, low: 1, high: 2.0"),
        ("kind: band, tag: FDR_API.F_PV, low: 1, high: 2, share: 0.1", "kind: band, tag: HOP.M, low: 1, high: 2"),
        ("kind: iae, truth: api_frame, target: 10, at_most: 60", "kind: iae, truth: api_frame, target: 9, at_most: 60"),
        ("kind: max_move, tag: FDR_API.F_ACT, at_most: 0.05", "kind: max_move, tag: FDR_API.F_PV, at_most: 0.0001"),
        ("kind: eventually, truth: SUP_F.STATE, at_least: 1, at_most: 1, within: 1m, stays: 10s",
         "kind: eventually, truth: SUP_F.STATE, at_least: 1, at_most: 1, within: 10s"),
        ("kind: phase, loop: blend, phase: active, after: 30s, within: 20s",
         "kind: phase, loop: blend, phase: active, after: 30s, within: 1s"),
        ("kind: phase, loop: blend, phase: hold, after: 60s, within: 20s",
         "kind: phase, loop: blend, phase: shed, within: 1m"),
        ("kind: never_phase, loop: blend, phase: shed", "kind: never_phase, loop: blend, phase: hold"),
        ("kind: never_phase, loop: blend, phase: hold, until: 60s",
         "kind: never_phase, loop: blend, phase: active, after: 50s"),
        ("kind: quality, tag: NIR.SPECTRUM, quality: bad, after: 60s, within: 15s",
         "kind: quality, tag: HOP.M, quality: bad, after: 60s, within: 15s"),
        ("kind: event, says: active to hold, after: 60s, within: 20s",
         "kind: event, says: active to hold, within: 50s"),
        ("kind: quiet, watch: nir_fit", "kind: alert, watch: nir_fit, within: 2m"),
        ("kind: unwritten, until: 30s", "kind: never, truth: SUP_F.STATE, above: 0"),
        ("kind: kpi, kpi: api.in_spec_fraction, at_least: 1", "kind: kpi, kpi: api.iae, at_most: 0"),
        ("kind: guarded", "kind: first_out, watch: nir_fit"),
        ("kind: quiet, watch: nir_fit, after: 10s, until: 20s", "kind: detected, fault: F52, within: 30s"),
    ],
)  # fmt: skip
def test_an_assertion_holds_for_one_run_and_another_does_not(holds: Callable[[str], bool], good: str, bad: str) -> None:
    assert holds(good)
    assert not holds(bad)


def alert(at: float, watch: str, *, active: bool = True) -> Alert:
    return Alert(at, watch, Lane.LOCKED, active, f"{watch} speaks", 9.0, 5.0, "high", "qa", "Look.")


def test_an_alert_is_matched_to_the_faults_that_were_there_when_it_began() -> None:
    faults = [Fault("F04", "FDR_API", 100.0, 300.0), Fault("F50", "NIR", 250.0)]
    alerts = [
        alert(50, "a"),
        alert(150, "a"),
        alert(160, "a"),
        alert(170, "b", active=False),
        alert(280, "b"),
        alert(400, "c"),
    ]
    first, second = labels(faults, alerts, 0.0, 600.0)
    assert [(told.watch, told.after_s) for told in first.told] == [("a", 50.0), ("b", 180.0)]
    assert [(told.watch, told.after_s) for told in second.told] == [("b", 30.0), ("c", 150.0)]
    assert (first.detected_s, second.detected_s) == (50.0, 30.0)
    assert (first.onset_s, first.end_s, second.end_s) == (100.0, 300.0, None)
    assert labels(faults, [], 0.0, 600.0)[0].detected_s is None


def test_the_result_tells_what_really_went_wrong(played: Played) -> None:
    told = plain(outcome_of("x", played))
    json.dumps(told)
    (fault,) = cast("list[dict[str, object]]", told["faults"])
    expected = {"id": "F52", "target": "NIR", "onset_s": 60.0, "end_s": 100.0, "shape": "step", "magnitude": 1.0}
    assert expected.items() <= fault.items()
    assert (told["missed"], told["overruns"]) == (0, 0)


@pytest.mark.parametrize("name", ["truth.npz", "truth.csv"])
def test_a_truth_log_keeps_what_really_went_wrong(tmp_path: Path, name: str) -> None:
    log = TruthLog([{"id": "F04", "target": "FDR_API", "onset_s": 60.0}])
    log.add({"time": 1.0, "fault.F04.FDR_API": 0.5})
    log.save(tmp_path / name)
    assert labels_in(tmp_path / name) == [{"id": "F04", "target": "FDR_API", "onset_s": 60.0}]
    assert {column: found.tolist() for column, found in load(tmp_path / name).items()} == {
        "time": [1.0],
        "fault.F04.FDR_API": [0.5],
    }


ABSURD = """\
scenario: 1
title: A line whose true parameters are absurd
line: C
for: 1m
seed: 2
mismatch: 30
assertions:
  it: {kind: always, requirement: The plant is there, truth: api, at_least: 0}
"""


def test_a_plant_that_comes_to_its_end_names_the_unit_operation_and_leaves_its_truth(tmp_path: Path) -> None:
    file = tmp_path / "absurd.scenario.yaml"
    file.write_text(ABSURD, encoding="utf-8")
    opened, policy = open_scenario(file)
    told = campaign.outcome(campaign.Task(str(file), opened, policy, 2, "memory", trace=tmp_path / "traces"))
    (trace,) = (tmp_path / "traces").iterdir()
    assert trace.name == "absurd.seed2.truth.csv"
    assert "the plant has come to its end: R2: " in told.crashed
    assert str(trace) in told.crashed
    assert load(trace)["time"].tolist() == [1.0]
    assert (told.passed, told.unreachable) == (False, False)


@pytest.mark.parametrize("trouble", [PlantUnreachable("no connection to line within 20 s"), NotServing("it said: no")])
def test_a_plant_that_cannot_be_reached_is_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    def nobody(*_: object, **_more: object) -> Played:
        raise trouble

    monkeypatch.setattr(campaign, "on_clock", nobody)
    opened, policy = open_scenario(scenario(tmp_path))
    told = campaign.outcome(campaign.Task("x", opened, policy, 1, "lockstep"))
    assert (told.unreachable, told.crashed) == (True, str(trouble))
    with pytest.raises(Unreachable, match=r"hil run: .*seed 3: "):
        cli.run([str(scenario(tmp_path))], jobs=1)


def test_a_solver_that_hangs_and_one_that_is_slow(tmp_path: Path) -> None:
    hang = "faults:\n  - {id: solver_hang, target: blend, after: 50s, for: 30s}\n"
    opened, policy = open_scenario(scenario(tmp_path, head=HEAD + hang))
    plans = in_memory(opened, policy, 1, build=HOLDER).ran.tally.plans
    assert (plans["late"], plans["solved"] > 3) == (3, True)
    slow = "faults:\n  - {id: solver_slow, target: blend, after: 50s, magnitude: 3}\n"
    opened, policy = open_scenario(scenario(tmp_path, head=HEAD + slow))
    assert in_memory(opened, policy, 1, build=HOLDER).ran.tally.plans["late"] == 0


def test_without_a_record_the_loop_is_taken_out_of_auto(tmp_path: Path) -> None:
    lost = "faults:\n  - {id: record_lost, target: controller, after: 60s, for: 20s}\n"
    opened, policy = open_scenario(scenario(tmp_path, head=HEAD + lost))
    played = in_memory(opened, policy, 1, tmp_path / "record", build=HOLDER)
    assert any("no record, no control" in event.what for event in played.ran.tally.events)
    assert (61.0, "blend", "ready") in played.phases
    kept = [entry for entry in entries(tmp_path / "record") if entry.kind == "cycle"]
    assert len(kept) == len({entry.at for entry in kept}) == played.ran.tally.cycles


def test_a_killed_controller_leaves_the_plc_to_itself_and_begins_anew(tmp_path: Path) -> None:
    dies = "faults:\n  - {id: crash, target: controller, after: 60s, for: 20s}\n"
    opened, policy = open_scenario(scenario(tmp_path, head=HEAD + dies), clock="memory")
    played = in_memory(opened, policy, 1, build=HOLDER)
    truth = played.truth
    state = dict(zip(truth["time"].tolist(), truth["SUP_F.STATE"].tolist(), strict=True))
    assert [state[at] for at in (59.0, 62.0, 70.0)] == [1.0, 1.0, 2.0]
    assert played.ran.tally.cycles == pytest.approx(102, abs=2)
    assert not any(60.0 < at < 80.0 for at in played.witness.writes)
    assert [life.from_s for life in lives(opened.struck(1), 120.0)] == [0.0, 80.0]


def test_two_controllers_never_both_move_the_plant(tmp_path: Path) -> None:
    rival = "faults:\n  - {id: rival, target: feeders, after: 60s}\n"
    opened, policy = open_scenario(scenario(tmp_path, head=HEAD + rival))
    truth = in_memory(opened, policy, 1, build=HOLDER).truth
    assert np.abs(truth["FDR_API.F_ACT"] - 2.0).max() < 0.3
