"""What a Modbus exception code says of values and writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from plant_io.quality import Reason
from plant_io.signals import Outcome


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an exception code says."""

    reason: Reason
    """Why the values asked for are bad."""
    said: str
    """The same in words."""
    outcome: Outcome = Outcome.REFUSED
    """What becomes of a write that it answers; one that may have been done is not confirmed."""


WRONG_LENGTH = 0
"""Stands for an answer that holds more or less than was asked for."""
OF_ADDRESSES = frozenset({2, 3})
"""Codes by which a device refuses a block for its addresses: some call a hole, and most too long a block, a value."""

# Modbus Application Protocol V1.1b3, clause 7; code 7 is older and still met.
_MEANING: Mapping[int, Meaning] = MappingProxyType(
    {
        WRONG_LENGTH: Meaning(Reason.WRONG_TYPE, "an answer of the wrong length", Outcome.NOT_CONFIRMED),
        1: Meaning(Reason.REFUSED, "exception 1, illegal function"),
        2: Meaning(Reason.REFUSED, "exception 2, illegal data address"),
        3: Meaning(Reason.REFUSED, "exception 3, illegal data value"),
        4: Meaning(Reason.DEVICE_FAILURE, "exception 4, device failure", Outcome.NOT_CONFIRMED),
        5: Meaning(Reason.BUSY, "exception 5, acknowledge", Outcome.NOT_CONFIRMED),
        6: Meaning(Reason.BUSY, "exception 6, device busy"),
        7: Meaning(Reason.REFUSED, "exception 7, negative acknowledge"),
        8: Meaning(Reason.DEVICE_FAILURE, "exception 8, memory parity error", Outcome.NOT_CONFIRMED),
        10: Meaning(Reason.LINK_DOWN, "exception 10, gateway path unavailable"),
        11: Meaning(Reason.LINK_DOWN, "exception 11, gateway target did not respond", Outcome.NOT_CONFIRMED),
    }
)


def meaning(code: int) -> Meaning:
    """Return what an exception code says; one that the standard does not know is a bad status.

    Examples
    --------
    >>> meaning(6).said, meaning(99).said
    ('exception 6, device busy', 'exception 99')
    """
    return _MEANING.get(code) or Meaning(Reason.BAD_STATUS, f"exception {code}")
