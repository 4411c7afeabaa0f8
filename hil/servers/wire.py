"""How a simulated device holds a value: raw counts, and the registers of Modbus in any byte order.

Written apart from the decoder of the controller on purpose, so that one mistake cannot hide the other.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from math import copysign, inf, isfinite

from policies import Tag

_FORMATS = {
    "bool": ">H",
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "uint64": ">Q",
    "float32": ">f",
    "float64": ">d",
}
_WORDS_SWAPPED = ("CDAB", "DCBA")
_BYTES_SWAPPED = ("BADC", "DCBA")

Raw = float | int | bool
"""A value as a device holds it."""


def to_raw(tag: Tag, value: float) -> Raw:
    """Return what the device holds for an engineering value; integers saturate, and hold 0 for no number.

    Parameters
    ----------
    tag
        The tag, with type, scale and offset.
    value
        Engineering value, in the unit of the tag.

    Examples
    --------
    >>> speed = Tag(unit="/min", range=(0, 200), connection="plc", address="input:6", type="uint16", scale=0.1)
    >>> to_raw(speed, 73.54), to_raw(speed, -1.0), to_raw(speed, 1e9)
    (735, 0, 65535)
    """
    raw = (value - tag.offset) / tag.scale
    if tag.type == "float64":
        return raw
    if tag.type == "float32":
        return _single(raw)
    if tag.type == "bool":
        return raw > 0
    if not isfinite(raw):
        return 0
    low, high = _ends(tag.type)
    return min(max(round(raw), low), high)


@cache
def _ends(kind: str) -> tuple[int, int]:
    """Return the least and the greatest count of an integer type."""
    bits = int(kind.lstrip("uint"))
    return (0, (1 << bits) - 1) if kind.startswith("u") else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def to_value(tag: Tag, raw: Raw) -> float:
    """Return the engineering value of what a device holds, in the unit of the tag.

    Parameters
    ----------
    tag
        The tag, with scale and offset.
    raw
        What the device holds, unit of a raw count.
    """
    return raw * tag.scale + tag.offset


def width(tag: Tag) -> int:
    """Return the number of registers one value of a tag takes [1]."""
    return struct.calcsize(_FORMATS[tag.type]) // 2


def to_registers(tag: Tag, raw: Raw, order: str) -> list[int]:
    """Return the registers that hold a raw value.

    Parameters
    ----------
    tag
        The tag, with its type.
    raw
        What the device holds, unit of a raw count.
    order
        Byte order.

    Examples
    --------
    >>> flow = Tag(unit="kg/h", range=(0, 6), connection="plc", address="input:2", type="float32")
    >>> [hex(word) for word in to_registers(flow, 3.25, "ABCD")]
    ['0x4050', '0x0']
    >>> [hex(word) for word in to_registers(flow, 3.25, "DCBA")]
    ['0x0', '0x5040']
    """
    packed = struct.pack(_FORMATS[tag.type], raw)
    words = [int.from_bytes(packed[i : i + 2], "little" if order in _BYTES_SWAPPED else "big") for i in _evens(packed)]
    return words[::-1] if order in _WORDS_SWAPPED else words


def from_registers(tag: Tag, registers: Sequence[int], order: str) -> Raw:
    """Return the raw value some registers hold, unit of a raw count.

    Parameters
    ----------
    tag
        The tag, with its type.
    registers
        As many as `width` says.
    order
        Byte order.
    """
    words = registers[::-1] if order in _WORDS_SWAPPED else registers
    packed = b"".join(word.to_bytes(2, "little" if order in _BYTES_SWAPPED else "big") for word in words)
    raw: Raw = struct.unpack(_FORMATS[tag.type], packed)[0]
    return bool(raw) if tag.type == "bool" else raw


def _single(value: float) -> float:
    try:
        return float(struct.unpack(">f", struct.pack(">f", value))[0])
    except OverflowError:
        return copysign(inf, value)


def _evens(packed: bytes) -> range:
    return range(0, len(packed), 2)
