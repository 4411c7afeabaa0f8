"""Keys with which people and stations sign: Ed25519 in PEM, in files nobody else may read."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from plant_io.security.store import OWN, private, write_private

RECORDS = "record.pem"
"""Name of the key of a station in the folder of its own keys; it signs records."""


def private_key(file: Path) -> bytes:
    """Return the 32 bytes of a private key that nobody else may read.

    Raises
    ------
    OSError
        If it cannot be read, or others may read it.
    ValueError
        If it is another kind of key, encrypted, or none.
    """
    try:
        key = load_pem_private_key(private(file), None)
    except TypeError:
        raise ValueError(f"{file}: the key is encrypted; decrypt it first, openssl pkey -in {file}") from None
    except ValueError:
        raise ValueError(f"{file}: this is no private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        wanted = "wanted Ed25519: openssl genpkey -algorithm ed25519"
        raise ValueError(f"{file}: found another kind of key, {wanted}")  # noqa: TRY004  # it is what a file holds
    return key.private_bytes_raw()


def station_key(pki: Path) -> bytes | None:
    """Return the key with which this station signs its records; None where it has none.

    Parameters
    ----------
    pki
        Folder of certificates and keys.

    Raises
    ------
    OSError
        If it cannot be read, or others may read it.
    ValueError
        If it is no Ed25519 key.
    """
    file = pki / OWN / RECORDS
    return private_key(file) if file.exists() else None


def make_station_key(pki: Path) -> bytes:
    """Make the key with which this station signs its records, keep it, and return it.

    Parameters
    ----------
    pki
        Folder of certificates and keys.

    Raises
    ------
    OSError
        If it cannot be kept, or one is there already.
    """
    key, file = Ed25519PrivateKey.generate(), pki / OWN / RECORDS
    if file.exists():
        raise FileExistsError(f"{file}: there is a key already; what it signed needs it")
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key.private_bytes_raw()
