"""What can be wrong with a policy, said to the person who wrote it.

::

    PolicyError(ValueError)      every problem of one policy at once; at start-up only
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a policy, and where it stands."""

    file: str
    """File, as it was given."""
    line: int
    """Line, counted from 1 [1]."""
    column: int
    """Character in the line, counted from 1 [1]."""
    path: str
    """Dotted path of the key; empty where the file as a whole is meant."""
    message: str
    """What was found and what was wanted, with its unit."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class PolicyError(ValueError):
    """A policy cannot be used; nothing has been changed on the line.

    Parameters
    ----------
    problems
        Everything that is wrong, in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems: tuple[Problem, ...] = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)
