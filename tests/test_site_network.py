"""Records and a PostgreSQL that is started again, hangs, cannot be reached any more, or is not who it should be."""

import asyncio
import socket
from pathlib import Path
from threading import Thread

import pytest
from authorities import vouched
from recorded import BEGAN, UNITS, Signals, keeping
from sited import copied, same, serving
from test_outbox import record

from controller.records import site as wall
from controller.records.forward import Forwarder
from controller.records.journal import Journal
from controller.records.site import Site
from plant_io.clocks import SimClock, WallClock

pytestmark = pytest.mark.interop


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wall, "PATIENCE_S", 1.0)
    there, more, said = record(tmp_path / "a", 5), record(tmp_path / "b", 5), list[str]()
    with serving("fsync=off") as server:
        site = Site(server.site())

        async def work() -> None:
            forwarder = Forwarder(site, WallClock(), said.append)
            assert await forwarder.one(there)
            server.pause(on=True)
            assert not await forwarder.one(more)
            server.pause(on=False)
            assert await forwarder.one(more)
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wall, "PATIENCE_S", 1.0)
    there, more = record(tmp_path / "a", 5), record(tmp_path / "b", 5)
    with serving("fsync=off") as server:
        relay = Relay(server.port)
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
