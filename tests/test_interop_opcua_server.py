"""Our OPC UA driver and its link against a server made with node-opcua."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from foreign import Foreign, running, scripted
from opcua_plant import KINDS, NAMESPACE, Tags, declared

from plant_io import Outcome, Quality, Reason, Setpoint, Snapshot
from plant_io.clocks import WallClock
from plant_io.line import Line
from plant_io.security.certificates import Certificate, Wanted
from plant_io.security.store import REJECTED, TRUSTED, Store

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

MANY = 1200
MOST_READS, MOST_WRITES = 100, 4
NOW = datetime.now(UTC).timestamp()
WRITABLE: dict[str, object] = {"access": "write", "read_back": "FLOAT64"}
ONE: Tags = {"FLOAT64": dict(WRITABLE)}
ALL: Tags = {kind.upper(): {"type": kind} | WRITABLE for kind in KINDS}
SECURED = [
    (policy, mode)
    for policy in ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")
    for mode in ("Sign", "SignAndEncrypt")
]


class Other:
    """A server of node-opcua, and a controller with lists of its own."""

    def __init__(self, folder: Path) -> None:
        self.us = Store(folder / "us")
        self.certificate = self.us.make(Wanted("urn:test:us", ("here",)), NOW)
        self.pki = folder / "node"
        self.server: Foreign
        self.port = 0

    def __call__(self, foreign: Foreign) -> Other:
        self.server, self.port = foreign, foreign.said["port"]
        self.us.keep(self.shown(), TRUSTED)
        return self

    def shown(self) -> Certificate:
        return Certificate.read(bytes.fromhex(self.server.said["certificate"]))

    def trusts_us(self, *, now: bool = True) -> None:
        self.server.ask("trust" if now else "reject", certificate=self.certificate.data.hex())

    @asynccontextmanager
    async def line(self, tags: Tags, *, ready: bool = True, **connection: object) -> AsyncIterator[Line]:
        line = Line(
            declared(self.port, tags, **({"pki": str(self.us.folder), "timeout": "1s"} | connection)), WallClock()
        )
        await line.open()
        try:
            if ready:
                assert await line.ready(15.0)
            yield line
        finally:
            await line.close()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Other]:
    """A server that lets everybody in, has limits, and has our namespace at another index than usual."""
    other = Other(tmp_path_factory.mktemp("plain"))
    limits = {"reads": MOST_READS, "writes": MOST_WRITES, "many": MANY, "foreign": 3}
    with running(
        scripted("node-opcua", "opcua_server.js"), open=True, pki=str(other.pki), namespace=NAMESPACE, **limits
    ) as foreign:
        yield other(foreign)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Other]:
    """A server that lets in trusted clients only, anonymous or as its one user."""
    other = Other(tmp_path_factory.mktemp("secured"))
    with running(
        scripted("node-opcua", "opcua_server.js"), pki=str(other.pki), namespace=NAMESPACE, users={"ana": "Füller 7"}
    ) as foreign:
        other(foreign).trusts_us()
        yield other


async def until(line: Line, what: Callable[[Snapshot], bool], within_s: float = 20.0) -> Snapshot:
    """Read until a snapshot is as wanted."""
    async with asyncio.timeout(within_s):
        while True:
            snapshot = await line.read(WallClock().now())
            if what(snapshot):
                return snapshot
            await asyncio.sleep(0.1)


def good(name: str) -> Callable[[Snapshot], bool]:
    return lambda snapshot: snapshot[name].quality is Quality.GOOD


def run(work: Awaitable[None]) -> None:
    async def awaited() -> None:
        await work

    asyncio.run(awaited())


async def reads_and_writes(other: Other, **connection: object) -> None:
    async with other.line(ONE, **connection) as line:
        for value in (2.5, -7.25):
            (receipt,) = await line.write([Setpoint("FLOAT64", value)])
            assert receipt.outcome is Outcome.TAKEN
            assert (await until(line, good("FLOAT64"))).good("FLOAT64") == value
        assert other.server.ask("get", name="FLOAT64")["value"] == -7.25


@pytest.mark.parametrize(("security", "mode"), SECURED)
def test_every_security_policy_and_mode_reads_and_writes(secured: Other, security: str, mode: str) -> None:
    run(reads_and_writes(secured, security=security, mode=mode))


def test_without_security_too(plain: Other) -> None:
    run(reads_and_writes(plain))


def test_a_policy_the_server_does_not_offer_is_told_with_those_it_does(plain: Other) -> None:
    async def work() -> None:
        async with plain.line(ONE, ready=False, security="Basic256Sha256") as line:
            (note,) = (await until(line, lambda snapshot: bool(snapshot.notes))).notes
            assert note == "plc: the server offers no Basic256Sha256 with SignAndEncrypt; it offers None with None"

    run(work())


def as_ana(other: Other, password: str) -> dict[str, object]:
    file = other.us.folder / "own" / "ana_password"
    file.write_text(password)
    file.chmod(0o600)
    return {"security": "Basic256Sha256", "user": {"by": "password", "name": "ana", "password_from": file.name}}


def test_a_user_with_the_right_password_is_let_in(secured: Other) -> None:
    run(reads_and_writes(secured, **as_ana(secured, "Füller 7")))


def test_a_wrong_password_is_refused_and_said(secured: Other) -> None:
    async def work() -> None:
        async with secured.line(ONE, ready=False, **as_ana(secured, "guess")) as line:
            snapshot = await until(line, lambda snapshot: bool(snapshot.notes))
            assert snapshot.notes == ("plc: the server refuses the user ana or the password",)
            assert snapshot["FLOAT64"].quality is Quality.BAD

    run(work())


def test_a_server_nobody_trusts_is_met_and_kept_and_connected_once_it_is_trusted(secured: Other) -> None:
    async def work() -> None:
        known = next(file for file, one in secured.us.listed(TRUSTED) if one == secured.shown())
        secured.us.reject(known)
        async with secured.line(ONE, ready=False, security="Basic256Sha256") as line:
            snapshot = await until(line, lambda snapshot: bool(snapshot.notes))
            assert "is not trusted" in snapshot.notes[0]
            (rejected,) = [file for file, one in secured.us.listed(REJECTED) if one == secured.shown()]
            secured.us.trust(rejected)
            await until(line, good("FLOAT64"))

    run(work())


def test_a_server_that_does_not_trust_us_is_told_of_and_connected_once_it_does(secured: Other) -> None:
    async def work() -> None:
        secured.trusts_us(now=False)
        async with secured.line(ONE, ready=False, security="Basic256Sha256") as line:
            snapshot = await until(line, lambda snapshot: bool(snapshot.notes))
            assert f"put {secured.us.certificate} on its trust list" in snapshot.notes[0]
            secured.trusts_us()
            await until(line, good("FLOAT64"))

    run(work())


def test_every_type_is_written_as_the_server_holds_it_and_read_back(plain: Other) -> None:
    async def work() -> None:
        async with plain.line(ALL) as line:
            receipts = await line.write([Setpoint(name, 1.0) for name in ALL])
            assert [receipt.outcome for receipt in receipts] == [Outcome.TAKEN] * len(ALL)
            snapshot = await until(line, good("FLOAT64"))
            assert snapshot.values.tolist() == [1.0] * len(ALL)

    run(work())
    held = {name: plain.server.ask("get", name=name) for name in ALL}
    assert {name: answer["type"] for name, answer in held.items()} == {
        "BOOL": "Boolean", "INT16": "Int16", "UINT16": "UInt16", "INT32": "Int32", "UINT32": "UInt32",
        "INT64": "Int64", "UINT64": "UInt64", "FLOAT32": "Float", "FLOAT64": "Double",
    }  # fmt: skip
    assert {str(answer["status"]) for answer in held.values()} == {"Good"}


def test_more_nodes_than_the_server_takes_at_once_are_read_and_written_in_parts(plain: Other) -> None:
    tags: Tags = {f"N{i}": {"access": "write", "read_back": f"N{i}"} for i in range(MANY)}

    async def work() -> None:
        async with plain.line(tags, timeout="4s", period="8s") as line:
            snapshot = await until(line, good(f"N{MANY - 1}"))
            assert np.array_equal(snapshot.values, np.arange(MANY))
            receipts = await line.write([Setpoint(f"N{i}", float(i)) for i in range(3 * MOST_WRITES)])
            assert {receipt.outcome for receipt in receipts} == {Outcome.TAKEN}

    run(work())


def test_an_array_is_read_whole(plain: Other) -> None:
    async def work() -> None:
        async with plain.line({"SPECTRUM": {"length": 64}}) as line:
            found = (await until(line, good("SPECTRUM"))).vector("SPECTRUM")
            assert found is not None
            assert found.tolist() == [0.5] * 64

    run(work())


@pytest.mark.parametrize(
    ("status", "quality", "reason"),
    [
        ("BadSensorFailure", Quality.BAD, Reason.SENSOR_FAILURE),
        ("BadOutOfService", Quality.BAD, Reason.OUT_OF_SERVICE),
        ("BadDeviceFailure", Quality.BAD, Reason.DEVICE_FAILURE),
        ("UncertainLastUsableValue", Quality.UNCERTAIN, Reason.LAST_USABLE),
        ("UncertainSubNormal", Quality.UNCERTAIN, Reason.SUBNORMAL),
        ("Uncertain", Quality.UNCERTAIN, Reason.UNCERTAIN_STATUS),
    ],
)
def test_the_status_of_a_value_becomes_its_quality(plain: Other, status: str, quality: Quality, reason: Reason) -> None:
    async def work() -> None:
        plain.server.ask("put", name="FLOAT32", value=1.5, status=status)
        async with plain.line({"FLOAT32": {"type": "float32"}}) as line:
            sample = (await line.read(WallClock().now()))["FLOAT32"]
            assert (sample.quality, sample.reason) == (quality, reason)

    run(work())
    plain.server.ask("put", name="FLOAT32", value=1.5)


def test_a_wrong_type_and_a_missing_node_are_said_at_connect_and_are_bad(plain: Other) -> None:
    tags: Tags = {"INT16": {}, "NOWHERE": {}, "FLOAT64": {}}

    async def work() -> None:
        async with plain.line(tags) as line:
            snapshot = await until(line, good("FLOAT64"))
            assert snapshot["INT16"].reason is Reason.WRONG_TYPE
            assert snapshot["NOWHERE"].quality is Quality.BAD
            assert snapshot.notes == (
                "plc: INT16: the server holds Int16, the policy says float64",
                "plc: NOWHERE: the server answers BadNodeIdUnknown for s=NOWHERE",
            )

    run(work())


def test_a_unit_that_differs_is_said_at_connect(plain: Other) -> None:
    async def work() -> None:
        async with plain.line({"FORCE": {"unit": "kN", "range": [0, 40]}}) as line:
            snapshot = await until(line, good("FORCE"))
            assert snapshot.notes == ("plc: FORCE: the server gives its unit as N, the policy says kN",)

    run(work())


def test_what_may_not_be_written_is_a_receipt_with_the_answer_of_the_server(plain: Other) -> None:
    async def work() -> None:
        async with plain.line({"FIXED": {"access": "write", "read_back": "FIXED"}}) as line:
            (receipt,) = await line.write([Setpoint("FIXED", 1.0)])
            assert receipt.outcome is Outcome.REFUSED
            assert "BadNotWritable" in receipt.why or "BadUserAccessDenied" in receipt.why

    run(work())


def test_a_node_that_vanishes_is_bad_and_the_others_stay(plain: Other) -> None:
    async def work() -> None:
        async with plain.line({"SPARE": {}, "FLOAT64": {}}) as line:
            await until(line, good("SPARE"))
            plain.server.ask("remove", name="SPARE")
            snapshot = await until(line, lambda snapshot: not good("SPARE")(snapshot))
            assert snapshot["SPARE"].quality is Quality.BAD
            assert good("FLOAT64")(snapshot)

    run(work())


def test_a_reported_tag_arrives_without_being_polled(plain: Other) -> None:
    async def work() -> None:
        async with plain.line({"FLOAT64": {"scan": "subscribe", "stale_after": "2m"}}, period="1s") as line:
            for value in (11.0, 12.0):
                plain.server.ask("put", name="FLOAT64", value=value)
                await until(line, lambda snapshot, value=value: snapshot.good("FLOAT64") == value)  # type: ignore[misc]

    run(work())


def alone(folder: Path, port: int = 0, **more: object) -> AbstractContextManager[Foreign]:
    command = scripted("node-opcua", "opcua_server.js")
    return running(command, open=True, pki=str(folder), namespace=NAMESPACE, port=port, **more)


def test_a_server_that_is_started_anew_is_found_again_and_called_restarted(tmp_path: Path) -> None:
    other = Other(tmp_path)

    async def work() -> None:
        async with other.line(ONE) as line:
            await until(line, good("FLOAT64"))
            first.kill()
            gone = await until(line, lambda snapshot: not good("FLOAT64")(snapshot))
            assert gone["FLOAT64"].reason is Reason.LINK_DOWN
            with alone(tmp_path / "node", other.port, foreign=2):
                restarted = await until(line, lambda snapshot: bool(snapshot.restarted))
                assert restarted.restarted == {"plc"}
                await until(line, good("FLOAT64"))

    with alone(tmp_path / "node") as first:
        other(first)
        run(work())


def test_without_a_session_left_the_reason_is_said_and_the_next_one_is_taken(tmp_path: Path) -> None:
    other = Other(tmp_path)

    async def work() -> None:
        async with AsyncExitStack() as stack:
            early = await stack.enter_async_context(other.line(ONE, session_timeout="10s"))
            await until(early, good("FLOAT64"))
            async with other.line(ONE, ready=False) as late:
                await until(late, lambda _: "the server has no session left" in late.links["plc"].why)
                await stack.aclose()
                await until(late, good("FLOAT64"), 30.0)

    with alone(tmp_path / "node", sessions=1) as foreign:
        other(foreign)
        run(work())
