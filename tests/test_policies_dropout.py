"""Words of what a loop may do without are checked, and named by line and column."""

from __future__ import annotations

import pytest

from controller.kit import prepare
from policies import Policy, load, parse, schema, shipped
from policies.errors import PolicyError

A = shipped("A")


def changed(*changes: tuple[str, str]) -> Policy:
    text = A.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    files = {name: (A.parent / name).read_bytes() for name in load(A).files if name}
    return parse(text.encode(), A.name, files)


def place(text: str) -> tuple[int, int]:
    """Line and column of some text of the policy of line A."""
    for number, line in enumerate(A.read_text().splitlines(), 1):
        if text in line:
            return number, line.index(text) + 1
    raise AssertionError(text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "    settle: 20\n",
            "    settle: 20\n    needs: {moved: 3}\n",
            "found 3, expected at most 2, for so many",
        ),
        ("    settle: 20\n", "    settle: 20\n    needs: {controlled: 0}\n", "found 0, expected"),
        ("scale: 0.1, on_bad: hold", "scale: 0.1, on_bad: keep", "found 'keep'"),
        ("shows: 2}", "shown: 2}", "unknown key"),
        ("follows: {tag: FDR_API.F_MODE", "follows: {tag: FDR_API.F_MOD", "found 'FDR_API.F_MOD'"),
    ],
)
def test_a_word_that_means_nothing_is_named_with_its_place(old: str, new: str, message: str) -> None:
    with pytest.raises(PolicyError) as told:
        changed((old, new))
    (problem,) = (problem for problem in told.value.problems if message in problem.message)
    assert problem.line == place(old.strip())[0] + new.count("\n", 0, -1)
    assert problem.column > 1


def test_the_only_controlled_variable_is_not_one_to_do_without() -> None:
    total = next(line for line in A.read_text().splitlines() if "total: {tag: LINE.TOTAL_PV" in line)
    with pytest.raises(PolicyError) as told:
        changed((total + "\n", ""), ("scale: 0.1, on_bad: hold", "scale: 0.1, on_bad: drop"))
    assert "found drop for the only controlled variable, expected hold: nothing would be left" in [
        problem.message for problem in told.value.problems
    ]


def test_one_of_several_is_done_without_unless_the_policy_says_otherwise() -> None:
    assert prepare(load(A)).loops["blend"].drops == frozenset()
    one = changed(("scale: 0.1, on_bad: hold", "scale: 0.1"))
    assert prepare(one).loops["blend"].drops == {"api"}


def test_line_a_goes_on_with_either_feeder_while_the_other_is_somebody_elses() -> None:
    blend = prepare(load(A)).loops["blend"]
    assert blend.spares == {"api_sp", "exc_sp"}
    assert {key: (one.tag, one.shows) for key, one in blend.follows.items()} == {
        "api_sp": ("FDR_API.F_MODE", 2.0),
        "exc_sp": ("FDR_EXC.F_MODE", 2.0),
    }
    assert blend.homes == {"api_sp": "feeders", "exc_sp": "feeders"}


def test_the_schema_knows_the_words() -> None:
    text = str(schema())
    assert all(word in text for word in ("on_bad", "on_lost", "on_clamp", "follows", "needs"))
