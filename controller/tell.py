"""Saying a condition once when it begins and once when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controller.cycle import Event


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that may stand for a while."""

    key: str
    """Name by which it is remembered."""
    sentence: str
    """What to say when it begins; empty where it does not stand."""
    over: str
    """What to say when it ends; empty for nothing."""
    stands: bool = False
    """Whether an empty sentence leaves it as it was: nothing was learnt in this cycle."""


def tell(at: float, conditions: Sequence[Condition], said: frozenset[str]) -> tuple[frozenset[str], tuple[Event, ...]]:
    """Return what has been said by now, and what is said for the first time.

    Parameters
    ----------
    at
        Start of the cycle, POSIX time [s].
    conditions
        Every condition there is, standing or not.
    said
        Keys of the conditions already told.
    """
    if not conditions:
        return said, ()
    now, events = set(said), list[Event]()
    for condition in conditions:
        if condition.sentence and condition.key not in said:
            now.add(condition.key)
            events.append(Event(at, condition.sentence))
        elif not condition.sentence and not condition.stands and condition.key in said:
            now.discard(condition.key)
            events += [Event(at, condition.over)] if condition.over else []
    return frozenset(now), tuple(events)
