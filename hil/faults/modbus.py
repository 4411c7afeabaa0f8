"""A Modbus TCP device that misbehaves: what becomes of its answers on their way into the socket.

Frames are those of the Modbus Messaging on TCP/IP Implementation Guide V1.0b, 3.1: transaction, protocol and length in
two bytes each, unit and function in one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hil.faults.tables import MODBUS_FAULTS
from hil.plants.faults import CATALOGUE, Fault, intensity
from policies import Policy
from policies.registers import REGISTERS, Spot, Table, spot

_READS: Mapping[int, Table] = {3: "holding", 4: "input"}
_HEADER, _ERROR, _ILLEGAL_ADDRESS = 7, 0x80, 2
_LOST = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    code: int
    """Function code [1]."""
    address: int
    """First register [1]."""
    count: int
    """How many [1]."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the registers of a tag are."""

    at: Spot
    """The first one."""
    count: int
    """How many [1]."""

    def within(self, asked: Request) -> slice | None:
        """Return where its bytes stand among those of an answer, or None if they are not all there."""
        first = self.at.address - asked.address
        if _READS.get(asked.code) != self.at.table or first < 0 or first + self.count > asked.count:
            return None
        return slice(2 * first, 2 * (first + self.count))


class Garbled:
    """Spoils the answers of one device while its faults are there.

    Parameters
    ----------
    faults
        Faults of the run.
    policy
        Says where tags are.
    connection
        Name of the connection.
    time
        Gives plant time [s].
    """

    def __init__(self, faults: Sequence[Fault], policy: Policy, connection: str, time: Callable[[], float]) -> None:
        mine = {name for name, tag in policy.tags.items() if tag.connection == connection} | {connection}
        self._faults = [fault for fault in faults if fault.id in MODBUS_FAULTS and fault.target in mine]
        self._places = {
            fault.target: Place(spot(tag.address), REGISTERS[tag.type])
            for fault in self._faults
            if (tag := policy.tags.get(fault.target)) is not None
        }
        self._time = time
        self._rngs = [np.random.default_rng(fault.seed) for fault in self._faults]
        self._asked: dict[bytes, Request] = {}
        self._before: dict[str, bytes] = {}

    def __call__(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001  # as the library calls it
        """Return what goes over the wire instead of a frame."""
        if not sending:
            self._note(data)
            return data
        asked = self._asked.pop(data[:2], None)
        for fault, rng in zip(self._faults, self._rngs, strict=True):
            grown = intensity(fault, self._time())
            full = CATALOGUE[fault.id].magnitude if fault.magnitude is None else fault.magnitude
            there = grown > 0.0 and (fault.id == "mb_exception" or rng.random() < full * grown)
            data = self._spoilt(fault, int(full), data, asked, there=there)
        return data

    def _note(self, data: bytes) -> None:
        while len(data) >= _HEADER + 5:
            size = 6 + int.from_bytes(data[4:6], "big")
            body = data[_HEADER:size]
            self._asked[data[:2]] = Request(body[0], int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big"))
            data = data[size:]

    def _spoilt(self, fault: Fault, code: int, data: bytes, asked: Request | None, *, there: bool) -> bytes:
        if fault.target in self._places:
            return self._tag_spoilt(fault, data, asked, there=there)
        return _spoilt_frame(fault.id, code, data) if there else data

    def _tag_spoilt(self, fault: Fault, data: bytes, asked: Request | None, *, there: bool) -> bytes:
        where = None if asked is None else self._places[fault.target].within(asked)
        if where is None or data[_HEADER] >= _ERROR:
            return data
        start = _HEADER + 2
        head, body = data[:start], bytearray(data[start:])
        now, before = bytes(body[where]), self._before.get(fault.target)
        self._before[fault.target] = now
        if not there:
            return data
        if fault.id == "mb_hole":
            return _refusal(data, _ILLEGAL_ADDRESS)
        if fault.id == "mb_order":
            body[where] = b"".join(now[i : i + 2] for i in range(len(now) - 2, -1, -2))
        elif before is not None:
            body[where] = before[: len(now) // 2] + now[len(now) // 2 :]
        return head + bytes(body)


def _spoilt_frame(name: str, code: int, data: bytes) -> bytes:
    match name:
        case "mb_exception":
            return _refusal(data, code)
        case "mb_twice":
            return data + data
        case "mb_foreign":
            return bytes((data[0], data[1] ^ 0x55)) + data[2:]
        case "mb_unit":
            return data[:6] + bytes((data[6] ^ 0x0F,)) + data[_HEADER:]
        case _:
            return data[:-_LOST]


def _refusal(data: bytes, code: int) -> bytes:
    """Return the exception that answers what a frame answers, Modbus Application Protocol V1.1b3, 7."""
    return data[:4] + (3).to_bytes(2, "big") + data[6:7] + bytes((data[_HEADER] | _ERROR, code))
