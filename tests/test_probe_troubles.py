"""Each thing that goes wrong on site is made to go wrong on a simulated server, and `probe` names it with a remedy."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from asyncua import ua
from background import background
from modbus_device import device
from opcua_plant import Plant
from scripted import hexed, scripted
from test_probe import Probed, modbus, opcua, tag
from test_servers_opcua import SPACE, TAGS, image

from hil.servers.opcua import OpcUaServer
from hil.servers.opcua_door import USERS
from plant_io.clocks import WallClock
from plant_io.security.certificates import Wanted
from plant_io.security.expiry import DAY_S
from plant_io.security.store import TRUSTED, Store
from plant_io.troubles import TROUBLES
from policies import OpcUa, Policy

NOW = datetime.now(UTC).timestamp()
URI = "urn:steadyline:hil:line-t"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, wait_s in {"_OPENING_S": 1.0, "_READING_S": 1.0, "_BETWEEN_S": 0.05, "_KNOCKING_S": 0.5}.items():
        monkeypatch.setattr(f"plant_io.survey.{name}", wait_s)


@pytest.fixture(scope="module")
def plant() -> Iterator[Plant]:
    plant = Plant()
    plant.start()
    yield plant
    plant.stop()


Said = Callable[..., Probed]


@pytest.fixture
def said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """Probe a policy; whatever is found must have been shown to people, with its remedy."""

    def probed(policy: str, *options: str) -> Probed:
        found = Probed(tmp_path, policy, *options)
        shown = " ".join(capsys.readouterr().err.split())
        for (trouble, _), sentence in zip(found.troubles, found.sentences, strict=True):
            assert " ".join(sentence.split()) in shown
            assert TROUBLES[trouble].remedy in shown
        return found

    return probed


def test_a_device_that_hangs_up(said: Said) -> None:
    @asynccontextmanager
    async def full() -> AsyncIterator[int]:
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()

    with background(full()) as port:
        assert said(modbus(port, tag("A", "input:0"))).troubles == [("hung_up", None)]


def test_an_address_where_nobody_answers(said: Said) -> None:
    # A full queue of a socket that is never served: the kernel drops what comes on top, as a firewall would.
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as silent:
        port, waiting = silent.getsockname()[1], [socket.socket() for _ in range(3)]
        for each in waiting:
            each.settimeout(0.0)
            with suppress(BlockingIOError):
                each.connect(("127.0.0.1", port))
        assert said(modbus(port, tag("A", "input:0"))).troubles == [("no_answer", None)]
        for each in waiting:
            each.close()


def test_a_device_that_is_slower_than_the_cycle_waits(said: Said) -> None:
    def late(_: bytes) -> list[bytes]:
        wall = WallClock()
        until = wall.now() + 0.1
        while wall.now() < until:
            pass
        return [hexed("01 04 02 00 07")]

    with background(scripted(late)) as plc:
        found = said(modbus(plc.port, tag("A", "input:0")))
    assert found.troubles == [("slow", None)]
    assert found.sentences[0].endswith("ms, and a cycle waits 50 ms for it")


def test_a_device_that_gives_fewer_registers_at_once(said: Said) -> None:
    def short(asked: bytes) -> list[bytes]:
        n = int.from_bytes(asked[4:6], "big")
        return [hexed("01 84 03") if n > 50 else bytes([1, 4, 2 * n, *([0] * 2 * n)])]

    tags = "".join(tag(f"T{i}", f"input:{i}") for i in range(80))
    with background(scripted(short)) as plc:
        found = said(modbus(plc.port, tags))
    assert (found.status, found.troubles) == (0, [("too_long", None)])
    assert "refuses more than" in found.sentences[0]


VALUES = [
    ("02 02 DF", tag("N", "input:0", "uint16", "/min", (0, 200)), "scale", "with scale: 0.1 it would read 73.5 /min"),
    ("02 FF FE", tag("N", "input:0", "uint16", "/min", (0, 9)), "out_of_range", "it reads 65534 /min, outside 0 to 9"),
    ("04 7F C0 00 00", tag("F", "input:0", "float32", span=(0, 6)), "not_finite", "no finite number"),
    (
        "02 FD 30",  # -720 counts
        tag("L", "input:0", "int16").replace("}", ", scale: 0.003616898, ne43: {raw_4ma: 0, raw_20ma: 27648}}"),
        "transmitter",
        "its current of 3.58 mA tells that it has failed",
    ),
    (
        "02 6F 00",  # 28416 counts
        tag("L", "input:0", "int16").replace("}", ", scale: 0.003616898, ne43: {raw_4ma: 0, raw_20ma: 27500}}"),
        "transmitter",
        "its current of 20.53 mA tells that it is at its limit",
    ),
]


@pytest.mark.parametrize(("answer", "declared", "trouble", "sentence"), VALUES)
def test_a_value_that_cannot_be_right(said: Said, answer: str, declared: str, trouble: str, sentence: str) -> None:
    with background(scripted(lambda _: [hexed(f"01 04 {answer}")])) as plc:
        found = said(modbus(plc.port, declared))
    assert [name for name, _ in found.troubles] == [trouble]
    assert sentence in found.sentences[0]


def test_a_plc_that_stands_still_and_one_that_is_not_remote(said: Said) -> None:
    words = ", handshake: {heartbeat: BEAT, arm: ARM, state: STATE, scan: SCAN}"
    tags = tag("SCAN", "input:0") + tag("STATE", "input:1") + tag("B", "input:2")
    for i, name in enumerate(("BEAT", "ARM")):
        tags += tag(name, f"holding:{i}").replace("}", ", access: write, read_back: B}")
    with background(device()) as plc:
        found = said(modbus(plc.port, tags, words))
    assert (found.status, found.troubles) == (0, [("frozen", "SCAN"), ("not_remote", "STATE")])
    assert found.sentences[1] == "it reads 0, local"


def source(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


AGED = ", age_from: source, stale_after: 15s}"


@pytest.mark.parametrize(
    ("ahead_s", "trouble", "sentence"),
    [(-60.0, "stale", "is 60 s old, and it is stale after 15 s"), (600.0, "clock", "is 600 s in the future")],
)
def test_a_source_time_that_cannot_be_believed(
    said: Said, plant: Plant, ahead_s: float, trouble: str, sentence: str
) -> None:
    plant.put("A", 1.0, SourceTimestamp=source(ahead_s))
    found = said(opcua(plant.port, tag("A", "s=A", "float64").replace("}", AGED)))
    plant.put("A", 1.0)
    assert (found.status, found.troubles) == (1, [(trouble, "A")])
    assert sentence in found.sentences[0]


@pytest.mark.parametrize(
    ("code", "trouble", "sentence"),
    [
        (0x801F0000, "not_readable", "the device refuses to give it"),
        (0x808C0000, "reported", "the device says: sensor failure"),
        (0x40900000, "reported", "the device says: last usable"),
        (0x00960000, "reported", "the device says: overridden"),
        (0x40940600, "reported", "the device says: out of range"),
        (0x808B0000, "reported", "the device says: device failure"),
    ],
)
def test_a_status_that_is_not_good(said: Said, plant: Plant, code: int, trouble: str, sentence: str) -> None:
    plant.put("A", 1.0, code)
    found = said(opcua(plant.port, tag("A", "s=A", "float64")))
    plant.put("A", 1.0)
    assert (found.status, found.troubles) == (1 if code >> 31 else 0, [(trouble, "A")])
    assert sentence in found.sentences[0]


@pytest.mark.parametrize(
    ("state", "sentence"),
    [(1, "INT32 shows 1: device failure"), (4, "INT32 shows 4: maintenance required"), (7, "shows 7: health unknown")],
)
def test_a_device_that_needs_attention(said: Said, plant: Plant, state: int, sentence: str) -> None:
    plant.put("INT32", state)
    tags = tag("A", "s=A", "float64").replace("}", ", ne107: {tag: INT32}}") + tag("INT32", "s=INT32", "int32")
    found = said(opcua(plant.port, tags))
    plant.put("INT32", 0)
    assert found.troubles == [("health", "A")]
    assert sentence in found.sentences[0]


def test_a_server_without_a_session_left(said: Said, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object, **__: object) -> NoReturn:
        raise ua.uaerrors.BadTooManySessions

    monkeypatch.setattr(plant.server.iserver, "create_session", none_left)
    found = said(opcua(plant.port, tag("A", "s=A", "float64")))
    assert (found.status, found.troubles) == (3, [("sessions", None)])


@dataclass
class Secured:
    """A server that wants to know its clients, and the lists of both sides."""

    port: int
    plc: Store
    us: Store

    def policy(self, more: str = "", unit: str = "kg/h", span: tuple[float, float] = (-5, 50)) -> str:
        where = f"endpoint: opc.tcp://127.0.0.1:{self.port}, namespace: {SPACE}, pki: {self.us.folder}"
        whole = opcua(0, tag("FLOW", "s=UNIT.FLOW", "float64", unit, span))
        head, _, rest = whole.partition("  plc: ")
        return f"{head}  plc: {{protocol: opcua, {where}, timeout: 2s{more}}}\n{rest.partition(chr(10))[2]}"


@asynccontextmanager
async def serving(folder: Path, certificate: Wanted | None, began: float, *, users: bool) -> AsyncIterator[Secured]:
    plc, us = Store(folder / "plc"), Store(folder / "us")
    us.make(Wanted("urn:test:us", ("here",)), NOW)
    plc.keep(us.own(NOW).certificate, TRUSTED)
    if certificate is not None:
        plc.make(certificate, began)
    if users:
        (plc.folder / USERS).mkdir()
        (plc.folder / USERS / "ana").write_text("right")
    link = OpcUa.model_validate({"protocol": "opcua", "endpoint": "opc.tcp://h:1", "namespace": SPACE})
    policy = Policy(policy=1, line="T", revision="1", period="1s", connections={"plc": link}, tags=TAGS)  # type: ignore[arg-type]
    server = OpcUaServer(policy, "plc", ("127.0.0.1", 0), lambda: None, plc.folder)
    await server.start(image())
    us.trust(plc.certificate)
    yield Secured(int(server.address.rsplit(":", 1)[1].partition("/")[0]), plc, us)
    await server.stop()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with background(serving(tmp_path_factory.mktemp("open"), None, NOW, users=False)) as server:
        yield server


def test_a_server_whose_certificate_is_not_trusted(said: Said, secured: Secured) -> None:
    secured.us.reject(next(secured.us.listed(TRUSTED))[0])
    found = said(secured.policy())
    secured.us.trust(secured.plc.certificate)
    assert (found.status, found.troubles) == (3, [("certificate_untrusted", None)])
    assert "steadyline cert trust" in found.sentences[0]


def test_a_server_that_does_not_trust_us(said: Said, secured: Secured) -> None:
    secured.plc.reject(secured.us.certificate)
    found = said(secured.policy())
    secured.plc.keep(secured.us.own(NOW).certificate, TRUSTED)
    assert (found.status, found.troubles) == (3, [("certificate_untrusted", None)])
    assert "on its trust list" in found.sentences[0]


@pytest.mark.parametrize(
    ("certificate", "age_s", "trouble"),
    [
        (Wanted(URI, ("127.0.0.1",), days=1.0), 9 * DAY_S, "certificate_expired"),
        (Wanted("urn:other:plc", ("127.0.0.1",)), 0.0, "certificate_uri"),
    ],
)
def test_a_certificate_that_cannot_be_used(
    said: Said, tmp_path: Path, certificate: Wanted, age_s: float, trouble: str
) -> None:
    with background(serving(tmp_path, certificate, NOW - age_s, users=False)) as server:
        found = said(server.policy())
    assert (found.status, found.troubles) == (3, [(trouble, None)])


def test_no_certificate_of_our_own(said: Said, secured: Secured, tmp_path: Path) -> None:
    found = said(secured.policy(), "--pki", str(tmp_path / "empty"))
    assert (found.status, found.troubles) == (3, [("own_certificate", None)])
    assert "run: steadyline cert create" in found.sentences[0]


def test_a_security_that_is_not_offered(said: Said, secured: Secured) -> None:
    found = said(secured.policy(", security: None"))
    assert (found.status, found.troubles) == (3, [("security", None)])


def test_a_unit_and_a_range_that_the_server_sees_otherwise(said: Said, secured: Secured) -> None:
    # The clock of the simulated server stands where its plant does.
    assert said(secured.policy(unit="g/h")).troubles == [("unit", "FLOW"), ("clock", None)]
    assert said(secured.policy(span=(-5, 40))).troubles == [("range", "FLOW"), ("clock", None)]


def test_a_user_who_is_not_let_in(said: Said, tmp_path: Path) -> None:
    with background(serving(tmp_path, None, NOW, users=True)) as server:
        nobody = said(server.policy())
        secret = server.us.folder / "own" / "plc"
        secret.write_text("wrong")
        secret.chmod(0o600)
        ana = said(server.policy(", user: {by: password, name: ana, password_from: plc}"))
    assert (nobody.status, nobody.troubles) == (3, [("user", None)])
    assert (ana.status, ana.troubles) == (3, [("user", None)])
    assert "the server refuses the user ana or the password" in ana.sentences[0]


def test_every_trouble_but_what_has_no_name_is_made_to_happen_somewhere() -> None:
    here = Path(__file__).parent
    text = "".join((here / name).read_text() for name in ("test_probe.py", "test_probe_troubles.py"))
    assert [name for name in TROUBLES if name != "other" and f'"{name}"' not in text] == []
