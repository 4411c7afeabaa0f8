"""Electronic signatures of users: made with their password at the act, and what of them a policy demands."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import permutations
from pathlib import Path
from typing import Literal

from controller.people import Denied, Known, People, User
from controller.records.audit import Deed
from policies import Policy
from policies.approval import SUFFIX, Approval, NotApproved, Statement, holds, read, signed, written
from policies.changes import changes
from policies.people import SIGNING, Meaning, may

_MOST = 12
_NOBODYS = "it was made with a key alone, by no user here: it counts only where approved_by names the key"


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody is about to sign."""

    file: Path
    """The file."""
    sha256: str
    """Its fingerprint; of a policy that over every file it names too."""
    shown: str
    """Text they are shown."""
    meaning: Meaning
    """What the signature says."""
    why: str
    """Reason."""
    act: Literal["approve", "promote"] = "approve"
    """Whether the file is approved as it is, or becomes a model of the locked lane."""
    evidence: Mapping[str, str] | None = None
    """Fingerprints of what it rests on, by name of the file."""


@dataclass(frozen=True, slots=True)
class Found:
    """One signature, and whether it holds."""

    approval: Approval
    """The signature."""
    wrong: str
    """Why it is no signature of a user that holds; empty where it is one."""
    by_key: bool = False
    """Whether it holds, but was made with a key alone, by no user."""

    @property
    def holds(self) -> bool:
        """Whether it is of these bytes by the key it names, which is the user's own where it names a user."""
        return self.by_key or not self.wrong

    def plain(self) -> dict[str, object]:
        """Return it as plain values."""
        said = self.approval
        return {
            "who": said.who,
            "user": said.user,
            "meaning": None if said.meaning is None else said.meaning.value,
            "why": said.why,
            "at": said.at,
            "sha256": said.sha256,
            "key": said.signer,
            "shown_sha256": None if said.shown is None else sha256(said.shown.encode()).hexdigest(),
            "holds": self.holds,
            "wrong": "" if self.holds else self.wrong,
        }


def told(policy: Policy, name: str, old: Policy | None = None) -> str:
    """Return what somebody is shown who is to sign a policy: which one, of which files, and what changes.

    Parameters
    ----------
    policy
        The policy.
    name
        Name of its file.
    old
        The policy it is to follow on; None for no comparison.
    """
    lines = [f"policy {name}, line {policy.line}, revision {policy.revision}", f"fingerprint {policy.fingerprint}"]
    for file, body in sorted(policy.files.items()):
        lines.append(f"file {file or name}, {len(body)} bytes, sha256 {sha256(body).hexdigest()}")
    if old is not None:
        lines.append(f"changes from revision {old.revision}, fingerprint {old.fingerprint}:")
        lines += [f"[{c.impact.value}] {c.path or 'comments only'}: {c.old} -> {c.new}" for c in changes(old, policy)]
    return "\n".join(lines)


def sign(people: People, known: Known, act: Act, now: float) -> Approval:
    """Sign with the key of somebody who has just given their password, and keep that they did.

    Parameters
    ----------
    people
        The users of the station.
    known
        Who signs; may sign with this meaning.
    act
        What is signed.
    now
        Time of the act, POSIX time [s].

    Raises
    ------
    Denied
        If they have signed the same with this meaning before, or may not.
    ValueError
        If there is no reason.
    """
    if not act.why.strip():
        raise ValueError("found no reason, wanted one: a signature has a meaning and a reason")
    if known.user.initial or not may(known.user.role, SIGNING[act.meaning]):
        raise Denied(f"{known.user.name}: the role {known.user.role.value} may not {SIGNING[act.meaning].value}")
    beside = act.file.with_name(act.file.name + SUFFIX)
    kept = [each for each in (read(beside.read_bytes()) if beside.exists() else ()) if each.sha256 == act.sha256]
    if any((each.user, each.meaning) == (known.user.name, act.meaning) for each in kept):
        raise Denied(f"{known.user.name}: has signed {act.file.name} with the meaning {act.meaning.value} already")
    statement = Statement(
        act=act.act,
        file=act.file.name,
        sha256=act.sha256,
        who=known.user.printed,
        why=act.why,
        at=now,
        evidence=dict(act.evidence or {}),
        key="",
        user=known.user.name,
        meaning=act.meaning,
        shown=act.shown,
    )
    approval = entered(people, known, statement)
    beside.write_bytes(written([*kept, approval]))
    return approval


def entered(people: People, known: Known, statement: Statement) -> Approval:
    """Return a statement signed with the key of somebody who has just given their password; it is kept that they did.

    Parameters
    ----------
    people
        The users of the station.
    known
        Who signs.
    statement
        What is signed.
    """
    approval = signed(statement, known.private)
    people.tell(_deed(approval))
    return approval


def _deed(approval: Approval) -> Deed:
    shown = sha256((approval.shown or "").encode()).hexdigest()
    new = {"sha256": approval.sha256, "shown_sha256": shown, "key": approval.signer, "signature": approval.signature}
    what = f"signed: {approval.meaning}"
    return Deed("signature", str(approval.user), what, approval.file, None, new, approval.at, approval.why)


def found(people: People, sha256_: str, approvals: Sequence[Approval]) -> list[Found]:
    """Return each signature of a file with whether it holds: over these bytes, by a user's own key, made here.

    Parameters
    ----------
    people
        The users of the station.
    sha256_
        Fingerprint of the file, hexadecimal.
    approvals
        The signatures.

    Raises
    ------
    OSError
        If a signature is a user's, and the users cannot be read.
    ValueError
        If they are not what was written.
    """
    users, made = dict[str, User](), set[str]()
    if not approvals or any(each.user is not None for each in approvals):  # who signs with keys alone needs no users
        users = people.users()
        made = {str(d["new"]["signature"]) for d in people.ledger.deeds() if d["kind"] == "signature"}
    return [_found(each, sha256_, users, made) for each in approvals]


def _found(approval: Approval, sha256_: str, users: Mapping[str, User], made: Collection[str]) -> Found:
    try:
        holds(approval, sha256_)
    except NotApproved as error:
        return Found(approval, str(error))
    if approval.user is None and approval.meaning is None:
        return Found(approval, _NOBODYS, by_key=True)
    return Found(approval, _wrong(approval, users, made))


def _wrong(approval: Approval, users: Mapping[str, User], made: Collection[str]) -> str:
    if approval.user is None or approval.meaning is None:
        return "it names a user without a meaning, or a meaning without a user"
    user = users.get(approval.user)
    if user is None or user.keys.get(approval.signer, approval.at + 1.0) > approval.at:
        return f"the key {approval.signer[:16]} is not that of the user {approval.user}"
    if approval.signature not in made:
        return "it was not made at this station: nothing in the chain of its users says so"
    return ""


def lacking(policy: Policy, signatures: Sequence[Found], demanded: Sequence[Meaning] = ()) -> str:
    """Return which demanded signature a policy has not got, in words; empty where it has all.

    Parameters
    ----------
    policy
        The policy.
    signatures
        Its signatures, and whether they hold.
    demanded
        Meanings that are demanded besides its own demands.
    """
    wanted = list(policy.people.signatures)
    for meaning in set(demanded):
        wanted += [meaning] * max(0, list(demanded).count(meaning) - wanted.count(meaning))
    if not wanted:
        return ""
    good = [(each.approval.user, each.approval.meaning) for each in signatures if not each.wrong][:_MOST]
    if any(_served(wanted, chosen) for chosen in permutations(good, len(wanted))):
        return ""
    there = ", ".join(f"{meaning} by {user}" for user, meaning in good) or "none"
    wrong = "; ".join(f"that of {each.approval.who} does not count: {each.wrong}" for each in signatures if each.wrong)
    names = ", ".join(meaning.value for meaning in wanted)
    said = f"wanted signatures for {names}, each by another person; found {there}"
    return f"{said}; {wrong}" if wrong else said


def _served(wanted: Sequence[Meaning], chosen: Sequence[tuple[str | None, Meaning | None]]) -> bool:
    meanings, users = [meaning for _, meaning in chosen], {user for user, _ in chosen}
    return meanings == list(wanted) and len(users) == len(wanted)


def beside(file: Path) -> tuple[Approval, ...]:
    """Return the signatures that lie beside a file; none where there are none.

    Raises
    ------
    NotApproved
        If what lies there is none.
    """
    there = file.with_name(file.name + SUFFIX)
    return read(there.read_bytes()) if there.exists() else ()


def demanded(policy: Policy, signatures: Sequence[Approval], people: People, more: Sequence[Meaning] = ()) -> str:
    """Return why a policy may move nothing, in one sentence; empty where it has every signature it demands.

    Parameters
    ----------
    policy
        The policy.
    signatures
        Its signatures.
    people
        The users of the station.
    more
        Meanings that are demanded besides its own demands.
    """
    if not policy.people.signatures and not more and policy.people.models == "any":
        return ""
    try:
        missing = lacking(policy, found(people, policy.fingerprint, signatures), more)
        return missing or _unsigned(policy, people)
    except (OSError, ValueError) as error:
        return str(error)


def _unsigned(policy: Policy, people: People) -> str:
    """Return which file of a policy nobody of this station has approved."""
    if policy.people.models == "any":
        return ""
    listed = {key for watch in policy.watches.values() for key in getattr(watch, "approved_by", ())}
    for name, body in policy.files.items():
        if not name.endswith(SUFFIX):
            continue
        file = name.removesuffix(SUFFIX)
        digest = sha256(policy.files[file]).hexdigest()
        if _by_key(read(body), digest, listed):
            continue
        judged = found(people, digest, read(body))
        if not any(not one.wrong and one.approval.meaning is Meaning.APPROVAL for one in judged):
            wrong = "; ".join(one.wrong for one in judged if one.wrong) or "nobody signed it as approver"
            return f"{file} is not approved by a user of this station: {wrong}"
    return ""


def _by_key(approvals: Sequence[Approval], digest: str, keys: Collection[str]) -> bool:
    """Return whether one of the keys that a policy names has signed."""
    for each in approvals:
        try:
            holds(each, digest)
        except NotApproved:
            continue
        if each.signer in keys:
            return True
    return False
