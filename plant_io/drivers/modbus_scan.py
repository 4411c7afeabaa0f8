"""One scan class of a Modbus device: its blocks, their answers as one batch, and what is learnt of its holes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from plant_io.blocks import Block, Place, Reach, Scan, places, split
from plant_io.decode import Words
from plant_io.drivers.modbus_wire import Wire
from plant_io.holes import SPLITS, Holes, Part, gaps
from plant_io.modbus_codes import OF_ADDRESSES, Meaning, meaning
from plant_io.ports import Batch
from plant_io.quality import Quality
from policies import Modbus, Tag


class _Answer(NamedTuple):
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

    @property
    def whole(self) -> bool:
        """Whether it brought all that was asked for at first."""
        return self.trouble is None and self.part.got is self.part.asked


class Reading:
    """How one scan class of a device is read.

    Where it takes several requests, the scan counter is read with the first and again after the last: one request is
    answered from one scan, several need not be.

    Parameters
    ----------
    tags
        Tags of the class, in order.
    device
        Order of its bytes, and what it gives in one answer.
    counter
        Where it counts its scans; None where it does not.
    """

    def __init__(self, tags: Mapping[str, Tag], device: Modbus, counter: Place | None) -> None:
        self._names = tuple(tags)
        reach = Reach.of(device)
        self._holes = Holes(places(tuple(tags.values()), device.byte_order, reach), reach)
        self._scan = Scan.of(self._holes.blocks())
        self._counter = None if counter is None else _Counter(replace(counter, tag=0, slot=0))
        self._reads = 0

    async def explored(self, wire: Wire) -> list[str]:
        """Read once, which finds the addresses the device does not have, and return what it refuses."""
        answers, _ = await self._answers(wire)
        self._learn(answers)
        return [*self._refusals(answers), *_pieces(answers)]

    async def batch(self, wire: Wire) -> Batch:
        """Read all blocks and return what came."""
        answers, counters = await self._answers(wire)
        batch = replace(self._taken(answers), counters=counters)
        self._learn(answers)
        return batch

    async def _answers(self, wire: Wire) -> tuple[list[_Answer], tuple[float, float] | None]:
        """Read all blocks; where there are several, between two readings of the scan counter."""
        blocks, counter = self._scan.blocks, self._counter
        self._reads += 1
        # Each reading begins elsewhere, so that even a device full of holes is found out in the end.
        order = [(n + self._reads) % len(blocks) for n in range(len(blocks))]
        if counter is None or len(blocks) == 1:
            return await _asked(wire, blocks, order), None
        lead = next((i for i in order if counter.inside(blocks[i])), None)
        before = await counter.read(wire) if lead is None else None
        answers = await _asked(wire, blocks, sorted(order, key=lambda i: i != lead))
        after = await counter.read(wire)
        return answers, (counter.seen(answers) if before is None else before, after)

    def _taken(self, answers: Sequence[_Answer]) -> Batch:
        whole = all(answer.whole for answer in answers)
        scan = self._scan if whole else Scan.of([answer.part.got for answer in answers])
        values = scan.values(np.concatenate([answer.words for answer in answers])) if answers else np.empty(0)
        n = len(self._names)
        quality, reason = np.zeros(n, np.uint8), np.zeros(n, np.uint8)  # good, for no reason
        for answer in answers:
            if whole or answer.trouble is None:
                continue
            for place in answer.part.got.places:
                quality[place.tag], reason[place.tag] = Quality.BAD, answer.trouble.reason
                values[place.slot : place.slot + place.count] = np.nan
        return Batch(values, quality, reason, np.full(n, np.nan))

    def _learn(self, answers: Sequence[_Answer]) -> None:
        if not self._holes.refused and all(answer.whole for answer in answers):
            return
        holes = self._holes.learnt([answer.part for answer in answers])
        if holes != self._holes:
            self._holes, self._scan = holes, Scan.of(holes.blocks())

    def _refusals(self, answers: Sequence[_Answer]) -> list[str]:
        return [
            f"{self._names[place.tag]}: the device gives {answer.trouble.said} for {place.table}:{place.address}"
            for answer in answers
            if answer.trouble is not None
            for place in answer.part.got.places
        ]


class _Counter:
    """The scan counter of a device."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._block = Block(place.table, (place,))
        self._scan = Scan.of((self._block,))

    def inside(self, block: Block) -> bool:
        """Return whether a block brings it along."""
        return (
            block.table == self._place.table and block.address <= self._place.address and self._place.end <= block.end
        )

    async def read(self, wire: Wire) -> float:
        """Return what it shows, no number where the device refuses it."""
        words = await wire.words(self._block.table, self._block.address, self._block.length)
        return np.nan if isinstance(words, int) else float(self._scan.values(words)[0])

    def seen(self, answers: Sequence[_Answer]) -> float:
        """Return what it showed in the answers that brought it along, no number where none did."""
        for answer in answers:
            if answer.trouble is None and self.inside(answer.part.got):
                begin = self._place.address - answer.part.got.address
                return float(self._scan.values(answer.words[begin : begin + self._block.length])[0])
        return np.nan


async def _asked(wire: Wire, blocks: Sequence[Block], order: Sequence[int]) -> list[_Answer]:
    """Ask for blocks in some order; one that is refused for its addresses is split until the culprit stands alone."""
    found: dict[int, list[_Answer]] = {}
    splits = SPLITS
    for i in order:
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
