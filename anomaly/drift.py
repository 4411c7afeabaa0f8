"""Drift of one tag, by detectors of change: ADWIN and Page-Hinkley; they advise people only.

Both expect values that are independent of each other, so what they see is what is left of a value without its normal
value and what the last value foretells. They learn on line, and take what they have told for the new normal.

References
----------
A. Bifet, R. Gavalda, "Learning from time-changing data with adaptive windowing", SIAM Int. Conf. Data Mining, 2007,
doi:10.1137/1.9781611972771.42. E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954,
doi:10.1093/biomet/41.1-2.100.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from anomaly.alerts import Alert, Sign
from anomaly.residual import standard
from anomaly.words import amount, span
from plant_io import Snapshot
from policies.learners import Drift

_FAST, _SLOW = 0.05, 0.002
_WARM = 30
_SAID = {"adwin": "ADWIN", "page_hinkley": "Page-Hinkley"}


class Change(Protocol):
    """The part of a river drift detector that is used."""

    @property
    def drift_detected(self) -> bool:
        """Whether the newest value made a change certain."""
        ...

    def update(self, x: float) -> object:
        """Take in a residual `x`, in standard deviations [1]."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class DriftKit:
    """The drift watch of one tag, ready."""

    name: str
    """Name of the watch."""
    declared: Drift
    """What the policy says of it."""
    unit: str
    """UCUM unit of the tag."""
    make: Callable[[], Change]
    """Makes a detector that has seen nothing."""


@dataclass(slots=True, eq=False)
class DriftState:
    """Memory of the drift watch of one tag; it changes in place, so a state is used once."""

    detector: Change
    """What it has learnt."""
    before: float | None = None
    """Last value, unit of the tag."""
    source: float | None = None
    """Source time of the newest value taken in, POSIX time [s]."""
    usual: float = 0.0
    """Mean of the values before, in standard deviations from normal [1]."""
    now: float = 0.0
    """Mean of the last twenty values or so, in standard deviations from normal [1]."""
    taken: int = 0
    """Values taken in [1]."""
    told: float | None = None
    """When a change was told that stands, POSIX time [s]."""


def prepare(name: str, declared: Drift, unit: str) -> DriftKit:
    """Return the drift watch of one tag, ready."""
    from river import drift  # noqa: PLC0415  # takes a second

    if declared.method == "adwin":
        adwin = cast("Callable[..., Change]", drift.ADWIN)
        return DriftKit(name, declared, unit, lambda: adwin(delta=declared.confidence))
    hinkley = cast("Callable[..., Change]", drift.PageHinkley)
    return DriftKit(
        name,
        declared,
        unit,
        lambda: hinkley(min_instances=_WARM, delta=declared.slack, threshold=declared.limit, alpha=1.0),
    )


def start(kit: DriftKit) -> DriftState:
    """Return the memory of a watch that has seen nothing."""
    return DriftState(kit.make())


def look(snapshot: Snapshot, state: DriftState, kit: DriftKit) -> Alert | None:
    """Take in the value of the tag, once for each source time.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    state
        What the last look left; it changes.
    kit
        The watch.
    """
    declared = kit.declared
    source = snapshot.taken(declared.tag)
    value = None if source == state.source else snapshot.good(declared.tag)
    if value is None:
        return None
    away = (value - declared.reference.mean) / declared.reference.sd
    state.detector.update(standard(value, state.before, declared.reference, declared.memory))
    state.before, state.source, state.taken = value, source, state.taken + 1
    state.now += max(_FAST, 1.0 / state.taken) * (away - state.now)
    if state.detector.drift_detected:
        alert = _alert(snapshot.at, state, kit, active=True)
        state.usual, state.told = state.now, snapshot.at
        return alert
    state.usual += max(_SLOW, 1.0 / state.taken) * (away - state.usual)
    if state.told is not None and snapshot.at - state.told >= declared.stands_s:
        state.told = None
        return _alert(snapshot.at, state, kit, active=False)
    return None


def _alert(at: float, state: DriftState, kit: DriftKit, *, active: bool) -> Alert:
    declared, normal = kit.declared, kit.declared.reference
    before, now = (normal.mean + normal.sd * each for each in (state.usual, state.now))
    moved = f"its mean has gone from {amount(before, kit.unit)} to {amount(now, kit.unit)}"
    told = f"{declared.tag} has changed, by {_SAID[declared.method]}: {moved}."
    return Alert(
        at=at,
        watch=kit.name,
        lane=declared.lane,
        active=active,
        what=told if active else f"{declared.tag} has not changed for {span(declared.stands_s)}.",
        score=1.0 if active else 0.0,
        limit=1.0,
        priority=declared.priority,
        route=declared.route,
        response=declared.response,
        evidence={f"before [{kit.unit}]": before, f"now [{kit.unit}]": now},
        signs=(Sign(declared.tag, state.now - state.usual),),
    )
