"""A value from redundant witnesses: each is averaged, the path is taken off, and who is off is named.

A reading from before a disagreement began is no evidence of what came since. So witnesses that speak seldom are asked
only for what they said since then, and where they are awaited nobody is named before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt

import numpy as np

from controller.soft.reconcile import Evidence, Reconciliation, expected, identified, reconcile
from plant_io.changes import replace
from plant_io.quality import Quality, Reason
from plant_io.signals import Floats, Sample, Snapshot
from plant_io.values import quick
from policies import Policy, Reconciled, Testimony

PATH_S = 10.0
"""Time between two values of the path that are remembered [s]."""

BIN_S = 60.0
"""Readings within this time are kept as their mean [s]."""

CALM = 0.6
"""Share of the limit below which witnesses agree well [1]."""

CLEAR = 0.7
"""Share of the limit below which a disagreement has ended [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class ReconciledKit:
    """One reconciled sensor, ready."""

    name: str
    """Name of its tag."""
    declared: Reconciled
    """What the policy says of it."""
    witnesses: tuple[tuple[str, Testimony], ...]
    """Suffix and words of each witness, in the order of the policy."""
    terms: Floats
    """How each depends on the quantities, shape ``(n, n_x)``, unit of the reading per unit of the quantity."""
    truth: int
    """Place of the quantity that is the value less the path [1]."""
    kept_s: float
    """How far back the path is remembered [s]."""


@quick
@dataclass(frozen=True, slots=True)
class Heard:
    """What is remembered of one witness; times are POSIX times [s]."""

    bins: tuple[tuple[float, float, int], ...] = ()
    """Time of the first reading [s], mean of the readings in their unit, and their number, oldest first."""
    taken: float = -inf
    """When the newest sample was taken [s]."""
    first: float = nan
    """When the first was [s]."""
    offset: float | None = None
    """Bias found from the others, in the unit of the reading; None before."""


@quick
@dataclass(frozen=True, slots=True)
class ReconciledState:
    """Memory of one reconciled sensor; times are POSIX times [s]."""

    heard: tuple[Heard, ...]
    """What each witness said."""
    path: tuple[tuple[float, float], ...] = ()
    """Time [s] and path, in the unit of the value, oldest first."""
    looked_at: float = -inf
    """When all were last compared [s]."""
    calm: float = -inf
    """When they last agreed well [s]."""
    since: float | None = None
    """Since when they disagree, at the latest [s]; None if they do not."""
    shift: float = nan
    """Value less path, in the unit of the value."""
    sd: float = nan
    """Standard deviation of it, in the unit of the value."""
    suspect: int = 0
    """Place of the witness that is off, from 1; 0 for none, -1 where it is not decided [1]."""
    misfit: float = nan
    """Largest disagreement, in multiples of the limit [1]."""
    far: tuple[float, ...] = ()
    """How far each is off, standard deviations [1]; not a number where nothing can be said."""


def prepare(name: str, declared: Reconciled, policy: Policy) -> ReconciledKit:
    """Return one reconciled sensor of `policy`, ready.

    Raises
    ------
    ValueError
        If a unit does not fit, or no set of witnesses tells every quantity.
    """
    where, units, witnesses = f"soft_sensors.{name}", policy.units(), tuple(declared.witnesses.items())
    for tag in (declared.path, *(one.tag for _, one in witnesses if one.from_path)):
        if tag is not None and units[tag] != declared.unit:
            raise ValueError(f"{where}: {tag} is in {units[tag]}, but the unit is {declared.unit}")
    names = declared.quantities
    terms = np.array([[one.of.get(quantity, 0.0) for quantity in names] for _, one in witnesses])
    if not identified(terms, [True] * len(witnesses)):
        raise ValueError(f"{where}: the witnesses do not tell {', '.join(names)} from each other")
    longest = max(one.over_s for _, one in witnesses)
    return ReconciledKit(name, declared, witnesses, terms, names.index(declared.truth), 2.0 * longest)


def start(kit: ReconciledKit) -> ReconciledState:
    """Return the memory of a sensor that has seen nothing."""
    return ReconciledState(tuple(Heard() for _ in kit.witnesses), far=(nan,) * len(kit.witnesses))


def infer(
    snapshot: Snapshot, state: ReconciledState, kit: ReconciledKit
) -> tuple[Mapping[str, Sample], ReconciledState]:
    """Return the samples one reconciled sensor gives, and what it remembers.

    Parameters
    ----------
    snapshot
        The line as latched, with the tags of sensors before this one.
    state
        What the last cycle left.
    kit
        The sensor.
    """
    listened = _listen(snapshot, state, kit)
    due = snapshot.at - state.looked_at >= kit.declared.every_s
    after = _look(snapshot.at, listened, kit) if due else listened
    return _samples(snapshot, after, kit), after


def _listen(snapshot: Snapshot, state: ReconciledState, kit: ReconciledKit) -> ReconciledState:
    value, path = snapshot.good(kit.declared.path), state.path
    if value is not None and (not path or snapshot.at - path[-1][0] >= PATH_S):
        over = bisect_right(path, (snapshot.at - kit.kept_s, inf))
        path = (*path[over:], (snapshot.at, value))
    heard = tuple(_hear(snapshot, path, old, one) for old, (_, one) in zip(state.heard, kit.witnesses, strict=True))
    return state if path is state.path and heard == state.heard else replace(state, path=path, heard=heard)


def _hear(snapshot: Snapshot, path: Sequence[tuple[float, float]], old: Heard, one: Testimony) -> Heard:
    if one.tag is None or not (taken := snapshot.taken(one.tag)) > old.taken:
        return old
    value = snapshot.good(one.tag)
    if value is None:
        return old
    if one.from_path:
        place = bisect_right(path, (taken, inf))
        if place == 0:
            return old
        value -= path[place - 1][1]
    bins = old.bins
    if bins and taken - bins[-1][0] < BIN_S:
        at, mean, n = bins[-1]
        bins = (*bins[:-1], (at, mean + (value - mean) / (n + 1), n + 1))
    else:
        over = next((i for i, (at, _, _) in enumerate(bins) if at >= taken - one.over_s), len(bins))
        bins = (*bins[over:], (taken, value, 1))
    return replace(old, bins=bins, taken=taken, first=taken if not isfinite(old.first) else old.first)


def _look(at: float, state: ReconciledState, kit: ReconciledKit) -> ReconciledState:
    every, who = _evidence(at, state, kit, -inf)
    looked, limit = replace(state, looked_at=at), kit.declared.limit
    if not _telling(kit, who):
        return replace(looked, shift=nan, sd=nan, suspect=0, misfit=nan, far=(nan,) * len(kit.witnesses))
    plain = reconcile(every, inf, kit.declared.likelier)
    since, calm = state.since, at if plain.misfit < CALM * limit else state.calm
    if plain.misfit > limit:
        since = calm if since is None else since
    elif plain.misfit < CLEAR * limit:
        since = None
    zeroed = _zeroed(at, looked, kit, (every, who, plain))
    looked = replace(zeroed, calm=calm, since=since, misfit=plain.misfit / limit)
    if since is None:
        return _said(looked, kit, who, plain, decided=True)
    found = _named(at, looked, kit)
    return _said(looked, kit, who, plain, decided=False) if found is None else _said(looked, kit, *found, decided=True)


def _named(at: float, state: ReconciledState, kit: ReconciledKit) -> tuple[Sequence[int], Reconciliation] | None:
    """Return what is made of all that was said since a disagreement began, if that tells who is off."""
    words, since = kit.declared, -inf if state.since is None else state.since
    fresh, who = _evidence(at, state, kit, since)
    ready = all(i in who for i, (_, one) in enumerate(kit.witnesses) if one.awaited)
    if not ready or not _telling(kit, who):
        return None
    found = reconcile(fresh, words.limit * (CLEAR if state.suspect > 0 else 1.0), words.likelier)
    return (who, found) if found.off and not found.undecided else None


def _telling(kit: ReconciledKit, who: Sequence[int]) -> bool:
    return identified(kit.terms, [i in who for i in range(len(kit.witnesses))])


def _said(
    state: ReconciledState, kit: ReconciledKit, who: Sequence[int], found: Reconciliation, *, decided: bool
) -> ReconciledState:
    far = [nan] * len(kit.witnesses)
    if decided:
        for place, value in zip(who, found.adjustments.tolist(), strict=True):
            far[place] = value if isfinite(value) else nan
    return replace(
        state,
        shift=float(found.quantities[kit.truth]),
        sd=sqrt(float(found.covariance[kit.truth, kit.truth])),
        suspect=-1 if not decided else who[found.off[0]] + 1 if found.off else 0,
        far=tuple(far),
    )


def _zeroed(
    at: float, state: ReconciledState, kit: ReconciledKit, seen: tuple[Evidence, Sequence[int], Reconciliation]
) -> ReconciledState:
    """Return the memory with the biases found that are due, while nobody is off."""
    evidence, who, plain = seen
    if plain.misfit > kit.declared.limit:
        return state
    heard = list(state.heard)
    for place, i in enumerate(who):
        one, old = kit.witnesses[i][1], heard[i]
        if one.zero_s is None or old.offset is not None or at - old.first < one.zero_s:
            continue
        told, _ = expected(evidence, place)
        if isfinite(told):
            heard[i] = replace(old, offset=float(evidence.values[place]) - told)
    return replace(state, heard=tuple(heard))


def _evidence(at: float, state: ReconciledState, kit: ReconciledKit, since: float) -> tuple[Evidence, list[int]]:
    """Return what the witnesses said lately, and which of them spoke."""
    who: list[int] = []
    values: list[float] = []
    sds: list[float] = []
    for i, (old, (_, one)) in enumerate(zip(state.heard, kit.witnesses, strict=True)):
        said = _average(at, old, one, since)
        if said is not None:
            who.append(i)
            values.append(said[0])
            sds.append(said[1])
    return Evidence(kit.terms[who], np.array(values), np.array(sds)), who


def _average(at: float, old: Heard, one: Testimony, since: float) -> tuple[float, float] | None:
    if one.tag is None:
        return one.shows, sqrt(one.sd**2 + one.bias_sd**2)
    known = [(mean, n) for when, mean, n in old.bins if when >= max(at - one.over_s, since)]
    if not known:
        return None
    count = sum(n for _, n in known)
    mean = sum(mean * n for mean, n in known) / count
    lasting = one.bias_sd if old.offset is None or one.zeroed_sd is None else one.zeroed_sd
    return mean - (old.offset or 0.0), sqrt(one.sd**2 / count + lasting**2)


def _samples(snapshot: Snapshot, state: ReconciledState, kit: ReconciledKit) -> dict[str, Sample]:
    path, name = snapshot.good(kit.declared.path), kit.name
    value, looked = (nan if path is None else path + state.shift), state.looked_at
    grade = (Quality.GOOD, Reason.NONE)
    low, high = kit.declared.range
    if not isfinite(value):
        grade = (Quality.BAD, Reason.NO_EVIDENCE)
    elif not low <= value <= high:
        grade = (Quality.UNCERTAIN, Reason.OUT_OF_RANGE)
    elif state.suspect < 0:
        grade = (Quality.UNCERTAIN, Reason.NOT_ACCURATE)
    known = _graded(state.misfit, looked)
    return {
        name: Sample(value, grade[0], snapshot.at, snapshot.at, grade[1], state.sd),
        f"{name}.SUSPECT": known._replace(value=float(state.suspect)),
        f"{name}.MISFIT": known,
        **{f"{name}.{key}": _graded(far, looked) for (key, _), far in zip(kit.witnesses, state.far, strict=True)},
    }


def _graded(value: float, at: float) -> Sample:
    if isfinite(value):
        return Sample(value, Quality.GOOD, at, at)
    stamp = at if isfinite(at) else nan
    return Sample(nan, Quality.BAD, stamp, stamp, Reason.NO_EVIDENCE)
