"""Which entries of a library a watch takes, and whether the line measures what they are written for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log

from anomaly.lots import middle
from policies import Channel, Peaks, Policy
from policies.library import Entry, Library


def chosen(file: str, library: Library, wanted: Sequence[str] = ()) -> dict[str, Entry]:
    """Return the entries of a library that are in force, all or those that are wanted.

    Parameters
    ----------
    file
        Name of the library's file, for messages.
    library
        The library.
    wanted
        Entries by name; all in force where empty.

    Raises
    ------
    ValueError
        If one is not there or retired, or none is in force.
    """
    for key in wanted:
        if key not in library.entries:
            raise ValueError(f"{file}: found no entry {key!r}, known are {', '.join(library.entries)}")
        if not library.entries[key].matched:
            raise ValueError(f"{file}: entry {key} is retired; it is never matched")
    found = {key: entry for key, entry in library.entries.items() if entry.matched and (not wanted or key in wanted)}
    if not found:
        raise ValueError(f"{file}: every entry is retired; nothing would be matched")
    return found


def measured(file: str, entries: Mapping[str, Entry], policy: Policy) -> None:
    """Refuse entries that are written for another unit or another version of the method than the line has.

    Raises
    ------
    ValueError
        With one sentence for the first of them.
    """
    units = policy.units()
    versions = {tag: (name, one.versions) for name, one in _lists(policy) for tag in one.outputs(name)}
    for key, entry in entries.items():
        identity = entry.identity
        if identity is None or identity.tag not in units:
            continue
        unit = units[identity.tag]
        if identity.unit != unit:
            raise ValueError(f"{file}: {key}: found amounts in {identity.unit}, but {identity.tag} is in {unit}")
        name, known = versions.get(identity.tag, ("", ()))
        if known and identity.method_version not in known:
            said = f"is written for version {identity.method_version!r} of {identity.method}"
            raise ValueError(f"{file}: {key} {said}, but {name} takes {' or '.join(map(repr, known))}")


def _lists(policy: Policy) -> Iterator[tuple[str, Peaks]]:
    for name, one in policy.soft_sensors.items():
        if isinstance(one, Peaks):
            yield name, one


@dataclass(frozen=True, slots=True)
class Floor:
    """What a result below its limit of quantification counts as."""

    loq: float
    """Limit of quantification, unit of the channel."""
    counts: float
    """What counts, on the scale of the channel in its unit."""


def floors(entries: Mapping[str, Entry], channels: Mapping[str, Channel]) -> dict[str, Floor]:
    """Return what results below their limits count as, by channel, where entries with an expectation say so.

    A censored result counts as the mean of what is normal for the channel below the limit. Of several entries on one
    channel the first says it.
    """
    found: dict[str, Floor] = {}
    for entry in entries.values():
        identity, expectation = entry.identity, entry.expectation
        if identity is None or expectation is None or identity.tag not in channels or identity.tag in found:
            continue
        channel, loq = channels[identity.tag], identity.loq
        if expectation.below_loq == "censored":
            found[identity.tag] = Floor(loq, _censored(channel, loq))
        elif expectation.below_loq == "half":
            found[identity.tag] = Floor(loq, log(0.5 * loq) if channel.scale == "log" else 0.5 * loq)
        elif expectation.below_loq == "zero" and channel.scale == "linear":
            found[identity.tag] = Floor(loq, 0.0)
    return found


def _censored(channel: Channel, loq: float) -> float:
    end = log(loq) if channel.scale == "log" else loq
    return channel.mean + channel.sd * middle(-inf, (end - channel.mean) / channel.sd)[0]
