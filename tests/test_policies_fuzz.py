"""Whatever a policy file holds, the answer is a policy or a list of problems, never anything else."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from policies import PolicyError, Problem, parse, shipped
from policies.positions import read

SHIPPED = shipped("A")
TEXT = SHIPPED.read_text()
DATA = cast("dict[str, object]", read(TEXT.encode(), "a").data)
FILES = {file.name: file.read_bytes() for file in SHIPPED.parent.iterdir()}
NASTY = (
    *(None, True, [], {}, [[]], [0, 0], {"": ""}, {"unit": 3}),
    *(0, -1, 1e308, -1e308, 5e-324, float("inf"), float("-inf"), float("nan"), 10**39),
    *(
        "",
        " ",
        "null",
        "\n",
        "\t",
        ":",
        "- ",
        "[",
        "{",
        "*a",
        "&a",
        "!a b",
        "%",
        "\x00",
        "\ufeff",
        "\u2028",
        "é",
        "'",
        '"',
    ),
    *("9" * 5000, "0x", "1e999", "0s", "1e9h", "SOFT.API", "FDR_API.F_SP", "feeders", "blend", "hold", "input:0", "s="),
    "/" * 70,
)
calm = settings(derandomize=True, deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def problems(data: bytes) -> tuple[Problem, ...]:
    try:
        parse(data, "p", FILES)
    except PolicyError as error:
        return error.problems
    return ()


def only_problems(data: bytes) -> None:
    for problem in problems(data):
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
        assert "\n" not in str(problem)
        assert "pydantic" not in problem.message


def edited(draw: Callable[[st.SearchStrategy[Any]], Any], node: object) -> object:
    """One value somewhere in the policy replaced, dropped or renamed."""
    if isinstance(node, dict) and node and draw(st.integers(0, 9)):
        section = cast("dict[str, object]", node)
        key = draw(st.sampled_from(sorted(section)))
        what = draw(st.sampled_from(["inside", "inside", "inside", "drop", "rename"]))
        rest = {k: v for k, v in section.items() if k != key}
        if what == "drop":
            return rest
        return rest | {f"{key}{'x' * (what == 'rename')}": edited(draw, section[key])}
    if isinstance(node, list) and node and draw(st.booleans()):
        items = cast("list[object]", node)
        at = draw(st.integers(0, len(items) - 1))
        return [*items[:at], edited(draw, items[at]), *items[at + 1 :]]
    return draw(st.sampled_from(NASTY))


@st.composite
def policies(draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    data: object = DATA
    for _ in range(draw(st.integers(1, 4))):
        data = edited(draw, data)
    return json.dumps(data).replace("Infinity", ".inf").replace("NaN", ".nan").encode()


@st.composite
def scribbles(draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    text = TEXT
    for _ in range(draw(st.integers(1, 3))):
        at, width = draw(st.integers(0, len(text))), draw(st.integers(0, 12))
        text = text[:at] + str(draw(st.sampled_from(NASTY))) + text[at + width :]
    return text.encode()


@calm
@given(policies())
@example(b'{"policy": true, "tags": {"A": {"range": [1.0e+308, 1.7e+308], "length": 0}}}')
@example(b'{"connections": {"Bad Key": {"protocol": "modbus"}}, "tags": {"[key]": {"[key]": 1}}}')
def test_a_policy_with_changed_values_is_a_policy_or_a_list_of_problems(data: bytes) -> None:
    only_problems(data)


@calm
@given(scribbles())
@example(b"\xff\xfe\x00")
@example(b"a: |9\n x\n")
@example(b"%TAG ! x\n---\n!y a")
def test_a_policy_with_changed_letters_is_a_policy_or_a_list_of_problems(data: bytes) -> None:
    only_problems(data)


@pytest.mark.parametrize("end", range(0, TEXT.index("\nlockstep:"), 997))
def test_a_policy_cut_short_is_a_list_of_problems(end: int) -> None:
    with pytest.raises(PolicyError):
        parse(TEXT.encode()[:end], "p", FILES)


@pytest.mark.parametrize("end", range(TEXT.index("\nlockstep:"), len(TEXT), 331))
def test_a_policy_that_lacks_its_end_is_a_policy_or_a_list_of_problems(end: int) -> None:
    only_problems(TEXT.encode()[:end])
