"""What a policy says of the models a plan is made with, and of those it is to hold for besides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, cast

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from policies.words import Declared, Word

_NAME = r"[a-z][a-z0-9_]*"


class Source(Declared):
    """Where a control model comes from."""

    name: Word | None = None
    """Name of a model that is installed."""
    file: str | None = None
    """Python file of a model, in the folder of the policy and part of its fingerprint; it is run."""


def _source(written: object) -> object:
    if isinstance(written, str) and re.fullmatch(_NAME, written):
        return {"name": written}
    section = cast("dict[str, object]", written) if isinstance(written, dict) else {}
    if not isinstance(section.get("file"), str) or set(section) != {"file"}:
        raise ValueError("expected one lower-case word such as line_a, or a section with file")
    return section


class _Plain:
    """Says in the JSON Schema that the name of a model alone will do."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Mapping[str, object]:
        whole = cast("Mapping[str, object]", handler(core))
        return {"anyOf": [whole, {"type": "string", "pattern": f"^{_NAME}$"}]}


Modelled = Annotated[Source, BeforeValidator(_source), _Plain()]
"""A control model, by name or by file."""


class Scenarios(Declared):
    """Plants a plan is to hold for, besides the one identified: a scenario tree, solved by IPOPT."""

    parameters: Annotated[tuple[Word, ...], Field(min_length=1, max_length=4)]
    """Identified parameters that may be higher or lower, one at a time."""
    sds: Annotated[float, Field(gt=0, le=4, allow_inf_nan=False, strict=True)] = 2.0
    """How far each may be off, in its identified standard deviations [1]."""
    robust_horizon: Annotated[int, Field(ge=1, le=2)] = 1
    """Samples after which it may have turned out anew which plant it is [1]."""

    @property
    def plants(self) -> int:
        """Number of plants, the one identified included [1]."""
        return 1 + 2 * len(self.parameters)
