"""What is approved is approved by somebody, for a reason, byte for byte; a policy can demand it."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from anomaly.artefact import Model, Settings
from anomaly.fitting import Training, fit
from controller.cli.app import status
from policies import PolicyError, load, shipped
from policies.approval import Approval, NotApproved, Statement, fingerprint, signed, verified, words

RAW = bytes(range(32))
OTHER = bytes(range(1, 33))
DATA = b"a model"
HASH = hashlib.sha256(DATA).hexdigest()


def public(raw: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()


def approval(raw: bytes = RAW, sha256: str = HASH) -> Approval:
    said = Statement(act="approve", file="a.json", sha256=sha256, who="Ana", why="Reviewed", at=1.8e9, key="")
    return signed(said, raw)


def test_an_approval_counts_for_the_bytes_and_the_key_it_names() -> None:
    found = verified(HASH, approval().model_dump_json().encode(), [fingerprint(public(RAW))])
    assert (found.who, found.why, found.act) == ("Ana", "Reviewed", "approve")


def test_the_fingerprint_of_a_key_is_that_of_its_der() -> None:
    key = Ed25519PrivateKey.from_private_bytes(RAW).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert fingerprint(public(RAW)) == hashlib.sha256(der).hexdigest()


def test_anybody_can_check_a_signature_with_the_key_in_it() -> None:
    found = approval()
    assert words(found) == words(Statement.model_validate(found.model_dump(exclude={"signature"})))
    assert b'"who":"Ana","why":"Reviewed"}' in words(found)


@pytest.mark.parametrize("field", ["who", "why", "sha256", "file", "at", "act"])
def test_nothing_in_an_approval_can_be_changed_afterwards(field: str) -> None:
    changed: dict[str, Any] = approval().model_dump(mode="json")
    changed[field] = {"sha256": "0" * 64, "at": 1.0, "act": "promote"}.get(field, "Bob")
    with pytest.raises(NotApproved, match="its signature does not fit what it says"):
        verified(HASH, json.dumps(changed).encode(), [fingerprint(public(RAW))])


def test_other_bytes_another_key_and_another_file_are_no_approval() -> None:
    mine, found = [fingerprint(public(RAW))], approval().model_dump_json().encode()
    with pytest.raises(NotApproved, match="but the file is 1111"):
        verified("1" * 64, found, mine)
    with pytest.raises(NotApproved, match="which is not among those that count"):
        verified(HASH, found, [fingerprint(public(OTHER))])
    with pytest.raises(NotApproved, match="it is no approval"):
        verified(HASH, b"{}", mine)
    broken = found.replace(b'"key":"', b'"key":"x')
    with pytest.raises(NotApproved, match="its signature does not fit"):
        verified(HASH, broken, mine)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return _key(tmp_path / "ana.pem", RAW)


def _key(file: Path, raw: bytes) -> Path:
    made = Ed25519PrivateKey.from_private_bytes(raw)
    file.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    file.chmod(0o600)
    return file


def model(**how: object) -> Model:
    rows = np.random.default_rng(1).standard_normal((300, 2))
    return fit([rows], Training(("PRS.MCF", "PRS.FILL"), (), 10.0), Settings.model_validate(how))


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """Line A in a folder of its own, with a monitor that must be approved by Ana."""
    folder = tmp_path / "line"
    shutil.copytree(shipped("a").parent, folder)
    file = folder / "line_a.yaml"
    watch = (
        "watches:\n  pair: {kind: monitor, model: pair.monitor.json, every: 10s, tags: [PRS.MCF, PRS.FILL],"
        f" approved_by: [{fingerprint(public(RAW))}], response: Look.}}\n"
    )
    file.write_text(file.read_text().replace("watches:\n", watch, 1))
    (folder / "pair.monitor.json").write_text(model().model_dump_json())
    return file


def approve(file: Path, key: Path, *more: str) -> int:
    return status(["approve", str(file), "--key", str(key), "--who", "Ana", "--why", "Reviewed", *more])


def test_a_policy_takes_a_model_only_with_its_approval(line: Path, key: Path) -> None:
    with pytest.raises(PolicyError, match=r"approved_by: found no approval of pair.monitor.json, expected pair"):
        load(line)
    assert approve(line.parent / "pair.monitor.json", key) == 0
    policy = load(line)
    assert "pair.monitor.json.sig" in policy.files
    (line.parent / "pair.monitor.json").write_text(model(ridge=1.0).model_dump_json())
    with pytest.raises(PolicyError, match=r"\d+:\d+: watches.pair.approved_by: pair.monitor.json.sig is no"):
        load(line)


def test_a_model_signed_by_somebody_else_is_not_taken(line: Path, tmp_path: Path) -> None:
    assert approve(line.parent / "pair.monitor.json", _key(tmp_path / "bob.pem", OTHER)) == 0
    with pytest.raises(PolicyError, match="which is not among those that count"):
        load(line)


def test_a_library_may_have_to_be_approved_too(line: Path, key: Path) -> None:
    approve(line.parent / "pair.monitor.json", key)
    demand = f"    library: line_a.library.yaml\n    approved_by: [{fingerprint(public(RAW))}]\n"
    line.write_text(line.read_text().replace("    library: line_a.library.yaml\n", demand))
    with pytest.raises(PolicyError, match=r"found no approval of line_a\.library\.yaml"):
        load(line)
    approve(line.parent / "line_a.library.yaml", key)
    assert "line_a.library.yaml.sig" in load(line).files


def test_a_policy_is_approved_with_every_file_it_names(line: Path, key: Path, tmp_path: Path) -> None:
    approve(line.parent / "pair.monitor.json", key)
    assert approve(line, key, "--json", str(tmp_path / "r.json")) == 0
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["fingerprint"] == load(line).fingerprint
    assert result["key"] == fingerprint(public(RAW))
    assert len(result["signature"]) == 88
    asked = ["validate", str(line), "--approved-by", fingerprint(public(RAW))]
    assert status(asked) == 0
    (line.parent / "process.json").write_bytes((line.parent / "process.json").read_bytes() + b"\n")
    assert status(asked) == 2


def test_what_nobody_approved_is_not_valid_where_that_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["validate", str(shipped("d")), "--approved-by", "0" * 64]) == 2
    assert "found no approval, expected" in capsys.readouterr().err


def test_a_candidate_is_promoted_frozen_with_its_evidence(tmp_path: Path, key: Path) -> None:
    candidate, out, proof = tmp_path / "twin.monitor.json", tmp_path / "new.monitor.json", tmp_path / "replay.json"
    candidate.write_text(model(adaptation="gated").model_dump_json())
    proof.write_text("{}")
    asked = ["promote", str(candidate), "--out", str(out), "--key", str(key), "--who", "Ana", "--why", "New lot"]
    assert status(asked) == 2
    assert status([*asked, "--evidence", str(proof)]) == 0
    assert Model.model_validate_json(out.read_bytes()).settings.adaptation == "frozen"
    found = Approval.model_validate_json((tmp_path / "new.monitor.json.sig").read_bytes())
    assert (found.act, set(found.evidence)) == ("promote", {"twin.monitor.json", "replay.json"})
    assert status(["validate", str(out), "--approved-by", found.signer]) == 0
    assert status([*asked, "--evidence", str(proof)]) == 2


def test_what_is_no_model_is_not_promoted_and_leaves_nothing(tmp_path: Path, key: Path) -> None:
    candidate, out = tmp_path / "a.json", tmp_path / "b.monitor.json"
    candidate.write_text("{}")
    asked = ["promote", str(candidate), "--out", str(out), "--key", str(key), "--who", "A", "--why", "B"]
    assert status([*asked, "--evidence", str(candidate)]) == 2
    assert not out.exists()


def test_a_key_of_another_kind_or_for_all_to_read_is_refused(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_text("{}")
    rsa = tmp_path / "rsa.pem"
    made = generate_private_key(65537, 2048)
    rsa.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    rsa.chmod(0o600)
    assert approve(tmp_path / "a.json", rsa) == 2
    assert "found another kind of key, wanted Ed25519" in capsys.readouterr().err
    (tmp_path / "none.pem").write_text("no key")
    (tmp_path / "none.pem").chmod(0o600)
    assert approve(tmp_path / "a.json", tmp_path / "none.pem") == 2
    if os.name == "posix":
        key.chmod(0o644)
        assert approve(tmp_path / "a.json", key) == 2
        assert "others may read it" in capsys.readouterr().err


def test_a_signature_has_a_person_and_a_meaning(tmp_path: Path, key: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    assert status(["approve", str(tmp_path / "a.json"), "--key", str(key), "--who", " ", "--why", "x"]) == 2
    assert not (tmp_path / "a.json.sig").exists()
