"""Material on its way: what is fed moves through the cells of the line, lot by lot, and leaves it.

Mass is the clock: cells move on by one quantum whenever as much has been fed. What enters, stays and leaves balances in
every step, whatever the flows do.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, isfinite, nan, sqrt
from typing import NamedTuple

import numpy as np

from controller.material.kit import FeedKit, MaterialKit, Moved
from controller.material.state import ACTIVE, DOUBT, TOTAL, Belief, Hopper, Line, empty
from plant_io import Snapshot
from plant_io.signals import Floats

BEFORE = "before the start"
"""Lot of what was in the line when the controller started."""
_KG_PER_H = 3600.0
_GONE_KG = 1e-6
_LONGEST_S = 10.0
_sum = np.add.reduce


class Read(NamedTuple):
    """What one cycle reads of the feeds."""

    flows: tuple[float, ...]
    """Newest flow of each feed [kg/s]."""
    doubt: float
    """Standard deviation of the followed feed in what is fed [kg/s]."""
    known: bool
    """Whether every flow was read."""
    blind: tuple[bool, ...]
    """Whether each feeder cannot tell what it feeds."""


class Left(NamedTuple):
    """What left the line in one quantum."""

    mass_kg: float
    """All of it [kg]."""
    active_kg: float
    """The feed whose share counts [kg]."""
    lots: Floats
    """Each lot, shape ``(lots,)`` [kg]."""


def feeds(seen: Snapshot, before: Sequence[float], kit: MaterialKit) -> Read | None:
    """Return what is fed; None before every flow was read once.

    Parameters
    ----------
    seen
        The line, virtual tags included.
    before
        Newest flow of each feed as far as known [kg/s].
    kit
        The material.
    """
    flows, doubts, blinds, known = list[float](), list[float](), list[bool](), True
    for i, feed in enumerate(kit.feeds):
        value = seen.good(feed.flow)
        blind = feed.blind is not None and seen.good(feed.blind) in {None, feed.shows}
        blinds.append(blind)
        if value is None:
            if not before:
                return None
            known = False
            flows.append(before[i])
            doubts.append(feed.sd)
        else:
            flows.append(max(value, 0.0) * feed.kg_per_s * (feed.excess if blind else 1.0))
            doubts.append(feed.blind_sd if blind else feed.sd)
    total = sum(flows)
    if not known:
        doubt = kit.declared.content.unknown_sd / kit.whole * total
        return Read(tuple(flows), doubt, known=False, blind=tuple(blinds))
    share = flows[kit.active] / total if total > 0.0 else 0.0
    own = flows[kit.active] * doubts[kit.active] * (1.0 - share)
    others = [flow * doubt for i, (flow, doubt) in enumerate(zip(flows, doubts, strict=True)) if i != kit.active]
    return Read(tuple(flows), hypot(own, share * hypot(*others)), known=True, blind=tuple(blinds))


def begun(seen: Snapshot, read: Read, kit: MaterialKit) -> Line:
    """Return the line as it is taken to be when the controller starts.

    Parameters
    ----------
    seen
        The line, virtual tags included.
    read
        What is fed.
    kit
        The material.
    """
    total = sum(read.flows)
    share = read.flows[kit.active] / total if total > 0.0 else 0.0
    unknown = kit.declared.content.unknown_sd / kit.whole if kit.declared.start == "unknown" else 0.0
    mass = moved(seen, total, kit).held
    cells = empty(*mass.shape)
    for what, part in ((TOTAL, 1.0), (ACTIVE, share), (DOUBT, unknown)):
        cells[:, :, what] = part * mass
    hoppers = tuple(_hopper(seen, feed, None) for feed in kit.feeds)
    line = Line(cells, (BEFORE,), mass[0][:, None].copy(), np.zeros((len(kit.feeds), 1)), hoppers)
    return _known(line, hoppers)


def moved(seen: Snapshot, total: float, kit: MaterialKit) -> Moved:
    """Return what a quantum does now.

    Parameters
    ----------
    seen
        The line, virtual tags included.
    total
        Throughput [kg/s].
    kit
        The material.
    """
    return kit.at(_KG_PER_H * total, tuple(_speed(seen, unit.speed, unit.rtd.reference.speed) for unit in kit.units))


def step(line: Line, fed: Sequence[float], way: Moved, kit: MaterialKit) -> tuple[Line, Left]:
    """Return the line after one quantum, and what left it.

    Parameters
    ----------
    line
        The line before it.
    fed
        Mass of each feed in the quantum, then the doubt [kg].
    way
        What a quantum does.
    kit
        The material.
    """
    total = sum(fed[:-1])
    cells = way.kept @ line.cells + way.fed * np.array([total, fed[kit.active], fed[-1]])
    given = np.array(fed[:-1]) @ line.recipe
    lots = way.kept[0] @ line.lots + way.fed[0] * given
    out = _sum(line.lots - lots, 0) + given
    less = _sum(line.cells[0] - cells[0], 0).tolist()
    left = Left(less[TOTAL] + total, less[ACTIVE] + fed[kit.active], out)
    return Line(cells, line.names, lots, line.recipe, line.hoppers), left


def believed(line: Line, before: Belief, kit: MaterialKit) -> Belief:
    """Return what is believed of the material that leaves the line now.

    Its variance is that over the sigma points, and that of what is fed, which goes through the line as if all of it
    were wrong in the same direction.

    Parameters
    ----------
    line
        The line.
    before
        What was believed a quantum ago.
    kit
        The material.
    """
    last: list[list[float]] = line.cells[:, -1, :].tolist()
    shares = [one[ACTIVE] / one[TOTAL] for one in last[1:]]
    mean = sum(shares) / len(shares)
    spread = sum([(share - mean) ** 2 for share in shares]) / len(shares)
    doubt = last[0][DOUBT] / last[0][TOTAL]
    mean, sd = kit.whole * mean, kit.whole * sqrt(spread + doubt * doubt)
    if not isfinite(before.mean):
        return Belief(mean, sd, 0.0, 0.0)
    return Belief(mean, sd, (mean - before.mean) / kit.quick_kg, (sd - before.sd) / kit.quick_kg)


def charged(seen: Snapshot, line: Line, kit: MaterialKit) -> Line:
    """Return the line with what is in the hoppers now; the same one where no charge was put in."""
    news = [
        feed.lot is not None and (number := seen.good(feed.lot)) is not None and number != hopper.number
        for feed, hopper in zip(kit.feeds, line.hoppers, strict=True)
    ]
    if not any(news):
        return line
    hoppers = tuple(
        _hopper(seen, feed, old) if new else old for feed, old, new in zip(kit.feeds, line.hoppers, news, strict=True)
    )
    return _known(line, hoppers)


def _hopper(seen: Snapshot, feed: FeedKit, old: Hopper | None) -> Hopper:
    """Return what is in a hopper after a charge: mixed with what was there, where that was weighed."""
    number = None if feed.lot is None else seen.good(feed.lot)
    if number is None:
        return old or Hopper(nan, ((feed.name, 1.0),))
    name = f"{feed.name}/{number:.0f}"
    charge = None if feed.charge is None else seen.good(feed.charge)
    held = None if feed.held is None else seen.good(feed.held)
    if old is None or charge is None or held is None or held <= 0.0:
        return Hopper(number, ((name, 1.0),))
    new = min(charge / held, 1.0)
    rest = tuple((lot, share * (1.0 - new)) for lot, share in old.lots if share * (1.0 - new) > _GONE_KG)
    whole = new + sum(share for _, share in rest)
    return Hopper(number, tuple((lot, share / whole) for lot, share in (*rest, (name, new))))


def _known(line: Line, hoppers: tuple[Hopper, ...]) -> Line:
    """Return the line with these hoppers; lots of which nothing is left anywhere are forgotten."""
    there = line.lots.sum(axis=0)
    fed = dict.fromkeys(name for hopper in hoppers for name, _ in hopper.lots)
    kept = [i for i, name in enumerate(line.names) if name in fed or there[i] > _GONE_KG]
    names = list(dict.fromkeys([*(line.names[i] for i in kept), *fed]))
    lots = np.zeros((line.lots.shape[0], len(names)))
    lots[:, : len(kept)] = line.lots[:, kept]
    gone = line.lots.sum(axis=1) - lots.sum(axis=1)
    if names:
        lots[:, 0] += gone  # traces go to the oldest, so that no mass is lost
    recipe = np.zeros((len(hoppers), len(names)))
    for i, hopper in enumerate(hoppers):
        for name, share in hopper.lots:
            recipe[i, names.index(name)] = share
    return Line(line.cells, tuple(names), lots, recipe, hoppers)


def _speed(seen: Snapshot, tag: str | None, reference: float) -> float:
    value = None if tag is None else seen.good(tag)
    return reference if value is None or value <= 0.0 else value


def passed_s(at: float, before: float) -> tuple[float, float]:
    """Return the time since the last cycle and the part of it for which nothing is known [s].

    Parameters
    ----------
    at
        Now, POSIX time [s].
    before
        When the last cycle began, POSIX time [s]; not a number if there was none.
    """
    since = at - before if isfinite(before) else 0.0
    return max(since, 0.0), max(since - _LONGEST_S, 0.0)
