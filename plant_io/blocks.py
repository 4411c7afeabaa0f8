"""Which Modbus registers are read together, and where the values lie in what comes back.

A request costs as much as about 400 further registers, so blocks are joined across small gaps. A value never lies
in two blocks: each is read whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from plant_io.decode import Words, decode, registers
from plant_io.signals import Floats
from policies.tags import ByteOrder, Tag, WireType

Table = Literal["coil", "discrete", "input", "holding"]
"""The four tables of a Modbus device: bits and registers, each writable or not."""

LONGEST: Mapping[Table, int] = MappingProxyType({"coil": 2000, "discrete": 2000, "input": 125, "holding": 125})
"""Most addresses in one read (Modbus Application Protocol V1.1b3, 6.1 to 6.4)."""

_LONGEST_WRITE = 123  # the same, 6.12; fewer coils than 6.11 permits
_TABLES: Mapping[str, Table] = MappingProxyType({table: table for table in get_args(Table)})
_ADDRESSES = 65536


@dataclass(frozen=True, slots=True)
class Place:
    """A run of values of one tag that travels in one piece."""

    tag: int
    """Position of the tag among those of its connection [1]."""
    slot: int
    """Position of the first value among those of its connection [1]."""
    count: int
    """Number of values [1]."""
    width: int
    """Addresses one value takes [1]."""
    table: Table
    """Table of the device."""
    address: int
    """First address, counted from zero [1]."""
    kind: WireType
    """How the device holds a value."""
    order: ByteOrder
    """Order of the bytes."""

    @property
    def end(self) -> int:
        """First address behind the run [1]."""
        return self.address + self.count * self.width


@dataclass(frozen=True, slots=True)
class Block:
    """Addresses read by one request."""

    table: Table
    """Table of the device."""
    places: tuple[Place, ...]
    """What lies in it, by address."""

    @property
    def address(self) -> int:
        """First address, counted from zero [1]."""
        return self.places[0].address

    @property
    def length(self) -> int:
        """Number of addresses [1]."""
        return max(place.end for place in self.places) - self.address


def located(address: str) -> tuple[Table, int]:
    """Return table and offset of an address written as in a policy.

    Parameters
    ----------
    address
        Table and zero-based offset, for example ``input:10``.

    Raises
    ------
    ValueError
        If `address` is anything else.

    Examples
    --------
    >>> located("holding:20")
    ('holding', 20)
    """
    name, _, offset = address.partition(":")
    table = _TABLES.get(name)
    if table is None or not (offset.isascii() and offset.isdigit()) or int(offset) >= _ADDRESSES:
        raise ValueError(f"expected an address such as input:10, of {', '.join(_TABLES)}, found {address}")
    return table, int(offset)


def places(tags: Sequence[Tag], order: ByteOrder) -> tuple[Place, ...]:
    """Return where the values of `tags` lie; a tag too long for one request is cut between values.

    Parameters
    ----------
    tags
        Tags of one connection, in order.
    order
        Order of the bytes where a tag does not say otherwise.

    Raises
    ------
    ValueError
        If an address is none, runs off its table, or holds bits where the tag is no ``bool``.
    """
    found: list[Place] = []
    slot = 0
    for i, tag in enumerate(tags):
        table, first = located(tag.address)
        width = _width(tag, table)
        if first + width * tag.length > _ADDRESSES:
            raise ValueError(f"{tag.address} with {tag.length} values of {tag.type} runs off its table")
        run = LONGEST[table] // width
        for n in range(0, tag.length, run):
            count = min(run, tag.length - n)
            address = first + n * width
            found.append(Place(i, slot + n, count, width, table, address, tag.type, tag.byte_order or order))
        slot += tag.length
    return tuple(found)


def coalesced(found: Iterable[Place], max_gap: int) -> tuple[Block, ...]:
    """Return the fewest blocks that hold all places without reading more than `max_gap` unused addresses in a row.

    Parameters
    ----------
    found
        Places of one device.
    max_gap
        Most unused addresses read to join two blocks [1].
    """
    blocks: list[Block] = []
    for place in sorted(found, key=lambda place: (place.table, place.address, place.end)):
        if blocks and _joins(blocks[-1], place, max_gap):
            last = blocks.pop()
            blocks.append(Block(last.table, (*last.places, place)))
        else:
            blocks.append(Block(place.table, (place,)))
    return tuple(blocks)


def split(block: Block) -> tuple[Block, ...]:
    """Return the parts of a block the device refused as a whole: without its gaps, or else its halves.

    A single place cannot be split and comes back alone.
    """
    parts = coalesced(block.places, 0)
    if len(parts) > 1 or len(block.places) == 1:
        return parts
    middle = len(block.places) // 2
    return Block(block.table, block.places[:middle]), Block(block.table, block.places[middle:])


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Values that are decoded together."""

    kind: WireType
    order: ByteOrder
    words: NDArray[np.intp]
    """Where their words lie in the image, shape ``(n, width)``."""
    slots: NDArray[np.intp]
    """Where the values belong, shape ``(n,)``."""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """One reading of a device: its blocks one behind the other, called the image, and how to take it apart."""

    blocks: tuple[Block, ...]
    """Requests, in order."""
    begins: tuple[int, ...]
    """Where each block begins in the image [1]."""
    size: int
    """Length of the image [1]."""
    width: int
    """Number of values [1]."""
    groups: tuple[_Group, ...]
    """Values by form."""

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> Scan:
        """Return the scan that reads `blocks`."""
        ends = np.cumsum([0, *(block.length for block in blocks)])
        begins = tuple(int(begin) for begin in ends[:-1])
        spots = [(place, begin - b.address) for b, begin in zip(blocks, begins, strict=True) for place in b.places]
        forms: dict[tuple[WireType, ByteOrder], list[tuple[Place, int]]] = {}
        for place, shift in spots:
            forms.setdefault((place.kind, place.order), []).append((place, shift))
        return cls(
            blocks=tuple(blocks),
            begins=begins,
            size=int(ends[-1]),
            width=max((place.slot + place.count for place, _ in spots), default=0),
            groups=tuple(_group(*form, alike) for form, alike in forms.items()),
        )

    def values(self, image: Words) -> Floats:
        """Return the raw values in an image.

        Parameters
        ----------
        image
            Registers of all blocks, bits as 0 and 1, shape ``(size,)``.

        Returns
        -------
        Floats
            Raw values before scaling, shape ``(width,)``.
        """
        found = np.full(self.width, np.nan)
        for group in self.groups:
            found[group.slots] = decode(image[group.words], group.kind, group.order)
        return found


@dataclass(frozen=True, slots=True)
class Order:
    """Addresses written by one request."""

    table: Table
    """Table of the device."""
    address: int
    """First address, counted from zero [1]."""
    words: tuple[int, ...]
    """Registers, or bits as 0 and 1 [1]."""
    which: tuple[int, ...]
    """Positions of the setpoints it carries [1]."""


def joined(orders: Iterable[Order]) -> tuple[Order, ...]:
    """Return the same orders in the same sequence, with contiguous neighbours in one request.

    Examples
    --------
    >>> first, second = Order("holding", 0, (1, 2), (0,)), Order("holding", 2, (3,), (1,))
    >>> joined([first, second])
    (Order(table='holding', address=0, words=(1, 2, 3), which=(0, 1)),)
    """
    found: list[Order] = []
    for order in orders:
        last = found[-1] if found else None
        if last is None or not _continues(last, order):
            found.append(order)
        else:
            found[-1] = replace(last, words=last.words + order.words, which=last.which + order.which)
    return tuple(found)


def _continues(last: Order, order: Order) -> bool:
    contiguous = last.table == order.table and last.address + len(last.words) == order.address
    return contiguous and len(last.words) + len(order.words) <= _LONGEST_WRITE


def _width(tag: Tag, table: Table) -> int:
    if table in {"coil", "discrete"} and tag.type != "bool":
        raise ValueError(f"{tag.address} holds bits, the tag is declared {tag.type}")
    return registers(tag.type)


def _joins(block: Block, place: Place, max_gap: int) -> bool:
    length = max(block.length, place.end - block.address)
    gap = place.address - (block.address + block.length)
    return place.table == block.table and gap <= max_gap and length <= LONGEST[block.table]


def _group(kind: WireType, order: ByteOrder, alike: Sequence[tuple[Place, int]]) -> _Group:
    firsts = np.concatenate([place.address + shift + place.width * np.arange(place.count) for place, shift in alike])
    slots = np.concatenate([place.slot + np.arange(place.count) for place, _ in alike])
    return _Group(kind, order, firsts[:, None] + np.arange(registers(kind)), slots)
