"""What a policy says of cases: what QA does when something is out of trend, who does it, by when, and who signs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policies.people import Meaning
from policies.told import Route
from policies.words import Declared, Duration, Word


class CaseStep(Declared):
    """One step of the procedure."""

    what: str
    """What is to be done."""
    owner: Route
    """Who does it."""
    within_s: Duration = Field(alias="within")
    """Time from the opening of the case in which it is to be done [s]."""
    sop: str = ""
    """Procedure and step."""
    escalates: Route = "qa"
    """Who is told when it is not done in time."""
    confirms: bool = False
    """Whether it is the confirmatory test: what it is comes from the entry of the library where one is named, and it is
    done when its result is entered."""


Steps = Annotated[dict[Word, CaseStep], Field(min_length=1)]
"""Steps by name, in their order."""


class Cases(Declared):
    """How what is out of trend is followed up, from the signal to the disposition."""

    steps: Steps
    """Steps of every case for which there are none of its own below."""
    procedures: dict[Word, Steps] = Field(default_factory=dict)
    """Steps by entry of a library, by class of entry, or for what is `unknown`; the first of these that is there."""
    signatures: Annotated[tuple[Meaning, ...], Field(max_length=3)] = ()
    """Meanings of the signatures of a disposition in their order, each by another person; it is not signed if empty."""
