"""What a feeder may have fed while it could not weigh: the balance of its refill tells.

While a feeder is refilled its flow reading stands. Hopper before, charge and hopper after tell what went out meanwhile.
Where that is far from what was taken to be fed, either powder flushed or bridged unseen, or one of the scales is wrong;
the balance cannot say which, so that what was fed is not corrected but doubted. What the middle one of the last three
refills shows is a scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from statistics import median
from typing import NamedTuple

from controller.material.flow import Read
from controller.material.kit import FeedKit, MaterialKit, Moved
from controller.material.state import DOUBT, TOTAL, Line, Weighing
from plant_io import Snapshot

_FAR, _HALF, _MOST = 3.0, 0.5, 3.0
_QUANTA, _USUAL = 10, 3


class Doubted(NamedTuple):
    """A refill that does not balance."""

    feed: int
    """Place of the feed [1]."""
    mass_kg: float
    """More than was taken to be fed, negative for less [kg]."""
    doubt_kg: float
    """Standard deviation of what was fed [kg]."""


def weighed(
    seen: Snapshot, read: Read, passed_s: float, old: Sequence[Weighing | None], kit: MaterialKit
) -> tuple[tuple[Weighing | None, ...], list[Doubted]]:
    """Return what is balanced now, and refills that do not balance.

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
    found, news = list[Doubted](), list[Weighing | None]()
    for i, (feed, before) in enumerate(zip(kit.feeds, old or (None,) * len(kit.feeds), strict=True)):
        if feed.weighed_sd is None or feed.held is None or feed.lot is None:
            news.append(None)
            continue
        usual = () if before is None else before.usual
        if before is not None and (before.began or read.blind[i]):
            fed = before.assumed_kg + read.flows[i] * passed_s
            if read.blind[i]:
                news.append(before._replace(assumed_kg=fed, began=True))
                continue
            charge, excess = _excess(seen, feed, before, fed)
            mass = excess - (median(usual) * charge if usual else 0.0)
            if charge > 0.0 and abs(mass) > _FAR * feed.weighed_sd * charge:
                found.append(Doubted(i, mass, _HALF * min(abs(mass), _MOST * fed)))
            usual = (*usual, excess / charge)[-_USUAL:] if charge > 0.0 else usual
        news.append(_standing(seen, feed, usual, blind=read.blind[i]))
    return tuple(news), found


def applied(line: Line, doubted: Doubted, way: Moved, kit: MaterialKit) -> Line:
    """Return the line with the doubt where what was fed of late now is.

    Parameters
    ----------
    line
        The line.
    doubted
        The refill.
    way
        What a quantum does now.
    kit
        The material.
    """
    late, total = way.fed, way.fed
    for _ in range(_QUANTA - 1):
        late = way.kept @ late
        total = total + late
    place = total[:, :, 0] / total[:, :, 0].sum(axis=1, keepdims=True)
    mine = kit.feeds[doubted.feed] is kit.feeds[kit.active]
    share = float(line.cells[0, -1, 1] / line.cells[0, -1, TOTAL])
    cells = line.cells.copy()
    cells[:, :, DOUBT] += place * doubted.doubt_kg * (1.0 - share if mine else share)
    return Line(cells, line.names, line.lots, line.recipe, line.hoppers)


def sentence(doubted: Doubted, kit: MaterialKit) -> str:
    """Return what a refill leaves in doubt, in words."""
    more = "more" if doubted.mass_kg > 0.0 else "less"
    what = f"{abs(doubted.mass_kg):.4f} kg {more} was fed than the flow shown says, or a scale is wrong"
    return f"material: the refill of {kit.feeds[doubted.feed].name} does not balance: {what}"


def _excess(seen: Snapshot, feed: FeedKit, before: Weighing, fed: float) -> tuple[float, float]:
    """Return the charge, 0 where there is none to balance by, and what was fed beyond what was taken to be [kg]."""
    number, charge, held = (None if tag is None else seen.good(tag) for tag in (feed.lot, feed.charge, feed.held))
    if number is None or charge is None or held is None or number == before.number:
        return 0.0, 0.0
    return charge * feed.kg, before.held_kg + (charge - held) * feed.kg - fed


def _standing(seen: Snapshot, feed: FeedKit, usual: tuple[float, ...], *, blind: bool) -> Weighing | None:
    held = None if blind or feed.held is None else seen.good(feed.held)
    if held is None:
        return None
    number = None if feed.lot is None else seen.good(feed.lot)
    return Weighing(held * feed.kg, nan if number is None else number, usual)
