"""Every loop holds on many lines, and on lines that are two standard deviations off in everything."""

from __future__ import annotations

from functools import partial

import pytest

from hil.campaign import Wanted, play
from hil.library import find, open_scenario
from hil.scenario import Scenario
from hil.summary import summed

LINES = ("a", "b", "b2", "c")


def opened(name: str) -> Scenario:
    return open_scenario(find(name))[0]


@pytest.mark.parametrize("line", LINES)
def test_the_hard_scenario_of_a_line_asks_for_the_same_on_harder_lines(line: str) -> None:
    ordinary, hard = opened(f"{line}_robust"), opened(f"{line}_hard")
    asked_for = partial(Scenario.model_dump, exclude={"title", "mismatch", "seed"})
    assert asked_for(ordinary) == asked_for(hard)
    assert (ordinary.mismatch, hard.mismatch) == (1.0, "hard")


def passed(name: str, first: int, seeds: int) -> float:
    outcomes, whole = play([(name, *open_scenario(find(name)))], Wanted("memory", first, seeds))
    assert whole
    return summed(outcomes)[0].passed / seeds


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["robust", "hard"])
def test_line_a_holds_on_three_lines(kind: str) -> None:
    assert passed(f"a_{kind}", 11, 3) == 1.0


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "least"),
    [("a_robust", 1.0), ("a_hard", 1.0), ("b_robust", 1.0), ("b_hard", 0.8), ("b2_robust", 1.0), ("b2_hard", 0.9)],
)
def test_a_line_holds_on_ten_lines(name: str, least: float) -> None:
    assert passed(name, 1, 10) >= least


@pytest.mark.soak
@pytest.mark.parametrize(("name", "least"), [("c_robust", 0.9), ("c_hard", 0.6)])
def test_line_c_holds_where_its_rate_constants_let_it(name: str, least: float) -> None:
    assert passed(name, 1, 10) >= least
