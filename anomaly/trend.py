"""Trends sought on line and named after the entries of an approved library; what none of them explains is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, isfinite, nan

import numpy as np

from anomaly.alerts import Alert
from anomaly.heard import MOVING, NOTHING
from anomaly.trend_words import begins, ends, rests
from anomaly.trending import UNKNOWN, Point, TrendKit, counted, read
from plant_io import Snapshot
from plant_io.changes import replace

_PATIENCE = 3


@dataclass(frozen=True, slots=True)
class TrendState:
    """Memory of one library."""

    slot: int | None
    """Number of the interval that is being filled [1]."""
    first: int
    """Number of the first interval that counts [1]."""
    sums: tuple[float, ...]
    """Sum of the values of this interval by channel, on its scale, unit of the channel."""
    counts: tuple[int, ...]
    """Number of values of this interval by channel [1]."""
    sources: tuple[float, ...]
    """Source time of the newest value of each channel, POSIX time [s]."""
    points: tuple[Point, ...]
    """Points of the window, oldest first."""
    base: Point = ()
    """What is normal in this run by channel, on its scale, unit of the channel; empty while it is not known."""
    said: str | None = None
    """Entry that has been told and stands, or two with a plus between; empty for an unknown trend, None for none."""
    next_said: str | None = None
    """What the newest points would rather say."""
    refuted: tuple[str, ...] = ()
    """Entries that the trend that stands was called after, until what it moved refuted them."""
    agreed: int = 0
    """Points in a row that would say so [1]."""


def start(kit: TrendKit) -> TrendState:
    """Return the memory of a library that has seen nothing."""
    n = len(kit.units)
    return TrendState(None, 0, (0.0,) * n, (0,) * n, (nan,) * n, ())


def look(
    snapshot: Snapshot, state: TrendState, kit: TrendKit, phases: Mapping[str, str] = NOTHING.phases
) -> tuple[TrendState, tuple[Alert, ...]]:
    """Add the values of this cycle to the point in the making; match when a point is complete.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    state
        What the last look left.
    kit
        The library.
    phases
        How far each loop is in service.

    Returns
    -------
    state
        What is remembered now.
    alerts
        Trends that began, ended, or are called otherwise now.
    """
    if any(phases.get(loop) in MOVING for loop in kit.declared.yields):
        return start(kit), (rests(snapshot.at, state.said, kit),) if state.said is not None else ()
    slot = int(snapshot.at // kit.declared.every_s)
    if slot == state.slot:
        return _gather(snapshot, state, kit), ()
    if state.slot is None:
        settled = slot + ceil(kit.declared.settle_s / kit.declared.every_s)
        return _gather(snapshot, replace(state, slot=slot, first=settled), kit), ()
    n = len(kit.units)
    if state.slot < state.first:
        return _gather(snapshot, replace(state, slot=slot, sums=(0.0,) * n, counts=(0,) * n), kit), ()
    point = tuple(s / c if c else nan for s, c in zip(state.sums, state.counts, strict=True))
    gaps = ((nan,) * n,) * min(max(slot - state.slot - 1, 0), kit.declared.window)
    points = (*state.points, point, *gaps)[-kit.declared.window :]
    closed = replace(state, slot=slot, sums=(0.0,) * n, counts=(0,) * n, points=points)
    based = _based(closed, kit)
    after, alerts = _judge(snapshot, based, kit) if based.base else (based, ())
    return _gather(snapshot, after, kit), alerts


def _gather(snapshot: Snapshot, state: TrendState, kit: TrendKit) -> TrendState:
    sources = list(state.sources)
    news = [(i, snapshot.taken(tag)) for i, tag in enumerate(kit.declared.channels)]
    if all(source == sources[i] for i, source in news):
        return state
    sums, counts = list(state.sums), list(state.counts)
    for (i, source), tag in zip(news, kit.declared.channels, strict=True):
        value = None if source == sources[i] else snapshot.good(tag)
        if value is None:
            continue
        sources[i], new = source, counted(value, tag, kit)
        if isfinite(new):
            sums[i], counts[i] = sums[i] + new, counts[i] + 1
    return replace(state, sums=tuple(sums), counts=tuple(counts), sources=tuple(sources))


def _based(state: TrendState, kit: TrendKit) -> TrendState:
    """Return what is remembered, with what is normal in this run as soon as there are enough points."""
    if state.base:
        return state
    baseline = kit.declared.baseline_s
    if baseline is None:
        return replace(state, base=tuple(kit.centre.tolist()))
    if len(state.points) < baseline / kit.declared.every_s:
        return state
    known = [[one for one in column if isfinite(one)] for column in zip(*state.points, strict=True)]
    usual: list[float] = kit.centre.tolist()
    means = (sum(ones) / len(ones) if ones else mean for ones, mean in zip(known, usual, strict=True))
    return replace(state, base=tuple(means))


def _judge(snapshot: Snapshot, state: TrendState, kit: TrendKit) -> tuple[TrendState, tuple[Alert, ...]]:
    window = np.full((kit.declared.window, len(kit.units)), nan)
    window[-len(state.points) :] = state.points
    seen = read(window, kit, state.said, np.array(state.base), state.refuted)
    name = None if _suppressed(snapshot, seen.name, kit) else seen.name
    agreed = state.agreed + 1 if name == state.next_said else 1
    state = replace(state, next_said=name, agreed=agreed)
    at_once = name is None or (state.said is None and name != UNKNOWN)
    if name == state.said or (agreed < _PATIENCE and not at_once):
        return state, ()
    begun = (begins(snapshot.at, seen, name, kit),) if name is not None else ()
    ended = (ends(snapshot.at, seen, (state.said, name), kit),) if state.said is not None else ()
    return replace(state, said=name, refuted=_refuted(state, name, kit)), ended + begun


def _refuted(state: TrendState, name: str | None, kit: TrendKit) -> tuple[str, ...]:
    """Return the entries a trend has refuted, one more where it is unknown after it was called after an entry."""
    if name is None or kit.declared.misfit is None:
        return ()
    refuted = name == UNKNOWN and state.said is not None and state.said in kit.entries
    return (*state.refuted, str(state.said)) if refuted else state.refuted


def _suppressed(snapshot: Snapshot, name: str | None, kit: TrendKit) -> bool:
    entry = kit.entries.get(name or UNKNOWN)
    return entry is not None and any(snapshot.good(tag) == value for tag, value in entry.meaning.suppress.items())
