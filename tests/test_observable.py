"""How much a fault shows at all, from two runs that differ in nothing else."""

import numpy as np
import pytest

from benchmarks.observable import shown


def test_a_fault_shows_as_far_as_a_filter_that_knows_it_would_see_it() -> None:
    rng = np.random.default_rng(1)
    calm = rng.normal(0.0, [1.0, 0.1], (4000, 2))
    struck = calm.copy()
    struck[2000:2100, 1] += 0.05
    found = shown(("A", "B"), calm, struck, 1900)
    assert list(found) == ["B", "A"]
    # Half a standard deviation in each of a hundred means is sqrt(100) / 2 = 5.
    assert found["B"]["ideal"] == pytest.approx(5.0, rel=0.05)
    assert found["B"]["largest"] == pytest.approx(0.5, rel=0.05)
    assert found["A"] == {"ideal": 0.0, "largest": 0.0}


def test_what_came_before_the_fault_does_not_count() -> None:
    calm = np.random.default_rng(2).normal(0.0, 1.0, (400, 1))
    struck = calm.copy()
    struck[:200] += 1.0
    assert shown(("A",), calm, struck, 200)["A"]["ideal"] == 0.0
