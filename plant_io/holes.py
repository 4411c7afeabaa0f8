"""What a Modbus device has shown of its holes: addresses it refuses, and how much it gives at once.

Nobody knows them beforehand: manuals are silent, and firmware changes them. So they are learnt from refusals, and
forgotten as soon as the device answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from plant_io.blocks import Block, Place, Reach, coalesced
from policies.registers import BITS, Stretch

SPLITS = 16
"""Refused blocks that are split in one reading [1]; what is not found out then is found out in the next ones."""

_SHORTEST_READ = 16  # a device that gives less than this at once is told by its policy


@dataclass(frozen=True, slots=True)
class Part:
    """What became of one request."""

    asked: Block
    """Block that was to be read."""
    got: Block
    """Part of it that was asked for in the end."""
    refused: bool
    """Whether the device refused it for its addresses."""


@dataclass(frozen=True, slots=True)
class Holes:
    """How a device is read, as far as it is known."""

    places: tuple[Place, ...]
    """Everything that is to be read."""
    reach: Reach
    """What the device gives in one answer."""
    refused: frozenset[Place] = frozenset()
    """Places it refused the last time."""

    def blocks(self) -> tuple[Block, ...]:
        """Return what to ask for: blocks that are known to be good, then those in doubt."""
        good = [place for place in self.places if place not in self.refused]
        doubtful = [place for place in self.places if place in self.refused]
        return coalesced(good, self.reach) + coalesced(doubtful, replace(self.reach, max_gap=0))

    def learnt(self, parts: Sequence[Part]) -> Holes:
        """Return what is known after one reading of all blocks."""
        refused = frozenset(place for part in parts if part.refused for place in part.got.places)
        reach = self.reach
        for block in dict.fromkeys(part.asked for part in parts if part.got != part.asked):
            reach = _narrowed(reach, block, [part for part in parts if part.asked == block])
        return replace(self, reach=reach, refused=refused)


def gaps(block: Block) -> tuple[Stretch, ...]:
    """Return the unused addresses inside a block."""
    parts = coalesced(block.places, Reach(max_gap=0))
    return tuple(
        Stretch(block.table, one.end, other.address) for one, other in pairwise(parts) if one.end < other.address
    )


def _narrowed(reach: Reach, block: Block, parts: Sequence[Part]) -> Reach:
    """Return what a device gives after it refused a block and was asked for its parts."""
    unused = gaps(block)
    if unused:
        return replace(reach, forbidden=tuple(dict.fromkeys((*reach.forbidden, *unused))))
    if any(part.refused for part in parts) or block.table in BITS:
        return reach
    shown = max(_SHORTEST_READ, *(part.got.length for part in parts))
    return replace(reach, max_read=min(reach.max_read, shown))
