"""What a policy says of transfer functions: how one variable answers to another, in published numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from policies.words import Declared, Number, Positive

Time = Literal["s", "min", "h"]
"""UCUM code of the unit in which a plant's own times are written."""

TIMES: Mapping[str, float] = {"s": 1.0, "min": 60.0, "h": 3600.0}
"""Length of each unit of time [s]."""


class Response(Declared):
    """How one variable answers to another: ``gain exp(-dead_time s) (1 + lead s)... / (1 + lag s)...``.

    An integrating one is divided by ``s`` besides. The times are in the unit the loop names under `time`.
    """

    gain: Number
    """Change in the end per change of the input, unit of the one per unit of the other; per `time` if integrating."""
    dead_time: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)] = 0.0
    """Time before anything is seen, in the unit of `time`."""
    lags: tuple[Positive, ...] = ()
    """Time constants of the lags one behind the other, in the unit of `time`."""
    leads: tuple[Number, ...] = ()
    """Time constants of the leads, no more than lags, below zero for an inverse response, in the unit of `time`."""
    integrating: bool = False
    """Whether the answer to a step is a ramp in the end."""
