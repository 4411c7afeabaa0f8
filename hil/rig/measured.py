"""Assertions about what was measured, by a tag or by the plant's truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from hil.rig.play import Played
from hil.scenario import Agrees, Always, Band, Eventually, Integral, Move, Never, Quantity, Spanned
from plant_io.signals import Floats
from policies.units import convert

_SLACK = 1e-9

Verdict = tuple[bool, str, str]
"""Whether an assertion holds, what was found and what was wanted, both with their units."""


@dataclass(frozen=True, slots=True)
class Course:
    """A quantity over the run."""

    times: Floats
    """Time since the start, shape ``(rows,)`` [s]."""
    values: Floats
    """The quantity, shape ``(rows,)``, in `unit`; no number where it was not good."""
    unit: str
    """UCUM code; empty where none is known."""
    period_s: float
    """Time from one row to the next [s]."""

    def kept(self, claim: Spanned) -> Course:
        """Return the good values of the span a claim is about."""
        end = np.inf if claim.until_s is None else claim.until_s
        counts = (self.times >= claim.after_s) & (self.times < end) & np.isfinite(self.values)
        return Course(self.times[counts], self.values[counts], self.unit, self.period_s)

    def said(self, value: float) -> str:
        """Return a value with the unit; `value` in `unit`."""
        return f"{value:.5g} {self.unit}".rstrip()


def measured(claim: Quantity, played: Played) -> Verdict:
    """Return what an assertion about something measured comes to."""
    course = _course(claim, played)
    if isinstance(claim, Spanned) and not course.kept(claim).values.size:
        return False, "no good value", f"a good value of {claim.name}"
    return _judge(claim, course)


def _course(claim: Quantity, played: Played) -> Course:
    period_s = played.policy.period_s
    if claim.truth is not None:
        return Course(played.truth["time"], played.truth[claim.truth], "", period_s)
    seen, unit = played.witness.readings(claim.name), played.policy.units()[claim.name]
    if claim.unit is None:
        return Course(seen.times, seen.values, unit, period_s)
    zero, one = (convert(value, unit, claim.unit) for value in (0.0, 1.0))
    return Course(seen.times, zero + (one - zero) * seen.values, claim.unit, period_s)


def agreed(claim: Agrees, played: Played) -> Verdict:
    """Return how well a tag agrees with the plant's truth."""
    seen, unit = played.witness.readings(claim.tag), played.policy.units()[claim.tag]
    end = np.inf if claim.until_s is None else claim.until_s
    asked = (seen.times >= claim.after_s) & (seen.times < end)
    good = asked & np.isfinite(seen.values)
    wanted = f"{claim.tag} within {claim.at_most:g} {unit} of {claim.with_}, root mean square, good for {claim.share:g}"
    if not good.any():
        return False, "no good value", wanted
    true = np.interp(seen.times[good], played.truth["time"], played.truth[claim.with_])
    off, share = float(np.sqrt(np.mean((seen.values[good] - true) ** 2))), float(good.sum() / asked.sum())
    found = f"within {off:.4g} {unit}, good for {share:.4g}"
    return off <= claim.at_most and share >= claim.share - _SLACK, found, wanted


@singledispatch
def _judge(claim: Quantity, course: Course) -> Verdict:
    raise TypeError(f"no judge for {claim!r} of {course.unit}")


@_judge.register
def _(claim: Always, course: Course) -> Verdict:
    kept = course.kept(claim)
    return _within(kept, claim.name, claim.at_least, claim.at_most)


@_judge.register
def _(claim: Never, course: Course) -> Verdict:
    return _within(course.kept(claim), claim.name, claim.below, claim.above)


@_judge.register
def _(claim: Band, course: Course) -> Verdict:
    values = course.kept(claim).values
    share = float(np.mean((values >= claim.low) & (values <= claim.high)))
    wanted = f"{claim.name} within {course.said(claim.low)} and {course.said(claim.high)} for {claim.share:.4g}"
    return share >= claim.share - _SLACK, f"for {share:.4g} of {values.size} good values", wanted


@_judge.register
def _(claim: Integral, course: Course) -> Verdict:
    integral = float(np.abs(course.kept(claim).values - claim.target).sum()) * course.period_s
    wanted = f"integral of the error of {claim.name} at most {course.said(claim.at_most)} s"
    return integral <= claim.at_most, f"{course.said(integral)} s", wanted


@_judge.register
def _(claim: Move, course: Course) -> Verdict:
    steps = np.abs(np.diff(course.kept(claim).values))
    largest = float(steps.max()) if steps.size else 0.0
    wanted = f"{claim.name} changes by at most {course.said(claim.at_most)} a period"
    return largest <= claim.at_most + _SLACK, course.said(largest), wanted


@_judge.register
def _(claim: Eventually, course: Course) -> Verdict:
    wanted = (
        f"{claim.name} {_bounds(claim.at_least, claim.at_most)} between {claim.after_s:.0f} s and {claim.end_s:.0f} s"
    )
    low = -np.inf if claim.at_least is None else claim.at_least
    high = np.inf if claim.at_most is None else claim.at_most
    good = (course.values >= low) & (course.values <= high)
    rows = max(1, round(claim.stays_s / course.period_s))
    stays = np.convolve(good, np.ones(rows), "valid") >= rows - 0.5 if good.size >= rows else np.zeros(0, np.bool_)
    starts = course.times[: stays.size][stays]
    inside = starts[(starts >= claim.after_s) & (starts <= claim.end_s)]
    if claim.stays_s:
        wanted += f" and for {claim.stays_s:.0f} s"
    if inside.size:
        return True, f"at {float(inside[0]):.0f} s", wanted
    late = starts[starts > claim.end_s]
    return False, f"at {float(late[0]):.0f} s" if late.size else "never", wanted


def _within(kept: Course, name: str, low: float | None, high: float | None) -> Verdict:
    least, greatest = float(kept.values.min()), float(kept.values.max())
    passed = (low is None or least >= low) and (high is None or greatest <= high)
    return passed, f"{kept.said(least)} to {kept.said(greatest)}", f"{name} {_bounds(low, high)}"


def _bounds(low: float | None, high: float | None) -> str:
    named = (("at least", low), ("at most", high))
    return " and ".join(f"{word} {bound:g}" for word, bound in named if bound is not None)
