"""Passwords of people: kept as argon2id (RFC 9106), and what opens a key that only its owner can use."""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any, cast

SHORTEST, LONGEST = 12, 128
"""Lengths a password may have, characters."""
_SALT, _NONCE, _KEY = 16, 12, 32


@dataclass(frozen=True, slots=True)
class Hashing:
    """What one try at a password costs; the smallest setting of the OWASP Password Storage Cheat Sheet."""

    memory_kib: int = 19_456
    """Memory [KiB]."""
    passes: int = 2
    """Passes over it [1]."""
    lanes: int = 1
    """Threads [1]."""


def refused(password: str, name: str) -> str:
    """Return why a password is not taken for a user; empty where it is.

    What counts is its length (NIST SP 800-63B-4, 3.1.1); it is not asked for signs of several kinds.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        return f"found a password of {len(password)} characters, wanted {SHORTEST} to {LONGEST}"
    if name.lower() in password.lower():
        return "found the name of the user in the password, wanted a password without it"
    if len(set(password)) < SHORTEST // 2:
        return f"found {len(set(password))} different characters in the password, wanted {SHORTEST // 2} or more"
    return ""


def hashed(password: str, hashing: Hashing) -> str:
    """Return what is kept of a password, in the PHC string format, with a salt of its own."""
    from argon2 import PasswordHasher, Type  # noqa: PLC0415  # heavy

    hasher = PasswordHasher(hashing.passes, hashing.memory_kib, hashing.lanes, _KEY, _SALT, type=Type.ID)
    return hasher.hash(password)


def fits(kept: str, password: str) -> bool:
    """Return whether a password is the one of which something was kept."""
    from argon2 import PasswordHasher  # noqa: PLC0415  # heavy
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415  # heavy

    try:
        return PasswordHasher().verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


def locked_up(private: bytes, password: str, hashing: Hashing) -> str:
    """Return a private key that only the password opens: AES-256-GCM under a key that argon2id makes of it.

    Parameters
    ----------
    private
        Private key, 32 bytes.
    password
        Password of its owner.
    hashing
        What a try costs.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  # heavy

    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    sealed = AESGCM(_opener(password, salt, hashing)).encrypt(nonce, private, None)
    texts = {"salt": salt, "nonce": nonce, "sealed": sealed}
    costs = {"m": hashing.memory_kib, "t": hashing.passes, "p": hashing.lanes}
    return json.dumps({key: b64encode(value).decode() for key, value in texts.items()} | costs)


def opened(kept: str, password: str) -> bytes:
    """Return a private key that was locked up.

    Raises
    ------
    ValueError
        If the password does not open it, or it was changed.
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415  # heavy
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  # heavy

    try:
        said = cast("dict[str, Any]", json.loads(kept))
        salt, nonce, sealed = (b64decode(said[key]) for key in ("salt", "nonce", "sealed"))
        key = _opener(password, salt, Hashing(int(said["m"]), int(said["t"]), int(said["p"])))
        return AESGCM(key).decrypt(nonce, sealed, None)
    except (InvalidTag, KeyError, TypeError, ValueError):
        raise ValueError("the password does not open the key") from None


def _opener(password: str, salt: bytes, hashing: Hashing) -> bytes:
    from argon2.low_level import Type, hash_secret_raw  # noqa: PLC0415  # heavy

    return hash_secret_raw(password.encode(), salt, hashing.passes, hashing.memory_kib, hashing.lanes, _KEY, Type.ID)
