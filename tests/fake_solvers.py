"""Solvers for the tests of the worker; importable in its process."""

import os
from threading import Event

import numpy as np

from controller.plan import Plan, Problem, Status


class Obedient:
    """Plans the inputs that already stand, and tells its process and how many threads libraries may have."""

    def solve(self, problem: Problem) -> Plan:
        moves, why = np.tile(problem.inputs, (3, 1)), f"{os.getpid()} {os.environ['OMP_NUM_THREADS']}"
        return Plan(problem.loop, problem.number, problem.at, Status.SOLVED, moves, np.zeros((4, 2)), why)


class Hanging:
    """Never answers."""

    def solve(self, problem: Problem) -> Plan:
        Event().wait()
        raise AssertionError(problem)


class Dying:
    """Takes its process with it."""

    def solve(self, problem: Problem) -> Plan:
        os._exit(problem.number)


def all_kinds() -> dict[str, Obedient | Hanging | Dying]:
    """Return one solver of each kind."""
    return {"obedient": Obedient(), "hanging": Hanging(), "dying": Dying()}


def impossible(name: str) -> dict[str, Obedient]:
    """Find fault with what is given."""
    raise ValueError(f"no control model is called {name}")
