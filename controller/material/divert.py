"""Where the gate stands: open as soon as material may arrive that does not conform, closed once it surely does.

Content is normal about what was fed and what the product shows beyond it; its variance is that of the residence times,
of what is fed, and of what the product shows. Product is let out only while every attribute is inside its limits by as
many standard deviations as leave half the permitted probability of an escape, now and shortly ahead: half for the
edge at which a disturbance arrives, and half for that at which it has passed. The residence times are one draw for the
whole of a disturbance, so that what escapes does so at one of its edges.
"""

from __future__ import annotations

from math import hypot, inf, isfinite, nan
from typing import NamedTuple

from controller.guard import Permit, Refusal, guard
from controller.material.kit import MaterialKit
from controller.material.state import Belief, Diversion, Gate, MaterialState
from plant_io import Setpoint, Snapshot
from plant_io.changes import replace

_FOLLOWS_S = 5.0
UNKNOWN = "unknown"
"""Trigger where it is the quality that is not known."""


class Judged(NamedTuple):
    """Whether what leaves the line may be let out."""

    trigger: str
    """What speaks against it; empty where nothing does."""
    reason: str
    """One sentence; empty where nothing speaks against it."""
    low: float
    """Lowest the content may be at the permitted probability, in the unit of content."""
    high: float
    """Highest it may be, in the unit of content."""


STANDS = Judged("standing", "the line stands", nan, nan)
"""While nothing is fed: what stood is judged anew when it moves again."""


class Shown(NamedTuple):
    """What the product shows of itself; times are POSIX times [s]."""

    offset: tuple[float, float]
    """What it shows beyond what was fed, and its standard deviation, in the unit of content."""
    good_at: float
    """When that was last good [s]; not a number if never."""
    shown_at: float
    """When all tags that must lie inside the limits were last good [s]; not a number if never."""


def corrected(seen: Snapshot, old: MaterialState, kit: MaterialKit) -> Shown:
    """Return what the product shows; what was good last stands while it is not.

    Parameters
    ----------
    seen
        The line, virtual tags included.
    old
        What the last cycle left.
    kit
        The material.
    """
    words = kit.declared.content
    there = all(seen.good(tag) is not None for tag in words.within)
    shown_at = seen.at if there else old.shown_at
    if words.correct is None:
        return Shown((0.0, 0.0), seen.at, shown_at)
    value, sd, good = found(seen, words.correct)
    value, sd = value * kit.slopes[words.correct], sd * kit.slopes[words.correct]
    if words.beyond is not None:
        fed, _, known = found(seen, words.beyond)
        value, good = value - fed * kit.slopes[words.beyond], good and known
    if good and isfinite(value) and isfinite(sd):
        return Shown((value, sd), seen.at, shown_at)
    return Shown(old.corrected, old.corrected_at, shown_at)


def found(seen: Snapshot, tag: str) -> tuple[float, float, bool]:
    """Return value and standard deviation of a tag in its unit as they stand, and whether it is good."""
    i, start = seen.index.places[tag]
    return seen.values.item(start), seen.sd.item(i), seen.good(tag) is not None


class Evidence(NamedTuple):
    """What is known of what leaves the line now."""

    belief: Belief
    """What is believed by what was fed."""
    shown: Shown
    """What the product shows of itself."""
    ahead_kg: float
    """Mass that comes before the gate can be moved [kg]."""
    known: bool
    """Whether every flow was read."""
    limits: tuple[float, float]
    """Lowest and highest conforming content now, in the unit of content."""


def judge(seen: Snapshot, known: Evidence, kit: MaterialKit) -> Judged:
    """Return whether what leaves the line may be let out.

    Parameters
    ----------
    seen
        The line, virtual tags included.
    known
        What is known of what leaves it.
    kit
        The material.
    """
    belief, (offset, offset_sd), words = known.belief, known.shown.offset, kit.declared.content
    mean, sd, far = belief.mean + offset, hypot(belief.sd, offset_sd), kit.distance
    if not isfinite(mean) or not isfinite(sd):
        return Judged(UNKNOWN, "nothing is known of what is in the line", -inf, inf)
    least, most = bounds(mean, far * sd, kit.whole)
    if not seen.at - known.shown.good_at <= words.kept_s:
        return Judged(UNKNOWN, f"{words.correct} has not been good for {words.kept_s:g} s", least, most)
    if not seen.at - known.shown.shown_at <= words.lost_s:
        return Judged(UNKNOWN, f"{' or '.join(words.within)} has not been good for {words.lost_s:g} s", least, most)
    soon = mean + belief.mean_slope * known.ahead_kg
    wide = hypot(max(belief.sd + belief.sd_slope * known.ahead_kg, 0.0), offset_sd)
    low, high = known.limits
    for tag in words.within:
        shown, spread, good = found(seen, tag)
        near = words.within_far * spread * kit.slopes[tag] if isfinite(spread) else 0.0
        if good and not low + near <= shown * kit.slopes[tag] <= high - near:
            return Judged("content", f"{tag} shows {shown:.4g}, too near to {low:g} or {high:g}", least, most)
    then_least, then_most = bounds(soon, far * wide, kit.whole)
    said = _outside("content", (min(least, then_least), max(most, then_most)), known.limits)
    trigger = "content"
    for name, one in () if said else kit.declared.measured.items():
        value, value_sd, good = found(seen, one.tag)
        factor = value / one.per if good else 1.0
        relative = value_sd / one.per if good and isfinite(value_sd) else one.sd
        now, then = far * hypot(sd * factor, mean * relative), far * hypot(wide * factor, soon * relative)
        span = max(min(mean * factor - now, soon * factor - then), 0.0), max(mean * factor + now, soon * factor + then)
        said, trigger = _outside(name, span, one.limits), name
        if said:
            break
    if not said:
        return Judged("", "", least, most)
    unsure = "" if known.known else ", flows are not all known"
    return Judged(trigger, f"{said} {words.unit}{unsure}", least, most)


def bounds(mean: float, wide: float, whole: float) -> tuple[float, float]:
    """Return the lowest and highest content there may be: none at all and nothing else are as far as it goes.

    Parameters
    ----------
    mean
        Content that is expected, in the unit of content.
    wide
        By how much it may be off, in the same unit.
    whole
        Content of the pure substance, in the same unit.

    Examples
    --------
    >>> bounds(10.0, 0.5, 100.0), bounds(10.0, 16.5, 100.0)
    ((9.5, 10.5), (0.0, 26.5))
    """
    return min(max(mean - wide, 0.0), whole), min(max(mean + wide, 0.0), whole)


def _outside(name: str, span: tuple[float, float], limits: tuple[float, float]) -> str:
    """Return what is to be said of an attribute that may be outside its limits; nothing where it surely is not."""
    if span[0] >= limits[0] and span[1] <= limits[1]:
        return ""
    side = f"{span[0]:.4g}, below {limits[0]:g}" if span[0] < limits[0] else f"{span[1]:.4g}, above {limits[1]:g}"
    return f"{name} may be {side}"


def moved(at: float, old: Gate, judged: Judged, hold_s: float) -> tuple[Gate, Diversion | None]:
    """Return the gate after one cycle, and what there is to tell of a diversion.

    Parameters
    ----------
    at
        Now, POSIX time [s].
    old
        The gate before.
    judged
        Whether what leaves may be let out.
    hold_s
        Time for which all must conform before the gate closes [s].
    """
    since = inf if judged.trigger else min(old.sound_since, at)
    opens = bool(judged.trigger) or (old.open and at - since < hold_s)
    going = old.diversion
    if opens and going is None:
        said = (judged.trigger or UNKNOWN, judged.reason or "nothing has been seen for long enough")
        going = Diversion(old.number + 1, *said, since=at, low=judged.low, high=judged.high)
        return Gate(open=True, sound_since=since, diversion=going, number=going.number), going
    if not opens and going is not None:
        return Gate(open=False, sound_since=since, diversion=None, number=old.number), replace(going, until=at)
    return Gate(open=opens, sound_since=since, diversion=going, number=old.number), None


def asked(seen: Snapshot, gate: Gate, kit: MaterialKit, *, serves: bool, remote: bool) -> Setpoint | None:
    """Return the setpoint of the gate, if one is to be written.

    Parameters
    ----------
    seen
        The line, virtual tags included.
    gate
        The gate.
    kit
        The material.
    serves
        Whether people want the gate to be moved.
    remote
        Whether its PLC takes remote setpoints.
    """
    divert = kit.declared.divert
    if kit.fence is None or divert is None:
        return None
    allowed = Permit(active=serves, evidence=True, remote=remote, held=False)
    wanted = divert.diverts if gate.open else divert.accepts
    answer = guard(kit.fence, allowed, wanted, seen.good(kit.read_back), 1.0)
    return None if isinstance(answer, Refusal) else answer


def deaf(at: float, since: float, setpoint: Setpoint | None) -> tuple[float, bool]:
    """Return since when the gate has been asked for the same in vain, and whether that is to be told now.

    Parameters
    ----------
    at
        Now, POSIX time [s].
    since
        Since when so far, POSIX time [s]; infinite if it follows.
    setpoint
        What is written now.
    """
    if setpoint is None:
        return inf, False
    first = min(since, at)
    return first, at - first >= _FOLLOWS_S > at - first - 1.0
