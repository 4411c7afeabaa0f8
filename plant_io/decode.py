"""Values as 16-bit registers, in the four byte orders found in the field.

The letters name the bytes of a 32-bit value from the most significant, A, in the order they travel: ABCD is big-endian,
CDAB has its registers exchanged, BADC the bytes within each register, DCBA both. One register and four registers
follow the same rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from plant_io.signals import Floats
from policies.tags import ByteOrder, WireType

Words = NDArray[np.uint16]

_DTYPE: Mapping[WireType, str] = MappingProxyType(
    {
        "bool": "u2",
        "int16": "i2",
        "uint16": "u2",
        "int32": "i4",
        "uint32": "u4",
        "int64": "i8",
        "uint64": "u8",
        "float32": "f4",
        "float64": "f8",
    }
)
_LARGEST = float(np.finfo(np.float32).max)
_INTEGERS: Mapping[WireType, tuple[int, int]] = MappingProxyType(
    {
        "bool": (0, 1),
        "int16": (-(2**15), 2**15 - 1),
        "uint16": (0, 2**16 - 1),
        "int32": (-(2**31), 2**31 - 1),
        "uint32": (0, 2**32 - 1),
        "int64": (-(2**63), 2**63 - 1),
        "uint64": (0, 2**64 - 1),
    }
)


def decode(words: Words, kind: WireType, order: ByteOrder) -> Floats:
    """Return the values held in registers.

    Parameters
    ----------
    words
        Registers as they arrived, shape ``(n, REGISTERS[kind])``.
    kind
        How the device holds a value.
    order
        Order of the bytes.

    Returns
    -------
    Floats
        Raw values, shape ``(n,)``; integers beyond 2 to the power of 53 are rounded to the nearest double.

    Examples
    --------
    >>> decode(np.array([[0x0000, 0x4050]], np.uint16), "float32", "CDAB")
    array([3.25])
    """
    held = _arranged(words, order).astype(">u2").view(f">{_DTYPE[kind]}").reshape(-1)
    with np.errstate(invalid="ignore"):  # a signalling NaN on the wire is only one more number that is none
        return (held != 0).astype(np.float64) if kind == "bool" else held.astype(np.float64)


def bits(words: Words, which: NDArray[np.uint16], order: ByteOrder) -> Floats:
    """Return single bits of registers.

    Parameters
    ----------
    words
        Registers as they arrived, shape ``(n, 1)``.
    which
        Bit of each word, 0 the least significant [1], shape ``(n,)``.
    order
        Order of the bytes.

    Returns
    -------
    Floats
        0 or 1, shape ``(n,)``.

    Examples
    --------
    >>> bits(np.array([[0x0008], [0x0008]], np.uint16), np.array([3, 4], np.uint16), "ABCD")
    array([1., 0.])
    """
    return ((_arranged(words, order)[:, 0] >> which) & 1).astype(np.float64)


def text(words: Words, length: int, order: ByteOrder) -> str:
    """Return the text held in registers, two characters to each, without what pads it.

    Bytes are exchanged where `order` exchanges them within a register; registers never are.

    Parameters
    ----------
    words
        Registers as they arrived, shape ``(n,)``.
    length
        Number of characters [1].
    order
        Order of the bytes of numbers.

    Examples
    --------
    >>> text(np.array([0x4142, 0x4300], np.uint16), 4, "ABCD"), text(np.array([0x4241], np.uint16), 2, "BADC")
    ('ABC', 'AB')
    """
    held = words.byteswap() if order in {"BADC", "DCBA"} else words
    read = held.astype(">u2").tobytes()[:length].split(b"\0")[0].decode("latin-1").strip()
    return "".join(letter if letter.isprintable() else "?" for letter in read)


def encode(value: float, kind: WireType, order: ByteOrder) -> tuple[int, ...]:
    """Return the registers that hold a value.

    Parameters
    ----------
    value
        Raw value, unit of the tag over its scale; integers are rounded.
    kind
        How the device holds it.
    order
        Order of the bytes.

    Raises
    ------
    ValueError
        If the device cannot hold the value; the message is a sentence for people.

    Examples
    --------
    >>> [hex(word) for word in encode(3.25, "float32", "CDAB")]
    ['0x0', '0x4050']
    """
    big = np.array([fitted(value, kind)], f">{_DTYPE[kind]}").view(">u2").astype(np.uint16)
    return tuple(int(word) for word in _arranged(big.reshape(1, -1), order).reshape(-1))


def bounds(kind: str) -> tuple[float, float] | None:
    """Return the lowest and highest number an integer type holds, or None for any other type.

    Examples
    --------
    >>> bounds("int16"), bounds("float32")
    ((-32768, 32767), None)
    """
    return next((limits for name, limits in _INTEGERS.items() if name == kind), None)


def fitted(value: float, kind: WireType) -> float | int:
    """Return the number a device holds for a value: an integer is rounded, a float is left as it is.

    Parameters
    ----------
    value
        Raw value, unit of the tag over its scale.
    kind
        How the device holds it.

    Raises
    ------
    ValueError
        If the device cannot hold it.

    Examples
    --------
    >>> fitted(2.6, "uint16")
    3
    """
    if not isfinite(value):
        raise ValueError(f"{value:g} is not a finite number")
    limits = _INTEGERS.get(kind)
    if limits is None:
        if kind == "float32" and abs(value) > _LARGEST:
            raise ValueError(f"{value:g} does not fit {kind}")
        return value
    whole = round(value)
    if not limits[0] <= whole <= limits[1]:
        raise ValueError(f"{value:g} does not fit {kind}, which holds {limits[0]} to {limits[1]}")
    return whole


def _arranged(words: Words, order: ByteOrder) -> Words:
    """Exchange registers and bytes as `order` says; the same exchange leads there and back."""
    exchanged = words[:, ::-1] if order in {"CDAB", "DCBA"} else words
    return np.ascontiguousarray(exchanged.byteswap() if order in {"BADC", "DCBA"} else exchanged)
