"""Thresholds of guidelines on impurities: data with edition and scope, and what follows from them for a daily dose.

References
----------
ICH Q3A(R2), "Impurities in new drug substances", 2006, attachment 1; ICH Q3B(R2), "Impurities in new drug products",
2006, attachment 1; ICH M7(R2), "Assessment and control of DNA reactive (mutagenic) impurities", 2023, tables 2 and 3;
Ph. Eur. 2034, "Substances for pharmaceutical use".
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

from policies import positions
from policies.check_schema import validated
from policies.errors import PolicyError
from policies.words import Declared, Positive

Material = Literal["drug_substance", "drug_product"]
"""Whether it is what is effective, or what the patient takes."""

Kind = Literal[
    "small_molecule", "peptide", "oligonucleotide", "biological", "fermentation", "herbal", "radiopharmaceutical"
]
"""What kind of product it is; guidelines hold for some of them only."""

Treatment = Literal["up_to_1_month", "up_to_12_months", "up_to_10_years", "lifetime"]
"""For how long patients take it (ICH M7)."""

GRADES = ("reporting", "identification", "qualification")
"""Thresholds a guideline gives, the lowest first."""

_MG_PER_G, _UG_PER_G = 1e3, 1e6


class Threshold(Declared):
    """One row of a table of thresholds."""

    up_to_g: Positive | None = None
    """Largest daily dose it is for [g]."""
    below_g: Positive | None = None
    """Daily dose below which it is for [g]."""
    pct: Positive
    """Share of the drug substance [%]."""
    mg: Positive | None = None
    """Daily intake of the impurity [mg]; where it is the lower one, it counts."""


class Guideline(Declared):
    """Thresholds of one guideline."""

    guideline: str
    """Name, with its revision."""
    edition: str
    """Edition or date."""
    title: str
    """What it is about."""
    material: Material
    """What it is for."""
    excludes: tuple[Kind, ...] = ()
    """Kinds of products it is not for."""
    only: tuple[Kind, ...] = ()
    """Kinds of products it is for; all but the excluded where empty."""
    reporting: tuple[Threshold, ...]
    """Above it an impurity is reported."""
    identification: tuple[Threshold, ...]
    """Above it an impurity is identified."""
    qualification: tuple[Threshold, ...]
    """Above it an impurity is qualified."""

    def holds_for(self, kind: Kind) -> bool:
        """Return whether it is for a kind of product."""
        return kind not in self.excludes and (not self.only or kind in self.only)


class Intake(Declared):
    """Acceptable intake of mutagenic impurities."""

    one: Positive
    """Of one impurity [ug/day]."""
    all: Positive
    """Of all of them together [ug/day]."""


class Intakes(Declared):
    """Acceptable intakes of one guideline by the length of treatment."""

    guideline: str
    """Name, with its revision."""
    edition: str
    """Edition or date."""
    title: str
    """What it is about."""
    excludes: tuple[Kind, ...] = ()
    """Kinds of products it is not for."""
    treatment: dict[Treatment, Intake]
    """Acceptable intake by the length of treatment."""


class Guidelines(Declared):
    """All guidelines that are known."""

    guidelines: tuple[Guideline, ...]
    """Thresholds by daily dose."""
    intakes: tuple[Intakes, ...]
    """Acceptable intakes of mutagenic impurities."""


@cache
def known() -> Guidelines:
    """Return the guidelines that come with Steadyline.

    Raises
    ------
    PolicyError
        If the file of them is none.
    """
    document = positions.read((files("policies") / "guidelines.yaml").read_bytes(), "guidelines.yaml")
    found, problems = validated(document, Guidelines)
    if found is None:
        raise PolicyError(problems)
    return found


def named(name: str) -> Guideline | None:
    """Return a guideline with thresholds by its name, or None."""
    return next((one for one in known().guidelines if one.guideline == name), None)


def thresholds(guideline: Guideline, dose: float) -> dict[str, float]:
    """Return the thresholds of a guideline for a daily dose, by name [%].

    Parameters
    ----------
    guideline
        The guideline.
    dose
        Largest daily dose of the drug substance [g].

    Examples
    --------
    >>> found = named("ICH Q3B(R2)")
    >>> thresholds(found, 0.8)
    {'reporting': 0.1, 'identification': 0.2, 'qualification': 0.2}
    >>> {grade: round(share, 3) for grade, share in thresholds(found, 1.9).items()}
    {'reporting': 0.05, 'identification': 0.105, 'qualification': 0.158}
    """
    rows = (guideline.reporting, guideline.identification, guideline.qualification)
    return dict(zip(GRADES, (_share(one, dose) for one in rows), strict=True))


def acceptable(intake: float, dose: float) -> float:
    """Return the share of the drug substance at which a daily intake is reached [%].

    Parameters
    ----------
    intake
        Acceptable intake [ug/day].
    dose
        Largest daily dose of the drug substance [g].

    Examples
    --------
    >>> acceptable(1.5, 0.3)
    0.0005
    """
    return 100.0 * intake / (dose * _UG_PER_G)


def _share(rows: tuple[Threshold, ...], dose: float) -> float:
    row = next(one for one in rows if _for(one, dose))
    return row.pct if row.mg is None else min(row.pct, 100.0 * row.mg / (dose * _MG_PER_G))


def _for(row: Threshold, dose: float) -> bool:
    if row.below_g is not None:
        return dose < row.below_g
    return row.up_to_g is None or dose <= row.up_to_g
