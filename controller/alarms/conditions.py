"""What only the policy raises: values beyond limits, values that are no evidence, and links that are lost."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from plant_io import Quality, Reason, Snapshot

_BAD, _UNCERTAIN, _LINK_DOWN = int(Quality.BAD), int(Quality.UNCERTAIN), int(Reason.LINK_DOWN)
_NAMED = 3


class Met(NamedTuple):
    """What a cycle says of a condition."""

    seen: bool
    """Whether it is seen."""
    what: str
    """One sentence; empty where it is not."""


_UNSEEN = Met(seen=False, what="")


@dataclass(frozen=True, slots=True)
class LimitCondition:
    """A value beyond a limit."""

    name: str
    """Name of the alarm."""
    tag: str
    """Tag compared."""
    at: float
    """Limit, in the unit of the tag."""
    back: float
    """Value at which it is over, in the unit of the tag."""
    unit: str
    """UCUM code of the tag."""
    high: bool
    """Whether it stands above the limit, and not below."""

    def met(self, seen: Snapshot, heard: AbstractSet[str], *, before: bool) -> Met:
        """Return whether it is seen; without evidence it stays as it was, `before`."""
        del heard
        value = seen.good(self.tag)
        if value is None:
            return Met(before, f"{self.tag} is no evidence, and was beyond {self._limit} when it was" if before else "")
        bound = self.back if before else self.at
        beyond = value > bound if self.high else value < bound
        return Met(beyond, f"{self.tag} is {self._said(value)}, {self._limit}") if beyond else _UNSEEN

    @property
    def _limit(self) -> str:
        return f"{'above' if self.high else 'below'} {self._said(self.at)}"

    def _said(self, value: float) -> str:
        """Return a value in words, in the unit of the tag."""
        return f"{value:.4g}" if self.unit == "1" else f"{value:.4g} {self.unit}"


@dataclass(frozen=True, slots=True)
class QualityCondition:
    """Values that are no evidence."""

    name: str
    """Name of the alarm."""
    tags: tuple[str, ...]
    """Tags looked at."""
    uncertain: bool
    """Whether an uncertain value is enough."""

    def met(self, seen: Snapshot, heard: AbstractSet[str], *, before: bool) -> Met:
        """Return whether it is seen."""
        del heard, before
        worst = _UNCERTAIN if self.uncertain else _BAD
        found = [tag for tag in self.tags if seen.quality.item(seen.index.position[tag]) >= worst]
        if not found:
            return _UNSEEN
        said = ", ".join(f"{tag} ({seen[tag].reason.name.lower().replace('_', ' ')})" for tag in found[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        return Met(seen=True, what=f"no evidence from {said}{more}")


@dataclass(frozen=True, slots=True)
class LinkCondition:
    """A connection that is lost, or whose PLC is not heard."""

    name: str
    """Name of the alarm."""
    connection: str
    """The connection."""
    places: tuple[int, ...]
    """Where its tags stand in a snapshot [1]."""
    handshake: bool
    """Whether its PLC says that it scans."""

    def met(self, seen: Snapshot, heard: AbstractSet[str], *, before: bool) -> Met:
        """Return whether it is seen; `heard` are the connections whose PLC is heard and scans."""
        del before
        if self.handshake and self.connection in heard:
            return _UNSEEN
        if any(seen.reason.item(place) == _LINK_DOWN for place in self.places):
            return Met(seen=True, what=f"connection {self.connection} is lost")
        said = f"the PLC behind {self.connection} is not heard, or stopped"
        return Met(self.handshake, said if self.handshake else "")


Condition = LimitCondition | QualityCondition | LinkCondition
"""Anything only the policy raises."""
