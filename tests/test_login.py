"""A token comes from an issuer of the site over TLS, once somebody said yes, and places an order."""

import asyncio
import json
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import pytest
from authorities import vouched
from stationed import NOW, OWN, spoken, station
from test_vouched import CLIENT, Site

from controller.cli.app import status
from controller.login import Login
from controller.trusting import trusted
from plant_io.clocks import SimClock
from policies.people import Right

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass
class Issuer:
    """An issuer on this machine."""

    ca: Path
    site: Site = field(default_factory=Site)
    url: str = ""
    calls: str = ""
    answers: list[dict[str, object]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)

    def got(self, path: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            places = ("device_authorization_endpoint", "token_endpoint", "jwks_uri")
            return {"issuer": self.calls or self.url, **{each: f"{self.url}/{each}" for each in places}}
        assert path == "/jwks_uri"
        return self.site.keys()

    def posted(self, path: str, said: dict[str, str]) -> dict[str, Any]:
        self.asked.append(said)
        if path == "/device_authorization_endpoint":
            told = {"device_code": "d", "user_code": "WDJB-MJHT", "verification_uri": f"{self.url}/device"}
            return told | {"interval": 2, "expires_in": 30}
        assert path == "/token_endpoint"
        return self.answers.pop(0)


@contextmanager
def served(issuer: Issuer, folder: Path) -> Iterator[Issuer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.give(issuer.got(self.path))

        def do_POST(self) -> None:
            said = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.give(issuer.posted(self.path, {key: value[0] for key, value in said.items()}))

        def give(self, found: dict[str, Any]) -> None:
            body = json.dumps(found).encode()
            self.send_response(400 if "error" in found else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    authority, certificate, key = vouched("127.0.0.1")
    for name, content in (("ca.pem", authority), ("cert.pem", certificate), ("key.pem", key)):
        (folder / name).write_bytes(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    issuer.url, issuer.ca = f"https://127.0.0.1:{server.server_port}", folder / "ca.pem"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    with served(Issuer(tmp_path), tmp_path) as found:
        yield found


PENDING: dict[str, object] = {"error": "authorization_pending"}


def test_a_token_comes_once_somebody_has_said_yes_and_waits_grow_where_that_is_asked(issuer: Issuer) -> None:
    issuer.answers = [PENDING, {"error": "slow_down"}, PENDING, {"id_token": "the token", "access_token": "x"}]
    clock, said = SimClock(0.0), list[str]()
    assert asyncio.run(Login(issuer.url, issuer.ca).token(CLIENT, clock, said.append)) == "the token"
    assert said == [f"open {issuer.url}/device and enter WDJB-MJHT"]
    assert clock.now() == 2.0 + 2.0 + 7.0 + 7.0
    assert issuer.asked[0] == {"client_id": CLIENT, "scope": "openid profile"}
    assert issuer.asked[-1] == {"grant_type": GRANT, "device_code": "d", "client_id": CLIENT}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([PENDING, {"error": "access_denied"}], "access_denied"),
        ([{"access_token": "x"}], "it gave no ID token"),
        ([PENDING] * 20, "nobody said yes in time"),
    ],
)
def test_where_nobody_says_yes_there_is_no_token(issuer: Issuer, answers: list[dict[str, object]], said: str) -> None:
    issuer.answers = answers
    with pytest.raises(ValueError, match=said):
        asyncio.run(Login(issuer.url, issuer.ca).token(CLIENT, SimClock(0.0), lambda _: None))


def test_an_issuer_is_believed_only_as_the_one_it_was_named_and_over_tls(issuer: Issuer, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_bytes(vouched("127.0.0.1", "another")[0])
    with pytest.raises(ValueError, match=r"(?i)certificate"):
        asyncio.run(Login(issuer.url, tmp_path / "other.pem").keys())
    with pytest.raises(ValueError, match="wanted one that begins with https"):
        asyncio.run(Login(issuer.url.replace("https", "http")).keys())
    issuer.calls = "https://elsewhere.example"
    with pytest.raises(ValueError, match=r"it calls itself 'https://elsewhere\.example'"):
        asyncio.run(Login(issuer.url, issuer.ca).keys())


def test_from_trusting_an_issuer_to_an_order_nothing_but_verbs_is_needed(
    issuer: Issuer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people, asked = station(tmp_path), spoken(OWN)
    where = ["--people", str(people.directory), "--ca", str(issuer.ca)]
    words = ["--client", CLIENT, "--map", "line-operators=operator", "--as", "chief", "--why", "the site has one"]
    assert status(["user", "issuer", issuer.url, *words, *where, "--password-fd", str(asked)]) == 0
    os.close(asked)
    found = trusted(people)
    assert found is not None
    assert len(found.keys) == 2
    issuer.answers = [{"id_token": issuer.site.token(iss=issuer.url)}]
    capsys.readouterr()
    assert status(["user", "token", *where]) == 0
    token = capsys.readouterr().out.strip()
    assert people.allowed("olaf", token, Right.LEAD, NOW).user.printed == "Olaf Operator"


def test_without_an_issuer_there_is_no_token_to_be_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = station(tmp_path)
    assert status(["user", "token", "--people", str(people.directory)]) == 2
    assert "no issuer is believed here" in capsys.readouterr().err
