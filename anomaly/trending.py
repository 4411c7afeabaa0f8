"""What a window of points says by a library: no trend, a known one, two known ones, or one that nobody knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import log, nan

import numpy as np

from anomaly.entries import Floor, chosen, floors
from anomaly.foretelling import Between, Grown, began, chances, out_of_order, reaches, weights
from anomaly.match import Bank, Match, Noise, Signatures, bank, courses_of, match
from anomaly.pursuit import Pair, Sight, beside, pair
from plant_io.signals import Floats
from policies import Channel, Trend
from policies.library import Entry, Library

UNKNOWN = ""
"""Name of a trend that no entry explains."""

BOTH = "+"
"""What stands between the names of two entries."""

_LEAD, _KEEPS = log(20.0), log(3.0)
_INEXACT, _COURSES = 0.01, 0.025
_RISING = ("alert", "action", "specification", "acceptable_intake", "qualification", "identification")

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
    limits: Mapping[str, Mapping[str, float]]
    """Limits of each entry by name, unit of its impurity."""
    courses: Bank
    """Courses a trend may take."""
    signatures: Signatures
    """What the entries allow."""
    centre: Floats
    """Normal value of each channel on its scale, shape ``(n_channels,)``, unit of the channel."""
    sd: Floats
    """Normal standard deviation of each channel on its scale, shape ``(n_channels,)``, unit of the channel."""
    noise: Noise
    """What is normal beside the trends."""
    floors: Mapping[str, Floor] = field(default_factory=dict[str, Floor])
    """What a result below its limit of quantification counts as, by channel."""

    @property
    def memory(self) -> Floats:
        """Correlation of one point with the next, shape ``(n_channels,)`` [1]."""
        return self.noise.memory

    @property
    def tags(self) -> tuple[str, ...]:
        """Channels by name."""
        return tuple(self.declared.channels)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a window says."""

    name: str | None
    """Entry, two with a plus between them, empty for an unknown trend, or None for no trend."""
    found: Match
    """What it rests on."""
    normal: Floats
    """What is normal for each channel, on its scale, shape ``(n_channels,)``, unit of the channel."""
    likely: tuple[str, ...] = ()
    """Entries that explain it about equally well, the best first."""
    two: Pair | None = None
    """Two entries that explain it together, where they were sought."""


@dataclass(frozen=True, slots=True)
class Due:
    """When a limit is reached."""

    limit: str
    """Name of the limit."""
    value: float
    """The limit, unit of the channel."""
    unit: str
    """UCUM code of the channel."""
    after: Between
    """Time from now [s]."""


def prepare(name: str, declared: Trend, library: Library, units: Mapping[str, str]) -> TrendKit:
    """Return a library, ready to be matched.

    Raises
    ------
    ValueError
        If an entry is written in a channel or a tag the watch does not have, or none is in force.
    """
    entries = chosen(declared.library, library, declared.entries)
    for key, entry in entries.items():
        foreign = {*entry.signature, *entry.excluded} - declared.channels.keys()
        if foreign:
            raise ValueError(f"{declared.library}: {key}: {', '.join(sorted(foreign))} is no channel of watch {name}")
        lost = entry.meaning.suppress.keys() - units.keys()
        if lost:
            raise ValueError(f"{declared.library}: {key}: suppress: {', '.join(sorted(lost))} is no tag of the policy")
    shapes = tuple(dict.fromkeys(shape for entry in entries.values() for shape in courses_of(entry)))
    courses = bank(shapes, declared.window, declared.every_s)
    channels = declared.channels.values()
    sd, still = np.array([channel.sd for channel in channels]), (0.0, 0.0)
    moves = np.array([[entry.signature.get(tag, still) for tag in declared.channels] for entry in entries.values()])
    own = [courses_of(entry) for entry in entries.values()]
    may = np.array([[shape in taken for shape in courses.shapes] for taken in own])
    return TrendKit(
        name=name,
        declared=declared,
        units=tuple(units[tag] for tag in declared.channels),
        entries=entries,
        limits={key: library.limits(key) for key in entries},
        courses=courses,
        signatures=Signatures(moves[:, :, 0] / sd, moves[:, :, 1] / sd, may),
        centre=np.array([channel.mean for channel in channels]),
        sd=sd,
        noise=Noise(np.array([one.memory for one in channels]), _lines(declared) / sd),
        floors=floors(entries, declared.channels),
    )


def _lines(declared: Trend) -> Floats:
    """Return how levels and slopes of runs differ, shape ``(2, n_channels)``, unit of each channel, per interval."""
    channels = declared.channels.values()
    slopes = [channel.drift_per_h * declared.every_s / 3600.0 for channel in channels]
    return np.array([[channel.between for channel in channels], slopes])


def scaled(value: float, channel: Channel) -> float:
    """Return a value on the scale of its channel; not a number where it has none there.

    Parameters
    ----------
    value
        Value, unit of the channel.
    channel
        The channel.
    """
    if channel.scale == "linear":
        return value
    return log(value) if value > 0.0 else nan


def counted(value: float, tag: str, kit: TrendKit) -> float:
    """Return what a result counts as on the scale of its channel, not a number where it has none there.

    Parameters
    ----------
    value
        Value, unit of the channel.
    tag
        The channel.
    kit
        The library.
    """
    floor = kit.floors.get(tag)
    if floor is not None and value < floor.loq:
        return floor.counts
    return scaled(value, kit.declared.channels[tag])


def read(
    points: Floats,
    kit: TrendKit,
    said: str | None = None,
    normal: Floats | None = None,
    refuted: Collection[str] = (),
) -> Reading:
    """Return what a window says.

    Parameters
    ----------
    points
        Window, newest point last, shape ``(n_points, n_channels)``, on the scale of each channel in its unit.
    kit
        The library.
    said
        What stands already: a trend that is told ends at a lower limit, and keeps its name while that is likely.
    normal
        What is normal for each channel in this run, on its scale, shape ``(n_channels,)``, unit of the channel.
    refuted
        Entries that the trend refuted while it stood; it is not named after them again.
    """
    declared, centre = kit.declared, kit.centre if normal is None else normal
    window = (points - centre) / kit.sd
    share = 1.0 if said is None else declared.clear
    known = min(declared.known or declared.limit, declared.limit) * share
    found = match(window, kit.noise, kit.courses, kit.signatures, known)
    if found.free < declared.limit * share and float(found.entries.max()) < known:
        return Reading(None, found, centre)
    likely = tuple(name for name in _likely(found, kit) if name not in refuted)
    two = _two(Sight(window, kit.noise, kit.courses, kit.signatures), found, likely, said, kit)
    if two is not None:
        return Reading(BOTH.join(_names(two, kit)), found, centre, (), two)
    if likely:
        return Reading(_kept(said, likely, found, kit), found, centre, likely)
    # Less than an alarm of its own is no unknown trend yet.
    return Reading(UNKNOWN if found.free >= declared.limit * share else said, found, centre)


def _two(sight: Sight, found: Match, likely: Sequence[str], said: str | None, kit: TrendKit) -> Pair | None:
    """Return two entries that explain a trend where none does alone, or leaves an alarm of its own if it does."""
    keys, least = tuple(kit.entries), kit.declared.second
    alone = [keys.index(name) for name in likely]
    if alone and beside(sight, found, alone[0]) < kit.declared.limit:
        return None
    two = pair(sight, found, alone)
    if two is not None and alone:
        # Channels of one entry may follow each other: what it explains there for the most part is no second trend.
        least = max(least, kit.declared.limit, two.alike)
    if two is None or two.gain < least:
        return None
    return two if two.astray < _left_by(two, _names(two, kit), said, kit) else None


def _names(two: Pair, kit: TrendKit) -> list[str]:
    return sorted(tuple(kit.entries)[place] for place in (two.first, two.second))


def _left_by(two: Pair, names: Collection[str], said: str | None, kit: TrendKit) -> float:
    """Return what two trends may leave unexplained: less than an alarm of its own, and more as known ones grow large.

    Courses follow a large trend to a few per cent of it, but then it has been told while it was small.
    """
    limit = kit.declared.limit
    return max(limit, _COURSES * two.both) if said and set(said.split(BOTH)) <= set(names) else limit


def _likely(found: Match, kit: TrendKit) -> tuple[str, ...]:
    """Return the entries that explain the trend about equally well, the best first; none where it is unknown."""
    # What an entry leaves unexplained must not be worth an alarm of its own, however large the rest is.
    share, declared = found.explained(len(kit.units)), kit.declared
    most = np.minimum((declared.misfit or declared.limit) + _INEXACT * found.entries, declared.limit)
    fits = (share >= declared.explained) & (found.astray < most)
    near = fits & (found.entries > found.entries.max() - _LEAD)
    order: list[int] = np.argsort(-found.entries, kind="stable").tolist()
    names = tuple(kit.entries)
    return tuple(names[i] for i in order if near[i] and not _backwards(found, kit, names[i]))


def _kept(said: str | None, likely: tuple[str, ...], found: Match, kit: TrendKit) -> str:
    """Return what a trend is called: as before, while that is about as likely as the likeliest."""
    if said not in likely:
        return likely[0]
    keys = tuple(kit.entries)
    best, old = (float(found.entries[keys.index(key)]) for key in (likely[0], said))
    return str(said) if old > best - _KEEPS else likely[0]


def _backwards(found: Match, kit: TrendKit, name: str) -> bool:
    groups = [[kit.tags.index(tag) for tag in group] for group in kit.entries[name].order]
    return len(groups) > 1 and out_of_order(found, kit.courses, groups) > _LEAD


def probabilities(found: Match, kit: TrendKit) -> dict[str, float]:
    """Return how likely the trend is each entry, and under the empty name that it is none of them [1]."""
    shares = chances(found, kit.signatures).tolist()
    return dict(zip((*kit.entries, UNKNOWN), shares, strict=True))


def since(found: Match, kit: TrendKit, name: str) -> Between:
    """Return how long ago the trend began [s]."""
    return began(kit.courses, weights(found, kit.signatures, _place(kit, name)), kit.declared.every_s)


def due(seen: Reading, kit: TrendKit, name: str) -> Due | None:
    """Return which limit of an entry is reached next, and when; None where it has none ahead, or stands still."""
    entry = kit.entries.get(name)
    if entry is None or entry.identity is None or entry.identity.tag not in kit.declared.channels:
        return None
    found, tag = seen.found, entry.identity.tag
    likely = weights(found, kit.signatures, _place(kit, name))
    channel, place = kit.declared.channels[tag], kit.tags.index(tag)
    usual = float(seen.normal[place])
    ahead = sorted((kit.limits[name][key], key) for key in _RISING if key in kit.limits[name])
    for value, key in ahead:
        limit = scaled(value, channel)
        if limit <= usual:
            continue
        grown = Grown(place, usual / channel.sd, limit / channel.sd)
        after = reaches(found, kit.courses, likely, grown, kit.declared.every_s)
        if after is not None and (after.likely > 0.0 or (value, key) == ahead[-1]):
            return Due(key, value, kit.units[place], after)
    return None


def _place(kit: TrendKit, name: str) -> int | None:
    keys = tuple(kit.entries)
    return keys.index(name) if name in keys else None
