"""Notices reach real servers: a webhook whose signature holds, and mail over TLS from an authority made here."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import hmac
import ipaddress
import json
import ssl
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fakes import Bench

from controller.cycle import Cycle, Delivered, Order
from controller.notices.post import Post
from controller.notices.state import Item, Notice
from controller.notices.transports import Sent, body, transports
from policies.notices import Notices

# The server cannot know that TLS is there from the first byte.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
ITEM = Item(
    alarm="nir_bad", event="raised", at=1_767_225_600.0, state="unacknowledged", what="no evidence",
    priority="high", sort="measurement", consequence="", response="Look at the probe.", raised=None,
    routing=("operator",),
)  # fmt: skip
NOTICE = Notice("A-1767225600.000-1", "there", "alarm", 1_767_225_600.0, "A", (ITEM,))


def sent(receiver: dict[str, Any], notice: Notice = NOTICE) -> Sent:
    """What came of one attempt to send a notice."""

    async def run() -> Sent:
        (way,) = transports(Notices.model_validate({"receivers": {"there": receiver}})).values()
        try:
            return await way.send(notice, 1_767_225_601.0)
        finally:
            await way.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Files of an authority, and of a certificate for 127.0.0.1 it signed with its key."""
    folder = tmp_path_factory.mktemp("pki")
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("authority", "server")}
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of this test")])
    made: dict[str, x509.Certificate] = {}
    for who, key in keys.items():
        builder = x509.CertificateBuilder(
            name, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, who)]) if who == "server" else name,
            key.public_key(), x509.random_serial_number(), begin, begin + dt.timedelta(days=3650),
        )  # fmt: skip
        builder = builder.add_extension(x509.BasicConstraints(ca=who == "authority", path_length=None), critical=True)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        public = keys["authority"].public_key()
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        made[who] = builder.sign(keys["authority"], hashes.SHA256())
    paths = folder / "ca.pem", folder / "server.pem", folder / "server.key"
    paths[0].write_bytes(made["authority"].public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(made["server"].public_bytes(serialization.Encoding.PEM))
    paths[2].write_bytes(
        keys["server"].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


class Listening:
    """A program that is posted notices, over TLS or not."""

    def __init__(self, pki: tuple[Path, Path, Path] | None = None) -> None:
        self.asked, self.status = list[tuple[str, dict[str, str], bytes]](), 200
        there = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the library's name
                said = self.rfile.read(int(self.headers["Content-Length"]))
                there.asked.append((self.path, dict(self.headers), said))
                self.send_response(there.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
                del format, args

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        if pki is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pki[1], pki[2])
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.thread = Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def listening() -> Iterator[Listening]:
    there = Listening()
    yield there
    there.close()


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch, listening: Listening) -> dict[str, Any]:
    monkeypatch.setenv("HOOK", "a key nobody knows")
    return {"kind": "webhook", "url": f"http://127.0.0.1:{listening.port}/alarms", "secret": {"env": "HOOK"}}


def test_a_webhook_is_signed_over_its_time_and_its_body_and_bears_its_key(
    hook: dict[str, Any], listening: Listening
) -> None:
    assert sent(hook) == Sent(delivered=True, status="HTTP 200", again=False)
    ((path, head, said),) = listening.asked
    stamp = head["X-Steadyline-Timestamp"]
    proof = hmac.new(b"a key nobody knows", f"{stamp}.".encode() + said, hashlib.sha256).hexdigest()
    assert (path, stamp, head["Idempotency-Key"]) == ("/alarms", "1767225601", NOTICE.key)
    assert head["X-Steadyline-Signature"] == f"v1={proof}"
    assert said == body(NOTICE)
    assert json.loads(said)["items"][0]["response"] == "Look at the probe."


def test_the_shell_carries_a_notice_to_a_real_server_and_brings_the_receipt(
    hook: dict[str, Any], listening: Listening
) -> None:
    inbox, bench = SimpleQueue[Order](), Bench()
    cycle = Cycle(0, bench.snapshot(), (), (), bench.cycle(), ())
    told = replace(cycle, decision=replace(cycle.decision, notices=(replace(NOTICE, receiver="there"),)))

    async def run() -> None:
        post = Post(Notices.model_validate({"receivers": {"there": hook}}), transports, inbox)
        post(told)
        while inbox.empty():
            await asyncio.sleep(0.01)
            post(cycle)
        await post.close()

    asyncio.run(run())
    assert inbox.get_nowait().act == Delivered("there", NOTICE.key, 1, delivered=True, status="HTTP 200", final=True)
    assert len(listening.asked) == 1


@pytest.mark.parametrize(
    ("status", "again"), [(503, True), (500, True), (429, True), (408, True), (400, False), (404, False), (302, False)]
)
def test_what_a_server_answers_says_whether_another_attempt_makes_sense(
    hook: dict[str, Any], listening: Listening, status: int, *, again: bool
) -> None:
    listening.status = status
    assert sent(hook) == Sent(delivered=False, status=f"HTTP {status}", again=again)
    assert len(listening.asked) == 1  # nowhere but to the address in the policy


def test_a_server_that_is_not_there_is_a_value(hook: dict[str, Any], listening: Listening) -> None:
    listening.close()
    found = sent(hook)
    assert (found.delivered, found.again) == (False, True)
    assert found.status.startswith("ConnectError")
    listening.__init__()  # type: ignore[misc]  # there is something to close again


def test_a_webhook_over_tls_is_sent_only_to_whom_the_authority_knows(
    authority: tuple[Path, Path, Path], hook: dict[str, Any]
) -> None:
    there = Listening(authority)
    try:
        url = f"https://127.0.0.1:{there.port}/alarms"
        assert sent({**hook, "url": url, "ca": str(authority[0])}).delivered
        found = sent({**hook, "url": url})
        assert not found.delivered
        assert "certificate" in found.status.lower()
        assert len(there.asked) == 1
    finally:
        there.close()


def test_a_key_that_is_not_there_is_a_receipt_and_no_end_of_the_run(hook: dict[str, Any]) -> None:
    found = sent({**hook, "secret": {"env": "NO_SUCH_VARIABLE"}})
    assert found == Sent(delivered=False, status="nothing secret was found in NO_SUCH_VARIABLE", again=False)


class Mailbox:
    """A mail server with one user, who must come over TLS."""

    def __init__(self, security: str, pki: tuple[Path, Path, Path], password: Path) -> None:
        self.letters, self.answer = list[Any](), "250 taken"
        self._starts, self._context = security == "starttls", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pki[1], pki[2])
        self.receiver: dict[str, Any] = {
            "kind": "email", "host": "127.0.0.1", "security": security, "ca": str(pki[0]), "sender": "line@example.org",
            "to": ["qa@example.org", "lead@example.org"], "user": "line", "password": {"file": str(password)},
        }  # fmt: skip

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # the library's name
        self.letters.append(envelope)
        return self.answer

    def _known(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=data.login == b"line" and data.password == b"open sesame please", handled=False)

    def _protocol(self) -> SMTP:
        return SMTP(
            self, hostname="127.0.0.1", authenticator=self._known, auth_required=True, auth_require_tls=self._starts,
            require_starttls=self._starts, tls_context=self._context if self._starts else None,
        )  # fmt: skip

    def sent(self, **changes: Any) -> Sent:
        """What came of one attempt to send a notice to this server."""

        async def run() -> Sent:
            context = None if self._starts else self._context
            loop = asyncio.get_running_loop()
            async with await loop.create_server(self._protocol, "127.0.0.1", 0, ssl=context) as server:
                given = {**self.receiver, "port": server.sockets[0].getsockname()[1], **changes}
                declared = Notices.model_validate({"receivers": {"there": given}})
                return await transports(declared)["there"].send(NOTICE, 1_767_225_601.0)

        return asyncio.run(run())


@pytest.fixture(params=["starttls", "tls"])
def post(request: pytest.FixtureRequest, authority: tuple[Path, Path, Path], tmp_path: Path) -> Mailbox:
    (tmp_path / "password").write_text("open sesame please\n")
    return Mailbox(request.param, authority, tmp_path / "password")


def test_mail_comes_over_tls_from_a_known_user_to_everybody_named(post: Mailbox) -> None:
    assert post.sent().delivered
    (envelope,) = post.letters
    assert envelope.rcpt_tos == ["qa@example.org", "lead@example.org"]
    said = envelope.content.decode()
    assert "Subject: [A] HIGH raised: nir_bad" in said
    assert "Do: Look at the probe." in said
    assert f"Message-ID: <{NOTICE.key}@example.org>" in said


def test_a_wrong_password_is_not_tried_again(post: Mailbox, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("sesame")
    found = post.sent(password={"file": str(tmp_path / "wrong")})
    assert (found.delivered, found.again) == (False, False)
    assert found.status.startswith("SMTPAuthenticationError")
    assert "sesame" not in found.status


@pytest.mark.parametrize(("answer", "again"), [("451 later", True), ("554 never", False)])
def test_what_the_mail_server_says_tells_whether_to_try_again(post: Mailbox, answer: str, *, again: bool) -> None:
    post.answer = answer
    found = post.sent()
    assert (found.delivered, found.again) == (False, again)


def test_a_mail_server_nobody_vouches_for_is_shown_nothing(post: Mailbox) -> None:
    assert not post.sent(ca=None).delivered
    assert post.letters == []


def test_a_mail_server_that_is_not_there_is_a_value(unused: int) -> None:
    found = sent(
        {"kind": "email", "host": "127.0.0.1", "port": unused, "security": "none", "sender": "a@b.c", "to": ["d@e.f"]}
    )
    assert (found.delivered, found.again) == (False, True)


@pytest.fixture
def unused() -> int:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return server.server_port


class Service:
    """What stands for Apprise where the extra is not installed."""

    taken: list[tuple[str, str]] = []  # noqa: RUF012  # one for all

    def add(self, servers: str) -> bool:
        return servers.startswith("json://")

    def notify(self, body: str, title: str) -> bool:
        self.taken.append((title, body))
        return True


def test_a_chat_service_is_handed_title_and_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", SimpleNamespace(Apprise=Service))
    monkeypatch.setenv("CHAT", "json://127.0.0.1:9/")
    assert sent({"kind": "apprise", "url": {"env": "CHAT"}}).delivered
    assert Service.taken[0][0] == "[A] HIGH raised: nir_bad"


def test_without_the_extra_a_chat_service_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.setenv("CHAT", "json://127.0.0.1:9/")
    assert "steadyline[notify]" in sent({"kind": "apprise", "url": {"env": "CHAT"}}).status


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_apprise_itself_delivers_where_it_is_installed(monkeypatch: pytest.MonkeyPatch, listening: Listening) -> None:
    pytest.importorskip("apprise")
    monkeypatch.setenv("CHAT", f"json://127.0.0.1:{listening.port}/")
    assert sent({"kind": "apprise", "url": {"env": "CHAT"}}).delivered
    assert "nir_bad" in listening.asked[0][2].decode()
