"""Signed approvals of files: who approved which bytes, when and why, with an Ed25519 key (RFC 8032).

An approval lies beside the file it is about, under its name with ``.sig`` behind it, as JSON. Signed is everything in
it but the signature, as JSON with sorted keys, no spaces, in UTF-8.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Sequence
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from policies.people import Meaning
from policies.words import Declared, Number

SUFFIX = ".sig"
"""End of the name of an approval."""
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256, hexadecimal."""


class Statement(Declared):
    """What a person signs."""

    approval: Literal[1] = 1
    """Version of this format."""
    act: Literal["approve", "promote", "judge", "order"]
    """Whether a file is approved as it is, a candidate of the learning lane becomes a locked one, a case is judged,
    or an order is placed."""
    file: str
    """Name of the file, or of the case."""
    sha256: Hash
    """Fingerprint of what is approved: of its bytes, and for a policy also of every file it names; of what a case is
    judged to be and why; of what an order says."""
    who: str
    """Who approves."""
    why: str
    """Meaning of the signature."""
    at: Number
    """When, POSIX time [s]."""
    evidence: dict[str, Hash] = Field(default_factory=dict)
    """Fingerprints of what it rests on, by name of the file."""
    key: str
    """Public key, 32 bytes in base64."""
    user: str | None = None
    """Identity of the user who signs; None where a key alone was used."""
    meaning: Meaning | None = None
    """What the signature says; None where a key alone was used."""
    shown: str | None = None
    """Text that was shown before the password was asked for; None where a key alone was used."""


class Approval(Statement):
    """A statement with its signature."""

    signature: str
    """Ed25519 signature of the statement, 64 bytes in base64."""

    @property
    def signer(self) -> str:
        """Fingerprint of the public key."""
        return fingerprint(base64.b64decode(self.key))


class NotApproved(ValueError):  # noqa: N818  # the condition, in the words of the field
    """A file has no approval that counts; the message says why."""


def fingerprint(key: bytes) -> str:
    """Return the SHA-256 of a public key as ``SubjectPublicKeyInfo`` in DER, hexadecimal.

    It is what ``openssl pkey -in KEY -pubout -outform DER | sha256sum`` gives.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  # heavy
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415  # heavy

    public = Ed25519PublicKey.from_public_bytes(key)
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def words(statement: Statement) -> bytes:
    """Return the bytes that are signed."""
    said = statement.model_dump(mode="json", exclude={"signature"}, exclude_none=True)
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed(statement: Statement, private: bytes) -> Approval:
    """Return a statement with its signature.

    Parameters
    ----------
    statement
        What is signed; its key is put in.
    private
        Private key, 32 bytes.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415  # heavy

    key = Ed25519PrivateKey.from_private_bytes(private)
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    ready = statement.model_copy(update={"key": public})
    signature = base64.b64encode(key.sign(words(ready))).decode()
    return Approval.model_validate({**ready.model_dump(), "signature": signature})


_ANY = TypeAdapter[Approval | tuple[Approval, ...]](Approval | tuple[Approval, ...])


def read(found: bytes) -> tuple[Approval, ...]:
    """Return the approvals in a file, one or a list of them, whether they hold or not.

    Raises
    ------
    NotApproved
        If there are none.
    """
    try:
        said = _ANY.validate_json(found, strict=True)
    except ValidationError:
        raise NotApproved("it is no approval") from None
    return (said,) if isinstance(said, Approval) else said


def written(approvals: Sequence[Approval]) -> bytes:
    """Return the file that holds some approvals; one alone stands for itself."""
    said = [each.model_dump(mode="json", exclude_none=True) for each in approvals]
    return (json.dumps(said[0] if len(said) == 1 else said, indent=2, ensure_ascii=False) + "\n").encode()


def holds(approval: Approval, sha256: str) -> None:
    """See that an approval is signed by the key it names, over these bytes.

    Parameters
    ----------
    approval
        The approval.
    sha256
        Fingerprint of the file, hexadecimal.

    Raises
    ------
    NotApproved
        If it is not.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  # heavy
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  # heavy

    try:
        raw, signature = base64.b64decode(approval.key, validate=True), base64.b64decode(approval.signature)
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, words(approval))
    except (ValueError, InvalidSignature):
        raise NotApproved("its signature does not fit what it says") from None
    if approval.sha256 != sha256:
        raise NotApproved(f"it approves {approval.sha256[:16]}, but the file is {sha256[:16]}")


def verified(sha256: str, found: bytes, keys: Collection[str] | None = None) -> Approval:
    """Return the first approval of a file that counts.

    Parameters
    ----------
    sha256
        Fingerprint of the file, hexadecimal.
    found
        The approvals.
    keys
        Fingerprints of the public keys that count; any where None.

    Raises
    ------
    NotApproved
        If all are about other bytes, signed by nobody who counts, or not signed.
    """
    refusal = NotApproved("it is no approval")
    for approval in read(found):
        try:
            holds(approval, sha256)
        except NotApproved as error:
            refusal = error
            continue
        if keys is None or approval.signer in keys:
            return approval
        refusal = NotApproved(f"it is signed by the key {approval.signer[:16]}, which is not among those that count")
    raise refusal
