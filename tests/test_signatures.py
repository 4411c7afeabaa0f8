"""A signature of a user carries name, time, meaning and reason, covers what was shown, and is another person's."""

import json
import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from stationed import NOW, OWN, USERS, known, signs, spoken, station

from controller.cli.app import status
from controller.people import Denied, People
from controller.signed import Act, beside, demanded, found, sign, told
from policies import Policy, PolicyError, load, shipped
from policies.approval import Approval, NotApproved, Statement, holds, read, signed, verified, words, written
from policies.people import SIGNING, Meaning, Right, may

EXAMPLE = Path(__file__).parents[1] / "policies" / "examples" / "wood_berry.yaml"
DEMANDS = "\npeople:\n  signatures: [authorship, approval]\n"


@pytest.fixture
def people(tmp_path: Path) -> People:
    return station(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "column.yaml"
    path.write_text(EXAMPLE.read_text() + DEMANDS)
    return path


def judged(people: People, file: Path) -> list[str]:
    return [each.wrong for each in found(people, load(file).fingerprint, beside(file))]


def test_a_signature_carries_printed_name_time_meaning_reason_and_what_was_shown(people: People, file: Path) -> None:
    made = signs(people, "ana", Meaning.APPROVAL, file, "fits the report of 3 March")
    assert (made.who, made.user, made.at) == ("Ana Example", "ana", NOW + 60.0)
    assert (made.meaning, made.why) == (Meaning.APPROVAL, "fits the report of 3 March")
    assert made.shown is not None
    assert load(file).fingerprint in made.shown
    assert sha256(file.read_bytes()).hexdigest() in made.shown
    assert judged(people, file) == [""]


@pytest.mark.parametrize("field", ["who", "user", "why", "at", "meaning", "shown", "sha256"])
def test_nothing_in_a_signature_can_be_changed_afterwards(people: People, file: Path, field: str) -> None:
    made = signs(people, "ana", Meaning.APPROVAL, file)
    other = {"at": 1.0, "meaning": Meaning.REVIEW, "sha256": "0" * 64}.get(field, "another")
    changed = Approval.model_validate({**made.model_dump(), field: other})
    with pytest.raises(NotApproved, match="does not fit what it says"):
        holds(changed, load(file).fingerprint)


def test_the_signature_is_kept_in_the_chain_of_the_users(people: People, file: Path) -> None:
    made = signs(people, "ana", Meaning.APPROVAL, file)
    deed = people.ledger.deeds()[-1]
    assert (deed["kind"], deed["who"], deed["subject"]) == ("signature", "ana", "column.yaml")
    assert deed["new"]["signature"] == made.signature
    assert deed["new"]["shown_sha256"] == sha256((made.shown or "").encode()).hexdigest()


@pytest.mark.parametrize("meaning", list(Meaning))
@pytest.mark.parametrize("name", list(USERS))
def test_who_may_sign_with_which_meaning_is_a_matter_of_the_role(
    people: People, file: Path, name: str, meaning: Meaning
) -> None:
    if may(USERS[name], SIGNING[meaning]):
        assert signs(people, name, meaning, file).meaning is meaning
        return
    with pytest.raises(Denied, match="may not sign as"):
        signs(people, name, meaning, file)
    someone = known(people, "ana", Meaning.APPROVAL)
    stranger = replace(someone, user=replace(someone.user, role=USERS[name]))
    with pytest.raises(Denied, match="may not sign as"):
        sign(people, stranger, Act(file, "0" * 64, "", meaning, "why"), NOW)
    assert not beside(file)


def test_a_policy_lacks_what_it_demands_until_two_persons_have_signed(people: People, file: Path) -> None:
    said = demanded(load(file), beside(file), people)
    assert said == "wanted signatures for authorship, approval, each by another person; found none"
    signs(people, "eli", Meaning.AUTHORSHIP, file)
    assert "found authorship by eli" in demanded(load(file), beside(file), people)
    signs(people, "ana", Meaning.APPROVAL, file)
    assert demanded(load(file), beside(file), people) == ""


def test_one_person_does_not_count_for_two(people: People, file: Path) -> None:
    file.write_text(EXAMPLE.read_text() + "\npeople:\n  signatures: [authorship, review]\n")
    signs(people, "eli", Meaning.AUTHORSHIP, file)
    signs(people, "eli", Meaning.REVIEW, file)
    assert "each by another person" in demanded(load(file), beside(file), people)
    signs(people, "eve", Meaning.REVIEW, file)
    assert demanded(load(file), beside(file), people) == ""


def test_two_approvers_are_two(people: People, file: Path) -> None:
    file.write_text(EXAMPLE.read_text() + "\npeople:\n  signatures: [approval, approval]\n")
    signs(people, "ana", Meaning.APPROVAL, file)
    with pytest.raises(Denied, match=r"has signed column\.yaml with the meaning approval already"):
        signs(people, "ana", Meaning.APPROVAL, file)
    assert "each by another person" in demanded(load(file), beside(file), people)
    signs(people, "bob", Meaning.APPROVAL, file)
    assert demanded(load(file), beside(file), people) == ""


def test_a_policy_that_was_changed_has_to_be_signed_again(people: People, file: Path) -> None:
    signs(people, "eli", Meaning.AUTHORSHIP, file)
    signs(people, "ana", Meaning.APPROVAL, file)
    file.write_text(file.read_text() + "# a word\n")
    assert all("but the file is" in wrong for wrong in judged(people, file))
    assert "found none" in demanded(load(file), beside(file), people)
    signs(people, "eli", Meaning.AUTHORSHIP, file)
    assert len(beside(file)) == 1


def test_a_key_that_is_nobodys_or_a_signature_nobody_made_here_does_not_count(people: People, file: Path) -> None:
    made = signs(people, "ana", Meaning.APPROVAL, file)
    forged = signed(made.model_copy(update={"why": "forged"}), bytes(range(32)))
    beside_it = file.with_name(file.name + ".sig")
    beside_it.write_bytes(written([forged]))
    assert "is not that of the user ana" in judged(people, file)[0]
    own = known(people, "ana", Meaning.APPROVAL).private
    beside_it.write_bytes(written([signed(made.model_copy(update={"why": "made elsewhere"}), own)]))
    assert "was not made at this station" in judged(people, file)[0]


def test_a_signature_of_a_user_who_has_left_still_holds(people: People, file: Path) -> None:
    signs(people, "ana", Meaning.APPROVAL, file)
    admin = people.allowed("chief", OWN, Right.ADMINISTER, NOW + 90.0)
    people.change(admin, "ana", lambda user: replace(user, enabled=False), "left", NOW + 90.0)
    assert judged(people, file) == [""]


def test_signatures_of_keys_are_read_as_before_and_stand_beside_others(people: People, file: Path) -> None:
    by_user = signs(people, "ana", Meaning.APPROVAL, file)
    plain = by_user.model_copy(update={"user": None, "meaning": None, "shown": None})
    by_key = signed(plain, bytes(range(32)))
    assert b'"user"' not in words(by_key)
    both = written([by_key, by_user])
    assert read(both) == (by_key, by_user)
    assert read(written([by_key])) == (by_key,)
    assert verified(load(file).fingerprint, both, [by_user.signer]) == by_user


def test_a_key_that_signs_leaves_the_signatures_of_users_where_they_are(
    people: People, file: Path, tmp_path: Path
) -> None:
    by_user, key = signs(people, "ana", Meaning.APPROVAL, file), tmp_path / "bob.pem"
    pem = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    key.write_bytes(pem.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.chmod(0o600)
    for _ in range(2):
        assert status(["approve", str(file), "--key", str(key), "--who", "Bob", "--why", "Reviewed"]) == 0
    assert [each.who for each in beside(file)] == ["Ana Example", "Bob"]
    assert beside(file)[0] == by_user
    file.write_text(file.read_text() + "# a word\n")
    assert status(["approve", str(file), "--key", str(key), "--who", "Bob", "--why", "Reviewed"]) == 0
    assert [each.who for each in beside(file)] == ["Bob"]
    assert status(["approve", str(file), "--why", "nobody"]) == 2


def test_without_a_reason_nothing_is_signed(people: People, file: Path) -> None:
    with pytest.raises(ValueError, match="found no reason"):
        signs(people, "ana", Meaning.APPROVAL, file, "  ")


def test_what_is_shown_says_what_changes(file: Path) -> None:
    old, new = load(EXAMPLE), load(file)
    assert "[limits] people.signatures: " in told(new, file.name, old)


def test_the_verbs_show_ask_sign_and_verify(
    people: People, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--people", str(people.directory)]

    def approve(name: str, meaning: str, password: str) -> int:
        descriptor = spoken(password)
        more = ["--pki", str(tmp_path / "pki"), "--password-fd", str(descriptor), "--against", str(EXAMPLE)]
        words = ["--user", name, "--meaning", meaning, "--why", "as agreed"]
        try:
            return status(["approve", str(file), *words, *where, *more])
        finally:
            os.close(descriptor)

    assert status(["signatures", str(file), *where]) == 1
    assert approve("ana", "approval", "a wrong password") == 2
    assert approve("eli", "approval", OWN) == 2
    assert approve("eli", "authorship", OWN) == 0
    assert approve("ana", "approval", OWN) == 0
    shown = capsys.readouterr().err
    assert "people.signatures" in shown
    assert "signed by Ana Example (ana), meaning approval, reason: as agreed" in shown
    out = tmp_path / "s.json"
    assert status(["signatures", str(file), *where, "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    assert [(each["user"], each["meaning"], each["holds"]) for each in result["signatures"]] == [
        ("eli", "authorship", True),
        ("ana", "approval", True),
    ]
    file.write_text(file.read_text() + "# a word\n")
    assert status(["signatures", str(file), *where]) == 1


def signed_line(tmp_path: Path) -> Path:
    folder = tmp_path / "line"
    folder.mkdir()
    for each in shipped("c").parent.iterdir():
        (folder / each.name).write_bytes(each.read_bytes())
    file = folder / "line_c.yaml"
    file.write_text(file.read_text() + "\npeople:\n  models: signed\n")
    return file


def test_models_that_are_unsigned_or_changed_are_refused_where_the_policy_demands_it(
    people: People, tmp_path: Path
) -> None:
    file = signed_line(tmp_path)
    with pytest.raises(PolicyError) as refusal:
        load(file)
    names = [problem.message.split(" ")[4].rstrip(",") for problem in refusal.value.problems]
    assert names
    for name in set(names):
        path = file.parent / name
        digest = sha256(path.read_bytes()).hexdigest()
        sign(
            people, known(people, "ana", Meaning.APPROVAL), Act(path, digest, "", Meaning.APPROVAL, "looked"), NOW + 60
        )
    policy: Policy = load(file)
    assert demanded(policy, beside(file), people) == ""
    changed = file.parent / names[0]
    changed.write_bytes(changed.read_bytes() + b"\n")
    with pytest.raises(PolicyError, match="is no approval of"):
        load(file)


def test_models_that_were_signed_by_a_stranger_move_nothing(people: People, tmp_path: Path) -> None:
    file = signed_line(tmp_path)
    with pytest.raises(PolicyError) as refusal:
        load(file)
    for name in {problem.message.split(" ")[4].rstrip(",") for problem in refusal.value.problems}:
        path = file.parent / name
        act = Act(path, sha256(path.read_bytes()).hexdigest(), "", Meaning.APPROVAL, "looked")
        made = sign(people, known(people, "ana", Meaning.APPROVAL), act, NOW + 60.0)
        path.with_name(path.name + ".sig").write_bytes(written([signed(made, bytes(range(32)))]))
    assert "is not approved by a user of this station" in demanded(load(file), beside(file), people)


def test_a_signature_by_a_key_holds_over_its_bytes_and_is_no_users(
    people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = tmp_path / "a.json", tmp_path / "s.json"
    model.write_bytes(b"a model")
    said = Statement(
        act="approve", file="a.json", sha256=sha256(b"a model").hexdigest(), who="Ana", why="Reviewed", at=NOW, key=""
    )
    (tmp_path / "a.json.sig").write_bytes(written([signed(said, bytes(range(32)))]))
    assert status(["signatures", str(model), "--people", str(tmp_path / "nobody")]) == 0
    capsys.readouterr()
    words_ = ["signatures", str(model), "--people", str(people.directory), "--json", str(out)]
    assert status(words_) == 0
    (shown,) = json.loads(out.read_text())["signatures"]
    assert (shown["holds"], shown["wrong"], shown["user"]) == (True, "", None)
    told_ = capsys.readouterr().err
    assert "Reviewed; holds; it was made with a key alone, by no user here: it counts only where approved_by" in told_
    feigned = signed(said.model_copy(update={"user": "ana"}), bytes(range(32)))
    (judged_,) = found(people, said.sha256, [feigned])
    assert (judged_.holds, judged_.by_key) == (False, False)
    model.write_bytes(b"another model")
    assert status(words_) == 1
    assert "DOES NOT HOLD" in capsys.readouterr().err
