"""Which Modbus registers are read together, and where the values lie in what comes back.

A request costs as much as about 400 further registers, so blocks are joined across small gaps. A value never lies
in two blocks: each is read whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from plant_io.decode import Words, bits, decode
from plant_io.signals import Floats
from policies import Modbus, Tag
from policies.registers import ADDRESSES, BITS, REGISTERS, Stretch, Table, spot, stretch
from policies.tags import ByteOrder, WireType

LONGEST: Mapping[Table, int] = MappingProxyType({"coil": 2000, "discrete": 2000, "input": 125, "holding": 125})
"""Most addresses in one read (Modbus Application Protocol V1.1b3, 6.1 to 6.4)."""
LONGEST_WRITE = 123
"""Most registers in one write (the same, 6.12); fewer coils than 6.11 permits."""
LONGEST_READ_WRITE = 121
"""Most registers written by a request that also reads (the same, 6.17)."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a device gives in one answer."""

    max_gap: int = 16
    """Most unused addresses read to join two blocks [1]."""
    max_read: int = 125
    """Most registers in one answer [1]."""
    forbidden: tuple[Stretch, ...] = ()
    """Addresses no request may touch."""

    @classmethod
    def of(cls, device: Modbus) -> Reach:
        """Return what the policy says of a device."""
        return cls(device.max_gap, device.max_read, tuple(stretch(text) for text in device.forbidden))

    def longest(self, table: Table) -> int:
        """Return the most addresses of a table in one read [1]."""
        return LONGEST[table] if table in BITS else min(LONGEST[table], self.max_read)


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
    bit: int | None = None
    """Bit of the word, 0 the least significant [1]; None for the word as a whole."""

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
    address: int = field(init=False)
    """First address, counted from zero [1]."""
    end: int = field(init=False)
    """First address behind it [1]."""
    length: int = field(init=False)
    """Number of addresses [1]."""

    def __post_init__(self) -> None:
        # Kept, because every reading asks for them and a block may have many places.
        object.__setattr__(self, "address", self.places[0].address)
        object.__setattr__(self, "end", max(place.end for place in self.places))
        object.__setattr__(self, "length", self.end - self.address)


def places(tags: Sequence[Tag], order: ByteOrder, reach: Reach) -> tuple[Place, ...]:
    """Return where the values of `tags` lie; a tag too long for one request is cut between values.

    Parameters
    ----------
    tags
        Tags of one connection, in order.
    order
        Order of the bytes where a tag does not say otherwise.
    reach
        What the device gives in one answer.

    Raises
    ------
    ValueError
        If an address is none, runs off its table, or holds bits where the tag is no ``bool``.
    """
    found: list[Place] = []
    slot = 0
    for i, tag in enumerate(tags):
        where, width = spot(tag.address), REGISTERS[tag.type]
        if (where.table in BITS or where.bit is not None) and tag.type != "bool":
            raise ValueError(f"{tag.address} holds bits, the tag is declared {tag.type}")
        if where.address + width * tag.length > ADDRESSES:
            raise ValueError(f"{tag.address} with {tag.length} values of {tag.type} runs off its table")
        run = reach.longest(where.table) // width
        for n in range(0, tag.length, run):
            count, address = min(run, tag.length - n), where.address + n * width
            form = (where.table, address, tag.type, tag.byte_order or order, where.bit)
            found.append(Place(i, slot + n, count, width, *form))
        slot += tag.length
    return tuple(found)


def coalesced(found: Iterable[Place], reach: Reach) -> tuple[Block, ...]:
    """Return the fewest blocks that hold all places within what a device gives.

    Parameters
    ----------
    found
        Places of one device.
    reach
        What it gives in one answer.
    """
    blocks: list[Block] = []
    for place in sorted(found, key=lambda place: (place.table, place.address, place.end, place.slot)):
        if blocks and _joins(blocks[-1], place, reach):
            last = blocks.pop()
            blocks.append(Block(last.table, (*last.places, place)))
        else:
            blocks.append(Block(place.table, (place,)))
    return tuple(blocks)


def split(block: Block) -> tuple[Block, ...]:
    """Return the parts of a block the device refused as a whole: without its gaps, or else its halves.

    A single place cannot be split and comes back alone.
    """
    parts = coalesced(block.places, Reach(max_gap=0))
    if len(parts) > 1 or len(block.places) == 1:
        return parts
    middle = len(block.places) // 2
    return Block(block.table, block.places[:middle]), Block(block.table, block.places[middle:])


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Values that are decoded together."""

    kind: WireType
    order: ByteOrder
    words: NDArray[np.intp] | slice
    """Where their words lie in the image, one value behind the other; a slice where they do so there."""
    slots: NDArray[np.intp] | slice
    """Where the values belong; a slice where they stand in a row."""
    shape: tuple[int, int]
    """Number of values, and words of each [1]."""
    which: NDArray[np.uint16] | None
    """Bit of each word, shape ``(n,)``; None for whole words."""

    def values(self, words: Words) -> Floats:
        if self.which is not None:
            return bits(words, self.which, self.order)
        return decode(words, self.kind, self.order)


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """One reading of a device: its blocks one behind the other, called the image, and how to take it apart."""

    blocks: tuple[Block, ...]
    """Requests, in order."""
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
        begins = [int(begin) for begin in ends[:-1]]
        spots = [(place, begin - b.address) for b, begin in zip(blocks, begins, strict=True) for place in b.places]
        forms: dict[tuple[WireType, ByteOrder, bool], list[tuple[Place, int]]] = {}
        for place, shift in spots:
            forms.setdefault((place.kind, place.order, place.bit is not None), []).append((place, shift))
        return cls(
            blocks=tuple(blocks),
            size=int(ends[-1]),
            width=max((place.slot + place.count for place, _ in spots), default=0),
            groups=tuple(_group(kind, order, alike) for (kind, order, _), alike in forms.items()),
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
            found[group.slots] = group.values(image[group.words].reshape(group.shape))
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


def joined(orders: Iterable[Order], longest: int = LONGEST_WRITE) -> tuple[Order, ...]:
    """Return orders in as few requests: one where all lie side by side, else contiguous neighbours, in sequence.

    Parameters
    ----------
    orders
        One for each setpoint.
    longest
        Most addresses in one request [1].

    Examples
    --------
    >>> first, second = Order("holding", 0, (1, 2), (0,)), Order("holding", 2, (3,), (1,))
    >>> joined([first, second])
    (Order(table='holding', address=0, words=(1, 2, 3), which=(0, 1)),)
    >>> joined([second, first])
    (Order(table='holding', address=0, words=(1, 2, 3), which=(0, 1)),)
    """
    given = list(orders)
    together = _runs(sorted(given, key=lambda order: (order.table, order.address)), longest)
    return together if len(together) == 1 else _runs(given, longest)


def _runs(orders: Sequence[Order], longest: int) -> tuple[Order, ...]:
    found: list[Order] = []
    for order in orders:
        last = found[-1] if found else None
        if last is None or not _continues(last, order, longest):
            found.append(order)
        else:
            found[-1] = replace(last, words=last.words + order.words, which=last.which + order.which)
    return tuple(found)


def _continues(last: Order, order: Order, longest: int) -> bool:
    contiguous = last.table == order.table and last.address + len(last.words) == order.address
    return contiguous and len(last.words) + len(order.words) <= longest


def _joins(block: Block, place: Place, reach: Reach) -> bool:
    if place.table != block.table or place.address - block.end > reach.max_gap:
        return False
    if max(block.end, place.end) - block.address > reach.longest(block.table):
        return False
    between = Stretch(block.table, block.end, place.address)
    return not any(between.touches(banned) for banned in reach.forbidden)


def _group(kind: WireType, order: ByteOrder, alike: Sequence[tuple[Place, int]]) -> _Group:
    firsts = np.concatenate([place.address + shift + place.width * np.arange(place.count) for place, shift in alike])
    slots = np.concatenate([place.slot + np.arange(place.count) for place, _ in alike])
    which = [bit for place, _ in alike for bit in [place.bit] * place.count if bit is not None]
    words = firsts[:, None] + np.arange(REGISTERS[kind])
    bit = np.array(which, np.uint16) if which else None
    return _Group(kind, order, _row(words.ravel()), _row(slots), (len(slots), REGISTERS[kind]), bit)


def _row(spots: NDArray[np.intp]) -> NDArray[np.intp] | slice:
    """Return positions as a slice where they are one, which costs a tenth."""
    first, n = int(spots[0]), len(spots)
    return slice(first, first + n) if np.array_equal(spots, np.arange(first, first + n)) else spots
