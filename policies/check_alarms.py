"""Cross-rules of alarms: each has a name of its own, is of something there is, and can stand and end."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_shape import hint
from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path
from policies.units import convert, convertible, difference, known

_OWN = ("limits", "quality", "links")
_OF_LOOPS = ("released", "serves")


def names(view: View) -> Iterator[Problem]:
    """Check that no name is of two alarms, and that what is said of watches and loops is of such as there are."""
    told = {*view.names("watches"), *_of_loops(view)}
    home = dict.fromkeys(view.names("watches"), "a watch")
    for section in _OWN:
        for name in view.names("alarms", section):
            here = ("alarms", section, name)
            if name in home:
                message = f"found {name!r}, which is the name of {home[name]} already; expected one of its own"
                yield view.problem(here, message, at_key=True)
            home.setdefault(name, f"an alarm under {section}")
    for name in view.names("alarms", "watches"):
        if name not in told:
            wanted = hint(name, sorted(told)) or ", expected a watch, or loops.NAME.released or loops.NAME.serves"
            yield view.problem(("alarms", "watches", name), f"found {name!r}{wanted}", at_key=True)


def limits(view: View) -> Iterator[Problem]:
    """Check that the numbers of a limit have a unit that converts, lie where the tag can be, and leave room to end."""
    for here in view.match("alarms.limits.*"):
        tag, unit = view.signals.get(view.text(*here, "tag") or ""), view.text(*here, "unit")
        if tag is None or tag.unit is None or unit is None or not known(unit) or not known(tag.unit):
            continue
        if not convertible(unit, tag.unit):
            message = f"found {unit!r}, expected a unit that {tag.unit!r} of the tag converts to"
            yield view.problem((*here, "unit"), message)
        elif tag.span is not None:
            yield from _reached(view, here, tag.span, tag.unit)


def _reached(view: View, here: Path, span: tuple[float, float], of_tag: str) -> Iterator[Problem]:
    """Give what is wrong with a limit of a tag of a range `span`, in the UCUM unit `of_tag`."""
    unit = view.text(*here, "unit") or ""
    low, high = (convert(end, of_tag, unit) for end in span)
    for side in ("high", "low"):
        at, back = view.number(*here, side), view.number(*here, "dead_band")
        if at is None:
            continue
        if not low < at < high:
            yield view.problem(
                (*here, side), f"found {at:g}, expected a value inside the range, {low:g} to {high:g} {unit}"
            )
        elif back is not None and difference(back, unit, of_tag) >= span[1] - span[0]:
            yield view.problem((*here, "dead_band"), f"found {back:g}, expected less than the range of the tag")


def _of_loops(view: View) -> Iterator[str]:
    return (f"loops.{loop}.{word}" for loop in view.names("loops") for word in _OF_LOOPS)
