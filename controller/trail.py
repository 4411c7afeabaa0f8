"""What an estimator remembers, so that a late result corrects what was believed when its sample was taken.

The estimate of that time is corrected, and every later input and reading is applied again, in the order of their
times: what is believed then is bit for bit what would be believed had the result come at once. This is the filter
calculated anew, the exact one of the ways compared by A. Gopalakrishnan, N. S. Kaisare and S. Narasimhan,
"Incorporating delayed and infrequent measurements in Extended Kalman Filter based nonlinear state estimation",
J. Process Control 21(1), 2011, pages 119 to 129.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from controller.estimates import Estimate, Estimator
from plant_io.signals import Floats

_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured value."""

    value: float
    """Value, in the unit of the model."""
    taken: float
    """When its sample was taken, POSIX time [s]."""
    stamp: float
    """What tells its sample from every other of this measurement, in the unit of what shows it."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One step of the estimator."""

    at: float
    """End of the step, POSIX time [s]."""
    inputs: Floats
    """Inputs in force, shape ``(n_u,)``, units of the model."""
    known: Floats
    """Known inputs, shape ``(n_w,)``, units of the model."""
    readings: Mapping[str, Reading]
    """What was measured at its end, by name."""
    estimate: Estimate | None
    """What was believed then; only now and then, as it can be found again."""


Trail = tuple[Stage, ...]
"""Steps in the order of their times; the first holds an estimate and is where the memory begins."""


def begun(at: float, inputs: Floats, known: Floats, estimate: Estimate) -> Trail:
    """Return a memory that begins now.

    Parameters
    ----------
    at
        Now, POSIX time [s].
    inputs
        Inputs in force, shape ``(n_u,)``, units of the model.
    known
        Known inputs, shape ``(n_w,)``, units of the model.
    estimate
        What is believed.
    """
    return (Stage(at, inputs, known, {}, estimate),)


def extended(trail: Trail, stage: Stage, span_s: float, every: int) -> Trail:
    """Return a memory with one step more, and without what is not needed any more.

    The newest steps keep their estimates, as most readings are but a little late; of older ones few do.

    Parameters
    ----------
    trail
        The memory.
    stage
        The step, with its estimate.
    span_s
        How far back a reading may still belong [s].
    every
        Steps from one estimate that is kept to the next, and newest steps that keep theirs [1].
    """
    if stage.at <= trail[-1].at:  # the clock was set back; what is remembered has no place any more
        return (stage,)
    whole = [*trail, stage]
    thinned = len(whole) - 1 - every
    if thinned > 0 and any(each.estimate is not None for each in whole[max(0, thinned - every + 1) : thinned]):
        whole[thinned] = replace(whole[thinned], estimate=None)
    first = 0
    for i, each in enumerate(whole):
        if each.at >= stage.at - span_s - _ROUNDING_S:
            break
        first = i if each.estimate is not None else first
    return tuple(whole[first:])


def place(trail: Trail, taken: float) -> int | None:
    """Return the step by whose end a sample was taken, counted from the beginning; None where that is forgotten.

    Parameters
    ----------
    trail
        The memory.
    taken
        When the sample was taken, POSIX time [s].
    """
    at = bisect_left(trail, taken - _ROUNDING_S, key=lambda stage: stage.at)
    return min(at, len(trail) - 1) if at > 0 else None


def entered(
    estimate: Estimate, trail: Trail, readings: Mapping[str, Reading], estimator: Estimator
) -> tuple[Estimate, Trail]:
    """Return what is believed at the end of a memory once readings are entered where they belong, and the memory.

    Readings that are known already, or belong before the memory, are left out; of several readings of one measurement
    in one step the newest counts. The innovations are those of the last step and of the readings entered.

    Parameters
    ----------
    estimate
        What is believed at its end.
    trail
        The memory.
    readings
        Readings by name.
    estimator
        Makes the steps.
    """
    whole, new = list(trail), dict[int, set[str]]()
    for name, reading in readings.items():
        at, known = place(trail, reading.taken), [s.readings[name] for s in trail if name in s.readings]
        if at is None or any(reading.stamp == each.stamp for each in known):
            continue
        old = whole[at].readings.get(name)
        if old is None or old.taken <= reading.taken:
            whole[at] = replace(whole[at], readings={**whole[at].readings, name: reading})
            new.setdefault(at, set()).add(name)
    return _again(whole, new, estimator) if new else (estimate, trail)


def _again(whole: list[Stage], new: Mapping[int, set[str]], estimator: Estimator) -> tuple[Estimate, Trail]:
    """Make every step anew from the last estimate kept before anything new."""
    kept = [(i, stage.estimate) for i, stage in enumerate(whole[: min(new)]) if stage.estimate is not None]
    (first, estimate), innovations = kept[-1], dict[str, float]()
    for i, stage in enumerate(whole[first + 1 :], first + 1):
        fresh = {name: reading.value for name, reading in stage.readings.items()}
        estimate = estimator.step(estimate, stage.inputs, stage.known, fresh)
        innovations |= {name: estimate.innovations[name] for name in new.get(i, ())}
        if stage.estimate is not None:
            whole[i] = replace(stage, estimate=estimate)
    return Estimate(estimate.x, estimate.p, {**estimate.innovations, **innovations}), tuple(whole)


class Smoother(Protocol):
    """Weighs again what is remembered."""

    def weighed(self, trail: Trail) -> tuple[Floats, Floats] | None:
        """Return state ``(n_x,)`` and covariance ``(n, n)`` at its end, units of the model; None where it cannot.

        Parameters
        ----------
        trail
            The memory.
        """
        ...
