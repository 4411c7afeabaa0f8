"""What stands in for a bad value: the last good one, another tag, a constant; uncertain, and as old as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from math import inf, nan
from typing import cast

import numpy as np

from plant_io import Quality, Reason, Snapshot, TagIndex
from plant_io.signals import Floats
from plant_io.verdicts import Flags, Positions
from policies import Policy
from policies.quality import Constant, Hold, LastGood, SoftValue, Substitute

_SLACK_S = 1e-6  # clock readings that are subtracted differ by rounding


@dataclass(frozen=True, slots=True, eq=False)
class SubstituteKit:
    """Every substitute of a policy, ready; every array has the shape ``(n,)``."""

    names: tuple[str, ...]
    """Tags that have one."""
    what: tuple[str, ...]
    """What stands in for each, in words."""
    tags: Positions
    """Positions of the tags."""
    slots: Positions
    """Positions of their values."""
    others: Positions
    """Positions of the tags that stand in; below zero where none does."""
    other_slots: Positions
    """Positions of their values."""
    constant: Floats
    """Numbers that stand in, each in the unit of its tag; not a number where none does."""
    last: Flags
    """Whether the last good value stands in."""
    for_s: Floats
    """Time each may stand in [s]; endless where it has no end."""


@dataclass(frozen=True, slots=True, eq=False)
class SubstituteState:
    """What is remembered of the tags that have a substitute; every array has the shape ``(n,)``."""

    value: Floats
    """Last good values, each in the unit of its tag; not a number where there was none."""
    source: Floats
    """When the sources took them, POSIX time [s]."""
    arrival: Floats
    """When they arrived here, POSIX time [s]."""
    since: Floats
    """Since when each tag has been bad, POSIX time [s]; not a number where it is not."""
    stands: Flags
    """Whether something stands in for it."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SubstituteState) and self._bits() == other._bits()

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    def _bits(self) -> tuple[bytes, ...]:
        return tuple(cast("Floats", getattr(self, field.name)).tobytes() for field in fields(self))


def prepare(policy: Policy, index: TagIndex) -> SubstituteKit:
    """Return the substitutes of a policy, ready."""
    found = [(name, tag.substitute) for name, tag in policy.tags.items() if tag.substitute is not None]
    others = [index.position[how.tag] if isinstance(how, SoftValue) else -1 for _, how in found]
    lengths = [inf if isinstance(how, LastGood) or how.for_s is None else how.for_s for _, how in found]
    return SubstituteKit(
        names=tuple(name for name, _ in found),
        what=tuple(_words(how, policy.tags[name].unit) for name, how in found),
        tags=np.array([index.position[name] for name, _ in found], np.intp),
        slots=np.array([index.start[index.position[name]] for name, _ in found], np.intp),
        others=np.array(others, np.intp),
        other_slots=np.array([index.start[other] if other >= 0 else 0 for other in others], np.intp),
        constant=np.array([how.value if isinstance(how, Constant) else nan for _, how in found], np.float64),
        last=np.array([isinstance(how, Hold | LastGood) for _, how in found], np.bool_),
        for_s=np.array(lengths, np.float64),
    )


def start(kit: SubstituteKit) -> SubstituteState:
    """Return the memory in which no tag has been good yet."""
    never = np.full(len(kit.names), nan)
    return SubstituteState(never, never, never, never, np.zeros(len(kit.names), np.bool_))


def stand_in(
    seen: Snapshot, old: SubstituteState, kit: SubstituteKit
) -> tuple[Snapshot, SubstituteState, tuple[str, ...]]:
    """Return the line with substitutes in the place of bad values, what to remember, and what to say of it.

    What stands in is uncertain, and has the times of what it is: those of the last good value or of the other tag; a
    constant has none. Another tag stands in as it was measured, and never if it is bad itself.

    Parameters
    ----------
    seen
        The line, virtual tags included.
    old
        What the last cycle left.
    kit
        Substitutes of the policy.
    """
    if not kit.names:
        return seen, old, ()
    quality = seen.quality[kit.tags]
    new = _remembered(seen, old, kit)
    value, source, arrival, sd = _offered(seen, new, kit)
    in_time = seen.at - new.since <= kit.for_s + _SLACK_S
    stands = (quality == Quality.BAD) & in_time & np.isfinite(value)
    new = replace(new, stands=stands)
    told = tuple(_told(seen, old, new, kit))
    if not stands.any():
        return seen, new, told
    values, sds, qualities, reasons = seen.values.copy(), seen.sd.copy(), seen.quality.copy(), seen.reason.copy()
    sources, arrivals, tags = seen.source.copy(), seen.arrival.copy(), kit.tags[stands]
    values[kit.slots[stands]], sds[tags] = value[stands], sd[stands]
    sources[tags], arrivals[tags] = source[stands], arrival[stands]
    qualities[tags], reasons[tags] = Quality.UNCERTAIN, Reason.SUBSTITUTED
    changed = replace(seen, values=values, sd=sds, quality=qualities, reason=reasons, source=sources, arrival=arrivals)
    return changed, new, told


def entered(seen: Snapshot, state: SubstituteState, kit: SubstituteKit) -> dict[str, tuple[float, float, float]]:
    """Return what stands in now, for the record: value, source time and arrival time, by tag."""
    if not kit.names:
        return {}
    here = np.flatnonzero(state.stands)
    tags, slots = kit.tags[here], kit.slots[here]
    columns = (seen.values[slots].tolist(), seen.source[tags].tolist(), seen.arrival[tags].tolist())
    return {kit.names[i]: each for i, each in zip(here.tolist(), zip(*columns, strict=True), strict=True)}


def _remembered(seen: Snapshot, old: SubstituteState, kit: SubstituteKit) -> SubstituteState:
    quality = seen.quality[kit.tags]
    good, bad = quality == Quality.GOOD, quality == Quality.BAD
    return SubstituteState(
        value=np.where(good, seen.values[kit.slots], old.value),
        source=np.where(good, seen.source[kit.tags], old.source),
        arrival=np.where(good, seen.arrival[kit.tags], old.arrival),
        since=np.where(bad, np.where(np.isnan(old.since), seen.at, old.since), nan),
        stands=old.stands,
    )


def _offered(seen: Snapshot, new: SubstituteState, kit: SubstituteKit) -> tuple[Floats, Floats, Floats, Floats]:
    """Return value, source time, arrival time and standard deviation of what could stand in for each tag."""
    given, usable = kit.others >= 0, seen.quality[kit.others] != Quality.BAD
    value = np.where(
        given, np.where(usable, seen.values[kit.other_slots], nan), np.where(kit.last, new.value, kit.constant)
    )
    source = np.where(given, seen.source[kit.others], np.where(kit.last, new.source, nan))
    arrival = np.where(given, seen.arrival[kit.others], np.where(kit.last, new.arrival, nan))
    return value, source, arrival, np.where(given, seen.sd[kit.others], nan)


def _told(seen: Snapshot, old: SubstituteState, new: SubstituteState, kit: SubstituteKit) -> Iterator[str]:
    """Say once when something begins to stand in, and when it no longer does."""
    for i in np.flatnonzero(new.stands != old.stands).tolist():
        name = kit.names[i]
        why = seen[name].reason.name.lower()
        if new.stands[i]:
            yield f"{name}: {kit.what[i]} stands in for it ({why})"
        elif np.isnan(new.since[i]):
            yield f"{name}: it is measured again, and nothing stands in for it"
        else:
            yield f"{name}: nothing stands in for it any longer ({why})"


def _words(how: Substitute, unit: str) -> str:
    match how:
        case SoftValue(tag=tag):
            return tag
        case Constant(value=value):
            return f"{value:g} {unit}"
        case _:
            return "its last good value"
