"""The benchmark of impurity trends measures what it says it does."""

import numpy as np

from benchmarks import impurity, impurity_world
from benchmarks.impurity_world import FAMILY, WINDOW


def test_limits_tell_as_many_false_episodes_as_were_wanted() -> None:
    rows = np.abs(np.random.default_rng(1).standard_normal((4000, 2)))
    limits = impurity.calibrated(rows, 6.0)
    assert 3 <= impurity.false_told(rows, limits) <= 6
    chart = rows[:, 0]
    limit = impurity.chart_limit(chart, 6.0)
    assert impurity_world.episodes(chart >= limit, chart < 0.7 * limit) <= 6


def test_an_alarm_is_one_episode_until_it_is_clear() -> None:
    over, clear = np.array([0, 1, 0, 1, 0, 1], bool), np.array([1, 0, 0, 0, 1, 0], bool)
    assert impurity_world.episodes(over, clear) == 2


def test_a_library_names_its_trends_and_not_what_is_foreign_to_it() -> None:
    world = impurity_world.world(3)
    kit = impurity.limited(world.kit, (25.0, 14.0))
    told = [
        (i, impurity.read(rows[impurity.ONSET + 50 - WINDOW : impurity.ONSET + 50], kit).name)
        for i, rows in impurity.runs(world, 2, 5, FAMILY)
    ]
    known = [name == f"e{i}" for i, name in told if i >= 0]
    assert np.mean(known) >= 0.9
    assert np.mean([name == "" for i, name in told if i < 0]) >= 0.6


def test_two_trends_at_once_are_both_named_and_one_alone_is_not_two() -> None:
    found = impurity.two(impurity_world.world(3), (25.0, 14.0), 12, 5)
    assert found["both_of_two"] >= 0.75
    assert found["second_where_there_is_none"] <= 0.1
