"""What a policy says of the verdict on containers and batches: of what it is made, and what it is held against."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from policies.words import Declared, Duration, Name, Positive, Span

Count = Annotated[int, Field(ge=0, strict=True)]
"""A whole number, 0 or more."""


class Criterion(Declared):
    """What is asked of samples from a size on, one row of the table of a pharmacopoeia."""

    n: Annotated[int, Field(ge=2, strict=True)]
    """Units in the sample, from which on this row holds [1]."""
    k: Positive
    """Acceptability constant [1]."""
    c2: Count = 0
    """Units that may be beyond `beyond` [1]."""


STANDARD = (
    Criterion(n=10, k=2.4),
    Criterion(n=30, k=2.0),
    Criterion(n=385, k=2.23, c2=3),
    Criterion(n=406, k=2.23, c2=3),
    Criterion(n=407, k=2.24, c2=3),
    Criterion(n=489, k=2.24, c2=3),
    Criterion(n=490, k=2.24, c2=4),
    Criterion(n=500, k=2.24, c2=4),
    Criterion(n=501, k=2.4, c2=4),
)
"""Rows known to us: Ph. Eur. 2.9.40 and USP <905> for 10 and 30 units, Ph. Eur. 2.9.47 (8.0) from 385 to 500 units.

Of larger samples we only know that the constant goes on rising; the last row is ours, the strictest of all chapters.
"""


class DosageUnits(Declared):
    """Uniformity of dosage units: the acceptance value of USP <905> and Ph. Eur. 2.9.40 and 2.9.47."""

    tag: Name
    """Tag of the content of the units made now; certain where it has no standard deviation."""
    claim: Positive
    """Label claim, in the unit of `tag`."""
    unit_sd: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Standard deviation of a unit about what `tag` shows, beside all that `tag` sees [% of the claim]."""
    limits: Span
    """Lowest and highest content of what is let out that is no excursion [% of the claim]."""
    every_s: Duration = Field(default=10.0, alias="every")
    """Time from one sample to the next [s]."""
    target: Positive = 100.0
    """Content aimed at when the units are made, T [% of the claim]."""
    l1: Positive = 15.0
    """Largest acceptance value [1]."""
    l2: Positive = 25.0
    """How far a unit may be from the reference value M, in % of M."""
    criteria: tuple[Criterion, ...] = STANDARD
    """What is asked of samples by their size; those of the edition that holds for the product are to be copied here."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        sizes = [one.n for one in self.criteria]
        if not sizes or sizes != sorted(set(sizes)):
            raise ValueError("criteria: expected at least one row, sizes rising")
        return self


class Blend(Declared):
    """Uniformity of the blend by a moving block."""

    tag: Name
    """Tag of its relative standard deviation [%]."""
    at_most: Positive
    """Largest that needs no look, in the unit of `tag`."""


class Release(Declared):
    """What a verdict is made of besides the content that is followed."""

    units: DosageUnits | None = None
    """Uniformity of dosage units; not judged where absent."""
    blend: Blend | None = None
    """Uniformity of the blend; not judged where absent."""
    missing: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.05
    """Share of the samples that may be missing without a look [1]."""
    far: Positive = 3.0
    """Standard deviations of what is inferred by which a verdict is certain [1]."""
