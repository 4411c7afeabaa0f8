"""What an impurity-trend library says: trends that are known, how they look, what they mean, who is told.

A library is a YAML file named ``*.library.yaml``. It is approved as a file: a locked watch matches it, and nothing in
it is learnt on line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from policies import positions
from policies.check_schema import validated
from policies.check_shape import published
from policies.errors import PolicyError, Problem
from policies.impurities import Expectation, Identity, Limits, Product, Share, objections, resolved
from policies.positions import Document
from policies.told import Priority, Route
from policies.watches import Channel
from policies.words import Declared, Duration, Name, Number, Positive, Word

TrendClass = Literal[
    "process", "degradation", "mutagenic", "fragment", "residual_solvent", "leachable", "analytical_artefact"
]
"""What kind of trend it is; a fragment is of a sequence (deletion, deamidation, oxidation), and an analytical artefact
is no change of the product."""

_Objection = tuple[tuple[str | int, ...], str]
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Step(Declared):
    """A change that is there at once and stays."""

    kind: Literal["step"]
    """Form of the trend."""


class Ramp(Declared):
    """A change that grows evenly from its onset."""

    kind: Literal["ramp"]
    """Form of the trend."""


class Exponential(Declared):
    """A change that grows quickly at first and then levels off."""

    kind: Literal["exponential"]
    """Form of the trend."""
    tau_s: Duration = Field(alias="tau")
    """Time constant, the shortest where there is `to` [s]."""
    to_s: Duration | None = Field(default=None, alias="to")
    """Longest time constant [s]."""


Shape = Annotated[Step | Ramp | Exponential, Field(discriminator="kind")]
"""Course of a trend after its onset."""


class Meaning(Declared):
    """What a trend means to the people who are told."""

    causes: Annotated[tuple[str, ...], Field(min_length=1)]
    """Possible root causes, the likeliest first."""
    confirm: str
    """Test that confirms or refutes it."""
    sop: str = ""
    """Procedure and step for whoever is told."""
    suppress: dict[Name, Number] = Field(default_factory=dict)
    """Tags at whose value the entry is not told, such as that of a planned change of the column; unit of the tag."""


class Validation(Declared):
    """What came out when the entry was tried."""

    power: Annotated[float, Field(ge=0.0, le=1.0)]
    """Share of trends of at least its size that were told under its name [1]."""
    false_per_week: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    """How often it was told without reason [1/week]."""
    how: str
    """On what: seeds, batches, report."""


class Governance(Declared):
    """Who stands behind an entry."""

    status: Literal["draft", "approved", "retired"]
    """Where the entry is in its life; a retired entry is never matched."""
    author: str
    """Who wrote it."""
    version: str
    """Version of the entry."""
    approver: str = ""
    """Who approved it, another person than the author."""
    date: str = ""
    """Day of the approval, such as 2026-11-21."""
    effective_from: str = ""
    """Day from which it is in force."""
    evidence: tuple[str, ...] = ()
    """Batches or studies it rests on."""
    validation: Validation | None = None
    """What came out when it was tried."""
    hash: str = ""
    """SHA-256 of the entry without its governance, as ``library check`` prints it; checked where it stands."""

    @field_validator("date", "effective_from")
    @classmethod
    def _a_day(cls, day: str) -> str:
        if day and not _DATE.fullmatch(day):
            raise ValueError("expected a day such as 2026-11-21")
        return day

    @model_validator(mode="after")
    def _stood_behind(self) -> Governance:
        if self.status == "approved":
            needed = {name: getattr(self, name) for name in ("approver", "date", "effective_from", "evidence")}
            missing = [name for name, value in (needed | {"validation": self.validation}).items() if not value]
            if missing:
                raise ValueError(f"found an approved entry without {', '.join(missing)}")
            if self.approver == self.author:
                raise ValueError(f"found {self.author} as author and approver, expected two persons")
        return self


class Entry(Declared):
    """One known trend."""

    name: str
    """Name in the words of the line."""
    kind: TrendClass = Field(alias="class")
    """What kind of trend it is."""
    identity: Identity | None = None
    """Which impurity it is about, and how that is measured."""
    expectation: Expectation | None = None
    """How the impurity behaves while nothing is wrong."""
    limits: Limits | None = None
    """How much of it may be there."""
    signature: Annotated[dict[Name, tuple[Number, Number]], Field(min_length=1)]
    """Lowest and highest move of each channel relative to the others, in the unit of the channel (for a channel on a
    logarithmic scale: in its logarithm). A channel that is not named must stand still."""
    shapes: Annotated[tuple[Shape, ...], Field(min_length=1)]
    """Courses it may take."""
    least: Positive | None = None
    """Size of the smallest trend that must be found, in moves of the signature [1]."""
    order: tuple[tuple[Name, ...], ...] = ()
    """Channels in the order in which they begin to move; those of one group in any order."""
    excluded: tuple[Name, ...] = ()
    """Channels that must not move, said for people; the watch must have them."""
    meaning: Meaning
    """What it means."""
    severity: Priority
    """How soon a person must act."""
    routing: Route
    """Who is told."""
    governance: Governance
    """Who stands behind it."""

    @field_validator("signature")
    @classmethod
    def _moves(cls, signature: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for name, (low, high) in signature.items():
            if low > high:
                raise ValueError(f"{name}: expected the lower move first, found {low:g} and {high:g}")
        if all(low <= 0.0 <= high for low, high in signature.values()):
            raise ValueError("expected at least one channel that cannot stand still; noise alone would fit")
        return signature

    @property
    def matched(self) -> bool:
        """Whether it is matched on line."""
        return self.governance.status != "retired"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all it says but its governance."""
        said = self.model_dump_json(by_alias=True, exclude={"governance"})
        return hashlib.sha256(said.encode()).hexdigest()


class Normal(Declared):
    """What is normal, for a library that no policy beside it watches."""

    channels: Annotated[dict[Name, Channel], Field(min_length=1)]
    """Channels the signatures are written in, with what is normal."""
    every_s: Duration = Field(alias="every")
    """Time between two points of the trend [s]."""
    window: Annotated[int, Field(ge=10, le=240)]
    """Points looked back [1]."""
    limit: Positive = 25.0
    """Logarithm of the likelihood ratio of trend to no trend at which it speaks [1]."""
    explained: Share = 0.65
    """Share of the trend an entry must explain to be named [1]."""


class Library(Declared):
    """The known trends of one line."""

    library: Literal[1]
    """Version of this format."""
    line: str
    """Name of the line it was written for."""
    revision: str
    """Revision under change control."""
    product: Product | None = None
    """What is made; thresholds follow from its daily dose."""
    normal: Normal | None = None
    """What is normal, where no policy says so."""
    entries: Annotated[dict[Word, Entry], Field(min_length=1)]
    """Known trends, by id."""

    def limits(self, entry: str) -> Mapping[str, float]:
        """Return every limit of an entry by name, unit of its impurity."""
        declared = self.entries[entry].limits
        return {} if declared is None else resolved(declared, self.product)


def read(data: bytes, name: str) -> Library:
    """Return the library in a file.

    Parameters
    ----------
    data
        What the file holds, YAML 1.2.
    name
        Name of the file, for the messages.

    Raises
    ------
    PolicyError
        If the file is no library; it names every mistake with its place.
    """
    document = positions.read(data, name)
    library, misfits = validated(document, Library)
    problems = [*document.problems, *misfits]
    if library is not None:
        problems += _amiss(library, document)
    if problems or library is None:
        raise PolicyError(problems)
    return library


def schema() -> dict[str, object]:
    """Return the JSON Schema of a library, for editors and other tools."""
    return published(Library)


def _amiss(library: Library, document: Document) -> Iterator[Problem]:
    for key, entry in library.entries.items():
        found = (*_unroutable(entry), *_unmeasured(entry), *_misplaced(entry), *_misnamed(entry))
        for place, message in found:
            yield document.problem(("entries", key, *place), message)
        if entry.limits is not None:
            for name, message in objections(entry.limits, library.product):
                yield document.problem(("entries", key, "limits", name), message)
            yield from _unseen(library, key, document)


def _unroutable(entry: Entry) -> Iterator[_Objection]:
    if entry.kind == "analytical_artefact" and entry.routing not in {"lab", "maintenance"}:
        yield (
            ("routing",),
            f"found {entry.routing}, expected lab or maintenance: an artefact is no change of the product",
        )
    m7_class = entry.limits.m7_class if entry.limits else None
    if entry.kind == "mutagenic" and m7_class is None:
        yield ("class",), "a mutagenic impurity needs limits with its m7_class"


def _unmeasured(entry: Entry) -> Iterator[_Objection]:
    identity = entry.identity
    if identity is None:
        if entry.limits or entry.expectation:
            yield ("name",), "limits and expectation need identity: the impurity, its channel and its method"
        return
    if identity.lod > identity.loq:
        yield ("identity", "lod"), f"found {identity.lod:g} above the {identity.loq:g} that can be quantified"
    if identity.tag not in entry.signature:
        yield ("identity", "tag"), f"found {identity.tag}, expected a channel of the signature"


def _misplaced(entry: Entry) -> Iterator[_Objection]:
    ordered = [name for group in entry.order for name in group]
    for name in ordered:
        if name not in entry.signature:
            yield ("order",), f"found {name}, expected channels of the signature"
    if len(set(ordered)) < len(ordered):
        yield ("order",), "found a channel twice"
    for i, shape in enumerate(entry.shapes):
        if isinstance(shape, Exponential) and shape.to_s is not None and shape.to_s <= shape.tau_s:
            yield ("shapes", i, "to"), f"found {shape.to_s:g} s, expected more than the {shape.tau_s:g} s of tau"
    for name in entry.excluded:
        low, high = entry.signature.get(name, (0.0, 0.0))
        if low != 0.0 or high != 0.0:
            yield ("excluded",), f"found {name}, which the signature moves"


def _misnamed(entry: Entry) -> Iterator[_Objection]:
    found = entry.governance.hash
    if found and found != entry.fingerprint:
        yield ("governance", "hash"), f"found {found[:16]}, but the entry says {entry.fingerprint[:16]}; it was changed"


def _unseen(library: Library, key: str, document: Document) -> Iterator[Problem]:
    entry, limits = library.entries[key], library.limits(key)
    lowest = min((v for k, v in limits.items() if k in {"reporting", "acceptable_intake"}), default=None)
    if entry.identity is not None and lowest is not None and entry.identity.loq > lowest * (1.0 + 1e-9):
        said = f"found {entry.identity.loq:g} above the {lowest:g} that must be seen"
        yield document.problem(("entries", key, "identity", "loq"), said)
