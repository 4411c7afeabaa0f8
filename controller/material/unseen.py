"""What a feeder may have fed while it could not tell: the flow that it shows afterwards tells.

While a feeder is refilled its flow reading stands. Where the flow was moving just then, because powder began to bridge
or bridged no more, neither what is shown nor the balance of the refill tells so: a few seconds of it are less than what
a charge may be off. The flow shown once the reading finds its value again does: what was fed meanwhile lies between
what was taken to be fed and what is shown now, and is doubted by as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import copysign, inf
from typing import NamedTuple

from controller.material.balance import Doubted
from controller.material.kit import FeedKit, MaterialKit
from controller.material.state import Unseen
from plant_io import Snapshot

_FAR, _HALF = 3.0, 0.5
_KG_PER_H = 3600.0


class Looked(NamedTuple):
    """What one look at the feeders tells."""

    unseen: tuple[Unseen | None, ...]
    """What is remembered of feeders that could not tell, by feed."""
    doubted: tuple[Doubted, ...]
    """What is doubted more than a cycle ago."""
    said: tuple[str, ...]
    """What to say of it, once for each time a feeder could not tell."""


def looked(seen: Snapshot, blind: Sequence[bool], old: Sequence[Unseen | None], kit: MaterialKit) -> Looked:
    """Return what flows that are shown again tell of the time in which they were not.

    Parameters
    ----------
    seen
        The line, virtual tags included.
    blind
        Whether each feeder cannot tell what it feeds.
    old
        What was remembered before, by feed.
    kit
        The material.
    """
    news, doubted, said = list[Unseen | None](), list[Doubted](), list[str]()
    for i, (feed, before) in enumerate(zip(kit.feeds, old or (None,) * len(kit.feeds), strict=True)):
        value = seen.good(feed.flow)
        flow = None if value is None else value * feed.kg_per_s
        if blind[i]:
            news.append(_standing(seen.at, flow, before))
            continue
        now = None if before is None else _settling(seen.at, before, feed)
        doubt = 0.0 if now is None or flow is None else _doubt_kg(seen.at, flow, now, feed)
        if now is None or flow is None or doubt <= now.doubted_kg:
            news.append(now)
            continue
        doubted.append(Doubted(i, copysign(doubt, flow - now.flow), doubt - now.doubted_kg))
        said += () if now.doubted_kg > 0.0 else (_sentence(feed.name, now.flow, flow),)
        news.append(now._replace(doubted_kg=doubt))
    return Looked(tuple(news), tuple(doubted), tuple(said))


def _standing(at: float, flow: float | None, before: Unseen | None) -> Unseen | None:
    """Return what is remembered while a feeder cannot tell: what it showed when that began."""
    if before is not None and before.until == inf:
        return before
    return None if flow is None else Unseen(at, flow)


def _settling(at: float, before: Unseen, feed: FeedKit) -> Unseen | None:
    """Return what is remembered once it can tell again; None when its reading has found its value."""
    since = before._replace(until=min(before.until, at))
    return since if at - since.until <= feed.settle_s else None


def _doubt_kg(at: float, flow: float, unseen: Unseen, feed: FeedKit) -> float:
    """Return the standard deviation of what was fed meanwhile [kg]; 0 where the flow is what a refill makes of it.

    Where a feeder feeds more while it is refilled, what it shows afterwards is first that, and then what it was.
    """
    assumed, far = unseen.flow * feed.excess, _FAR * feed.blind_sd * unseen.flow
    if min(unseen.flow, assumed) - far <= flow <= max(unseen.flow, assumed) + far:
        return 0.0
    return _HALF * abs(flow - assumed) * (at - unseen.since)


def _sentence(name: str, before: float, after: float) -> str:
    was, now = _KG_PER_H * before, _KG_PER_H * after
    what = f"{name} showed {was:.4g} kg/h until it could not tell, {now:.4g} kg/h after"
    return f"material: {what}; what it fed between is doubted"
