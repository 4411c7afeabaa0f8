"""Which applications an OPC UA server of ours lets in: trusted ones, over an encrypted channel (asyncua)."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, cast

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from asyncua.server.server import Server
from asyncua.ua.status_codes import StatusCodes
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from plant_io.clocks import WallClock
from plant_io.security.certificates import Certificate, Wanted, load
from plant_io.security.store import REJECTED, TRUSTED, Store

# A client that is not let in is told why, and its certificate kept; a trace in the log says no more.
for _name in ("asyncua", "asyncuagds"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

SECURED = tuple(kind for kind in ua.SecurityPolicyType if kind.name.startswith(("Basic256Sha256", "Aes")))
"""Policies that sign, or sign and encrypt."""
_CHECKED = CertificateValidatorOptions.TRUSTED_VALIDATION | CertificateValidatorOptions.PEER_CLIENT


class _Client(Protocol):
    """What a client says of itself; the library's own class is too large for type checkers."""

    ApplicationUri: str


def own_uri(folder: Path, otherwise: str) -> str:
    """Return the application URI that the certificate in a folder names.

    Parameters
    ----------
    folder
        Folder of the certificates.
    otherwise
        What it is where there is no certificate yet.

    Raises
    ------
    OSError
        If the certificate cannot be read.
    """
    file = Store(folder).certificate
    return next(iter(load(file).uris), otherwise) if file.exists() else otherwise


class Admission:
    """Certificate and trust list of one server, in a folder like that of the controller.

    Parameters
    ----------
    folder
        Folder of the certificates; one of the server's own is made if it has none.
    uri
        Application URI of the server.
    subject
        Common name of a certificate that is made.
    """

    def __init__(self, folder: Path, uri: str, subject: str) -> None:
        self._store = Store(folder)
        self._uri, self._subject = uri, subject

    async def fit(
        self, server: Server, tokens: Sequence[type], kinds: Sequence[ua.SecurityPolicyType] = SECURED
    ) -> None:
        """Give a server that has been initialised its certificate, and let it speak to trusted clients only.

        Parameters
        ----------
        server
            The server.
        tokens
            Kinds of identity tokens it takes.
        kinds
            Security policies it offers.

        Raises
        ------
        OSError
            If the certificate can be neither read nor made.
        """
        now = WallClock().now()
        if not self._store.certificate.exists():
            hosts = ("localhost", "127.0.0.1", socket.gethostname())
            self._store.make(Wanted(self._uri, hosts, self._subject), now)
        own = self._store.pair("steadyline.der", "steadyline.pem")
        await server.set_application_uri(self._uri)
        await server.load_certificate(own.certificate.data)
        await server.load_private_key(own.key)
        server.set_security_policy(list(kinds))
        server.set_identity_tokens(list(tokens))
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
