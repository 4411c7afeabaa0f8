"""Encrypted OPC UA over real sockets: who is let in, who is not, and what is said about it."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from asyncua import Client, ua
from asyncua.common.utils import ServiceError
from asyncua.ua import uaerrors
from proxy import proxied
from test_servers_opcua import SPACE, TAGS, image

from controller.cli.app import status
from hil.servers.opcua import OpcUaServer
from hil.servers.opcua_door import USERS
from plant_io import Identity, Outcome, Quality, Setpoint
from plant_io.clocks import WallClock
from plant_io.drivers.opcua import OpcUaDriver
from plant_io.drivers.opcua_admission import meaning
from plant_io.line import Line
from plant_io.link import LinkState
from plant_io.ports import Refusal
from plant_io.security.certificates import Certificate, Wanted, create
from plant_io.security.expiry import DAY_S
from plant_io.security.store import REJECTED, TRUSTED, Store
from plant_io.served.admission import Admission
from policies import OpcUa, Policy

NOW = datetime.now(UTC).timestamp()
URI = "urn:steadyline:hil:line-t"
OPERATOR, OPERATOR_KEY = create(Wanted("urn:test:operator", ("here",), "operator"), NOW)


@dataclass
class Site:
    """A server and a controller, each with its lists."""

    server: OpcUaServer
    plc: Store
    us: Store
    runner: asyncio.Runner

    def policy(self, address: str | None = None, **connection: object) -> Policy:
        return declared(address or self.server.address, self.us, **connection)

    def run(self, work: Callable[[OpcUaDriver], Awaitable[None]], **connection: object) -> Identity:
        """Connect, do some work, and return what the server said of itself."""

        async def connected() -> Identity:
            driver = OpcUaDriver("plc", self.policy(**connection))
            try:
                identity = await driver.open()
                await work(driver)
            finally:
                await driver.abort()
            return identity

        return self.runner.run(connected())

    def refused(self, **connection: object) -> Refusal:
        with pytest.raises(Refusal) as caught:
            self.run(nothing, **connection)
        return caught.value


async def nothing(_: OpcUaDriver) -> None: ...


def declared(address: str, store: Store, **connection: object) -> Policy:
    plc = {
        "protocol": "opcua",
        "endpoint": address,
        "namespace": SPACE,
        "pki": str(store.folder),
        "timeout": "2s",
    } | connection
    link = OpcUa.model_validate(plc)
    return Policy(policy=1, line="T", revision="1", period="1s", connections={"plc": link}, tags=TAGS)  # type: ignore[arg-type]


def built(folder: Path, prepare: Callable[[Store], None] = lambda _: None) -> Iterator[Site]:
    """A server that listens, and a controller; each trusts the other."""
    plc, us = Store(folder / "plc"), Store(folder / "us")
    us.make(Wanted("urn:test:us", ("here",)), NOW)
    plc.keep(us.own(NOW).certificate, TRUSTED)
    prepare(plc)
    policy = declared("opc.tcp://127.0.0.1:4840", us, security="None")
    server = OpcUaServer(policy, "plc", ("127.0.0.1", 0), lambda: None, plc.folder)
    with asyncio.Runner() as runner:
        runner.run(server.start(image()))
        us.trust(plc.certificate)
        yield Site(server, plc, us, runner)
        runner.run(server.stop())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from built(tmp_path_factory.mktemp("open"))


def with_users(plc: Store) -> None:
    (plc.folder / USERS).mkdir()
    (plc.folder / USERS / "ana").write_text("Füller 7\n")
    (plc.folder / USERS / "operator.der").write_bytes(OPERATOR.data)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that wants to know its users."""
    yield from built(tmp_path_factory.mktemp("closed"), with_users)


def with_an_old_certificate(plc: Store) -> None:
    plc.make(Wanted("urn:other:plc", ("127.0.0.1",), days=1.0), NOW - 9 * DAY_S)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server whose certificate has ended, and is for another application."""
    yield from built(tmp_path_factory.mktemp("ended"), with_an_old_certificate)


@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
@pytest.mark.parametrize("security", ["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"])
def test_every_policy_and_mode_connects_reads_and_writes(site: Site, security: str, mode: str) -> None:
    async def work(driver: OpcUaDriver) -> None:
        batch = await driver.read()
        assert batch.quality.tolist() == [Quality.GOOD] * len(TAGS)
        (receipt,) = await driver.write([Setpoint("UNIT.SP", 2.5)])
        assert receipt.outcome is Outcome.TAKEN
        assert await site.server.take() == {"UNIT.SP": 2.5}

    identity = site.run(work, security=security, mode=mode)
    assert identity.notes == ()
    assert identity.ends == {
        f"our certificate {site.us.certificate}": site.us.own(NOW).certificate.ends,
        "the server's certificate": site.plc.pair("steadyline.der", "steadyline.pem").certificate.ends,
    }


def test_nothing_written_means_signed_and_encrypted(site: Site) -> None:
    async def work(driver: OpcUaDriver) -> None:
        assert driver._client is not None
        policy = driver._client.security_policy
        assert (policy.URI.rpartition("#")[2], policy.Mode) == ("Basic256Sha256", ua.MessageSecurityMode.SignAndEncrypt)
        assert driver._client.application_uri == "urn:test:us"

    site.run(work)


def test_a_server_that_wants_security_takes_nobody_without(site: Site) -> None:
    assert str(site.refused(security="None")) == "the server does not offer security: None"

    async def force() -> None:
        # The endpoint is not offered; a rude client tries all the same.
        client = Client(site.server.address)
        await client.connect_sessionless()
        try:
            await client.uaclient.create_session(ua.CreateSessionParameters(RequestedSessionTimeout=15000.0))
            with pytest.raises(uaerrors.BadUserAccessDenied):
                await client.uaclient.activate_session(
                    ua.ActivateSessionParameters(UserIdentityToken=ua.AnonymousIdentityToken())
                )
        finally:
            client.disconnect_socket()

    site.runner.run(force())


def test_an_unknown_server_is_refused_until_the_command_in_the_sentence_is_run(site: Site) -> None:
    site.us.reject(next(site.us.listed(TRUSTED))[0])
    sentence = str(site.refused())
    assert sentence.startswith("the server's certificate (Simulated PLC, thumbprint ")
    _, command = sentence.split("run: steadyline ")
    assert status(shlex.split(command)) == 0
    assert site.run(nothing).notes == ()


def test_a_client_the_server_does_not_trust_is_told_so_and_kept_for_a_person_to_trust(site: Site) -> None:
    site.plc.reject(site.us.certificate)
    sentence = f"the server does not trust our certificate; put {site.us.certificate} on its trust list"
    assert str(site.refused()) == sentence
    ((file, kept),) = site.plc.listed(REJECTED)
    assert kept == site.us.own(NOW).certificate
    site.plc.trust(file)
    assert site.run(nothing).notes == ()


def test_a_certificate_that_has_ended_or_is_for_another_application_is_refused(ended: Site) -> None:
    day = datetime.fromtimestamp(NOW - 8 * DAY_S, UTC).date()
    assert str(ended.refused()) == (
        f"the server's certificate ended on {day}; have it renewed on the server; "
        f"the server calls itself {URI}, but its certificate is for urn:other:plc; "
        "have one with its own application URI made on the server"
    )


def test_our_own_certificate_is_looked_at_before_anybody_is_asked(tmp_path: Path) -> None:
    driver = OpcUaDriver("plc", declared("opc.tcp://127.0.0.1:9", Store(tmp_path)))
    with pytest.raises(Refusal, match=f"there is no such file; run: steadyline cert create --pki {tmp_path}$"):
        asyncio.run(driver.open())


def test_trust_that_is_lost_while_connected_is_seen_at_the_next_connect_and_can_be_given_back(site: Site) -> None:
    async def run() -> None:
        port = int(site.server.address.rsplit(":", 1)[1].partition("/")[0])
        clock = WallClock()
        async with proxied(port) as proxy:
            line = Line(site.policy(f"opc.tcp://127.0.0.1:{proxy.port}"), clock)
            link = line.links["plc"]
            await line.open()
            assert await line.ready(10.0)
            assert (await line.read(clock.now()))["UNIT.SP"].quality is Quality.GOOD
            rejected = site.us.reject(site.plc.certificate)
            proxy.cut()
            said: list[str] = []
            async with asyncio.timeout(10.0):
                while not said:
                    await clock.sleep_until(clock.now() + 0.1)
                    seen = await line.read(clock.now())
                    said += seen.notes
            assert seen["UNIT.SP"].quality is Quality.BAD
            assert said[0].startswith("plc: the server's certificate (Simulated PLC, thumbprint ")
            assert "is not trusted" in link.why
            site.us.trust(rejected)
            assert await line.ready(5.0)
            assert link.state is LinkState.UP
            await line.close()

    site.runner.run(run())


def test_a_secured_connection_given_up_at_any_moment_leaves_nothing_behind(site: Site) -> None:
    async def run() -> None:
        waits = np.random.default_rng(1)
        for _ in range(15):
            driver = OpcUaDriver("plc", site.policy())
            with suppress(OSError):
                async with asyncio.timeout(waits.uniform(0.0, 0.15)):
                    await driver.open()
                    while True:
                        await driver.read()
            await driver.abort()
        files = [task.get_coro().cr_code.co_filename for task in asyncio.all_tasks()]  # type: ignore[union-attr]
        assert [file for file in files if "client" in file or "plant_io" in file] == []

    site.runner.run(run())


USER = {"by": "password", "name": "ana", "password_from": "plc"}


def keep_password(site: Site, text: str) -> None:
    file = site.us.folder / "own" / "plc"
    file.write_text(text)
    file.chmod(0o600)


def test_a_user_with_the_right_password_is_let_in(closed: Site) -> None:
    async def work(driver: OpcUaDriver) -> None:
        (receipt,) = await driver.write([Setpoint("UNIT.SP", 2.5)])
        assert receipt.outcome is Outcome.TAKEN

    keep_password(closed, "Füller 7\n")
    for security in ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"):
        closed.run(work, security=security, user=USER)


def test_a_wrong_password_is_refused_and_not_tried_again_soon(closed: Site) -> None:
    keep_password(closed, "Füller 8")
    refusal = closed.refused(user=USER)
    assert (str(refusal), refusal.pause_s) == ("the server refuses the user ana or the password", 30.0)
    keep_password(closed, "Füller 7")
    assert closed.refused(user=USER | {"name": "ben"}).pause_s == 30.0
    assert closed.refused(user=USER | {"name": "operator.der"}).pause_s == 30.0


@pytest.mark.parametrize("plain", [{"security": "None"}, {"mode": "Sign"}])
def test_a_password_is_never_sent_without_encryption(closed: Site, plain: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="found a user with a password, expected security with mode: SignAndEncrypt"):
        OpcUaDriver("plc", closed.policy(user=USER, **plain))


def test_a_user_may_be_known_by_a_certificate(closed: Site) -> None:
    user = {"by": "certificate", "certificate": "operator.der", "key": "operator.pem"}
    (closed.us.folder / "own" / "operator.der").write_bytes(OPERATOR.data)
    key = closed.us.folder / "own" / "operator.pem"
    key.write_bytes(OPERATOR_KEY)
    key.chmod(0o600)
    for mode in ("Sign", "SignAndEncrypt"):
        ends = closed.run(nothing, user=user, mode=mode).ends
        assert ends[f"the certificate of our user {key.with_suffix('.der')}"] == OPERATOR.ends
    stranger = {"by": "certificate", "certificate": "steadyline.der", "key": "steadyline.pem"}
    assert str(closed.refused(user=stranger)) == "the server refuses the user with the certificate steadyline.der"


def test_nobody_is_anonymous_where_users_are_known(closed: Site) -> None:
    assert str(closed.refused()) == "the server takes no anonymous users; name one with user:"


@pytest.mark.parametrize(
    ("certificate", "code"),
    [
        (create(Wanted("urn:test:us", ("here",), days=1.0), NOW - 9 * DAY_S)[0], "BadCertificateTimeInvalid"),
        (create(Wanted("urn:test:other", ("here",)), NOW)[0], "BadCertificateUriInvalid"),
        (create(Wanted("urn:test:us", ("here",)), NOW)[0], "BadCertificateUntrusted"),
    ],
)
def test_a_server_of_ours_looks_at_clients_as_closely(tmp_path: Path, certificate: Certificate, code: str) -> None:
    client = ua.ApplicationDescription(ApplicationUri="urn:test:us", ApplicationType=ua.ApplicationType.Client)
    with pytest.raises(ServiceError) as caught:
        asyncio.run(Admission(tmp_path, URI, "us").judge(certificate.parsed, client))
    assert ua.StatusCode(ua.UInt32(caught.value.code)).name == code


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (uaerrors.BadSecurityChecksFailed, "does not accept our certificate; put pki/own/steadyline.der on its trust"),
        (
            uaerrors.BadCertificateTimeInvalid,
            "out of date; compare the clocks of the server and of this machine, or run",
        ),
        (
            uaerrors.BadCertificateUriInvalid,
            "is for another application; run: steadyline cert create --renew --pki pki",
        ),
        (uaerrors.BadTooManySessions, "the server has no session left; sessions that were lost end by themselves"),
    ],
)
def test_what_a_server_complains_of_is_said_with_a_remedy(trouble: type[Exception], sentence: str) -> None:
    server = OpcUa.model_validate({"protocol": "opcua", "endpoint": "opc.tcp://h:1", "namespace": "urn:x"})
    assert sentence in str(meaning(server, trouble()))
