"""A record of a loop with late results and a window is re-derived bit for bit, on other processors too."""

import json
from pathlib import Path

import pytest
from fakes import HOLDER
from test_replay_processors import PROCESSORS, REPLAY, said

from controller.records.journal import entries
from hil.library import find, open_scenario
from hil.rig.play import in_memory
from policies import Policy, parse

CHANGES = {
    "    max_solve: 2s\n": "    max_solve: 2s\n    estimator: {kind: mhe, horizon: 20s}\n",
    'api: {tag: SOFT.API.NIR, unit: "%",': 'api: {taken: source, tag: SOFT.API.NIR, unit: "%",',
}


def changed(policy: Policy) -> Policy:
    text = policy.files[""].decode()
    for old, new in CHANGES.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return parse(text.encode(), "line_a.yaml", policy.files)


def size(directory: Path) -> int:
    return sum(len(entry.body) for entry in entries(directory))


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a record with late results and a window, and one without."""
    scenario, policy = open_scenario(find("a_demo"))
    late, usual = tmp_path_factory.mktemp("late"), tmp_path_factory.mktemp("usual")
    for directory, given in ((late, changed(policy)), (usual, policy)):
        in_memory(scenario.model_copy(update={"for_s": 90.0}), given, 7, directory, build=HOLDER)
    return late, usual


@pytest.mark.parametrize("processor", PROCESSORS, ids=["plain", "nehalem", "haswell"])
def test_every_decision_comes_out_the_same_on_another_processor(
    processor: dict[str, str], records: tuple[Path, Path]
) -> None:
    cycles, identical, differences = json.loads(said(REPLAY, processor, str(records[0])))
    assert identical == cycles > 90
    assert differences == []


def test_what_is_remembered_is_not_in_the_record(records: tuple[Path, Path]) -> None:
    late, usual = records
    assert size(late) < 1.01 * size(usual)
