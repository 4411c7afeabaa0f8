"""What kind of thing a change of a policy touches, declared in one place, from nothing at all to what may be written.

docs/approval.md shows the table to people. A place that no row names is of the gravest class, so that what is new in
the format is not taken lightly by mistake.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from policies.positions import Path


class Impact(StrEnum):
    """Class of a change; each is graver than the one before."""

    NONE = "none"
    """Nothing that is read, computed, told or written changes."""
    OPERATING = "operating"
    """How the plant is reached, how often it is read, how a run is recorded, and who is told."""
    QUALITY = "quality"
    """What is taken for evidence, what is watched, what is wanted of the product."""
    MODEL = "model"
    """What the plant is taken for: models, identified parameters, estimators, solvers."""
    LIMITS = "limits"
    """What may be written to the plant, how far and how fast, and when loops are given back to the PLC."""


TABLE: tuple[tuple[str, Impact], ...] = (
    ("", Impact.NONE),
    ("policy", Impact.NONE),
    ("revision", Impact.NONE),
    ("line", Impact.OPERATING),
    ("period", Impact.LIMITS),
    ("tag_table", Impact.NONE),
    ("records.**", Impact.OPERATING),
    ("budgets.**", Impact.OPERATING),
    ("incidents.**", Impact.OPERATING),
    ("alarms.**", Impact.QUALITY),
    ("notices.**", Impact.OPERATING),
    ("served.opcua.orders", Impact.LIMITS),
    ("served.**", Impact.OPERATING),
    ("cases.**", Impact.QUALITY),
    ("people.**", Impact.LIMITS),
    ("material.**", Impact.LIMITS),
    ("scans.**", Impact.OPERATING),
    ("lockstep.**", Impact.OPERATING),
    ("plant_time.**", Impact.OPERATING),
    ("connections.*.handshake.**", Impact.LIMITS),
    ("connections.*.forbidden.**", Impact.LIMITS),
    ("connections.**", Impact.OPERATING),
    ("tags.*.description", Impact.NONE),
    ("tags.*.range.**", Impact.LIMITS),
    ("tags.*.access", Impact.LIMITS),
    ("tags.*.read_back", Impact.LIMITS),
    ("tags.*.unit", Impact.LIMITS),
    ("tags.*.scale", Impact.LIMITS),
    ("tags.*.offset", Impact.LIMITS),
    ("tags.*.substitute.**", Impact.QUALITY),
    ("tags.*.fail", Impact.QUALITY),
    ("tags.*.ne43.**", Impact.QUALITY),
    ("tags.*.ne107.**", Impact.QUALITY),
    ("tags.*.frozen.**", Impact.QUALITY),
    ("tags.*.stale_after", Impact.QUALITY),
    ("tags.*.age_from", Impact.QUALITY),
    ("tags.*.scan", Impact.OPERATING),
    ("tags.**", Impact.LIMITS),
    ("soft_sensors.*.challenger.**", Impact.QUALITY),
    ("soft_sensors.*.model", Impact.MODEL),
    ("soft_sensors.*.transfer", Impact.MODEL),
    ("soft_sensors.*.process", Impact.MODEL),
    ("soft_sensors.*.form", Impact.MODEL),
    ("soft_sensors.*.kind", Impact.MODEL),
    ("soft_sensors.**", Impact.QUALITY),
    ("watches.*.action", Impact.LIMITS),
    ("watches.*.holds.**", Impact.LIMITS),
    ("watches.*.model", Impact.MODEL),
    ("watches.*.priority", Impact.OPERATING),
    ("watches.*.route", Impact.OPERATING),
    ("watches.*.response", Impact.OPERATING),
    ("watches.**", Impact.QUALITY),
    ("loops.*.model.**", Impact.MODEL),
    ("loops.*.process", Impact.MODEL),
    ("loops.*.matrix.**", Impact.MODEL),
    ("loops.*.time", Impact.MODEL),
    ("loops.*.estimator.**", Impact.MODEL),
    ("loops.*.solver.**", Impact.MODEL),
    ("loops.*.scenarios.**", Impact.MODEL),
    ("loops.*.measured.**", Impact.MODEL),
    ("loops.*.known.**", Impact.MODEL),
    ("loops.*.horizon", Impact.MODEL),
    ("loops.*.blocks.**", Impact.MODEL),
    ("loops.*.move_weight", Impact.MODEL),
    ("loops.*.moved.*.scale", Impact.MODEL),
    ("loops.*.controlled.*.on_bad", Impact.LIMITS),
    ("loops.*.controlled.**", Impact.QUALITY),
    ("loops.**", Impact.LIMITS),
)
"""Pattern of a place, and what a change there touches; the first that fits counts.

``*`` stands for one name or position, ``**`` for any number of them, none included.
"""
_ORDER = tuple(Impact)


def impact(path: Path) -> Impact:
    """Return what a change at a place of a policy touches; the gravest where no row of the table names it.

    Examples
    --------
    >>> impact(("loops", "blend", "moved", "api_sp", "limits")), impact(("tags", "FDR.PV", "description"))
    (<Impact.LIMITS: 'limits'>, <Impact.NONE: 'none'>)
    """
    return next((found for pattern, found in _SPLIT if _fits(path, pattern)), Impact.LIMITS)


def gravest(found: Iterable[Impact]) -> Impact:
    """Return the gravest of some classes; the lightest where there are none."""
    return max(found, key=_ORDER.index, default=Impact.NONE)


def _fits(path: Path, pattern: tuple[str, ...]) -> bool:
    if pattern and pattern[-1] == "**":
        pattern, path = pattern[:-1], path[: len(pattern) - 1]
    pairs = zip(path, pattern, strict=True) if len(path) == len(pattern) else None
    return pairs is not None and all(part in {"*", name} for name, part in pairs)


_SPLIT = tuple((tuple(pattern.split(".")) if pattern else (), found) for pattern, found in TABLE)
