"""What a library says of an impurity: what it is, how it usually behaves, how much of it may be there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from policies import guidelines
from policies.guidelines import GRADES, Kind, Material, Treatment
from policies.words import Declared, Name, Number, Positive

Share = Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False, strict=True)]
"""Share of a whole, above 0 and below 1."""

OWN = "product-specific"
"""Name of the limits that no guideline gives."""

_SAME = 1e-9


class Product(Declared):
    """What is made, and how much of it a patient takes."""

    name: str
    """Name of the product."""
    kind: Kind
    """What kind of product it is."""
    material: Material
    """Whether it is the drug substance or the drug product."""
    strength: str = ""
    """Strength it is made in."""
    dose_g_per_day: Positive
    """Largest daily dose of the drug substance [g]."""
    treatment: Treatment = "lifetime"
    """For how long patients take it."""


class Identity(Declared):
    """Which impurity it is, and how it is measured."""

    impurity: str
    """Name or number of the impurity; ``unknown`` with its retention time where nobody knows."""
    tag: Name
    """Channel that shows it."""
    unit: str = "%"
    """UCUM code of `loq`, `lod` and all limits."""
    structure: str = ""
    """Where its structure is kept, or what it is."""
    mass: Positive | None = None
    """Mass-to-charge ratio by which mass spectrometry knows it [Da]."""
    rrt: Positive | None = None
    """Retention time relative to the reference [1]."""
    rrt_window: Positive = 0.02
    """Largest distance from `rrt` at which a peak is this one [1]."""
    method: str
    """Number of the method."""
    method_version: str
    """Version of the method."""
    response: Positive = 1.0
    """Response of the impurity relative to the reference, by which its area is divided [1]."""
    loq: Positive
    """Smallest amount that is quantified, in `unit`."""
    lod: Positive
    """Smallest amount that is seen, in `unit`."""
    matrix: str = ""
    """What it is measured in."""


class ErrorModel(Declared):
    """How a result scatters: the root of the sum of both squares."""

    floor: Positive
    """Standard deviation of a small result, unit of the impurity."""
    share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Standard deviation of a large result as a share of it [1]."""
    memory: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Correlation of one result with the next in normal operation [1]."""


class Expectation(Declared):
    """How the impurity behaves while nothing is wrong."""

    model: Literal["constant", "linear", "exponential_approach", "arrhenius", "lot_effect"]
    """Course over time or age."""
    level: Number
    """Usual level, or that at the beginning, unit of the impurity."""
    covariates: tuple[str, ...] = ()
    """What it depends on: strength, lot of a material, campaign, hold time."""
    error: ErrorModel
    """How a result scatters."""
    below_loq: Literal["censored", "half", "zero", "as_reported"] = "censored"
    """What a result below the limit of quantification counts as; censored: anything up to the limit."""
    interval: Literal["prediction", "tolerance"] = "prediction"
    """Kind of the limits results are held against."""
    coverage: Share = 0.99
    """Share of normal results within them [1]."""
    confidence: Share = 0.95
    """Confidence of a tolerance interval [1]."""
    fewest: Annotated[int, Field(ge=2)] = 10
    """Results below whose number no limits are made [1]."""
    transform: Literal["none", "log", "sqrt"] = "none"
    """What is taken of a result before it is judged."""


class Limits(Declared):
    """How much of the impurity may be there. Thresholds of a guideline follow from the dose where they are absent."""

    guideline: str
    """Guideline the thresholds are from, or ``product-specific``."""
    edition: str = ""
    """Edition of the guideline; the one that is known where empty."""
    because: str = ""
    """Study or dossier that product-specific thresholds rest on."""
    reporting: Positive | None = None
    """Above it the impurity is reported, unit of the impurity."""
    identification: Positive | None = None
    """Above it the impurity is identified, unit of the impurity."""
    qualification: Positive | None = None
    """Above it the impurity is qualified, unit of the impurity."""
    alert: Positive | None = None
    """In-process alert limit, unit of the impurity."""
    action: Positive | None = None
    """In-process action limit, unit of the impurity."""
    specification: Positive | None = None
    """Limit of the specification, unit of the impurity."""
    m7_class: Annotated[int, Field(ge=1, le=5)] | None = None
    """Class of ICH M7, 1 to 5, for an impurity that is or may be mutagenic [1]."""
    intake: Positive | None = None
    """Acceptable intake of this compound, for class 1 [ug/day]."""
    purge: Annotated[float, Field(ge=1.0)] = 1.0
    """Times the impurity is diluted between here and the product the guideline is for [1]."""

    @property
    def written(self) -> dict[str, float]:
        """Limits written in the library, by name, unit of the impurity."""
        names = (*GRADES, "alert", "action", "specification")
        found: dict[str, float | None] = {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value is not None}


def resolved(limits: Limits, product: Product | None) -> dict[str, float]:
    """Return every limit of an impurity by name, those that follow from the dose included, unit of the impurity."""
    found = dict(limits.written)
    guideline = guidelines.named(limits.guideline)
    if product is None:
        return found
    if guideline is not None and guideline.holds_for(product.kind):
        for name, value in guidelines.thresholds(guideline, product.dose_g_per_day).items():
            found.setdefault(name, value * limits.purge)
    intake = _intake(limits, product)
    if intake is not None:
        found["acceptable_intake"] = guidelines.acceptable(intake, product.dose_g_per_day) * limits.purge
    return found


def objections(limits: Limits, product: Product | None) -> Iterator[tuple[str, str]]:
    """Give what is wrong with limits: the key, and what was found and wanted."""
    if limits.guideline == OWN:
        yield from _own(limits)
    else:
        yield from _of_guideline(limits, product)
    yield from _mutagenic(limits, product)
    order = list(resolved(limits, product).items())
    for names in (GRADES, ("alert", "action", "specification")):
        values = [(name, value) for name, value in order if name in names]
        values.sort(key=lambda one: names.index(one[0]))
        for (low, a), (high, b) in pairwise(values):
            if a > b + _SAME:
                yield high if high in limits.written else low, f"found {low} {a:g} above {high} {b:g}"


def _own(limits: Limits) -> Iterator[tuple[str, str]]:
    missing = [name for name in GRADES if name not in limits.written]
    if missing:
        yield "guideline", f"{OWN} limits need {', '.join(missing)}; no guideline gives them"
    elif not limits.because:
        yield "guideline", f"{OWN} limits need because: the study or dossier they rest on"


def _of_guideline(limits: Limits, product: Product | None) -> Iterator[tuple[str, str]]:
    found = guidelines.named(limits.guideline)
    if found is None:
        names = [one.guideline for one in guidelines.known().guidelines]
        yield "guideline", f"found {limits.guideline!r}, expected one of {', '.join([*names, OWN])}"
        return
    if limits.edition not in {"", found.edition}:
        yield "edition", f"found {limits.edition!r}, but {found.guideline} is known in the edition {found.edition}"
    if product is None:
        yield "guideline", f"{found.guideline} needs the product: its kind and its daily dose"
        return
    if not found.holds_for(product.kind):
        yield "guideline", f"{found.guideline} does not hold for a {product.kind}; write {OWN} limits"
        return
    if found.material != product.material and limits.purge == 1.0:
        yield "guideline", f"{found.guideline} is for a {found.material}, but the product is a {product.material}"
    for name, most in guidelines.thresholds(found, product.dose_g_per_day).items():
        value = limits.written.get(name)
        if value is not None and value > most * limits.purge * (1.0 + _SAME):
            yield name, f"found {value:g} above the {most * limits.purge:g} of {found.guideline} at this dose"


def _mutagenic(limits: Limits, product: Product | None) -> Iterator[tuple[str, str]]:
    if limits.m7_class == 1 and limits.intake is None:
        yield "m7_class", "class 1 needs intake: the acceptable intake of this compound"
    tables = guidelines.known().intakes[0]
    if limits.m7_class is not None and product is not None and product.kind in tables.excludes:
        yield "m7_class", f"{tables.guideline} is not meant for a {product.kind}; write {OWN} limits"
    if limits.m7_class in {1, 2, 3} and product is None:
        yield "m7_class", "classes 1 to 3 need the product: its daily dose and the length of treatment"
    most = None if product is None else resolved(limits, product).get("acceptable_intake")
    specified = limits.specification
    if most is not None and specified is not None and specified > most * (1.0 + _SAME):
        yield "specification", f"found {specified:g} above the {most:g} of the acceptable intake (ICH M7)"


def _intake(limits: Limits, product: Product) -> float | None:
    if limits.m7_class == 1:
        return limits.intake
    tables = guidelines.known().intakes[0]
    if limits.m7_class in {2, 3} and product.kind not in tables.excludes:
        return tables.treatment[product.treatment].one
    return None
