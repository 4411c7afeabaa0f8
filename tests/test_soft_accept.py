"""Limits of acceptance that tighten with the number of results, equivalence to a method, and the card of a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hybrids import model
from test_soft_sensor_verbs import rows, written

from controller.cli import soft_accept
from controller.cli.app import BAD_INPUT, DONE, status
from controller.soft.hybrid_model import Acceptance, HybridModel

FAILED = 1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A model whose card says what it is accepted by."""
    return stored(tmp_path, Acceptance(goal=0.25, margin=0.2))


def stored(folder: Path, wanted: Acceptance | None) -> Path:
    card = model().card.model_copy(update={"acceptance": wanted})
    found = folder / "lod.soft.json"
    found.write_text(model().model_copy(update={"card": card}).model_dump_json(by_alias=True))
    return found


def run(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any], str]:
    code = status(["soft-sensor", *words, "--json", "-"])
    shown = capsys.readouterr()
    return code, json.loads(shown.out) if shown.out else {}, shown.err


def test_a_check_judges_by_what_the_card_declares_in_words_numbers_and_a_page(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, page = written(tmp_path / "later.csv", rows(20, 8)), tmp_path / "p.html"
    code, found, err = run("check", str(file), data, "--plot", str(page), capsys=capsys)
    assert code == DONE
    told = found["acceptance"]
    assert told["accepted"] is True
    assert (told["goal"], told["margin"], told["n"]) == (0.25, 0.2, 20)
    assert told["limits"]["4"] > told["limits"]["20"] == told["limit"] > told["limits"]["100"] > 0.25
    assert told["equivalence"]["equivalent"] is True
    assert "accepted: error 0." in err
    assert "equivalence is shown: the bias of" in err
    assert "lod.soft.json: version 1, not approved" in err
    assert "Bland and Altman" in page.read_text()


@pytest.mark.parametrize(("option", "says"), [("--goal", "not accepted: error 0."), ("--margin", "is not shown")])
def test_what_is_said_at_the_command_line_goes_before_the_card_and_a_failure_is_one(
    option: str, says: str, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = written(tmp_path / "later.csv", rows(20, 8))
    code, found, err = run("check", str(file), data, option, "0.001", capsys=capsys)
    assert (code, found["acceptance"]["accepted"]) == (FAILED, False)
    assert says in err


def test_without_a_declaration_nothing_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = written(tmp_path / "later.csv", rows(12, 8))
    code, found, _ = run("check", str(stored(tmp_path, None)), data, capsys=capsys)
    assert code == DONE
    assert "acceptance" not in found


def test_too_few_results_show_no_equivalence() -> None:
    found = np.array([2.0, 2.1, 1.9])
    one = soft_accept.judged(Acceptance(margin=1.0), "%", found, found + 0.01)
    assert not one.accepted
    assert list(soft_accept.sentences(one)) == ["equivalence is not shown: 3 results, at least 6 are wanted"]


def test_a_fit_writes_what_is_declared_on_the_card_and_refuses_what_is_no_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = written(tmp_path / "runs.csv", rows(10)), tmp_path / "new.soft.json"
    asked = ("fit", data, "--out", str(out), "--card", "goal=0.3")
    code, _, err = run(*asked, "--card", "margin=small", capsys=capsys)
    assert code == BAD_INPUT
    assert "--card margin: found 'small', expected a number above zero" in err
    assert not out.exists()
    assert run(*asked, "--card", "margin=0.2", capsys=capsys)[0] == DONE
    assert HybridModel.model_validate_json(out.read_bytes()).card.acceptance == Acceptance(goal=0.3, margin=0.2)


def test_show_gives_the_whole_card_and_who_approved_the_file(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key.pem"
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.chmod(0o600)
    assert run("show", str(file), capsys=capsys)[1]["approval"] == "not approved"
    assert status(["approve", str(file), "--key", str(key), "--who", "Ana", "--why", "Validated"]) == DONE
    code, found, err = run("show", str(file), capsys=capsys)
    assert code == DONE
    assert found["approval"].startswith("approved by Ana: Validated (key ")
    assert {"intended_use", "data_sha256", "ranges", "figures", "version", "approver", "baselines"} <= set(found)
    assert found["ranges"]["inlet"]["unit"] == "Cel"
    assert "accepted by" in err
    file.write_bytes(file.read_bytes() + b"\n")
    assert run("show", str(file), capsys=capsys)[1]["approval"].startswith("lod.soft.json.sig does not count: ")


def test_a_file_that_is_no_model_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.json").write_text("{}")
    assert run("show", str(tmp_path / "m.json"), capsys=capsys)[0] == BAD_INPUT
