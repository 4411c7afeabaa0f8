"""What a loop believes after this cycle: inputs read back, fresh readings, and late ones where they belong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from controller import samples, trail
from controller.cycle import Event, Mode
from controller.estimates import Estimate
from controller.kit import LoopKit, Scaled
from controller.sampled import Memory, Told
from controller.state import LoopState
from controller.trail import Reading, Stage, Trail, Way
from controller.witness import Spoken, listen
from plant_io import Snapshot
from plant_io.changes import replace
from plant_io.signals import Floats
from plant_io.values import quick
from policies.words import written

_OFF = Mode.OFF  # members are found slowly
_ROUNDING_S = 1e-6
_LEAST_S = 1e-3
"""Least time from the end of one step to that of the next where samples come faster than declared [s]."""
_NONE: Mapping[str, Told] = MappingProxyType(dict[str, Told]())


@quick
@dataclass(frozen=True, slots=True, eq=False)
class _Now:
    """What a cycle gives to an estimator."""

    at: float
    inputs: Floats
    known: Floats
    steps: int
    prompt: Mapping[str, float]
    late: Mapping[str, Reading]
    due: bool


@quick
@dataclass(frozen=True, slots=True, eq=False)
class _Belief:
    """What is believed, what the filter alone believes, and what is remembered."""

    estimate: Estimate
    filtered: Estimate
    trail: Trail


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
    inputs = _read(seen, kit.moves, old.inputs)
    known = _read(seen, kit.knows, old.known)
    if inputs is None or known is None or old.mode is _OFF:
        return replace(old, inputs=inputs, known=known), ()
    values, given = _values(kit, seen), (np.array(inputs), np.array(known))
    steps, events, late = samples.steps(kit, seen, old), tuple[Event, ...](), dict[str, Reading]()
    sources, told = seen.taken_each(kit.measured), _told(kit)
    if old.estimate is None:
        used, belief = values, _begun(kit, seen, values, given)
    elif not steps:
        used, belief = dict[str, float](), None
    else:
        fresh = {n: v for n, v in values.items() if sources[n] != old.sources.get(n)}
        used = {n: v for n, v in fresh.items() if n not in told or _anew(told[n], seen, old, n)}
        late, events = _late(kit, seen, old.trail, used)
        prompt = {n: v for n, v in used.items() if n not in told}
        due = kit.smoother is not None and samples.due(kit, seen.at, old)
        before = _Belief(old.estimate, old.filtered or old.estimate, old.trail)
        belief = _gone_on(kit, before, _Now(seen.at, *given, steps, prompt, late, due=due))
    if belief is None:
        return replace(old, inputs=inputs, known=known), ()
    new = replace(
        old,
        inputs=inputs,
        known=known,
        estimate=belief.estimate,
        filtered=None if kit.smoother is None else belief.filtered,
        trail=belief.trail,
        count=None if kit.trigger is None else seen.good(kit.trigger),
        estimated_at=seen.at,
        sources={**old.sources, **{name: sources[name] for name in used}},
        stamps=_stamped(kit, seen, old.stamps, used),
    )
    if not kit.witnessed.keys().isdisjoint(used):
        new, heard = listen(kit, new, Spoken(seen.at, used, _stood(kit, new, used, late), belief.filtered.innovations))
        events += heard
    return new, events


def _stood(kit: LoopKit, now: LoopState, used: Iterable[str], late: Mapping[str, Reading]) -> dict[str, Floats]:
    """Return the inputs that each reading bears out: their mean for as long as a plan looks ahead, until its sample."""
    span_s, stood = kit.declared.horizon * kit.declared.sample_s, dict[str, Floats]()
    for name in kit.witnessed.keys() & set(used):
        taken = late[name].taken if name in late else now.estimated_at
        found = None if taken is None else trail.usual(now.trail, taken, span_s)
        if found is not None:
            stood[name] = found
    return stood


def _begun(kit: LoopKit, seen: Snapshot, values: Mapping[str, float], given: tuple[Floats, Floats]) -> _Belief | None:
    """Begin to believe, as soon as everything is there that does not come late."""
    if any(name not in values for name in kit.declared.measured if name not in _told(kit)):
        return None
    estimate = kit.estimator.start(*given, values)
    past = trail.begun(seen.at, *given, estimate) if kit.memory is not None else Trail()
    return _Belief(estimate, estimate, past)


def _gone_on(kit: LoopKit, old: _Belief, now: _Now) -> _Belief:
    """Make the steps of one cycle, enter what came late, and weigh what is remembered where that is due."""
    estimate, filtered, past = old.estimate, old.filtered, old.trail
    for before in range(now.steps - 1, -1, -1):
        prompt: Mapping[str, float] = dict[str, float]() if before else now.prompt
        filtered = kit.estimator.step(filtered, now.inputs, now.known, prompt)
        if kit.smoother is not None:
            estimate = kit.estimator.step(estimate, now.inputs, now.known, prompt)
        if kit.memory is not None:
            at = _end(past, now.at, before, kit.memory.step_s)
            read = {name: Reading(value, at, at) for name, value in prompt.items()}
            stage = Stage(at, now.inputs, now.known, read, filtered)
            past = trail.extended(past, stage, kit.memory.span_s, kit.memory.every)
    if kit.memory is not None:
        past = trail.entered(past, now.late) if now.late else past
        if past[-1].estimate is None:
            filtered, past = trail.caught_up(filtered, past, now.late, Way(kit.estimator, kit.memory.every))
    if kit.smoother is None:
        return _Belief(filtered, filtered, past)
    found = kit.smoother.weighed(past) if now.due else None
    x, p = (estimate.x, estimate.p) if found is None else found
    return _Belief(Estimate(x, p, filtered.innovations), filtered, past)


def _end(past: Trail, at: float, before: int, step_s: float) -> float:
    """Return when the step ended that has `before` steps after it; after the last one, however fast samples come."""
    last = past[-1].at
    left, end = at - last, at - before * step_s
    return max(end, last + min(_LEAST_S, left / (before + 1))) if left > 0.0 else end


def _told(kit: LoopKit) -> Mapping[str, Told]:
    """Return how the times of samples are told, of measurements that come late."""
    return kit.memory.told if kit.memory is not None else _NONE


def _stamped(kit: LoopKit, seen: Snapshot, old: Mapping[str, float], used: Mapping[str, float]) -> Mapping[str, float]:
    found = {name: told.stamp(seen) for name, told in _told(kit).items() if name in used}
    new = {name: stamp for name, stamp in found.items() if stamp is not None}
    return {**old, **new} if new else old


def _late(
    kit: LoopKit, seen: Snapshot, past: Trail, fresh: Mapping[str, float]
) -> tuple[dict[str, Reading], tuple[Event, ...]]:
    """Return what came late with when it was sampled, and what is to be said of what cannot be used."""
    found, events = dict[str, Reading](), list[Event]()
    if kit.memory is None:
        return found, ()
    for name, told in kit.memory.told.items():
        if name not in fresh:
            continue
        taken, stamp = told.at(seen), told.stamp(seen)
        if taken is None or stamp is None:
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


def _anew(told: Told, seen: Snapshot, old: LoopState, name: str) -> bool:
    """Return whether a value that comes late, with a new source time, is a new one: what tells its time must agree."""
    stamp = told.stamp(seen)
    return stamp is not None and told.at(seen) is not None and stamp != old.stamps.get(name)


def _values(kit: LoopKit, seen: Snapshot) -> dict[str, float]:
    found, good = dict[str, float](), seen.good
    for name, (tag, slope, shift) in kit.shown.items():
        value = good(tag)
        if value is not None:
            found[name] = value * slope + shift
    return found


def _read(seen: Snapshot, tags: Mapping[str, Scaled], last: tuple[float, ...] | None) -> tuple[float, ...] | None:
    found = list[float | None]()
    for tag, slope, shift in tags.values():
        value = seen.usable(tag)
        found.append(None if value is None else value * slope + shift)
    if last is not None:
        return tuple([before if now is None else now for now, before in zip(found, last, strict=True)])
    whole = tuple([now for now in found if now is not None])
    return whole if len(whole) == len(found) else None
