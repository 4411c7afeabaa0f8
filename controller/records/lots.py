"""What a record tells of material: containers with their lots, diversions, and where each lot is in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from controller.decide import decide
from controller.kit import Kit
from controller.material.kit import MaterialKit
from controller.material.state import Filling, MaterialState
from controller.material.track import where
from controller.records.cycles import Walk, inputs
from plant_io import Quality

CONFORMING, NOT_CONFORMING, UNDECIDED = "conforming", "not conforming", "undecided"
"""Verdicts on a container."""


@dataclass(slots=True)
class Box:
    """One container with what speaks for and against it."""

    number: int
    """Its number, from 1 [1]."""
    since: float
    """When it was begun, POSIX time [s]."""
    until: float
    """When it was full, or the record ended, POSIX time [s]."""
    mass_kg: float
    """Mass in it [kg]."""
    content: float
    """Mean content, in the unit of content."""
    lowest: float
    """Lowest content there may be in it, in the unit of content."""
    highest: float
    """Highest content there may be in it, in the unit of content."""
    lots: Mapping[str, float]
    """Mass of each lot in it, by name [kg]."""
    full: bool = True
    """Whether it was full when the record ended."""
    exceptions: tuple[str, ...] = ()
    """What a person is to look at."""

    def verdict(self, limits: tuple[float, float]) -> str:
        """Return the verdict by intervals: on all that may be in it, and on its mean where that is outside.

        Parameters
        ----------
        limits
            Lowest and highest conforming content, in the unit of content.
        """
        if not limits[0] <= self.content <= limits[1]:
            return NOT_CONFORMING
        inside = limits[0] <= self.lowest and self.highest <= limits[1]
        return CONFORMING if inside and not self.exceptions else UNDECIDED


@dataclass(slots=True)
class Traced:
    """What a record tells of material."""

    unit: str
    """UCUM code of contents."""
    limits: tuple[float, float]
    """Lowest and highest conforming content, in that unit."""
    boxes: list[Box] = field(default_factory=list[Box])
    """Containers in their order."""
    diversions: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    """Diversions that ended, or were going on when the record ended, in plain form."""
    lots: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    """Mass of each lot in each unit at the end of the record, by lot and unit [kg]."""
    made_kg: float = 0.0
    """Mass that left the line [kg]."""
    diverted_kg: float = 0.0
    """Mass of it that was rejected [kg]."""
    blind: list[float] = field(default_factory=list[float])
    """Times at which a quality attribute could not be read, POSIX times [s]."""
    alerts: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    """Alerts of all watches, in plain form."""


def traced(directory: Path, progress: Callable[[int], None] = lambda _: None) -> Traced:
    """Make every decision of a record again and return what it tells of material.

    Parameters
    ----------
    directory
        Record directory.
    progress
        Told the number of cycles done so far.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read, or its policy says nothing of material.
    """
    walk = Walk(directory)
    kit = walk.kit()
    if kit.material is None:
        raise ValueError(f"{directory}: the policy of line {kit.policy.line} says nothing of material")
    words = kit.material.declared.content
    found, state, at = Traced(words.unit, words.limits), kit.start(), 0.0
    for data in walk.cycles(progress):
        decision, state = decide(*inputs(data, kit), state, kit)
        at = data["snapshot"]["at"]
        for one in decision.containers:
            numbers = (one.number, one.since, one.until, one.mass_kg, one.content, one.lowest, one.highest)
            found.boxes.append(Box(*numbers, one.lots))
        found.alerts += data["decision"]["alerts"]
        found.diversions += [one for one in data["decision"].get("diversions", ()) if one["until"] is not None]
        if any(decision.soft[tag][2] != Quality.GOOD for tag in words.within if tag in decision.soft):
            found.blind.append(at)
    _ended(found, state.material, at, kit)
    for box in found.boxes:
        box.exceptions = tuple(_exceptions(box, found))
    return found


def _ended(found: Traced, state: MaterialState, at: float, kit: Kit) -> None:
    """Enter what stands when the record ends."""
    material = cast("MaterialKit", kit.material)
    found.made_kg, found.diverted_kg = state.made_kg, state.diverted_kg
    if state.gate.diversion is not None:
        one = state.gate.diversion
        found.diversions.append({"number": one.number, "trigger": one.trigger, "reason": one.reason})
        found.diversions[-1] = {**found.diversions[-1], "since": one.since, "until": None, "mass_kg": one.mass_kg}
    if state.line is not None:
        found.lots = {name: where(state.line, name, material) for name in state.line.names}
    if state.filling is not None and state.filling.mass_kg > 0.0:
        found.boxes.append(_open(state.filling, at, material.whole))


def _open(now: Filling, at: float, whole: float) -> Box:
    content = whole * now.active_kg / now.mass_kg
    return Box(now.number, now.since, at, now.mass_kg, content, now.lowest, now.highest, now.lots, full=False)


def _exceptions(box: Box, found: Traced) -> Sequence[str]:
    """Return what a person is to look at before a container is released."""
    low, high = found.limits
    said = list[str]()
    if not box.full:
        said.append("the record ends before it is full")
    if box.lowest < low or box.highest > high:
        said.append(f"content may have been {box.lowest:.4g} to {box.highest:.4g} {found.unit}")
    blind = sum(box.since <= at <= box.until for at in found.blind)
    if blind:
        said.append(f"the product was not seen in {blind} cycles")
    urgent = {one["watch"] for one in _standing(found.alerts, box) if one["priority"] in {"high", "critical"}}
    return [*said, *(f"alarm {watch} stood" for watch in sorted(urgent))]


def _standing(alerts: Sequence[Mapping[str, Any]], box: Box) -> list[Mapping[str, Any]]:
    """Return alerts that stood at any time while a container was filled."""
    begun, found = dict[str, Mapping[str, Any]](), list[Mapping[str, Any]]()
    for one in alerts:
        if one["at"] > box.until:
            break
        if one["active"]:
            begun[one["watch"]] = one
        elif (old := begun.pop(one["watch"], None)) is not None and one["at"] >= box.since:
            found.append(old)
    return [*found, *begun.values()]
