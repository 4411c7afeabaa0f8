"""What a policy says of how often tags are read, and of values that must come from one scan of a PLC."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Annotated, cast

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from policies.words import OFTEN, SPOKEN, Declared, Duration, Name, Word, seconds

CONTROL = "control"
"""Scan class that is read in every cycle; that of a tag which does not say otherwise."""
SUBSCRIBE = "subscribe"
"""What stands in place of a scan class where the server reports the changes of a tag by itself."""
ON_CONNECT = "on connect"
"""Time of a scan class that is read once, whenever the connection is established."""

_TIME: dict[str, object] = {"type": "string", "pattern": OFTEN, "examples": ["200ms", "10s", ON_CONNECT]}
_SCANS_KEPT, _SHORTEST_KEPT_S = 3.0, 3.0


def every(text: object) -> float:
    """Return the time from one scan to the next [s]; endless for a class that is read on connect.

    Parameters
    ----------
    text
        ``200ms``, ``10s`` or ``on connect``.

    Raises
    ------
    ValueError
        If `text` is anything else.

    Examples
    --------
    >>> every("200ms"), every("on connect")
    (0.2, inf)
    """
    if text == ON_CONNECT:
        return inf
    try:
        return seconds(text)
    except ValueError:
        raise ValueError(f"expected {SPOKEN[OFTEN]}") from None


def _whole(written: object) -> object:
    """Return the section that a time alone stands for."""
    if isinstance(written, Mapping | ScanClass):
        return cast("object", written)
    every(written)
    return {"every": written}


class _Short:
    """Says in the JSON Schema that a time alone will do."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Mapping[str, object]:
        # The section first, which is where sentences about keys come from.
        whole = cast("Mapping[str, object]", handler(core))
        return {"anyOf": [whole, _TIME]}


class ScanClass(Declared):
    """Tags that are read together, and when."""

    every_s: Annotated[float, BeforeValidator(every), WithJsonSchema(_TIME)] = Field(alias="every")
    """Time from one scan to the next, or ``on connect`` [s]."""
    phase_s: Duration = Field(default=0.0, alias="phase")
    """By how much the scans come after the whole multiples of that time [s]; parts classes that would meet."""
    deadline_s: Duration | None = Field(default=None, alias="deadline")
    """Longest wait for all values [s]; half of the time to the next scan, at most the timeout, where absent."""

    @property
    def on_connect(self) -> bool:
        """Whether it is read once, whenever the connection is established."""
        return self.every_s == inf

    @property
    def kept_s(self) -> float:
        """Age up to which its values are evidence where a tag does not say so [s]."""
        return max(_SHORTEST_KEPT_S, _SCANS_KEPT * self.every_s)


Scans = dict[Word, Annotated[ScanClass, BeforeValidator(_whole), _Short()]]
"""Scan classes, by name."""


class Coherence(Declared):
    """How it is seen that the values of one reading come from one scan of the PLC."""

    counter: Name | None = None
    """Tag that counts the scans; that of the handshake where absent."""
    within: Annotated[int, Field(ge=0)] = 0
    """Most scans that may go by while the values are read [1]; a fast PLC needs some."""
