"""What a policy change means is told place by place, with what each place touches."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.cli.app import status
from policies import Policy, load, parse, schema, shipped
from policies.changes import changes
from policies.edit import changed
from policies.impact import TABLE, Impact, gravest, impact
from policies.positions import dotted, read

EXAMPLE = Path(__file__).parents[1] / "policies" / "examples" / "wood_berry.yaml"
TEXT = EXAMPLE.read_bytes()


def policy(data: bytes = TEXT, files: Mapping[str, bytes] | None = None) -> Policy:
    return parse(data, "column.yaml", files or {})


def numbers() -> dict[tuple[str | int, ...], float]:
    """Every number of the loop that can be made a little larger without making the policy wrong."""
    data: Any = read(TEXT, "column.yaml").data
    loop = next(iter(data["loops"]))
    found: dict[tuple[str | int, ...], float] = {("loops", loop, "move_weight"): data["loops"][loop]["move_weight"]}
    for part, keys in (("controlled", ("scale",)), ("moved", ("max_rate", "max_move", "scale", "tolerance"))):
        for name, said in data["loops"][loop][part].items():
            found |= {("loops", loop, part, name, key): said[key] for key in keys if key in said}
    return found


FOUND = numbers()
OLD = policy()


def test_a_policy_does_not_differ_from_itself() -> None:
    assert changes(policy(), policy()) == ()


@settings(max_examples=12, deadline=None)
@given(st.sets(st.sampled_from(sorted(FOUND)), min_size=1), st.floats(1.01, 1.2))
def test_every_number_that_was_changed_is_named_and_nothing_else(places: set[tuple[str | int, ...]], by: float) -> None:
    wanted = {path: float(f"{FOUND[path] * by:.6g}") for path in places}
    old, new = OLD, policy(changed(TEXT, wanted))
    found = changes(old, new)
    assert {each.path: each.new for each in found} == {dotted(path): value for path, value in wanted.items()}
    assert {each.path: each.old for each in found} == {dotted(path): FOUND[path] for path in places}
    back = {(each.path, json.dumps(each.new), json.dumps(each.old), each.impact) for each in changes(new, old)}
    assert back == {(each.path, json.dumps(each.old), json.dumps(each.new), each.impact) for each in found}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([*Impact]), max_size=6))
def test_the_gravest_of_some_classes_is_as_grave_as_each(classes: list[Impact]) -> None:
    order = list(Impact)
    assert all(order.index(gravest(classes)) >= order.index(each) for each in classes)
    assert gravest(classes) in {*classes, Impact.NONE}


def test_comments_change_nothing_but_are_told() -> None:
    (only,) = changes(policy(), policy(TEXT + b"# approved\n"))
    assert (only.path, only.impact) == ("", Impact.NONE)


def test_what_stood_there_by_default_is_told_as_what_counted() -> None:
    new = policy(TEXT.replace(b"bridge: 30m}", b"bridge: 30m, rank: 2}", 1))
    (only,) = changes(policy(), new)
    assert (only.path, only.old, only.new, only.impact) == ("loops.column.controlled.xd.rank", 1, 2, Impact.QUALITY)


def test_what_follows_from_another_change_is_not_told_apart() -> None:
    line_a = shipped("a")
    slower = line_a.read_bytes().replace(b"\nperiod: 1s", b"\nperiod: 2s", 1)
    old = load(line_a)
    found = changes(old, parse(slower, "line_a.yaml", {name: body for name, body in old.files.items() if name}))
    assert [(each.path, each.old, each.new) for each in found] == [("period", "1s", "2s")]


def test_a_name_that_stands_for_a_section_is_told_as_it_was_written() -> None:
    old = load(shipped("a"))
    text, rest = old.files[""], {name: body for name, body in old.files.items() if name}
    new = parse(text.replace(b"    horizon: 30\n", b"    horizon: 30\n    solver: ipopt\n", 1), "line_a.yaml", rest)
    found = {each.path: (each.new, each.impact) for each in changes(old, new)}
    assert found["loops.blend.solver.kind"] == ("ipopt", Impact.MODEL)


def test_a_file_that_is_named_is_compared_by_its_bytes_and_by_what_it_says() -> None:
    old = load(shipped("a"))
    rest = {name: body for name, body in old.files.items() if name}
    process: dict[str, Any] = json.loads(rest["process.json"])
    key = next(name for name, value in process.items() if isinstance(value, float | dict))
    changed_process = {**process, key: 1.25}
    new = parse(old.files[""], "line_a.yaml", rest | {"process.json": json.dumps(changed_process).encode()})
    found = {each.path: each for each in changes(old, new)}
    assert str(found["loops.blend.process"].old).startswith("process.json, sha256 ")
    assert found[f"loops.blend.process:{key}"].new == 1.25
    assert {each.impact for each in found.values()} == {Impact.MODEL}


def test_a_loop_that_is_new_is_as_grave_as_the_gravest_of_its_parts() -> None:
    text = TEXT.decode()
    without = text[: text.index("\nloops:")] + "\n"
    found = {each.path: each.impact for each in changes(policy(without.encode()), policy())}
    assert [each for path, each in found.items() if path.startswith("loops")] == [Impact.LIMITS]


def test_what_the_table_does_not_name_is_taken_for_the_gravest() -> None:
    assert impact(("something", "new")) is Impact.LIMITS


def test_every_row_of_the_table_names_a_place_that_there_is() -> None:
    there = set(_places(schema(), schema().get("$defs"), 0))
    dead = [pattern for pattern, _ in TABLE if pattern and not any(_starts(path, pattern) for path in there)]
    assert dead == []


def _starts(path: tuple[str, ...], pattern: str) -> bool:
    parts = pattern.removesuffix(".**").split(".")
    return len(path) >= len(parts) and all(q in {"*", p} or p == "*" for p, q in zip(path, parts, strict=False))


def _places(node: Any, defs: Any, depth: int) -> Iterator[tuple[str, ...]]:
    """Give the places of the upper levels of the format."""
    if "$ref" in node:
        node = defs[node["$ref"].rpartition("/")[2]]
    yield ()
    if depth > 4:
        return
    for option in (*node.get("anyOf", []), *node.get("oneOf", [])):
        yield from _places(option, defs, depth)
    inner = dict(node.get("properties", {}))
    for child in (node.get("additionalProperties"), *node.get("patternProperties", {}).values()):
        inner |= {"*": child} if isinstance(child, dict) else {}
    for name, child in inner.items():
        yield from ((name, *rest) for rest in _places(child, defs, depth + 1))


def test_the_verb_gives_path_old_new_and_impact(tmp_path: Path) -> None:
    new, out = tmp_path / "new.yaml", tmp_path / "diff.json"
    place = next(path for path in FOUND if path[-1] == "max_rate")
    new.write_bytes(changed(TEXT, {place: FOUND[place] * 2.0}))
    assert status(["diff", str(EXAMPLE), str(new), "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    assert result["changes"] == [
        {"path": dotted(place), "old": FOUND[place], "new": FOUND[place] * 2.0, "impact": "limits"}
    ]
    assert (result["impact"], result["counts"]["limits"]) == ("limits", 1)
    assert result["old"]["fingerprint"] == load(EXAMPLE).fingerprint


@pytest.mark.parametrize("broken", ["policy: 1\nline: x\n", "{", ""])
def test_bad_files_are_refused_with_their_place(
    broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(broken)
    assert status(["diff", str(EXAMPLE), str(bad)]) == 2
    assert f"{bad}:1:" in capsys.readouterr().err
    assert status(["diff", str(tmp_path / "none.yaml"), str(bad)]) == 2
