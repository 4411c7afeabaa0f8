"""The certificates of one controller on disk: its own, those it trusts, and those it does not.

::

    pki/own/steadyline.der   our certificate        pki/own/steadyline.pem   its key, for nobody else to read
    pki/trusted/             servers we trust, authorities that vouch for servers, their revocation lists (*.crl)
    pki/rejected/            servers we have met and nobody has trusted, or somebody has rejected
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from plant_io.ports import Refusal
from plant_io.security.certificates import BITS, Certificate, Wanted, create, key_in_der, load
from plant_io.security.expiry import remaining

OWN, TRUSTED, REJECTED = "own", "trusted", "rejected"
"""The folders."""
_SUFFIXES = {".der", ".crt", ".cer", ".pem"}
_CERTIFICATE, _KEY = "steadyline.der", "steadyline.pem"
_MOST_REJECTED = 100
_PRIVATE, _OTHERS = 0o600, 0o077


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its key."""

    file: Path
    """Where the certificate lies."""
    certificate: Certificate
    """The certificate."""
    key: bytes
    """Its private key in DER (PKCS 8)."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who a server says it is."""

    certificate: Certificate
    """Its certificate."""
    uri: str
    """Its application URI."""
    host: str
    """Where we reach it."""


class Store:
    """The lists in one folder; they are read anew each time, so that what a person changes holds at once.

    Parameters
    ----------
    folder
        Folder of the lists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        """Folder of the lists."""

    @property
    def certificate(self) -> Path:
        """Where our certificate lies."""
        return self.folder / OWN / _CERTIFICATE

    def make(self, wanted: Wanted, now: float, *, renew: bool = False) -> Certificate:
        """Make our certificate and its key, and keep them.

        Parameters
        ----------
        wanted
            What the certificate is to say.
        now
            Present, POSIX time [s].
        renew
            Whether one that is there is replaced.

        Raises
        ------
        FileExistsError
            If there is one and it is not to be replaced.
        ValueError
            If what is wanted makes no certificate.
        OSError
            If it cannot be kept.
        """
        if self.certificate.exists() and not renew:
            raise FileExistsError(f"{self.certificate}: there is a certificate already; --renew replaces it")
        made, key = create(wanted, now)
        self.certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (TRUSTED, REJECTED):
            (self.folder / name).mkdir(exist_ok=True)
        write_private(self.folder / OWN / _KEY, key)
        self.certificate.write_bytes(made.data)
        return made

    def own(self, now: float) -> Pair:
        """Return our certificate and its key, fit to be shown to a server.

        Parameters
        ----------
        now
            Present, POSIX time [s].

        Raises
        ------
        Refusal
            If there is none, or it is of no use any more.
        """
        pair = self.pair(_CERTIFICATE, _KEY)
        again = f"run: steadyline cert create --renew --pki {self.folder}"
        if pair.certificate.ends <= now:
            raise Refusal(f"our certificate {pair.file} {remaining(pair.certificate.ends, now)}; {again}")
        if len(pair.certificate.uris) != 1:
            raise Refusal(f"our certificate {pair.file} stands for no application URI; {again}")
        return pair

    def pair(self, certificate: str, key: str) -> Pair:
        """Return a certificate and its key from our own folder.

        Parameters
        ----------
        certificate, key
            Names of the files.

        Raises
        ------
        Refusal
            If one is missing, cannot be read, may be read by others, or does not fit the other.
        """
        file, key_file = self.folder / OWN / certificate, self.folder / OWN / key
        try:
            found, secret = load(file), private(key_file)
        except FileNotFoundError as missing:
            hint = f"; run: steadyline cert create --pki {self.folder}" if certificate == _CERTIFICATE else ""
            raise Refusal(f"{missing.filename}: there is no such file{hint}") from missing
        except (ValueError, OSError) as wrong:
            raise Refusal(str(wrong)) from wrong
        try:
            return Pair(file, found, key_in_der(secret, found))
        except ValueError as wrong:
            raise Refusal(f"{key_file}: {wrong}") from wrong

    def judge(self, peer: Peer, now: float) -> tuple[str, ...]:
        """Return what is odd about a server that may be believed, one sentence each.

        Parameters
        ----------
        peer
            Who it says it is.
        now
            Present, POSIX time [s].

        Raises
        ------
        Refusal
            If it may not be believed; the sentence says what to do. An unknown certificate is kept among the rejected.
        """
        mine = peer.certificate
        known = any(mine == other for _, other in self.listed(TRUSTED))
        vouched = not known and self._vouched(mine, now)
        faults = [*_faults(peer, now), *([] if known or vouched else [self._unknown(mine)])]
        elsewhere = f"the server's certificate is for {', '.join(mine.hosts) or 'no host'}, not for {peer.host}"
        stranger = peer.host.lower() not in {host.lower() for host in mine.hosts}
        if stranger and vouched:
            faults.append(elsewhere)
        if faults:
            raise Refusal("; ".join(faults))
        return (elsewhere,) if stranger else ()

    def listed(self, name: str) -> Iterator[tuple[Path, Certificate]]:
        """Give the certificates of one folder with their files.

        Raises
        ------
        Refusal
            If a file in it is no certificate.
        """
        folder = self.folder / name
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file.suffix.lower() not in _SUFFIXES or (name == OWN and file.suffix.lower() == ".pem"):
                continue
            try:
                yield file, load(file)
            except (ValueError, OSError) as error:
                raise Refusal(str(error)) from error

    def trust(self, file: Path) -> Path:
        """Put the certificate in `file` on the list of those trusted, and return where it lies now.

        Raises
        ------
        ValueError
            If `file` holds no certificate.
        OSError
            If it cannot be read or kept.
        """
        return self._put(load(file), TRUSTED, REJECTED)

    def reject(self, file: Path) -> Path:
        """Put the certificate in `file` among the rejected, and return where it lies now.

        Raises
        ------
        ValueError
            If `file` holds no certificate.
        OSError
            If it cannot be read or kept.
        """
        return self._put(load(file), REJECTED, TRUSTED)

    def _put(self, certificate: Certificate, where: str, not_in: str) -> Path:
        kept = self.keep(certificate, where)
        for file, other in list(self.listed(not_in)):
            if other == certificate:
                file.unlink()
        return kept

    def keep(self, certificate: Certificate, where: str) -> Path:
        """Put a certificate into a folder, unless it lies there already, and return its file.

        Raises
        ------
        OSError
            If it cannot be kept.
        """
        for file, other in self.listed(where):
            if other == certificate:
                return file
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", certificate.name)[:40]
        file = self.folder / where / f"{name}-{certificate.thumbprint[:8].lower()}.der"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(certificate.data)
        return file

    def _unknown(self, certificate: Certificate) -> str:
        full = sum(1 for _ in self.listed(REJECTED)) >= _MOST_REJECTED
        if full:
            return f"the server's certificate is not trusted, and {self.folder / REJECTED} is full; clear it"
        file = self.keep(certificate, REJECTED)
        return (
            f"the server's certificate ({certificate.name}, thumbprint {certificate.thumbprint}) is not trusted; "
            f"if the server shows the same thumbprint, run: steadyline cert trust {file} --pki {self.folder}"
        )

    def _vouched(self, certificate: Certificate, now: float) -> bool:
        """Return whether a trusted authority has signed a certificate that nobody rejected and it did not revoke."""
        if any(certificate == other for _, other in self.listed(REJECTED)):
            return False
        for _, authority in self.listed(TRUSTED):
            valid = authority.authority and authority.begins <= now < authority.ends
            if valid and _signed(certificate, authority) and not self._revoked(certificate, authority):
                return True
        return False

    def _revoked(self, certificate: Certificate, authority: Certificate) -> bool:
        for file in sorted((self.folder / TRUSTED).glob("*.crl")):
            data = file.read_bytes()
            try:
                found = x509.load_pem_x509_crl(data) if b"-----BEGIN " in data else x509.load_der_x509_crl(data)
            except ValueError as error:
                raise Refusal(f"{file}: this is no revocation list, expected one in DER or PEM") from error
            key = authority.parsed.public_key()
            ours = found.issuer == authority.parsed.subject and found.is_signature_valid(key)  # type: ignore[arg-type]
            if ours and found.get_revoked_certificate_by_serial_number(certificate.parsed.serial_number) is not None:
                return True
        return False


def private(file: Path) -> bytes:
    """Return what is in a file that nobody else may read.

    Raises
    ------
    OSError
        If it cannot be read, or others may read it.
    """
    check_private(file)
    return file.read_bytes()


def check_private(file: Path) -> None:
    """See that nobody else may read a file.

    Raises
    ------
    OSError
        If others may read it, or it is not there.
    """
    if os.name == "posix" and file.stat().st_mode & _OTHERS:
        raise PermissionError(f"{file}: others may read it; run: chmod 600 {file}")


def write_private(file: Path, data: bytes) -> None:
    """Write a file that nobody else may read."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "wb") as out:
        out.write(data)


def _signed(certificate: Certificate, authority: Certificate) -> bool:
    try:
        certificate.parsed.verify_directly_issued_by(authority.parsed)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _faults(peer: Peer, now: float) -> list[str]:
    mine, faults = peer.certificate, list[str]()
    if mine.ends <= now:
        faults.append(f"the server's certificate {remaining(mine.ends, now)}; have it renewed on the server")
    if mine.begins > now:
        faults.append("the server's certificate is not valid yet; compare the clocks of the server and of this machine")
    if peer.uri not in mine.uris:
        faults.append(
            f"the server calls itself {peer.uri}, but its certificate is for {', '.join(mine.uris) or 'no URI'}; "
            "have one with its own application URI made on the server"
        )
    if mine.bits < min(BITS):
        faults.append(f"the server's certificate has an RSA key of {mine.bits} bits, expected at least {min(BITS)}")
    return faults
