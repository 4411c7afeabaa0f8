"""The chain that ties each record to all before it, and the signatures on it, as docs/records.md writes it down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import Any, cast

FORMAT = 2
"""Version of the format that is written; records of version 1, without signatures, can still be read."""
START = bytes(32)
"""What the first record is tied to."""
SIGNED = b"steadyline checkpoint\0"
"""What stands before a chain value where it is signed."""
PLAIN = frozenset({"audit", "checkpoint", "sealed", "retired"})
"""Kinds of records whose bodies are JSON in UTF-8; those of the others are CBOR, compressed by zlib."""
_PLACE = Struct(">Qd")


def link(before: bytes, seq: int, at: float, kind: str, digest: bytes) -> bytes:
    """Return the chain value of a record.

    Parameters
    ----------
    before
        Chain value of the record before it.
    seq
        Its sequence number [1].
    at
        Its time, POSIX time [s].
    kind
        Its kind.
    digest
        SHA-256 of its body.
    """
    return sha256(before + _PLACE.pack(seq, at) + kind.encode() + b"\0" + digest).digest()


def first_link(before: bytes, seq: int, kind: str, body: bytes) -> bytes:
    """Return the same for a record of version 1, whose time is not tied in."""
    return sha256(before + seq.to_bytes(8, "big") + kind.encode() + b"\0" + body).digest()


def plain(content: Mapping[str, object]) -> bytes:
    """Return the body of a record that is JSON: sorted keys, no spaces.

    Raises
    ------
    ValueError
        If a number in it is not finite.
    """
    said = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return said.encode()


class Signer:
    """Signs chain values with an Ed25519 key (RFC 8032).

    Parameters
    ----------
    private
        Private key, 32 bytes.
    """

    def __init__(self, private: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415  # heavy

        from policies.approval import fingerprint  # noqa: PLC0415  # heavy

        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes_raw()
        """Public key, 32 bytes."""
        self.name = fingerprint(self.public)
        """Fingerprint of the public key, as in approvals."""

    def checkpoint(self, chain: bytes) -> bytes:
        """Return the body of a checkpoint that follows on the record with this chain value."""
        return plain({"key": self.public.hex(), "signature": self._key.sign(SIGNED + chain).hex()})


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signature on all records up to a chain value."""

    key: bytes
    """Public key, 32 bytes."""
    signature: bytes
    """Signature, 64 bytes."""

    @classmethod
    def read(cls, body: bytes) -> Checkpoint:
        """Return the checkpoint in a body.

        Raises
        ------
        ValueError
            If it holds none.
        """
        try:
            found = cast("dict[str, Any]", json.loads(body))
            return cls(bytes.fromhex(found["key"]), bytes.fromhex(found["signature"]))
        except (KeyError, TypeError, UnicodeDecodeError) as error:
            raise ValueError("it is no checkpoint") from error

    def fits(self, chain: bytes) -> bool:
        """Return whether it was signed over this chain value by the key it names."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  # heavy
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  # heavy

        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(self.signature, SIGNED + chain)
        except (ValueError, InvalidSignature):
            return False
        return True

    @property
    def signer(self) -> str:
        """Fingerprint of its key, as in approvals.

        Raises
        ------
        ValueError
            If it is no key.
        """
        from policies.approval import fingerprint  # noqa: PLC0415  # heavy

        return fingerprint(self.key)
