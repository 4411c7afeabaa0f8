"""Application and user certificates (X.509): what one says, and how one of our own is made."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BITS = (2048, 3072, 4096)
"""Lengths an RSA key may have under every policy we speak [bit]."""
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_PEM = b"-----BEGIN "


@dataclass(frozen=True)
class Certificate:
    """What a certificate says."""

    data: bytes
    """The certificate in DER."""

    @classmethod
    def read(cls, data: bytes) -> Certificate:
        """Return the certificate in DER or PEM.

        Raises
        ------
        ValueError
            If `data` is none.
        """
        found = x509.load_pem_x509_certificate(data) if _PEM in data else x509.load_der_x509_certificate(data)
        return cls(found.public_bytes(serialization.Encoding.DER))

    @cached_property
    def parsed(self) -> x509.Certificate:
        """The same, to be asked."""
        return x509.load_der_x509_certificate(self.data)

    @property
    def name(self) -> str:
        """Common name of the owner, or the whole name where there is none."""
        common = self.parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(common[0].value) if common else self.parsed.subject.rfc4514_string()

    @property
    def uris(self) -> tuple[str, ...]:
        """Application URIs it stands for; there should be one."""
        names = self._names
        return () if names is None else tuple(names.get_values_for_type(x509.UniformResourceIdentifier))

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names and addresses it stands for."""
        names = self._names
        if names is None:
            return ()
        return (
            *names.get_values_for_type(x509.DNSName),
            *(str(address) for address in names.get_values_for_type(x509.IPAddress)),
        )

    @property
    def bits(self) -> int:
        """Length of its RSA key [bit]; 0 where the key is of another kind."""
        key = self.parsed.public_key()
        return key.key_size if isinstance(key, rsa.RSAPublicKey) else 0

    @property
    def begins(self) -> float:
        """When it begins to be valid, POSIX time [s]."""
        return self.parsed.not_valid_before_utc.timestamp()

    @property
    def ends(self) -> float:
        """When it ends to be valid, POSIX time [s]."""
        return self.parsed.not_valid_after_utc.timestamp()

    @property
    def thumbprint(self) -> str:
        """SHA-1 as OPC UA servers show it, hexadecimal; it names a certificate and proves nothing."""
        return hashlib.sha1(self.data, usedforsecurity=False).hexdigest().upper()

    @property
    def fingerprint(self) -> str:
        """SHA-256, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest().upper()

    @property
    def authority(self) -> bool:
        """Whether it may vouch for others; that of an application may not, though many call themselves authorities."""
        try:
            may = self.parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound:
            return False
        return may and not self.uris

    @property
    def _names(self) -> x509.SubjectAlternativeName | None:
        try:
            return self.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a certificate of our own is to say."""

    uri: str
    """Application URI; the client gives itself the same."""
    hosts: tuple[str, ...]
    """Host names and addresses of this machine."""
    name: str = "Steadyline"
    """Common name."""
    days: float = 1095.0
    """How long it is to be valid from now on [d]."""
    bits: int = 2048
    """Length of the RSA key [bit]."""


def create(wanted: Wanted, now: float) -> tuple[Certificate, bytes]:
    """Return a new certificate, signed by its own key, and that key as PEM (PKCS 8).

    Its fields are those of an application instance certificate (OPC 10000-6, 6.2.2).

    Parameters
    ----------
    wanted
        What it is to say.
    now
        Present, POSIX time [s]; it begins a day before, since the clocks of servers differ.

    Raises
    ------
    ValueError
        If the key would be too short or too long, the URI or a host is none, or the time nothing.
    """
    if wanted.bits not in BITS:
        raise ValueError(f"found a key of {wanted.bits} bits, expected one of {', '.join(map(str, BITS))}")
    if not _URI.fullmatch(wanted.uri):
        raise ValueError(f"found the application URI {wanted.uri!r}, expected one such as urn:plant7:steadyline")
    if not wanted.days > 0.0:
        raise ValueError(f"found a validity of {wanted.days:g} days, expected more than nothing")
    key = rsa.generate_private_key(public_exponent=65537, key_size=wanted.bits)
    owner = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted.name)])
    present = datetime.fromtimestamp(now, UTC).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(owner)
        .issuer_name(owner)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(present - timedelta(days=1))
        .not_valid_after(present + timedelta(days=wanted.days))
    )
    for extension in _extensions(wanted, key.public_key()):
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    made = builder.sign(key, hashes.SHA256())
    return Certificate(made.public_bytes(serialization.Encoding.DER)), _pem(key)


def key_in_der(pem: bytes, certificate: Certificate) -> bytes:
    """Return a private key in DER (PKCS 8).

    Parameters
    ----------
    pem
        The key in PEM, without a passphrase.
    certificate
        The certificate it must belong to.

    Raises
    ------
    ValueError
        If it is no such key.
    """
    try:
        key = serialization.load_pem_private_key(pem, None)
    except TypeError as error:
        raise ValueError("the key has a passphrase, expected one without") from error
    except ValueError as error:
        raise ValueError("this is no private key, expected one in PEM") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the key is no RSA key")  # noqa: TRY004  # a value of a file
    if key.public_key() != certificate.parsed.public_key():
        raise ValueError("the key does not belong to the certificate")
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, plain)


def load(path: Path) -> Certificate:
    """Return the certificate in a file, DER or PEM.

    Raises
    ------
    ValueError
        If the file holds none.
    OSError
        If it cannot be read.
    """
    try:
        return Certificate.read(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: this is no certificate, expected one in DER or PEM") from error


def _extensions(wanted: Wanted, public: rsa.RSAPublicKey) -> list[x509.ExtensionType]:
    mine = x509.SubjectKeyIdentifier.from_public_key(public)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return [
        x509.SubjectAlternativeName([x509.UniformResourceIdentifier(wanted.uri), *map(_host, wanted.hosts)]),
        x509.BasicConstraints(ca=False, path_length=None),
        usage,
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
        mine,
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(mine),
    ]


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
