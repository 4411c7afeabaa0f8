"""Long runs of benchmarks: kept, never played twice under the same policy; false alarms beside what was promised."""

from argparse import ArgumentParser
from dataclasses import dataclass
from math import inf, isinf
from pathlib import Path
from typing import cast

import pytest

from benchmarks import isolation, kept
from benchmarks.isolation_cases import Case
from benchmarks.kept import Runs


@dataclass(frozen=True, slots=True)
class Task:
    name: str
    seed: int


@dataclass(frozen=True, slots=True)
class Found:
    delay_s: float
    routes: tuple[str, ...]


def work(task: Task) -> Found:
    """Return what became of a run; none may be played here, for it is another process that plays."""
    return Found(inf if task.name == "quiet" else float(task.seed), ("operator",))


def test_a_run_that_was_kept_is_taken_from_its_folder_and_not_played_again(tmp_path: Path) -> None:
    tasks = [Task("quiet", 1), Task("leak", 2)]
    runs = Runs(work, Found, lambda _: "policy", tmp_path)
    first = runs.play(tasks)
    assert isinf(first[tasks[0]].delay_s)
    assert list(first) == tasks
    (tmp_path / "leak_2_policy.json").write_text('{"delay_s": 7.0, "routes": ["qa"]}')
    assert runs.play(tasks) == {tasks[0]: first[tasks[0]], tasks[1]: Found(7.0, ("qa",))}


def test_a_run_under_another_policy_is_played(tmp_path: Path) -> None:
    task = Task("leak", 2)
    (tmp_path / "leak_2_old.json").write_text('{"delay_s": 7.0, "routes": ["qa"]}')
    assert Runs(work, Found, lambda _: "new", tmp_path).play([task]) == {task: Found(2.0, ("operator",))}


def test_lines_and_seeds_are_chosen_on_the_command_line() -> None:
    parser = ArgumentParser()
    kept.options(parser, quiet=True)
    given = parser.parse_args(["--lines", "b", "--quiet", "951", "952", "--seeds"])
    assert kept.wanted(given, "lines", ("a",)) == ("b",)
    assert kept.numbers(given, "quiet", (1,)) == (951, 952)
    assert kept.numbers(given, "seeds", (1,)) == ()
    assert kept.numbers(parser.parse_args([]), "seeds", (1,)) == (1,)


def quiet(seed: int, routes: tuple[str, ...]) -> tuple[Case, isolation.Found]:
    case = Case("e", "", "", seed)
    return case, isolation.Found(84.0, len(routes), routes, 0, None, named=False, said="", flooded=0)


def test_false_alarms_stand_beside_what_was_promised_in_the_same_hours() -> None:
    found = dict([quiet(1, ()), quiet(2, ("operator", "maintenance"))])
    figures = isolation.counted(["e"], list(found), found).figures
    line = cast("dict[str, dict[str, dict[str, float]]]", figures["false_alarms"])["e"]
    assert line["hours"] == pytest.approx(168.0)
    assert line["operator"]["false"] == 1
    assert line["operator"]["realised_vs_promised"] == pytest.approx(1.0 / line["operator"]["promised"], rel=0.01)
    # Upper limit of a Poisson count of 1 with 95 %: 4.744 (Garwood 1936, doi:10.2307/2333958).
    assert line["operator"]["upper_95"] == pytest.approx(4.744 / line["operator"]["promised"], rel=0.01)
    assert line["told_on"] == {"e 2": ("operator", "maintenance")}
