"""A challenger on a line: told by late results, shown in the status and a report, promoted with that evidence alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from controller.cli.app import BAD_INPUT, DONE, status
from controller.cli.live import glance
from controller.cycle import Cycle, Decision
from controller.records import codec
from controller.records.cycles import Walk
from controller.records.replay import replay
from controller.soft.hybrid_model import read
from hil.library import find, open_scenario
from hil.rig.play import Played, in_memory
from hil.scenario import SCENARIOS
from policies.approval import Approval


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, Path]:
    """A hundred minutes of line A, watched only, with two models of the hardness."""
    folder = tmp_path_factory.mktemp("record")
    scenario, policy = open_scenario(find("a_challenger"))
    return in_memory(scenario, policy, 4, folder), folder


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key that nobody else may read."""
    file = tmp_path / "key.pem"
    pem = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    file.write_bytes(pem)
    file.chmod(0o600)
    return file


def report(record: Path, folder: Path) -> tuple[Path, dict[str, Any]]:
    file = folder / "soft.json"
    assert status(["report", "soft", str(record), "--json", str(file), "--out", str(folder / "soft.html")]) == DONE
    return file, json.loads(file.read_text())["sensors"]["TAB.HARD"]


def test_the_verdict_is_an_event_of_the_run_that_is_replayed_bit_for_bit(kept: tuple[Played, Path]) -> None:
    played, folder = kept
    said = [one for one in played.ran.tally.events if "challenger" in one.what]
    assert [one.what.split(":")[1].strip() for one in said] == ["the challenger is better by the declared rule"]
    found = replay(folder)
    assert (found.identical, found.first_break) == (found.cycles, None)


def test_a_report_holds_both_against_the_same_results_with_a_page(kept: tuple[Played, Path], tmp_path: Path) -> None:
    _, found = report(kept[1], tmp_path)
    assert found["n"] >= 18
    assert found["challenger"]["rmse"] < 0.6 * found["champion"]["rmse"]
    assert {"coverage", "width", "bias", "sha256", "version"} <= set(found["champion"])
    assert found["better"] is True
    assert "<h2>TAB.HARD [N]</h2>" in (tmp_path / "soft.html").read_text()


def test_the_status_shows_both_and_whether_there_is_a_verdict(kept: tuple[Played, Path]) -> None:
    walk = Walk(kept[1])
    kit, lines = walk.kit(), list[str]()
    for data in walk.cycles():
        if data["number"] in {600, 5900}:
            nothing = Decision((), (), (), (), (), (), (), frozenset(), {}, {}, {}, {})
            shown = replace(nothing, soft=data["decision"]["soft"])
            lines.append(glance(Cycle(0, codec.snapshot(data["snapshot"], kit.index), (), (), shown, ()), kit.policy))
    assert "too few results)" in lines[0]
    assert ", better)" in lines[1]


def test_a_challenger_is_promoted_with_the_report_that_it_won_and_not_otherwise(
    kept: tuple[Played, Path], tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence, _ = report(kept[1], tmp_path)
    signed = ["--key", str(key), "--who", "Ana", "--why", "Better on 20 results", "--evidence", str(evidence)]
    for name, good in (("hardness_older", False), ("hardness_newer", True)):
        candidate, out = SCENARIOS / f"{name}.soft.json", tmp_path / f"{name}.soft.json"
        code = status(["promote", str(candidate), "--out", str(out), *signed])
        assert (code, out.exists()) == ((DONE, True) if good else (BAD_INPUT, False))
    assert "found in the evidence no report of hardness_older.soft.json" in capsys.readouterr().err
    assert read(out.read_bytes(), out.name).card.approver == "Ana"
    approval = Approval.model_validate_json(out.with_name(out.name + ".sig").read_bytes())
    assert set(approval.evidence) == {"hardness_newer.soft.json", "soft.json"}


def test_a_challenger_that_has_not_won_yet_is_not_promoted(
    kept: tuple[Played, Path], tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence, _ = report(kept[1], tmp_path)
    found = json.loads(evidence.read_text())
    found["sensors"]["TAB.HARD"] |= {"better": False, "verdict": "4 results, 12 are wanted before there is a verdict"}
    evidence.write_text(json.dumps(found))
    asked = ["promote", str(SCENARIOS / "hardness_newer.soft.json"), "--out", str(tmp_path / "new.soft.json")]
    asked += ["--key", str(key), "--who", "Ana", "--why", "Hope", "--evidence", str(evidence)]
    assert status(asked) == BAD_INPUT
    assert "of TAB.HARD it says: 4 results, 12 are wanted" in capsys.readouterr().err
