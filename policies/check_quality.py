"""Cross-rules of quality: limits that make sense together, signals that may stand still, and what may stand in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from policies.check_shape import found
from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path
from policies.quality import Ne107
from policies.tags import Access

_STATES = ("normal", "failure", "check_function", "off_spec", "maintenance_required")
_LEAST_PERIODS = 2


def limits(view: View) -> Iterator[Problem]:
    """Check that what a signal can mean at all reaches at least as far as its range."""
    for path in view.match("tags.*.fail"):
        ends, inner = view.span(*path), view.signals[str(path[1])].span
        if ends and inner and not (ends[0] <= inner[0] and inner[1] <= ends[1]):
            message = (
                f"found {ends[0]:g} to {ends[1]:g}, expected limits that hold the range, {inner[0]:g} to {inner[1]:g}"
            )
            yield view.problem(path, message)


def currents(view: View) -> Iterator[Problem]:
    """Check that a channel of 4 to 20 mA is one measured number whose raw value rises with the current."""
    for here in view.match("tags.*.ne43"):
        name = str(here[1])
        low, high = view.number(*here, "raw_4ma"), view.number(*here, "raw_20ma")
        low, high = (4.0 if low is None else low), (20.0 if high is None else high)
        if not low < high:
            more = "expected more at 20 mA; turn it round by scale and offset"
            yield view.problem(here, f"found {high:g} at 20 mA and {low:g} at 4 mA, {more}")
        elif view.get("tags", name, "type") == "bool" or view.signals[name].writable:
            yield view.problem(
                here, "found a current on a switch or a setpoint, expected a measured signal", at_key=True
            )


def health(view: View) -> Iterator[Problem]:
    """Check that the state of a device is told by another tag, which says of itself nothing but its number."""
    for here in view.match("tags.*.ne107"):
        name, teller = str(here[1]), view.text(*here, "tag") or ""
        if teller == name:
            yield view.problem((*here, "tag"), f"found {teller!r} itself, expected the tag that shows the state")
        elif view.get("tags", teller, "ne107") is not None:
            message = f"found {teller!r}, which has an ne107 of its own, expected a tag that shows a state"
            yield view.problem((*here, "tag"), message)
        yield from _states(view, here)


def _states(view: View, here: Path) -> Iterator[Problem]:
    """Check that no number stands for two states."""
    taken: dict[object, str] = {}
    for state in _STATES:
        given = view.get(*here, state)
        numbers = cast("Iterable[object]", given if isinstance(given, list) else Ne107.model_fields[state].default)
        for number in numbers:
            if number in taken:
                where = (*here, state) if given is not None else (*here, taken[number])
                message = f"found {found(number)} for {taken[number]} and {state}, expected it for one of them"
                yield view.problem(where, message)
            taken[number] = state


def frozen(view: View) -> Iterator[Problem]:
    """Check that only signals are watched for standing still that are measured, and can move."""
    period = view.duration("period")
    for here in view.match("tags.*.frozen"):
        name, after = str(here[1]), view.duration(*here, "after")
        why = _may_stand(view, name)
        if why:
            yield view.problem(
                here, f"found it on {why}, which may stand still; expected a measured signal", at_key=True
            )
        elif after is not None and period is not None and after < _LEAST_PERIODS * period:
            message = f"found {after:g} s, expected at least {_LEAST_PERIODS} periods of {period:g} s"
            yield view.problem((*here, "after"), message)
        movement, span = view.number(*here, "movement"), view.signals[name].span
        if movement is not None and span and movement >= span[1] - span[0]:
            message = f"found {movement:g}, expected less than the range of {span[1] - span[0]:g}"
            yield view.problem((*here, "movement"), message)
        yield from _with_it(view, here)


def _with_it(view: View, here: Path) -> Iterator[Problem]:
    """Check that only tags of the same image are no evidence together with a signal."""
    connection = view.text("tags", here[1], "connection")
    others = view.get(*here, "also")
    for i, name in enumerate(cast("Iterable[object]", others) if isinstance(others, list) else ()):
        if str(name) not in view.signals or name == here[1]:
            yield view.problem((*here, "also", i), f"found {found(name)}, expected another tag")
        elif view.text("tags", str(name), "connection") != connection:
            yield view.problem((*here, "also", i), f"found {name}, expected a tag of {connection}: one image, one fate")


def _may_stand(view: View, name: str) -> str:
    """Return what a tag is that may stand still, or nothing."""
    if view.get("tags", name, "type") == "bool":
        return "a switch"
    if view.get("tags", name, "access") == Access.WRITE:
        return "a setpoint"
    if any(view.text(*path) == name for path in view.match("tags.*.read_back")):
        return "the read-back of a setpoint"
    return "a word of the handshake" if name in _spoken(view) else ""


def substitutes(view: View) -> Iterator[Problem]:
    """Check that what stands in for a measured number is a number like it, and never for what is said to a PLC."""
    period = view.duration("period")
    for here in view.match("tags.*.substitute"):
        name = str(here[1])
        signal, length = view.signals[name], view.duration(*here, "for")
        why = f"{signal.length} values" if signal.length != 1 else _may_stand(view, name)
        if why:
            yield view.problem(here, f"found a substitute for {why}, expected it for one measured value", at_key=True)
        if view.text(*here, "tag") == name:
            yield view.problem((*here, "tag"), f"found {name!r} itself, expected another tag")
        value = view.number(*here, "value")
        if value is not None and signal.span and not signal.span[0] <= value <= signal.span[1]:
            low, high = signal.span
            yield view.problem(
                (*here, "value"), f"found {value:g}, expected a value in the range of {low:g} to {high:g}"
            )
        if length is not None and period is not None and length < period:
            yield view.problem((*here, "for"), f"found {length:g} s, expected at least one period of {period:g} s")


def _spoken(view: View) -> set[str | None]:
    return {view.text(*path) for path in (*view.match("connections.*.handshake.*"), *view.match("lockstep.*"))}
