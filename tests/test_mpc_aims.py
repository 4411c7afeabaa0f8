"""What a loop is to do besides holding targets: limits by rank, more of what is worth something, and less of it."""

from dataclasses import replace

import numpy as np
import pytest
from test_mpc_sqp import FULL, LOOP, MAX_MOVE, POLICY, STEADY, U, solver, somewhere
from test_policies_rules import GOOD, said

from controller.mpc.solver import Solver, solvers
from controller.plan import Problem, Status
from policies import IpoptSettings, Mpc, SqpSettings

NOWHERE = np.nan


def loop(**held: dict[str, object]) -> Mpc:
    """The loop of line A with other words for what it holds and moves."""
    made = {
        role: {
            name: type(entry).model_validate(entry.model_dump(exclude_none=True) | held.get(name, {}))
            for name, entry in getattr(LOOP, role).items()
        }
        for role in ("controlled", "moved")
    }
    return LOOP.model_copy(update=made)


def made(declared: Mpc, settings: SqpSettings | IpoptSettings) -> Solver:
    return solvers({"blend": declared.model_copy(update={"solver": settings})}, POLICY.files)["blend"]


EARNING = loop(total={"target": None, "limits": (18.0, 21.0), "maximise": 0.5})
SPARING = loop(total={"target": None, "limits": (18.0, 22.0)}, exc_sp={"minimise": 0.05})
RANKED = loop(
    api={"target": None, "limits": (9.9, 10.1), "rank": 2}, total={"target": None, "limits": (18.3, 21.0), "rank": 1}
)
SWAPPED = loop(
    api={"target": None, "limits": (9.9, 10.1), "rank": 1}, total={"target": None, "limits": (18.3, 21.0), "rank": 2}
)


def aimed(declared: Mpc, seed: int) -> Problem:
    """A problem of line A with a target only where the loop has one."""
    there = np.array([one.target is not None for one in declared.controlled.values()])
    problem = somewhere(seed)
    return replace(problem, targets=np.where(there, problem.targets, NOWHERE))


@pytest.mark.parametrize("declared", [EARNING, SPARING, RANKED, SWAPPED], ids=["more", "less", "ranked", "swapped"])
def test_whatever_is_aimed_at_both_solvers_make_the_same_first_move(declared: Mpc) -> None:
    reference, ours = made(declared, IpoptSettings()), made(declared, FULL)
    for problem in (aimed(declared, seed) for seed in range(12)):
        wanted, found = reference.solve(problem), ours.solve(problem)
        assert wanted.status is found.status is Status.SOLVED
        assert (np.abs(wanted.moves[0] - found.moves[0]) < 0.01 * MAX_MOVE).all()


def test_more_goes_up_to_the_limit_and_the_target_of_the_other_is_kept() -> None:
    plan = made(EARNING, SqpSettings()).solve(
        replace(aimed(EARNING, 1), state=STEADY, inputs=U, targets=np.array([10.0, NOWHERE]))
    )
    assert plan.outputs[-1] == pytest.approx([10.0, 21.0], abs=0.02)


def test_less_of_an_input_is_had_within_the_limits() -> None:
    plan = made(SPARING, SqpSettings()).solve(
        replace(aimed(SPARING, 1), state=STEADY, inputs=U, targets=np.array([10.0, NOWHERE]))
    )
    assert plan.moves[-1, 1] < 17.0
    assert plan.outputs[-1] == pytest.approx([10.0, 18.0], abs=0.05)


@pytest.mark.parametrize(("declared", "kept"), [(RANKED, 1), (SWAPPED, 0)], ids=["the second first", "the first first"])
def test_where_not_all_limits_can_be_kept_those_of_the_lower_rank_are(declared: Mpc, kept: int) -> None:
    low, high = np.array([1.6, 16.0]), np.array([2.4, 16.0])  # too little excipient for both
    state = STEADY + np.pad([0.0, -1.8], (0, len(STEADY) - 2))
    problem = replace(aimed(declared, 1), state=state, inputs=np.array([2.0, 16.0]), low=low, high=high)
    ends = made(declared, SqpSettings()).solve(problem).outputs[-1]
    limits = [one.limits for one in declared.controlled.values()]
    beyond = [max(low - end, end - high) for end, (low, high) in zip(ends, limits, strict=True)]
    assert beyond[kept] < 0.01
    assert beyond[1 - kept] > 0.1


def test_without_a_target_nothing_is_moved_within_the_limits() -> None:
    free = loop(api={"target": None}, total={"target": None})
    plan = made(free, SqpSettings()).solve(replace(aimed(free, 1), state=STEADY, inputs=U))
    assert plan.moves == pytest.approx(np.tile(U, (30, 1)), abs=1e-6)


def test_what_has_no_evidence_is_neither_wanted_nor_limited() -> None:
    problem = replace(
        somewhere(2), state=STEADY, inputs=U, targets=np.array([NOWHERE, 20.0]), present=np.array([0.0, 1.0])
    )
    plan = solver(SqpSettings()).solve(problem)
    assert plan.moves == pytest.approx(np.tile(U, (30, 1)), abs=1e-4)
    assert solver(SqpSettings()).solve(replace(problem, present=np.empty(0))).status is Status.FAILED


def test_limits_of_a_problem_stand_before_those_of_the_policy() -> None:
    problem = replace(somewhere(2), state=STEADY, inputs=U, targets=np.array([10.0, 20.0]))
    narrow = replace(problem, lowest=np.array([9.5, 20.5]), highest=np.array([10.5, 22.0]))
    ours = solver(SqpSettings())
    assert ours.solve(problem).outputs[-1, 1] == pytest.approx(20.0, abs=0.01)
    assert ours.solve(narrow).outputs[-1, 1] == pytest.approx(20.5, abs=0.01)


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({"target: 10,": "maximise: 0.5, rank: 2,"}, []),
        ({"target: 10, ": ""}, []),
        (
            {"target: 10,": "target: 10, maximise: 0.5,"},
            ["loops.blend.controlled.api.maximise: found maximise beside target, expected one of them"],
        ),
        (
            {"target: 10,": "minimise: 0.5, maximise: 0.5,"},
            ["loops.blend.controlled.api.minimise: found minimise beside maximise, expected one of them"],
        ),
        (
            {"target: 10,": "maximise: 50,"},
            ["loops.blend.controlled.api.maximise: found 50, expected a number above 0 and of at most 10"],
        ),
        (
            {"target: 10,": "rank: 6,"},
            ["loops.blend.controlled.api.rank: found 6, expected a whole number from 1 to 5"],
        ),
    ],
)
def test_words_of_aims_are_checked(changes: dict[str, str], sentences: list[str]) -> None:
    text = GOOD
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    assert said(text) == sentences
