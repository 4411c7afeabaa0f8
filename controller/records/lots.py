"""What a record tells of material: containers with their lots, diversions, and where each lot is in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any, cast

from controller.alarms.lifecycle import TOLD
from controller.alarms.listed import listed
from controller.alarms.state import AlarmChange
from controller.decide import decide
from controller.kit import Kit
from controller.material import batches
from controller.material.batches import Batch, Totals
from controller.material.kit import MaterialKit
from controller.material.release import Verdict
from controller.material.state import Filling, MaterialState
from controller.material.track import where
from controller.records.cycles import Walk, inputs
from controller.records.sampled import NOT_JUDGED, Judged, Sampled, Shown
from plant_io import Quality, Snapshot
from policies.release import Release
from policies.sentences import counted

_URGENT = frozenset({"high", "critical"})


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
    judged: Judged = NOT_JUDGED
    """What is to be said of its dosage units and of its blend."""

    def verdict(self, limits: tuple[float, float]) -> Verdict:
        """Return the verdict by intervals: on all that may be in it, and on its mean where that is outside.

        Parameters
        ----------
        limits
            Lowest and highest conforming content, in the unit of content.
        """
        units = None if self.judged.uniformity is None else self.judged.uniformity.verdict
        if not limits[0] <= self.content <= limits[1] or units is Verdict.NOT_CONFORMING:
            return Verdict.NOT_CONFORMING
        inside = limits[0] <= self.lowest and self.highest <= limits[1]
        sure = inside and not self.exceptions and units is not Verdict.UNDECIDED
        return Verdict.CONFORMING if sure else Verdict.UNDECIDED


@dataclass(slots=True)
class Made:
    """One batch with its containers, and what speaks for and against it."""

    batch: Batch
    """The batch, as far as the record goes."""
    ended: bool
    """Whether it ended before the record did."""
    boxes: tuple[Box, ...]
    """Its containers."""
    judged: Judged
    """What is to be said of all of its dosage units and of its blend."""
    exceptions: tuple[str, ...]
    """What a person is to look at, of the batch as a whole."""

    def verdict(self, limits: tuple[float, float]) -> Verdict:
        """Return the verdict: that of its worst container, and of its dosage units as one sample.

        Parameters
        ----------
        limits
            Lowest and highest conforming content, in the unit of content.
        """
        said = [box.verdict(limits) for box in self.boxes]
        if self.judged.uniformity is not None:
            said.append(self.judged.uniformity.verdict)
        if Verdict.NOT_CONFORMING in said:
            return Verdict.NOT_CONFORMING
        sure = bool(self.boxes) and self.ended and not self.exceptions and Verdict.UNDECIDED not in said
        return Verdict.CONFORMING if sure else Verdict.UNDECIDED


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
    alarms: list[AlarmChange] = field(default_factory=list[AlarmChange])
    """Steps of all alarms."""
    batches: list[Batch] = field(default_factory=list[Batch])
    """Batches that ended, and the one that was being made when the record ended."""
    made: list[Made] = field(default_factory=list[Made])
    """The same with their containers."""
    going: bool = False
    """Whether the last batch was still being made when the record ended."""
    sampled: Sampled = field(default_factory=lambda: Sampled(Release()))
    """Samples of dosage units and of the blend."""
    ended: float = 0.0
    """When the record ended, POSIX time [s]."""


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
    found.sampled = Sampled(kit.material.declared.release or Release())
    for data in walk.cycles(progress):
        given = inputs(data, kit)
        decision, state = decide(*given, state, kit)
        at = data["snapshot"]["at"]
        for one in decision.containers:
            numbers = (one.number, one.since, one.until, one.mass_kg, one.content, one.lowest, one.highest)
            found.boxes.append(Box(*numbers, one.lots))
        found.alerts += data["decision"]["alerts"]
        found.alarms += decision.alarms
        found.batches += decision.batches
        if not state.material.gate.open:
            found.sampled.look(at, partial(_shown, decision.soft, given[0]))
        found.diversions += [one for one in data["decision"].get("diversions", ()) if one["until"] is not None]
        if any(decision.soft[tag][2] != Quality.GOOD for tag in words.within if tag in decision.soft):
            found.blind.append(at)
    _ended(found, state.material, at, kit)
    for box in found.boxes:
        box.judged = found.sampled.judged(box.since, box.until)
        box.exceptions = tuple(_exceptions(box, found))
    found.made = [_made(batch, found) for batch in found.batches]
    return found


def _shown(soft: Mapping[str, Shown], seen: Snapshot, tag: str) -> Shown:
    """Return a tag as it was inferred, or else read."""
    return soft[tag] if tag in soft else (seen[tag].value, seen[tag].sd, int(seen[tag].quality))


def _made(batch: Batch, found: Traced) -> Made:
    """Return a batch with its containers."""
    boxes = tuple(box for box in found.boxes if batch.since <= box.since and box.until <= batch.until)
    ended = not (found.going and batch is found.batches[-1])
    judged = found.sampled.judged(batch.since, batch.until)
    said = list(judged.looks)
    if not ended:
        said.append("the record ends before it does")
    urgent = listed({}, (one for one in found.alarms if one.at <= batch.until and one.alarm.priority in _URGENT))
    open_ = [name for name, alarm in urgent.items() if alarm.state in TOLD]
    said += [f"alarm {name} was on the list when it ended" for name in sorted(open_)]
    return Made(batch, ended, boxes, judged, tuple(said))


def _ended(found: Traced, state: MaterialState, at: float, kit: Kit) -> None:
    """Enter what stands when the record ends."""
    material = cast("MaterialKit", kit.material)
    found.made_kg, found.diverted_kg, found.ended = state.made_kg, state.diverted_kg, at
    if isfinite(state.batching.since):
        totals = Totals(state.fed_kg, state.made_kg, state.diverted_kg)
        found.batches.append(batches.ended(at, state.batching, totals, "the record ends"))
        found.going = True
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
        said.append(f"the product was not seen in {counted(blind, 'cycle')}")
    said += box.judged.looks
    said += [f"{counted(len(box.judged.excursions), 'excursion')} of what was let out"] if box.judged.excursions else []
    urgent = {one["watch"] for one in _standing(found.alerts, box) if one["priority"] in _URGENT}
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
