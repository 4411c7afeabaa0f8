"""What a loop believes after this cycle: inputs read back, fresh readings, and late ones where they belong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from controller import samples, trail
from controller.cycle import Event, Mode
from controller.estimates import Estimate
from controller.kit import LoopKit
from controller.sampled import Memory
from controller.state import LoopState
from controller.trail import Reading, Stage, Trail
from plant_io import Snapshot
from plant_io.signals import Floats
from policies.words import written

_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class _Now:
    """What a cycle gives to an estimator."""

    at: float
    inputs: Floats
    known: Floats
    steps: int
    prompt: Mapping[str, float]
    late: Mapping[str, Reading]


def believe(kit: LoopKit, seen: Snapshot, old: LoopState) -> tuple[LoopState, tuple[Event, ...]]:
    """Return what is believed after this cycle, and what is to be said of readings that are not used.

    Parameters
    ----------
    kit
        The loop.
    seen
        The line.
    old
        Memory of the loop.
    """
    inputs = _read(kit, seen, kit.read_backs, old.inputs)
    known = _read(kit, seen, kit.declared.known, old.known)
    if inputs is None or known is None or old.mode is Mode.OFF:
        return replace(old, inputs=inputs, known=known), ()
    events: tuple[Event, ...] = ()
    values, given = _values(kit, seen), (np.array(inputs), np.array(known))
    if old.estimate is None:
        used, believed = values, _begun(kit, seen, values, given)
    else:
        used = {name: value for name, value in values.items() if _fresh(kit, seen, old, name)}
        late, events = _late(kit, seen, old.trail, used)
        prompt = used if kit.memory is None else {n: v for n, v in used.items() if n not in kit.memory.told}
        now = _Now(seen.at, *given, samples.steps(kit, seen, old), prompt, late)
        believed = _gone_on(kit, old.estimate, old.trail, now)
    if believed is None:
        return replace(old, inputs=inputs, known=known), ()
    estimate, past = believed
    new = replace(
        old,
        inputs=inputs,
        known=known,
        estimate=estimate,
        trail=past,
        count=None if kit.trigger is None else seen.good(kit.trigger),
        estimated_at=seen.at,
        sources={**old.sources, **{name: _source(kit, seen, name) for name in used}},
        stamps=_stamped(kit, seen, old.stamps, used),
    )
    return new, events


def _begun(
    kit: LoopKit, seen: Snapshot, values: Mapping[str, float], given: tuple[Floats, Floats]
) -> tuple[Estimate, Trail] | None:
    """Begin to believe, as soon as everything is there that does not come late."""
    late = kit.memory.told if kit.memory is not None else {}
    if any(name not in values for name in kit.declared.measured if name not in late):
        return None
    estimate = kit.estimator.start(*given, values)
    return estimate, trail.begun(seen.at, *given, estimate) if kit.memory is not None else ()


def _gone_on(kit: LoopKit, estimate: Estimate, past: Trail, now: _Now) -> tuple[Estimate, Trail] | None:
    """Make the steps of one cycle, if there are any, then enter what came late."""
    if not now.steps:
        return None
    for before in range(now.steps - 1, -1, -1):
        prompt = {} if before else now.prompt
        estimate = kit.estimator.step(estimate, now.inputs, now.known, prompt)
        if kit.memory is not None:
            at = now.at - before * kit.memory.step_s
            read = {name: Reading(value, at, at) for name, value in prompt.items()}
            stage = Stage(at, now.inputs, now.known, read, estimate)
            past = trail.extended(past, stage, kit.memory.span_s, kit.memory.every)
    return trail.entered(estimate, past, now.late, kit.estimator) if now.late else (estimate, past)


def _stamped(kit: LoopKit, seen: Snapshot, old: Mapping[str, float], used: Mapping[str, float]) -> Mapping[str, float]:
    told = kit.memory.told if kit.memory is not None else {}
    found = {name: stamp for name in used if name in told and (stamp := told[name].stamp(seen)) is not None}
    return {**old, **found} if found else old


def _late(
    kit: LoopKit, seen: Snapshot, past: Trail, fresh: Mapping[str, float]
) -> tuple[dict[str, Reading], tuple[Event, ...]]:
    """Return what came late with when it was sampled, and what is to be said of what cannot be used."""
    found, events = dict[str, Reading](), list[Event]()
    if kit.memory is None:
        return found, ()
    for name, told in kit.memory.told.items():
        taken, stamp = told.at(seen), told.stamp(seen)
        if name not in fresh or taken is None or stamp is None:
            continue
        why = _unusable(seen.at - taken, told.oldest_s, kit.memory)
        if not why and trail.place(past, taken) is None:
            why = "its sample was taken before the loop began to estimate"
        if why:
            events.append(Event(seen.at, f"{kit.name}: {told.value} not used, {why}"))
        else:
            found[name] = Reading(fresh[name], min(taken, seen.at), stamp)
    return found, tuple(events)


def _unusable(age: float, oldest: float, memory: Memory) -> str:
    """Return why a sample of some age [s] cannot be used, or nothing."""
    if age > oldest + _ROUNDING_S:
        return f"its sample is {age:.0f} s old, older than the {written(oldest)} permitted"
    return f"its sample was taken {-age:.0f} s from now, clocks differ" if age < -memory.step_s else ""


def _fresh(kit: LoopKit, seen: Snapshot, old: LoopState, name: str) -> bool:
    """Return whether a value is a new one; where a tag tells when it was taken, both must have changed."""
    if _source(kit, seen, name) == old.sources.get(name):
        return False
    told = None if kit.memory is None else kit.memory.told.get(name)
    if told is None:
        return True
    stamp = told.stamp(seen)
    return stamp is not None and told.at(seen) is not None and stamp != old.stamps.get(name)


def _values(kit: LoopKit, seen: Snapshot) -> dict[str, float]:
    values: dict[str, float] = {}
    for name, measured in kit.declared.measured.items():
        value = seen.good(measured.tag)
        if value is not None:
            values[name] = kit.scales[measured.tag].to_model(value)
    return values


def _source(kit: LoopKit, seen: Snapshot, measured: str) -> float:
    return seen.taken(kit.declared.measured[measured].tag)


def _read(
    kit: LoopKit, seen: Snapshot, tags: Mapping[str, str], last: tuple[float, ...] | None
) -> tuple[float, ...] | None:
    values = [seen.usable(tag) for tag in tags.values()]
    found = [None if v is None else kit.scales[t].to_model(v) for t, v in zip(tags.values(), values, strict=True)]
    if last is not None:
        return tuple(before if now is None else now for now, before in zip(found, last, strict=True))
    whole = tuple(now for now in found if now is not None)
    return whole if len(whole) == len(found) else None
