"""The small words every part of a policy is made of: spans, durations, names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_NAME = r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$"
_WORD = r"^[a-z][a-z0-9_]*$"
_SUFFIX = r"^[A-Z][A-Z0-9_]*$"
_PHRASE = r"^[A-Za-z0-9][^.\s]*( [^.\s]+)*$"
OFTEN = r"^(on connect|\d+(\.\d+)?(ms|s|m|h))$"
"""What the time of a scan class looks like."""
FREQUENT = r"^\d+(\.\d+)?/(hour|shift|day|week|month|year)$"
"""What a number of false alarms in a time looks like."""
_WRITTEN = r"^\d+(\.\d+)?(ms|s|m|h)$"
_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: object) -> float:
    """Return the length of a duration written as in a policy [s].

    Parameters
    ----------
    text
        ``500ms``, ``10s``, ``5m`` or ``8h``.

    Raises
    ------
    ValueError
        If `text` is anything else, or no time at all.

    Examples
    --------
    >>> seconds("500ms"), seconds("5m")
    (0.5, 300.0)
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("expected a duration such as 500ms, 10s, 5m or 8h")
    value = round(float(match[1]) * _SECONDS[match[2]], 9)
    if value <= 0.0:
        raise ValueError("expected a duration longer than nothing")
    return value


def written(length: float) -> str:
    """Return a duration as it is written in a policy, in the largest unit that keeps it whole.

    Parameters
    ----------
    length
        Length of the time [s].

    Examples
    --------
    >>> written(0.5), written(300.0), written(90.0)
    ('500ms', '5m', '90s')
    """
    for name in ("h", "m", "s"):
        if length >= _SECONDS[name] and length % _SECONDS[name] == 0.0:
            return f"{length / _SECONDS[name]:.0f}{name}"
    return f"{length / _SECONDS['ms']:g}ms"


def named(text: str) -> bool:
    """Return whether a text has the form of the name of a tag.

    Examples
    --------
    >>> named("SP.API"), named("SP API")
    (True, False)
    """
    return re.fullmatch(_NAME, text) is not None


def _ordered(span: tuple[float, float]) -> tuple[float, float]:
    if not span[0] < span[1]:
        raise ValueError(f"expected the lower value first and the higher second, found {span[0]:g} and {span[1]:g}")
    return span


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    WithJsonSchema({"type": "string", "pattern": _WRITTEN, "examples": ["500ms", "10s", "5m", "8h"]}),
]
"""A length of time, written with its unit, kept in seconds."""

Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]
"""A finite number; text is not converted."""

Positive = Annotated[float, Field(allow_inf_nan=False, gt=0, strict=True)]
"""A finite number above zero."""

Row = tuple[Number, ...]
"""Finite numbers, one after another."""

Span = Annotated[tuple[Number, Number], AfterValidator(_ordered)]
"""Lowest and highest value, in this order."""

Name = Annotated[str, Field(pattern=_NAME)]
"""Dotted name of letters, digits and underscores, for example ``FDR_API.F_PV``."""

Word = Annotated[str, Field(pattern=_WORD)]
"""One lower-case word, for example ``api_flow``."""

Phrase = Annotated[str, Field(pattern=_PHRASE)]
"""A few words without a full stop, for example ``API feeder``."""

Suffix = Annotated[str, Field(pattern=_SUFFIX)]
"""One upper-case word, for example ``WATER``."""

SPOKEN: Mapping[str, str] = {
    _NAME: "a name of letters, digits and underscores, parted by dots, such as FDR_API.F_PV",
    _WORD: "one lower-case word such as api_flow",
    _SUFFIX: "one upper-case word such as WATER",
    FREQUENT: "a number of false alarms in a time, such as 1/day, 2/week or 1/month",
    _PHRASE: "a few words without a full stop such as API feeder",
    OFTEN: "a duration such as 200ms or 10s, or the words on connect",
    _WRITTEN: "a duration such as 500ms, 10s, 5m or 8h",
}
"""What each pattern above means to people."""


class Declared(BaseModel):
    """Base of everything declared: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
