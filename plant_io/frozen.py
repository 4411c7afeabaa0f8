"""Signals that stand still although their device runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan

import numpy as np

from plant_io.flags import every, some
from plant_io.quality import Quality, Reason
from plant_io.signals import Floats, Snapshot
from plant_io.values import quick
from plant_io.verdicts import NOTHING, Flags, Positions, Verdict
from policies.quality import Frozen

_BAD = int(Quality.BAD)  # numpy takes ten times as long to compare with a member of an enum
RUNS_S = 5.0
"""Time for which the scan counter of a PLC may stand still before time is no longer counted against its signals [s]."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A signal that is watched for standing still."""

    tag: int
    """Its position among the tags [1]."""
    start: int
    """Position of its first value [1]."""
    length: int
    """Number of its values [1]."""
    device: int
    """Which of the devices it comes from [1]."""
    declared: Frozen
    """What counts as standing still."""
    also: tuple[int, ...] = ()
    """Positions of the tags that are no evidence either while it does [1]."""


@quick
@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What is remembered from one snapshot to the next."""

    anchor: Floats
    """Values the signals last moved to, each in the unit of its tag, shape ``(sum of lengths,)``."""
    still_s: Floats
    """Time each has stood there while its device ran [s], shape ``(n,)``."""
    count: tuple[float, ...]
    """Newest scan counter of each device [1]."""
    counted_at: tuple[float, ...]
    """When each last changed, POSIX time [s]."""


@dataclass(frozen=True, slots=True, eq=False)
class Standstill:
    """All signals that are watched for standing still."""

    tags: Positions
    """Their positions among the tags, shape ``(n,)``."""
    judges: Positions
    """Which signal is each to be judged by, that itself or another, shape ``(n_judged,)``."""
    judged_tags: Positions
    """Positions of the tags judged, shape ``(n_judged,)``."""
    slots: Positions
    """Positions of their values, shape ``(sum of lengths,)``."""
    start: Positions
    """Where each begins among the slots, shape ``(n,)``."""
    owner: Positions
    """Which signal a slot belongs to, shape ``(sum of lengths,)``."""
    device: Positions
    """Which device each comes from, shape ``(n,)``."""
    movement: Floats
    """Largest change that is none, each in the unit of its tag, shape ``(sum of lengths,)``."""
    after_s: Floats
    """Time each may stand still [s], shape ``(n,)``."""
    alone: bool
    """Whether each has one value."""

    @classmethod
    def of(cls, watched: Sequence[Watched]) -> Standstill:
        """Return all signals that are watched."""
        lengths = [one.length for one in watched]
        slots = [np.arange(one.start, one.start + one.length) for one in watched]
        return cls(
            tags=np.array([one.tag for one in watched], np.intp),
            judges=np.repeat(np.arange(len(watched)), [1 + len(one.also) for one in watched]),
            judged_tags=np.array([tag for one in watched for tag in (one.tag, *one.also)], np.intp),
            slots=np.concatenate([np.empty(0, np.intp), *slots]),
            start=np.cumsum([0, *lengths[:-1]], dtype=np.intp)[: len(watched)],
            owner=np.repeat(np.arange(len(watched)), lengths),
            device=np.array([one.device for one in watched], np.intp),
            movement=np.repeat([one.declared.movement for one in watched], lengths).astype(np.float64),
            after_s=np.array([one.declared.after_s for one in watched], np.float64),
            alone=all(length == 1 for length in lengths),
        )

    def begin(self, devices: int) -> Memory:
        """Return the memory before the first snapshot, for a number of devices."""
        n = len(self.tags)
        return Memory(np.full(len(self.slots), nan), np.zeros(n), (nan,) * devices, (-inf,) * devices)

    def judged(self, new: Snapshot, counts: Sequence[float], since: float, memory: Memory) -> tuple[Verdict, Memory]:
        """Return the signals that have stood still too long, and what to remember.

        What is bad says nothing about movement: its time stands, and goes on when the signal is back where it was.

        Parameters
        ----------
        new
            Snapshot being made, judged by all other rules.
        counts
            Scan counter of each device [1]; not a number where it is not heard.
        since
            When the snapshot before began, POSIX time [s].
        memory
            What was remembered from there.
        """
        if not self.tags.size:
            return NOTHING, memory
        counted_at = _counted_at(new.at, counts, memory)
        heard = new.quality[self.tags] != _BAD
        here = new.values[self.slots]
        # Written so that a first value, compared with none, has moved.
        moved = heard & self._any(~(np.abs(here - memory.anchor) <= self.movement))
        run = [new.at - then <= RUNS_S for then in counted_at]
        runs = heard if all(run) else heard & np.array(run)[self.device]
        passed = max(new.at - since, 0.0)
        still_s = np.where(moved, 0.0, memory.still_s + (passed if every(runs) else np.where(runs, passed, 0.0)))
        after = Memory(
            anchor=np.where(moved if self.alone else moved[self.owner], here, memory.anchor),
            still_s=still_s,
            count=tuple([now if isfinite(now) else then for now, then in zip(counts, memory.count, strict=True)]),
            counted_at=counted_at,
        )
        stuck = heard & (still_s >= self.after_s)
        if not some(stuck):  # as in nearly every cycle
            return NOTHING, after
        hit = np.unique(self.judged_tags[stuck[self.judges]])
        quality, reason = np.full(len(hit), Quality.BAD, np.uint8), np.full(len(hit), Reason.FROZEN, np.uint8)
        return Verdict(hit, quality, reason), after

    def _any(self, flags: Flags) -> Flags:
        return flags if self.alone else np.logical_or.reduceat(flags, self.start)


def _counted_at(at: float, counts: Sequence[float], memory: Memory) -> tuple[float, ...]:
    """Return when each scan counter last changed."""
    known = zip(counts, memory.count, memory.counted_at, strict=True)
    return tuple([at if isfinite(now) and now != then else since for now, then, since in known])
