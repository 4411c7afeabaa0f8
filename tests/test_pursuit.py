"""A trend that another one leaves room for is told beside it; what follows late of one trend is no second one."""

from dataclasses import replace

import numpy as np
import pytest

from anomaly.confusion import noise
from anomaly.match import Signatures
from anomaly.trending import read
from benchmarks.impurity_world import CHANNELS, MEMORY, WINDOW, world
from plant_io.signals import Floats

WHOLE = world(3).kit
TWO = {key: WHOLE.entries[key] for key in ("e0", "e1")}
LOW, HIGH = np.zeros((2, 2, CHANNELS))
LOW[0, 0] = HIGH[0, 0] = LOW[1, 1] = HIGH[1, 1] = HIGH[1, 2] = 1.0
HIGH[0, 1:3] = 1.0
"""Entry e0 moves channel 0 and leaves room for the next two; e1 moves these alone."""
KIT = replace(WHOLE, entries=TWO, signatures=Signatures(LOW, HIGH, WHOLE.signatures.courses[:2]))


def stepped(moves: dict[int, tuple[int, float]], seed: int = 1) -> Floats:
    """Noise with steps in it, by channel: the point from which it stands elsewhere, and how far [sd]."""
    rows = noise(np.random.default_rng(seed), MEMORY, WINDOW)
    for channel, (onset, size) in moves.items():
        rows[onset:, channel] += size
    return rows


@pytest.mark.parametrize(("first", "second"), [(10, 40), (40, 10)])
def test_a_trend_is_told_beside_one_that_leaves_room_for_it_whichever_came_first(first: int, second: int) -> None:
    assert read(stepped({0: (first, 40.0)}), KIT).name == "e0"
    assert read(stepped({1: (second, 12.0)}), KIT).name == "e1"
    assert read(stepped({0: (first, 40.0), 1: (second, 12.0)}), KIT).name == "e0+e1"


def test_channels_of_one_trend_that_follow_late_are_no_second_one() -> None:
    seen = read(stepped({0: (20, 40.0), 1: (23, 25.0), 2: (23, 25.0)}), KIT, "e0")
    assert seen.name == "e0"


def test_less_than_an_alarm_of_its_own_is_no_second_trend_beside_one_of_another_course() -> None:
    rows = stepped({1: (10, 1.7)})
    rows[40:, 0] += 40.0 * np.sin(np.pi * np.arange(20.0) / 30.0)
    assert read(rows, KIT, "e0").name == "e0"
