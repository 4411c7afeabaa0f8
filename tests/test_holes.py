"""What a device refuses is found out by asking, remembered, and forgotten when the device answers again."""

import numpy as np
import pytest

from plant_io.blocks import Block, Reach, places, split
from plant_io.holes import SPLITS, Holes, Part, gaps
from policies import Tag


def tag(address: int) -> Tag:
    return Tag(unit="1", range=(0, 65535), connection="plc", address=f"input:{address}", type="uint16")


class Device:
    """Input registers with holes, which gives a limited number of registers at once."""

    def __init__(self, holes: set[int], most: int = 125) -> None:
        self.holes, self.most, self.asked = holes, most, 0

    def refuses(self, block: Block) -> bool:
        self.asked += 1
        return bool(self.holes & set(range(block.address, block.end))) or block.length > self.most

    def read(self, known: Holes) -> list[Part]:
        parts: list[Part] = []
        splits = SPLITS
        for block in known.blocks():
            waiting = [block]
            while waiting:
                part = waiting.pop()
                refused = self.refuses(part)
                if refused and len(part.places) > 1 and splits > 0:
                    splits -= 1
                    waiting += reversed(split(part))
                else:
                    parts.append(Part(block, part, refused))
        return parts


def known(addresses: range | list[int], reach: Reach | None = None) -> Holes:
    reach = reach or Reach()
    return Holes(places([tag(a) for a in addresses], "ABCD", reach), reach)


def settled(device: Device, holes: Holes, readings: int = 10) -> Holes:
    for _ in range(readings):
        holes = holes.learnt(device.read(holes))
    device.asked = 0
    device.read(holes)
    return holes


def spans(holes: Holes) -> list[tuple[int, int]]:
    return [(b.address, b.length) for b in holes.blocks()]


def test_a_hole_that_is_a_tag_stands_alone_and_its_neighbours_travel_together_again() -> None:
    device = Device({20})
    holes = settled(device, known(range(60)))
    assert spans(holes) == [(0, 20), (21, 39), (20, 1)]
    assert device.asked == 3


def test_a_hole_between_tags_is_never_read_again() -> None:
    device = Device({5})
    holes = settled(device, known([0, 1, 9, 10, 40]))
    assert spans(holes) == [(0, 2), (9, 2), (40, 1)]
    assert holes.refused == frozenset()


def test_a_device_that_gives_little_at_once_is_asked_for_little_at_once() -> None:
    device = Device(set(), most=40)
    holes = settled(device, known(range(100)))
    assert max(length for _, length in spans(holes)) <= 40
    assert device.asked == len(spans(holes)) <= 4


def test_a_device_that_gives_even_less_is_asked_for_no_less_than_a_policy_would_say() -> None:
    device = Device(set(), most=3)
    holes = settled(device, known(range(60)))
    assert holes.reach.max_read == 16


def test_an_address_that_appears_is_read_with_its_neighbours_again() -> None:
    device = Device({20})
    holes = settled(device, known(range(60)))
    device.holes.clear()
    assert spans(settled(device, holes)) == [(0, 60)]


def test_a_device_that_loses_everything_for_a_while_is_whole_again_at_once() -> None:
    device = Device(set(range(1000)))
    holes = settled(device, known(range(1000)))
    assert device.asked <= 1000 / 125 + 2 * SPLITS
    device.holes.clear()
    holes = holes.learnt(device.read(holes))
    assert spans(holes) == [(125 * i, 125) for i in range(8)]


@pytest.mark.parametrize("seed", range(10))
def test_whatever_the_holes_in_the_end_every_good_tag_is_read_and_no_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    wanted = sorted(rng.choice(300, 120, replace=False).tolist())
    device = Device(set(rng.choice(300, int(rng.integers(0, 12)), replace=False).tolist()))
    holes = settled(device, known(wanted), readings=40)
    assert {p.address for p in holes.refused} == device.holes & set(wanted)


def test_gaps_are_what_nobody_asked_for() -> None:
    (block,) = known([0, 1, 5, 6, 9]).blocks()
    assert [(g.start, g.stop) for g in gaps(block)] == [(2, 5), (7, 9)]
