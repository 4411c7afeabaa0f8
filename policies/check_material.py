"""Cross-rules of material: what flows is a mass, what is followed has its unit, the gate is one, a turndown lowers."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path
from policies.units import convert, convertible, known


def masses(view: View) -> Iterator[Problem]:
    """Check that feeds are mass flows, charges and hoppers masses, and that a correction is in the unit of content."""
    for pattern, wanted in (("flow", "kg/h"), ("charge", "kg"), ("held", "kg")):
        for here in view.match(f"material.feeds.*.{pattern}"):
            yield from _like(view, here, wanted)
    unit = view.text("material", "content", "unit")
    if unit is not None and not (known(unit) and convertible(unit, "%")):
        yield view.problem(("material", "content", "unit"), f"found {unit!r}, expected a share such as %")
    elif unit is not None:
        for key in ("correct", "beyond"):
            yield from _like(view, ("material", "content", key), unit)
        for here in view.match("material.content.within.*"):
            yield from _like(view, here, unit)


def gate(view: View) -> Iterator[Problem]:
    """Check that the gate can be written and read back, through a PLC with a heartbeat, and that no loop moves it."""
    here: Path = ("material", "divert", "tag")
    name = view.text(*here)
    signal = view.signals.get(name or "")
    if name is None or signal is None:
        return
    if not signal.writable or view.text("tags", name, "read_back") is None:
        yield view.problem(here, f"found {name!r}, expected a tag with access: write and a read_back")
    elif not view.names("connections", signal.connection or "", "handshake"):
        yield view.problem(here, f"found {name!r}, expected a tag of a connection with a handshake, whose PLC can tell")
    for moved in view.match("loops.*.moved.*.tag"):
        if view.text(*moved) == name:
            yield view.problem(moved, f"found {name!r}, which is the gate of material, expected another tag")
    ends = [view.number(*here[:2], key) for key in ("diverts", "accepts")]
    diverts, accepts = 1.0 if ends[0] is None else ends[0], 0.0 if ends[1] is None else ends[1]
    if diverts == accepts:
        yield view.problem((*here[:2], "accepts"), f"found {accepts:g} twice, expected two values")


def turndown(view: View) -> Iterator[Problem]:
    """Check that a turndown lowers a target of a loop, within its limits, and that it is known when."""
    here: Path = ("material", "turndown")
    if view.get(*here) is None:
        return
    for needed in ("divert", "phases"):
        if view.get("material", needed) is None:
            yield view.problem(here, f"found no {needed} beside it, expected material.{needed}", at_key=True)
    loop, name = view.text(*here, "loop"), view.text(*here, "name")
    loops = view.names("loops")
    if loop is None or name is None:
        return
    if loop not in loops:
        yield view.problem((*here, "loop"), f"found {loop!r}, expected a loop: {', '.join(loops) or 'there is none'}")
        return
    controlled = view.names("loops", loop, "controlled")
    if name not in controlled:
        found = ", ".join(controlled) or "there is none"
        yield view.problem((*here, "name"), f"found {name!r}, expected a controlled variable of {loop}: {found}")
    elif view.number("loops", loop, "controlled", name, "target") is None:
        yield view.problem((*here, "name"), f"found {name!r}, expected a controlled variable whose target is a number")
    else:
        yield from _lower(view, here, ("loops", loop, "controlled", name))


def _lower(view: View, here: Path, led: Path) -> Iterator[Problem]:
    """Say where a target is not within the limits of what it is set for, not lower than its own, or a standstill."""
    target, usual, span = view.number(*here, "target"), view.number(*led, "target"), view.span(*led, "limits")
    unit, flows = view.text(*led, "unit") or "", view.number("material", "phases", "flows")
    if target is None or usual is None:
        return
    runs = flows if flows is not None and known(unit) and convertible(unit, "kg/h") else None
    wanted = ""
    if span is not None and not span[0] <= target <= span[1]:
        wanted = f"a target within the limits of {led[-1]}, {span[0]:g} to {span[1]:g} {unit}"
    elif target >= usual:
        wanted = f"less than its target of {usual:g} {unit}"
    elif runs is not None and convert(target, unit, "kg/h") < runs:
        wanted = f"at least {convert(runs, 'kg/h', unit):g} {unit}, at which the line runs"
    if wanted:
        yield view.problem((*here, "target"), f"found {target:g}, expected {wanted}")


def _like(view: View, here: Path, wanted: str) -> Iterator[Problem]:
    name = view.text(*here)
    unit = view.signals[name].unit if name in view.signals else None
    if name is not None and unit is not None and known(unit) and not convertible(unit, wanted):
        yield view.problem(here, f"found {name!r} in {unit}, expected a tag in a unit such as {wanted}")
