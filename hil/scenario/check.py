"""Everything that is wrong with a scenario, each with its place, before anything starts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf, isclose
from typing import cast

from controller.alarms.kit import prepare
from hil.faults.carried import Place, cannot
from hil.faults.tables import ENDINGS
from hil.plants.faults import CATALOGUE
from hil.plc.blueprint import Blueprint
from hil.plc.guard import Limits
from hil.plc.scans import SCAN_S
from hil.rig.figures import figures
from hil.scenario.assertions import Agrees, FirstOut, IncidentComes, Quantity, Spanned
from hil.scenario.claims import Claim, During, Within
from hil.scenario.model import Scenario
from hil.scenario.timeline import Acted, Asked, Turned, Wrong
from hil.scenario.told import AlarmIs, NoticeComes
from hil.scenario.units import counted_in, shown_in, wrong_in
from plant_io import TagIndex
from policies import Policy
from policies.check_shape import hint, listed
from policies.errors import Problem
from policies.positions import Document, Path
from policies.units import convertible

_FEW = 12


@dataclass(frozen=True)
class Checked:
    """A scenario in the light of its line, its policy and a clock."""

    document: Document
    """The file."""
    scenario: Scenario
    """What it says."""
    policy: Policy
    """Policy it is played under."""
    line: Blueprint
    """Simulated line it is played on."""
    clock: str
    """How time will go by."""

    @cached_property
    def truths(self) -> Collection[str]:
        """Columns of the plant's truth."""
        return list(self.line.simulate(self.policy, 0).truth())

    @cached_property
    def units(self) -> dict[str, str]:
        """UCUM unit of every tag, virtual ones included."""
        return self.policy.units()

    @cached_property
    def alarms(self) -> Collection[str]:
        """Every alarm there may be but those of incidents, by name."""
        return prepare(self.policy, TagIndex.of(self.policy)).known

    def say(self, path: Path, message: str) -> Problem:
        """Return a problem with its place."""
        return self.document.problem(path, message)

    def one_of(self, path: Path, name: str, names: Collection[str], what: str = "") -> Iterator[Problem]:
        """Say if a name is not among some names."""
        if name not in names:
            near = hint(name, list(names))
            few = listed(sorted(names)[:_FEW], "or") + (", ..." if len(names) > _FEW else "")
            wanted = near or (f", wanted one of {few}" if names else f", but there is no {what or 'such thing'}")
            yield self.say(path, f"found {name!r}{wanted}")

    def not_after(self, path: Path, time: float) -> Iterator[Problem]:
        """Say if a time since the start lies at or beyond the end of the run; `time` [s]."""
        if time >= self.scenario.for_s:
            yield self.say(path, f"found {time:g} s, but the run ends after {self.scenario.for_s:g} s")


def problems(it: Checked) -> Iterator[Problem]:
    """Return everything that is wrong, in the order of the file."""
    yield from _plcs(it)
    for name in it.scenario.receivers:
        yield from it.one_of(("receivers", name), name, _receivers(it.policy), "receiver of notices in the policy")
    for i, asked in enumerate(it.scenario.orders):
        yield from _order(it, ("orders", i), asked)
    for i, followed in enumerate(it.scenario.cases):
        yield from it.not_after(("cases", i, "after"), followed.after_s)
    if it.policy.cases is None and it.scenario.cases:
        yield it.say(("cases",), "found what is done to cases, but the policy has no section cases")
    for i, turned in enumerate(it.scenario.stimuli):
        yield from _stimulus(it, ("stimuli", i), turned)
    for i, acted in enumerate(it.scenario.stations):
        yield from _station(it, ("stations", i), acted)
    yield from _lives(it)
    for i, wrong in enumerate(it.scenario.faults):
        yield from _fault(it, ("faults", i), wrong)
    if not it.scenario.assertions:
        yield it.say(("assertions",), "found none, wanted at least one: a run that claims nothing proves nothing")
    for name, claim in it.scenario.assertions.items():
        yield from _claim(it, ("assertions", name), claim)


def _order(it: Checked, here: Path, asked: Asked) -> Iterator[Problem]:
    if asked.alarm is not None:
        yield from it.one_of((*here, "alarm"), asked.alarm, it.alarms, "alarm in the policy")
    if asked.loop is not None or (not it.policy.loops and asked.alarms is None):
        yield from it.one_of((*here, "loop"), asked.loop or "", it.policy.loops, "loop in the policy")
    if asked.name is not None and asked.loop in it.policy.loops:
        yield from it.one_of((*here, "name"), asked.name, it.policy.loops[asked.loop].controlled, "controlled variable")
    yield from it.not_after((*here, "after"), asked.after_s)


def _receivers(policy: Policy) -> Collection[str]:
    return () if policy.notices is None else policy.notices.receivers


def _plcs(it: Checked) -> Iterator[Problem]:
    for name, given in it.scenario.plc.items():
        yield from it.one_of(("plc", name), name, it.line.rules)
        steps = 1.0 if given.scan_s is None else given.scan_s / SCAN_S
        if round(steps) < 1 or not isclose(steps, round(steps), abs_tol=1e-9):
            message = f"found {given.scan_s:g} s, wanted a whole multiple of {SCAN_S:g} s"
            yield it.say(("plc", name, "scan"), message)
        limits: Mapping[str, Limits] = it.line.rules[name].limits if name in it.line.rules else {}
        for tag, value in given.start.items():
            yield from it.one_of(("plc", name, "start", tag), tag, {*limits, *it.line.local}, "setpoint")
            low, high = (limits[tag].low, limits[tag].high) if tag in limits else (-inf, inf)
            if not low <= value <= high:
                message = f"found {value:g}, wanted {low:g} to {high:g} {it.units.get(tag, '')}"
                yield it.say(("plc", name, "start", tag), message)


def _stimulus(it: Checked, here: Path, turned: Turned) -> Iterator[Problem]:
    remote = [name for rules in it.line.rules.values() for name in rules.limits]
    yield from it.one_of((*here, "setpoint"), turned.setpoint, {*remote, *it.line.local}, "setpoint")
    yield from it.not_after((*here, "after"), turned.after_s)
    yield from _unit(it, (*here, "unit"), turned.unit, it.units.get(turned.setpoint))


def _station(it: Checked, here: Path, acted: Acted) -> Iterator[Problem]:
    loops, remote = it.line.stations, {name for rules in it.line.rules.values() for name in rules.limits}
    values = {*loops, *it.line.local} if acted.mode is None else set(loops)
    yield from it.one_of((*here, "station"), acted.station, values, "loop of a PLC")
    yield from it.not_after((*here, "after"), acted.after_s)
    yield from _unit(it, (*here, "unit"), acted.unit, it.units.get(shown_in(acted, loops)))
    if acted.mode == "CAS" and acted.station in loops and acted.station not in remote:
        yield it.say((*here, "mode"), "found CAS, wanted MAN or AUTO: no supervisory setpoint reaches this loop")


def _lives(it: Checked) -> Iterator[Problem]:
    """Say where the controller is ended while it is away."""
    ending = [(i, wrong.fault()) for i, wrong in enumerate(it.scenario.faults) if wrong.id in ENDINGS]
    ending.sort(key=lambda each: each[1].on_s)
    for (_, before), (i, fault) in pairwise(ending):
        if fault.on_s <= before.off_s:
            gone = "for ever" if before.off_s == inf else f"until {before.off_s:g} s"
            message = f"found {fault.on_s:g} s, but {before.id} of {before.on_s:g} s keeps the controller away {gone}"
            yield it.say(("faults", i, "after"), message)


def _fault(it: Checked, here: Path, wrong: Wrong) -> Iterator[Problem]:
    if wrong.id not in CATALOGUE:
        yield from it.one_of((*here, "id"), wrong.id, CATALOGUE)
        return
    kind, place = CATALOGUE[wrong.id], Place(it.line, it.policy)
    targets = place.targets(wrong.id)
    yield from it.one_of((*here, "target"), wrong.target, targets, f"{kind.unit} it could fall on")
    yield from it.not_after((*here, "after"), wrong.after_s)
    if reason := cannot(wrong.id, it.clock):
        yield it.say((*here, "id"), reason)
    if wrong.shape == "pulse" and wrong.for_s is None and kind.lasts_s == inf:
        yield it.say((*here, "shape"), "found pulse, wanted for beside it: the catalogue gives it no length")
    if wrong.target in targets:
        yield from _size(it, here, wrong, place)
    if (wrong.other is None) == (wrong.id == "swapped"):
        wanted = "with: and the tag shown instead" if wrong.other is None else "it only beside id: swapped"
        yield it.say((*here, "with"), f"found {wrong.other or 'nothing'}, wanted {wanted}")
    if wrong.other is not None:
        same = {n for n, tag in it.policy.tags.items() if tag.length == _length(it.policy, wrong.target)}
        yield from it.one_of((*here, "with"), wrong.other, same, "tag of the same length")


def _size(it: Checked, here: Path, wrong: Wrong, place: Place) -> Iterator[Problem]:
    counted = counted_in(wrong, it.units)
    yield from _unit(it, (*here, "unit"), wrong.unit, counted)
    fault = wrong_in(wrong, counted).fault()
    low, high = place.span(fault)
    if fault.magnitude is not None and not low <= fault.magnitude <= high:
        message = f"found {fault.magnitude:g}, wanted {low:g} to {high:g}: {place.measure(fault)}"
        yield it.say((*here, "magnitude"), message)


def _length(policy: Policy, name: str) -> int:
    return policy.tags[name].length if name in policy.tags else 1


def _claim(it: Checked, here: Path, claim: Claim) -> Iterator[Problem]:
    if " " not in claim.requirement:
        known = it.scenario.requirements
        yield from it.one_of(
            (*here, "requirement"), claim.requirement, known, "requirement above; a sentence has spaces"
        )
    virtual = {*it.units}
    places = (("watch", it.policy.watches), ("loop", it.policy.loops), ("tag", virtual))
    for key, names in (*places, *((("with_", it.truths),) if isinstance(claim, Agrees) else ())):
        if (value := _named(claim, key)) is not None:
            said = "of the truth" if key == "with_" else f"{key} in the policy"
            yield from it.one_of((*here, key.rstrip("_")), value, names, said)
    yield from _told(it, here, claim)
    if (kpi := _named(claim, "kpi")) is not None:
        yield from it.one_of((*here, "kpi"), kpi, figures(it.policy))
    if (fault := _named(claim, "fault")) is not None:
        yield from it.one_of((*here, "fault"), fault, {wrong.id for wrong in it.scenario.faults}, "fault above")
    if isinstance(claim, IncidentComes):
        yield from _incident(it, here, claim)
    if isinstance(claim, FirstOut):
        for i, watch in enumerate(claim.among):
            yield from it.one_of((*here, "among", i), watch, it.policy.watches)
    if isinstance(claim, Quantity):
        yield from _quantity(it, here, claim)
    yield from _times(it, here, claim)


def _told(it: Checked, here: Path, claim: Claim) -> Iterator[Problem]:
    if isinstance(claim, AlarmIs):
        yield from it.one_of((*here, "alarm"), claim.alarm, {*it.alarms, "incident"}, "alarm in the policy")
    if isinstance(claim, NoticeComes):
        told = _receivers(it.policy)
        yield from it.one_of((*here, "receiver"), claim.receiver, told, "receiver of notices in the policy")


def _incident(it: Checked, here: Path, claim: IncidentComes) -> Iterator[Problem]:
    declared = it.policy.incidents
    if declared is None:
        yield it.say(here, "found an assertion about incidents, but the policy has no section incidents")
        return
    for key, name, names in (("unit", claim.unit, declared.units), ("reading", claim.reading, declared.readings)):
        if name is not None:
            yield from it.one_of((*here, key), name, names, f"{key} in the policy")


def _named(claim: Claim, key: str) -> str | None:
    return cast("str | None", getattr(claim, key, None))


def _quantity(it: Checked, here: Path, claim: Quantity) -> Iterator[Problem]:
    if claim.truth is not None:
        yield from it.one_of((*here, "truth"), claim.truth, it.truths)
    if claim.tag is not None and _length(it.policy, claim.tag) > 1:
        yield it.say((*here, "tag"), f"found {claim.tag!r}, which is an array, wanted a tag of one value")
    yield from _unit(it, (*here, "unit"), claim.unit, it.units.get(claim.name))


def _unit(it: Checked, path: Path, found: str | None, measured_in: str | None) -> Iterator[Problem]:
    if found is None or found == measured_in:
        return
    if measured_in is None:
        yield it.say(path, f"found {found!r}, but no unit is known here that it could be converted to")
        return
    try:
        fits = convertible(found, measured_in)
    except ValueError as error:
        yield it.say(path, str(error))
        return
    if not fits:
        yield it.say(path, f"found {found!r}, wanted {measured_in!r} or what can be converted to it")


def _times(it: Checked, here: Path, claim: Claim) -> Iterator[Problem]:
    if isinstance(claim, Within | During | Quantity):
        yield from it.not_after((*here, "after"), claim.after_s)
    if isinstance(claim, During | Spanned) and claim.until_s is not None and claim.until_s <= claim.after_s:
        message = f"found {claim.until_s:g} s, wanted more than the {claim.after_s:g} s of after"
        yield it.say((*here, "until"), message)


def sorted_by_place(found: Iterable[Problem]) -> list[Problem]:
    """Return problems in the order of the file."""
    return sorted(found, key=lambda problem: (problem.line, problem.column))
