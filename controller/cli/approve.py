"""The verbs approve and promote: signed changes of policies, models and libraries."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from controller.cli import sign
from controller.cli.asking import USERS, PasswordFrom, Users
from controller.cli.ends import Refused, reading
from controller.cli.show import give, people

if TYPE_CHECKING:
    from anomaly.artefact import Model
    from controller.cli.soft_evidence import ReportedSensor
    from policies.approval import Approval

Json = Annotated[str | None, typer.Option("--json", metavar="FILE", help="Result as one JSON object; - for stdout.")]
Key = Annotated[
    Path | None, typer.Option("--key", metavar="FILE", help="Ed25519 private key in PEM, readable by you alone.")
]
Who = Annotated[str, typer.Option(help="Who signs, where a key is used.")]
Why = Annotated[str, typer.Option(help="Reason, or what the signature of a key says.")]
Evidence = Annotated[
    list[Path] | None, typer.Option("--evidence", metavar="FILE", help="What it rests on; may be repeated.")
]


def add(app: typer.Typer) -> None:
    """Add the verbs to the application."""
    app.command()(approve)
    app.command()(promote)


def approve(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Policy, model or library.")],
    *,
    why: Why,
    key: Key = None,
    who: Who = "",
    user: sign.User = None,
    meaning: sign.Says = "approval",
    against: sign.Against = None,
    evidence: Evidence = None,
    directory: Users = USERS,
    pki: sign.Pki = sign.PKI,
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Sign a policy, a model or a library; the approval lies beside it, with .sig behind its name.

    With ``--user`` it is an electronic signature: what is signed is shown, the password is asked for. With ``--key``
    it is that of a key, made by ``openssl genpkey -algorithm ed25519 -out KEY``.
    """
    if user is not None:
        how = sign.How(user, meaning, why, directory, pki, password_fd)
        with reading():
            approval = sign.signed(how, file, _fingerprint(file), {"approve": evidence or []}, against)
    else:
        approval = _signed("approve", file, file, (who, why, evidence or []), key)
    _said(approval, file, json)
    return 0


def promote(
    candidate: Annotated[
        Path, typer.Argument(metavar="CANDIDATE", help="Model of a monitor, or of a soft sensor that was challenger.")
    ],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Model file of the locked lane.")],
    why: Why,
    key: Key = None,
    who: Who = "",
    user: sign.User = None,
    evidence: Evidence = None,
    directory: Users = USERS,
    pki: sign.Pki = sign.PKI,
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Make a candidate a model of the locked lane: frozen, under its new name, signed with the evidence it rests on.

    Evidence is, for example, what ``steadyline replay RECORD --policy NEW --json FILE`` wrote; for a soft sensor it
    must be what ``steadyline report soft RECORD --json FILE`` wrote where it was a challenger and better by its rule.
    """
    if not evidence:
        raise Refused("promote: found no --evidence, wanted at least one file that speaks for the candidate")
    with reading():
        how = None if user is None else sign.How(user, "approval", why, directory, pki, password_fd)
        data = _promoted(candidate, who if how is None else sign.printed(how), evidence)
        for taken in (out, _beside(out)):
            if taken.exists():
                raise FileExistsError(f"{taken}: it is there already; what was approved is not replaced")
        out.write_bytes(data)
    try:
        if how is None:
            approval = _signed("promote", candidate, out, (who, why, evidence), key)
        else:
            with reading():
                approval = sign.signed(how, out, _fingerprint(out), {"promote": [candidate, *evidence]})
    except BaseException:
        out.unlink()
        raise
    _said(approval, out, json)
    return 0


def check(file: Path, keys: Sequence[str]) -> str:
    """Return in one sentence who approved a file.

    Raises
    ------
    PolicyError
        If nobody did whose key counts.
    """
    from policies import PolicyError, Problem  # noqa: PLC0415  # heavy
    from policies.approval import NotApproved, verified  # noqa: PLC0415  # heavy

    beside = _beside(file)
    try:
        approval = verified(_fingerprint(file), beside.read_bytes(), keys)
    except FileNotFoundError:
        raise PolicyError([Problem(str(file), 1, 1, "", f"found no approval, expected {beside}")]) from None
    except NotApproved as error:
        raise PolicyError([Problem(str(beside), 1, 1, "", str(error))]) from None
    return f"approved by {approval.who}: {approval.why}"


def _beside(file: Path) -> Path:
    from policies.approval import SUFFIX  # noqa: PLC0415  # heavy

    return file.with_name(file.name + SUFFIX)


def _said(approval: Approval, file: Path, json: str | None) -> None:
    people.print(
        f"{_beside(file)}: {approval.act}d by {approval.who}, fingerprint {approval.sha256}\n"
        f"key {approval.signer}; a policy takes it where approved_by names this key",
        markup=False,
    )
    give(
        {
            "file": str(file),
            "approval": str(_beside(file)),
            "fingerprint": approval.sha256,
            "signature": approval.signature,
            "key": approval.signer,
            "at": approval.at,
            "evidence": dict(approval.evidence),
        },
        json,
    )


def _signed(
    act: Literal["approve", "promote"], given: Path, file: Path, words: tuple[str, str, list[Path]], key: Path | None
) -> Approval:
    from plant_io.clocks import WallClock  # noqa: PLC0415  # heavy
    from plant_io.security.signing import private_key  # noqa: PLC0415  # heavy
    from policies.approval import Statement, signed, written  # noqa: PLC0415  # heavy

    who, why, evidence = words
    rests = evidence if act == "approve" else [given, *evidence]
    if key is None:
        raise Refused(f"{act}: found neither --user nor --key, wanted who signs")
    if not who.strip() or not why.strip():
        raise Refused(f"{act}: --who and --why are wanted: a signature has a person and a meaning")
    with reading():
        statement = Statement(
            act=act,
            file=file.name,
            sha256=_fingerprint(file),
            who=who,
            why=why,
            at=WallClock().now(),
            evidence={one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in rests},
            key="",
        )
        approval = signed(statement, private_key(key))
        _beside(file).write_bytes(written([*_others(file, approval), approval]))
    return approval


def _others(file: Path, mine: Approval) -> list[Approval]:
    """Return what else lies beside a file and is about the same bytes, by somebody else."""
    from policies.approval import NotApproved, read  # noqa: PLC0415  # heavy

    try:
        there = read(_beside(file).read_bytes())
    except (FileNotFoundError, NotApproved):
        return []
    return [each for each in there if each.sha256 == mine.sha256 and each.signer != mine.signer]


def _fingerprint(file: Path) -> str:
    """Return what an approval is about: a policy with the files it names, anything else as it is."""
    from policies import load  # noqa: PLC0415  # heavy

    policy = file.suffix == ".yaml" and not file.name.endswith((".library.yaml", ".scenario.yaml"))
    return load(file).fingerprint if policy else hashlib.sha256(file.read_bytes()).hexdigest()


def _promoted(candidate: Path, who: str, evidence: Sequence[Path]) -> bytes:
    """Return a candidate as it goes into service."""
    from controller.soft import hybrid_model  # noqa: PLC0415  # heavy

    data = candidate.read_bytes()
    if b"steadyline.soft/" not in data[:200]:
        return _frozen(candidate)
    found = hybrid_model.read(data, str(candidate))
    _won(candidate, hashlib.sha256(data).hexdigest(), evidence)
    card = found.card.model_copy(update={"approver": who})
    return found.model_copy(update={"card": card}).model_dump_json(by_alias=True, indent=1).encode() + b"\n"


def _won(candidate: Path, sha256: str, evidence: Sequence[Path]) -> None:
    """See that the evidence says that a candidate was better than the model in service."""
    told = list[str]()
    for sensor, one in (pair for file in evidence for pair in _reported(file)):
        beside = one.challenger
        if beside is not None and beside.sha256 == sha256:
            if one.better:
                return
            told.append(f"of {sensor} it says: {one.verdict}")
    missing = (
        f"no report of {candidate.name} (SHA-256 {sha256[:16]}) as a challenger; steadyline report soft writes one"
    )
    raise Refused(f"promote: found in the evidence {'; '.join(told) or missing}")


def _reported(file: Path) -> list[tuple[str, ReportedSensor]]:
    from pydantic import ValidationError  # noqa: PLC0415  # heavy

    from controller.cli.soft_evidence import Report  # noqa: PLC0415  # heavy

    try:
        return list(Report.model_validate_json(file.read_bytes()).sensors.items())
    except ValidationError:
        return []


def _frozen(candidate: Path) -> bytes:
    """Return a model as the locked lane takes it: the frozen reference is what raises the alarm."""
    found = model(candidate)
    settings = found.settings.model_copy(update={"adaptation": "frozen"})
    return found.model_copy(update={"settings": settings}).model_dump_json().encode()


def model(file: Path) -> Model:
    """Return the model of a monitor in a file.

    Raises
    ------
    PolicyError
        If it is none.
    """
    from pydantic import ValidationError  # noqa: PLC0415  # heavy

    from anomaly.artefact import Model  # noqa: PLC0415  # heavy
    from policies import PolicyError, Problem  # noqa: PLC0415  # heavy

    try:
        return Model.model_validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = f"this is no model of a monitor: {first['msg']}"
        raise PolicyError([Problem(str(file), 1, 1, ".".join(map(str, first["loc"])), said)]) from None
