"""A case of something out of trend: what was frozen when it was opened, what was done, found, judged and signed.

A case is plain data. What people do to it are acts; they come as orders, and the table in `anomaly.case_table` says
what becomes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from anomaly.alerts import Sign
from anomaly.case_table import Stage
from policies import Priority, Route

OWN = "cases."
"""Beginning of the names of the alerts that cases raise themselves: of steps that are late."""


class Disposition(StrEnum):
    """What a case turned out to be."""

    CONFIRMED = "confirmed"
    """The product or the process is out of trend."""
    ANALYTICAL = "analytical"
    """What measures is wrong, and the product is not."""
    REJECTED = "rejected"
    """Nothing was wrong."""


Support = Literal["confirms", "refutes", "inconclusive"]
"""What a result says of the suspicion."""


@dataclass(frozen=True, slots=True)
class DoStep:
    """Report a step of the procedure as done."""

    case: str
    """Name of the case."""
    step: str
    """Name of the step."""


@dataclass(frozen=True, slots=True)
class EnterResult:
    """Enter the result of the confirmatory test."""

    case: str
    """Name of the case."""
    test: str
    """What was tested, and by which method."""
    found: str
    """Result with its unit, as it is reported."""
    supports: Support
    """What it says of the suspicion."""
    reference: str = ""
    """Where the laboratory keeps it: number of sample, sheet or analysis."""


@dataclass(frozen=True, slots=True)
class Dispose:
    """Judge a case."""

    case: str
    """Name of the case."""
    disposition: Disposition
    """What it turned out to be."""
    signature: str = ""
    """Signature of whoever judges, as `policies.approval` writes it; empty where none is wanted."""


@dataclass(frozen=True, slots=True)
class Countersign:
    """Sign the disposition of another person."""

    case: str
    """Name of the case."""
    disposition: Disposition
    """The disposition that is signed; another one is not signed by mistake."""
    signature: str
    """The signature, as `policies.approval` writes it."""
    counter: bool = True
    """Always."""


@dataclass(frozen=True, slots=True)
class Return:
    """Send a disposition back instead of signing it."""

    case: str
    """Name of the case."""
    returned: bool = True
    """Always."""


@dataclass(frozen=True, slots=True)
class Reopen:
    """Open a closed case again."""

    case: str
    """Name of the case."""
    reopened: bool = True
    """Always."""


@dataclass(frozen=True, slots=True)
class Propose:
    """Keep that a library entry was drafted from a confirmed unknown."""

    case: str
    """Name of the case."""
    entry: str
    """Id of the entry in the draft."""
    draft: str
    """SHA-256 of the draft, hexadecimal."""


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature under a disposition."""

    who: str
    """Identity of the person."""
    meaning: str
    """What the signature says; empty where it is a name alone."""
    at: float
    """When, by the clock of the run, POSIX time [s]."""
    signature: str
    """The signature itself, as `policies.approval` writes it; empty where none is wanted."""


@dataclass(frozen=True, slots=True)
class Window:
    """The points a library looked at."""

    tags: tuple[str, ...]
    """Channels."""
    units: tuple[str, ...]
    """UCUM unit of each channel."""
    scales: tuple[str, ...]
    """Whether each channel is on its own scale (linear) or in its natural logarithm (log)."""
    every_s: float
    """Time between two points [s]."""
    ends: float
    """End of the interval of the newest point, POSIX time [s]."""
    points: tuple[tuple[float, ...], ...]
    """Points, oldest first, each a value by channel, unit of the channel on its scale; not a number in gaps."""
    normal: tuple[float, ...]
    """What is normal for each channel on its scale, unit of the channel."""
    sd: tuple[float, ...]
    """Normal standard deviation of each channel on its scale, unit of the channel."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a tag showed."""

    tag: str
    """The tag."""
    value: float
    """What it showed, in `unit`; not a number where nothing was there."""
    unit: str
    """UCUM code."""
    quality: str
    """good, uncertain or bad."""
    taken: float
    """When it was taken, POSIX time [s]."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was known when a case was opened; never changed afterwards."""

    at: float
    """When, POSIX time [s]."""
    onset: float
    """When it is believed to have begun, POSIX time [s]."""
    what: str
    """One sentence."""
    watches: tuple[str, ...]
    """Watches that spoke, the one the evidence is from first."""
    score: float
    """Score that crossed the limit [1]."""
    limit: float
    """Limit that was crossed [1]."""
    priority: Priority
    """How soon a person must act."""
    routes: tuple[Route, ...]
    """Who was told."""
    entry: str
    """Entry of the library, two with a plus between them; empty where it is unknown, or no library spoke."""
    named: str
    """Name of the entry in the words of the line; empty where there is none."""
    matched: bool
    """Whether a library was matched, so that no entry means an unknown trend."""
    signs: tuple[Sign, ...]
    """What contributes, the farthest from normal first."""
    chances: Mapping[str, float]
    """Probability of each entry of the library, under the empty name that it is none of them [1]."""
    facts: Mapping[str, float]
    """Numbers behind the sentence; each key ends in its unit in brackets."""
    values: tuple[Value, ...]
    """What the tags it speaks of showed."""
    window: Window | None
    """Points the library looked at; None where no library spoke."""
    hashes: Mapping[str, str]
    """SHA-256 of the policy and of every library and model behind it, by name, hexadecimal."""


@dataclass(frozen=True, slots=True)
class Task:
    """One step of the procedure of a case."""

    name: str
    """Name in the policy."""
    what: str
    """What is to be done."""
    owner: Route
    """Who does it."""
    due: float
    """By when, POSIX time [s]."""
    sop: str
    """Procedure and step."""
    escalates: Route
    """Who is told when it is not done in time."""
    confirms: bool
    """Whether it is the confirmatory test."""
    done: float | None = None
    """When it was reported done, POSIX time [s]; None while it is not."""
    who: str = ""
    """Who reported it done."""
    why: str = ""
    """What they said of it."""
    escalated: float | None = None
    """When it was found late and told on, POSIX time [s]; None where it was not."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A confirmatory result."""

    at: float
    """When it was entered, POSIX time [s]."""
    who: str
    """Who entered it."""
    test: str
    """What was tested, and by which method."""
    found: str
    """Result with its unit."""
    supports: Support
    """What it says of the suspicion."""
    reference: str
    """Where the laboratory keeps it."""
    why: str
    """What was said of it."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something else that happened to a case."""

    at: float
    """When, POSIX time [s]."""
    who: str
    """Who did it; controller where nobody did."""
    what: str
    """One sentence."""


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it stands."""

    id: str
    """Line, the word OOT, time of opening in whole POSIX seconds and number of the case in the run."""
    stage: Stage
    """How far it is."""
    change: str
    """What became of it last, in a few words."""
    at: float
    """When that was, POSIX time [s]."""
    opened: float
    """When it was opened, POSIX time [s]."""
    incident: str
    """Incident it belongs to; empty where incidents are not made, or none is told yet."""
    evidence: Evidence
    """What was known when it was opened."""
    digest: str
    """SHA-256 of the evidence, hexadecimal."""
    steps: tuple[Task, ...]
    """Steps of its procedure, in their order."""
    results: tuple[Outcome, ...] = ()
    """Confirmatory results, oldest first."""
    disposition: Disposition | None = None
    """What it turned out to be; None while that is open."""
    why: str = ""
    """Reason of the disposition."""
    judged: float | None = None
    """When it was judged, POSIX time [s]; None while it is not."""
    signatures: tuple[Signed, ...] = ()
    """Signatures under the disposition, oldest first."""
    closed: float | None = None
    """When it was closed, POSIX time [s]; None while it is open."""
    notes: tuple[Note, ...] = ()
    """What else happened, oldest first."""
    entry: str = ""
    """Library entry drafted from it; empty where none was."""
    draft: str = ""
    """SHA-256 of that draft, hexadecimal."""
    more: tuple[Evidence, ...] = ()
    """What was known whenever a library called it otherwise, oldest first; as frozen as the first."""
    origin: str = ""
    """Record it was opened in, where a later run goes on with it; empty in the run it was opened in."""

    @property
    def unknown(self) -> bool:
        """Whether a library was matched, and last no entry of it explained the trend."""
        return self.latest.matched and not self.latest.entry

    @property
    def latest(self) -> Evidence:
        """What was frozen last."""
        return self.more[-1] if self.more else self.evidence


@dataclass(frozen=True, slots=True)
class Carry:
    """Go on with a case that an earlier run left open; only the shell orders it."""

    case: str
    """Name of the case."""
    carried: Case
    """The case as that run left it."""


CaseAct = DoStep | EnterResult | Dispose | Countersign | Return | Reopen | Propose | Carry
"""Anything that may be done to a case."""


@dataclass(frozen=True, slots=True)
class CaseState:
    """Memory of the cases."""

    cases: tuple[Case, ...] = ()
    """Cases of this run, closed ones included, the oldest first."""
    count: int = 0
    """Cases opened in this run [1]."""
