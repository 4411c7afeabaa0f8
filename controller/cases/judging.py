"""What a disposition is signed over, and whether a signature is the one that is wanted next."""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256

from anomaly.case_table import CaseRefused
from anomaly.cases import Case, Disposition, Evidence, Signed
from policies.approval import NotApproved, holds, read
from policies.cases import Cases


def frozen(evidence: Evidence) -> str:
    """Return the SHA-256 of evidence, hexadecimal: over its plain values as JSON with sorted keys and no spaces."""
    return _hash(asdict(evidence))


def subject(case: Case, disposition: Disposition, why: str) -> str:
    """Return the SHA-256 of what a disposition is signed over, hexadecimal.

    It covers the name of the case, all frozen evidence, every result, what it is judged to be and the reason.
    """
    results = [asdict(one) for one in case.results]
    evidence = [case.digest, *map(frozen, case.more)]
    return _hash({"case": case.id, "evidence": evidence, "results": results, "is": disposition.value, "why": why})


def shown(case: Case, disposition: Disposition, why: str) -> str:
    """Return the text that is shown to somebody who is about to sign."""
    results = [f"result: {one.test}: {one.found} ({one.supports})" for one in case.results]
    lines = [f"case {case.id}: {case.evidence.what}", f"evidence sha256 {case.digest}", *results]
    return "\n".join([*lines, f"disposition: {disposition.value}", f"reason: {why}"])


def signature(case: Case, words: tuple[str, str], disposition: Disposition, text: str, kit: Cases) -> str:
    """See that a signature is the one wanted next, and return its meaning; empty where none is wanted.

    Parameters
    ----------
    case
        The case.
    words
        Who signs, and the reason of the disposition.
    disposition
        What it is judged to be.
    text
        The signature.
    kit
        What the policy says of cases.

    Raises
    ------
    CaseRefused
        If it is not.
    """
    who, why = words
    if not kit.signatures:
        return ""
    if any(one.who == who for one in case.signatures):
        raise CaseRefused(f"{who} has signed already, and each signature is by another person")
    wanted = kit.signatures[len(case.signatures)]
    if not text:
        raise CaseRefused(f"the policy wants it signed, with the meaning {wanted.value}")
    try:
        (approval,) = read(text.encode())
        holds(approval, subject(case, disposition, why))
    except (NotApproved, ValueError) as error:
        raise CaseRefused(f"the signature does not count: {error}") from None
    if (approval.act, approval.user, approval.meaning) != ("judge", who, wanted):
        raise CaseRefused(f"found a signature of {approval.user} with another meaning, wanted {wanted.value} by {who}")
    return wanted.value


def complete(signatures: tuple[Signed, ...], kit: Cases) -> bool:
    """Return whether every signature that is wanted is there."""
    return len(signatures) >= max(1, len(kit.signatures))


def _hash(said: object) -> str:
    return sha256(json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
