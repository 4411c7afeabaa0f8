"""Records in a real PostgreSQL: whole, once, verifiable there and when they come back, whatever is stopped."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from postgres import Server
from recorded import BEGAN, UNITS, Signals, keeping, left
from test_outbox import record

from controller.cli.app import status
from controller.records import site as wall
from controller.records.copier import Copier
from controller.records.entry import entries
from controller.records.forward import Forwarder, Standing, begin
from controller.records.journal import Journal
from controller.records.quarantine import held
from controller.records.site import Site
from plant_io.clocks import SimClock, WallClock
from policies.site import SiteCopy

pytestmark = pytest.mark.interop
EXAMPLE = Path(__file__).parents[1] / "policies" / "examples" / "wood_berry.yaml"
ROWS = "SELECT seq, kind, at, body, chain, digest FROM steadyline.records ORDER BY run, seq"


@contextmanager
def serving(*options: str, **more: Any) -> Iterator[Server]:
    """Start a server in a folder that its own user may enter."""
    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder), options, **more)
        try:
            asyncio.run(Site(server.site("owner")).prepare("steadyline"))
            yield server
        finally:
            server.end()


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


def copied(site: SiteCopy, *records: Path) -> tuple[list[str], bool]:
    said = list[str]()

    async def work() -> bool:
        database = Site(site)
        try:
            return await Forwarder(database, SimClock(0.0), said.append).all(records)
        finally:
            await database.close()

    return said, asyncio.run(work())


def same(server: Server, *records: Path) -> bool:
    """Return whether the database holds exactly these records, bit for bit."""
    wanted = [(e.seq, e.kind, e.at, e.body, e.chain, e.digest) for each in records for e in entries(each)]
    return [tuple(row) for row in server.rows(ROWS)] == wanted


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


def test_a_database_that_is_started_again_in_between_gets_the_rest(tmp_path: Path) -> None:
    with serving() as server:
        signals, journal = Signals(40), Journal(tmp_path / "run", keeping(units=UNITS))
        journal.head(BEGAN, {"line": "toy"})
        said, site = list[str](), Site(server.site())

        async def work() -> None:
            forwarder = Forwarder(site, WallClock(), said.append)
            signals.kept(journal, 0, 20)
            assert await forwarder.one(tmp_path / "run")
            server.kill()
            signals.kept(journal, 20, 30)
            assert not await forwarder.one(tmp_path / "run")
            server.start()
            signals.kept(journal, 30, 40)
            assert await forwarder.one(tmp_path / "run")
            await site.close()

        asyncio.run(work())
        journal.close()
        assert same(server, tmp_path / "run")
        assert [line.endswith("goes on") for line in said] == [False, True]


def test_a_database_that_hangs_is_given_up_and_gets_the_rest_later(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wall, "PATIENCE_S", 1.0)
    there, more, site, said = record(tmp_path / "a", 5), record(tmp_path / "b", 5), Site(server.site()), list[str]()

    async def work() -> None:
        forwarder = Forwarder(site, WallClock(), said.append)
        assert await forwarder.one(there)
        server.pause(on=True)
        assert not await forwarder.one(more)
        server.pause(on=False)
        assert await forwarder.one(more), said
        await site.close()

    asyncio.run(work())
    assert same(server, there, more)
    assert len(said) == 2


class Relay:
    """A way to the server that can be cut, and then neither passes anything on nor says so."""

    def __init__(self, port: int) -> None:
        self.listens, self.target, self.cut = socket.create_server(("127.0.0.1", 0)), port, False
        self.port = self.listens.getsockname()[1]
        self.open = list[socket.socket]()
        Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                near, _ = self.listens.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            self.open += [near, far]
            for a, b in ((near, far), (far, near)):
                Thread(target=self.passed, args=(a, b), daemon=True).start()

    def passed(self, a: socket.socket, b: socket.socket) -> None:
        try:
            while data := a.recv(65536):
                if not self.cut:
                    b.sendall(data)
        except OSError:
            pass
        for each in (a, b):
            each.close()

    def close(self) -> None:
        for each in (self.listens, *self.open):
            each.close()


def test_a_network_that_is_gone_in_the_middle_loses_and_doubles_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wall, "PATIENCE_S", 1.0)
    relay, there, more = Relay(server.port), record(tmp_path / "a", 5), record(tmp_path / "b", 5)
    site = Site(server.site().model_copy(update={"port": relay.port}))

    async def work() -> None:
        forwarder = Forwarder(site, WallClock())
        assert await forwarder.one(there)
        relay.cut = True
        assert not await forwarder.one(more)
        relay.cut = False
        assert await forwarder.one(more)
        await site.close()

    asyncio.run(work())
    relay.close()
    assert same(server, there, more)


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


def vouched(host: str, who: str = "site") -> tuple[bytes, bytes, bytes]:
    """Return an authority, and the certificate of a server with its key that the authority vouches for."""
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    begins = datetime.now(UTC) - timedelta(days=1)
    ends = begins + timedelta(days=9)
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in (who, "server")]
    plain = x509.BasicConstraints(ca=True, path_length=None)

    def built(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(names[0]).public_key(public)
        return made.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)

    authority = built(names[0], key.public_key()).add_extension(plain, critical=True).sign(key, hashes.SHA256())
    known = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
    server = built(names[1], other.public_key()).add_extension(known, critical=False).sign(key, hashes.SHA256())
    secret = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return authority.public_bytes(Encoding.PEM), server.public_bytes(Encoding.PEM), secret


def test_with_an_authority_only_the_server_it_vouches_for_is_believed_and_the_password_comes_from_a_file(
    tmp_path: Path,
) -> None:
    there, (authority, certificate, secret) = record(tmp_path / "run", 3), vouched("127.0.0.1")
    (tmp_path / "site.pem").write_bytes(authority)
    (tmp_path / "other.pem").write_bytes(vouched("127.0.0.1", "another")[0])
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "site").write_text("only for the copy")
    (tmp_path / "own" / "site").chmod(0o600)
    hba = "host all owner 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 scram-sha-256"
    with serving("ssl=on", hba=hba, files={"server.crt": certificate, "server.key": secret}) as server:
        server.sql("ALTER ROLE steadyline PASSWORD 'only for the copy'")
        plain = server.site()
        for site, said in (
            (plain.model_copy(update={"ca": str(tmp_path / "other.pem")}), "certificate verify failed"),
            (plain.model_copy(update={"ca": str(tmp_path / "site.pem")}), "password"),
        ):
            troubles, done = copied(site, there)
            assert not done
            assert said in troubles[0]
        good = plain.model_copy(update={"ca": str(tmp_path / "site.pem"), "password_from": "site"})

        async def work() -> bool:
            database = Site(good, tmp_path)
            try:
                return await Forwarder(database, SimClock(0.0)).one(there)
            finally:
                await database.close()

        assert asyncio.run(work())
        assert same(server, there)
