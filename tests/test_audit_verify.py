import json
import shutil
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recorded import OTHER, changed, keeping, kept, page

from controller.cli.app import status
from controller.records.chain import Signer, first_link, link
from controller.records.cycles import Walk
from controller.records.entry import entries
from controller.records.journal import FILE, Keeping
from controller.records.verify import Head, newest, verify

NUMBER = count()
GONE = "DELETE FROM records WHERE seq = ?"
Rows = list[tuple[int, str, float, bytes, bytes, bytes | None]]


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept(tmp_path_factory.mktemp("signed"), keeping())


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def printed() -> Callable[..., tuple[int, str | None]]:
    return page()


def copied(file: Path, work: Path) -> Path:
    return Path(shutil.copy(file, work / f"{next(NUMBER)}.sqlite"))


def rows(file: Path) -> Rows:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
        found = db.execute("SELECT * FROM records ORDER BY seq").fetchall()
    db.close()
    return found


def again(rows: Rows, since: int) -> Rows:
    """Make the chain anew from a record on, as one without the key can."""
    made, before = rows[:since], rows[since - 1][4] if since else bytes(32)
    for seq, (_, kind, at, body, _, digest) in enumerate(rows[since:], since):
        before = link(before, seq, at, kind, digest or sha256(body).digest())
        made.append((seq, kind, at, body, before, digest))
    return made


def put(file: Path, rows: Rows) -> Path:
    changed(file, ("DELETE FROM records", ()), *(("INSERT INTO records VALUES (?,?,?,?,?,?)", row) for row in rows))
    return file


def test_a_record_as_it_was_written_is_intact_and_signed_to_its_end(signed: Path) -> None:
    found = verify(signed)
    assert found.broken is None
    assert found.complete
    assert found.signed == found.records - 2
    assert found.kinds == {"head": 1, "cycle": 9, "checkpoint": 4, "sealed": 1, "tail": 1, "audit": 5}


def test_a_record_of_a_station_without_a_key_says_so(tmp_path: Path) -> None:
    found = verify(kept(tmp_path, Keeping()))
    assert found.broken is None
    assert found.key is None
    assert "not signed: whoever can write the file could have made the chain anew" in found.sentence()


def test_the_page_of_code_finds_a_good_record_good(
    signed: Path, printed: Callable[..., tuple[int, str | None]]
) -> None:
    assert printed(signed) == (21, None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_edited_byte_is_found_where_it_is(
    signed: Path, work: Path, printed: Callable[..., tuple[int, str | None]], data: st.DataObject
) -> None:
    seq = data.draw(st.integers(0, len(rows(signed)) - 1))
    column = data.draw(st.sampled_from(("body", "chain")))
    row = rows(signed)[seq]
    old = row[3] if column == "body" else row[4]
    place, bit = data.draw(st.integers(0, len(old) - 1)), data.draw(st.integers(1, 255))
    new = bytes([*old[:place], old[place] ^ bit, *old[place + 1 :]])
    file = copied(signed, work)
    changed(file, (f"UPDATE records SET {column} = ? WHERE seq = ?", (new, seq)))  # noqa: S608
    found = verify(file)
    assert found.broken is not None
    assert (found.broken.seq, found.broken.cause) == (seq, "changed")
    assert printed(file)[0] == seq
    assert printed(file)[1] is not None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0.0, 1.0, exclude_max=True), bit=st.integers(1, 255))
def test_every_byte_of_the_file_is_one_that_is_found_or_one_that_means_nothing(
    signed: Path, work: Path, place: float, bit: int
) -> None:
    data, before = bytearray(signed.read_bytes()), rows(signed)
    data[int(place * len(data))] ^= bit
    file = copied(signed, work)
    file.write_bytes(data)
    found = verify(file)
    assert found.broken is not None or rows(file) == before


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seq=st.integers(0, 20), new=st.sampled_from(("cycle", "tail", "head", "audit")))
def test_every_other_kind_of_record_is_found(
    signed: Path, work: Path, printed: Callable[..., tuple[int, str | None]], seq: int, new: str
) -> None:
    file = copied(signed, work)
    same = rows(signed)[seq][1] == new
    changed(file, ("UPDATE records SET kind = ? WHERE seq = ?", (new, seq)))
    found = verify(file)
    assert (found.broken is None) is same
    assert (printed(file)[1] is None) is same


@pytest.mark.parametrize("seq", range(20))
def test_every_removed_record_is_found(
    signed: Path, tmp_path: Path, printed: Callable[..., tuple[int, str | None]], seq: int
) -> None:
    file = copied(signed, tmp_path)
    changed(file, (GONE, (seq,)))
    found = verify(file)
    assert found.broken is not None
    assert (found.broken.seq, found.broken.cause) == (seq, "missing")
    assert printed(file) == (seq, f"record {seq} is missing")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=st.integers(0, 20), two=st.integers(0, 20))
def test_records_that_changed_places_are_found_at_the_first(
    signed: Path, work: Path, printed: Callable[..., tuple[int, str | None]], one: int, two: int
) -> None:
    made = rows(signed)
    made[one], made[two] = (one, *made[two][1:]), (two, *made[one][1:])
    file = put(copied(signed, work), made)
    found = verify(file)
    assert (found.broken is None) is (one == two)
    if found.broken is not None:
        assert found.broken.seq == min(one, two)
        assert printed(file)[0] == min(one, two)


@pytest.mark.parametrize("seq", [0, 5, 14])
def test_a_time_that_was_changed_is_found(signed: Path, tmp_path: Path, seq: int) -> None:
    file = copied(signed, tmp_path)
    changed(file, ("UPDATE records SET at = at + 1e-6 WHERE seq = ?", (seq,)))
    found = verify(file)
    assert found.broken is not None
    assert (found.broken.seq, found.broken.cause) == (seq, "changed")


@pytest.mark.parametrize("left", [1, 8, 20])
def test_an_end_that_was_cut_off_is_found_against_a_head_kept_elsewhere(
    signed: Path, tmp_path: Path, printed: Callable[..., tuple[int, str | None]], left: int
) -> None:
    head = newest(signed)
    file = copied(signed, tmp_path)
    changed(file, ("DELETE FROM records WHERE seq >= ?", (left,)))
    assert verify(file).broken is None
    found = verify(file, head)
    assert found.broken is not None
    assert (found.broken.seq, found.broken.cause) == (left, "truncated")
    assert printed(file, head.plain()) == (left, "the end was cut off")


def test_a_chain_made_anew_without_the_key_fails_at_the_next_checkpoint(
    signed: Path, tmp_path: Path, printed: Callable[..., tuple[int, str | None]]
) -> None:
    made = rows(signed)
    made[3] = (*made[3][:3], made[4][3], *made[3][4:])
    file = put(copied(signed, tmp_path), again(made, 3))
    found = verify(file)
    assert found.broken is not None
    assert found.broken.cause == "signature"
    assert made[found.broken.seq][1] == "checkpoint"
    assert "something from record" in found.broken.what
    assert printed(file)[0] == found.broken.seq


def test_a_record_made_anew_with_another_key_is_not_the_one_of_this_station(signed: Path, tmp_path: Path) -> None:
    other = kept(tmp_path, keeping(signer=Signer(OTHER)))
    assert verify(other).broken is None
    found = verify(other, key=verify(signed).key)
    assert found.broken is not None
    assert found.broken.cause == "key"


def test_a_record_without_signatures_is_not_taken_for_a_signed_one(signed: Path, tmp_path: Path) -> None:
    found = verify(kept(tmp_path, Keeping()), key=verify(signed).key)
    assert found.broken is not None
    assert found.broken.cause == "signature"


def test_another_record_is_found_against_a_head_kept_elsewhere(signed: Path, tmp_path: Path) -> None:
    head = newest(signed)
    found = verify(kept(tmp_path, keeping(every=5)), Head(4, head.chain))
    assert found.broken is not None
    assert (found.broken.seq, found.broken.cause) == (4, "head")


def test_a_clock_that_goes_back_is_found_although_the_chain_is_whole(tmp_path: Path) -> None:
    unsigned = kept(tmp_path / "a", Keeping())
    made = rows(unsigned)
    made[6] = (*made[6][:2], made[5][2] - 0.5, *made[6][3:])
    found = verify(put(unsigned, again(made, 6)))
    assert found.broken is not None
    assert (found.broken.seq, found.broken.cause) == (6, "clock")
    assert "went back by 0.5 s" in found.broken.what
    assert page()(unsigned)[0] == 6


def test_a_body_nobody_had_removed_is_found(tmp_path: Path, printed: Callable[..., tuple[int, str | None]]) -> None:
    file = kept(tmp_path, keeping())
    body = rows(file)[4][3]
    changed(file, ("UPDATE records SET body = x'', digest = ? WHERE seq = 4", (sha256(body).digest(),)))
    found = verify(file)
    assert found.broken is not None
    assert (found.broken.seq, found.broken.cause) == (4, "removed")
    assert printed(file) == (4, "the body of record 4 was removed")


def test_a_body_beside_its_digest_is_found(
    signed: Path, tmp_path: Path, printed: Callable[..., tuple[int, str | None]]
) -> None:
    file = copied(signed, tmp_path)
    body = rows(file)[4][3]
    changed(file, ("UPDATE records SET body = x'00', digest = ? WHERE seq = 4", (sha256(body).digest(),)))
    found = verify(file)
    assert found.broken is not None
    assert (found.broken.seq, found.broken.cause) == (4, "changed")
    assert printed(file)[0] == 4


def test_a_record_without_a_head_is_broken_at_its_beginning(tmp_path: Path) -> None:
    file = kept(tmp_path, Keeping())
    made = [(n, *row[1:]) for n, row in enumerate(rows(file)[1:])]
    found = verify(put(file, again(made, 0)))
    assert found.broken is not None
    assert (found.broken.seq, found.broken.cause) == (0, "changed")


def test_a_file_that_is_no_record_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"nothing of this kind" * 400)
    found = verify(tmp_path)
    assert found.broken is not None
    assert found.broken.cause == "unreadable"


def test_a_record_of_a_later_release_is_refused_in_one_sentence(
    signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = copied(signed, tmp_path)
    changed(file, ("PRAGMA user_version=9", ()))
    assert status(["replay", str(file)]) == 2
    assert "the record is of format 9; this release reads formats 1 and 2" in capsys.readouterr().err


def test_a_record_of_format_1_is_still_verified_and_walked(tmp_path: Path) -> None:
    made, before = rows(kept(tmp_path / "new", Keeping())), bytes(32)
    old = tmp_path / FILE
    changed(old, ("CREATE TABLE records (seq INTEGER PRIMARY KEY, kind, at, body, chain)", ()))
    for seq, (_, kind, at, body, _, _) in enumerate(row for row in made if row[1] != "sealed"):
        before = first_link(before, seq, kind, body)
        changed(old, ("INSERT INTO records VALUES (?,?,?,?,?)", (seq, kind, at, body, before)))
    found = verify(tmp_path)
    assert (found.broken, found.records, found.version) == (None, 16, 1)
    walk = Walk(tmp_path)
    assert len(list(walk.cycles())) == 9
    assert (walk.first_break, walk.complete) == (None, True)
    changed(old, ("UPDATE records SET body = x'00' WHERE seq = 5", ()))
    broken = verify(tmp_path).broken
    assert broken is not None
    assert broken.seq == 5


def test_a_signed_record_is_walked_as_complete(signed: Path) -> None:
    walk = Walk(signed)
    assert len(list(walk.cycles())) == 9
    assert (walk.first_break, walk.complete) == (None, True)


def test_checkpoints_follow_the_head_the_tail_and_so_many_records(signed: Path) -> None:
    kinds = [entry.kind for entry in entries(signed)]
    assert kinds[2] == kinds[-1] == "checkpoint"
    assert kinds[-2] == "tail"
    gaps = [len(run) for run in " ".join(kinds).split("checkpoint")]
    assert len(gaps) == kinds.count("checkpoint") + 1


def test_checkpoints_follow_so_much_time(tmp_path: Path) -> None:
    kinds = [entry.kind for entry in entries(kept(tmp_path, keeping(every=1000, every_s=3.0), 9))]
    assert kinds.count("checkpoint") == 4


def test_the_verb_tells_the_first_break_by_the_keys_that_checks_read(
    signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = tmp_path / "head.json"
    assert status(["audit", "head", str(signed), "--out", str(head)]) == 0
    assert status(["audit", "verify", str(signed), "--head", str(head), "--json", "-"]) == 0
    good = json.loads(capsys.readouterr().out)
    assert (good["records"], good["intact"], good["first_break"]) == (21, True, None)
    file = copied(signed, tmp_path)
    changed(file, (GONE, (7,)))
    assert status(["audit", "verify", str(file), "--json", "-"]) == 1
    bad = json.loads(capsys.readouterr().out)
    assert (bad["intact"], bad["first_break"], bad["cause"]) == (False, 7, "missing")


def test_a_head_that_is_none_is_refused(signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "head.json"
    wrong.write_text("[]")
    assert status(["audit", "verify", str(signed), "--head", str(wrong)]) == 2
    assert "this is no head of a record" in capsys.readouterr().err


def test_the_key_of_a_station_is_made_once_and_kept_from_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["audit", "key", "--pki", str(tmp_path), "--json", "-"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (tmp_path / "own" / "record.pem").stat().st_mode & 0o077 == 0
    assert status(["audit", "key", "--pki", str(tmp_path), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == {"key": first["key"], "made": False}
    (tmp_path / "own" / "record.pem").chmod(0o644)
    assert status(["audit", "key", "--pki", str(tmp_path)]) == 2
    assert "others may read it" in capsys.readouterr().err
