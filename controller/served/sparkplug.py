"""Messages of Sparkplug B 3.0 (ISO/IEC 20237), byte for byte: births, data and deaths of one edge node.

A message is a protocol buffer; of its fields only those that an edge node without devices sends are written, and only
the one read that it takes. Fields of a message, by number: 1 timestamp [ms], 2 metrics, 3 sequence number. Of a metric:
1 name, 2 alias, 3 timestamp [ms], 4 data type, 7 whether it is null, 9 properties, 11 long, 13 double, 14 boolean,
15 string.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import NamedTuple

from plant_io.quality import Quality
from plant_io.served.values import Fact, Kind, Shown, Value

_TYPES: Mapping[Kind, int] = {"count": 4, "number": 10, "flag": 11, "text": 12}  # Int64, Double, Boolean, String
_INT32, _STRING, _INT64, _BOOLEAN = 3, 12, 4, 11
_QUALITY: Mapping[Quality, int] = {Quality.GOOD: 192, Quality.UNCERTAIN: 0, Quality.BAD: 0}
"""Sparkplug B knows good, bad and stale; what may be doubted is not good."""
REBIRTH = "Node Control/Rebirth"
"""Metric by which a host asks for everything anew."""
BIRTH_DEATH = "bdSeq"
"""Metric that tells which birth a death belongs to."""
SEQUENCES = 256
"""Sequence numbers, and numbers of births, there are [1]."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_METRICS = 2
_MORE, _SEVEN, _LOW = 0x80, 7, 0x7F


class Metric(NamedTuple):
    """A named value in a birth."""

    fact: Fact
    """What it is."""
    alias: int
    """Number that stands for its name in data messages [1]."""
    shown: Shown
    """What it is now."""


def topic(kind: str, group: str, node: str) -> str:
    """Return the topic of one kind of message of an edge node."""
    return f"spBv1.0/{group}/{kind}/{node}"


def birth(metrics: Sequence[Metric], at: float, birth_death: int) -> bytes:
    """Return the message with which a node says everything it has; its sequence number is 0.

    Parameters
    ----------
    metrics
        Everything it has.
    at
        Present, POSIX time [s].
    birth_death
        Number of this birth, 0 to 255 [1].
    """
    control = _text(1, REBIRTH) + _number(3, _ms(at)) + _number(4, _BOOLEAN) + _number(14, 0)
    body = b"".join(_block(2, _born(each)) for each in metrics)
    return _number(1, _ms(at)) + _block(2, _numbered(birth_death, at)) + _block(2, control) + body + _number(3, 0)


def death(at: float, birth_death: int) -> bytes:
    """Return the message that the broker sends for a node that is gone.

    Parameters
    ----------
    at
        When the connection was made, POSIX time [s].
    birth_death
        Number of the birth it ends, 0 to 255 [1].
    """
    return _number(1, _ms(at)) + _block(2, _numbered(birth_death, at))


def data(changed: Iterable[Metric], at: float, sequence: int) -> bytes:
    """Return the message that says what has changed.

    Parameters
    ----------
    changed
        What has changed.
    at
        Present, POSIX time [s].
    sequence
        Number of the message after the birth, 0 to 255 [1].
    """
    return _number(1, _ms(at)) + b"".join(_block(2, _changed(each)) for each in changed) + _number(3, sequence)


def wants_rebirth(message: bytes) -> bool:
    """Return whether a command asks for everything anew.

    Raises
    ------
    ValueError
        If it is no message of Sparkplug B.
    """
    for number, value in _fields(message):
        if number == _METRICS and isinstance(value, bytes):
            found = dict(_fields(value))
            if found.get(1) == REBIRTH.encode() and found.get(14) == 1:
                return True
    return False


def _numbered(birth_death: int, at: float) -> bytes:
    return _text(1, BIRTH_DEATH) + _number(3, _ms(at)) + _number(4, _INT64) + _number(11, birth_death)


def _born(metric: Metric) -> bytes:
    fact, shown = metric.fact, metric.shown
    named = _text(1, fact.path) + _number(2, metric.alias) + _number(3, _ms(shown.at)) + _number(4, _TYPES[fact.kind])
    told: dict[str, int | str] = {"Quality": _QUALITY[shown.quality], "description": fact.what}
    if fact.unit:
        told["engUnit"] = fact.unit
    return named + _properties(told) + _value(fact, shown.value)


def _changed(metric: Metric) -> bytes:
    fact, shown = metric.fact, metric.shown
    known = _number(2, metric.alias) + _number(3, _ms(shown.at)) + _number(4, _TYPES[fact.kind])
    return known + _properties({"Quality": _QUALITY[shown.quality]}) + _value(fact, shown.value)


def _value(fact: Fact, value: Value) -> bytes:
    if fact.kind == "text":
        return _text(15, str(value))
    if fact.kind == "flag":
        return _number(14, int(bool(value)))
    if fact.kind == "count":
        return _number(11, int(value))
    number = float(value)
    return _key(13, _FIXED64) + struct.pack("<d", number) if isfinite(number) else _number(7, 1)


def _properties(said: Mapping[str, int | str]) -> bytes:
    """Return a property set: 1 keys, 2 values; of a value: 1 data type, 3 int, 8 string."""
    keys = b"".join(_text(1, key) for key in said)
    values = (
        _number(1, _STRING) + _text(8, value) if isinstance(value, str) else _number(1, _INT32) + _number(3, value)
        for value in said.values()
    )
    return _block(9, keys + b"".join(_block(2, value) for value in values))


def _ms(at: float) -> int:
    return round(at * 1000.0)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > _LOW:
        found.append(value & _LOW | _MORE)
        value >>= _SEVEN
    found.append(value)
    return bytes(found)


def _key(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _number(number: int, value: int) -> bytes:
    return _key(number, _VARINT) + _varint(value)


def _block(number: int, value: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _block(number, value.encode())


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Return the fields of a message by number; fixed ones as their bytes."""
    at = 0
    while at < len(message):
        key, at = _read(message, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _read(message, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, at = _read(message, at)
        elif kind in {_FIXED64, _FIXED32}:
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"found a field of the kind {kind}, expected a message of Sparkplug B")
        if at + length > len(message):
            raise ValueError("found a message that ends too early, expected one of Sparkplug B")
        yield key >> 3, message[at : at + length]
        at += length


def _read(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, _SEVEN):
        if at >= len(message):
            break
        byte, at = message[at], at + 1
        value |= (byte & _LOW) << shift
        if byte < _MORE:
            return value, at
    raise ValueError("found a number that does not end, expected a message of Sparkplug B")
