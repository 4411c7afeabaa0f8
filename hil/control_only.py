"""Runs of the control alone: nothing is watched that cannot act, and nothing inferred that no loop and no gate reads.

Setpoints come out the same, bit for bit: what is left out only speaks to people. Runs of the loops alone leave out the
gate of material, too; what the loops ask of the line is the same then, but nothing is followed and rejected. Where the
gate has the line turned down, it stays, since a loop would move otherwise without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from hil.scenario import Assertion, Scenario
from policies import Action, Ewma, Policy
from policies.soft import SoftSensor

SPOKEN = ("alert", "detected", "first_out", "incident", "quiet")
"""Kinds of assertion about what watches say; none of them is judged."""
_REJECTED = frozenset({"diverted_kg", "escaped_kg"})


def control_only(scenario: Scenario, policy: Policy) -> tuple[Scenario, Policy]:
    """Return a scenario and its policy without what only speaks to people.

    Watches that hold a loop stay, with what they look at, and so does every soft sensor that a loop, the gate of
    material, an assertion or another soft sensor reads.

    Parameters
    ----------
    scenario
        What is played.
    policy
        Policy it is played under.
    """
    claims = {name: claim for name, claim in scenario.assertions.items() if claim.kind not in SPOKEN}
    held = {name: watch for name, watch in policy.watches.items() if isinstance(watch, Ewma) and _acts(watch)}
    material = None if policy.material is None else policy.material.model_copy(update={"release": None})
    gate = [] if material is None or material.divert is None else [material]
    readers = [*policy.loops.values(), *held.values(), *claims.values(), *gate]
    wanted = {text for reader in readers for text in _texts(reader.model_dump())}
    kept = _read(policy.soft_sensors, wanted)
    left: dict[str, object] = {"watches": held, "incidents": None, "material": material, "soft_sensors": kept}
    return scenario.model_copy(update={"assertions": claims}), _marked(policy, "control only", left)


def loops_only(scenario: Scenario, policy: Policy) -> tuple[Scenario, Policy]:
    """Return the same without following material and without its gate; what is said of either is not judged.

    A gate by which the line is turned down stays: without it, a loop would move otherwise.

    Parameters
    ----------
    scenario
        What is played.
    policy
        Policy it is played under.
    """
    if policy.material is not None and policy.material.turndown is not None:
        return control_only(scenario, policy)
    gate = None if policy.material is None else policy.material.divert
    if gate is not None:
        shown = policy.tags[gate.tag].read_back
        told = _REJECTED | {tag for tag in (gate.tag, gate.shown, shown) if tag is not None}
        claims = {name: one for name, one in scenario.assertions.items() if not _of_gate(one, told)}
        scenario = scenario.model_copy(update={"assertions": claims})
    return control_only(scenario, _marked(policy, "loops only", {"material": None}))


def _of_gate(claim: Assertion, told: frozenset[str]) -> bool:
    """Return whether an assertion is about the gate, of which is told by these tags and figures."""
    return not told.isdisjoint(_texts(claim.model_dump())) or (claim.kind == "event" and "diversion" in claim.says)


def _marked(policy: Policy, how: str, left: Mapping[str, object]) -> Policy:
    """Return a policy with other parts and a fingerprint of its own."""
    mark = hashlib.sha256(f"{policy.fingerprint} {how}".encode()).hexdigest()
    return policy.model_copy(update=left).sealed(mark, policy.files)


def _acts(watch: Ewma) -> bool:
    return watch.action is Action.HOLD


def _read(sensors: Mapping[str, SoftSensor], wanted: set[str]) -> dict[str, SoftSensor]:
    """Return the soft sensors of which any output is wanted, and those they are made from, in their order."""
    kept: set[str] = set()
    asked = set(wanted)
    while new := {n for n, s in sensors.items() if n not in kept and not asked.isdisjoint({n, *s.outputs(n)})}:
        kept |= new
        asked |= {tag for name in new for tag in _texts(sensors[name].model_dump())}
    return {name: sensor for name, sensor in sensors.items() if name in kept}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in cast("Mapping[object, object]", value).items():
            yield str(key)
            yield from _texts(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in cast("Iterable[object]", value):
            yield from _texts(each)
