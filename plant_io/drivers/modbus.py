"""Modbus over TCP: coalesced reads, own decoding, whole values written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plant_io.blocks import LONGEST_READ_WRITE, LONGEST_WRITE, Block, Order, Reach, Scan, joined, places, split
from plant_io.decode import Words, encode, text
from plant_io.drivers.modbus_wire import Wire
from plant_io.holes import SPLITS, Holes, Part, gaps
from plant_io.latch import tags_of
from plant_io.modbus_codes import OF_ADDRESSES, Meaning, meaning
from plant_io.ports import Batch, Identity, Refusal
from plant_io.quality import Quality, Reason
from plant_io.signals import Outcome, Receipt, Setpoint
from policies import Modbus, Policy
from policies.registers import READ_ONLY, spot


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one request brought."""

    part: Part
    """What was asked for."""
    words: Words
    """Registers, or bits as 0 and 1, shape ``(part.got.length,)``; zeros where none came."""
    trouble: Meaning | None
    """Why none came."""

    @classmethod
    def of(cls, asked: Block, got: Block, words: Words | int) -> _Answer:
        if not isinstance(words, int):
            return cls(Part(asked, got, refused=False), words, None)
        return cls(Part(asked, got, words in OF_ADDRESSES), np.zeros(got.length, np.uint16), meaning(words))


class ModbusDriver:
    """One connection to one Modbus device.

    Parameters
    ----------
    connection
        Name of the connection in `policy`.
    policy
        Gives the address of the device and its tags.

    Raises
    ------
    ValueError
        If the connection is of another kind, or a tag has no Modbus address.
    """

    def __init__(self, connection: str, policy: Policy) -> None:
        device = policy.connections[connection]
        if not isinstance(device, Modbus):
            raise ValueError(f"connection {connection} is not a Modbus connection")  # noqa: TRY004  # a value of the policy
        self._device = device
        self._tags = tags_of(connection, policy)
        reach, names = Reach.of(device), tuple(self._tags)
        found = places(tuple(self._tags.values()), device.byte_order, reach)
        self._first = {names[place.tag]: place for place in reversed(found)}
        self._holes = Holes(found, reach)
        self._scan = Scan.of(self._holes.blocks())
        self._reads = 0
        self._wire: Wire | None = None

    async def open(self) -> Identity:
        """Connect, see that it is the right device, and read once, which finds the addresses it does not have."""
        self._wire = Wire(self._device)
        await self._wire.connect()
        texts = {name: await self._text(name) for name in self._device.texts}
        answers = await self._answers()
        self._learn(answers)
        return Identity(notes=(*self._refusals(answers), *_pieces(answers)), texts=texts)

    async def read(self) -> Batch:
        """Read every tag; what the device refuses is bad, what it does not answer is link trouble."""
        answers = await self._answers()
        batch = self._batch(answers)
        self._learn(answers)
        return batch

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        """Write whole values in order; neighbours travel together where the device takes blocks."""
        receipts: dict[int, Receipt] = {}
        orders: list[Order] = []
        for i, setpoint in enumerate(setpoints):
            try:
                orders.append(self._order(i, setpoint))
            except ValueError as refusal:
                receipts[i] = Receipt(setpoint, Outcome.REFUSED, str(refusal))
        longest = LONGEST_READ_WRITE if self._device.write_by == "read_write" else LONGEST_WRITE
        for order in orders if self._device.write_by == "single" else joined(orders, longest):
            outcome, why = await self._connected().put(order.table, order.address, order.words)
            receipts |= {i: Receipt(setpoints[i], outcome, why) for i in order.which}
        return [receipts[i] for i in range(len(setpoints))]

    async def abort(self) -> None:
        """Drop the connection now."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.drop()

    async def _answers(self) -> list[_Answer]:
        """Read all blocks; one that is refused for its addresses is split until the culprit stands alone."""
        wire, blocks = self._connected(), self._scan.blocks
        found: dict[int, list[_Answer]] = {}
        splits, self._reads = SPLITS, self._reads + 1
        for n in range(len(blocks)):
            # Each reading begins elsewhere, so that even a device full of holes is found out in the end.
            i = (n + self._reads) % len(blocks)
            found[i], waiting = [], [blocks[i]]
            while waiting:
                block = waiting.pop()
                answer = _Answer.of(blocks[i], block, await wire.words(block.table, block.address, block.length))
                if answer.part.refused and len(block.places) > 1 and splits > 0:
                    splits -= 1
                    waiting += reversed(split(block))
                else:
                    found[i].append(answer)
        return [answer for i in range(len(blocks)) for answer in found[i]]

    def _batch(self, answers: Sequence[_Answer]) -> Batch:
        asked_for = tuple(answer.part.got for answer in answers)
        scan = self._scan if asked_for == self._scan.blocks else Scan.of(asked_for)
        values = scan.values(np.concatenate([answer.words for answer in answers])) if answers else np.empty(0)
        n = len(self._tags)
        quality, reason = np.full(n, Quality.GOOD, np.uint8), np.full(n, Reason.NONE, np.uint8)
        for answer in answers:
            if answer.trouble is None:
                continue
            for place in answer.part.got.places:
                quality[place.tag], reason[place.tag] = Quality.BAD, answer.trouble.reason
                values[place.slot : place.slot + place.count] = np.nan
        return Batch(values, quality, reason, np.full(n, np.nan))

    def _learn(self, answers: Sequence[_Answer]) -> None:
        holes = self._holes.learnt([answer.part for answer in answers])
        if holes != self._holes:
            self._holes, self._scan = holes, Scan.of(holes.blocks())

    def _refusals(self, answers: Sequence[_Answer]) -> list[str]:
        names = tuple(self._tags)
        return [
            f"{names[place.tag]}: the device gives {answer.trouble.said} for {place.table}:{place.address}"
            for answer in answers
            if answer.trouble is not None
            for place in answer.part.got.places
        ]

    async def _text(self, name: str) -> str:
        """Return a text of the device, or refuse the device if it is not the expected one."""
        wanted = self._device.texts[name]
        where = spot(wanted.address)
        words = await self._connected().words(where.table, where.address, (wanted.length + 1) // 2)
        found = None if isinstance(words, int) else text(words, wanted.length, self._device.byte_order)
        if wanted.expect is not None and found != wanted.expect:
            shown = "does not give it" if found is None else f"shows {found!r}"
            raise Refusal(f"it may be the wrong device: {name} should be {wanted.expect!r}, and the device {shown}")
        return found or ""

    def _order(self, i: int, setpoint: Setpoint) -> Order:
        place = self._first[setpoint.tag]
        if place.table in READ_ONLY or place.bit is not None:
            raise ValueError(f"{self._tags[setpoint.tag].address} cannot be written")
        words = encode(setpoint.value, place.kind, place.order)
        if len(words) > 1 and self._device.write_by == "single":
            raise ValueError(f"it takes {len(words)} registers, and the device is written one by one")
        return Order(place.table, place.address, words, (i,))

    def _connected(self) -> Wire:
        if self._wire is None:
            raise ConnectionError("not connected")
        return self._wire


def _pieces(answers: Sequence[_Answer]) -> list[str]:
    """Return which blocks the device gave only in pieces although nothing declared is missing from them."""
    notes: list[str] = []
    for block in dict.fromkeys(answer.part.asked for answer in answers):
        parts = [answer for answer in answers if answer.part.asked == block]
        if len(parts) == 1 or any(answer.trouble is not None for answer in parts):
            continue
        most = max(part.part.got.length for part in parts)
        what = "addresses nobody asked for" if gaps(block) else f"more than {most} addresses at once"
        notes.append(f"{block.table}:{block.address} to {block.end - 1}: the device refuses {what}")
    return notes
