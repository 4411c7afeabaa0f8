"""Values that cannot be what the tag means, and what they would mean if the policy read them otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import get_args

from policies import Tag
from policies.registers import REGISTERS
from policies.tags import ByteOrder

ORDERS: tuple[ByteOrder, ...] = get_args(ByteOrder)
"""All orders of bytes."""

_TINY = 1e-12  # of the range; a float read in a wrong order is often next to nothing
_FACTORS = (10.0, 100.0, 1000.0, 0.1, 0.01, 0.001)
_LIKELIEST: tuple[ByteOrder, ...] = ("CDAB", "ABCD", "DCBA", "BADC")


def credible(value: float, tag: Tag) -> bool:
    """Return whether a value may be what a tag means: finite, in range, and not next to nothing.

    Parameters
    ----------
    value
        Value in the unit of the tag.
    tag
        Gives the range.

    Examples
    --------
    >>> flow = Tag(unit="kg/h", range=(0, 6), connection="plc", address="input:0", type="float32")
    >>> [credible(value, flow) for value in (3.25, 0.0, 2.9e-41, 6.5)]
    [True, True, False, False]
    """
    low, high = tag.range
    return isfinite(value) and low <= value <= high and (value == 0.0 or abs(value) > _TINY * (high - low))


def ordered(tag: Tag) -> bool:
    """Return whether the order of bytes matters for a tag that several registers hold."""
    return REGISTERS[tag.type] > 1


def meant_orders(trials: Mapping[str, Mapping[ByteOrder, float]], tags: Mapping[str, Tag]) -> dict[str, ByteOrder]:
    """Return the order of bytes that makes each doubtful value credible; one device mostly has one order.

    Parameters
    ----------
    trials
        Value in every other order, by tag, each in its unit.
    tags
        The tags.

    Examples
    --------
    >>> flow = Tag(unit="kg/h", range=(0, 6), connection="plc", address="input:0", type="float32")
    >>> meant_orders({"F": {"CDAB": 3.25, "BADC": 1e-20}}, {"F": flow})
    {'F': 'CDAB'}
    """
    fitting: dict[str, list[ByteOrder]] = {
        name: [order for order, value in values.items() if value != 0.0 and credible(value, tags[name])]
        for name, values in trials.items()
    }
    votes: Counter[ByteOrder] = Counter(order for orders in fitting.values() for order in orders)
    return {name: _best(orders, votes) for name, orders in fitting.items() if orders}


def _best(orders: Sequence[ByteOrder], votes: Mapping[ByteOrder, int]) -> ByteOrder:
    return max(orders, key=lambda order: (votes[order], -_LIKELIEST.index(order)))


def meant_factor(value: float, tag: Tag) -> float | None:
    """Return the power of ten by which a value outside its range is too large, or None.

    Parameters
    ----------
    value
        Value in the unit of the tag.
    tag
        Gives the range.

    Examples
    --------
    >>> speed = Tag(unit="/min", range=(0, 200), connection="plc", address="input:6", type="uint16")
    >>> meant_factor(735.0, speed), meant_factor(73.5, speed)
    (10.0, None)
    """
    if not isfinite(value) or value == 0.0 or credible(value, tag):
        return None
    return next((factor for factor in _FACTORS if credible(value / factor, tag)), None)
