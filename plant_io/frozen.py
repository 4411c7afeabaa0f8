"""Signals that stand still although their device runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf, isfinite, nan

import numpy as np

from plant_io.quality import Quality, Reason
from plant_io.signals import Snapshot
from plant_io.values import quick
from plant_io.verdicts import NOTHING, Positions, Verdict
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
@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered from one snapshot to the next."""

    anchor: tuple[float, ...]
    """Values the signals last moved to, one after the other, each in the unit of its tag."""
    still_s: tuple[float, ...]
    """Time each has stood there while its device ran [s]."""
    count: tuple[float, ...]
    """Newest scan counter of each device [1]."""
    counted_at: tuple[float, ...]
    """When each last changed, POSIX time [s]."""


@dataclass(frozen=True, slots=True, eq=False)
class Standstill:
    """All signals that are watched for standing still; they are few, and numpy is slow with few."""

    tags: Positions
    """Their positions among the tags, shape ``(n,)``."""
    slots: Positions
    """Positions of their values, shape ``(sum of lengths,)``."""
    watched: tuple[Watched, ...]
    """The signals."""
    steps: tuple[tuple[int, int, int, float, float], ...]
    """Of each where it begins and ends among the slots, its device, the largest change that is none in the unit of its
    tag, and the time it may stand still [s]."""

    @classmethod
    def of(cls, watched: Sequence[Watched]) -> Standstill:
        """Return all signals that are watched."""
        slots = [np.arange(one.start, one.start + one.length) for one in watched]
        ends = accumulate(one.length for one in watched)
        return cls(
            tags=np.array([one.tag for one in watched], np.intp),
            slots=np.concatenate([np.empty(0, np.intp), *slots]),
            watched=tuple(watched),
            steps=tuple(
                (end - one.length, end, one.device, one.declared.movement, one.declared.after_s)
                for one, end in zip(watched, ends, strict=True)
            ),
        )

    def begin(self, devices: int) -> Memory:
        """Return the memory before the first snapshot, for a number of devices."""
        return Memory((nan,) * len(self.slots), (0.0,) * len(self.tags), (nan,) * devices, (-inf,) * devices)

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
        if not self.steps:
            return NOTHING, memory
        counted_at = _counted_at(new.at, counts, memory)
        runs, passed = [new.at - then <= RUNS_S for then in counted_at], max(new.at - since, 0.0)
        here, anchor, still_s = new.values[self.slots].tolist(), list(memory.anchor), list(memory.still_s)
        stuck = list[int]()
        for i, (quality, step) in enumerate(zip(new.quality[self.tags].tolist(), self.steps, strict=True)):
            if quality == _BAD:
                continue
            first, end, device, movement, after_s = step
            if runs[device]:
                still_s[i] += passed
            if end - first == 1:
                if not abs(here[first] - anchor[first]) <= movement:  # a first value, compared with none, has moved
                    anchor[first], still_s[i] = here[first], 0.0
            elif here[first:end] != anchor[first:end]:  # seldom, as nothing of a spectrum moves between two scans
                pairs = zip(here[first:end], anchor[first:end], strict=True)
                if not all(abs(now - then) <= movement for now, then in pairs):
                    anchor[first:end], still_s[i] = here[first:end], 0.0
            if still_s[i] >= after_s:
                stuck.append(i)
        count = tuple([now if isfinite(now) else then for now, then in zip(counts, memory.count, strict=True)])
        after = Memory(tuple(anchor), tuple(still_s), count, counted_at)
        return self._against(stuck) if stuck else NOTHING, after

    def _against(self, stuck: Sequence[int]) -> Verdict:
        """Return what is said against signals that stand still, and those that are no evidence while they do."""
        hit = np.unique(np.array([tag for i in stuck for tag in (self.watched[i].tag, *self.watched[i].also)], np.intp))
        return Verdict(hit, np.full(len(hit), Quality.BAD, np.uint8), np.full(len(hit), Reason.FROZEN, np.uint8))


def _counted_at(at: float, counts: Sequence[float], memory: Memory) -> tuple[float, ...]:
    """Return when each scan counter last changed."""
    known = zip(counts, memory.count, memory.counted_at, strict=True)
    return tuple([at if isfinite(now) and now != then else since for now, then, since in known])
