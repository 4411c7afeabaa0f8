"""A line whose plant is an FMU: a file that ties its variables to the tags of a policy, and the PLCs in front of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from hil.plants.fmi import KINDS, Described, describe
from hil.plants.fmu import FmuPlant, Wire, Wiring
from hil.plc.guard import Limits, Rules
from hil.plc.line import SimulatedLine
from policies import Access, Handshake, Policy, Tag
from policies.check_schema import validated
from policies.errors import PolicyError, Problem
from policies.positions import Document, read
from policies.positions import Path as Place
from policies.sentences import among
from policies.units import convert, convertible, known, nearest
from policies.words import Declared, Name, Number, Positive, Span, Word


class Shown(Declared):
    """A variable that an instrument shows, or that is only true."""

    variable: str
    """Name in the FMU; of an array ``x``, the variables ``x[1]``, ``x[2]`` and so on."""
    unit: str | None = None
    """UCUM code of the variable's unit; as the FMU says if absent."""


class Driven(Declared):
    """A variable that follows a setpoint, and what the PLC permits."""

    variable: str
    """Name in the FMU."""
    unit: str | None = None
    """UCUM code of the variable's unit; as the FMU says if absent."""
    limits: Span
    """Lowest and highest value ever in force, unit of the tag."""
    rate: Positive
    """Fastest change of the value in force, unit of the tag per second."""
    start: Number
    """Value in force after a cold start, unit of the tag."""


class Tied(Declared):
    """Which variable of an FMU is which tag of a policy."""

    fmu: Literal[1]
    """Version of this format."""
    setpoints: dict[Name, Driven] = Field(default_factory=dict)
    """Tags the controller writes."""
    shows: dict[Name, Shown] = Field(default_factory=dict)
    """Tags the instruments show."""
    truth: dict[Word, Shown] = Field(default_factory=dict)
    """What scores may know, by name; never a tag."""
    fixed: dict[str, Number] = Field(default_factory=dict)
    """Variables set once at the start, unit of the variable."""


def simulate(policy: Policy, fmu: Path, mapping: Path | None = None) -> SimulatedLine:
    """Return a line whose plant is an FMU, its PLCs just started.

    Parameters
    ----------
    policy
        The policy that names the tags.
    fmu
        The FMU.
    mapping
        File that ties variables to tags; the name of the FMU with ``.yaml`` behind it if None.

    Raises
    ------
    OSError
        If a file cannot be read.
    policies.PolicyError
        If the mapping does not fit the policy or the FMU; it lists every problem.
    ValueError
        If the FMU is none, or the policy needs what the line does not have.
    PlantStopped
        If the FMU cannot be started.
    """
    about = describe(fmu)
    path = mapping or fmu.with_name(fmu.name + ".yaml")
    document = read(path.read_bytes(), str(path))
    tied, problems = validated(document, Tied)
    problems += document.problems
    if tied is None:
        raise PolicyError(problems)
    problems += _Check(document, policy, about).all(tied)
    if problems:
        raise PolicyError(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    start = {tag: driven.start for tag, driven in tied.setpoints.items()}
    plant = FmuPlant(about, _wiring(policy, tied, about), start)
    return SimulatedLine(policy, plant, _rules(policy, tied), {}, {})


def _rules(policy: Policy, tied: Tied) -> dict[str, Rules]:
    """Return what each PLC permits; a connection without a handshake has none that could be written."""
    return {
        name: Rules(
            {
                tag: Limits(*driven.limits, driven.rate, driven.start)
                for tag, driven in tied.setpoints.items()
                if policy.tags[tag].connection == name
            }
        )
        for name, link in policy.connections.items()
        if link.handshake is not None
    }


def _wiring(policy: Policy, tied: Tied, about: Described) -> Wiring:
    return Wiring(
        inputs={tag: _wire(d, d.variable, policy.tags[tag].unit, about) for tag, d in tied.setpoints.items()},
        outputs={
            tag: [_wire(s, name, policy.tags[tag].unit, about) for name in _names(s, policy.tags[tag].length)]
            for tag, s in tied.shows.items()
        },
        truth={name: Wire(s.variable) for name, s in tied.truth.items()},
        fixed=tied.fixed,
    )


def _wire(end: Shown | Driven, name: str, tag_unit: str, about: Described) -> Wire:
    unit = end.unit or about.variables[name].unit or "1"
    zero = convert(0.0, unit, tag_unit)
    return Wire(name, convert(1.0, unit, tag_unit) - zero, zero)


def _names(end: Shown | Driven, length: int) -> list[str]:
    return [end.variable] if length == 1 else [f"{end.variable}[{i}]" for i in range(1, length + 1)]


class _Check:
    """Finds everything in a mapping that does not fit its policy or its FMU."""

    def __init__(self, document: Document, policy: Policy, about: Described) -> None:
        self._document, self._policy, self._about = document, policy, about
        words = {tag for link in policy.connections.values() if link.handshake for tag in _words(link.handshake)}
        if policy.lockstep is not None:
            words |= {policy.lockstep.request, policy.lockstep.done}
        written = [tag for tag, each in policy.tags.items() if each.access is Access.WRITE]
        of_plcs = {*words, *written, *(policy.tags[tag].read_back for tag in written)}
        self._moved = [tag for tag in written if tag not in words]
        self._seen = [tag for tag in policy.tags if tag not in of_plcs]

    def all(self, tied: Tied) -> Iterator[Problem]:
        """Yield every problem."""
        yield from self._tags("setpoints", list(tied.setpoints), self._moved)
        yield from self._tags("shows", list(tied.shows), self._seen)
        for tag, driven in tied.setpoints.items():
            low, high = driven.limits
            if not low <= driven.start <= high:
                message = f"found {driven.start:g}, expected a value within the limits, {low:g} to {high:g}"
                yield self._document.problem(("setpoints", tag, "start"), message)
            if tag in self._moved:
                yield from self._end(("setpoints", tag), driven, self._policy.tags[tag])
        for tag, shown in tied.shows.items():
            if tag in self._seen:
                yield from self._end(("shows", tag), shown, self._policy.tags[tag])
        for name, shown in tied.truth.items():
            yield from self._variable(("truth", name, "variable"), shown.variable, settable=False)
        for name in tied.fixed:
            yield from self._variable(("fixed", name), name, settable=True)

    def _tags(self, section: str, given: Sequence[str], wanted: Sequence[str]) -> Iterator[Problem]:
        for tag in given:
            if tag not in wanted:
                yield self._unknown((section, tag), tag, wanted)
        if lacking := [tag for tag in wanted if tag not in given]:
            yield self._document.problem((section,), f"missing, expected {', '.join(lacking)}", at_key=True)

    def _end(self, place: Place, end: Shown | Driven, tag: Tag) -> Iterator[Problem]:
        names = _names(end, tag.length)
        settable = isinstance(end, Driven)
        wrong = [found for name in names for found in self._variable((*place, "variable"), name, settable=settable)]
        if wrong:
            yield wrong[0]
        else:
            yield from self._unit(place, end, self._about.variables[names[0]].unit, tag.unit)

    def _variable(self, place: Place, name: str, *, settable: bool) -> Iterator[Problem]:
        fitting = [n for n, v in self._about.variables.items() if v.kind in KINDS and (v.settable or not settable)]
        if name not in fitting:
            yield self._unknown(place, name, fitting)

    def _unit(self, place: Place, end: Shown | Driven, declared: str | None, wanted: str) -> Iterator[Problem]:
        unit, where = end.unit or declared, (*place, "variable" if end.unit is None else "unit")
        if unit is None:
            message = f"the FMU gives no unit of {end.variable}, expected a key `unit` with one that becomes {wanted}"
        elif not known(unit):
            meant = nearest(unit)
            message = f"found the unit {unit!r}, expected a UCUM code" + (f", such as {meant}" if meant else "")
        elif not convertible(unit, wanted):
            message = f"found {unit}, expected a unit that becomes {wanted}"
        elif declared is not None and known(declared) and not _same(unit, declared):
            message = f"found {unit}, expected {declared} as the FMU says"
        else:
            return
        yield self._document.problem(where, message)

    def _unknown(self, place: Place, name: str, fitting: Sequence[str]) -> Problem:
        message = f"found {name!r}, {among(fitting, 'such variable', 'expected')}"
        return self._document.problem(place, message, at_key=place[-1] != "variable")


def _words(words: Handshake) -> set[str]:
    return {tag for tag in words.model_dump().values() if tag is not None}


def _same(one: str, other: str) -> bool:
    return convertible(one, other) and (convert(0.0, one, other), convert(1.0, one, other)) == (0.0, 1.0)
