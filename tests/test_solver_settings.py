"""Who solves the problems of a loop, as a policy says it."""

import pytest
from test_policies_rules import GOOD, said

from policies import IpoptSettings, Mpc, SqpSettings, load, shipped


@pytest.mark.parametrize(
    ("written", "sentences"),
    [
        ("sqp", []),
        ("ipopt", []),
        ("{kind: sqp, feedback: single}", []),
        ("{kind: sqp, tolerance: 1e-4, blocks: [1, 1, 28]}", []),
        (
            "{kind: sqp, blocks: [1, 2]}",
            ["loops.blend.solver.blocks: found 3 samples in all, expected the horizon of 30"],
        ),
        ("osqp", ["loops.blend.solver: found 'osqp', expected sqp or ipopt, alone or with settings"]),
        (
            "{kind: sqp, steps: 0}",
            ["loops.blend.solver.steps: found 0, expected a whole number from 2 to 50"],
        ),
        ("{kind: ipopt, steps: 3}", ["loops.blend.solver.steps: unknown key; known are kind"]),
    ],
)
def test_a_solver_is_named_or_described(written: str, sentences: list[str]) -> None:
    assert said(GOOD.replace("max_solve: 2s", f"max_solve: 2s\n    solver: {written}")) == sentences


def test_a_line_that_names_no_solver_has_the_condensed_one_with_full_steps() -> None:
    loop = load(shipped("A")).loops["blend"]
    assert isinstance(loop, Mpc)
    assert loop.solver == SqpSettings()
    assert loop.solver.most == 8


def test_a_single_step_is_asked_for_by_name() -> None:
    assert SqpSettings(feedback="single").most == 1
    assert IpoptSettings().kind == "ipopt"
