"""What people do to the cases of a scenario."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from anomaly.cases import (
    CaseAct,
    Countersign,
    Dispose,
    Disposition,
    DoStep,
    EnterResult,
    Propose,
    Reopen,
    Return,
    Support,
)
from policies.words import Declared, Duration, Word


class Tested(Declared):
    """A result of the confirmatory test."""

    test: str
    """What was tested, and by which method."""
    found: str
    """Result with its unit."""
    supports: Support
    """What it says of the suspicion."""
    reference: str = ""
    """Where the laboratory keeps it."""


class Followed(Declared):
    """One thing a person does to a case, by an order."""

    after_s: Duration = Field(alias="after")
    """Time since the start [s]."""
    who: str
    """Who does it; a signature is made with a key of the rig that bears this name."""
    why: str = "as the scenario says"
    """Reason, kept in the record."""
    number: Annotated[int, Field(ge=1)] = Field(default=1, alias="case")
    """Which case of the run, from 1 [1]."""
    step: Word | None = None
    """Step that is done."""
    result: Tested | None = None
    """Result that is entered."""
    dispose: Disposition | None = None
    """What it is judged to be, signed as the policy wants it."""
    countersign: Disposition | None = None
    """Disposition of another person that is signed."""
    send_back: Literal[True] | None = None
    """Whether a disposition is sent back."""
    reopen: Literal[True] | None = None
    """Whether a closed case is opened again."""
    propose: Word | None = None
    """Id of the library entry that is drafted from it."""

    @model_validator(mode="after")
    def _one(self) -> Followed:
        words = ("step", "result", "dispose", "countersign", "send_back", "reopen", "propose")
        given = [word for word in words if getattr(self, word) is not None]
        if len(given) != 1:
            raise ValueError(f"found {' and '.join(given) or 'nothing'}, wanted one of {', '.join(words)}")
        return self

    def act(self, case: str, signature: str, draft: str) -> CaseAct:
        """Return what is ordered.

        Parameters
        ----------
        case
            Name of the case.
        signature
            Signature of the person, where one is made.
        draft
            SHA-256 of the drafted library, hexadecimal.
        """
        if self.step is not None:
            return DoStep(case, self.step)
        if self.result is not None:
            said = self.result
            return EnterResult(case, said.test, said.found, said.supports, said.reference)
        if self.dispose is not None:
            return Dispose(case, self.dispose, signature)
        if self.countersign is not None:
            return Countersign(case, self.countersign, signature)
        if self.propose is not None:
            return Propose(case, self.propose, draft)
        return Return(case) if self.send_back else Reopen(case)
