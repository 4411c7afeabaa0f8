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
from math import isfinite
from typing import Protocol, cast

from anomaly.alerts import Alert, Sign
from anomaly.residual import STANDARD, standard
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
    felt: tuple[int, int] | None = None
    """Its monitor, and its tag there, by position [1]; None for one on the value itself."""


@dataclass(slots=True, eq=False)
class DriftState:
    """Memory of the drift watch of one tag; it changes in place, so a state is used once."""

    detector: Change
    """What it has learnt."""
    before: float | None = None
    """Last distance from normal, in standard deviations [1]."""
    source: float | None = None
    """Source time of the newest value taken in, POSIX time [s]; the number of the look on a monitor."""
    usual: float = 0.0
    """Mean of the values before, in standard deviations from normal [1]."""
    now: float = 0.0
    """Mean of the last twenty values or so, in standard deviations from normal [1]."""
    taken: int = 0
    """Values taken in [1]."""
    told: float | None = None
    """When a change was told that stands, POSIX time [s]."""


def prepare(name: str, declared: Drift, unit: str, felt: tuple[int, int] | None = None) -> DriftKit:
    """Return the drift watch of one tag, on a monitor or on the value itself, ready."""
    from river import drift  # noqa: PLC0415  # takes a second

    adwin, hinkley = (cast("Callable[..., Change]", one) for one in (drift.ADWIN, drift.PageHinkley))

    def make() -> Change:
        if declared.method == "adwin":
            return adwin(delta=declared.confidence)
        return hinkley(min_instances=_WARM, delta=declared.slack, threshold=declared.limit, alpha=1.0)

    return DriftKit(name, declared, unit, make, felt)


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
    if value is None or declared.reference is None:
        return None
    return _take(snapshot.at, source, (value - declared.reference.mean) / declared.reference.sd, state, kit)


def feel(at: float, looks: int, z: float, state: DriftState, kit: DriftKit) -> Alert | None:
    """Take in what a monitor has left of the tag, once for each of its looks.

    Parameters
    ----------
    at
        When the monitor looked, POSIX time [s].
    looks
        Looks of the monitor so far [1].
    z
        Residual, in standard deviations [1]; one that is no number changes nothing.
    state
        What the last look left; it changes.
    kit
        The watch.
    """
    return None if looks == state.source or not isfinite(z) else _take(at, looks, z, state, kit)


def _take(at: float, source: float, away: float, state: DriftState, kit: DriftKit) -> Alert | None:
    state.detector.update(standard(away, state.before, STANDARD, kit.declared.memory))
    state.before, state.source, state.taken = away, source, state.taken + 1
    state.now += max(_FAST, 1.0 / state.taken) * (away - state.now)
    if state.detector.drift_detected:
        alert = _alert(at, state, kit, active=True)
        state.usual, state.told = state.now, at
        return alert
    state.usual += max(_SLOW, 1.0 / state.taken) * (away - state.usual)
    if state.told is not None and at - state.told >= kit.declared.stands_s:
        state.told = None
        return _alert(at, state, kit, active=False)
    return None


def _alert(at: float, state: DriftState, kit: DriftKit, *, active: bool) -> Alert:
    declared, moved, evidence = kit.declared, "", dict[str, float]()
    if declared.reference is not None:
        mean, sd = declared.reference.mean, declared.reference.sd
        before, now = mean + sd * state.usual, mean + sd * state.now
        moved = f"its mean has gone from {amount(before, kit.unit)} to {amount(now, kit.unit)}"
        evidence = {f"before [{kit.unit}]": before, f"now [{kit.unit}]": now}
    else:
        far = f"from {state.usual:+.2f} to {state.now:+.2f} standard deviations"
        moved = f"what {declared.monitor} does not foretell of it has gone {far}"
        evidence = {"before [1]": state.usual, "now [1]": state.now}
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
        evidence=evidence,
        signs=(Sign(declared.tag, state.now - state.usual),),
    )
