"""Line B under the real controller: watched, scored and left alone until asked, in every kind of time."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from controller.cli.app import status
from controller.kit import Kit
from controller.loop import Sink
from controller.runtime import Door, Options, Ran, operate
from hil.demo import scenarios
from hil.plants.line_b import NOMINAL
from hil.plc.guard import Word
from hil.plc.lines import blueprint, names
from hil.rig.play import EPOCH
from hil.rig.score import Held
from hil.rig.sockets import over_sockets
from hil.rig.stand import Stand, Trial
from hil.scenario import Scenario
from policies import Policy, load, shipped

QUIET_SEED = 2


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(shipped("B"))


def played(policy: Policy, clock: str, for_: str, *faults: tuple[str, str]) -> Trial:
    with Stand(clock, QUIET_SEED, Path()) as stand:
        for id_, target in faults:
            stand.fault(id_, target, after="60s")
        return stand.play(policy, for_=for_, auto="24h")


@pytest.fixture(scope="module")
def quiet(policy: Policy) -> Trial:
    return played(policy, "memory", "10m")


def test_a_quiet_line_is_watched_in_silence_and_left_alone(quiet: Trial) -> None:
    ran = quiet.played.ran
    assert ran.tally.cycles == 601
    assert (ran.tally.alerts, ran.tally.writes.total()) == ([], 0)
    assert (quiet.values("SUP_G.STATE")[-1], quiet.values("SUP_D.STATE")[-1]) == (Word.LOCAL, Word.LOCAL)
    for setpoint, value in NOMINAL.items():
        assert (quiet.truth[setpoint] == value).all()


def test_every_quality_attribute_is_scored_from_the_truth_whether_a_loop_holds_it_or_not(quiet: Trial) -> None:
    kpis = quiet.kpis
    moved = {"ls_sp", "tin_sp", "n_sp"}
    assert set(kpis) - moved == {"lod", "api", "d10", "d50", "d90", "produced_kg", "diverted_kg", "escaped_kg"}
    lod = cast("Held", kpis["lod"])
    assert lod["rmse"] == pytest.approx(float(((quiet.truth["lod_pct"] - 2.0) ** 2).mean() ** 0.5))
    assert kpis["produced_kg"] == pytest.approx(2.5, abs=0.1)
    assert kpis["escaped_kg"] == 0.0


def test_virtual_time_with_both_protocols_gives_the_same_run(quiet: Trial, policy: Policy) -> None:
    assert played(policy, "virtual", "10m").played.ran.tally.digest() == quiet.played.ran.tally.digest()


@pytest.mark.parametrize(
    ("fault", "target", "watch"),
    [("F21", "PMP", "liquid"), ("F23", "TSG", "torque"), ("F31", "DRY", "inlet_air"), ("F32", "DRY", "air_flow")],
)
def test_a_fault_is_told_by_the_watch_of_its_unit_within_five_minutes(
    policy: Policy, fault: str, target: str, watch: str
) -> None:
    trial = played(policy, "memory", "6m", (fault, target))
    assert [at for at, _ in trial.spoken(watch) if 60.0 < at < 360.0]


def test_the_line_runs_over_real_sockets_in_lock_step(policy: Policy) -> None:
    told: dict[str, object] = {"scenario": 1, "title": "A minute", "line": "B", "for": "1m", "assertions": {}}
    scenario = Scenario.model_validate(told)

    def run(kit: Kit, options: Options, through: Door, sinks: object) -> Ran:
        del sinks
        seen: tuple[Sink, ...] = ()
        return asyncio.run(operate(kit, options, through, seen))

    found = over_sockets(scenario, policy, QUIET_SEED, Options(lockstep_from=EPOCH, unrecorded=True), run)
    assert (found.missed, found.ran.tally.cycles) == (0, 61)
    assert found.kpis["lod"] == played(policy, "memory", "1m").kpis["lod"]


@pytest.mark.slow
def test_the_six_cell_line_runs_in_turns_and_tells_a_cell_that_leaks() -> None:
    with Stand("memory", None, Path()) as stand:
        trial = stand.play(load(shipped("B2")), "b2_demo")
    assert set(trial.values("DRY.CELL_ID")) == {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
    assert trial.failed == []
    assert trial.kpis["produced_kg"] == pytest.approx(9.75, abs=0.1)


def test_cells_are_filled_as_long_as_people_say() -> None:
    line = blueprint("B2").simulate(load(shipped("B2")), 1, mismatch=0.0, noise=0.0)
    line.turn("DRY.TFILL_SP", 120.0)
    line.advance(300.0)
    seen = list[float]()
    for _ in range(720):
        line.advance(1.0)
        seen.append(float(np.asarray(line.image().values["DRY.CELL_ID"])))
    changes = np.flatnonzero(np.diff(seen))
    assert list(np.diff(changes)) == [120] * (len(changes) - 1)


def test_every_line_has_a_scenario_that_shows_it() -> None:
    assert scenarios().keys() == set(names())


@pytest.mark.slow
def test_the_demo_shows_a_line_that_is_only_watched(tmp_path: Path) -> None:
    record, result = tmp_path / "record", tmp_path / "result.json"
    arguments = ["demo", "--line", "d", "--for", "1m", "--no-console", "--record", str(record), "--json", str(result)]
    assert status(arguments) == 0
    shown = json.loads(result.read_text())
    assert (shown["line"], shown["writes"]["confirmed"]) == ("D", 0)
    assert shown["cycles"] > 5
    assert shown["kpis_without_control"] == {}
    assert status(["replay", str(record), "--json", str(result)]) == 0
    assert json.loads(result.read_text())["identical"] == shown["cycles"]
