"""Cross-rules of loops: times that fit, numbers inside what the plant permits, one writer for each setpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from policies.check_plant import only_read
from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path, dotted
from policies.units import convert, convertible, known

_SAME_MULTIPLE = 1e-9


def times(view: View) -> Iterator[Problem]:
    """Check that a sample is whole periods, and that a solution must be there within it."""
    period = view.duration("period")
    for loop in view.match("loops.*"):
        sample, deadline = view.duration(*loop, "sample"), view.duration(*loop, "deadline")
        longest = view.duration(*loop, "max_solve")
        if period is not None and sample is not None and not _whole(sample / period):
            yield _time(view, (*loop, "sample"), f"a whole multiple of the period of {view.text('period')}")
        if sample is not None and deadline is not None and deadline > sample:
            yield _time(view, (*loop, "deadline"), f"at most the sample of {view.text(*loop, 'sample')}")
        if deadline is not None and longest is not None and longest > deadline:
            yield _time(view, (*loop, "max_solve"), f"at most the deadline of {view.text(*loop, 'deadline')}")


def _whole(multiple: float) -> bool:
    return round(multiple) >= 1 and abs(multiple - round(multiple)) <= _SAME_MULTIPLE * multiple


def _time(view: View, path: Path, wanted: str) -> Problem:
    return view.problem(path, f"found {view.text(*path)}, expected {wanted}")


def limits(view: View) -> Iterator[Problem]:
    """Check that units convert to those of the tags, targets lie inside limits, and limits inside ranges."""
    for role in ("controlled", "moved", "measured"):
        for here in view.match(f"loops.*.{role}.*"):
            signal = view.signals.get(view.text(*here, "tag") or "")
            if role == "moved" and signal and signal.virtual:
                continue
            yield from _unit_converts(view, here)
            yield from _target_inside(view, here)
            yield from _target_converts(view, here)
            yield from _limits_inside(view, here)


def _unit_converts(view: View, here: Path) -> Iterator[Problem]:
    name, unit = view.text(*here, "tag") or "", view.text(*here, "unit")
    signal = view.signals.get(name)
    if unit and signal and signal.unit and known(unit) and known(signal.unit) and not convertible(unit, signal.unit):
        message = f"found {unit!r}, expected a unit that converts to {signal.unit}, the unit of {name!r}"
        yield view.problem((*here, "unit"), message)


def _target_inside(view: View, here: Path) -> Iterator[Problem]:
    target, span = view.number(*here, "target"), view.span(*here, "limits")
    if target is not None and span is not None and not span[0] <= target <= span[1]:
        unit = view.text(*here, "unit") or ""
        message = f"found {target:g}, expected a value inside the limits of {_spoken(span, unit)}"
        yield view.problem((*here, "target"), message)


def _target_converts(view: View, here: Path) -> Iterator[Problem]:
    name, unit = view.text(*here, "target") or "", view.text(*here, "unit")
    shown = view.signals[name].unit if name in view.signals else None
    if unit and shown and known(unit) and known(shown) and not convertible(unit, shown):
        yield view.problem(
            (*here, "target"), f"found {name!r} in {shown}, expected a tag in a unit that converts to {unit}"
        )


def _limits_inside(view: View, here: Path) -> Iterator[Problem]:
    name, unit, span = view.text(*here, "tag") or "", view.text(*here, "unit"), view.span(*here, "limits")
    signal = view.signals.get(name)
    if span is None or unit is None or signal is None or signal.span is None or signal.unit is None:
        return
    if not convertible(signal.unit, unit):
        return
    low, high = (convert(end, signal.unit, unit) for end in signal.span)
    if not low <= span[0] < span[1] <= high:
        wanted = f"limits inside the range of {name!r}, {_spoken((low, high), unit)}"
        yield view.problem((*here, "limits"), f"found {_spoken(span, unit)}, expected {wanted}")


def _spoken(span: tuple[float, float], unit: str) -> str:
    return f"{span[0]:g} to {span[1]:g} {unit}".strip()


def steps(view: View) -> Iterator[Problem]:
    """Check that the read-back can tell one step of the guard from none: tolerance at most the change in a period."""
    period = view.duration("period")
    for here in view.match("loops.*.moved.*"):
        rate, tolerance = view.number(*here, "max_rate"), view.number(*here, "tolerance")
        if period is None or rate is None or tolerance is None or not 0.0 < rate * period < tolerance:
            continue
        unit = view.text(*here, "unit") or ""
        wanted = f"at most {rate * period:g} {unit}".strip()
        message = f"found {tolerance:g}, expected {wanted}, what max_rate permits in one period"
        yield view.problem((*here, "tolerance"), message)


def blocks(view: View) -> Iterator[Problem]:
    """Check that the blocks of a solver make up the horizon."""
    for here in (*view.match("loops.*.solver.blocks"), *view.match("loops.*.blocks")):
        written, horizon = view.get(*here), view.get(*here[:2], "horizon")
        lengths = [n for n in cast("list[object]", written) if isinstance(n, int)] if isinstance(written, list) else []
        if lengths and isinstance(horizon, int) and sum(lengths) != horizon:
            yield view.problem(here, f"found {sum(lengths)} samples in all, expected the horizon of {horizon}")


def moves(view: View) -> Iterator[Problem]:
    """Check that a moved tag is writable, guarded by a handshake, a setpoint of the plant, and moved only once."""
    reserved = _reserved(view)
    movers: dict[str, Path] = {}
    for here in view.match("loops.*.moved.*"):
        path, name = (*here, "tag"), view.text(*here, "tag") or ""
        signal = view.signals.get(name)
        if signal is None or signal.virtual:
            continue
        yield from only_read(view, path)
        if name in reserved:
            yield view.problem(path, f"found {name!r}, the tag of {reserved[name]}, expected a setpoint of the plant")
        if name in movers:
            yield view.problem(
                path, f"found {name!r}, which {dotted(movers[name])} moves already; expected another tag"
            )
        movers.setdefault(name, here)
        link = signal.connection
        if link in view.names("connections") and view.get("connections", str(link), "handshake") is None:
            message = f"found {name!r} of connection {link}, expected a connection with a handshake"
            yield view.problem(path, message)


def _reserved(view: View) -> dict[str, str]:
    paths = [*view.match("connections.*.handshake.*"), *view.match("lockstep.request"), *view.match("lockstep.done")]
    return {name: dotted(path) for path in paths if (name := view.text(*path)) is not None}
