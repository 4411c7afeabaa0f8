"""What a feeder fed while it could not weigh: closed by the balance of its refill.

While a feeder is refilled its flow reading stands. Hopper before, charge and hopper after tell what went out meanwhile;
the scale of the charge is too rough to correct an ordinary refill, and good enough to tell one that was not.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import NamedTuple

import numpy as np

from controller.material.flow import Read
from controller.material.kit import FeedKit, MaterialKit, Moved
from controller.material.state import ACTIVE, TOTAL, Line, Weighing
from plant_io import Snapshot

_FAR = 3.0
_QUANTA = 10


class Excess(NamedTuple):
    """What one refill brought beyond what was taken to be fed."""

    feed: int
    """Place of the feed [1]."""
    mass_kg: float
    """More than was taken to be fed, negative for less [kg]."""


def weighed(
    seen: Snapshot, read: Read, passed_s: float, old: Sequence[Weighing | None], kit: MaterialKit
) -> tuple[tuple[Weighing | None, ...], list[Excess]]:
    """Return what is balanced now, and refills that brought other than was taken to be fed.

    Parameters
    ----------
    seen
        The line, virtual tags included.
    read
        What is fed.
    passed_s
        Time since the last cycle [s].
    old
        What was balanced before, by feed.
    kit
        The material.
    """
    found, news = list[Excess](), list[Weighing | None]()
    for i, (feed, before) in enumerate(zip(kit.feeds, old or (None,) * len(kit.feeds), strict=True)):
        if feed.weighed_sd is None or feed.held is None or feed.lot is None:
            news.append(None)
            continue
        if before is not None and (before.began or read.blind[i]):
            fed = before.assumed_kg + read.flows[i] * passed_s
            if read.blind[i]:
                news.append(Weighing(before.held_kg, before.number, fed, began=True))
                continue
            excess = _excess(seen, feed, before, fed)
            if excess:
                found.append(Excess(i, excess))
        news.append(_standing(seen, feed, blind=read.blind[i]))
    return tuple(news), found


def applied(line: Line, excess: Excess, way: Moved, kit: MaterialKit) -> Line:
    """Return the line with what a refill brought, where what was fed of late now is.

    Parameters
    ----------
    line
        The line.
    excess
        What it brought.
    way
        What a quantum does now.
    kit
        The material.
    """
    late, total = way.fed, way.fed
    for _ in range(_QUANTA - 1):
        late = way.kept @ late
        total = total + late
    place = total / total.sum(axis=1, keepdims=True)
    least = -_least(line, place)
    mass = max(excess.mass_kg, least)
    what = np.zeros(3)
    what[TOTAL], what[ACTIVE] = mass, mass if excess.feed == kit.active else 0.0
    cells = np.maximum(line.cells + place * what, 0.0)
    lots = np.maximum(line.lots + place[0] * (mass * line.recipe[excess.feed]), 0.0)
    return Line(cells, line.names, lots, line.recipe, line.hoppers)


def sentence(excess: Excess, kit: MaterialKit) -> str:
    """Return what a refill brought, in words."""
    more = "more" if excess.mass_kg > 0.0 else "less"
    name = kit.feeds[excess.feed].name
    return f"material: {name} fed {abs(excess.mass_kg):.4f} kg {more} during its refill than was taken to be fed"


def _excess(seen: Snapshot, feed: FeedKit, before: Weighing, fed: float) -> float:
    """Return what was fed beyond what was taken to be, 0 where that is nothing to speak of [kg]."""
    number, charge, held = (None if tag is None else seen.good(tag) for tag in (feed.lot, feed.charge, feed.held))
    if number is None or charge is None or held is None or number == before.number or feed.weighed_sd is None:
        return 0.0
    gone = before.held_kg + (charge - held) * feed.kg
    return gone - fed if abs(gone - fed) > _FAR * feed.weighed_sd * charge * feed.kg else 0.0


def _standing(seen: Snapshot, feed: FeedKit, *, blind: bool) -> Weighing | None:
    held = None if blind or feed.held is None else seen.good(feed.held)
    if held is None:
        return None
    number = None if feed.lot is None else seen.good(feed.lot)
    return Weighing(held * feed.kg, nan if number is None else number)


def _least(line: Line, place: np.ndarray) -> float:
    """Return how much can be taken away at most, so that nothing becomes less than nothing [kg]."""
    there = line.cells[:, :, TOTAL]
    share = place[:, :, 0]
    used = share > 1e-12  # noqa: PLR2004  # cells that are not there
    return 0.9 * float(np.min(there[used] / share[used]))
