"""Scenario files: the shipped ones by name, and any by path."""

from __future__ import annotations

from pathlib import Path

from hil.scenario import SCENARIOS, SUFFIX, Scenario
from policies import Policy, load, shipped
from policies.check_schema import validated
from policies.errors import PolicyError, Problem
from policies.positions import Document, read


def names() -> tuple[str, ...]:
    """Return the names of the shipped scenarios."""
    return tuple(sorted(path.name.removesuffix(SUFFIX) for path in SCENARIOS.glob(f"*{SUFFIX}")))


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
    raise ValueError(f"found the scenario {name!r}, wanted a file or one of {', '.join(names())}")


def open_scenario(path: Path, policy: Policy | None = None) -> tuple[Scenario, Policy]:
    """Return a scenario, and the policy it is played under; every mistake at once.

    Parameters
    ----------
    path
        File of the scenario.
    policy
        Policy to play it under; the shipped one of its line if None.

    Raises
    ------
    PolicyError
        If the file is no scenario, or names a line, fault, watch, loop or phase that is not there.
    """
    document = read(path.read_bytes(), str(path))
    scenario, problems = validated(document, Scenario)
    problems += document.problems
    if scenario is None:
        raise PolicyError(problems)
    try:
        policy = policy or load(shipped(scenario.line))
    except ValueError as error:
        raise PolicyError([*problems, document.problem(("line",), str(error))]) from error
    problems += [*_faults(document, scenario), *_claims(document, scenario, policy)]
    if problems:
        raise PolicyError(problems)
    return scenario, policy


def _faults(document: Document, scenario: Scenario) -> list[Problem]:
    from hil.plants.faults import check  # noqa: PLC0415  # names only, the plant is not needed here
    from hil.plc.lines import blueprint  # noqa: PLC0415  # heavy

    try:
        targets = blueprint(scenario.line).targets
    except ValueError as error:
        return [document.problem(("line",), str(error))]
    problems: list[Problem] = []
    for i, wrong in enumerate(scenario.faults):
        try:
            check((wrong.fault(),), targets)
        except ValueError as error:
            problems.append(document.problem(("faults", i), str(error)))
    return problems


def _claims(document: Document, scenario: Scenario, policy: Policy) -> list[Problem]:
    known = {"watch": set(policy.watches), "loop": set(policy.loops)}
    problems: list[Problem] = []
    for name, claim in scenario.assertions.items():
        for key, names_ in known.items():
            value = getattr(claim, key, None)
            if value is not None and value not in names_:
                message = f"found {value!r}, wanted one of {', '.join(sorted(names_))}"
                problems.append(document.problem(("assertions", name, key), message))
    return problems
