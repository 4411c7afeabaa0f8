"""Scan counters that cannot be true: of a device that is not read as it holds its values."""

from math import nan

import numpy as np
import pytest

from plant_io import Quality, Reason
from plant_io.racing import Racing, Seen

TAGS = (np.array([0, 2]), np.array([1, 3, 4]))


def struck(*rows: tuple[float, float, float]) -> list[list[int]]:
    """Return the tags that are struck in each cycle, given time and the counters of two devices."""
    racing = Racing(TAGS)
    seen: Seen = racing.begin()
    found: list[list[int]] = []
    for at, *counts in rows:
        verdict, seen = racing.judged(counts, at, seen)
        assert set(verdict.quality.tolist()) <= {Quality.BAD}
        assert set(verdict.reason.tolist()) <= {Reason.WRONG_TYPE}
        found.append(verdict.tags.tolist())
    return found


def test_a_counter_whose_words_are_swapped_races_as_long_as_they_are() -> None:
    rows = [(float(k), 2.0 * k, 2.0 * k if k < 3 or k > 5 else 2.0 * k * 65536.0) for k in range(8)]
    assert struck(*rows) == [[], [], [], [1, 3, 4], [1, 3, 4], [1, 3, 4], [], []]


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param([0.0, 1000.0, 2000.0, 3000.0], id="a fast controller"),
        pytest.param([50000.0, 50002.0, 0.0, 2.0], id="a restart"),
        pytest.param([10.0, nan, nan, 60000.0], id="a link that was away"),
        pytest.param([4294967290.0, 4294967295.0, 3.0, 5.0], id="a counter that begins anew"),
        pytest.param([nan, nan, nan, 7e8], id="the first count there is"),
        pytest.param([5.0, 5.0, 5.0, 5.0], id="a controller that stands"),
    ],
)
def test_no_other_counter_does(counts: list[float]) -> None:
    assert struck(*((float(k), count, nan) for k, count in enumerate(counts))) == [[], [], [], []]
