"""A loop whose soft sensor leaves what it was fitted to keeps further from its limit, as the record of the run says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from controller.explain import acceptable
from controller.records.moments import Pick, moment
from hil.library import find, open_scenario
from hil.rig.play import Played, in_memory
from policies import shipped

SURE_S, DOUBTED_S = 2_640.0, 4_200.0
"""A time before the sensor leaves its data, and one after [s]."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, Path]:
    record = tmp_path_factory.mktemp("line") / "record"
    scenario, policy = open_scenario(find("b_wet"))
    return in_memory(scenario, policy, scenario.seed, record), record


def highest(record: Path, since_s: float) -> float:
    """How wet the loop let the granules be in its plan of that time [%]."""
    kit, found = moment(record, "granulation", Pick(since_s=since_s))
    return acceptable(kit.loops["granulation"], found.problem, "lod")[1]


@pytest.mark.slow
def test_the_distance_from_the_limit_grows_when_the_sensor_is_in_doubt(run: tuple[Played, Path]) -> None:
    played, record = run
    sure, doubted = (highest(record, at) for at in (SURE_S, DOUBTED_S))
    assert 2.4 < sure < 2.6
    assert 3.0 - doubted > 1.7 * (3.0 - sure)
    truth = played.truth["lod_pct"]
    per_second = len(truth) / 4_500.0
    before, after = (truth[round(at * per_second) :][: round(300 * per_second)] for at in (SURE_S - 240.0, DOUBTED_S))
    assert float(np.mean(after)) < float(np.mean(before)) - 0.4


def test_its_files_are_those_of_the_line() -> None:
    folder, line = find("b_wet").parent, shipped("b").parent
    assert (folder / "b_wet.soft.json").read_bytes() == (line / "lod.soft.json").read_bytes()
    assert (folder / "b_wet.process.json").read_bytes() == (line / "process.json").read_bytes()
