"""Electronic signatures at the command line, and the verb signatures, which says whether they hold."""

from __future__ import annotations

import json as text
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from controller.cli.asking import USERS, Asker, Users
from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.show import give, people
from controller.cli.user import now, opened

if TYPE_CHECKING:
    from controller.signed import Found
    from policies import Policy
    from policies.approval import Approval
    from policies.people import Meaning

PKI = Path("pki")
"""Folder of the key that signs what users do, unless it is said."""
User = Annotated[str | None, typer.Option("--user", metavar="NAME", help="User who signs, with their password.")]
Says = Annotated[str, typer.Option("--meaning", metavar="M", help="authorship, review or approval.")]
Against = Annotated[Path | None, typer.Option("--against", metavar="OLD", help="Show what changes from this policy.")]
Pki = Annotated[Path, typer.Option("--pki", metavar="DIR", help="Folder of the key that signs what users do.")]


@dataclass(frozen=True, slots=True)
class How:
    """Who signs and how."""

    user: str
    """Name of the user."""
    meaning: str
    """What the signature says."""
    why: str
    """Reason."""
    directory: Path
    """Where the users are kept."""
    pki: Path
    """Folder of the key of the station."""
    password_fd: int | None
    """File descriptor that gives passwords [1]; None for the terminal."""


def add(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command()(signatures)


def printed(how: How) -> str:
    """Return the printed name of who signs.

    Raises
    ------
    Refused
        If there is no such user.
    """
    users = opened(how.directory, how.pki).users()
    if how.user not in users:
        raise Refused(f"{how.user}: there is no such user")
    return users[how.user].printed


def signed(
    how: How, file: Path, fingerprint: str, rests: Mapping[str, Sequence[Path]], against: Path | None = None
) -> Approval:
    """Show what is to be signed, ask for the password, and sign.

    Parameters
    ----------
    how
        Who signs and how.
    file
        The file.
    fingerprint
        Its fingerprint.
    rests
        What it rests on, by the act it belongs to.
    against
        A policy to be compared with; None for none.
    """
    from controller.signed import Act, sign  # noqa: PLC0415  # heavy
    from policies.people import SIGNING  # noqa: PLC0415  # heavy

    ((act, files),) = rests.items()
    meaning, users = _meaning(how.meaning), opened(how.directory, how.pki)
    evidence = {one.name: sha256(one.read_bytes()).hexdigest() for one in files}
    if against is not None:
        evidence[against.name] = sha256(against.read_bytes()).hexdigest()
    shown = _shown(file, fingerprint, against)
    if fingerprint not in shown:
        raise Refused(f"{file}: it was changed while it was read; do it again")
    shown += "".join(f"\nevidence {name}, sha256 {digest}" for name, digest in evidence.items())
    shown += f"\nsigned by {printed(how)} ({how.user}), meaning {meaning.value}, reason: {how.why}"
    people.print(shown, markup=False)
    at = now()
    known = users.allowed(
        how.user, Asker(how.password_fd)(f"password of {how.user}, to sign this"), SIGNING[meaning], at
    )
    kind: Literal["approve", "promote"] = "promote" if act == "promote" else "approve"
    return sign(users, known, Act(file, fingerprint, shown, meaning, how.why, kind, evidence), at)


def _meaning(name: str) -> Meaning:
    from policies.people import Meaning  # noqa: PLC0415  # heavy

    try:
        return Meaning(name)
    except ValueError:
        raise Refused(f"--meaning: found {name!r}, wanted one of {', '.join(Meaning)}") from None


def _shown(file: Path, fingerprint: str, against: Path | None) -> str:
    from controller.signed import told  # noqa: PLC0415  # heavy
    from policies import load  # noqa: PLC0415  # heavy

    policy = _policy(file)
    if policy is None:
        if against is not None:
            raise Refused(f"--against: {file} is no policy; only policies are compared")
        return f"file {file.name}, {file.stat().st_size} bytes\nsha256 {fingerprint}\n{_card(file)}".rstrip()
    return told(policy, file.name, None if against is None else load(against))


def _card(file: Path) -> str:
    """Return the card of a model, where it has one."""
    try:
        said = cast("object", text.loads(file.read_bytes()))
    except ValueError:
        return ""
    card = cast("dict[str, object]", said).get("card") if isinstance(said, dict) else None
    return "" if card is None else "card " + text.dumps(card, ensure_ascii=False, sort_keys=True)


def _policy(file: Path) -> Policy | None:
    from policies import load  # noqa: PLC0415  # heavy

    named = file.suffix == ".yaml" and not file.name.endswith((".library.yaml", ".scenario.yaml"))
    return load(file) if named else None


def signatures(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Policy, model or library.")],
    *,
    directory: Users = USERS,
    json: Json = None,
) -> int:
    """Say who signed a file, when, with which meaning and reason, and whether each signature holds; status 1 if not.

    For a policy it also says which demanded signature is missing.
    """
    from controller.signed import beside, demanded, found  # noqa: PLC0415  # heavy

    with reading():
        policy, users = _policy(file), opened(directory)
        digest = sha256(file.read_bytes()).hexdigest() if policy is None else policy.fingerprint
        judged = found(users, digest, beside(file))
        missing = "" if policy is None else demanded(policy, beside(file), users)
    for each in judged:
        people.print(_line(each), markup=False)
    if not judged:
        people.print(f"{file}: nobody has signed it", markup=False)
    if missing:
        people.print(missing, style="bold", markup=False)
    give({"sha256": digest, "signatures": [each.plain() for each in judged], "missing": missing}, json)
    return 0 if judged and not missing and all(each.holds for each in judged) else 1


def _line(found: Found) -> str:
    said = found.approval
    when = datetime.fromtimestamp(said.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    meaning = "with a key" if said.meaning is None else said.meaning.value
    state = f"holds; {found.wrong}" if found.by_key else "holds" if found.holds else f"DOES NOT HOLD: {found.wrong}"
    return f"{said.who} ({said.user or said.signer[:16]}), {when}, {meaning}: {said.why}; {state}"
