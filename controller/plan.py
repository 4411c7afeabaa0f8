"""What is asked of a solver and what it answers: plain data that crosses a process boundary."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from plant_io.signals import Floats


class Status(StrEnum):
    """What became of one solution."""

    SOLVED = "solved"
    """The plan may be followed."""
    FAILED = "failed"
    """The solver gave up or gave numbers that are none."""
    LATE = "late"
    """No answer came before the deadline."""
    DIED = "died"
    """The solver's process ended."""


class Limit(StrEnum):
    """What a plan can run into."""

    INPUT_LOW = "lowest input"
    INPUT_HIGH = "highest input"
    MOVE_DOWN = "largest move down"
    MOVE_UP = "largest move up"
    OUTPUT_LOW = "lowest output"
    OUTPUT_HIGH = "highest output"


@dataclass(frozen=True, slots=True)
class Binding:
    """A limit that a plan runs into, and what it costs."""

    name: str
    """Input or controlled variable."""
    limit: Limit
    """Which limit."""
    first: int
    """First sample of the horizon at which it binds [1]; inputs that move alike are told by the first of them."""
    last: int
    """Last such sample in a row [1]."""
    price: float
    """What the plan would cost less with one `scale` more room in all of them, in squared scales of deviation [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One control problem, complete: equal problems give equal plans."""

    loop: str
    """Name of the loop."""
    number: int
    """Count of problems of this loop since the start [1]."""
    at: float
    """Instant the horizon begins, POSIX time [s]."""
    state: Floats
    """Estimated state of the control model, shape ``(n_x,)``, units of the model."""
    inputs: Floats
    """Inputs standing at the plant (read back, never assumed), shape ``(n_u,)``, units of the model."""
    known: Floats
    """Inputs that are only read, units of the model, shape ``(n_w,)``; ``(horizon + 1, n_w)`` with one announced."""
    targets: Floats
    """Wanted outputs, not a number where nothing is wanted, units of the model, shape ``(n_y,)``;
    ``(horizon + 1, n_y)`` with one announced."""
    low: Floats
    """Lowest inputs permitted, shape ``(n_u,)``, units of the model."""
    high: Floats
    """Highest inputs permitted, shape ``(n_u,)``, units of the model."""
    guess: Floats = field(default_factory=lambda: np.empty((0, 0)))
    """Inputs to begin the search with, shape ``(horizon, n_u)``, units of the model; empty for those standing."""
    present: Floats = field(default_factory=lambda: np.empty(0))
    """1 for each output that counts, 0 for one without evidence, shape ``(n_y,)`` [1]; empty where all count."""
    lowest: Floats = field(default_factory=lambda: np.empty(0))
    """Lowest acceptable outputs, shape ``(n_y,)``, units of the model; empty for those of the policy."""
    highest: Floats = field(default_factory=lambda: np.empty(0))
    """Highest acceptable outputs, shape ``(n_y,)``, units of the model; empty for those of the policy."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Problem) and _same(self, other, ("loop", "number", "at"), _PROBLEM_ARRAYS)

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What the MPC proposes; numbers in it are to be believed only where `status` is solved."""

    loop: str
    """Name of the loop."""
    number: int
    """Number of the problem this answers [1]."""
    at: float
    """Instant the horizon begins, POSIX time [s]."""
    status: Status
    """What became of the solution."""
    moves: Floats = field(default_factory=lambda: np.empty((0, 0)))
    """Inputs over the horizon, shape ``(horizon, n_u)``, units of the model."""
    outputs: Floats = field(default_factory=lambda: np.empty((0, 0)))
    """Predicted controlled variables, shape ``(horizon + 1, n_y)``, units of the model."""
    why: str = ""
    """Reason, where it was not solved."""
    active: tuple[Binding, ...] = ()
    """Limits it runs into; none where the solver does not tell."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and _same(
            self, other, ("loop", "number", "at", "status", "why", "active"), ("moves", "outputs")
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash


_PROBLEM_ARRAYS = ("state", "inputs", "known", "targets", "low", "high", "guess", "present", "lowest", "highest")


def _same(one: object, other: object, plain: tuple[str, ...], arrays: tuple[str, ...]) -> bool:
    if any(getattr(one, name) != getattr(other, name) for name in plain):
        return False
    return all(
        a.shape == b.shape and a.tobytes() == b.tobytes()
        for a, b in ((getattr(one, name), getattr(other, name)) for name in arrays)
    )
