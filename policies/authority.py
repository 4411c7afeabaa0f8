"""How far inputs may be corrected from where they were found: as a share of the value, or as an amount of each."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, cast

from pydantic import BeforeValidator, WithJsonSchema

_ALL = 1.0


def _within(written: object) -> object:
    share = _number(written)
    if share is not None and 0.0 < share <= _ALL:
        return share
    amounts = dict[str, float]()
    section = cast("Mapping[str, object]", written) if isinstance(written, dict) else dict[str, object]()
    for name, amount in section.items():
        found = _number(amount)
        if found is not None and found > 0.0:
            amounts[name] = found
    if not amounts or len(amounts) < len(section):
        raise ValueError(
            "expected a share of the value from 0 to 1, or for each moved variable a number above 0 in its unit"
        )
    return amounts


def _number(written: object) -> float | None:
    usable = isinstance(written, int | float) and not isinstance(written, bool) and isfinite(written)
    return float(cast("float", written)) if usable else None


_AMOUNTS = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "number", "exclusiveMinimum": 0}}
Within = Annotated[
    float | dict[str, float],
    BeforeValidator(_within),
    WithJsonSchema({"type": ["number", "object"], **_AMOUNTS, "exclusiveMinimum": 0, "maximum": _ALL}),
]
"""A share of the value found at take-over [1], or an amount by moved variable, in the unit of each."""
