"""A token of the issuer that is trusted stands for a password in orders; whatever is odd about it is denied."""

import json
import os
import shutil
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from stationed import NOW, OWN, spoken, station

from controller.cli.app import status
from controller.people import Denied, People
from controller.records.verify import verify
from controller.trusting import trust, trusted
from controller.vouched import OLDEST_S, Issuer, token_like, usable
from policies.people import Right, Role

URL, CLIENT = "https://login.site.example/realms/plant", "steadyline-line-a"


def text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def number(value: int) -> str:
    return text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Site:
    """An issuer of the site, with a key of each kind."""

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())

    def keys(self) -> dict[str, Any]:
        """Return its public keys as its jwks_uri gives them, with some that do not matter here."""
        one, two = self.rsa.public_key().public_numbers(), self.ec.public_key().public_numbers()
        return {
            "keys": [
                {"kty": "RSA", "kid": "r", "use": "sig", "alg": "RS256", "n": number(one.n), "e": number(one.e)},
                {"kty": "EC", "kid": "e", "crv": "P-256", "x": number(two.x), "y": number(two.y)},
                {"kty": "RSA", "kid": "c", "use": "enc", "n": number(one.n), "e": number(one.e)},
                {"kty": "OKP", "kid": "o", "crv": "Ed25519", "x": "AA"},
            ]
        }

    def token(self, kind: str = "RS256", head: dict[str, object] | None = None, **claims: object) -> str:
        """Return a token; claims that are None are left out."""
        said = {
            "iss": URL, "aud": CLIENT, "sub": "8f1c", "iat": NOW - 5.0, "exp": NOW + 300.0,
            "preferred_username": "olaf", "name": "Olaf Operator", "groups": ["staff", "line-operators"],
        } | claims  # fmt: skip
        said = {key: value for key, value in said.items() if value is not None}
        first = {"alg": kind, "kid": "r" if kind == "RS256" else "e", "typ": "JWT"} | (head or {})
        body = f"{text(json.dumps(first).encode())}.{text(json.dumps(said).encode())}"
        if kind == "RS256":
            return f"{body}.{text(self.rsa.sign(body.encode(), padding.PKCS1v15(), SHA256()))}"
        r, s = decode_dss_signature(self.ec.sign(body.encode(), ec.ECDSA(SHA256())))
        return f"{body}.{text(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@lru_cache(1)
def site() -> Site:
    return Site()


def issuer() -> Issuer:
    words = {"line-operators": "operator", "process-engineering": "engineer", "quality": "qa", "keepers": "admin"}
    said = {"url": URL, "client": CLIENT, "role_claim": "groups", "roles": words, "name_claim": "preferred_username"}
    return Issuer.read({**said, "keys": usable(site().keys())})


@pytest.fixture
def people(tmp_path: Path) -> People:
    found = station(tmp_path)
    trust(found, found.allowed("chief", OWN, Right.ADMINISTER, NOW), issuer(), "the site has one", NOW)
    return found


@pytest.mark.parametrize("kind", ["RS256", "ES256"])
def test_somebody_the_issuer_vouches_for_places_orders_with_a_token(people: People, kind: str) -> None:
    token = site().token(kind)
    assert token_like(token)
    for right in (Right.START, Right.LEAD, Right.RELEASE):
        found = people.allowed("olaf", token, right, NOW).user
        assert (found.name, found.printed, found.role) == ("olaf", "Olaf Operator", Role.OPERATOR)


ODD: dict[str, tuple[Callable[[], str], str]] = {
    "another issuer": (lambda: site().token(iss="https://elsewhere.example"), "of another issuer"),
    "for somebody else": (lambda: site().token(aud="console"), "meant for somebody else"),
    "for two without saying who asked": (lambda: site().token(aud=[CLIENT, "console"]), "meant for somebody else"),
    "asked for by another": (lambda: site().token(aud=[CLIENT], azp="console"), "meant for somebody else"),
    "over": (lambda: site().token(exp=NOW - 31.0), "does not hold now"),
    "not yet": (lambda: site().token(iat=NOW + 31.0), "does not hold now"),
    "not before": (lambda: site().token(nbf=NOW + 31.0), "does not hold now"),
    "old": (lambda: site().token(iat=NOW - OLDEST_S - 31.0), "wanted a fresh one"),
    "without an end": (lambda: site().token(exp=None), "from when to when"),
    "without a begin": (lambda: site().token(iat=None), "from when to when"),
    "a word for a time": (lambda: site().token(exp="later"), "from when to when"),
    "no number for a time": (lambda: site().token(exp=float("nan")), "does not hold now"),
    "no role": (lambda: site().token(groups=["staff"]), "make 0 roles"),
    "no groups": (lambda: site().token(groups=None), "make 0 roles"),
    "two roles": (lambda: site().token(groups=["line-operators", "quality"]), "make 2 roles"),
    "nobody": (lambda: site().token(sub=None), "does not say who"),
    "no name": (lambda: site().token(preferred_username=None), "does not say who"),
    "the name of the controller": (lambda: site().token(preferred_username="System"), "the controller itself acts"),
    "another name": (lambda: site().token(preferred_username="otto"), "speaks of somebody else"),
    "unsigned": (lambda: site().token(head={"alg": "none"}), "signed by 'none'"),
    "a secret for a key": (lambda: site().token(head={"alg": "HS256"}), "signed by 'HS256'"),
    "the other algorithm": (lambda: site().token("ES256", head={"alg": "RS256", "kid": "r"}), "signature is wrong"),
    "an unknown key": (lambda: site().token(head={"kid": "new"}), "key of the issuer that is not known"),
    "words that must be understood": (lambda: site().token(head={"crit": ["b64"]}), "signed by"),
    "a key of another": (lambda: Site().token(), "signature is wrong"),
    "changed": (lambda: site().token(groups=["quality"]).split(".")[1].join(
        [site().token().split(".")[0] + ".", "." + site().token().split(".")[2]]), "signature is wrong"),
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_a_token_with_anything_odd_is_denied_and_that_is_kept(people: People, odd: str) -> None:
    make, said = ODD[odd]
    with pytest.raises(Denied, match=said):
        people.allowed("olaf", make(), Right.RELEASE, NOW)
    last = people.ledger.deeds()[-1]
    assert (last["kind"], last["who"], last["exception"]) == ("denied", "olaf", True)
    assert said in last["why"]


def test_a_nonce_that_was_asked_for_must_come_back() -> None:
    assert issuer().vouches(site().token(nonce="n1"), NOW, "n1").name == "olaf"
    for token in (site().token(nonce="n2"), site().token()):
        with pytest.raises(ValueError, match="answers another question"):
            issuer().vouches(token, NOW, "n1")


@pytest.mark.parametrize(
    ("group", "right", "said"),
    [
        ("line-operators", Right.ADOPT, "the role operator may not adopt a policy"),
        ("process-engineering", Right.ADOPT, ""),
        ("process-engineering", Right.AUTHORSHIP, "nobody may sign as author with a token"),
        ("quality", Right.APPROVAL, "nobody may sign as approver with a token"),
        ("quality", Right.JUDGE, "nobody may judge cases with a token"),
        ("quality", Right.START, "the role qa may not start a run"),
        ("keepers", Right.ADMINISTER, "nobody may administer users with a token"),
    ],
)
def test_a_token_is_enough_for_orders_of_its_role_and_for_nothing_that_is_signed(
    people: People, group: str, right: Right, said: str
) -> None:
    token = site().token(groups=group)
    if not said:
        assert people.allowed("olaf", token, right, NOW).user.role is Role.ENGINEER
        return
    with pytest.raises(Denied, match=said):
        people.allowed("olaf", token, right, NOW)


def test_a_token_never_speaks_for_a_user_who_has_a_password_here(people: People) -> None:
    with pytest.raises(Denied, match="a user of this station has this name"):
        people.allowed("olga", site().token(preferred_username="Olga"), Right.RELEASE, NOW)


def test_without_an_issuer_a_token_is_a_wrong_password(tmp_path: Path) -> None:
    with pytest.raises(Denied, match="the name or the password is wrong"):
        station(tmp_path).allowed("olga", site().token(preferred_username="olga"), Right.RELEASE, NOW)


def test_only_an_administrator_makes_an_issuer_believed_and_it_is_in_the_chain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people, keys = station(tmp_path), tmp_path / "keys.json"
    keys.write_text(json.dumps(site().keys()))
    words = ["user", "issuer", URL, "--client", CLIENT, "--keys", str(keys), "--map", "line-operators=operator"]
    where = ["--people", str(people.directory), "--pki", str(tmp_path / "pki")]
    for who, code in (("eli", 2), ("chief", 0)):
        asked = spoken(OWN)
        more = ["--as", who, "--why", "the site has one", "--password-fd", str(asked)]
        assert status([*words, *where, *more]) == code
        os.close(asked)
    said = capsys.readouterr().err
    assert "the role engineer may not administer users" in said
    found = trusted(people)
    assert found is not None
    assert (found.url, found.roles, len(found.keys)) == (URL, {"line-operators": Role.OPERATOR}, 2)
    assert verify(people.directory).broken is None
    asked = spoken(OWN)
    more = ["--as", "chief", "--why", "it was given up", "--password-fd", str(asked)]
    assert status(["user", "issuer", "none", *where, *more]) == 0
    os.close(asked)
    assert trusted(people) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": "http://login.site.example"}, "wanted one that begins with https://"),
        ({"roles": {}}, "found no word that makes a role"),
        ({"keys": []}, "found no public key"),
    ],
)
def test_an_issuer_that_could_not_be_believed_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Issuer.read({**issuer().plain(), **change})


def test_weak_keys_and_rubbish_are_refused() -> None:
    weak = rsa.generate_private_key(65537, 1024).public_key().public_numbers()  # noqa: S505  # that it is refused
    with pytest.raises(ValueError, match="found a key of 1024 bits, wanted 2048"):
        usable({"keys": [{"kty": "RSA", "n": number(weak.n), "e": number(weak.e)}]})
    for rubbish in ([], {}, {"keys": [1]}, "text"):
        with pytest.raises(ValueError, match="no set of JSON Web Keys"):
            usable(rubbish)


def test_an_issuer_comes_back_from_the_chain_as_it_was(people: People, tmp_path: Path) -> None:
    assert trusted(people) == issuer()
    shutil.copytree(people.directory, tmp_path / "copy")
    assert trusted(People(tmp_path / "copy")) == issuer()
