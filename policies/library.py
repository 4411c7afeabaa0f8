"""What an impurity-trend library says: trends that are known, how they look, what they mean, who is told.

A library is a YAML file named ``*.library.yaml``. It is approved as a file: a locked watch matches it, and nothing in
it is learnt on line.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from policies import positions
from policies.check_schema import validated
from policies.check_shape import published
from policies.errors import PolicyError
from policies.told import Priority, Route
from policies.words import Declared, Duration, Name, Number, Word

TrendClass = Literal["process", "degradation", "mutagenic", "residual_solvent", "leachable", "analytical_artefact"]
"""What kind of trend it is; an analytical artefact is no change of the product."""


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
    """Time constant [s]."""


Shape = Annotated[Step | Ramp | Exponential, Field(discriminator="kind")]
"""Course of a trend after its onset."""


class Meaning(Declared):
    """What a trend means to the people who are told."""

    causes: Annotated[tuple[str, ...], Field(min_length=1)]
    """Possible root causes, the likeliest first."""
    confirm: str
    """Test that confirms or refutes it."""


class Governance(Declared):
    """Who stands behind an entry."""

    status: Literal["draft", "approved", "retired"]
    """Where the entry is in its life; a retired entry is never matched."""
    author: str
    """Who wrote it."""
    version: str
    """Version of the entry."""
    evidence: tuple[str, ...] = ()
    """Batches or studies it rests on."""


class Entry(Declared):
    """One known trend."""

    name: str
    """Name in the words of the line."""
    kind: TrendClass = Field(alias="class")
    """What kind of trend it is."""
    signature: Annotated[dict[Name, tuple[Number, Number]], Field(min_length=1)]
    """Lowest and highest move of each channel relative to the others, in the unit of the channel (for a channel on a
    logarithmic scale: in its logarithm). A channel that is not named must stand still."""
    shapes: Annotated[tuple[Shape, ...], Field(min_length=1)]
    """Courses it may take."""
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


class Library(Declared):
    """The known trends of one line."""

    library: Literal[1]
    """Version of this format."""
    line: str
    """Name of the line it was written for."""
    revision: str
    """Revision under change control."""
    entries: Annotated[dict[Word, Entry], Field(min_length=1)]
    """Known trends, by id."""


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
    if problems or library is None:
        raise PolicyError(problems)
    return library


def schema() -> dict[str, object]:
    """Return the JSON Schema of a library, for editors and other tools."""
    return published(Library)
