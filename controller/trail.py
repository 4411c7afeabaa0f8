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
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple, Protocol

import numpy as np

from controller.estimates import Estimate, Estimator
from plant_io.changes import replace
from plant_io.kept import Kept
from plant_io.signals import Floats
from plant_io.values import quick

_ROUNDING_S = 1e-6
_ESTIMATE = attrgetter("estimate")


class Reading(NamedTuple):
    """One measured value."""

    value: float
    """Value, in the unit of the model."""
    taken: float
    """When its sample was taken, POSIX time [s]."""
    stamp: float
    """What tells its sample from every other of this measurement, in the unit of what shows it."""


@quick
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
    stale: bool = False
    """Whether a reading was entered after that, while later steps were still to be found again."""


@dataclass(frozen=True, slots=True)
class Way:
    """How steps are made again."""

    estimator: Estimator
    """Makes them."""
    every: int
    """Steps from one estimate that is kept to the next, and newest steps that keep theirs [1]."""
    most: int = 400
    """Most steps in one cycle [1]."""


Trail = Kept[Stage]
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
    return Trail((Stage(at, inputs, known, {}, estimate),))


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
    last = trail[-1]
    if stage.at <= last.at:  # the clock was set back; what is remembered has no place any more
        return Trail((stage,))
    first, oldest, thinned = 0, stage.at - span_s - _ROUNDING_S, len(trail) - every
    older = trail[max(0, thinned - every + 1) : max(0, thinned)]
    if not any(map(_ESTIMATE, older)):
        thinned = -1  # it is one of the few that keep theirs
    if last.estimate is None:
        thinned, stage = -1, replace(stage, estimate=None)
    for i, each in enumerate(trail if len(trail) > every and trail[every].at < oldest else ()):
        if each.at >= oldest or each.stale:
            break
        first = i if each.estimate is not None and i != thinned else first
    if thinned >= max(first, 1):
        trail = trail.having(thinned, replace(trail[thinned], estimate=None))
    return (trail.since(first) if first else trail).followed_by(stage)


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


def usual(trail: Trail, until: float, span_s: float) -> Floats | None:
    """Return the mean of the inputs over the steps before some time, shape ``(n_u,)``, units of the model.

    Parameters
    ----------
    trail
        The memory.
    until
        When the last of these steps ended, or was under way, POSIX time [s]; None is returned where that is forgotten.
    span_s
        For how long before [s]; as far as it is remembered.
    """
    last = place(trail, until)
    if last is None:
        return None
    first = bisect_left(trail, until - span_s + _ROUNDING_S, key=lambda stage: stage.at)
    return np.asarray(np.mean([stage.inputs for stage in trail[first : last + 1]], axis=0))


def entered(trail: Trail, readings: Mapping[str, Reading]) -> Trail:
    """Return a memory with readings entered where they belong; what was believed from there on is forgotten.

    While later steps are still to be found again, readings of earlier ones wait until they are: else readings that come
    faster than steps are made would begin it anew each time, and it would never end.

    Readings that are known already, or belong before the memory, are left out; of several readings of one measurement
    in one step the newest counts.

    Parameters
    ----------
    trail
        The memory.
    readings
        Readings by name.
    """
    whole, first = list(trail), len(trail)
    begin = next(i for i in reversed(range(len(trail))) if trail[i].estimate is not None)
    busy = begin < len(trail) - 1
    for name, reading in readings.items():
        at, known = place(trail, reading.taken), [s.readings[name] for s in trail if name in s.readings]
        if at is None or any(reading.stamp == each.stamp for each in known):
            continue
        old = whole[at].readings.get(name)
        if old is None or old.taken <= reading.taken:
            waits = busy and at <= begin
            whole[at] = replace(whole[at], readings={**whole[at].readings, name: reading}, stale=waits)
            first = first if waits else min(first, at)
    for i in range(first, len(whole)):
        if whole[i].estimate is not None:
            whole[i] = replace(whole[i], estimate=None)
    return Trail(whole)


def caught_up(estimate: Estimate, trail: Trail, late: Mapping[str, Reading], way: Way) -> tuple[Estimate, Trail]:
    """Return what is believed at the end of a memory, with what was forgotten found again, and the memory.

    What would take too long for one cycle is left to the next ones: until it is found, what was believed without the
    late readings stands. Readings that waited for it are worked in next. The innovations are those of the last step,
    and of late readings the steps of which were made.

    Parameters
    ----------
    estimate
        What was believed at its end.
    trail
        The memory.
    late
        Late readings by name.
    way
        How the steps are made.
    """
    if trail[-1].estimate is not None:  # as in nearly every cycle
        return estimate, trail
    begin, found = next((i, s.estimate) for i, s in reversed(list(enumerate(trail))) if s.estimate is not None)
    whole, innovations, kept = list(trail), dict[str, float](), begin
    end = min(begin + way.most, len(whole) - 1)
    for i in range(begin + 1, end + 1):
        stage = whole[i]
        fresh = {name: reading.value for name, reading in stage.readings.items()}
        found = way.estimator.step(found, stage.inputs, stage.known, fresh)
        innovations |= {n: found.innovations[n] for n, r in stage.readings.items() if n in late and late[n] == r}
        if i == end or i - kept >= way.every or len(whole) - i <= way.every:
            whole[i], kept = replace(stage, estimate=found), i
    new = found if end == len(whole) - 1 else estimate
    again = next((i for i, s in enumerate(whole) if s.stale), end) if new is found else end
    if again < end:
        whole[again:] = [replace(s, estimate=None, stale=False) for s in whole[again:]]
    return Estimate(new.x, new.p, {**new.innovations, **innovations}), Trail(whole)


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
