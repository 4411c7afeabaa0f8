"""How far an input may be corrected from a value: by a share of it, or by an amount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from policies import Loop
from policies.authority import Within
from policies.units import difference

Span = tuple[float, float]
_ALL = 1.0


class Reach(NamedTuple):
    """How far from a value one may go."""

    share: float = 0.0
    """Share of the value [1]."""
    amount: float = 0.0
    """The same without the value, unit of the model."""

    def around(self, value: float, limits: Span) -> Span:
        """Return lowest and highest value there, within limits.

        Parameters
        ----------
        value
            Where it is counted from, unit of the model.
        limits
            Lowest and highest value in any case, unit of the model.

        Examples
        --------
        >>> Reach(share=0.1).around(2.0, (0.0, 2.1)), Reach(amount=0.5).around(0.0, (-1.0, 1.0))
        ((1.8, 2.1), (-0.5, 0.5))
        """
        far = self.share * abs(value) + self.amount
        return max(limits[0], value - far), min(limits[1], value + far)


class Authority(NamedTuple):
    """How far one input may be corrected."""

    alone: Reach
    """From the value at take-over, or from where a second witness bore it out last."""
    borne: Reach
    """From the value at take-over, whatever is borne out."""


def authorities(declared: Loop, inputs: Mapping[str, str]) -> dict[str, Authority]:
    """Return how far each input may be corrected, units of the model; empty where that is anywhere.

    Parameters
    ----------
    declared
        What the policy says of the loop.
    inputs
        Unit of each input in the model, by name.
    """
    if not isinstance(declared.authority, dict) and declared.authority >= _ALL:
        return {}

    def reach(within: Within, name: str) -> Reach:
        if isinstance(within, dict):
            return Reach(amount=difference(within[name], declared.moved[name].unit, inputs[name]))
        return Reach(share=within)

    borne = declared.authority if declared.witness is None else declared.witness.authority
    return {name: Authority(reach(declared.authority, name), reach(borne, name)) for name in inputs}


def witnessed(declared: Loop) -> dict[str, tuple[str, ...]]:
    """Return which inputs each second witness bears out."""
    of = {} if declared.witness is None else declared.witness.of
    names = dict.fromkeys(name for by in of.values() for name in by)
    return {name: tuple(key for key, by in of.items() if name in by) for name in names}
