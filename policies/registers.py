"""Addresses of a Modbus device as a policy writes them: a table, an offset, perhaps a bit of the word there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, cast, get_args

from policies.tags import WireType

Table = Literal["coil", "discrete", "input", "holding"]
"""The four tables of a Modbus device: bits and registers, each writable or not."""

BITS: frozenset[str] = frozenset({"coil", "discrete"})
"""Tables whose addresses hold one bit each."""
READ_ONLY: frozenset[str] = frozenset({"discrete", "input"})
"""Tables that a client cannot write."""
ADDRESSES = 65536
"""Addresses of a table [1]."""
REGISTERS: Mapping[WireType, int] = MappingProxyType(
    {
        "bool": 1,
        "int16": 1,
        "uint16": 1,
        "int32": 2,
        "uint32": 2,
        "float32": 2,
        "int64": 4,
        "uint64": 4,
        "float64": 4,
    }
)
"""Registers one value takes [1]; in a table of bits, a ``bool`` takes one address too."""

_TABLE = f"({'|'.join(get_args(Table))})"
_SPOT = re.compile(_TABLE + r":([0-9]{1,5})(?:\.([0-9]|1[0-5]))?")
_STRETCH = re.compile(_TABLE + r":([0-9]{1,5})(?:-([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value begins."""

    table: Table
    """Table of the device."""
    address: int
    """First address, counted from zero [1]."""
    bit: int | None = None
    """Bit of the word, 0 the least significant [1]; None for the word as a whole."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring addresses of one table."""

    table: Table
    """Table of the device."""
    start: int
    """First address, counted from zero [1]."""
    stop: int
    """First address behind it [1]."""

    def touches(self, other: Stretch) -> bool:
        """Return whether both have an address in common."""
        return self.table == other.table and self.start < other.stop and other.start < self.stop


def spot(address: str) -> Spot:
    """Return where an address points.

    Parameters
    ----------
    address
        Table and zero-based offset, for example ``input:10``; for one bit of a register its number behind a dot.

    Raises
    ------
    ValueError
        If `address` is anything else.

    Examples
    --------
    >>> spot("holding:12.3")
    Spot(table='holding', address=12, bit=3)
    """
    match = _SPOT.fullmatch(address)
    if match is None or int(match[2]) >= ADDRESSES or (match[3] is not None and match[1] in BITS):
        raise ValueError("expected coil, discrete, input or holding and an offset, such as input:10 or input:10.3")
    return Spot(cast("Table", match[1]), int(match[2]), None if match[3] is None else int(match[3]))


def stretch(text: str) -> Stretch:
    """Return the addresses a range names, both ends included.

    Parameters
    ----------
    text
        Table and first and last offset, for example ``input:100-119``, or a single address.

    Raises
    ------
    ValueError
        If `text` is anything else.

    Examples
    --------
    >>> stretch("input:100-119")
    Stretch(table='input', start=100, stop=120)
    """
    match = _STRETCH.fullmatch(text)
    first, last = (int(match[2]), int(match[3] or match[2])) if match else (1, 0)
    if match is None or not first <= last < ADDRESSES:
        raise ValueError("expected a table with its first and last offset, such as input:100-119")
    return Stretch(cast("Table", match[1]), first, last + 1)
