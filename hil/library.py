"""Scenario files: the shipped ones by name, and any by path."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from hil.plc.lines import blueprint
from hil.scenario import SCENARIOS, SUFFIX, Scenario
from hil.scenario.check import Checked, problems, sorted_by_place
from hil.scenario.units import measured
from policies import Policy, load, parse, shipped
from policies.check_schema import validated
from policies.check_shape import hint
from policies.errors import PolicyError, Problem
from policies.positions import Document, read

DEFAULT_CLOCK = "virtual"
"""How time goes by where neither a scenario nor anybody else says."""


def names() -> tuple[str, ...]:
    """Return the names of the shipped scenarios."""
    return tuple(sorted(path.name.removesuffix(SUFFIX) for path in SCENARIOS.glob(f"*{SUFFIX}")))


def shipped_ones() -> Iterator[tuple[str, Scenario]]:
    """Yield name and content of the shipped scenarios, unchecked against their lines."""
    for name in names():
        path = find(name)
        scenario, found = validated(read(path.read_bytes(), str(path)), Scenario)
        if scenario is None:
            raise PolicyError(found)
        yield name, scenario


def find(name: str) -> Path:
    """Return the file of a scenario given by the name of a shipped one or by path.

    Raises
    ------
    ValueError
        If there is none.
    """
    shipped_one, given = SCENARIOS / f"{name}{SUFFIX}", Path(name)
    if shipped_one.is_file():
        return shipped_one
    if given.is_file():
        return given
    meant = hint(name, names()) or "; `steadyline hil list` shows them"
    raise ValueError(f"found the scenario {name!r}, wanted a file or a shipped one{meant}")


def open_scenario(path: Path, policy: Policy | None = None, clock: str | None = None) -> tuple[Scenario, Policy]:
    """Return a scenario, and the policy it is played under; every mistake at once.

    Parameters
    ----------
    path
        File of the scenario.
    policy
        Policy to play it under, but for what the scenario changes of it; the one it names, or the shipped one of its
        line, if None.
    clock
        How time will go by; as the scenario says if None.

    Raises
    ------
    PolicyError
        If the file is no scenario, names what is not there, or cannot be played on that clock.
    """
    document = read(path.read_bytes(), str(path))
    scenario, found = validated(document, Scenario)
    found += document.problems
    if scenario is None:
        raise PolicyError(found)
    try:
        line = blueprint(scenario.line)
        policy = _policy_of(document, scenario, policy or load(_file_of(scenario, path)))
    except (ValueError, OSError) as error:
        if isinstance(error, PolicyError):
            raise
        key = "line" if scenario.policy is None else "policy"
        raise PolicyError([*found, document.problem((key,), str(error))]) from error
    found += _of_another_line(document, scenario, policy)
    if not found:
        now = clock or scenario.clock or DEFAULT_CLOCK
        found = sorted_by_place(problems(Checked(document, scenario, policy, line, now)))
    if found:
        raise PolicyError(found)
    return measured(scenario, policy), policy


def _policy_of(document: Document, scenario: Scenario, policy: Policy) -> Policy:
    """Return a policy with what a scenario changes of it; what is wrong with that is told where it stands."""
    if not scenario.changes:
        return policy
    try:
        return changed(policy, scenario.changes)
    except PolicyError as error:
        places = [("changes", *filter(None, one.path.split("."))) for one in error.problems]
        told = [document.problem(at, one.message) for at, one in zip(places, error.problems, strict=True)]
        raise PolicyError(told) from error


def changed(policy: Policy, changes: Mapping[str, object]) -> Policy:
    """Return a policy that says otherwise in some of its sections.

    Raises
    ------
    PolicyError
        If what comes out makes no sense.
    """
    data = merged(read(policy.files[""], "policy").data, dict(changes))
    return parse(json.dumps(data).encode(), "policy", policy.files)


def merged(old: object, changes: object) -> object:
    """Return a section with its parts changed, and anything else as it is in `changes`.

    Examples
    --------
    >>> merged({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 4}})
    {'a': 1, 'b': {'c': 4, 'd': 3}}
    """
    if not isinstance(old, dict) or not isinstance(changes, dict):
        return changes
    here, news = cast("dict[str, object]", old), cast("dict[str, object]", changes)
    return here | {key: merged(here.get(key), value) for key, value in news.items()}


def _file_of(scenario: Scenario, path: Path) -> Path:
    if scenario.policy is None:
        return shipped(scenario.line)
    beside = path.parent / scenario.policy
    if not beside.is_file():
        raise FileNotFoundError(f"found {scenario.policy!r}, wanted a policy file beside the scenario")
    return beside


def _of_another_line(document: Document, scenario: Scenario, policy: Policy) -> list[Problem]:
    if policy.line.upper() == scenario.line.upper():
        return []
    message = f"found line {scenario.line}, but its policy is for line {policy.line}"
    return [document.problem(("line",), message)]
