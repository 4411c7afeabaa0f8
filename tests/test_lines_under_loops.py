"""Lines B and C under their loops: silent while nothing is wrong, and in time with what a loop makes up for."""

import pytest

from benchmarks import isolation, masked
from benchmarks.isolation_cases import Case
from benchmarks.masked import Task
from hil.commissioning_monitor import LINES

SEED = 921
assert SEED not in {*isolation.SEEDS, *isolation.QUIET, *masked.SEEDS, *LINES["b"].seeds, *LINES["c"].seeds}


@pytest.mark.slow
@pytest.mark.parametrize("line", ["b", "c"])
def test_hours_of_a_line_under_its_loop_are_silent(line: str) -> None:
    found = isolation.play(Case(line, "", "", SEED))
    assert found.hours >= 4.0
    assert (found.before, found.said, found.flooded) == (0, "", 0)


@pytest.mark.slow
@pytest.mark.parametrize("line", ["b", "c"])
def test_a_fault_that_the_loop_makes_up_for_is_told_before_it_is_at_its_limits(line: str) -> None:
    found = masked.play(Task(line, SEED))
    assert found.by in {"line_fast", "line_slow", "content_balance", "catalyst"}
    assert found.told_s < min(found.saturated_s, masked.LINES[line].ramp_s)
