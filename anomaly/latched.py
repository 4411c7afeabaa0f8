"""What a monitor is given at each look: means of what was seen since the last, and the baseline of the run.

Between two looks the mean of the fresh good values of each tag is taken; where none came the last value counts as long
as it is good. A tag without a good value is masked and never scores. What the loops believe is that of the cycle
before. Where there is a ``baseline``, tags are departures from their means over the first steady minutes of the run, so
that one model serves lines and runs that stand at different values; nothing is judged before the means are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from anomaly.heard import Heard
from anomaly.silence import Silence, SilenceKit
from anomaly.silence import prepare as quiet
from plant_io import Quality, Snapshot, TagIndex
from plant_io.signals import Floats
from policies import Monitor as Declared
from policies import Policy

_GOOD = int(Quality.GOOD)
Places = NDArray[np.intp]


def believed(policy: Policy) -> tuple[str, ...]:
    """Return what monitors want to know of what loops believe, each once."""
    monitors = [watch for watch in policy.watches.values() if isinstance(watch, Declared)]
    names = (name for watch in monitors for name in (*watch.tags, *watch.inputs))
    return tuple(dict.fromkeys(name for name in names if name.partition(".")[0] in policy.loops))


@dataclass(frozen=True, slots=True, eq=False)
class LatchKit:
    """Where the columns of a monitor come from, ready."""

    declared: Declared
    """What the policy says of it."""
    tags: Places
    """Position among the tags of each column that is one."""
    starts: Places
    """Position of its value."""
    tagged: Places
    """Which columns these are."""
    heard: Places
    """Position among what loops believe of each other column."""
    hearing: Places
    """Which columns these are."""
    logs: Places
    """Columns of which the logarithm is taken."""
    based: Floats
    """1 for each column that is a departure from the baseline, else 0 [1]."""
    silence: SilenceKit
    """When nothing is judged."""

    @property
    def width(self) -> int:
        """Number of columns [1]."""
        return len(self.declared.tags) + len(self.declared.inputs)


@dataclass(slots=True, eq=False)
class Latched:
    """What is gathered between two looks; it changes in place."""

    sums: Floats
    """Sum of the fresh values of each column since the last look, in its unit."""
    counts: Floats
    """Number of these [1]."""
    sources: Floats
    """Source time of the newest value of each tag, POSIX time [s]."""
    silence: Silence
    """Whether the line runs steadily."""
    base: Floats
    """Sums of the values of this run until the baseline is known, then their means, in units or logarithms of these."""
    counted: Floats
    """Number of the values in these sums [1]."""
    slot: int | None = None
    """Number of the interval that is being filled [1]."""
    begun: float | None = None
    """When steady running began in this run, POSIX time [s]."""
    known: bool = False
    """Whether the baseline of this run is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """What a monitor is given at one look."""

    at: float
    """When, POSIX time [s]."""
    values: Floats
    """Each tag and input as it is judged, shape ``(columns,)``, in their units or logarithms of these; not a number
    where there is no good value."""
    shown: Floats
    """The same as it was read, shape ``(columns,)``, in their units."""
    steady: bool
    """Whether the line runs as usual and the baseline of the run is known."""


def gathering(declared: Declared, policy: Policy, asked: Mapping[str, int]) -> LatchKit:
    """Return where the columns of a monitor come from.

    Parameters
    ----------
    declared
        The monitor.
    policy
        The policy with its tags.
    asked
        Position of each thing loops are asked for [1].
    """
    index, names = TagIndex.of(policy), (*declared.tags, *declared.inputs)
    tagged = [i for i, name in enumerate(names) if name not in asked]
    hearing = [i for i, name in enumerate(names) if name in asked]
    return LatchKit(
        declared=declared,
        tags=np.array([index.position[names[i]] for i in tagged], np.intp),
        starts=np.array([index.start[index.position[names[i]]] for i in tagged], np.intp),
        tagged=np.array(tagged, np.intp),
        heard=np.array([asked[names[i]] for i in hearing], np.intp),
        hearing=np.array(hearing, np.intp),
        logs=np.array([i for i, name in enumerate(names) if name in declared.log], np.intp),
        based=np.array([float(_departs(name, declared)) for name in names]),
        silence=quiet(declared),
    )


def _departs(name: str, declared: Declared) -> bool:
    return name not in declared.absolute if name in declared.tags else name in declared.moved


def nothing(kit: LatchKit) -> Latched:
    """Return the memory of what has gathered nothing."""
    width = kit.width
    none = np.full(len(kit.tags), nan)
    return Latched(np.zeros(width), np.zeros(width), none, Silence(), np.zeros(width), np.zeros(width))


def latch(snapshot: Snapshot, heard: Heard, latched: Latched, kit: LatchKit) -> Row | None:
    """Take in one cycle, and return what is to be looked at when an interval is over.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    heard
        What the loops believe.
    latched
        What was gathered so far; it changes.
    kit
        Where the columns come from.
    """
    steady = latched.silence.steady(snapshot, heard.phases, kit.silence)
    if not steady and latched.silence.stopped:
        latched.begun, latched.known = None, False
    _gather(snapshot, heard, latched, kit)
    slot = int(snapshot.at // kit.declared.every_s)
    if slot == latched.slot:
        return None
    first, latched.slot = latched.slot is None, slot
    if first:
        latched.sums[:], latched.counts[:] = 0.0, 0.0
        return None
    return _row(snapshot, heard, latched, kit, steady=steady)


def _gather(snapshot: Snapshot, heard: Heard, latched: Latched, kit: LatchKit) -> None:
    source, values = snapshot.source[kit.tags], snapshot.values[kit.starts]
    fresh = (snapshot.quality[kit.tags] == _GOOD) & (source != latched.sources) & np.isfinite(values)
    if fresh.any():
        latched.sums[kit.tagged] += np.where(fresh, values, 0.0)
        latched.counts[kit.tagged] += fresh
        latched.sources = np.where(fresh, source, latched.sources)
    if len(kit.heard):
        said = heard.values[kit.heard] if len(heard.values) else np.full(len(kit.heard), nan)
        there = np.isfinite(said)
        latched.sums[kit.hearing] += np.where(there, said, 0.0)
        latched.counts[kit.hearing] += there


def _row(snapshot: Snapshot, heard: Heard, latched: Latched, kit: LatchKit, *, steady: bool) -> Row:
    values = np.full(kit.width, nan)
    held = snapshot.values[kit.starts]
    values[kit.tagged] = np.where(snapshot.quality[kit.tags] == _GOOD, held, nan)
    if len(kit.heard) and len(heard.values):
        values[kit.hearing] = heard.values[kit.heard]
    np.divide(latched.sums, latched.counts, out=values, where=latched.counts > 0.0)
    values[~np.isfinite(values)] = nan
    latched.sums[:], latched.counts[:] = 0.0, 0.0
    shown, values = values, _scaled(values, kit)
    if kit.declared.baseline_s is None:
        return Row(snapshot.at, values, shown, steady)
    _base(snapshot.at, values, latched, kit, steady=steady)
    # Before the means are known there is no departure, and what is none must not stand in the lags later.
    values -= np.where(kit.based > 0.0, latched.base if latched.known else nan, 0.0)
    return Row(snapshot.at, values, shown, steady and latched.known)


def _scaled(values: Floats, kit: LatchKit) -> Floats:
    scaled = values.copy()
    if len(kit.logs):
        own = values[kit.logs]
        there = own > 0.0
        scaled[kit.logs] = np.where(there, np.log(np.where(there, own, 1.0)), nan)
    return scaled


def _base(at: float, values: Floats, latched: Latched, kit: LatchKit, *, steady: bool) -> None:
    """Add a look to the baseline of a run; means stand in its place once its time is over."""
    if latched.known or not steady:
        return
    if latched.begun is None:
        latched.begun = at
        latched.base[:], latched.counted[:] = 0.0, 0.0
    there = np.isfinite(values)
    latched.base += np.where(there, values, 0.0)
    latched.counted += there
    if at - latched.begun >= (kit.declared.baseline_s or 0.0):
        none = np.full(len(values), nan)
        latched.base = np.divide(latched.base, latched.counted, out=none, where=latched.counted > 0.0)
        latched.known, latched.counted = True, np.zeros(len(values))
