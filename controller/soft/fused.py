"""One concentration from a spectrum and from the feeder flows, fused by a scalar Kalman filter on their difference.

The spectrum is right on average but noisy and seen every few seconds; the residence-time path is smooth and always
there but carries every error of feeders and model. Their difference is taken for a random walk; the fused value is
path plus estimated difference. Its standard deviation is that of the estimate, and of the error all spectra may share:
nothing here can see that error, nor tell it from an error of a feeder.

References
----------
R. E. Kalman, "A new approach to linear filtering and prediction problems", J. Basic Eng. 82(1), 1960,
doi:10.1115/1.3662552.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import hypot, inf, isfinite, nan, sqrt

from controller.soft.path import Tanks, step
from controller.soft.pls import Pls, Reading
from plant_io.changes import replace
from plant_io.quality import Quality, Reason
from plant_io.signals import Floats, Sample, Snapshot
from plant_io.values import quick
from policies import FusedNir

Grade = tuple[Quality, Reason]
_SOUND = Reason.NONE  # members are found slowly
_GOOD: Grade = (Quality.GOOD, _SOUND)
_PART: Grade = (Quality.UNCERTAIN, Reason.FALLBACK)
_NONE: Grade = (Quality.BAD, Reason.NO_EVIDENCE)


@dataclass(frozen=True, slots=True, eq=False)
class SensorKit:
    """One soft sensor, ready."""

    name: str
    """Name of the fused tag."""
    declared: FusedNir
    """What the policy says of it."""
    pls: Pls
    """Calibration of the spectra."""
    further: tuple[tuple[str, int, float], ...]
    """Further results: tag, place in the calibration, and standard deviation in the unit of the tag."""
    masses: tuple[float, ...]
    """Mass held by each tank of the residence-time path [kg]."""
    kg_per_s: float
    """Mass flow of 1 in the unit of the flow tags [kg/s]."""
    whole: float
    """Concentration of the pure active ingredient, in the unit of the result."""
    period_s: float
    """Length of one cycle [s]."""
    feeders: tuple[str, ...] = field(init=False)
    """Tags of the feeder flows, the active one first."""
    shown: tuple[str, str, str] = field(init=False)
    """Tags of what the spectrum shows: result, and both distances from the calibration."""
    found: tuple[str, str, str] = field(init=False)
    """Tags of what is made of it: the fused value, the path, and the difference."""
    prior: float = field(init=False)
    """Variance of the difference before any spectrum (uniform over the range), unit of the result squared."""

    def __post_init__(self) -> None:
        low, high = self.declared.range
        object.__setattr__(self, "feeders", (self.declared.active, *self.declared.others))
        object.__setattr__(self, "shown", (f"{self.name}.NIR", f"{self.name}.Q", f"{self.name}.T2"))
        object.__setattr__(self, "found", (self.name, f"{self.name}.MECH", f"{self.name}.GAP"))
        object.__setattr__(self, "prior", (high - low) ** 2 / 12.0)


@quick
@dataclass(frozen=True, slots=True)
class SensorState:
    """Memory of one soft sensor; times are POSIX times [s], minus infinity where never."""

    at: float
    """When the last cycle began [s]."""
    flows: tuple[float, ...]
    """Last good flow of each feeder, the active one first, unit of their tags."""
    flows_at: tuple[float, ...]
    """When each was seen [s]."""
    tanks: Tanks
    """Concentration in each tank, unit of the result; empty until flows have been seen."""
    path: tuple[tuple[float, float], ...]
    """Recent ends of the residence-time path: time [s] and concentration, unit of the result."""
    gap: float
    """Estimated difference of spectrum and path, unit of the result."""
    variance: float
    """Variance of that estimate, unit of the result squared."""
    spectrum_at: float
    """When the newest spectrum was taken [s]."""
    used_at: float
    """When the newest spectrum that was believed was taken [s]."""
    reading: Reading | None
    """What the newest spectrum gave."""


def start(kit: SensorKit) -> SensorState:
    """Return the memory of a soft sensor that has seen nothing."""
    n = 1 + len(kit.declared.others)
    return SensorState(
        at=-inf,
        flows=(0.0,) * n,
        flows_at=(-inf,) * n,
        tanks=(),
        path=(),
        gap=0.0,
        variance=kit.prior,
        spectrum_at=-inf,
        used_at=-inf,
        reading=None,
    )


def infer(snapshot: Snapshot, state: SensorState, kit: SensorKit) -> tuple[Mapping[str, Sample], SensorState]:
    """Return the samples one soft sensor gives, and what it remembers.

    Parameters
    ----------
    snapshot
        The line as latched.
    state
        What the last cycle left.
    kit
        The soft sensor.
    """
    moved = _flow(snapshot, state, kit)
    spectrum = snapshot.vector(kit.declared.spectrum)
    seen = moved if spectrum is None else _look(spectrum, snapshot.taken(kit.declared.spectrum), moved, kit)
    fresh = seen is not moved and _fault(seen.reading, kit) is _SOUND
    after = _correct(seen, kit) if fresh else seen
    return _samples(snapshot, after, kit, shown=spectrum is not None), after


def _flow(snapshot: Snapshot, state: SensorState, kit: SensorKit) -> SensorState:
    at, flows, flows_at = snapshot.at, list(state.flows), list(state.flows_at)
    for i, tag in enumerate(kit.feeders):
        value = snapshot.good(tag)
        if value is not None:
            flows[i], flows_at[i] = max(value, 0.0), at
    passed = max(at - state.at, 0.0) if isfinite(state.at) else kit.period_s
    tanks = _mix(state.tanks, flows, passed, kit) if isfinite(min(flows_at)) else state.tanks
    oldest = at - kit.declared.stale_after_s
    over, kept = 0, state.path
    while over < len(kept) and kept[over][0] < oldest:
        over += 1
    return SensorState(
        at=at,
        flows=tuple(flows),
        flows_at=tuple(flows_at),
        tanks=tanks,
        path=(*kept[over:], (at, tanks[-1])) if tanks else (),
        gap=state.gap,
        variance=min(state.variance + kit.declared.drift_sd**2 * passed / 60.0, kit.prior),
        spectrum_at=state.spectrum_at,
        used_at=state.used_at,
        reading=state.reading,
    )


def _mix(tanks: Tanks, flows: list[float], passed: float, kit: SensorKit) -> Tanks:
    total = sum(flows)
    if total <= 0.0:
        return tanks
    inlet = kit.whole * flows[0] / total
    if not tanks:
        return (inlet,) * len(kit.masses)
    return step(tanks, inlet, total * kit.kg_per_s * passed, kit.masses)


def _look(spectrum: Floats, taken: float, state: SensorState, kit: SensorKit) -> SensorState:
    if not isfinite(taken) or taken == state.spectrum_at:
        return state
    return replace(state, spectrum_at=taken, reading=kit.pls(spectrum))


def _fault(reading: Reading | None, kit: SensorKit) -> Reason:
    if reading is None:
        return Reason.NO_EVIDENCE
    if max(reading.q, reading.t2) > kit.declared.worst_fit:
        return Reason.UNFIT
    low, high = kit.declared.range
    return _SOUND if low <= reading.results[0] <= high else Reason.OUT_OF_RANGE


def _correct(state: SensorState, kit: SensorKit) -> SensorState:
    # The path is taken as it was when the spectrum was; without flows nothing is known of the difference.
    if state.reading is None or not state.path:
        return state
    taken = state.spectrum_at
    then = next((value for at, value in reversed(state.path) if at <= taken), state.path[0][1])
    lost = _path_grade(state, kit)[0] is Quality.BAD
    variance = kit.prior if lost else state.variance
    gain = variance / (variance + kit.declared.nir_sd**2)
    gap = state.gap + gain * (state.reading.results[0] - then - state.gap)
    return replace(state, gap=gap, variance=(1.0 - gain) * variance, used_at=taken)


def _path_grade(state: SensorState, kit: SensorKit) -> Grade:
    age = state.at - min(state.flows_at)
    if not state.tanks or age > kit.declared.flows_lost_s:
        return _NONE
    return _GOOD if age <= kit.declared.stale_after_s else _PART


def _samples(snapshot: Snapshot, state: SensorState, kit: SensorKit, *, shown: bool) -> dict[str, Sample]:
    stamp = (state.spectrum_at if state.reading else nan, snapshot.arrived(kit.declared.spectrum))
    reading = state.reading or Reading((nan,) * len(kit.pls.intercept), nan, nan)
    known, fault = shown and state.reading is not None, _fault(state.reading, kit)
    grade: Grade = _NONE if not known else _GOOD if fault is _SOUND else (Quality.UNCERTAIN, fault)
    fit = _GOOD if known else _NONE
    nir, q, t2 = kit.shown
    found = {
        nir: _sample(reading.results[0], kit.declared.nir_sd, grade, stamp),
        q: _sample(reading.q, nan, fit, stamp),
        t2: _sample(reading.t2, nan, fit, stamp),
    }
    for tag, i, sd in kit.further:
        found[tag] = _sample(reading.results[i], sd, grade, stamp)
    found |= _fused(state, kit)
    return found


def _fused(state: SensorState, kit: SensorKit) -> dict[str, Sample]:
    now, path = (state.at, state.at), _path_grade(state, kit)
    here = state.tanks[-1] if state.tanks else nan
    sd = sqrt(state.variance + kit.declared.bias_sd**2)
    fresh = state.at - state.used_at <= kit.declared.stale_after_s
    low, high = kit.declared.range
    grade = _NONE if path == _NONE and not fresh else _GOOD if path == _GOOD and fresh else _PART
    if grade == _GOOD and not low <= here + state.gap <= high:
        grade = (Quality.UNCERTAIN, Reason.OUT_OF_RANGE)
    apart = _NONE if path == _NONE else (_GOOD if fresh else _PART)
    fused, mech, gap = kit.found
    return {
        fused: _sample(here + state.gap, sd, grade, now),
        mech: _sample(here, hypot(state.gap, sd), path, now),
        gap: _sample(state.gap, sd, apart, now),
    }


def _sample(value: float, sd: float, grade: Grade, stamp: tuple[float, float]) -> Sample:
    return Sample(value, grade[0], stamp[0], stamp[1], grade[1], sd)
