"""Certificates: what ours say, whose are believed, and the verb that makes, shows, trusts and rejects them."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from controller.cli.app import status
from plant_io.ports import Refusal
from plant_io.security.certificates import Certificate, Wanted, create
from plant_io.security.expiry import DAY_S
from plant_io.security.secret import password
from plant_io.security.store import REJECTED, TRUSTED, Peer, Store
from policies import OpcUa, load, rebind, shipped

NOW = datetime.now(UTC).timestamp()
URI = "urn:test:plc"
SERVER, KEY = create(Wanted(URI, ("plc7", "10.0.0.7"), "PLC 7"), NOW)
PEER = Peer(SERVER, URI, "plc7")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "pki")
    for name in (TRUSTED, REJECTED):
        (store.folder / name).mkdir(parents=True)
    return store


def refused(store: Store, peer: Peer = PEER, now: float = NOW) -> str:
    with pytest.raises(Refusal) as caught:
        store.judge(peer, now)
    return str(caught.value)


def names(store: Store, folder: str) -> list[str]:
    return sorted(file.name for file in (store.folder / folder).iterdir())


def signed(
    issuer: str | None = None,
    key: rsa.RSAPrivateKey | None = None,
    *,
    authority: bool = False,
    uri: str | None = URI,
    public: object = None,
) -> Certificate:
    """A certificate signed by `key` in the name of `issuer`; by a key of its own where there is none."""
    key = key or rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or "Line 7")])
    owner = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer if authority and issuer else "PLC 8")])
    start = datetime.fromtimestamp(NOW - DAY_S, UTC)
    builder = x509.CertificateBuilder(name, owner, public or key.public_key(), 42, start, start + timedelta(days=30))  # type: ignore[arg-type]
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    if uri:
        names = [x509.UniformResourceIdentifier(uri), x509.DNSName("plc7")]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Certificate(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))


def test_our_certificate_is_what_opc_ua_asks_of_an_application() -> None:
    certificate = SERVER.parsed
    assert (SERVER.uris, SERVER.hosts, SERVER.bits, SERVER.authority) == ((URI,), ("plc7", "10.0.0.7"), 2048, False)
    assert certificate.signature_hash_algorithm is not None
    assert certificate.signature_hash_algorithm.name == "sha256"
    assert NOW + 1094 * DAY_S < SERVER.ends < NOW + 1096 * DAY_S
    options = CertificateValidatorOptions.EXT_VALIDATION | CertificateValidatorOptions.PEER_CLIENT
    client = ua.ApplicationDescription(ApplicationUri=URI, ApplicationType=ua.ApplicationType.Client)
    asyncio.run(CertificateValidator(options)(certificate, client))


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (Wanted(URI, (), bits=1024), "found a key of 1024 bits, expected one of 2048, 3072, 4096"),
        (Wanted(URI, (), days=0.0), "found a validity of 0 days, expected more than nothing"),
        (Wanted("plant 7", ()), "found the application URI 'plant 7', expected one such as urn:plant7:steadyline"),
    ],
)
def test_what_no_certificate_can_say_is_refused(wanted: Wanted, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        create(wanted, NOW)


def test_an_unknown_server_is_kept_among_the_rejected_and_the_sentence_says_how_to_trust_it(store: Store) -> None:
    file = store.folder / REJECTED / f"PLC_7-{SERVER.thumbprint[:8].lower()}.der"
    for _ in range(2):
        assert refused(store) == (
            f"the server's certificate (PLC 7, thumbprint {SERVER.thumbprint}) is not trusted; if the server shows the "
            f"same thumbprint, run: steadyline cert trust {file} --pki {store.folder}"
        )
    assert names(store, REJECTED) == [file.name]
    store.trust(file)
    assert store.judge(PEER, NOW) == ()
    assert (names(store, TRUSTED), names(store, REJECTED)) == ([file.name], [])
    store.reject(store.folder / TRUSTED / file.name)
    assert "is not trusted" in refused(store)
    assert (names(store, TRUSTED), names(store, REJECTED)) == ([], [file.name])


def test_a_trusted_certificate_must_still_be_right(store: Store) -> None:
    store.keep(SERVER, TRUSTED)
    day = datetime.fromtimestamp(SERVER.ends, UTC).date()
    assert refused(store, now=SERVER.ends) == (
        f"the server's certificate ended on {day}; have it renewed on the server"
    )
    assert "not valid yet; compare the clocks" in refused(store, now=NOW - 2 * DAY_S)
    assert refused(store, Peer(SERVER, "urn:other", "plc7")) == (
        "the server calls itself urn:other, but its certificate is for urn:test:plc; "
        "have one with its own application URI made on the server"
    )


def test_a_weak_or_foreign_key_is_refused(store: Store) -> None:
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505  # that is the point
    for key, bits in ((short, 1024), (ec.generate_private_key(ec.SECP256R1()), 0)):
        weak = signed(public=key.public_key())
        store.keep(weak, TRUSTED)
        assert f"an RSA key of {bits} bits, expected at least 2048" in refused(store, Peer(weak, URI, "plc7"))


def test_another_host_is_odd_for_a_server_that_is_known(store: Store) -> None:
    store.keep(SERVER, TRUSTED)
    note = "the server's certificate is for plc7, 10.0.0.7, not for 192.168.0.1"
    assert store.judge(Peer(SERVER, URI, "192.168.0.1"), NOW) == (note,)
    assert store.judge(Peer(SERVER, URI, "PLC7"), NOW) == ()


def test_an_authority_vouches_for_servers_it_has_signed_and_not_revoked(store: Store) -> None:
    key = rsa.generate_private_key(65537, 2048)
    authority, server = signed("Site CA", key, authority=True, uri=None), signed("Site CA", key)
    peer = Peer(server, URI, "plc7")
    store.keep(authority, TRUSTED)
    assert store.judge(peer, NOW) == ()
    assert "for plc7, not for plc9" in refused(store, Peer(server, URI, "plc9"))
    assert "is not trusted" in refused(store, Peer(signed("Site CA"), URI, "plc7"))
    start = datetime.fromtimestamp(NOW, UTC)
    revoked = x509.RevokedCertificateBuilder(42, start).build()
    site = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Site CA")])
    builder = x509.CertificateRevocationListBuilder(site, start, start + timedelta(days=9), [], [revoked])
    listed = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (store.folder / TRUSTED / "site.crl").write_bytes(listed)
    assert "is not trusted" in refused(store, peer)


def test_a_person_who_rejects_a_server_is_heard_before_an_authority(store: Store) -> None:
    key = rsa.generate_private_key(65537, 2048)
    server = signed("Site CA", key)
    store.keep(signed("Site CA", key, authority=True, uri=None), TRUSTED)
    store.keep(server, REJECTED)
    assert "is not trusted" in refused(store, Peer(server, URI, "plc7"))


def test_an_application_that_calls_itself_an_authority_vouches_for_nobody(store: Store) -> None:
    key = rsa.generate_private_key(65537, 2048)
    store.keep(signed("Site CA", key, authority=True), TRUSTED)
    assert "is not trusted" in refused(store, Peer(signed("Site CA", key), URI, "plc7"))


def test_a_file_that_is_no_certificate_is_named(store: Store) -> None:
    (store.folder / TRUSTED / "notes.pem").write_text("call Ana")
    assert (
        refused(store) == f"{store.folder / TRUSTED / 'notes.pem'}: this is no certificate, expected one in DER or PEM"
    )


def test_strangers_cannot_fill_the_disk(store: Store) -> None:
    for i in range(100):
        (store.folder / REJECTED / f"{i}.der").write_bytes(SERVER.data)
    assert "is full; clear it" in refused(store, Peer(signed(), URI, "plc7"))
    assert len(names(store, REJECTED)) == 100


def own(store: Store, now: float = NOW) -> str:
    with pytest.raises(Refusal) as caught:
        store.own(now)
    return str(caught.value)


def test_our_own_certificate_is_fit_for_use_or_the_sentence_says_what_to_do(store: Store) -> None:
    pki, file = store.folder, store.certificate
    assert own(store) == f"{file}: there is no such file; run: steadyline cert create --pki {pki}"
    store.make(Wanted("urn:test:us", ("here",), days=10.0), NOW)
    assert store.own(NOW).certificate.uris == ("urn:test:us",)
    ended = datetime.fromtimestamp(NOW + 10 * DAY_S, UTC).date()
    again = f"run: steadyline cert create --renew --pki {pki}"
    assert own(store, NOW + 11 * DAY_S) == f"our certificate {file} ended on {ended}; {again}"
    file.write_bytes(SERVER.data)
    assert own(store) == f"{file.with_suffix('.pem')}: the key does not belong to the certificate"
    file.with_suffix(".pem").write_bytes(b"nothing")
    assert own(store) == f"{file.with_suffix('.pem')}: this is no private key, expected one in PEM"


@pytest.mark.skipif(os.name != "posix", reason="rights of files as POSIX has them")
def test_a_key_that_others_may_read_is_not_used(store: Store) -> None:
    store.make(Wanted("urn:test:us", ("here",)), NOW)
    key = store.certificate.with_suffix(".pem")
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    assert own(store) == f"{key}: others may read it; run: chmod 600 {key}"


def test_a_password_comes_from_a_credential_or_a_private_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    file = store.folder / "own" / "plc"
    with pytest.raises(Refusal, match="there is no such file, expected one that holds the password"):
        password("plc", store.folder)
    file.parent.mkdir()
    file.write_bytes("geheim äöü\n".encode())
    with pytest.raises(Refusal, match="others may read it"):
        password("plc", store.folder)
    file.chmod(0o600)
    assert password("plc", store.folder) == "geheim äöü"
    credentials = store.folder / "credentials"
    credentials.mkdir()
    (credentials / "plc").write_text("other")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert password("plc", store.folder) == "other"
    (credentials / "plc").write_text("\n")
    with pytest.raises(Refusal, match="it is empty"):
        password("plc", store.folder)


def test_where_keys_lie_is_bound_by_the_site_and_no_part_of_what_was_approved() -> None:
    policy = load(shipped("A"))
    bound = rebind(policy, {}, "keys/of/plant7")
    line = bound.connections["line"]
    assert isinstance(line, OpcUa)
    assert (line.pki, bound.fingerprint) == ("keys/of/plant7", policy.fingerprint)
    assert bound.connections["feeders"] == policy.connections["feeders"]


def test_the_verb_makes_shows_trusts_and_rejects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pki = str(tmp_path / "pki")

    def cert(*arguments: str) -> tuple[int, dict[str, object]]:
        code = status(["cert", *arguments, "--pki", pki, "--json", "-"])
        found = capsys.readouterr().out
        return code, json.loads(found) if found else {}

    assert cert("show")[0] == 2
    code, made = cert("create", "--uri", "urn:test:us", "--host", "here", "--host", "10.0.0.1", "--bits", "3072")
    assert (code, made["uris"], made["hosts"], made["bits"]) == (0, ["urn:test:us"], ["here", "10.0.0.1"], 3072)
    assert cert("create")[0] == 2
    code, renewed = cert("create", "--renew", "--days", "20")
    assert (code, renewed["uris"], renewed["hosts"]) == (0, made["uris"], made["hosts"])
    assert renewed["sha256"] != made["sha256"]
    server = tmp_path / "plc.der"
    server.write_bytes(SERVER.data)
    code, trusted = cert("trust", str(server))
    assert (code, trusted["list"], trusted["thumbprint"]) == (0, TRUSTED, SERVER.thumbprint)
    code, shown = cert("show")
    listed = shown["certificates"]
    assert isinstance(listed, list)
    assert (code, [each["list"] for each in listed]) == (0, ["own", TRUSTED])
    code, rejected = cert("reject", str(trusted["file"]))
    assert (code, rejected["list"]) == (0, REJECTED)
    assert cert("trust", str(tmp_path / "none.der"))[0] == 2


def test_the_verb_says_what_ends_and_fails_on_what_has_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path)
    for days, code, mark in (
        (40.0, 0, ""),
        (20.0, 0, "NOTE "),
        (6.0, 0, "SOON "),
        (0.5, 0, "NOW "),
        (-1.0, 1, "ENDED "),
    ):
        store.make(Wanted("urn:test:us", ("here",), days=50.0), NOW + (days - 50.0) * DAY_S, renew=True)
        assert status(["cert", "show", "--pki", str(tmp_path)]) == code
        assert capsys.readouterr().err.startswith(f"{mark}{store.certificate} (own)\n")
    ended, _ = create(Wanted(URI, (), days=1.0), NOW - 3 * DAY_S)
    store.make(Wanted("urn:test:us", ("here",)), NOW, renew=True)
    store.keep(ended, REJECTED)
    assert status(["cert", "show", "--pki", str(tmp_path)]) == 0
    store.keep(ended, TRUSTED)
    assert status(["cert", "show", "--pki", str(tmp_path)]) == 1
