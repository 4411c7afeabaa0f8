"""A section that chooses one of several forms by its `kind`, or is only the name of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema


def section(*names: str) -> Callable[[object], object]:
    """Return what makes a section of a name alone; strict reading takes no list for a tuple behind it."""

    def read(written: object) -> object:
        if isinstance(written, str):
            if written not in names:
                raise ValueError(f"expected {' or '.join(names)}, alone or with settings")
            return {"kind": written}
        if not isinstance(written, dict):
            return written
        whole = cast("dict[str, object]", written)
        return {key: tuple(cast("list[object]", v)) if isinstance(v, list) else v for key, v in whole.items()}

    return read


@dataclass(frozen=True, slots=True)
class Named:
    """Says in the JSON Schema that a name alone will do."""

    names: tuple[str, ...]
    """The names."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Mapping[str, object]:
        """Return the schema of the section, or of a name."""
        whole = cast("Mapping[str, object]", handler(core))
        return {"anyOf": [whole, {"type": "string", "enum": list(self.names)}]}
