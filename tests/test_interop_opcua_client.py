"""A client made with node-opcua against our simulated PLCs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from background import background
from foreign import Foreign, Refused, claim_after, running, scripted

from hil.plc.guard import Word
from hil.serve import Options, Rack
from hil.servers.opcua_door import USERS
from plant_io.clocks import WallClock
from plant_io.security.certificates import Certificate, Wanted
from plant_io.security.store import REJECTED, TRUSTED, Store
from policies import OpcUa, Policy, load, shipped

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

NOW = datetime.now(UTC).timestamp()
SP, ACT = "FDR_API.F_SP", "FDR_API.F_ACT"
SPEED = 10.0
HIGHEST = 3.0  # kg/h, what the feeder PLC of line A takes at most
KINDS = {"float64": "Double", "float32": "Float", "uint16": "UInt16", "uint32": "UInt32", "int16": "Int16"}
SECURED = [
    (policy, mode)
    for policy in ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")
    for mode in ("Sign", "SignAndEncrypt")
]


def all_opcua() -> Policy:
    """Line A with both PLCs behind OPC UA."""
    policy = load(shipped("A"))
    handshake = policy.connections["feeders"].handshake
    feeders = policy.connections["line"].model_copy(update={"handshake": handshake})
    moved = {
        name: tag.model_copy(update={"address": f"s={name}", "byte_order": None})
        for name, tag in policy.tags.items()
        if tag.connection == "feeders"
    }
    connections = dict(policy.connections) | {"feeders": feeders}
    return policy.model_copy(update={"connections": connections, "tags": dict(policy.tags) | moved})


class Plc:
    """The simulated feeder PLC of line A, and the client in front of it."""

    def __init__(self, policy: Policy, address: str, client: Foreign) -> None:
        link = policy.connections["feeders"]
        assert isinstance(link, OpcUa)
        assert link.handshake is not None
        self.words, self.policy, self.client = link.handshake, policy, client
        self.where = {"endpoint": address, "namespace": link.namespace}
        self.beat = self.claim = 0

    def connect(self, security: str = "None", mode: str = "None", **user: object) -> None:
        self.client.ask("open", **self.where, security=security, mode=mode, **user)

    def value(self, tag: str) -> float:
        (answer,) = self.client.ask("read", tags=[tag])
        assert answer["status"] == "Good"
        return float(answer["value"])

    def write(self, *items: tuple[str, float], kind: str = "", stamped: bool = False) -> list[str]:
        """Write values in one request, each as the type of its tag unless another one is given."""
        written = [
            {"tag": tag, "value": value, "type": kind or KINDS[self.policy.tags[tag].type], "stamped": stamped}
            for tag, value in items
        ]
        return list(self.client.ask("write", items=written))

    def frame(self, arm: float, *setpoints: tuple[str, float]) -> None:
        """Say all there is to say to the PLC in one cycle, in one request."""
        self.beat += 1
        vouched = [] if self.words.claim is None else [(self.words.claim, float(self.claim))]
        words = [(self.words.arm, arm), (self.words.heartbeat, float(self.beat))]
        assert set(self.write(*setpoints, *vouched, *words)) == {"Good"}

    def until(self, done: Callable[[], bool], *setpoints: tuple[str, float]) -> None:
        """Send frame after frame until something is so."""
        end = time.monotonic() + 20.0
        while not done():
            assert time.monotonic() < end
            self.frame(1.0, *setpoints)
            time.sleep(0.02)

    def wait(self, done: Callable[[], bool]) -> None:
        """Say nothing until something is so."""
        end = time.monotonic() + 20.0
        while not done():
            assert time.monotonic() < end
            time.sleep(0.02)

    def remote(self) -> None:
        """Ask for remote setpoints and get them."""
        self.wait(lambda: self.value(self.words.state) in {Word.LOCAL, Word.FALLBACK})
        self.claim = 0 if self.words.epoch is None else claim_after(self.value(self.words.epoch))
        self.until(lambda: self.value(self.words.state) == Word.REMOTE)


@asynccontextmanager
async def served(policy: Policy, pki: Path | None = None) -> AsyncIterator[dict[str, str]]:
    rack = Rack(policy, Options("A", shipped("A"), pki=pki, speed=SPEED, start=WallClock().now()))
    where = await rack.start()
    pace = asyncio.create_task(rack.pace(SPEED))
    try:
        yield where
    finally:
        pace.cancel()
        with suppress(asyncio.CancelledError):
            await pace
        await rack.stop()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foreign]:
    folder = tmp_path_factory.mktemp("client") / "pki"
    with running(scripted("node-opcua", "opcua_client.js"), pki=str(folder)) as client:
        yield client


@pytest.fixture(scope="module")
def opened(other: Foreign) -> Iterator[Plc]:
    policy = all_opcua()
    with background(served(policy)) as where:
        yield Plc(policy, where["feeders"], other)


@pytest.fixture
def plc(opened: Plc) -> Iterator[Plc]:
    opened.connect()
    yield opened
    opened.frame(0.0)
    opened.client.ask("close")


@pytest.fixture(scope="module")
def secured(other: Foreign, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plc, Store]]:
    store, policy = Store(tmp_path_factory.mktemp("plc")), all_opcua()
    store.make(Wanted("urn:steadyline:hil:line-a", ("127.0.0.1", "localhost")), NOW)
    store.keep(Certificate.read(other.ask("certificate").encode()), TRUSTED)
    other.ask("trust", certificate=store.own(NOW).certificate.data.hex())
    with background(served(policy, store.folder)) as where:
        yield Plc(policy, where["feeders"], other), store


def test_every_tag_of_a_plc_is_found_and_read(plc: Plc) -> None:
    tags = [name for name, tag in plc.policy.tags.items() if tag.connection == "feeders"]
    answers = plc.client.ask("read", tags=tags)
    assert {answer["status"] for answer in answers} == {"Good"}
    assert [answer["type"] for answer in answers] == [KINDS[plc.policy.tags[tag].type] for tag in tags]


def test_the_nodes_lie_in_folders_by_unit(plc: Plc) -> None:
    (line,) = [node for node in plc.client.ask("children") if node["name"] == "Line A"]
    units = {node["name"]: node["id"] for node in plc.client.ask("children", of=line["id"])}
    assert "FDR_API" in units
    assert SP in {node["name"] for node in plc.client.ask("children", of=units["FDR_API"])}


def test_a_setpoint_is_in_vain_until_the_plc_is_remote_and_then_taken(plc: Plc) -> None:
    before, scans = plc.value(ACT), plc.value(plc.words.scan) + 4
    assert plc.write((SP, 2.5)) == ["Good"]
    plc.until(lambda: plc.value(plc.words.scan) >= scans)
    assert plc.value(ACT) == before
    plc.remote()
    plc.until(lambda: plc.value(ACT) == pytest.approx(2.5), (SP, 2.5))


def test_a_setpoint_beyond_what_the_plc_takes_is_seen_clamped(plc: Plc) -> None:
    plc.remote()
    plc.until(lambda: plc.value(ACT) == pytest.approx(HIGHEST), (SP, 5.5))


def test_a_setpoint_that_comes_without_its_claim_is_overwritten(plc: Plc) -> None:
    plc.remote()
    plc.until(lambda: plc.value(ACT) == pytest.approx(2.5), (SP, 2.5))
    plc.wait(lambda: plc.value(plc.words.claim or "") == 0)
    assert plc.write((SP, 1.5)) == ["Good"]
    plc.wait(lambda: plc.value(SP) == pytest.approx(2.5))
    assert plc.value(ACT) == pytest.approx(2.5)


def test_without_a_beat_the_plc_falls_back_and_keeps_the_setpoint(plc: Plc) -> None:
    plc.remote()
    in_force = plc.value(ACT)
    plc.wait(lambda: plc.value(plc.words.state) == Word.FALLBACK)
    assert plc.value(ACT) == pytest.approx(in_force)


def test_the_scan_counter_is_reported_while_it_runs(plc: Plc) -> None:
    last = plc.value(plc.words.scan)
    seen = plc.client.ask("watch", tag=plc.words.scan, until=last + 20)
    assert seen == sorted(seen)
    assert len(seen) > 3


def test_a_write_with_a_time_or_of_another_type_is_refused_as_the_strictest_plcs_do(plc: Plc) -> None:
    assert plc.write((SP, 2.0), stamped=True) == ["BadWriteNotSupported"]
    assert plc.write((SP, 2.0), kind="Double") == ["BadTypeMismatch"]
    assert plc.write((ACT, 2.0))[0] in {"BadUserAccessDenied", "BadNotWritable"}


@pytest.mark.parametrize(("security", "mode"), SECURED)
def test_every_security_policy_and_mode_lets_a_trusted_client_in(
    secured: tuple[Plc, Store], security: str, mode: str
) -> None:
    plc, _ = secured
    plc.connect(security, mode)
    try:
        assert plc.value(ACT) > 0.0
        assert plc.write((SP, 2.0)) == ["Good"]
    finally:
        plc.client.ask("close")


def test_a_secured_plc_does_not_speak_in_the_open(secured: tuple[Plc, Store]) -> None:
    plc, _ = secured
    with pytest.raises(Refused):
        plc.connect()
    plc.client.ask("close")


def test_a_client_that_is_not_trusted_is_refused_and_kept(secured: tuple[Plc, Store], tmp_path: Path) -> None:
    plc, store = secured
    with running(scripted("node-opcua", "opcua_client.js"), pki=str(tmp_path / "pki")) as stranger:
        shown = Certificate.read(stranger.ask("certificate").encode())
        stranger.ask("trust", certificate=store.own(NOW).certificate.data.hex())
        with pytest.raises(Refused):
            stranger.ask("open", **plc.where, security="Basic256Sha256", mode="SignAndEncrypt")
    assert shown in [one for _, one in store.listed(REJECTED)]


def test_a_client_that_does_not_know_the_plc_turns_away(secured: tuple[Plc, Store], tmp_path: Path) -> None:
    plc, store = secured
    with running(scripted("node-opcua", "opcua_client.js"), pki=str(tmp_path / "pki")) as stranger:
        store.keep(Certificate.read(stranger.ask("certificate").encode()), TRUSTED)
        with pytest.raises(Refused, match="BadCertificateUntrusted"):
            stranger.ask("open", **plc.where, security="Basic256Sha256", mode="SignAndEncrypt")


def test_only_known_users_are_let_in_where_there_are_users(other: Foreign, tmp_path: Path) -> None:
    store, policy = Store(tmp_path / "plc"), all_opcua()
    store.make(Wanted("urn:steadyline:hil:line-a", ("127.0.0.1", "localhost")), NOW)
    store.keep(Certificate.read(other.ask("certificate").encode()), TRUSTED)
    other.ask("trust", certificate=store.own(NOW).certificate.data.hex())
    (store.folder / USERS).mkdir()
    (store.folder / USERS / "ana").write_text("Füller 7\n")
    with background(served(policy, store.folder)) as where:
        plc = Plc(policy, where["feeders"], other)
        plc.connect("Basic256Sha256", "SignAndEncrypt", user="ana", password="Füller 7")  # noqa: S106  # of this test
        assert plc.value(ACT) > 0.0
        other.ask("close")
        for stranger in ({"user": "ana", "password": "guess"}, {}):
            with pytest.raises(Refused):
                plc.connect("Basic256Sha256", "SignAndEncrypt", **stranger)
            other.ask("close")
