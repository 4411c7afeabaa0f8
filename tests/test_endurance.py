"""Memory stays flat however many problems are solved."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.endurance import STEPS, Kept, endured


@pytest.mark.soak
@pytest.mark.parametrize("kind", list(STEPS))
def test_no_solver_keeps_anything_of_the_problems_it_has_solved(kind: str) -> None:
    kept = endured(kind, STEPS[kind])
    assert kept.failed == 0
    assert kept.grown_mib < 1.0


def test_a_slope_is_seen_through_the_noise_of_an_allocator() -> None:
    marks = 200.0 + 0.1 * np.arange(21) + 0.05 * np.random.default_rng(1).normal(size=21)
    assert Kept(1000, 0, marks, 1.0).grown_mib == pytest.approx(2.0, abs=0.1)
    assert abs(Kept(1000, 0, np.full(21, 200.0), 1.0).grown_mib) < 1e-9
