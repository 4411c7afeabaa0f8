"""The line as a picture: its units in the order of the material, and what is shown of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from policies import Access, Policy

_REST = "other"


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the line."""

    name: str
    """Its name."""
    tags: tuple[str, ...]
    """Its tags, those of loops first."""
    sources: tuple[str, ...]
    """Units its material comes from."""
    column: int
    """Place in the order of the material, from 0 [1]."""
    instrument: bool = False
    """Whether it only measures."""
    sop: str = ""
    """Procedure for whoever goes there."""
    watches: frozenset[str] = frozenset()
    """Watches that are about it though they name none of its tags."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The units of a line."""

    units: Mapping[str, Unit]
    """Units by name, in the order of the material."""
    watched: Mapping[str, tuple[str, ...]]
    """Tags each watch and each alarm of the policy looks at, by name."""
    home: Mapping[str, str]
    """Unit of each tag."""

    @classmethod
    def of(cls, policy: Policy) -> Layout:
        """Return the layout of a policy: the units it declares, or else those the names of its tags tell."""
        hidden = _words(policy)
        shown = [tag for tag in policy.units() if tag not in hidden]
        units = _declared(policy, shown) or _guessed(policy, shown)
        home = {tag: name for name, unit in units.items() for tag in unit.tags}
        rest = tuple(tag for tag in shown if tag not in home and _told(policy, tag))
        if rest:
            units = units | {_REST: Unit(_REST, rest, (), max((u.column for u in units.values()), default=0))}
        return cls(units, _watched(policy), home | dict.fromkeys(rest, _REST))

    @property
    def columns(self) -> list[list[Unit]]:
        """Units of each column, without those that are no part of the flow."""
        flow = [unit for unit in self.units.values() if unit.name != _REST]
        last = max((unit.column for unit in flow), default=-1)
        found = [[unit for unit in flow if unit.column == column] for column in range(last + 1)]
        return [column for column in found if column]

    def of_alarm(self, name: str) -> str:
        """Return the unit an alarm that is no incident is about; empty where nothing says which."""
        for unit in self.units.values():
            if name in unit.watches:
                return unit.name
        return next((self.home[tag] for tag in self.watched.get(name, ()) if tag in self.home), "")


def _words(policy: Policy) -> set[str]:
    """Return the words of handshakes and of lock-step, which say nothing of the process."""
    found = set[str]()
    for link in policy.connections.values():
        if link.handshake is not None:
            found |= {str(tag) for tag in link.handshake.model_dump(exclude_none=True).values()}
    if policy.lockstep is not None:
        found |= {policy.lockstep.request, policy.lockstep.done}
    backs = {tag.read_back for name, tag in policy.tags.items() if name in found and tag.read_back}
    return found | {str(tag) for tag in backs}


def _watched(policy: Policy) -> dict[str, tuple[str, ...]]:
    """Return the tags watches and alarms look at, by name."""
    found = {name: (str(getattr(watch, "tag", "")),) for name, watch in policy.watches.items()}
    found |= {name: (one.tag,) for name, one in policy.alarms.limits.items()}
    return found | {name: tuple(one.tags) for name, one in policy.alarms.quality.items()}


def _led(policy: Policy) -> list[str]:
    """Return the tags loops hold and move, with read-backs, in their order."""
    found = list[str]()
    for loop in policy.loops.values():
        found += [one.tag for one in loop.controlled.values()]
        for moved in loop.moved.values():
            found += [policy.tags[moved.tag].read_back or moved.tag, moved.tag]
    return found


def _told(policy: Policy, tag: str) -> bool:
    """Return whether a tag that is of no unit is worth a line: what is read of the plant, one value at a time."""
    declared = policy.tags.get(tag)
    return declared is not None and declared.length == 1 and declared.access is Access.READ


def _ordered(policy: Policy, tags: Iterable[str], shown: Iterable[str]) -> tuple[str, ...]:
    there, mine = set(shown), list(dict.fromkeys(tags))
    known = [tag for tag in mine if tag in there]
    first = [tag for tag in _led(policy) if tag in known]
    return tuple(dict.fromkeys([*first, *known]))


def _declared(policy: Policy, shown: list[str]) -> dict[str, Unit]:
    found = dict[str, Unit]()
    before: tuple[str, ...] = ()
    for name, unit in ({} if policy.incidents is None else policy.incidents.units).items():
        sources = before if unit.from_ is None else tuple(unit.from_)
        column = 1 + max((found[one].column for one in sources if one in found), default=-1)
        tags = _ordered(policy, unit.tags, shown)
        found[name] = Unit(name, tags, sources, column, unit.instrument, unit.sop, frozenset(unit.watches))
        before = (name,)
    return found


def _guessed(policy: Policy, shown: list[str]) -> dict[str, Unit]:
    """Return a unit for each first part of the names of tags, one after the other."""
    parts = dict[str, list[str]]()
    for tag in shown:
        declared = policy.tags.get(tag)
        if declared is None or declared.length == 1:
            parts.setdefault(tag.partition(".")[0], []).append(tag)
    names = list(parts)
    return {
        name: Unit(name, _ordered(policy, tags, shown), tuple(names[max(0, i - 1) : i]), i)
        for i, (name, tags) in enumerate(parts.items())
    }
