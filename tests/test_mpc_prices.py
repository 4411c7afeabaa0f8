"""Limits a plan runs into, and what they cost it."""

from dataclasses import replace

import numpy as np
import pytest
from test_mpc_aims import aimed, loop, made
from test_mpc_sqp import FULL, LOW, STEADY, U, somewhere

from controller.mpc.solver import Solver
from controller.plan import Binding, Limit, Plan, Problem
from controller.records.codec import pack, plan, unpack
from policies import IpoptSettings, SqpSettings

EARNING = loop(total={"target": None, "limits": (18.0, 21.0), "maximise": 0.5})
AT_REST = replace(aimed(EARNING, 1), state=STEADY, inputs=U, targets=np.array([10.0, np.nan]))


@pytest.fixture(scope="module", params=[FULL, IpoptSettings()], ids=["sqp", "ipopt"])
def either(request: pytest.FixtureRequest) -> Solver:
    return made(EARNING, request.param)


def told(found: Plan) -> dict[tuple[str, Limit], list[Binding]]:
    names = {(one.name, one.limit): list[Binding]() for one in found.active}
    for one in found.active:
        names[one.name, one.limit].append(one)
    return names


def test_a_limit_that_holds_back_production_is_named_with_its_samples(either: Solver) -> None:
    found = told(either.solve(AT_REST))
    (above,) = found["total", Limit.OUTPUT_HIGH]
    assert (above.first > 3, above.last) == (True, 29)
    assert (found["exc_sp", Limit.MOVE_UP][0].first, ("total", Limit.OUTPUT_LOW) in found) == (0, False)


def test_a_price_is_what_a_little_more_room_saves(either: Solver) -> None:
    def cost(problem: Problem) -> float:
        outputs = either.solve(problem).outputs
        off = (outputs[:, 0] - 10.0) / 0.1
        moves = np.diff(np.vstack([U, either.solve(problem).moves]), axis=0) / [0.05, 0.3]
        return float((off**2).sum() + 0.5 * ((21.0 - outputs[:, 1]) / 0.5).sum() + 0.2 * (moves**2).sum())

    room = 0.02  # kg/h
    wider = replace(AT_REST, lowest=np.array([9.5, 18.0]), highest=np.array([10.5, 21.0 + room]))
    (above,) = told(either.solve(AT_REST))["total", Limit.OUTPUT_HIGH]
    assert above.price * room / 0.5 == pytest.approx(cost(AT_REST) - cost(wider), rel=0.1)


def test_both_solvers_tell_the_same_prices() -> None:
    free, ranked = made(EARNING, FULL), made(EARNING, IpoptSettings())
    problem = replace(AT_REST, low=np.array([1.6, 17.9]), high=np.array([2.05, 18.3]))
    one, other = told(free.solve(problem)), told(ranked.solve(problem))
    assert one.keys() == other.keys()
    for key, found in one.items():
        assert sum(b.price for b in found) == pytest.approx(sum(b.price for b in other[key]), rel=0.05, abs=0.01)


def test_where_nothing_binds_nothing_is_told() -> None:
    quiet = replace(somewhere(1), state=STEADY, inputs=U, targets=np.array([10.0, 20.0]))
    assert made(loop(), SqpSettings()).solve(quiet).active == ()


def test_an_input_at_its_end_is_told_as_lowest() -> None:
    problem = replace(AT_REST, inputs=LOW, targets=np.array([8.0, np.nan]))
    found = told(made(EARNING, SqpSettings()).solve(problem))
    assert ("api_sp", Limit.INPUT_LOW) in found
    assert ("api_sp", Limit.INPUT_HIGH) not in found


def test_limits_that_bind_are_kept_in_a_record_and_older_records_are_read() -> None:
    found = made(EARNING, SqpSettings()).solve(AT_REST)
    assert found.active
    data = unpack(pack(found))
    assert plan(data) == found
    old = {name: value for name, value in data.items() if name != "active"}
    assert plan(old) == replace(found, active=())
