"""Records in a real PostgreSQL: whole, once, verifiable there and when they come back, whatever is stopped."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import Server
from recorded import BEGAN, UNITS, Signals, cycles, keeping, left
from sited import ROWS, copied, same, serving
from test_outbox import record

from controller.cli.app import status
from controller.cli.copying import Copies
from controller.records import site as wall
from controller.records.copier import Copier
from controller.records.entry import entries
from controller.records.forward import Forwarder
from controller.records.journal import Journal
from controller.records.quarantine import held
from controller.records.site import Site
from controller.records.standing import Standing, begin
from plant_io.clocks import WallClock
from policies import load

pytestmark = pytest.mark.interop
EXAMPLE = Path(__file__).parents[1] / "policies" / "examples" / "wood_berry.yaml"


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with serving("fsync=off") as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """Give a server without records."""
    yield shared
    shared.sql(
        "TRUNCATE steadyline.runs, steadyline.records, steadyline.quarantine, steadyline.tags, steadyline.blocks,"
        " steadyline.chunks",
        "DROP TRIGGER IF EXISTS refuses ON steadyline.records",
        "UPDATE steadyline.format SET version = 1",
    )


def policy(tmp_path: Path, server: Server, more: str = "") -> Path:
    file = tmp_path / "column.yaml"
    said = f"site: {{host: 127.0.0.1, port: {server.port}, every: 100ms{more}}}"
    file.write_text(EXAMPLE.read_text() + f"\nrecords: {{{said}}}\n")
    return file


def test_the_copy_is_what_was_recorded_and_is_verified_by_the_database_itself(server: Server, tmp_path: Path) -> None:
    there = record(tmp_path / "run")
    assert copied(server.site(), there) == ([], True)
    assert copied(server.site(), there) == ([], True)
    assert same(server, there)
    assert server.rows("SELECT * FROM steadyline.breaks") == []
    assert server.rows("SELECT entry->>'what' FROM steadyline.audit") == [("run begun",), ("run ended",)]


@pytest.mark.parametrize(
    ("done", "at"),
    [
        ("UPDATE steadyline.records SET body = body || '\\x00' WHERE seq = 20", 20),
        ("UPDATE steadyline.records SET at = at + 1e-6 WHERE seq = 21", 21),
        ("DELETE FROM steadyline.records WHERE seq = 22", 23),
        ("DELETE FROM steadyline.records WHERE seq > 30", None),
    ],
)
def test_whatever_is_done_to_the_copy_the_database_finds_the_first_break(
    server: Server, tmp_path: Path, done: str, at: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    there = record(tmp_path / "run", 30)
    copied(server.site(), there)
    server.sql(done)
    at = len(list(entries(there))) if at is None else at
    assert server.rows("SELECT seq FROM steadyline.breaks") == [(at,)]
    assert status(["copy", "list", str(policy(tmp_path, server)), "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["runs"][0]["first_break"] == at
    first = server.rows("SELECT encode(first, 'hex') FROM steadyline.runs")[0][0]
    out = tmp_path / "again"
    assert status(["copy", "fetch", str(tmp_path / "column.yaml"), str(first)[:12], "--out", str(out)]) == 1


def test_a_record_comes_back_from_the_copy_whole_with_its_columns(server: Server, tmp_path: Path) -> None:
    signals, journal = Signals(130), Journal(tmp_path / "run", keeping(block_s=60.0, units=UNITS))
    journal.head(BEGAN, {"line": "toy"})
    signals.kept(journal, 0, 130)
    journal.tail(BEGAN + 130, {})
    copied(server.site(), tmp_path / "run")
    first = server.rows("SELECT encode(first, 'hex') FROM steadyline.runs")[0][0]
    words = ["copy", "fetch", str(policy(tmp_path, server)), str(first)[:16], "--out", str(tmp_path / "again")]
    assert status(words) == 0
    assert left(tmp_path / "again", signals) == left(tmp_path / "run", signals)
    assert list(entries(tmp_path / "again")) == list(entries(tmp_path / "run"))
    assert status(words) == 2


def test_words_that_postgresql_does_not_take_do_not_hide_the_audit_trail(server: Server, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run", keeping(units=UNITS))
    journal.head(BEGAN, {"line": "toy"})
    journal.tail(BEGAN + 1.0, {"why": "a \0 in it, and \\u0000"})
    assert copied(server.site(), tmp_path / "run") == ([], True)
    assert server.rows("SELECT entry->>'why' FROM steadyline.audit WHERE entry->>'what' = 'run ended'") == [
        ("a \ufffd in it, and \\ufffd",)
    ]


def test_the_role_that_copies_can_neither_change_nor_remove_a_record(server: Server, tmp_path: Path) -> None:
    copied(server.site(), record(tmp_path / "run", 3))

    async def tried(sql: str) -> str:
        site = Site(server.site())
        try:
            await site.ask(sql)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        except wall.Unfit as error:
            return str(error)
        finally:
            await site.close()
        return ""

    for sql in (
        "DELETE FROM steadyline.records",
        "UPDATE steadyline.records SET at = 0",
        "UPDATE steadyline.runs SET first = ''",
        "TRUNCATE steadyline.records",
    ):
        assert "permission denied" in asyncio.run(tried(sql))


REFUSES = (
    """CREATE OR REPLACE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.seq IN (5, 40) THEN RAISE EXCEPTION 'record % is refused', NEW.seq; END IF; RETURN NEW; END $$""",
    "CREATE TRIGGER refuses BEFORE INSERT ON steadyline.records FOR EACH ROW EXECUTE FUNCTION refuses()",
)


def test_poison_is_set_aside_the_chain_stays_verifiable_and_it_is_taken_once_the_cause_is_gone(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there, file = record(tmp_path / "run"), policy(tmp_path, server)
    server.sql(*REFUSES)
    said, done = copied(server.site(), there)
    assert done
    assert [line.partition(" of ")[0] for line in said] == [
        "site copy: record 5 (cycle)",
        "site copy: record 40 (cycle)",
    ]
    assert "record 5 is refused" in said[0]
    assert [each.entry.seq for each in held(there)] == [5, 40]
    assert server.rows("SELECT * FROM steadyline.breaks") == []
    assert status(["copy", "retry", str(file), str(there)]) == 1
    assert "record 40 is refused" in capsys.readouterr().err
    server.sql("DROP TRIGGER refuses ON steadyline.records")
    assert status(["copy", "retry", str(file), str(there)]) == 0
    assert list(held(there)) == []
    assert same(server, there)
    assert server.rows("SELECT count(*) FROM steadyline.quarantine") == [(0,)]
    standing = Standing.read(there)
    assert standing is not None
    assert standing.quarantined == 0


def test_tables_of_another_version_are_refused_and_nothing_is_copied(server: Server, tmp_path: Path) -> None:
    server.sql("UPDATE steadyline.format SET version = 2")
    said, done = copied(server.site(), record(tmp_path / "run", 3))
    assert not done
    assert "found tables of version 2, wanted version 1" in said[0]
    assert server.rows(ROWS) == []


def test_a_database_without_tables_says_who_makes_them(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = record(tmp_path / "run", 3)
    server.sql("CREATE DATABASE empty")
    file = policy(tmp_path, server, ", database: empty")
    assert status(["copy", "send", str(file), str(there)]) == 1
    assert "steadyline copy prepare" in capsys.readouterr().err
    assert status(["copy", "prepare", str(file), "--owner", "owner"]) == 0
    assert status(["copy", "send", str(file), str(there)]) == 0
    assert status(["copy", "list", str(file)]) == 0


def test_two_that_copy_the_same_record_at_once_copy_it_once(server: Server, tmp_path: Path) -> None:
    there = record(tmp_path / "run")

    async def work() -> None:
        sites = [Site(server.site()), Site(server.site())]
        forwarders = [Forwarder(site, WallClock()) for site in sites]
        while not all(await asyncio.gather(*(each.one(there) for each in forwarders))):
            pass
        for site in sites:
            await site.close()

    asyncio.run(work())
    assert same(server, there)


def test_a_record_is_copied_while_its_run_goes_on_by_a_process_beside_it(server: Server, tmp_path: Path) -> None:
    said, signals, journal = list[str](), Signals(40), Journal(tmp_path / "run", keeping(units=UNITS))
    journal.head(BEGAN, {"line": "toy"})
    begin(tmp_path / "run")
    copier = Copier(server.site().model_copy(update={"every_s": 0.1}), tmp_path, said.append)
    copier.take([tmp_path / "run"])
    signals.kept(journal, 0, 20)
    until = WallClock().now() + 60.0
    while len(server.rows(ROWS)) < 20 and WallClock().now() < until:
        time.sleep(0.1)
    assert copier._child is not None
    copier._child.terminate()  # as a service manager does to everybody
    time.sleep(0.5)
    assert copier._child.poll() is None
    copier._child.kill()
    signals.kept(journal, 20, 40)
    while not any("another one is started" in line for line in said) and WallClock().now() < until:
        time.sleep(0.1)
    while len(server.rows(ROWS)) < 40 and WallClock().now() < until:
        time.sleep(0.1)
    journal.tail(BEGAN + 40, {})
    copier.close(60.0)
    assert same(server, tmp_path / "run")
    standing = Standing.read(tmp_path / "run")
    assert standing is not None
    assert standing.complete


ORPHANS = """
import sys, time
from pathlib import Path
from controller.records.copier import Copier
from policies.site import SiteCopy
copier = Copier(SiteCopy(host="127.0.0.1", port=int(sys.argv[1]), every="200ms"), Path(), print)
copier.take([Path(sys.argv[2])])
while copier._child is None:
    time.sleep(0.01)
print(copier._child.pid, flush=True)
time.sleep(600)
"""


def gone(pid: int) -> bool:
    """Return whether a process has ended, buried or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are looked up under /proc")
def test_when_a_run_is_killed_what_it_recorded_is_still_copied_and_nobody_is_left_behind(
    server: Server, tmp_path: Path
) -> None:
    there = record(tmp_path / "run", ended=False)
    words = [sys.executable, "-c", ORPHANS, str(server.port), str(there)]
    run = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    pid = int(run.stdout.readline())
    run.kill()
    run.wait()
    run.stdout.close()
    until = WallClock().now() + 60.0
    while not gone(pid) and WallClock().now() < until:
        time.sleep(0.1)
    assert gone(pid)
    assert same(server, there)


def test_a_run_whose_policy_names_a_site_has_its_record_copied_and_one_that_was_left_beside_it(
    server: Server, tmp_path: Path
) -> None:
    left_behind, there, copies = record(tmp_path / "a", 5, ended=False), record(tmp_path / "b", 5), Copies()
    begin(left_behind)
    record(tmp_path / "c", 5)
    seen = copies.view(load(policy(tmp_path, server)), there, None)
    seen(cycles(1)[0])
    copies.close()
    assert same(server, left_behind, there) or same(server, there, left_behind)
