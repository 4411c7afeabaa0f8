"""How a client is let in by an OPC UA server, and how it lets the server in: security, trust, users (asyncua)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import cast
from urllib.parse import urlparse

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import security_policies, uacrypto

from plant_io.drivers.asking import asked
from plant_io.drivers.opcua_words import Offer
from plant_io.ports import Refusal
from plant_io.security.certificates import Certificate
from plant_io.security.secret import password
from plant_io.security.store import Pair, Peer, Store
from policies import CertificateUser, OpcUa, PasswordUser

# The link supervisor says once what asyncua would say, with a trace, at every attempt.
logging.getLogger("asyncua").setLevel(logging.CRITICAL)

_POLICIES: Mapping[str, type[security_policies.SecurityPolicy]] = MappingProxyType(
    {
        "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
        "Aes128Sha256RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
        "Aes256Sha256RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
    }
)
_PAUSE_S = 30.0  # servers lock an account after a few wrong passwords
_RENEW = "run: steadyline cert create --renew --pki {pki}"
_OURS: Mapping[str, str] = MappingProxyType(
    {
        "BadCertificateUntrusted": "the server does not trust our certificate; put {file} on its trust list",
        "BadSecurityChecksFailed": "the server does not accept our certificate; put {file} on its trust list",
        "BadCertificateTimeInvalid": "the server finds our certificate {file} out of date; "
        "compare the clocks of the server and of this machine, or " + _RENEW,
        "BadCertificateUriInvalid": "the server finds that our certificate {file} is for another application; "
        + _RENEW,
        "BadCertificateUseNotAllowed": "the server wants another use of keys in our certificate {file}; " + _RENEW,
        "BadCertificateRevoked": "the server finds our certificate {file} revoked; " + _RENEW,
        "BadCertificateInvalid": "the server cannot use our certificate {file}; " + _RENEW,
        # A ServiceFault in place of a channel, as node-opcua sends it, fails an assertion of asyncua.
        "AssertionError": "the server opens no channel with our certificate; put {file} on its trust list",
    }
)
_WHO = ("BadUserAccessDenied", "BadIdentityTokenRejected", "BadIdentityTokenInvalid", "BadUserSignatureInvalid")


@dataclass(frozen=True, slots=True)
class Admission:
    """What a connection rests on."""

    notes: tuple[str, ...] = ()
    """What is odd about the server, one sentence each."""
    ends: Mapping[str, float] = field(default_factory=dict[str, float])
    """When each certificate ends, POSIX time [s], by what it is."""


def check(server: OpcUa) -> None:
    """Refuse what would send a password without encryption; the loader of policies has refused it before.

    Raises
    ------
    ValueError
        If it would.
    """
    sealed = server.security != "None" and server.mode == "SignAndEncrypt"
    if isinstance(server.user, PasswordUser) and not sealed:
        raise ValueError("found a user with a password, expected security with mode: SignAndEncrypt")
    if isinstance(server.user, CertificateUser) and server.security == "None":
        raise ValueError("found a user with a certificate, expected security other than None")


async def admit(client: Client, server: OpcUa, now: float) -> Admission:
    """Make `client` ready to connect as the policy wants it, and judge the server before anything is entrusted to it.

    Parameters
    ----------
    client
        Client that is not connected.
    server
        What the policy says of the connection.
    now
        Present, POSIX time [s].

    Raises
    ------
    Refusal
        If a person must put something right first.
    OSError
        If the server cannot be reached.
    """
    if server.security == "None":
        return Admission()
    store = Store(Path(server.pki))
    own = store.own(now)
    user = _user(server, store)
    peer = await _met(client, server)
    try:
        notes = store.judge(peer, now)
    except ValueError as error:
        raise Refusal(f"the server's certificate cannot be read: {error}") from error
    client.application_uri = own.certificate.uris[0]
    await client.set_security(
        _POLICIES[server.security],
        own.certificate.data,
        own.key,
        server_certificate=peer.certificate.data,
        mode=ua.MessageSecurityMode[server.mode],
    )
    ends = {f"our certificate {own.file}": own.certificate.ends, "the server's certificate": peer.certificate.ends}
    if isinstance(user, Pair):
        client.user_certificate = await uacrypto.load_certificate(user.certificate.data)
        client.user_private_key = await uacrypto.load_private_key(user.key)
        ends[f"the certificate of our user {user.file}"] = user.certificate.ends
    elif isinstance(server.user, PasswordUser):
        client.set_user(server.user.name)
        client.set_password(user)
    return Admission(notes, ends)


def meaning(server: OpcUa, trouble: Exception) -> OSError:
    """Return what trouble with a server means, in a sentence that says what to do where a person must act."""
    name = type(trouble).__name__
    if name in _OURS and server.security != "None":
        return Refusal(_OURS[name].format(file=Store(Path(server.pki)).certificate, pki=server.pki))
    if name in _WHO:
        return _stranger(server)
    if name == "UaError" and "No matching endpoints" in str(trouble):
        return Refusal(f"the server does not offer security: {server.security}")
    if name == "BadTooManySessions":
        return ConnectionError("the server has no session left; sessions that were lost end by themselves")
    return ConnectionError(f"{name}: {trouble}")


def _stranger(server: OpcUa) -> Refusal:
    match server.user:
        case PasswordUser(name=user):
            return Refusal(f"the server refuses the user {user} or the password", _PAUSE_S)
        case CertificateUser(certificate=file):
            return Refusal(f"the server refuses the user with the certificate {file}", _PAUSE_S)
        case None:
            return Refusal("the server takes no anonymous users; name one with user:")


def _user(server: OpcUa, store: Store) -> Pair | str:
    match server.user:
        case PasswordUser(password_from=name):
            return password(name, store.folder)
        case CertificateUser(certificate=certificate, key=key):
            return store.pair(certificate, key)
        case None:
            return ""


async def _met(client: Client, server: OpcUa) -> Peer:
    """Ask the server, still in the open, how it may be spoken to and who it says it is."""
    found = await asked(client.connect_and_get_server_endpoints, partial(meaning, server))
    offers = cast("list[Offer]", found)
    uri, mode = _POLICIES[server.security].URI, ua.MessageSecurityMode[server.mode]
    for offer in offers:
        if (offer.SecurityPolicyUri, offer.SecurityMode) == (uri, mode) and offer.ServerCertificate:
            return _peer(offer.ServerCertificate, offer.Server.ApplicationUri or "", server)
    known = sorted(
        {f"{str(o.SecurityPolicyUri).rpartition('#')[2]} with {o.SecurityMode.name.strip('_')}" for o in offers}
    )
    raise Refusal(f"the server offers no {server.security} with {server.mode}; it offers {', '.join(known)}")


def _peer(chain: bytes, uri: str, server: OpcUa) -> Peer:
    # The server's own comes first; the length of a DER sequence of this size stands in its third and fourth byte.
    first = chain[: 4 + int.from_bytes(chain[2:4], "big")]
    try:
        certificate = Certificate.read(first)
    except ValueError as error:
        raise Refusal(f"the server's certificate cannot be read: {error}") from error
    return Peer(certificate, uri, urlparse(server.endpoint).hostname or "")
