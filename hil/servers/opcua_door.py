"""Who a simulated OPC UA server lets in: trusted applications, over an encrypted channel, as known users (asyncua)."""

from __future__ import annotations

import hmac
import logging
import socket
from contextlib import suppress
from pathlib import Path
from typing import Protocol, cast

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from asyncua.server.server import Server
from asyncua.ua.status_codes import StatusCodes
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from plant_io.clocks import WallClock
from plant_io.security.certificates import Certificate, Wanted
from plant_io.security.store import REJECTED, TRUSTED, Store

# A client that is not let in is told why, and its certificate kept; a trace in the log says no more.
for _name in ("asyncua", "asyncuagds"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

USERS = "users"
"""Folder of the users: a file NAME holds the password of that user, a file NAME.der the certificate of another."""
_SECURED = [kind for kind in ua.SecurityPolicyType if kind.name.startswith(("Basic256Sha256", "Aes"))]
_CHECKED = CertificateValidatorOptions.TRUSTED_VALIDATION | CertificateValidatorOptions.PEER_CLIENT


class _Client(Protocol):
    """What a client says of itself; the library's own class is too large for type checkers."""

    ApplicationUri: str


class Door:
    """Certificate, trust list and users of one server, in a folder like that of the controller.

    Parameters
    ----------
    folder
        Folder of the certificates; one of the server's own is made if it has none.
    uri
        Application URI of the server.
    """

    def __init__(self, folder: Path, uri: str) -> None:
        self._store = Store(folder)
        self._users = folder / USERS
        self._uri = uri

    async def fit(self, server: Server) -> None:
        """Give a server that has been initialised its certificate, and let it speak to trusted clients only.

        Raises
        ------
        OSError
            If the certificate can be neither read nor made.
        """
        now = WallClock().now()
        if not self._store.certificate.exists():
            hosts = ("localhost", "127.0.0.1", socket.gethostname())
            self._store.make(Wanted(self._uri, hosts, "Simulated PLC"), now)
        own = self._store.pair("steadyline.der", "steadyline.pem")
        await server.set_application_uri(self._uri)
        await server.load_certificate(own.certificate.data)
        await server.load_private_key(own.key)
        server.set_security_policy(_SECURED)
        known = [ua.UserNameIdentityToken, ua.X509IdentityToken]
        server.set_identity_tokens(known if self._closed else [ua.AnonymousIdentityToken])
        server.iserver.certificate_validator = self.judge

    async def judge(self, certificate: x509.Certificate, client: _Client) -> None:
        """Refuse a client that is not trusted; its certificate is kept among the rejected.

        Raises
        ------
        ServiceError
            If the certificate is out of date, for another application, or not trusted.
        """
        trusted = TrustStore([self._store.folder / TRUSTED], [])
        with suppress(ValueError):  # an empty list is none to the library, and then nobody is trusted
            await trusted.load_trust()
        try:
            await CertificateValidator(_CHECKED, trusted)(certificate, cast("ua.ApplicationDescription", client))
        except ServiceError as refusal:
            if refusal.code == StatusCodes.BadCertificateUntrusted:
                self._store.keep(Certificate(certificate.public_bytes(Encoding.DER)), REJECTED)
            raise

    def get_user(
        self,
        iserver: object,  # noqa: ARG002  # the library's own words, as below
        username: str | None = None,
        password: str | None = None,
        certificate: bytes | None = None,
    ) -> User | None:
        """Return the user a client is, or None to refuse it; the library asks."""
        # Without a certificate the channel is plain, which the library lets pass although no such endpoint is offered.
        if not certificate or not self._known(username, password, certificate):
            return None
        return User(role=UserRole.User, name=username)

    def _known(self, username: str | None, password: str | None, certificate: bytes) -> bool:
        if not self._closed:
            return True
        if username is None:
            return any(file.read_bytes() == certificate for file in self._users.glob("*.der"))
        file = self._users / Path(username).name
        wanted = file.read_bytes().removesuffix(b"\n") if file.is_file() else b""
        return bool(wanted) and hmac.compare_digest(wanted, (password or "").encode())

    @property
    def _closed(self) -> bool:
        """Whether only known users are let in."""
        return self._users.is_dir() and any(self._users.iterdir())
