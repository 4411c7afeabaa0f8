"""People whom an OpenID Connect issuer of the site vouches for: an ID token in the place of a password.

What is believed is declared by an administrator and stands in the chain of the users: the issuer, for which client it
must speak, its public keys, and which of its words make which role. Nothing is fetched while somebody waits.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from controller.records.audit import AUTOMATIC
from policies.people import Right, Role, may

RIGHTS = frozenset(
    {
        Right.RELEASE, Right.LEAD, Right.ADJUST, Right.ATTEND, Right.SHELVE, Right.DISABLE, Right.ADOPT, Right.FOLLOW,
        Right.START,
    }
)  # fmt: skip
"""What a token is enough for: orders. Whoever signs or administers users has a password and a key at this station."""
OLDEST_S = 300.0
"""How old a token may be, so that each act asks for a fresh one [s]."""
LEEWAY_S = 30.0
"""How far the clock of the issuer may be from ours [s]."""
_LONGEST = 16_384
_TOKEN = re.compile(r"eyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{40,}")
_P256, _FEWEST_BITS = 32, 2048
_HTTPS = "https://"


@dataclass(frozen=True, slots=True)
class Vouched:
    """Somebody whom an issuer vouches for."""

    name: str
    """Name by which they are known here."""
    printed: str
    """Name as it is printed."""
    role: Role
    """What they are here to do."""
    subject: str
    """Who they are to the issuer, for good."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens are believed, and what they make of somebody."""

    url: str
    """Identifier of the issuer, as its tokens give it."""
    client: str
    """Identifier of this station with the issuer."""
    keys: tuple[Mapping[str, str], ...]
    """Its public keys, as JSON Web Keys (RFC 7517)."""
    role_claim: str
    """Claim that holds the words that make a role."""
    roles: Mapping[str, Role]
    """Role by word."""
    name_claim: str = "preferred_username"
    """Claim that holds the name by which somebody is known here."""

    def plain(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "url": self.url,
            "client": self.client,
            "keys": [dict(key) for key in self.keys],
            "role_claim": self.role_claim,
            "roles": {word: role.value for word, role in self.roles.items()},
            "name_claim": self.name_claim,
        }

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Issuer:
        """Return the issuer in plain values.

        Raises
        ------
        ValueError
            If they make none that may be believed.
        """
        url, keys = str(said["url"]), tuple(_public(key) for key in said["keys"])
        if not url.startswith(_HTTPS):
            raise ValueError(f"found the issuer {url!r}, wanted one that begins with {_HTTPS}")
        if not keys:
            raise ValueError("found no public key for ES256 or RS256, wanted one at least")
        if not said["roles"]:
            raise ValueError("found no word that makes a role, wanted one at least")
        roles = {str(word): Role(role) for word, role in said["roles"].items()}
        return cls(url, str(said["client"]), keys, str(said["role_claim"]), roles, str(said["name_claim"]))

    def vouches(self, token: str, now: float, nonce: str | None = None) -> Vouched:
        """Return whom a token speaks of.

        Parameters
        ----------
        token
            ID token, signed by RS256 or ES256 (OpenID Connect Core 1.0, section 3.1.3.7).
        now
            Present, POSIX time [s].
        nonce
            What was asked to be in it; None where nothing was.

        Raises
        ------
        ValueError
            If it may not be believed, or makes no role; the message says why.
        """
        claims = self._signed(token)
        self._meant(claims, now, nonce)
        words = claims.get(self.role_claim, [])
        found = {self.roles[word] for word in _texts(words) if word in self.roles}
        if len(found) != 1:
            raise ValueError(f"its {self.role_claim} make {len(found)} roles here, wanted one")
        name, subject = claims.get(self.name_claim), claims.get("sub")
        if not isinstance(name, str) or not isinstance(subject, str) or not subject:
            raise ValueError(f"it does not say who it speaks of, wanted sub and {self.name_claim}")
        if name.lower() in AUTOMATIC:
            raise ValueError(f"it speaks of {name!r}, under which name the controller itself acts")
        printed = claims.get("name")
        return Vouched(name.lower(), printed if isinstance(printed, str) else name, found.pop(), subject)

    def _signed(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token that is signed by a key of this issuer."""
        if len(token) > _LONGEST or not _TOKEN.fullmatch(token):
            raise ValueError("it is no token")
        head, body, signature = token.split(".")
        said = _object(head)
        if said.get("alg") not in _FITS or "crit" in said:
            raise ValueError(f"it is signed by {said.get('alg')!r}, wanted one of {', '.join(_FITS)}")
        known = [key for key in self.keys if key["alg"] == said["alg"] and said.get("kid") in {None, key["kid"]}]
        if len(known) != 1:
            raise ValueError("it is signed by a key of the issuer that is not known here")
        try:
            _FITS[said["alg"]](known[0], f"{head}.{body}".encode(), _bytes(signature))
        except InvalidSignature:
            raise ValueError("its signature is wrong") from None
        return _object(body)

    def _meant(self, claims: Mapping[str, Any], now: float, nonce: str | None) -> None:
        """See that a token is meant for this station, now."""
        audience, party = _texts(claims.get("aud", [])), claims.get("azp")
        if claims.get("iss") != self.url:
            raise ValueError("it is of another issuer")
        if self.client not in audience or (len(audience) > 1 and party is None) or party not in {None, self.client}:
            raise ValueError("it is meant for somebody else")
        ends, begins, since = (claims.get(key, now) for key in ("exp", "iat", "nbf"))
        if "exp" not in claims or "iat" not in claims or not all(_number(each) for each in (ends, begins, since)):
            raise ValueError("it does not say from when to when it holds")
        if not max(begins, since) - LEEWAY_S <= now < ends + LEEWAY_S:
            raise ValueError("it does not hold now")
        if now - begins > OLDEST_S + LEEWAY_S:
            raise ValueError(f"it is older than {OLDEST_S:g} s, wanted a fresh one")
        if nonce is not None and claims.get("nonce") != nonce:
            raise ValueError("it answers another question")


def token_like(password: str) -> bool:
    """Return whether what was given for a password has the form of a signed token."""
    return _TOKEN.fullmatch(password) is not None


def permitted(found: Vouched, right: Right) -> str:
    """Return why somebody may not do something with a token; empty where they may."""
    if right not in RIGHTS:
        return f"nobody may {right.value} with a token, wanted a user of this station and the password"
    return "" if may(found.role, right) else f"the role {found.role.value} may not {right.value}"


def _rsa(key: Mapping[str, str], text: bytes, signature: bytes) -> None:
    public = rsa.RSAPublicNumbers(_integer(key["e"]), _integer(key["n"])).public_key()
    public.verify(signature, text, padding.PKCS1v15(), SHA256())


def _ec(key: Mapping[str, str], text: bytes, signature: bytes) -> None:
    if len(signature) != 2 * _P256:
        raise InvalidSignature
    pair = (int.from_bytes(part, "big") for part in (signature[:_P256], signature[_P256:]))
    public = ec.EllipticCurvePublicNumbers(_integer(key["x"]), _integer(key["y"]), ec.SECP256R1()).public_key()
    public.verify(encode_dss_signature(*pair), text, ec.ECDSA(SHA256()))


_FITS = {"RS256": _rsa, "ES256": _ec}
_PARTS = {"RS256": ("e", "n"), "ES256": ("x", "y")}


def usable(keys: object) -> list[dict[str, str]]:
    """Return the public keys of a JSON Web Key Set that sign by RS256 or ES256, and nothing else of it.

    Raises
    ------
    ValueError
        If it is no such set, or one of them is too weak.
    """
    try:
        listed = cast("list[dict[str, Any]]", cast("dict[str, Any]", keys)["keys"])
        signing = [key for key in listed if key.get("use", "sig") == "sig" and _algorithm(key) is not None]
        return [_public({**key, "alg": str(_algorithm(key)), "kid": str(key.get("kid", ""))}) for key in signing]
    except (KeyError, TypeError, AttributeError):
        raise ValueError("this is no set of JSON Web Keys, as jwks_uri of the issuer gives it") from None


def _algorithm(key: Mapping[str, Any]) -> str | None:
    kinds = {("RSA", None): "RS256", ("EC", "P-256"): "ES256"}
    found = kinds.get((str(key.get("kty")), key.get("crv")))
    return found if key.get("alg") in {None, found} else None


def _public(key: Mapping[str, Any]) -> dict[str, str]:
    """Return what counts of a public key, after it was seen to be one."""
    names = _PARTS[str(key["alg"])]
    found = {name: str(key[name]) for name in ("alg", "kid", *names)}
    if key["alg"] == "RS256" and _integer(found["n"]).bit_length() < _FEWEST_BITS:
        raise ValueError(f"found a key of {_integer(found['n']).bit_length()} bits, wanted {_FEWEST_BITS}")
    if key["alg"] == "ES256":
        ec.EllipticCurvePublicNumbers(_integer(found["x"]), _integer(found["y"]), ec.SECP256R1()).public_key()
    return found


def _object(part: str) -> dict[str, Any]:
    try:
        found: object = json.loads(_bytes(part))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError("it is no token")  # noqa: TRY004  # it is what a text holds
    return cast("dict[str, Any]", found)


def _bytes(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _integer(part: str) -> int:
    return int.from_bytes(_bytes(part), "big")


def _texts(value: object) -> list[str]:
    listed = cast("list[object]", value) if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, str)]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
