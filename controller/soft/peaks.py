"""Known peaks picked from the list of a chromatogram by their retention times.

A result may be missing or doubted, and it comes minutes after its sample was taken. The last one that could be believed
stands until it is too old, dated when its sample was taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, inf, isfinite, nan

from plant_io.quality import Quality, Reason
from plant_io.signals import Sample, Snapshot
from policies import Peaks, Policy


@dataclass(frozen=True, slots=True, eq=False)
class PeaksKit:
    """One list of peaks, ready."""

    name: str
    """Name of the sensor."""
    declared: Peaks
    """What the policy says of it."""


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
    return PeaksKit(name, declared)


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
    after, taken = state, snapshot.taken(words.areas)
    if isfinite(taken) and taken != state.taken_at:
        positions, areas = snapshot.vector(words.positions), snapshot.vector(words.areas)
        number = snapshot.good(words.number)
        whole = taken == snapshot.taken(words.positions) == snapshot.taken(words.number)
        if positions is not None and areas is not None and number is not None and whole:
            found = list(zip(positions.tolist(), areas.tolist(), strict=True))[: round(number)]
            after = PeaksState(picked(found, words.listed, words.window), taken, snapshot[words.areas].arrival)
    return _samples(snapshot, after, kit), after


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
    sizes, distances, unnamed = dict.fromkeys(names, 0.0), dict.fromkeys(names, window), 0.0
    for at, size in peaks:
        distance, name = min((abs(expected - at), name) for name, expected in names.items())
        if distance > distances[name]:
            unnamed = max(unnamed, size)
            continue
        unnamed = max(unnamed, sizes[name])
        sizes[name], distances[name] = size, distance
    return unnamed, *sizes.values()


def _samples(snapshot: Snapshot, state: PeaksState, kit: PeaksKit) -> dict[str, Sample]:
    words = kit.declared
    if not state.sizes:
        grade, taken = (Quality.BAD, Reason.NO_EVIDENCE), nan
    else:
        old = snapshot.at - state.taken_at > words.stale_after_s
        grade, taken = ((Quality.UNCERTAIN, Reason.STALE) if old else (Quality.GOOD, Reason.NONE)), state.taken_at
    sizes = state.sizes or (nan,) * (1 + len(words.listed))
    return {
        tag: Sample(
            value=size,
            quality=grade[0],
            source=taken,
            arrival=state.came_at,
            reason=grade[1],
            sd=hypot(words.floor_sd, words.share_sd * size),
        )
        for tag, size in zip(words.outputs(kit.name), sizes, strict=True)
    }
