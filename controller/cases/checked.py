"""Whether what a case says of itself holds: its evidence, and the signatures under its disposition."""

from __future__ import annotations

from dataclasses import dataclass

from anomaly.cases import Case, Signed
from controller.cases.judging import frozen, subject
from controller.people import People
from controller.signed import found
from policies.approval import Approval, NotApproved, holds, read


@dataclass(frozen=True, slots=True)
class Checked:
    """One signature under a disposition, looked at again."""

    signed: Signed
    """The signature as the case holds it."""
    approval: Approval | None
    """What was signed; None where it is a name alone."""
    wrong: str
    """Why it does not hold; empty where it does."""
    known: bool
    """Whether its key was looked up among the users of the station."""

    def sentence(self) -> str:
        """Return in words whether it holds."""
        if self.approval is None:
            return "a name alone, no signature was wanted" if not self.wrong else f"does not hold: {self.wrong}"
        if self.wrong:
            return f"does not hold: {self.wrong}"
        key = f"key {self.approval.signer[:16]}"
        return f"holds, {key}" + (", of this user" if self.known else "; whose key it is was not looked up")


def intact(case: Case) -> bool:
    """Return whether the frozen evidence is what was frozen."""
    return frozen(case.evidence) == case.digest


def checked(case: Case, people: People | None = None) -> list[Checked]:
    """Return every signature under the disposition of a case, looked at again.

    Parameters
    ----------
    case
        The case.
    people
        The users of the station, to see whose keys they are; not looked up where None.
    """
    return [_one(case, each, people) for each in case.signatures]


def _one(case: Case, signed: Signed, people: People | None) -> Checked:
    if not signed.signature or case.disposition is None:
        return Checked(signed, None, "", known=False)
    digest = subject(case, case.disposition, case.why)
    try:
        (approval,) = read(signed.signature.encode())
        holds(approval, digest)
        if people is None:
            return Checked(signed, approval, "", known=False)
        (judged,) = found(people, digest, [approval])
    except (NotApproved, ValueError, OSError) as error:
        return Checked(signed, None, str(error), known=False)
    return Checked(signed, approval, judged.wrong, known=not judged.wrong)
