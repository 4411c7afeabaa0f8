"""Trends sought on line and named after the entries of an approved library; what none of them explains is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, isfinite, log, nan

import numpy as np

from anomaly.alerts import Alert, Origin, Sign
from anomaly.match import Bank, Match, Signatures, bank, match
from anomaly.words import amount, span
from plant_io import Snapshot
from plant_io.changes import replace
from plant_io.signals import Floats
from policies import Channel, Trend
from policies.library import Entry, Library, Step

UNKNOWN = ""
"""Name of a trend that no entry explains."""

_PATIENCE = 3
_NAMED = 3
_SHARE = 0.05
_LEAD = log(20.0)

Point = tuple[float, ...]
"""Mean of each channel between two looks, on its scale; not a number in gaps."""


@dataclass(frozen=True, slots=True, eq=False)
class TrendKit:
    """One library, ready to be matched."""

    name: str
    """Name of the watch."""
    declared: Trend
    """What the policy says of it."""
    units: tuple[str, ...]
    """UCUM unit of each channel."""
    entries: Mapping[str, Entry]
    """Entries that are matched."""
    courses: Bank
    """Courses a trend may take."""
    signatures: Signatures
    """What the entries allow."""
    centre: Floats
    """Normal value of each channel on its scale, shape ``(n_channels,)``, unit of the channel."""
    sd: Floats
    """Normal standard deviation of each channel on its scale, shape ``(n_channels,)``, unit of the channel."""
    memory: Floats
    """Correlation of one point with the next, shape ``(n_channels,)`` [1]."""


@dataclass(frozen=True, slots=True)
class TrendState:
    """Memory of one library."""

    slot: int | None
    """Number of the interval that is being filled [1]."""
    sums: tuple[float, ...]
    """Sum of the values of this interval by channel, on its scale, unit of the channel."""
    counts: tuple[int, ...]
    """Number of values of this interval by channel [1]."""
    sources: tuple[float, ...]
    """Source time of the newest value of each channel, POSIX time [s]."""
    points: tuple[Point, ...]
    """Points of the window, oldest first."""
    said: str | None = None
    """Entry that has been told and stands; empty for an unknown trend, None for no trend."""
    next_said: str | None = None
    """What the newest points would rather say."""
    agreed: int = 0
    """Points in a row that would say so [1]."""


def prepare(name: str, declared: Trend, library: Library, units: Mapping[str, str]) -> TrendKit:
    """Return a library, ready to be matched.

    Raises
    ------
    ValueError
        If an entry is written in a channel the watch does not have, or none is in force.
    """
    entries = {key: entry for key, entry in library.entries.items() if entry.governance.status != "retired"}
    for key, entry in entries.items():
        foreign = entry.signature.keys() - declared.channels.keys()
        if foreign:
            raise ValueError(f"{declared.library}: {key}: {', '.join(sorted(foreign))} is no channel of watch {name}")
    if not entries:
        raise ValueError(f"{declared.library}: every entry is retired; watch {name} would match nothing")
    shapes = tuple(dict.fromkeys(shape for entry in entries.values() for shape in entry.shapes))
    courses = bank(shapes, declared.window, declared.every_s)
    channels = declared.channels.values()
    sd = np.array([channel.sd for channel in channels])
    still = (0.0, 0.0)
    moves = np.array([[entry.signature.get(tag, still) for tag in declared.channels] for entry in entries.values()])
    may = np.array([[shape in entry.shapes for shape in courses.shapes] for entry in entries.values()])
    return TrendKit(
        name=name,
        declared=declared,
        units=tuple(units[tag] for tag in declared.channels),
        entries=entries,
        courses=courses,
        signatures=Signatures(moves[:, :, 0] / sd, moves[:, :, 1] / sd, may),
        centre=np.array([channel.mean for channel in channels]),
        sd=sd,
        memory=np.array([channel.memory for channel in channels]),
    )


def start(kit: TrendKit) -> TrendState:
    """Return the memory of a library that has seen nothing."""
    n = len(kit.units)
    return TrendState(None, (0.0,) * n, (0,) * n, (nan,) * n, ())


def look(snapshot: Snapshot, state: TrendState, kit: TrendKit) -> tuple[TrendState, tuple[Alert, ...]]:
    """Add the values of this cycle to the point in the making; match when a point is complete.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    state
        What the last look left.
    kit
        The library.

    Returns
    -------
    state
        What is remembered now.
    alerts
        Trends that began, ended, or are called otherwise now.
    """
    slot = int(snapshot.at // kit.declared.every_s)
    if slot == state.slot:
        return _gather(snapshot, state, kit), ()
    if state.slot is None:
        return _gather(snapshot, replace(state, slot=slot), kit), ()
    n = len(kit.units)
    point = tuple(s / c if c else nan for s, c in zip(state.sums, state.counts, strict=True))
    gaps = ((nan,) * n,) * min(max(slot - state.slot - 1, 0), kit.declared.window)
    points = (*state.points, point, *gaps)[-kit.declared.window :]
    closed = replace(state, slot=slot, sums=(0.0,) * n, counts=(0,) * n, points=points)
    after, alerts = _judge(snapshot.at, closed, kit)
    return _gather(snapshot, after, kit), alerts


def _gather(snapshot: Snapshot, state: TrendState, kit: TrendKit) -> TrendState:
    sources = list(state.sources)
    news = [(i, snapshot.taken(tag)) for i, tag in enumerate(kit.declared.channels)]
    if all(source == sources[i] for i, source in news):
        return state
    sums, counts = list(state.sums), list(state.counts)
    for (i, source), (tag, channel) in zip(news, kit.declared.channels.items(), strict=True):
        value = None if source == sources[i] else snapshot.good(tag)
        if value is None:
            continue
        sources[i], scaled = source, _scaled(value, channel)
        if isfinite(scaled):
            sums[i], counts[i] = sums[i] + scaled, counts[i] + 1
    return replace(state, sums=tuple(sums), counts=tuple(counts), sources=tuple(sources))


def _scaled(value: float, channel: Channel) -> float:
    if channel.scale == "linear":
        return value
    return log(value) if value > 0.0 else nan


def _judge(at: float, state: TrendState, kit: TrendKit) -> tuple[TrendState, tuple[Alert, ...]]:
    window = np.full((kit.declared.window, len(kit.units)), nan)
    window[-len(state.points) :] = state.points
    least = kit.declared.limit * (1.0 if state.said is None else kit.declared.clear)
    found = match((window - kit.centre) / kit.sd, kit.memory, kit.courses, kit.signatures, least)
    name = _name(found, state.said, kit) if found.free >= least else None
    agreed = state.agreed + 1 if name == state.next_said else 1
    state = replace(state, next_said=name, agreed=agreed)
    at_once = name is None or (state.said is None and name != UNKNOWN)
    if name == state.said or (agreed < _PATIENCE and not at_once):
        return state, ()
    begun = (_begun(at, found, name, kit),) if name is not None else ()
    ended = (_ended(at, found, state.said, name, kit),) if state.said is not None else ()
    return replace(state, said=name), ended + begun


def _name(found: Match, said: str | None, kit: TrendKit) -> str:
    likely = _likely(found, kit)
    return said if said in likely else next(iter(likely), UNKNOWN)


def _likely(found: Match, kit: TrendKit) -> list[str]:
    """Return the entries that explain the trend about equally well, the best first; none where it is unknown."""
    # What an entry leaves unexplained must not be worth an alarm of its own, however large the rest is.
    share, declared = found.explained(len(kit.units)), kit.declared
    fits = (share >= declared.explained) & (found.astray < declared.limit)
    near = fits & (found.entries > found.entries.max() - _LEAD)
    order: list[int] = np.argsort(-found.entries, kind="stable").tolist()
    names = tuple(kit.entries)
    return [names[i] for i in order if near[i]]


def _begun(at: float, found: Match, name: str, kit: TrendKit) -> Alert:
    declared = kit.declared
    shares = dict(zip(kit.entries, found.explained(len(kit.units)).tolist(), strict=True))
    onset = int(kit.courses.onsets[found.course])
    since = (declared.window - onset) * declared.every_s
    told = f"about {span(since)}" if onset >= 0 else f"more than {span(declared.window * declared.every_s)}"
    changes = _changes(found, since, kit)
    seen = f"a trend that began {told} ago; {', '.join(map(_said, changes))}"
    what = _known(seen, name, found, kit) if name else _unknown(seen, found, kit)
    return replace(
        _alert(at, found, name, kit),
        what=what,
        evidence=_evidence(shares, since, changes),
        signs=tuple(Sign(change.tag, change.z) for change in changes),
        onset=at - since,
    )


def _ended(at: float, found: Match, name: str, now: str | None, kit: TrendKit) -> Alert:
    ratio = f"log likelihood ratio {found.free:.0f}"
    after = f"no longer seen, {ratio}" if now is None else f"now seen as: {_title(now, kit)}, {ratio}"
    return replace(_alert(at, found, name, kit), active=False, what=f"{_title(name, kit)}: {after}.")


def _title(name: str, kit: TrendKit) -> str:
    return kit.entries[name].name if name else "Unknown trend"


def _alert(at: float, found: Match, name: str, kit: TrendKit) -> Alert:
    declared, entry = kit.declared, kit.entries.get(name)
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
        response=f"{declared.response} {entry.meaning.confirm}" if entry else declared.response,
        entry=name,
        origin=_origin(entry),
    )


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


def _changes(found: Match, since: float, kit: TrendKit) -> list[_Change]:
    channels = tuple(kit.declared.channels.items())
    stepped = isinstance(kit.courses.shapes[found.course], Step)
    changes: list[_Change] = []
    order: list[int] = np.argsort(-found.weights, kind="stable").tolist()
    for i in (i for i in order[:_NAMED] if found.weights[i] >= _SHARE):
        tag, channel = channels[i]
        move = float(found.moves[i] * kit.sd[i])
        size = move if channel.scale == "linear" else exp(channel.mean) * (exp(move) - 1.0)
        slope = None if stepped else size * 3600.0 / since
        changes.append(_Change(tag, kit.units[i], size, slope, float(found.moves[i])))
    return changes


def _known(seen: str, name: str, found: Match, kit: TrendKit) -> str:
    share = found.explained(len(kit.units))[tuple(kit.entries).index(name)]
    rivals = [_title(key, kit) for key in _likely(found, kit) if key != name]
    others = f"; not yet told apart from: {', '.join(rivals)}" if rivals else ""
    return f"{_title(name, kit)}: explains {100.0 * share:.0f} % of {seen}{others}."


def _unknown(seen: str, found: Match, kit: TrendKit) -> str:
    best = int(found.entries.argmax())
    share, left = found.explained(len(kit.units))[best], found.astray[best]
    nearest = f"{tuple(kit.entries)[best]} comes nearest, explains {100.0 * share:.0f} %"
    return f"{_title(UNKNOWN, kit)}: {seen}; {nearest} and leaves a log likelihood ratio of {left:.0f}."


def _said(change: _Change) -> str:
    way = "up" if change.size > 0.0 else "down"
    per_hour = "/h" if change.unit == "1" else f"{change.unit}/h"
    pace = "" if change.slope is None else f" at {amount(abs(change.slope), '1')} {per_hour}"
    return f"{change.tag} {way} {amount(abs(change.size), change.unit)}{pace}"


def _evidence(shares: Mapping[str, float], since: float, changes: list[_Change]) -> dict[str, float]:
    evidence = {f"{name} explains [1]": share for name, share in shares.items()}
    evidence["began before [s]"] = since
    for change in changes:
        evidence[f"{change.tag} change [{change.unit}]"] = change.size
        if change.slope is not None:
            evidence[f"{change.tag} slope [{'' if change.unit == '1' else change.unit}/h]"] = change.slope
    return evidence
