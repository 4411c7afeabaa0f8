"""Records are copied in order, each once, whatever the database does; what it will not take is set aside and told."""

import asyncio
import json
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest
from recorded import BEGAN, UNITS, Signals, changed, keeping

from controller.cli.app import status
from controller.records import quarantine
from controller.records.entry import Entry, entries
from controller.records.file import FILE
from controller.records.forward import LONGEST_S, MOST_REFUSED, Forwarder, follow
from controller.records.journal import Journal
from controller.records.outbox import About, Batch, Mark, Outbox
from controller.records.site import Away, Poison, settings
from controller.records.standing import Standing, begin, waiting
from plant_io.clocks import SimClock
from policies.site import SiteCopy

EXAMPLE = Path(__file__).parents[1] / "policies" / "examples" / "wood_berry.yaml"


@dataclass
class Shelf:
    """A database in memory that can be away, and refuses what it is told to."""

    name: str = "shelf"
    kept: dict[int, Entry] = field(default_factory=dict[int, Entry])
    aside: dict[int, str] = field(default_factory=dict[int, str])
    blocks: list[int] = field(default_factory=list[int])
    mark: Mark = field(default_factory=Mark)
    poison: frozenset[int] = frozenset()
    away: list[str] = field(default_factory=list[str])
    forgets: int = 0
    puts: int = 0

    async def open(self) -> None:
        if self.away:
            raise Away(self.away.pop())

    async def close(self) -> None: ...

    async def resume(self, about: About) -> Mark:
        assert about.line == "toy"
        return self.mark

    async def put(self, about: About, before: Mark, batch: Batch) -> Mark:
        assert (before, about.line) == (self.mark, "toy")
        self.puts += 1
        refused = [entry.seq for entry in batch.entries if entry.seq in self.poison]
        if refused:
            raise Poison(f"record {refused[0]} will not do")
        for entry in batch.entries:
            assert entry.seq not in self.kept
            self.kept[entry.seq] = entry
        self.blocks += [int(str(block.row[0])) for block in batch.blocks]
        self.mark = batch.mark
        if self.forgets:
            self.forgets -= 1
            raise Away("the answer was lost on the way")
        return self.mark

    async def set_aside(self, about: About, before: Mark, entry: Entry, reason: str) -> Mark:
        assert (before, about.line) == (self.mark, "toy")
        self.aside[entry.seq] = reason
        self.mark = Mark(entry.seq + 1, entry.chain)
        return self.mark


def record(directory: Path, count: int = 66, *, ended: bool = True) -> Path:
    signals, journal = Signals(count), Journal(directory, keeping(block_s=60.0, units=UNITS))
    journal._db.execute("PRAGMA synchronous=OFF")
    journal.head(BEGAN, {"line": "toy", "station": directory.name})
    signals.kept(journal, 0, count)
    if ended:
        journal.tail(BEGAN + count, {})
    else:
        journal.close()
    return directory


def copied(shelf: Shelf, directory: Path, times: int = 1) -> tuple[Forwarder, list[str], bool]:
    said, clock = list[str](), SimClock(0.0)
    forwarder = Forwarder(shelf, clock, said.append)
    done = [asyncio.run(forwarder.one(directory)) for _ in range(times)]
    return forwarder, said, done[-1]


def test_every_record_is_copied_once_and_in_order_with_its_columns(tmp_path: Path) -> None:
    shelf, there = Shelf(), record(tmp_path / "run")
    _, said, done = copied(shelf, there, times=2)
    assert done
    assert list(shelf.kept.values()) == list(entries(there))
    assert shelf.blocks == [0, 1]
    assert said == []
    standing = Standing.read(there)
    assert standing is not None
    assert (standing.complete, standing.behind, standing.next) == (True, 0, len(shelf.kept))


def test_a_batch_whose_answer_was_lost_is_not_copied_again(tmp_path: Path) -> None:
    shelf, there = Shelf(forgets=1), record(tmp_path / "run")
    _, said, done = copied(shelf, there, times=2)
    assert done
    assert list(shelf.kept.values()) == list(entries(there))
    assert said == [
        f"site copy of {there} to shelf: the answer was lost on the way; what is recorded waits",
        f"site copy of {there} to shelf: goes on",
    ]


def test_batches_are_bounded_by_number_and_by_bytes(tmp_path: Path) -> None:
    outbox = Outbox(record(tmp_path / "run"))
    few, small = outbox.after(Mark(), most=5), outbox.after(Mark(), most_bytes=1)
    assert few is not None
    assert small is not None
    assert (len(few.entries), len(small.entries)) == (5, 1)
    outbox.close()


def test_a_record_that_is_refused_again_and_again_is_set_aside_and_those_after_it_follow(tmp_path: Path) -> None:
    there = record(tmp_path / "run")
    poison = frozenset({17, 60, next(e.seq for e in entries(there) if e.kind == "sealed")})
    shelf = Shelf(poison=poison)
    _, said, done = copied(shelf, there)
    assert done
    whole = {entry.seq: entry for entry in entries(there)}
    assert set(shelf.aside) == poison
    assert shelf.kept == {seq: entry for seq, entry in whole.items() if seq not in poison}
    assert [each.entry for each in quarantine.held(there)] == [whole[seq] for seq in sorted(poison)]
    assert len(said) == 3
    assert all(f"record {seq} " in line for seq, line in zip(sorted(poison), said, strict=True))
    standing = Standing.read(there)
    assert standing is not None
    assert standing.quarantined == 3


def test_a_refused_record_is_tried_three_times_with_pauses_before_it_is_set_aside(tmp_path: Path) -> None:
    shelf, there = Shelf(poison=frozenset({0})), record(tmp_path / "run", 1)
    forwarder, _, _ = copied(shelf, there)
    assert forwarder.clock.now() == 1.0 + 2.0 + 4.0


def test_where_every_record_is_refused_the_database_is_wrong_and_nothing_more_is_set_aside(tmp_path: Path) -> None:
    shelf, there = Shelf(poison=frozenset(range(1000))), record(tmp_path / "run")
    forwarder, said, done = copied(shelf, there, times=2)
    assert not done
    assert len(shelf.aside) == MOST_REFUSED
    assert "were refused one after another" in said[-1]
    assert forwarder.pause_s == LONGEST_S


def test_pauses_grow_while_the_database_is_away_and_are_short_again_afterwards(tmp_path: Path) -> None:
    shelf, there, pauses = Shelf(away=["no route"] * 9), record(tmp_path / "run"), list[float]()
    forwarder = Forwarder(shelf, SimClock(0.0))
    for _ in range(10):
        asyncio.run(forwarder.one(there))
        pauses.append(forwarder.pause_s)
    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0, 1.0]


def test_while_the_database_is_away_not_every_record_waits_for_it(tmp_path: Path) -> None:
    shelf, said = Shelf(away=["no route"] * 9), list[str]()
    records = [record(tmp_path / name, 3) for name in "abc"]
    assert not asyncio.run(Forwarder(shelf, SimClock(0.0), said.append).all(records))
    assert (len(shelf.away), len(said)) == (8, 1)


def test_a_file_that_is_no_record_yet_keeps_no_other_waiting(tmp_path: Path) -> None:
    shelf, said = Shelf(), list[str]()
    for name, content in (("a", b""), ("b", b"no record at all, but long enough to be taken for one" * 9)):
        (tmp_path / name).mkdir()
        (tmp_path / name / FILE).write_bytes(content)
    there = record(tmp_path / "c", 3)
    forwarder = Forwarder(shelf, SimClock(0.0), said.append)
    assert not asyncio.run(forwarder.all([tmp_path / "a", tmp_path / "b", there]))
    assert list(shelf.kept.values()) == list(entries(there))
    assert (len(said), forwarder.pause_s) == (2, 1.0)


def test_a_record_that_was_cut_off_or_changed_meanwhile_is_not_gone_on_with(tmp_path: Path) -> None:
    shelf, there = Shelf(), record(tmp_path / "run")
    copied(shelf, there)
    changed(there / FILE, ("DELETE FROM records WHERE seq > 60", ()))
    _, said, done = copied(shelf, there)
    assert not done
    assert "this one was cut off, or is an older one that was put back" in said[0]
    shelf.mark = Mark(50, shelf.mark.chain)
    _, said, done = copied(shelf, there)
    assert (done, "record 49 is another one in the copy" in said[0]) == (False, True)


def test_a_record_that_does_not_follow_on_the_one_before_it_is_not_copied(tmp_path: Path) -> None:
    shelf, there = Shelf(), record(tmp_path / "run")
    changed(there / FILE, ("UPDATE records SET at = at + 1 WHERE seq = 40", ()))
    _, said, done = copied(shelf, there)
    assert (done, shelf.kept) == (False, {})
    assert "record 40 does not follow on the one before it" in said[0]


def test_a_body_the_policy_removed_before_it_was_copied_leaves_its_place_and_is_told(tmp_path: Path) -> None:
    shelf, there = Shelf(), record(tmp_path / "run")
    before = next(e for e in entries(there) if e.kind == "cycle")
    digest = sha256(before.body).digest()
    changed(there / FILE, ("UPDATE records SET body = x'', digest = ? WHERE seq = ?", (digest, before.seq)))
    _, said, done = copied(shelf, there)
    assert done
    assert shelf.kept[before.seq].digest == digest
    assert said == [f"site copy: the bodies of 1 records of {there} were removed before they were copied"]


def test_a_record_whose_copy_was_begun_is_found_by_the_next_run_beside_it(tmp_path: Path) -> None:
    first, second, third = (record(tmp_path / name, ended=name != "b") for name in "abc")
    for each in (first, second):
        begin(each)
        copied(Shelf(), each)
    begin(third)
    begin(tmp_path / "never begun")
    record(tmp_path / "not wanted")
    assert waiting(tmp_path) == [second, third]


def test_it_goes_on_until_it_is_over_and_then_copies_once_what_is_left(tmp_path: Path) -> None:
    shelf, there, seen = Shelf(), record(tmp_path / "run"), list[float]()
    clock, over = SimClock(0.0), asyncio.Event()

    def directories() -> list[Path]:
        seen.append(clock.now())
        if len(seen) == 3:
            over.set()
        return [there]

    asyncio.run(follow(Forwarder(shelf, clock), directories, 5.0, over))
    assert seen[:3] == [0.0, 5.0, 10.0]
    assert len(seen) in {4, 5}


def test_settings_demand_a_verified_server_off_this_machine_and_hold_no_password_of_a_policy(tmp_path: Path) -> None:
    away, here = SiteCopy(host="db.site.example"), SiteCopy(host="/run/postgresql")
    assert (settings(away, tmp_path)["sslmode"], settings(away, tmp_path)["sslrootcert"]) == ("verify-full", "system")
    assert settings(here, tmp_path)["sslmode"] == "prefer"
    assert all("password" not in settings(each, tmp_path) for each in (away, here))
    named = SiteCopy(host="::1", password_from="site")  # noqa: S106  # the name of a file
    with pytest.raises(Away, match="there is no such file, expected one that holds the password"):
        settings(named, tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "site").write_text("of the site\n")
    (tmp_path / "own" / "site").chmod(0o600)
    assert settings(named, tmp_path)["password"] == "of the site"  # noqa: S105


def test_a_site_comes_back_from_what_is_said_of_it() -> None:
    site = SiteCopy.model_validate({"host": "db.site.example", "every": "20s", "behind": "8h", "ca": "site.pem"})
    assert SiteCopy.model_validate(json.loads(json.dumps(site.plain()))) == site


def test_what_is_wrong_with_a_copy_is_told_by_status_and_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there, file = record(tmp_path / "run", 3), tmp_path / "column.yaml"
    assert status(["copy", "list", str(EXAMPLE)]) == 2
    assert "it names no database of a site" in capsys.readouterr().err
    file.write_text(EXAMPLE.read_text() + "\nrecords: {site: {host: 127.0.0.1, port: 1}}\n")
    assert status(["copy", "list", str(file)]) == 3
    assert "steadyline on 127.0.0.1:1" in capsys.readouterr().err
    assert status(["copy", "send", str(file), str(tmp_path / "nowhere")]) == 2
    assert status(["copy", "send", str(file), str(there)]) == 1
    assert "0 records copied" in capsys.readouterr().err
    file.write_text(EXAMPLE.read_text() + "\nrecords: {site: {host: '', password: secret}}\n")
    assert status(["validate", str(file)]) == 2
    assert "password" in capsys.readouterr().err
