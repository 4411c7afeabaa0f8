"""Users have a password and a role; what is not permitted is denied, and everything about them is kept."""

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.cli.app import status
from controller.people import LOCKED_S, TRIES, Denied, Known, People, User
from controller.records.audit import Deed
from controller.records.chain import Signer
from controller.records.verify import verify
from plant_io.security.passwords import Hashing, fits, hashed, locked_up, opened, refused
from policies.people import RIGHTS, Meaning, Right, Role, may

CHEAP = Hashing(memory_kib=8, passes=1, lanes=1)
ADMIN, FIRST, SECOND = "correct horse battery", "a first password", "another long password"
NOW = 1.8e9


def start(directory: Path, signer: Signer | None = None) -> People:
    people = People(directory / "people", CHEAP, signer)
    people.first(User("chief", "Charlotte Chief", Role.ADMIN), ADMIN, "root", NOW)
    return people


@pytest.fixture
def people(tmp_path: Path) -> People:
    return start(tmp_path)


def admin(people: People) -> Known:
    return people.allowed("chief", ADMIN, Right.ADMINISTER, NOW + 1.0)


def join(people: People, name: str, role: Role) -> None:
    people.add(admin(people), User(name, name.title(), role), FIRST, "joined", NOW + 2.0)
    people.password(people.known(name, FIRST, NOW + 3.0), name, SECOND, "my own", NOW + 3.0)


@pytest.mark.parametrize("right", list(Right))
@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_only_what_the_table_says(people: People, role: Role, right: Right) -> None:
    join(people, "ana", role)
    if may(role, right):
        assert people.allowed("ana", SECOND, right, NOW + 4.0).user.name == "ana"
    else:
        with pytest.raises(Denied, match=f"the role {role.value} may not"):
            people.allowed("ana", SECOND, right, NOW + 4.0)


def test_what_stands_in_no_row_is_denied() -> None:
    assert all(not may(Role.VIEWER, right) for right in Right)
    assert not any(may(role, "something new") for role in Role)  # type: ignore[arg-type]
    assert set(RIGHTS) == set(Right)


def test_who_administers_users_neither_moves_nor_approves_anything() -> None:
    assert [right for right in Right if may(Role.ADMIN, right)] == [Right.ADMINISTER]
    assert {Right[meaning.name] for meaning in Meaning} <= set(Right)


def test_five_wrong_passwords_lock_a_user_out_for_a_quarter_of_an_hour(people: People) -> None:
    join(people, "ana", Role.QA)
    for i in range(TRIES):
        with pytest.raises(Denied, match="wrong, or the user is locked out"):
            people.known("ana", "a wrong password", NOW + 10.0 + i)
    last = NOW + 10.0 + TRIES - 1
    with pytest.raises(Denied):
        people.known("ana", SECOND, last + LOCKED_S - 1.0)
    assert people.known("ana", SECOND, last + LOCKED_S).user.name == "ana"


def test_a_right_password_begins_the_count_of_wrong_ones_anew(people: People) -> None:
    for i in range(3 * TRIES):
        if i % (TRIES - 1) == 0:
            people.known("chief", ADMIN, NOW + i)
        with pytest.raises(Denied):
            people.known("chief", "a wrong password", NOW + i)
    assert people.users()["chief"].locked_until == 0.0


def test_an_administrator_ends_a_lock(people: People) -> None:
    join(people, "ana", Role.QA)
    for _ in range(TRIES):
        with pytest.raises(Denied):
            people.known("ana", "a wrong password", NOW + 10.0)
    people.change(admin(people), "ana", lambda user: user, "she is back", NOW + 11.0)
    assert people.known("ana", SECOND, NOW + 12.0).user.failures == 0


def test_unknown_disabled_and_wrong_are_answered_alike(people: People) -> None:
    join(people, "ana", Role.QA)
    people.change(admin(people), "ana", lambda user: replace(user, enabled=False), "left", NOW + 5.0)
    said = set[str]()
    for name, password in (("ana", SECOND), ("nobody", SECOND), ("chief", "a wrong password")):
        with pytest.raises(Denied) as refusal:
            people.known(name, password, NOW + 6.0)
        said.add(str(refusal.value))
    assert len(said) == 1


def test_a_password_somebody_else_chose_counts_for_nothing_but_its_change(people: People) -> None:
    people.add(admin(people), User("ana", "Ana Ruiz", Role.QA), FIRST, "joined", NOW)
    with pytest.raises(Denied, match="somebody else chose this password"):
        people.allowed("ana", FIRST, Right.APPROVAL, NOW)
    before = people.users()["ana"].key
    after = people.password(people.known("ana", FIRST, NOW), "ana", SECOND, "my own", NOW)
    assert (after.key, after.initial) == (before, False)


def test_a_password_that_is_reset_makes_a_new_key_and_the_old_one_stays_known(people: People) -> None:
    join(people, "ana", Role.QA)
    old = people.users()["ana"]
    new = people.password(admin(people), "ana", FIRST, "forgotten", NOW + 9.0)
    assert new.initial
    assert new.key != old.key
    assert list(people.users()["ana"].keys) == [old.key, new.key]


def test_the_first_user_is_an_administrator_and_there_is_no_password_before(tmp_path: Path) -> None:
    people = People(tmp_path / "people", CHEAP)
    with pytest.raises(Denied, match="wanted admin"):
        people.first(User("ana", "Ana", Role.ENGINEER), FIRST, "root", NOW)
    assert not people.there
    people.first(User("chief", "Charlotte", Role.ADMIN), ADMIN, "root", NOW)
    with pytest.raises(Denied, match="there are users already"):
        people.first(User("eve", "Eve", Role.ADMIN), FIRST, "root", NOW)


def test_somebody_is_always_left_who_may_administer(people: People) -> None:
    changes: tuple[Callable[[User], User], ...] = (
        lambda user: replace(user, enabled=False),
        lambda user: replace(user, role=Role.QA),
    )
    for change in changes:
        with pytest.raises(ValueError, match="nobody would be left"):
            people.change(admin(people), "chief", change, "why not", NOW)


def test_a_name_is_never_given_to_anybody_else(people: People) -> None:
    join(people, "ana", Role.QA)
    people.change(admin(people), "ana", lambda user: replace(user, enabled=False), "left", NOW + 5.0)
    with pytest.raises(ValueError, match="this name is taken"):
        people.add(admin(people), User("ana", "Ana Other", Role.QA), FIRST, "joined", NOW + 6.0)


@pytest.mark.parametrize("name", ["controller", "material", "system"])
def test_nobody_bears_a_name_under_which_the_controller_acts(people: People, name: str) -> None:
    with pytest.raises(ValueError, match="under which the controller itself acts"):
        people.add(admin(people), User(name, "Ana", Role.QA), FIRST, "joined", NOW)


@pytest.mark.parametrize("password", ["short", "x" * 129, "my name is ana", "aaaaaaaaaaaaaaaa", ""])
def test_weak_passwords_are_not_taken(people: People, password: str) -> None:
    with pytest.raises(ValueError, match="ana: found"):
        people.add(admin(people), User("ana", "Ana", Role.QA), password, "joined", NOW)


def test_acts_of_administration_have_who_what_old_new_when_and_why(people: People) -> None:
    join(people, "ana", Role.QA)
    people.change(admin(people), "ana", lambda user: replace(user, role=Role.ENGINEER), "moved", NOW + 7.0)
    deed = people.ledger.deeds()[-1]
    assert (deed["kind"], deed["who"], deed["subject"], deed["why"], deed["at"]) == (
        "user", "chief", "ana", "moved", NOW + 7.0,
    )  # fmt: skip
    assert (deed["old"]["role"], deed["new"]["role"], deed["what"]) == ("qa", "engineer", "changed: role")
    assert deed["exception"]
    with pytest.raises(ValueError, match="found no reason"):
        people.change(admin(people), "ana", lambda user: user, " ", NOW)


def test_no_password_is_kept_anywhere(people: People) -> None:
    join(people, "ana", Role.QA)
    kept = b"".join(file.read_bytes() for file in people.directory.iterdir())
    assert all(word.encode() not in kept for word in (ADMIN, FIRST, SECOND))


def test_the_file_is_for_its_owner_alone(people: People) -> None:
    modes = {file.name: file.stat().st_mode & 0o777 for file in people.directory.iterdir()}
    assert set(modes.values()) == {0o600}
    assert people.directory.stat().st_mode & 0o777 == 0o700
    people.ledger.path.chmod(0o640)
    with pytest.raises(PermissionError, match="others may read it; run: chmod 600"):
        people.users()


def altered(people: People, sql: str, *bound: object) -> None:
    db = sqlite3.connect(people.ledger.path)
    db.execute(sql, bound)
    db.commit()
    db.close()


def test_a_user_that_was_changed_in_the_file_is_not_believed(people: People) -> None:
    join(people, "ana", Role.VIEWER)
    body: Any = sqlite3.connect(people.ledger.path).execute("SELECT body FROM records WHERE seq = 2").fetchone()[0]
    altered(people, "UPDATE records SET body = ? WHERE seq = 2", body.replace(b'"viewer"', b'"admin"'))
    with pytest.raises(ValueError, match="broken at record 2"):
        people.users()


def test_a_password_that_was_put_in_the_place_of_another_is_not_believed(people: People) -> None:
    join(people, "ana", Role.QA)
    altered(people, "UPDATE secrets SET hash = ? WHERE name = 'ana'", hashed(ADMIN, CHEAP))
    with pytest.raises(ValueError, match="what is kept of the password of ana is not what was written"):
        people.known("ana", ADMIN, NOW)


def test_of_two_who_change_users_at_once_one_is_told_to_do_it_again(people: People) -> None:
    count = len(people.ledger.deeds())
    note = Deed("note", "chief", "a note", "", None, None, NOW)
    people.tell(note)
    with pytest.raises(OSError, match="somebody else changed something at the same time"):
        people.ledger.add(note, (), count)


def test_the_chain_is_a_record_that_is_verified_like_any_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signer = Signer(bytes(range(32)))
    people = start(tmp_path, signer)
    join(people, "ana", Role.QA)
    found = verify(people.directory, None, signer.name)
    assert (found.broken, found.key) == (None, signer.name)
    assert found.signed is not None
    assert status(["audit", "verify", str(people.directory), "--key", signer.name]) == 0
    told = capsys.readouterr().err
    assert f"{people.directory}: users of a station: {found.records} records, intact, signed up to record" in told
    assert "run" not in told.removeprefix(str(people.directory))


def test_the_chain_is_exported_like_any_other_and_gives_no_secret_away(people: People, tmp_path: Path) -> None:
    join(people, "ana", Role.QA)
    out = tmp_path / "trail.csv"
    assert status(["audit", "export", str(people.directory), "--out", str(out)]) == 0
    rows = out.read_text().splitlines()
    assert [row.split(",")[3:7] for row in rows[2:]] == [
        ["chief", "user", "user added", "ana"],
        ["ana", "user", '"changed: initial', ' secret"'],
    ]
    assert "argon2" not in out.read_text()


def test_passwords_are_kept_as_argon2id_with_what_a_try_costs() -> None:
    assert (Hashing().memory_kib, Hashing().passes, Hashing().lanes) == (19456, 2, 1)
    kept = hashed("correct horse", Hashing())
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert fits(kept, "correct horse")
    assert not fits(kept, "correct hors")
    assert not fits("rubbish", "correct horse")
    assert hashed("correct horse", CHEAP) != hashed("correct horse", CHEAP)


def test_a_key_opens_with_its_password_alone() -> None:
    kept = locked_up(bytes(range(32)), SECOND, CHEAP)
    assert opened(kept, SECOND) == bytes(range(32))
    for wrong in (FIRST, ""):
        with pytest.raises(ValueError, match="does not open the key"):
            opened(kept, wrong)
    with pytest.raises(ValueError, match="does not open the key"):
        opened(kept.replace('"m": 8', '"m": 16'), SECOND)
    assert refused("correct horse battery", "ana") == ""


def spoken(*lines: str) -> int:
    """A file descriptor that gives these lines."""
    reads, writes = os.pipe()
    os.write(writes, "".join(line + "\n" for line in lines).encode())
    os.close(writes)
    return reads


def verb(directory: Path, lines: tuple[str, ...], *words: str) -> int:
    where = ["--people", str(directory / "people"), "--pki", str(directory / "pki")]
    descriptor = spoken(*lines)
    try:
        return status(["user", *words, *where, "--password-fd", str(descriptor)])
    finally:
        os.close(descriptor)


def test_the_verbs_add_list_change_and_disable_users(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb(tmp_path, (ADMIN,), "add", "chief", "--printed", "Charlotte", "--role", "admin") == 0
    asked = ("--as", "chief", "--why", "joined")
    assert verb(tmp_path, (ADMIN, FIRST), "add", "ana", "--printed", "Ana Ruiz", "--role", "engineer", *asked) == 0
    assert verb(tmp_path, (FIRST, SECOND), "passwd", "ana") == 0
    assert verb(tmp_path, (SECOND,), "role", "chief", "viewer", "--as", "ana", "--why", "mine now") == 2
    assert "the role engineer may not administer users" in capsys.readouterr().err
    assert verb(tmp_path, (ADMIN,), "role", "ana", "qa", "--as", "chief", "--why", "moved") == 0
    assert verb(tmp_path, ("a wrong password",), "disable", "ana", "--as", "chief", "--why", "left") == 2
    assert verb(tmp_path, (ADMIN,), "disable", "ana", "--as", "chief", "--why", "left") == 0
    assert verb(tmp_path, (ADMIN,), "disable", "ana", "--why", "left") == 2
    capsys.readouterr()
    assert status(["user", "list", "--people", str(tmp_path / "people")]) == 0
    assert "ana (Ana Ruiz), qa, disabled" in capsys.readouterr().err


def test_a_password_comes_from_a_prompt_or_a_file_descriptor_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--people", str(tmp_path / "people"), "--pki", str(tmp_path / "pki")]
    assert status(["user", "add", "chief", "--printed", "C", "--role", "admin", *where]) == 2
    assert "there is no terminal to ask at" in capsys.readouterr().err
    assert verb(tmp_path, (), "add", "chief", "--printed", "C", "--role", "admin") == 2
    assert not (tmp_path / "people").exists()
