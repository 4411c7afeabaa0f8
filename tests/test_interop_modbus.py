"""Our Modbus driver and simulated Modbus PLC against libmodbus, mbpoll and modbus-serial."""

from __future__ import annotations

import asyncio
import re
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pytest
from background import background
from foreign import Foreign, Refused, claim_after, compiled, free_port, mbpoll, running, scripted
from modbus_device import Tags, cdab, declared, opened

from hil.plc.guard import Word
from hil.plc.line import Image
from hil.rig.process import PlcProcess, Served
from hil.servers.modbus import ModbusServer
from plant_io import Outcome, Quality, Setpoint, Snapshot
from plant_io.clocks import WallClock
from plant_io.line import Line
from policies import Policy, load, shipped

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")
HIGHEST = 3.0  # kg/h, what the feeder PLC of line A takes at most


@pytest.fixture(scope="module")
def libmodbus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server made with libmodbus."""
    with running(compiled("modbus_server.c", tmp_path_factory.mktemp("libmodbus"))) as server:
        yield server.said["port"]


@pytest.fixture(scope="module")
def serial() -> Iterator[Foreign]:
    """A server made with modbus-serial."""
    with running(scripted("modbus-serial", "modbus_server.js"), port=free_port()) as server:
        yield server


@pytest.fixture
def client() -> Iterator[Foreign]:
    """A client made with modbus-serial."""
    with running(scripted("modbus-serial", "modbus_client.js")) as client:
        yield client


def seen(policy: Policy, then: Callable[[Line], Awaitable[None]] | None = None) -> Snapshot:
    """Connect, do some work, and return a snapshot."""

    async def work() -> Snapshot:
        async with opened(policy) as line:
            if then is not None:
                await then(line)
            return await line.read(WallClock().now())

    return asyncio.run(work())


def writes(*values: tuple[str, float], outcome: Outcome = Outcome.TAKEN) -> Callable[[Line], Awaitable[None]]:
    async def work(line: Line) -> None:
        receipts = await line.write([Setpoint(tag, value) for tag, value in values])
        assert [receipt.outcome for receipt in receipts] == [outcome] * len(values), receipts

    return work


def good(snapshot: Snapshot) -> dict[str, float | None]:
    return {name: snapshot.good(name) for name in snapshot.index}


def test_libmodbus_floats_are_read_in_all_four_byte_orders(libmodbus: int) -> None:
    tags: Tags = {
        order: {"address": f"input:{10 + 2 * i}", "type": "float32", "byte_order": order}
        for i, order in enumerate(ORDERS)
    }
    assert good(seen(declared(libmodbus, tags))) == dict.fromkeys(ORDERS, 3.25)


def test_libmodbus_integers_and_bits_are_read(libmodbus: int) -> None:
    tags: Tags = {
        "I16": {"address": "input:20", "type": "int16"},
        "I32": {"address": "input:22", "type": "int32"},
        "I64": {"address": "input:24", "type": "int64", "range": [-1e10, 1e10]},
        "BIT": {"address": "input:30.3", "type": "bool"},
    } | {f"D{i}": {"address": f"discrete:{i}", "type": "bool"} for i in range(32)}
    found = good(seen(declared(libmodbus, tags)))
    assert [found[name] for name in ("I16", "I32", "I64", "BIT")] == [-2, -70000, -5000000000, 1]
    assert [found[f"D{i}"] for i in range(32)] == [float(i % 3 == 0) for i in range(32)]


def test_a_hole_of_libmodbus_is_found_out_and_what_lies_around_it_is_read(libmodbus: int) -> None:
    tags: Tags = {"LEFT": {"address": "input:49"}, "IN": {"address": "input:50"}, "RIGHT": {"address": "input:51"}}
    snapshot = seen(declared(libmodbus, tags))
    assert [snapshot[tag].quality for tag in tags] == [Quality.GOOD, Quality.BAD, Quality.GOOD]
    around: Tags = {"LEFT": {"address": "input:49"}, "RIGHT": {"address": "input:51"}}
    assert good(seen(declared(libmodbus, around))) == {"LEFT": 0.0, "RIGHT": 0.0}


def test_every_exception_of_libmodbus_is_bad_and_named_and_no_other_value_suffers(libmodbus: int) -> None:
    tags: Tags = {f"E{code}": {"address": f"input:{1000 + code}"} for code in range(1, 12)} | {
        "GOOD": {"address": "input:20", "type": "int16"}
    }

    async def notes(line: Line) -> None:
        said = (await line.read(WallClock().now())).notes
        named = {int(code) for note in said for code in re.findall(r"exception (\d+)", note)}
        assert named == set(range(1, 12))

    found = seen(declared(libmodbus, tags, max_gap=0), notes)
    assert [found[tag].quality for tag in tags] == [Quality.BAD] * 11 + [Quality.GOOD]


BITS: Tags = {
    f"C{i}": {"address": f"coil:{i}", "type": "bool", "access": "write", "read_back": f"C{i}"} for i in range(1, 6)
}
WORDS: Tags = {
    order: {"address": f"holding:{10 + 2 * i}", "type": "float32", "byte_order": order}
    | {"access": "write", "read_back": order}
    for i, order in enumerate(ORDERS)
}
FLOATS = [(order, 1.5 + i) for i, order in enumerate(ORDERS)]


class Peer(Protocol):
    def __call__(self, table: str, address: int, count: int) -> list[float]: ...


@pytest.fixture(params=["libmodbus", "modbus-serial"])
def device(request: pytest.FixtureRequest) -> tuple[int, Peer]:
    """The port of a server, and how its registers are looked at by others."""
    if request.param == "modbus-serial":
        server: Foreign = request.getfixturevalue("serial")
        return server.said["port"], lambda table, address, count: [
            float(value) for value in server.ask("get", table=table, address=address, count=count)
        ]
    port: int = request.getfixturevalue("libmodbus")
    kinds = {"coil": "0", "discrete": "1", "input": "3", "holding": "4"}
    return port, lambda table, address, count: mbpoll(
        "-p", port, "-t", kinds[table], "-r", address, "-c", count, "127.0.0.1"
    )


def test_registers_are_written_by_16_and_arrive_in_their_order(device: tuple[int, Peer]) -> None:
    port, look = device
    policy = declared(port, WORDS)
    assert good(seen(policy, writes(*FLOATS))) == dict(FLOATS)
    seen(policy, writes(("ABCD", 3.25), ("DCBA", 3.25)))
    high, low = struct.unpack(">HH", struct.pack(">f", 3.25))
    assert look("holding", 10, 2) == [high, low]
    assert look("holding", 16, 2) == [int.from_bytes(word.to_bytes(2, "little"), "big") for word in (low, high)]


def test_registers_are_written_by_23_and_read_back_in_the_same_breath(libmodbus: int) -> None:
    policy = declared(libmodbus, WORDS, write_by="read_write")
    assert good(seen(policy, writes(*FLOATS))) == dict(FLOATS)
    assert good(seen(policy, writes(*((tag, 0.0) for tag in WORDS)))) == dict.fromkeys(WORDS, 0.0)


def test_a_function_a_device_does_not_have_is_a_refused_receipt(serial: Foreign) -> None:
    policy = declared(serial.said["port"], WORDS, write_by="read_write")
    seen(policy, writes(("ABCD", 1.0), outcome=Outcome.REFUSED))


def test_one_register_is_written_by_6(device: tuple[int, Peer]) -> None:
    port, look = device
    tags: Tags = {"W": {"address": "holding:40", "access": "write", "read_back": "W"}}
    assert good(seen(declared(port, tags, write_by="single"), writes(("W", 4711.0)))) == {"W": 4711.0}
    assert look("holding", 40, 1) == [4711]


def test_coils_are_written_by_15_together_and_by_5_alone(device: tuple[int, Peer]) -> None:
    port, look = device
    pattern = [(f"C{i}", float(i % 2)) for i in range(1, 6)]
    assert good(seen(declared(port, BITS), writes(*pattern))) == dict(pattern)
    assert look("coil", 1, 5) == [1, 0, 1, 0, 1]
    seen(declared(port, BITS, write_by="single"), writes(("C2", 1.0)))
    assert look("coil", 1, 5) == [1, 1, 1, 0, 1]


def test_modbus_serial_gives_all_four_tables(serial: Foreign) -> None:
    serial.ask("put", table="input", address=100, values=[7, 8])
    serial.ask("put", table="discrete", address=9, values=[True])
    tags: Tags = {
        "A": {"address": "input:100"},
        "B": {"address": "input:101"},
        "C": {"address": "discrete:9", "type": "bool"},
    }
    assert good(seen(declared(serial.said["port"], tags))) == {"A": 7.0, "B": 8.0, "C": 1.0}


def test_what_modbus_serial_refuses_to_take_is_a_receipt(serial: Foreign) -> None:
    serial.ask("refuse", address=60, code=2)
    tags: Tags = {"W": {"address": "holding:60", "access": "write", "read_back": "W"}}
    seen(declared(serial.said["port"], tags), writes(("W", 1.0), outcome=Outcome.REFUSED))


class Plc:
    """The simulated feeder PLC of line A in its own process, and what its policy says of it."""

    def __init__(self, port: int, policy: Policy) -> None:
        self.port, self.policy = port, policy
        words = policy.connections["feeders"].handshake
        assert words is not None
        self.words = words

    def at(self, tag: str) -> tuple[str, int]:
        table, _, address = self.policy.tags[tag].address.partition(":")
        return table, int(address)


@pytest.fixture(scope="module")
def plc() -> Iterator[Plc]:
    policy = load(shipped("A"))
    with PlcProcess(Served("A", lockstep=False, speed=10.0)) as process:
        yield Plc(int(urlsplit(f"//{process.connect['feeders']}").port or 0), policy)


class Polled:
    """The simulated PLC as mbpoll sees it; its floats are CDAB, as they are at the PLC."""

    def __init__(self, plc: Plc) -> None:
        self.plc, self.beat, self.claim = plc, 0, 0

    def value(self, tag: str) -> float:
        table, address = self.plc.at(tag)
        kind = {"input": "3", "holding": "4"}[table]
        kind += {"float32": ":float", "uint32": ":int", "uint16": ""}[self.plc.policy.tags[tag].type]
        (found,) = mbpoll("-p", self.plc.port, "-t", kind, "-r", address, "127.0.0.1")
        return found

    def frame(self, arm: int, api: float, excipient: float = 18.0) -> None:
        """Say all there is to say to the PLC in one cycle, in one request."""
        self.beat += 1
        low, high = self.claim % 2**16, self.claim // 2**16
        words = [*cdab(api), *cdab(excipient), low, high, arm, self.beat]
        mbpoll("-p", self.plc.port, "-t", "4", "-r", 0, "127.0.0.1", "--", *words)

    def until(self, done: Callable[[], bool], api: float) -> None:
        """Send frame after frame until something is so."""
        end = time.monotonic() + 20.0
        while not done():
            assert time.monotonic() < end
            self.frame(1, api)


def test_mbpoll_moves_the_simulated_plc_and_sees_it_clamp(plc: Plc) -> None:
    words = (plc.words.claim, plc.words.arm, plc.words.heartbeat)
    assert [plc.at(tag or "")[1] for tag in ("FDR_API.F_SP", "FDR_EXC.F_SP", *words)] == [0, 2, 4, 6, 7]
    polled = Polled(plc)
    assert polled.value("FDR_API.F_ACT") == pytest.approx(2.0, abs=0.01)
    polled.claim = claim_after(polled.value(plc.words.epoch or ""))
    polled.until(lambda: polled.value(plc.words.state) == Word.REMOTE, 2.0)
    for wanted, shown in ((2.5, 2.5), (5.5, HIGHEST)):
        polled.until(lambda shown=shown: polled.value("FDR_API.F_ACT") == pytest.approx(shown), wanted)  # type: ignore[misc]
    polled.frame(0, 2.0)


def test_the_function_that_writes_and_reads_at_once_serves_libmodbus(plc: Plc, tmp_path: Path) -> None:
    _, beat = plc.at(plc.words.heartbeat)
    command = [*compiled("modbus_client.c", tmp_path), plc.port, 1, beat, beat, 1, 321]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True, timeout=30.0)
    assert done.stdout.split() == ["321"]


def test_an_address_the_plc_does_not_have_is_exception_2_to_others(plc: Plc, client: Foreign) -> None:
    with pytest.raises(Refused, match=r"(?i)illegal data address"):
        mbpoll("-p", plc.port, "-t", "3", "-r", 5000, "127.0.0.1")
    client.ask("open", port=plc.port, unit=1)
    with pytest.raises(Refused, match=r"(?i)illegal data address"):
        client.ask("read", table="input", address=5000, count=1)


def test_modbus_serial_reads_and_writes_the_simulated_plc(plc: Plc, client: Foreign) -> None:
    client.ask("open", port=plc.port, unit=1)
    table, address = plc.at("FDR_API.F_ACT")
    low, high = client.ask("read", table=table, address=address, count=2)
    assert 1.0 <= struct.unpack(">f", struct.pack(">HH", high, low))[0] <= HIGHEST
    _, beat = plc.at(plc.words.heartbeat)
    client.ask("write", table="holding", address=beat, values=[77])
    assert client.ask("read", table="holding", address=beat, count=1) == [77]
    client.ask("write_one", table="holding", address=beat, value=78)
    assert client.ask("read", table="holding", address=beat, count=1) == [78]
    client.ask("close")


def test_modbus_serial_speaks_rtu_frames_over_tcp_with_a_simulated_plc(client: Foreign) -> None:
    tags: Tags = {
        "IN": {"address": "input:7"},
        "OUT": {"address": "holding:3", "access": "write", "read_back": "IN"},
        "BIT": {"address": "coil:2", "type": "bool"},
        "FLAG": {"address": "discrete:5", "type": "bool"},
    }
    values = {"IN": 7.0, "OUT": 3.0, "BIT": 0.0, "FLAG": 1.0}
    server = ModbusServer(declared(1, tags, framing="rtu", unit_id=5), "plc", ("127.0.0.1", 0), lambda: None)
    with background(shown(server, Image(0.0, values, dict.fromkeys(values, 0.0)))):
        client.ask("open", port=int(server.address.partition(":")[2]), unit=5, framing="rtu")
        assert client.ask("read", table="input", address=7, count=1) == [7]
        assert client.ask("read", table="discrete", address=5, count=1) == [True]
        client.ask("write", table="holding", address=3, values=[9])
        assert client.ask("read", table="holding", address=3, count=1) == [9]
        client.ask("write", table="coil", address=1, values=[True, True])
        assert client.ask("read", table="coil", address=0, count=3) == [False, True, True]
        client.ask("close")


@asynccontextmanager
async def shown(server: ModbusServer, image: Image) -> AsyncIterator[None]:
    await server.start(image)
    yield
    await server.stop()
