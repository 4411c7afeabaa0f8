"""One tag by itself in the cycle: whether its newest value is unusual, for a reason people can check."""

from __future__ import annotations

from dataclasses import dataclass, field

from anomaly import univariate
from anomaly.alerts import Alert, Sign
from anomaly.univariate import Standing, Suspicion
from anomaly.words import amount
from plant_io import Snapshot
from policies.learners import Univariate

_MILLION = 6.0
_SAID = {
    "value": "its value is {} {} what is usual",
    "step": "it has moved {} {} since the last value",
    "level": "its mean of the last 48 values is {} {} what is usual",
    "time of day": "it is {} {} what is usual at this time of day",
    "pattern": "its last three values are a pattern not seen before, {} from the nearest",
}


@dataclass(frozen=True, slots=True)
class OddityKit:
    """The watch of one tag, ready."""

    name: str
    """Name of the watch."""
    declared: Univariate
    """What the policy says of it."""
    unit: str
    """UCUM unit of the tag."""
    limit: float
    """Score at which it speaks [1]."""


@dataclass(slots=True, eq=False)
class OddityState:
    """Memory of the watch of one tag; it changes in place, so a state is used once."""

    detector: univariate.Univariate
    """What it has learnt."""
    slot: int | None = None
    """Number of the interval of the last look [1]."""
    source: float | None = None
    """Source time of the newest value taken in, POSIX time [s]."""
    standing: Standing = field(default_factory=Standing)
    """Whether an alarm stands."""


def prepare(name: str, declared: Univariate, unit: str) -> OddityKit:
    """Return the watch of one tag, ready."""
    return OddityKit(name, declared, unit, univariate.decades(declared.chance))


def start(kit: OddityKit) -> OddityState:
    """Return the memory of a watch that has seen nothing."""
    return OddityState(univariate.Univariate(kit.declared.every_s))


def look(snapshot: Snapshot, state: OddityState, kit: OddityKit) -> Alert | None:
    """Judge and take in the newest value of the tag, once in every interval, if it is new.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    state
        What the last look left; it changes.
    kit
        The watch.
    """
    slot = int(snapshot.at // kit.declared.every_s)
    if slot == state.slot:
        return None
    state.slot = slot
    source, value = snapshot.taken(kit.declared.tag), snapshot.good(kit.declared.tag)
    if value is None or source == state.source:
        return None
    state.source = source
    away = state.detector.deviations(snapshot.at, value)
    found = state.detector.suspect(away)
    state.detector.take(snapshot.at, value, away)
    stood = state.standing.left > 0
    state.standing, begins = state.standing.after(high=found.score >= kit.limit)
    if begins:
        return _alert(snapshot.at, value, found, kit, state.detector.sd, active=True)
    ended = stood and state.standing.left == 0
    return _alert(snapshot.at, value, found, kit, state.detector.sd, active=False) if ended else None


def _rare(score: float) -> str:
    if score > _MILLION:
        return "fewer than one normal value in a million"
    return f"one normal value in {1.0 / univariate.chance(score):.2g}"


def _alert(at: float, value: float, found: Suspicion, kit: OddityKit, sd: float, *, active: bool) -> Alert:
    declared, unit = kit.declared, kit.unit
    side = "above" if found.away > 0.0 else "below"
    if found.reason == "step":
        side = "up" if found.away > 0.0 else "down"
    reason = _SAID[found.reason].format(amount(abs(found.away), unit), side)
    rare = f"{_rare(found.score)} is as unusual"
    seen = f"{declared.tag} shows {amount(value, unit)}"
    return Alert(
        at=at,
        watch=kit.name,
        lane=declared.lane,
        active=active,
        what=f"{seen}: {reason}; {rare}." if active else f"{seen}; nothing has been unusual lately.",
        score=found.score,
        limit=kit.limit,
        priority=declared.priority,
        route=declared.route,
        response=declared.response,
        evidence={f"value [{unit}]": value, f"away [{unit}]": found.away},
        signs=(Sign(declared.tag, found.away / sd if sd > 0.0 else 0.0),),
    )
