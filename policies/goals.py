"""What a policy says of what a loop is to gain, which limits come first, how far it stays away, and what is to come."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from statistics import NormalDist
from typing import Annotated, cast

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from policies.words import Declared, Name, named


def _target(written: object) -> object:
    number = isinstance(written, int | float) and not isinstance(written, bool) and isfinite(written)
    if not number and not (isinstance(written, str) and named(written)):
        raise ValueError("expected a number, or the name of the tag that shows it")
    return written


Target = Annotated[
    float | str,
    BeforeValidator(_target),
    WithJsonSchema({"type": ["number", "string"], "examples": [10.0, "SP.API"]}),
]
"""A wanted value, or the name of the tag that shows it."""

Worth = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False, strict=True)]
"""What one `scale` for one sample is worth, in squared scales of deviation [1]; far less than a limit."""


class Earning(Declared):
    """A variable of which more, or less, is worth something within its limits."""

    maximise: Worth | None = None
    """What one `scale` more for one sample is worth, in squared scales of deviation [1]."""
    minimise: Worth | None = None
    """What one `scale` less for one sample is worth, in squared scales of deviation [1]."""

    @property
    def slope(self) -> float:
        """Cost of one `scale` more for one sample, in squared scales of deviation [1]; below zero for a gain."""
        return (self.minimise or 0.0) - (self.maximise or 0.0)


Rank = Annotated[int, Field(ge=1, le=5)]
"""Whose limits are kept where not all can be: those of lower number [1]."""


class Cautious(Declared):
    """Limits that are kept at a distance which grows with the doubt about where the variable is."""

    backoff: Annotated[float, Field(gt=0, le=6, allow_inf_nan=False, strict=True)] | None = None
    """Distance kept from the limits, in present standard deviations of the variable [1]; none where absent."""
    confidence: Annotated[float, Field(gt=50, lt=100, allow_inf_nan=False, strict=True)] | None = None
    """Probability with which either limit is kept, instead of `backoff` [%]."""

    @property
    def sds(self) -> float:
        """Distance kept from the limits, in present standard deviations of the variable [1]."""
        if self.confidence is not None:
            return NormalDist().inv_cdf(self.confidence / 100.0)
        return self.backoff or 0.0


class Coming(Declared):
    """A value that is announced before it comes."""

    next: Target
    """Value that comes next, or the tag that shows it."""
    at: Name
    """Tag that shows the time left until it comes; at or below zero nothing is announced."""


def _tagged(written: object) -> object:
    if isinstance(written, str) and named(written):
        return {"tag": written}
    if not isinstance(written, dict):
        raise ValueError("expected the name of a tag, or a section with tag, next and at")  # noqa: TRY004  # pydantic's
    return cast("dict[str, object]", written)


class _Plain:
    """Says in the JSON Schema that the name of a tag alone will do."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Mapping[str, object]:
        whole = cast("Mapping[str, object]", handler(core))
        return {"anyOf": [whole, {"type": "string"}]}


class Foreseen(Declared):
    """A model input that is only read, and what is known of its future."""

    tag: Name
    """Tag that shows it."""
    next: Target | None = None
    """Value that comes next, in the unit of `tag`, or the tag that shows it; none where absent."""
    at: Name | None = None
    """Tag that shows the time left until it comes; at or below zero nothing is announced."""


Known = Annotated[Foreseen, BeforeValidator(_tagged), _Plain()]
"""A model input that is only read: its tag, alone or in a section."""
