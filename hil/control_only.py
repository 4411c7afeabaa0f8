"""Runs of the control alone: nothing is watched that cannot act, and nothing inferred that no loop and no gate reads.

Setpoints come out the same, bit for bit: what is left out only speaks to people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from hil.scenario import Scenario
from policies import Action, Ewma, Policy
from policies.soft import SoftSensor

SPOKEN = ("alert", "detected", "first_out", "incident", "quiet")
"""Kinds of assertion about what watches say; none of them is judged."""


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
    gate = [] if policy.material is None or policy.material.divert is None else [policy.material]
    readers = [*policy.loops.values(), *held.values(), *claims.values(), *gate]
    wanted = {text for reader in readers for text in _texts(reader.model_dump())}
    left = {"watches": held, "incidents": None, "soft_sensors": _read(policy.soft_sensors, wanted)}
    mark = hashlib.sha256(f"{policy.fingerprint} control only".encode()).hexdigest()
    lean = policy.model_copy(update=left).sealed(mark, policy.files)
    return scenario.model_copy(update={"assertions": claims}), lean


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
