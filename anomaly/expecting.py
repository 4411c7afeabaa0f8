"""Results of impurities held on line against what their entries in a library expect.

``constant`` expects the level of the entry. ``lot_effect`` expects the mean of the results of the run so far, and
``linear`` a straight line through them; ``exponential_approach`` and ``arrhenius`` are taken for straight over the last
results, three times as many as the entry needs at least. The standard deviation of a result is that of the error model
of the entry, which is known, so limits are those of the normal distribution, wider by what the mean or the line rests
on. What is out of its expectation does not move it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, hypot, inf, log, sqrt
from typing import NamedTuple

from anomaly.alerts import Alert, Sign
from anomaly.entries import chosen
from anomaly.heard import MOVING, NOTHING
from anomaly.lots import middle
from anomaly.oot.limits import Told, reach
from anomaly.oot.stability import straight
from anomaly.oot.study import Settings
from anomaly.residual import STANDARD, standard
from anomaly.words import amount
from plant_io import Snapshot
from policies.expectations import Expectations
from policies.impurities import Expectation, Identity
from policies.library import Library

_CERTAIN = 1e6
_KEPT, _CURVED = 200, 3
_NEARLY = 1e-9


class Held(NamedTuple):
    """The expectation of one entry."""

    entry: str
    """Name of the entry."""
    identity: Identity
    """Which impurity it is."""
    expects: Expectation
    """What is expected of it."""
    settings: Settings
    """Kind of its limits."""


class ExpectingKit(NamedTuple):
    """Expectations of a library, ready."""

    name: str
    """Name of the watch."""
    declared: Expectations
    """What the policy says of it."""
    held: tuple[Held, ...]
    """Expectations, in the order of the library."""


class Course(NamedTuple):
    """What is remembered of one impurity; begins with ``Course()``."""

    source: float = -inf
    """When the newest sample was taken, POSIX time [s]."""
    ages: tuple[float, ...] = ()
    """When the samples of the results that count were taken, POSIX time [s]."""
    values: tuple[float, ...] = ()
    """The results, on the scale of the entry in its unit."""
    before: float | None = None
    """Distance of the newest result from what was expected, in standard deviations [1]."""
    found: str = ""
    """What is out of its expectation now, in words; empty for nothing."""
    z: float = 0.0
    """Its distance, in standard deviations [1]."""
    limit: float = 0.0
    """Its limit, in standard deviations [1]."""


class ExpectingState(NamedTuple):
    """What is remembered of a library; begins with ``start``."""

    courses: tuple[Course, ...]
    """In the order of the kit."""
    active: bool = False
    """Whether the condition has been told and stands."""


def prepare(name: str, declared: Expectations, library: Library, units: Mapping[str, str]) -> ExpectingKit:
    """Return the expectations of a library, ready.

    Raises
    ------
    ValueError
        If an entry is not in force, has no expectation, or is about a tag that the policy does not have.
    """
    entries, held = chosen(declared.library, library, declared.entries), list[Held]()
    for key, entry in entries.items():
        if entry.identity is None or entry.expectation is None:
            if key in declared.entries:
                raise ValueError(f"{declared.library}: entry {key} has no expectation")
            continue
        if entry.identity.tag not in units:
            raise ValueError(f"{declared.library}: {key}: {entry.identity.tag} is no tag of the policy")
        held.append(Held(key, entry.identity, entry.expectation, _settings(entry.expectation, declared)))
    if not held:
        raise ValueError(f"{declared.library}: no entry in force has an expectation")
    return ExpectingKit(name, declared, tuple(held))


def _settings(expects: Expectation, declared: Expectations) -> Settings:
    return Settings(
        method="regression",
        columns=("result",),
        tested=(),
        limits=expects.interval,
        side=declared.side,
        coverage=expects.coverage,
        confidence=expects.confidence,
    )


def start(kit: ExpectingKit) -> ExpectingState:
    """Return the memory of expectations that have seen nothing."""
    return ExpectingState(tuple(Course() for _ in kit.held))


def look(
    snapshot: Snapshot, state: ExpectingState, kit: ExpectingKit, phases: Mapping[str, str] = NOTHING.phases
) -> tuple[ExpectingState, Alert | None]:
    """Hold every new result against its expectation.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    state
        What the last look left.
    kit
        The expectations.
    phases
        How far each loop is in service.

    Returns
    -------
    state
        What is remembered now.
    alert
        The condition, if it began or ended now.
    """
    if any(phases.get(loop) in MOVING for loop in kit.declared.yields):
        return start(kit), (_alert(snapshot.at, start(kit), kit, rests=True) if state.active else None)
    news = [snapshot.taken(one.identity.tag) for one in kit.held]
    if all(taken == old.source for taken, old in zip(news, state.courses, strict=True)):
        return state, None
    courses = tuple(
        _judged(snapshot, old, one, taken) for old, one, taken in zip(state.courses, kit.held, news, strict=True)
    )
    active = any(one.found for one in courses)
    after = ExpectingState(courses, active)
    return after, _alert(snapshot.at, after, kit) if active != state.active else None


def _judged(snapshot: Snapshot, old: Course, one: Held, taken: float) -> Course:
    value = None if taken <= old.source else snapshot.good(one.identity.tag)
    if value is None:
        return old
    low, high = _ends(value, one)
    told = _told(old, one, taken)
    if told is None:
        return _learnt(old, taken, _on(0.5 * one.identity.loq, one.expects) if low == -inf else low, one)
    sd = told.sd
    z, _ = middle((low - told.expected) / sd, (high - told.expected) / sd)
    limit = reach(one.settings, told.df, max(told.h, _NEARLY))
    away = standard(z, old.before, STANDARD, one.expects.error.memory)
    beyond = away > limit or (one.settings.side == "both" and away < -limit)
    now = old._replace(source=taken, before=z, z=away, limit=limit)
    if not beyond:
        return _learnt(now._replace(found=""), taken, told.expected + z * sd, one)
    usual = _back(told.expected, one.expects)
    unit = one.identity.unit
    shown = f"below {amount(one.identity.loq, unit)}" if low == -inf else amount(value, unit)
    where = f"{away:+.1f} standard deviations, limit {limit:.1f}"
    return now._replace(found=f"{one.identity.tag} ({one.entry}) is {shown} against {amount(usual, unit)}, {where}")


def _ends(value: float, one: Held) -> tuple[float, float]:
    """Return between what a result lies, on the scale of the entry."""
    loq, below = one.identity.loq, one.expects.below_loq
    if value >= loq or (below == "as_reported" and value > 0.0):
        exact = _on(value, one.expects)
        return exact, exact
    if below == "censored" or one.expects.transform == "log":
        return -inf, _on(loq, one.expects)
    counts = {"half": 0.5 * loq, "zero": 0.0}.get(below, value)
    shown = _on(counts, one.expects)
    return shown, shown


def _on(value: float, expects: Expectation) -> float:
    if expects.transform == "log":
        return log(value)
    return sqrt(max(value, 0.0)) if expects.transform == "sqrt" else value


def _back(value: float, expects: Expectation) -> float:
    if expects.transform == "log":
        return exp(value)
    return value * value if expects.transform == "sqrt" else value


def _told(old: Course, one: Held, at: float) -> Told | None:
    """Return what is expected of a sample taken now; None while too few results are there."""
    expects, count = one.expects, len(old.values)
    if expects.model == "constant":
        return Told(_on(expects.level, expects), _error(expects.level, one), _CERTAIN, 0.0)
    if count < max(expects.fewest, 3):
        return None
    if expects.model == "lot_effect":
        mean = sum(old.values) / count
        return Told(mean, _error(_back(mean, expects), one), _CERTAIN, 1.0 / count)
    first = old.ages[0]
    line = straight([age - first for age in old.ages], old.values).told(at - first)
    return Told(line.expected, _error(_back(line.expected, expects), one), _CERTAIN, line.h)


def _error(level: float, one: Held) -> float:
    """Return the standard deviation of a result at a level, on the scale of the entry."""
    error = one.expects.error
    sd, shown = hypot(error.floor, error.share * level), max(level, one.identity.lod, _NEARLY)
    if one.expects.transform == "log":
        return sd / shown
    return 0.5 * sd / sqrt(shown) if one.expects.transform == "sqrt" else sd


def _learnt(old: Course, taken: float, value: float, one: Held) -> Course:
    curved = one.expects.model in {"exponential_approach", "arrhenius"}
    most = _CURVED * max(one.expects.fewest, 3) if curved else _KEPT
    return old._replace(source=taken, ages=(*old.ages, taken)[-most:], values=(*old.values, value)[-most:])


def _alert(at: float, state: ExpectingState, kit: ExpectingKit, *, rests: bool = False) -> Alert:
    declared = kit.declared
    out = [(one, course) for one, course in zip(kit.held, state.courses, strict=True) if course.found]
    worst = max((course for _, course in out), key=lambda each: abs(each.z), default=Course(limit=1.0))
    what = "; ".join(course.found for _, course in out)
    ended = "Results are left to other watches: a loop moves them." if rests else "All results are as expected again."
    return Alert(
        at=at,
        watch=kit.name,
        lane=declared.lane,
        active=state.active,
        what=f"{what}." if out else ended,
        score=abs(worst.z),
        limit=worst.limit,
        priority=declared.priority,
        route=declared.route,
        response=declared.response,
        evidence={f"{one.identity.tag} distance [1]": course.z for one, course in out},
        signs=tuple(Sign(one.identity.tag, course.z) for one, course in out),
    )
