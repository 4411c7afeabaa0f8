"""What a policy says of false alarms: how many each class of people is to bear at most."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from policies.words import FREQUENT, SPOKEN, Declared

_DAY = 86_400.0
_TIMES: Mapping[str, float] = MappingProxyType(
    {"hour": 3600.0, "shift": _DAY / 3.0, "day": _DAY, "week": 7.0 * _DAY, "month": 30.0 * _DAY, "year": 365.0 * _DAY}
)
_OFTEN = re.compile(r"(\d+(?:\.\d+)?)/(hour|shift|day|week|month|year)")


def per_second(text: object) -> float:
    """Return how often something may happen, written as in a policy [1/s].

    A shift has 8 hours, a month 30 days, a year 365.

    Parameters
    ----------
    text
        ``1/day``, ``2/week`` or ``1/month``.

    Raises
    ------
    ValueError
        If `text` is anything else, or never.

    Examples
    --------
    >>> round(per_second("2/week") * 7 * 86400.0, 9)
    2.0
    """
    match = _OFTEN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"expected {SPOKEN[FREQUENT]}")
    rate = float(match[1]) / _TIMES[match[2]]
    if rate <= 0.0:
        raise ValueError("expected more than no false alarm: no detector that speaks at all keeps a budget of none")
    return rate


def said(rate: float) -> str:
    """Return how often something happens, in words.

    Parameters
    ----------
    rate
        How often [1/s].

    Examples
    --------
    >>> said(per_second("2/week")), said(per_second("1/month")), said(per_second("3/hour"))
    ('2 per week', '1 per month', '3 per hour')
    """
    for name, time in (("hour", 3600.0), ("day", _DAY), ("week", 7.0 * _DAY), ("month", 30.0 * _DAY)):
        if rate * time >= 1.0 - 1e-9:
            return f"{rate * time:.3g} per {name}"
    return f"{rate * _TIMES['year']:.3g} per year"


Rate = Annotated[
    float,
    BeforeValidator(per_second),
    WithJsonSchema({"type": "string", "pattern": FREQUENT, "examples": ["1/day", "2/week", "1/month"]}),
]
"""How often something may happen, written as a number in a time, kept in 1/s."""


class Budgets(Declared):
    """False alarms each class of people is to bear at most, on average; a class that is absent has no budget."""

    operator: Rate | None = None
    """Of operators [1/s]."""
    qa: Rate | None = None
    """Of quality assurance [1/s]."""
    maintenance: Rate | None = None
    """Of maintenance [1/s]."""
    lab: Rate | None = None
    """Of the laboratory [1/s]."""

    @property
    def declared(self) -> dict[str, float]:
        """Budget of every class that has one [1/s]."""
        found = {"operator": self.operator, "qa": self.qa, "maintenance": self.maintenance, "lab": self.lab}
        return {route: rate for route, rate in found.items() if rate is not None}
