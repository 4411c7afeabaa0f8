"""What a library says to people of a trend that begins or ends."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, isfinite

import numpy as np

from anomaly.alerts import Alert, Origin, Sign
from anomaly.foretelling import Between
from anomaly.match import Match
from anomaly.trending import BOTH, UNKNOWN, Due, Reading, TrendKit, due, probabilities, since
from anomaly.words import amount, span
from plant_io.changes import replace
from policies.library import Entry, Step

_NAMED = 3
_SHARE = 0.05


def begins(at: float, seen: Reading, name: str, kit: TrendKit) -> Alert:
    """Return the alert of a trend that begins to be told.

    Parameters
    ----------
    at
        When, POSIX time [s].
    seen
        What the window says.
    name
        What it is told as.
    kit
        The library.
    """
    declared, found = kit.declared, seen.found
    onset = since(found, kit, name)
    beyond = onset.likely > declared.window * declared.every_s
    told = f"more than {span(declared.window * declared.every_s)}" if beyond else f"about {span(onset.likely)}"
    changes = _changes(found, onset.likely, kit)
    what = f"a trend that began {told} ago; {', '.join(map(_said, changes))}"
    next_limit = due(seen, kit, name)
    return replace(
        _alert(at, found, name, kit),
        what=f"{_sentence(what, name, seen, kit)}{_foretold(next_limit)}",
        evidence=_evidence(seen, onset, changes, kit) | _of_limit(next_limit),
        signs=tuple(Sign(change.tag, change.z) for change in changes),
        onset=at - onset.likely,
    )


def ends(at: float, seen: Reading, names: tuple[str, str | None], kit: TrendKit) -> Alert:
    """Return the alert of a trend that is told no more, or otherwise.

    Parameters
    ----------
    at
        When, POSIX time [s].
    seen
        What the window says.
    names
        What it was told as, and what it is told as now; None where there is none any more.
    kit
        The library.
    """
    name, now = names
    ratio = f"log likelihood ratio {seen.found.free:.0f}"
    after = f"no longer seen, {ratio}" if now is None else f"now seen as: {_title(now, kit)}, {ratio}"
    return replace(_alert(at, seen.found, name, kit), active=False, what=f"{_title(name, kit)}: {after}.")


def rests(at: float, name: str, kit: TrendKit) -> Alert:
    """Return the alert of a trend that is left to other watches.

    Parameters
    ----------
    at
        When, POSIX time [s].
    name
        What it was told as.
    kit
        The library.
    """
    entry, declared = _first(name, kit), kit.declared
    return Alert(
        at=at,
        watch=kit.name,
        lane=declared.lane,
        active=False,
        what=f"{_title(name, kit)}: left to other watches, for a loop moves what this one sees.",
        score=0.0,
        limit=declared.limit,
        priority=entry.severity if entry else declared.priority,
        route=entry.routing if entry else declared.route,
        response=declared.response,
        entry=name,
        origin=_origin(entry),
    )


def _sentence(what: str, name: str, seen: Reading, kit: TrendKit) -> str:
    if BOTH in name:
        return f"{_title(name, kit)}: together they explain {what}."
    return _known(what, name, seen, kit) if name else _unknown(what, seen.found, kit)


def _foretold(limit: Due | None) -> str:
    if limit is None:
        return ""
    named = f"{limit.limit.replace('_', ' ')} limit of {amount(limit.value, limit.unit)}"
    if limit.after.likely == 0.0:
        return f" It is over its {named}."
    late = f"{span(limit.after.high)}" if isfinite(limit.after.high) else "never"
    return f" It reaches its {named} in {span(limit.after.likely)} ({span(limit.after.low)} to {late})."


def _of_limit(limit: Due | None) -> dict[str, float]:
    if limit is None:
        return {}
    key = f"time to {limit.limit.replace('_', ' ')} limit"
    return {f"{key} [s]": limit.after.likely, f"{key}, low [s]": limit.after.low, f"{key}, high [s]": limit.after.high}


def _title(name: str, kit: TrendKit) -> str:
    return " and ".join(kit.entries[key].name for key in name.split(BOTH)) if name else "Unknown trend"


def _first(name: str, kit: TrendKit) -> Entry | None:
    """Return the entry by which people are told, of two the more severe."""
    ranks = ("high", "medium", "low")
    there = [kit.entries[key] for key in name.split(BOTH) if key in kit.entries]
    return min(there, key=lambda one: ranks.index(one.severity), default=None)


def _alert(at: float, found: Match, name: str, kit: TrendKit) -> Alert:
    declared, entry = kit.declared, _first(name, kit)
    return Alert(
        at=at,
        watch=kit.name,
        lane=declared.lane,
        active=True,
        what="",
        score=found.free,
        limit=declared.limit,
        priority=entry.severity if entry else declared.priority,
        route=entry.routing if entry else declared.route,
        response=" ".join([declared.response, *_steps(name, kit)]),
        entry=name,
        origin=_origin(entry),
    )


def _steps(name: str, kit: TrendKit) -> list[str]:
    meanings = [kit.entries[key].meaning for key in name.split(BOTH) if key in kit.entries]
    return [f"{one.confirm} ({one.sop})" if one.sop else one.confirm for one in meanings]


def _origin(entry: Entry | None) -> Origin:
    if entry is None:
        return ""
    return "sensor" if entry.kind == "analytical_artefact" else "process"


@dataclass(frozen=True, slots=True)
class _Change:
    tag: str
    unit: str
    size: float
    """Change since the onset, in `unit`."""
    slope: float | None
    """Mean change per hour, in `unit`; None for a step."""
    z: float
    """Change since the onset, in standard deviations of a point on the scale of the channel [1]."""


def _changes(found: Match, before: float, kit: TrendKit) -> list[_Change]:
    channels = tuple(kit.declared.channels.items())
    stepped = isinstance(kit.courses.shapes[found.course], Step)
    changes: list[_Change] = []
    order: list[int] = np.argsort(-found.weights, kind="stable").tolist()
    for i in (i for i in order[:_NAMED] if found.weights[i] >= _SHARE):
        tag, channel = channels[i]
        move = float(found.moves[i] * kit.sd[i])
        size = move if channel.scale == "linear" else exp(channel.mean) * (exp(move) - 1.0)
        slope = None if stepped else size * 3600.0 / before
        changes.append(_Change(tag, kit.units[i], size, slope, float(found.moves[i])))
    return changes


def _known(what: str, name: str, seen: Reading, kit: TrendKit) -> str:
    share = seen.found.explained(len(kit.units))[tuple(kit.entries).index(name)]
    rivals = [_title(key, kit) for key in seen.likely if key != name]
    others = f"; not yet told apart from: {', '.join(rivals)}" if rivals else ""
    return f"{_title(name, kit)}: explains {100.0 * share:.0f} % of {what}{others}."


def _unknown(what: str, found: Match, kit: TrendKit) -> str:
    best = int(found.entries.argmax())
    share, left = found.explained(len(kit.units))[best], found.astray[best]
    nearest = f"{tuple(kit.entries)[best]} comes nearest, explains {100.0 * share:.0f} %"
    return f"{_title(UNKNOWN, kit)}: {what}; {nearest} and leaves a log likelihood ratio of {left:.0f}."


def _said(change: _Change) -> str:
    way = "up" if change.size > 0.0 else "down"
    per_hour = "/h" if change.unit == "1" else f"{change.unit}/h"
    pace = "" if change.slope is None else f" at {amount(abs(change.slope), '1')} {per_hour}"
    return f"{change.tag} {way} {amount(abs(change.size), change.unit)}{pace}"


def _evidence(seen: Reading, onset: Between, changes: list[_Change], kit: TrendKit) -> dict[str, float]:
    shares: list[float] = seen.found.explained(len(kit.units)).tolist()
    evidence = {f"{name} explains [1]": share for name, share in zip(kit.entries, shares, strict=True)}
    for name, chance in probabilities(seen.found, kit).items():
        evidence[f"{name or 'unknown'} probability [1]"] = chance
    if seen.two is not None:
        evidence["two over one, log likelihood ratio [1]"] = seen.two.gain
    evidence["began before [s]"] = onset.likely
    evidence |= {"began before, low [s]": onset.low, "began before, high [s]": onset.high}
    for change in changes:
        evidence[f"{change.tag} change [{change.unit}]"] = change.size
        if change.slope is not None:
            evidence[f"{change.tag} slope [{'' if change.unit == '1' else change.unit}/h]"] = change.slope
    return evidence
