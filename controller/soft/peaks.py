"""Known peaks picked from the list of a chromatogram by their retention times.

A result may be missing or doubted, and it comes minutes after its sample was taken. The last one that could be believed
stands until it is too old, dated when its sample was taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot, inf, isfinite, nan

from controller.soft.intake import Found, Memory, Method, Result, Taken, take
from plant_io.changes import replace
from plant_io.quality import Quality, Reason
from plant_io.signals import Sample, Snapshot
from policies import Peaks, Policy
from policies.peaks import STRETCH, listed
from policies.scans import CONTROL


@dataclass(frozen=True, slots=True, eq=False)
class PeaksKit:
    """One list of peaks, ready."""

    name: str
    """Name of the sensor."""
    declared: Peaks
    """What the policy says of it."""
    method: Method
    """The method, as results are taken in by it."""
    patience_s: float
    """How long the tags of one result may come one after the other before people are told [s]."""


@dataclass(frozen=True, slots=True)
class PeaksState:
    """Memory of one list of peaks; times are POSIX times [s], minus infinity where never."""

    sizes: tuple[float, ...] = ()
    """Sizes in the newest result that was believed: the largest without a name, then those of the names, in the unit of
    the policy; empty until there was one."""
    taken_at: float = -inf
    """When its sample was taken [s]."""
    came_at: float = nan
    """When it came [s]."""
    looked_at: float = -inf
    """When the sample of the newest result that was looked at was taken [s]."""
    waited_for: float = -inf
    """When the sample of a result was taken whose tags are not yet all of one time [s]."""
    waits_since: float = inf
    """When the first of them came [s]; infinity once people were told."""
    memory: Memory = field(default_factory=Memory)
    """What is remembered from result to result."""
    said: tuple[str, ...] = ()
    """What was said of the newest result."""
    note: str = ""
    """What is to be said of a result that came in this cycle."""


def prepare(name: str, declared: Peaks, policy: Policy) -> PeaksKit:
    """Return one list of peaks of `policy`, ready.

    Raises
    ------
    ValueError
        If positions and areas are lists of different lengths, or the areas are in another unit.
    """
    positions, areas = (policy.tags[tag] for tag in (declared.positions, declared.areas))
    if positions.length != areas.length:
        lengths = f"{declared.positions} lists {positions.length} values, {declared.areas} {areas.length}"
        raise ValueError(f"soft_sensors.{name}: {lengths}; expected as many")
    if areas.unit != declared.unit:
        raise ValueError(f"soft_sensors.{name}: {declared.areas} is in {areas.unit}, but the unit is {declared.unit}")
    foreign = declared.responses.keys() - declared.listed.keys()
    if foreign:
        raise ValueError(f"soft_sensors.{name}: responses: {', '.join(sorted(foreign))} is not listed")
    return PeaksKit(name, declared, method(declared), _patience(declared, policy))


def _patience(declared: Peaks, policy: Policy) -> float:
    read = {CONTROL, *(policy.tags[tag].scan for tag in declared.inputs)}
    return max(one.kept_s for name, one in policy.classes.items() if name in read and not one.on_connect)


def method(declared: Peaks) -> Method:
    """Return the method that a policy describes."""
    return Method(
        listed=declared.listed,
        window=declared.window,
        stretch=declared.stretch,
        responses=declared.responses,
        lod=declared.lod,
        loq=declared.loq,
        total=declared.total,
        carried=declared.carried,
        versions=declared.versions,
        methods=declared.methods,
        unit=declared.unit,
    )


def start() -> PeaksState:
    """Return the memory of a list of peaks that has seen nothing."""
    return PeaksState()


def infer(snapshot: Snapshot, state: PeaksState, kit: PeaksKit) -> tuple[Mapping[str, Sample], PeaksState]:
    """Return the samples one list of peaks gives, and what it remembers.

    Parameters
    ----------
    snapshot
        The line as latched.
    state
        What the last cycle left.
    kit
        The list of peaks.
    """
    words = kit.declared
    after, taken = replace(state, note="") if state.note else state, snapshot.taken(words.areas)
    if isfinite(taken) and taken != state.looked_at:
        told = (words.positions, words.number, words.method, words.version)
        others = [tag for tag in told if tag and snapshot.taken(tag) != taken]
        if others:
            return _samples(snapshot, after, kit), _waiting(snapshot, after, kit, others)
        positions, areas = snapshot.vector(words.positions), snapshot.vector(words.areas)
        number = snapshot.good(words.number)
        count = None if words.injection is None else snapshot.good(words.injection)
        if positions is not None and areas is not None and number is not None:
            pairs = list(zip(positions.tolist(), areas.tolist(), strict=True))[: round(number)]
            sequence = round(taken if count is None else count)
            found = tuple(Found(at, size) for at, size in pairs)
            version, method = _version(snapshot, words), _number(snapshot, words.method)
            result = Result(sequence, taken, found, version, unit=words.unit, method=method)
            after = _told(result, snapshot[words.areas].arrival, after, kit)
    return _samples(snapshot, after, kit), after


def _waiting(snapshot: Snapshot, state: PeaksState, kit: PeaksKit, others: Sequence[str]) -> PeaksState:
    """Return the memory after a cycle in which `others` are not of the sample of the sizes; it is said once."""
    areas = kit.declared.areas
    taken = snapshot.taken(areas)
    if taken != state.waited_for:
        return replace(state, waited_for=taken, waits_since=snapshot.at)
    gone_s = snapshot.at - state.waits_since
    if gone_s < kit.patience_s:
        return state
    whose = f"the time of {others[0]} is" if len(others) == 1 else f"the times of {', '.join(others)} are"
    why = f"{whose} not that of {areas}, whose result came {gone_s:.3g} s ago"
    return replace(state, waits_since=inf, note=f"{kit.name}: {why}; it is not used until they are the same")


def _version(snapshot: Snapshot, words: Peaks) -> str:
    """Return the version of the method that a result says, or the one that is known where none does."""
    if words.version is None:
        return words.versions[0] if words.versions else ""
    return _number(snapshot, words.version)


def _number(snapshot: Snapshot, tag: str | None) -> str:
    """Return what a tag says as text, empty where there is no tag."""
    if tag is None:
        return ""
    number = snapshot.good(tag)
    return "not said" if number is None else f"{number:g}"


def _told(result: Result, came: float, state: PeaksState, kit: PeaksKit) -> PeaksState:
    memory, taken, why = take(result, state.memory, kit.method)
    state = replace(state, memory=memory, looked_at=result.taken)
    if taken is None:
        return replace(state, note=f"{kit.name}: {why}; it is not used")
    said = [*taken.doubts, *(["it came late; newer results stand"] if taken.late else [])]
    if said != list(state.said):
        state = replace(state, said=tuple(said))
        state = replace(state, note=f"{kit.name}: injection {result.sequence}: {'; '.join(said)}" if said else "")
    return state if taken.late else replace(state, sizes=sizes(taken), taken_at=result.taken, came_at=came)


def sizes(taken: Taken) -> tuple[float, ...]:
    """Return the size of the largest unknown peak, then those of the known ones, unit of the result."""
    return max(taken.strangers.values(), default=0.0), *taken.sizes.values()


def picked(peaks: Sequence[tuple[float, float]], names: Mapping[str, float], window: float) -> tuple[float, ...]:
    """Return the size of the largest peak without a name, then the sizes of the names, 0 where a peak is not there.

    Parameters
    ----------
    peaks
        Retention time relative to the reference [1] and size of each peak, in any one unit.
    names
        Retention time at which each name is expected, relative to the reference [1].
    window
        Largest distance at which a peak gets the name nearest to it [1].

    Examples
    --------
    >>> picked([(0.63, 4.0), (1.0, 95.8), (1.32, 0.2)], {"SM": 0.62, "API": 1.0, "NITRO": 1.21}, 0.02)
    (0.2, 4.0, 95.8, 0.0)
    """
    result = Result(0, 0.0, tuple(Found(at, size) for at, size in peaks))
    _, taken, _ = take(result, Memory(), Method(names, window))
    return (0.0,) * (1 + len(names)) if taken is None else sizes(taken)


def _samples(snapshot: Snapshot, state: PeaksState, kit: PeaksKit) -> dict[str, Sample]:
    words = kit.declared
    if not state.sizes:
        grade, taken = (Quality.BAD, Reason.NO_EVIDENCE), nan
    else:
        old = snapshot.at - state.taken_at > words.stale_after_s
        grade, taken = ((Quality.UNCERTAIN, Reason.STALE) if old else (Quality.GOOD, Reason.NONE)), state.taken_at
    shown = state.sizes or (nan,) * (1 + len(words.listed))
    given = {
        tag: Sample(
            value=size,
            quality=grade[0],
            source=taken,
            arrival=state.came_at,
            reason=grade[1],
            sd=hypot(words.floor_sd, words.share_sd * size),
        )
        for tag, size in zip(listed(kit.name, words.unit, words.range, words.listed), shown, strict=True)
    }
    if words.stretch:
        stretch = state.memory.stretch if state.sizes else nan
        given[f"{kit.name}.{STRETCH}"] = Sample(stretch, grade[0], taken, state.came_at, grade[1])
    return given
