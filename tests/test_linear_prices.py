"""Limits a linear plan runs into, and what they cost it."""

from dataclasses import replace

import numpy as np
import pytest
from linear_plant import EXAMPLES

from controller.models.transfer import Transfer
from controller.mpc.linear import LinearSolver
from controller.plan import Limit, Plan, Problem
from policies import TransferFunction, load

LOOP = load(EXAMPLES / "wood_berry.yaml").loops["column"]
assert isinstance(LOOP, TransferFunction)
SOLVER = LinearSolver("column", LOOP)
STATE = Transfer(LOOP, {}).steady(np.zeros(2), np.zeros(0), {})
NARROW = Problem(
    "column", 1, 0.0, STATE, np.zeros(2), np.zeros(0), np.array([0.5, 0.0]), np.array([-0.6] * 2), np.array([0.01, 0.6])
)


def cost(plan: Plan) -> float:
    """Return what a plan costs [1]."""
    off = (plan.outputs[1:] - NARROW.targets) / 0.05
    moves = np.diff(np.vstack([NARROW.inputs, plan.moves]), axis=0) / 0.02
    return float((off**2).sum() + 0.05 * (moves**2).sum())


def test_the_price_of_a_limit_of_an_input_is_what_a_little_more_room_saves() -> None:
    found, room = SOLVER.solve(NARROW), 1e-4  # lb/min
    wider = SOLVER.solve(replace(NARROW, high=np.array([0.01 + room, 0.6])))
    paid = sum(one.price for one in found.active if (one.name, one.limit) == ("r", Limit.INPUT_HIGH))
    assert paid * room / 0.02 == pytest.approx(cost(found) - cost(wider), rel=0.05)


def test_a_limit_binds_in_all_samples_of_its_blocks() -> None:
    found = [one for one in SOLVER.solve(NARROW).active if (one.name, one.limit) == ("r", Limit.INPUT_HIGH)]
    moves = SOLVER.solve(NARROW).moves[:, 0]
    assert found
    assert all((np.abs(moves[one.first : one.last + 1] - 0.01) < 1e-9).all() for one in found)


def test_a_move_as_large_as_permitted_is_told() -> None:
    found = SOLVER.solve(replace(NARROW, high=np.array([0.6, 0.6]), targets=np.array([5.0, 0.0])))
    assert ("r", Limit.MOVE_UP, 0) in {(one.name, one.limit, one.first) for one in found.active}


def test_where_nothing_binds_nothing_is_told() -> None:
    assert SOLVER.solve(replace(NARROW, targets=np.array([0.05, 0.0]), high=np.array([0.6, 0.6]))).active == ()
