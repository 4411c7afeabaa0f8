"""Names of all figures of merit a policy's run has, as assertions use them."""

from __future__ import annotations

from hil.rig.score import Held, Worked, judged
from policies import Policy

MASSES = ("produced_kg", "diverted_kg", "escaped_kg")
"""Figures of the product made, where a line's truth counts it."""


def figures(policy: Policy) -> list[str]:
    """Return the dotted names of all figures of a run under a policy.

    Examples
    --------
    >>> from policies import load, shipped
    >>> figures(load(shipped("A")))[:3]
    ['api.target', 'api.iae', 'api.rmse']
    """
    kept = [key for key in Held.__annotations__ if key != "unit"]
    held = [f"{name}.{key}" for name in judged(policy) for key in kept]
    moved = [name for loop in policy.loops.values() for name in loop.moved]
    return [*held, *(f"{name}.{key}" for name in moved for key in Worked.__annotations__), *MASSES]
