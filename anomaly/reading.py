"""What signs mean together: which unit of the line, sensor or process, in the words of the policy.

Signs are held against each reading by the cosine of the angle between them, with distances tempered by their square
roots so that one far tag does not outshout the pattern. Signs that a reading does not name count against it, and so do
tags it names that show nothing. Of its tags only those count that some watch can speak of; the square root of what is
left of its size is a factor. Of readings that are about equally like, the one the policy names first is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import copysign, sqrt
from typing import cast

from anomaly.alerts import Alert, Origin, Sign
from policies import Loop, Monitor, Policy, Watch
from policies.incidents import Incidents, Reading, Unit

_FARTHEST = 50.0
_ALIKE = 0.05
_LEAST = 1e-9
_PLACES = ("tag", "tags", "channels", "inputs")


@dataclass(frozen=True, slots=True, eq=False)
class UnitKit:
    """The units of a line, ready."""

    units: Mapping[str, Unit]
    """What the policy says of each, in the order of the material."""
    homes: Mapping[str, str]
    """Unit of each tag and of each watch that was given one."""
    related: Mapping[str, frozenset[str]]
    """Units whose troubles may be one: those up and down the stream, and those a loop moves or reads together."""
    together: Mapping[str, frozenset[str]]
    """Units that hang together in any way, by unit."""
    readings: Mapping[str, Reading]
    """What signs mean together."""
    moves: Mapping[str, Mapping[str, float]]
    """Side to which each tag moves, of those that a watch can speak of, by reading [1]."""
    seen: Mapping[str, float]
    """Square root of the share of each reading that a watch can speak of [1]."""
    share: float
    """Likeness from which a reading is named [1]."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What signs mean."""

    unit: str = ""
    """Unit; empty where no sign belongs to one."""
    kind: Origin = ""
    """Whether what measures is wrong, or what is measured."""
    reading: str = ""
    """Name of the reading; empty where none is like enough."""
    likeness: float = 0.0
    """Likeness to the reading that comes nearest [1]."""
    sop: str = ""
    """Procedure and step."""


def prepare(policy: Policy, declared: Incidents) -> UnitKit:
    """Return the units of a policy, ready."""
    homes = {name: unit for unit, one in declared.units.items() for name in (*one.tags, *one.watches)}
    seen = {tag for watch in policy.watches.values() for tag in named(watch)}
    moves = {
        name: {tag: side for tag, side in one.moves.items() if tag in seen} for name, one in declared.readings.items()
    }
    related = _related(policy, declared.units, homes)
    sizes = {name: (_size(moves[name].values()), _size(one.moves.values())) for name, one in declared.readings.items()}
    left = {name: sqrt(seen / whole) for name, (seen, whole) in sizes.items()}
    return UnitKit(declared.units, homes, related, _together(related), declared.readings, moves, left, declared.share)


def named(watch: Watch) -> tuple[str, ...]:
    """Return the tags a watch can speak of."""
    spoken = tuple(place for place in _PLACES if place != "inputs" or not isinstance(watch, Monitor))
    places = cast("Iterable[object]", (getattr(watch, place, ()) for place in spoken))
    return tuple(
        tag for found in places for tag in ((found,) if isinstance(found, str) else cast("Iterable[str]", found))
    )


def of(alert: Alert, kit: UnitKit) -> frozenset[str]:
    """Return the units an alert speaks of, by tags at least half as far off as its farthest."""
    least = 0.5 * max((abs(sign.z) for sign in alert.signs), default=0.0)
    named = (alert.watch, *(sign.tag for sign in alert.signs if abs(sign.z) >= least))
    return frozenset(kit.homes[name] for name in named if name in kit.homes)


def akin(one: Iterable[str], others: Iterable[str], related: Mapping[str, frozenset[str]]) -> bool:
    """Return whether what goes on at some units may be one with what goes on at others; nothing is known of no unit.

    Parameters
    ----------
    one
        Units.
    others
        The others.
    related
        Units that may share a trouble with each.
    """
    mine, theirs = set(one), set(others)
    return not mine or not theirs or any(related[unit] & theirs for unit in mine)


def strongest(signs: Iterable[Sign]) -> tuple[Sign, ...]:
    """Return the farthest sign of each tag, the farthest first.

    Examples
    --------
    >>> strongest([Sign("A", 2.0), Sign("B", -5.0), Sign("A", 3.0)])
    (Sign(tag='B', z=-5.0), Sign(tag='A', z=3.0))
    """
    farthest: dict[str, Sign] = {}
    for sign in signs:
        if sign.tag not in farthest or abs(sign.z) > abs(farthest[sign.tag].z):
            farthest[sign.tag] = sign
    return tuple(sorted(farthest.values(), key=lambda sign: -abs(sign.z)))


def likeness(signs: Sequence[Sign], moves: Mapping[str, float]) -> float:
    """Return how like signs are to a reading [1]: 1 where they agree in full, -1 where all are on the other side.

    Parameters
    ----------
    signs
        Signs, one of each tag.
    moves
        Side to which each tag moves, -1 to 1 [1].

    Examples
    --------
    >>> round(likeness([Sign("A", 4.0), Sign("B", -4.0)], {"A": 1.0, "B": -1.0}), 3)
    1.0
    >>> round(likeness([Sign("A", 4.0), Sign("C", 4.0)], {"A": 1.0, "B": -1.0}), 3)
    0.5
    """
    shown = {sign.tag: _tempered(sign.z) for sign in signs}
    size = _size(moves.values()) * _size(shown.values())
    return sum(move * shown.get(tag, 0.0) for tag, move in moves.items()) / size if size > 0.0 else 0.0


def gone(first: Sequence[Sign]) -> tuple[str, ...]:
    """Return tags of which nothing more is known than that they cannot be believed: none has a distance.

    Examples
    --------
    >>> gone([Sign("A", 0.0)]), gone([Sign("A", 0.0), Sign("B", 2.0)])
    (('A',), ())
    """
    return () if any(sign.z for sign in first) else tuple(sign.tag for sign in first)


def read(signs: Sequence[Sign], alerts: Sequence[Alert], kit: UnitKit, first: Sequence[Sign] = ()) -> Meaning:
    """Return what the signs of some alerts mean; what follows from a reading that is gone is no other unit's trouble.

    Parameters
    ----------
    signs
        Signs, one of each tag.
    alerts
        The alerts, with what each takes for the cause.
    kit
        Units and readings.
    first
        Signs of what began it.
    """
    like = {name: kit.seen[name] * likeness(signs, moves) for name, moves in kit.moves.items()}
    most = max(like.values(), default=0.0)
    best = next((name for name, found in like.items() if found >= most - _ALIKE), "")
    blind = [kit.homes[tag] for tag in gone(first) if tag in kit.homes]
    if best and most >= kit.share and (not blind or kit.readings[best].unit in blind):
        named = kit.readings[best]
        return Meaning(named.unit, named.kind, best, like[best], named.sop or kit.units[named.unit].sop)
    unit, nearest = blind[0] if blind else _unit(signs, alerts, kit), like.get(best, 0.0)
    declared = kit.units.get(unit)
    kind: Origin = "process" if signs else ""
    if declared is not None and declared.instrument:
        kind = "sensor"
    said = {alert.origin for alert in alerts if alert.origin}
    if said:
        kind = "sensor" if "sensor" in said else "process"
    return Meaning(unit, kind, "", nearest, "" if declared is None else declared.sop)


def led(signs: Sequence[Sign], first: Sequence[Sign]) -> tuple[Sign, ...]:
    """Return signs with those before all others that were off first, which what follows from them soon surpasses.

    Parameters
    ----------
    signs
        Signs, one of each tag.
    first
        Signs of what began it; those count that are at least half as far as the farthest of them, and all where none
        has a distance.

    Examples
    --------
    >>> led([Sign("A", 20.0), Sign("B", -5.0), Sign("C", 3.0)], [Sign("C", 2.0), Sign("B", 0.5)])
    (Sign(tag='C', z=3.0), Sign(tag='A', z=20.0), Sign(tag='B', z=-5.0))
    """
    least = 0.5 * max((abs(sign.z) for sign in first), default=0.0)
    farthest = {sign.tag: sign for sign in signs}
    lead = [farthest.get(sign.tag, sign) for sign in first if abs(sign.z) >= max(least, _LEAST) or not least]
    named = {sign.tag for sign in lead}
    return (*lead, *(sign for sign in signs if sign.tag not in named))


def ordered(signs: Sequence[Sign], named: str, kit: UnitKit) -> tuple[Sign, ...]:
    """Return signs in the order in which they speak for a reading."""
    moves = kit.readings[named].moves
    return tuple(sorted(signs, key=lambda sign: -moves.get(sign.tag, 0.0) * _tempered(sign.z)))


def _size(moves: Iterable[float]) -> float:
    return sqrt(sum(move**2 for move in moves))


def _tempered(z: float) -> float:
    return copysign(sqrt(min(abs(z), _FARTHEST)), z)


def _unit(signs: Sequence[Sign], alerts: Sequence[Alert], kit: UnitKit) -> str:
    """Return the unit that shows most; of equals the one farthest up the stream."""
    shown = dict.fromkeys(kit.units, 0.0)
    for sign in signs:
        if sign.tag in kit.homes:
            shown[kit.homes[sign.tag]] += abs(_tempered(sign.z))
    if not any(shown.values()):
        named = (*(sign.tag for sign in signs), *(alert.watch for alert in alerts))
        return next((kit.homes[name] for name in named if name in kit.homes), "")
    return max(shown, key=lambda unit: shown[unit])


def _related(policy: Policy, units: Mapping[str, Unit], homes: Mapping[str, str]) -> dict[str, frozenset[str]]:
    above = _above(units)
    related = {unit: {unit, *above[unit]} for unit in units}
    for unit, up in above.items():
        for other in up:
            related[other].add(unit)
    for loop in policy.loops.values():
        coupled = {homes[tag] for tag in _used(loop, policy) if tag in homes}
        for unit in coupled:
            related[unit] |= coupled
    return {unit: frozenset(others) for unit, others in related.items()}


def _together(related: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Return every unit that is reached from each over any number of others."""
    groups: list[frozenset[str]] = []
    for near in related.values():
        touched = [group for group in groups if group & near]
        groups = [group for group in groups if group not in touched] + [near.union(*touched)]
    return {unit: group for group in groups for unit in group}


def _above(units: Mapping[str, Unit]) -> dict[str, frozenset[str]]:
    """Return every unit from which material comes to each."""
    above: dict[str, frozenset[str]] = {}
    before: tuple[str, ...] = ()
    for name, unit in units.items():
        nearest = before if unit.from_ is None else unit.from_
        above[name] = frozenset(nearest).union(*(above[each] for each in nearest))
        before = (name,)
    return above


def _used(loop: Loop, policy: Policy) -> Iterable[str]:
    moved = [one.tag for one in loop.moved.values()]
    yield from moved
    yield from (policy.tags[tag].read_back or tag for tag in moved)
    yield from (one.tag for one in loop.controlled.values())
    yield from (one.tag for one in loop.measured.values())
