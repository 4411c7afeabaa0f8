"""Cross-rules of addresses: what a protocol can reach, and who else is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from policies.check_shape import found
from policies.check_view import View
from policies.errors import Problem
from policies.tags import Tag

_IDENTIFIER = re.compile(
    r"i=\d{1,10}|s=.+|b=[A-Za-z0-9+/]+={0,2}|g=[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.DOTALL
)
_BLOCK = re.compile(r"(coil|discrete|input|holding):(\d{1,5})")
_LAST = 65535
_REGISTERS = {"int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2, "int64": 4, "uint64": 4, "float64": 4}


@dataclass(frozen=True, slots=True)
class _Block:
    """Registers or coils one tag takes up."""

    tag: str
    connection: str
    table: str
    start: int
    stop: int
    held: tuple[object, ...]

    def overlaps(self, other: _Block) -> bool:
        apart = self.stop <= other.start or other.stop <= self.start
        return (self.connection, self.table) == (other.connection, other.table) and not apart


def addresses(view: View) -> Iterator[Problem]:
    """Check that addresses fit protocol, type and access, and that no two tags share part of a value."""
    blocks: list[_Block] = []
    for name in view.names("tags"):
        address = view.text("tags", name, "address")
        match view.text("connections", view.signals[name].connection or "", "protocol"):
            case "opcua" if address is not None:
                yield from _opcua(view, name, address)
            case "modbus" if address is not None:
                yield from _modbus(view, name, address, blocks)
            case _:
                continue
    yield from _overlaps(view, blocks)


def _opcua(view: View, name: str, address: str) -> Iterator[Problem]:
    order = view.get("tags", name, "byte_order")
    if order is not None:
        message = f"found {found(order)} on an OPC UA tag, expected it on Modbus tags only"
        yield view.problem(("tags", name, "byte_order"), message)
    if not _IDENTIFIER.fullmatch(address):
        why = "; the connection names the namespace" if address.startswith(("ns=", "nsu=")) else ""
        message = f"found {address!r}, expected an OPC UA identifier such as s=NIR.SPECTRUM or i=1001{why}"
        yield view.problem(("tags", name, "address"), message)


def _modbus(view: View, name: str, address: str, blocks: list[_Block]) -> Iterator[Problem]:
    place = ("tags", name, "address")
    match = _BLOCK.fullmatch(address)
    if match is None:
        message = f"found {address!r}, expected coil, discrete, input or holding and an offset, such as input:10"
        yield view.problem(place, message)
        return
    table, start = match[1], int(match[2])
    kind = str(view.get("tags", name, "type") or Tag.model_fields["type"].default)
    bits = table in {"coil", "discrete"}
    if kind in {*_REGISTERS, "bool"} and bits != (kind == "bool"):
        message = f"found {kind} in table {table}, expected {'bool' if bits else 'a number type'}"
        yield view.problem(("tags", name, "type"), message)
        return
    signal = view.signals[name]
    stop = start + signal.length * _REGISTERS.get(kind, 1)
    if stop > _LAST + 1:
        yield view.problem(place, f"found {address!r} up to {stop - 1}, expected an end of at most {_LAST}")
    if signal.writable and table in {"input", "discrete"}:
        writable = "coil" if bits else "holding"
        yield view.problem(place, f"found the read-only table {table}, expected {writable} for a tag that is written")
    held = (kind, signal.length, view.get("tags", name, "byte_order"))
    blocks.append(_Block(name, str(signal.connection), table, start, stop, held))


def _overlaps(view: View, blocks: list[_Block]) -> Iterator[Problem]:
    for one, other in combinations(blocks, 2):
        same = (one.start, one.held) == (other.start, other.held)
        if one.overlaps(other) and not same:
            registers = f"{other.table}:{other.start} to {other.stop - 1}"
            message = f"found {registers}, part of which {one.tag!r} uses too; expected a place of its own"
            yield view.problem(("tags", other.tag, "address"), message)
