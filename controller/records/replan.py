"""The plans of a record solved again from the problems it holds, and how far they come out otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import numpy as np

from controller.mpc.solver import solvers_in_line
from controller.plan import Plan, Problem, Status
from controller.records import codec
from controller.records.cycles import Walk

TOLERANCE = 1e-6
"""Share of the permitted span of an input by which its moves may differ [1]."""
_SHOWN = 20


@dataclass(slots=True)
class Replanned:
    """What came of solving again."""

    tolerance: float = TOLERANCE
    """Share of the permitted span of an input by which its moves may differ [1]."""
    solved: int = 0
    """Plans that were followed, and were solved again [1]."""
    identical: int = 0
    """Those that came out the same, bit for bit [1]."""
    within: int = 0
    """Those that came out the same within the tolerance [1]."""
    largest: float = 0.0
    """Largest difference of a move, as a share of the permitted span of its input [1]."""
    beyond: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    """Loop and number of the first plans that did not [1]."""

    def plain(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "solved": self.solved,
            "identical": self.identical,
            "within": self.within,
            "largest": self.largest,
            "tolerance": self.tolerance,
            "beyond": [{"loop": loop, "number": number} for loop, number in self.beyond],
        }


def replan(
    directory: Path, tolerance: float = TOLERANCE, progress: Callable[[int], None] = lambda _: None
) -> Replanned:
    """Solve every problem of a record again, and compare what was followed.

    Parameters
    ----------
    directory
        Record directory.
    tolerance
        Share of the permitted span of an input by which its moves may differ [1].
    progress
        Told the number of cycles done so far.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read.
    """
    walk, found = Walk(directory), Replanned(tolerance)
    policy = walk.policy()
    solvers = solvers_in_line(policy.loops, policy.files)
    posed: dict[tuple[str, int], tuple[Problem, Plan]] = {}
    for data in walk.cycles(progress):
        for said in data["plans"]:
            key = (str(said["loop"]), int(said["number"]))
            if said["status"] == Status.SOLVED.value and key in posed:
                _compared(found, codec.plan(said), *posed.pop(key))
        for asked in data["decision"]["problems"]:
            problem = codec.problem(asked)
            posed[problem.loop, problem.number] = problem, solvers[problem.loop].solve(problem)
    return found


def _compared(found: Replanned, was: Plan, problem: Problem, again: Plan) -> None:
    found.solved += 1
    if again.status is not Status.SOLVED or again.moves.shape != was.moves.shape:
        far = inf
    else:
        found.identical += again.moves.tobytes() == was.moves.tobytes()
        far = float(np.max(np.abs(again.moves - was.moves) / (problem.high - problem.low), initial=0.0))
    found.largest = max(found.largest, far)
    if far <= found.tolerance:
        found.within += 1
    elif len(found.beyond) < _SHOWN:
        found.beyond.append((was.loop, was.number))
