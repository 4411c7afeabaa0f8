"""The signature under a disposition, made with the key of somebody who has just given their password."""

from __future__ import annotations

from dataclasses import dataclass, replace

from anomaly.cases import Case, Countersign, Dispose
from controller.cases.judging import shown, subject
from controller.people import Denied, Known, People
from controller.signed import entered
from policies.approval import Statement, written
from policies.cases import Cases
from policies.people import SIGNING, may


@dataclass(frozen=True, slots=True)
class Judged:
    """What is signed."""

    act: Dispose | Countersign
    """The act, without its signature."""
    case: Case
    """The case."""
    why: str
    """Reason given with the act."""
    declared: Cases
    """What the policy says of cases."""


def signed_act(people: People, known: Known, judged: Judged, now: float) -> Dispose | Countersign:
    """Return an act with the signature that the policy wants next, and keep that it was made.

    Parameters
    ----------
    people
        The users of the station.
    known
        Who signs.
    judged
        What is signed.
    now
        Time of the act, POSIX time [s].

    Raises
    ------
    Denied
        If their role may not sign with that meaning, or nothing is left to be signed.
    """
    case, act = judged.case, judged.act
    place = len(case.signatures) if isinstance(act, Countersign) else 0
    if place >= len(judged.declared.signatures):
        raise Denied("nothing is left to be signed")
    meaning = judged.declared.signatures[place]
    if not may(known.user.role, SIGNING[meaning]):
        raise Denied(f"{known.user.name}: the role {known.user.role.value} may not {SIGNING[meaning].value}")
    why = case.why if isinstance(act, Countersign) else judged.why
    text = shown(case, act.disposition, why)
    statement = Statement(
        act="judge",
        file=case.id,
        sha256=subject(case, act.disposition, why),
        who=known.user.printed,
        why=judged.why,
        at=now,
        key="",
        user=known.user.name,
        meaning=meaning,
        shown=text,
    )
    approval = entered(people, known, statement)
    return replace(act, signature=written([approval]).decode())
