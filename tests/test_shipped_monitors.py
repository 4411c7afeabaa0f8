"""The monitors that are shipped with lines: what they rest on, what is refused, and what they say of a line."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anomaly.artefact import Model
from benchmarks import isolation, masked
from controller.cli.app import status
from controller.kit import prepare
from hil.commissioning_monitor import LINES
from hil.library import find, open_scenario
from hil.rig.play import in_memory
from policies import Monitor, Policy, PolicyError, load, shipped
from policies.approval import Statement, fingerprint, signed

WITH = tuple(LINES)
SCORED = {*isolation.SEEDS, *isolation.QUIET, *masked.SEEDS}


def monitors(policy: Policy) -> dict[str, Monitor]:
    return {name: watch for name, watch in policy.watches.items() if isinstance(watch, Monitor)}


def models(line: str) -> dict[str, Model]:
    policy = load(shipped(line))
    return {name: Model.model_validate_json(policy.files[one.model]) for name, one in monitors(policy).items()}


@pytest.mark.parametrize("line", WITH)
def test_a_shipped_monitor_says_what_it_rests_on_and_was_not_fitted_to_runs_it_is_scored_on(line: str) -> None:
    found = models(line)
    assert set(found) == set(LINES[line].settings)
    for model in found.values():
        assert model.card is not None
        assert model.card.seeds == LINES[line].seeds
        assert not SCORED & set(model.card.seeds)
        assert model.card.runs == len(model.card.seeds)
        assert len(model.card.tops) == model.card.runs


@pytest.mark.parametrize("line", WITH)
def test_monitors_of_a_line_promise_together_what_is_theirs_of_its_budget(line: str) -> None:
    policy, promised = load(shipped(line)), dict[str, float]()
    for name, model in models(line).items():
        assert model.card is not None
        route = str(monitors(policy)[name].route)
        promised[route] = promised.get(route, 0.0) + model.card.promised_per_week
    for route, often in promised.items():
        assert often == pytest.approx(LINES[line].share * policy.budgets.declared[route] * 7.0 * 86_400.0)


@pytest.mark.parametrize("line", WITH)
def test_every_tag_a_shipped_monitor_speaks_of_belongs_to_a_unit(line: str) -> None:
    policy = load(shipped(line))
    assert policy.incidents is not None
    homes = {tag for unit in policy.incidents.units.values() for tag in unit.tags}
    spoken = {tag for one in monitors(policy).values() for tag in one.tags}
    assert spoken <= homes


def copied(folder: Path, line: str = "a") -> Path:
    shutil.copytree(shipped(line).parent, folder / line)
    return folder / line / shipped(line).name


def test_a_shipped_model_of_other_tags_is_refused_with_its_place(tmp_path: Path) -> None:
    file = copied(tmp_path)
    file.write_text(file.read_text().replace("PRS.M_TAB, PRS.HARD, LAB.API,", "PRS.M_TAB, PRS.HARD,"))
    with pytest.raises(ValueError, match=r"watches.line_fast.tags: expected those of fast.monitor.json .*LAB.API"):
        prepare(load(file))


def test_a_shipped_model_is_taken_signed_and_refused_unsigned_or_changed(tmp_path: Path) -> None:
    file, key = copied(tmp_path), Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = key.public_key().public_bytes_raw()
    demand = f"    model: slow.monitor.json\n    approved_by: [{fingerprint(public)}]\n"
    file.write_text(file.read_text().replace("    model: slow.monitor.json\n", demand))
    with pytest.raises(PolicyError, match=r"found no approval of slow\.monitor\.json"):
        load(file)
    model = file.parent / "slow.monitor.json"
    said = Statement(act="approve", file=model.name, sha256=_hash(model), who="Ana", why="Reviewed", at=1.8e9, key="")
    (file.parent / "slow.monitor.json.sig").write_text(signed(said, bytes(range(32))).model_dump_json())
    assert "slow.monitor.json.sig" in load(file).files
    model.write_text(Model.model_validate_json(model.read_bytes()).limited(9.0).model_dump_json())
    with pytest.raises(PolicyError, match=r"is no approval of slow\.monitor\.json that counts"):
        load(file)


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_what_a_line_promised_and_what_came_of_it_stand_in_the_report_of_its_alarms(tmp_path: Path) -> None:
    scenario, policy = open_scenario(find("a_quiet"))
    record, where = tmp_path / "record", tmp_path / "alarms.json"
    in_memory(scenario.model_copy(update={"for_s": 120.0, "assertions": {}}), policy, 3, record)
    assert status(["report", "alarms", str(record), "--json", str(where)]) == 0
    kept = json.loads(where.read_text())["budgets"]
    assert {route: (one["promised_per_week"], one["told"]) for route, one in kept.items()} == {
        "operator": (pytest.approx(2.0), 0),
        "qa": (pytest.approx(7.0 / 30.0), 0),
        "maintenance": (pytest.approx(1.0), 0),
        "lab": (pytest.approx(7.0 / 30.0), 0),
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", [301, 302])
def test_a_fault_the_loop_masks_is_told_before_the_loop_is_at_its_limits(seed: int) -> None:
    found = masked.play(masked.Task("a", seed))
    assert found.told_s < found.saturated_s
