"""What a rule has to say against some of the tags of a snapshot, and how the worst of it counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plant_io.quality import Quality, Reason
from plant_io.signals import Codes, Snapshot

Positions = NDArray[np.intp]
"""Positions in an array."""
Flags = NDArray[np.bool_]
"""Yes or no."""
_NONE = int(Reason.NONE)  # numpy takes ten times as long to compare with a member of an enum


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What one rule says against tags; every array has the shape ``(n_tags_meant,)``."""

    tags: Positions
    """Positions of the tags that are meant."""
    quality: Codes
    """`Quality` each is left with at best."""
    reason: Codes
    """`Reason` why."""

    @classmethod
    def where(cls, hit: Flags, quality: Quality, reason: Reason) -> Verdict:
        """Return the same said against every tag that is flagged, one flag for each tag of the line."""
        if not hit.any():
            return NOTHING
        tags = np.flatnonzero(hit)
        return cls(tags, np.full(len(tags), quality, np.uint8), np.full(len(tags), reason, np.uint8))


NOTHING = Verdict(np.zeros(0, np.intp), np.zeros(0, np.uint8), np.zeros(0, np.uint8))
"""Nothing said against anything."""


def in_a_row(positions: Positions) -> Positions | slice:
    """Return positions as a slice where each follows the one before; that is quicker to read and to write."""
    if len(positions) and (np.diff(positions) == 1).all():
        return slice(int(positions[0]), int(positions[-1]) + 1)
    return positions


def mark(snapshot: Snapshot, verdict: Verdict) -> None:
    """Enter a verdict in a snapshot that is being made: the worst quality counts, and the first reason for it."""
    if not verdict.tags.size:
        return
    held, said = snapshot.quality[verdict.tags], snapshot.reason[verdict.tags]
    counts = (verdict.quality > held) | ((verdict.quality == held) & (said == _NONE))
    tags = verdict.tags[counts]
    snapshot.quality[tags], snapshot.reason[tags] = verdict.quality[counts], verdict.reason[counts]
