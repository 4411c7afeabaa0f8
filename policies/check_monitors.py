"""Cross-rules of monitors: tags they name, and the pace at which they look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isclose
from typing import cast

from policies.check_shape import hint
from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path
from policies.words import written

_PARTS = ("bias", "state", "innovation", "input")
_DEEP = 3


def monitors(view: View) -> Iterator[Problem]:
    """Check what monitors name and what shows that a line runs, and that monitors look after whole cycles."""
    for here in view.match("watches.*"):
        yield from _known(view, [(*here, "runs", "tag")])
        if view.text(*here, "kind") == "monitor":
            yield from _named(view, here)
            yield from _pace(view, here)


def _named(view: View, here: Path) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for part in ("tags", "inputs"):
        found = view.get(*here, part)
        for i, name in enumerate(cast("list[object]", found) if isinstance(found, list) else []):
            if not isinstance(name, str):
                continue
            yield from _tag(view, (*here, part, i), name)
            if name in seen:
                yield view.problem((*here, part, i), f"found {name!r} twice, expected it in {seen[name]} alone")
            seen.setdefault(name, part)
    yield from _known(view, view.match(".".join((*map(str, here), "suppressed", "*", "tag"))))


def _known(view: View, places: Iterable[Path]) -> Iterator[Problem]:
    for place in places:
        if (name := view.text(*place)) is not None and name not in view.signals:
            yield view.problem(place, f"found the tag {name!r}{_nearest(name, view)}")


def _tag(view: View, place: Path, name: str) -> Iterator[Problem]:
    loop, *rest = name.split(".")
    if loop in view.names("loops"):
        if len(rest) + 1 != _DEEP or rest[0] not in _PARTS:
            yield view.problem(
                place, f"found {name!r}, expected {loop}.bias, .state, .innovation or .input with a name"
            )
        return
    signal = view.signals.get(name)
    if signal is None:
        yield view.problem(place, f"found the tag {name!r}{_nearest(name, view)}")
    elif signal.length > 1:
        yield view.problem(place, f"found {name!r}, which is an array, expected a tag of one value")


def _nearest(name: str, view: View) -> str:
    return hint(name, list(view.signals)) or ", but there is no such tag"


def _pace(view: View, here: Path) -> Iterator[Problem]:
    every, period = view.duration(*here, "every"), view.duration("period")
    if every is None or period is None:
        return
    cycles = every / period
    if cycles < 1.0 or not isclose(cycles, round(cycles), rel_tol=1e-9):
        message = f"found {view.text(*here, 'every')}, expected whole cycles of {written(period)}"
        yield view.problem((*here, "every"), message)
