"""Cross-rules of incidents: units and readings name what there is, and no tag is of two units."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import cast

from policies.check_shape import hint, listed
from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path

_FEW = 8
_UNITS, _READINGS = ("incidents", "units"), ("incidents", "readings")


def units(view: View) -> Iterator[Problem]:
    """Check what units name: tags once, watches, and units above them."""
    home: dict[str, str] = {}
    for i, unit in enumerate(view.names(*_UNITS)):
        here = (*_UNITS, unit)
        for j, tag in _texts(view, (*here, "tags")):
            yield from _tag(view, (*here, "tags", j), tag)
            if home.setdefault(tag, unit) != unit:
                yield view.problem((*here, "tags", j), f"found {tag!r}, which is of unit {home[tag]} already")
        for j, watch in _texts(view, (*here, "watches")):
            if not watch.startswith("loops."):
                yield from _known(view, (*here, "watches", j), watch, view.names("watches"), "watch")
        for j, above in _texts(view, (*here, "from")):
            yield from _known(view, (*here, "from", j), above, view.names(*_UNITS)[:i], "unit above it")


def readings(view: View) -> Iterator[Problem]:
    """Check that readings name units and tags that there are."""
    for reading in view.names(*_READINGS):
        here = (*_READINGS, reading)
        unit = view.text(*here, "unit")
        if unit is not None:
            yield from _known(view, (*here, "unit"), unit, view.names(*_UNITS), "unit")
        for tag in view.names(*here, "moves"):
            yield from _tag(view, (*here, "moves", tag), tag, at_key=True)


def _texts(view: View, path: Path) -> Iterator[tuple[int, str]]:
    found = view.get(*path)
    entries = cast("list[object]", found) if isinstance(found, list) else []
    return ((i, each) for i, each in enumerate(entries) if isinstance(each, str))


def _tag(view: View, path: Path, tag: str, *, at_key: bool = False) -> Iterator[Problem]:
    if tag.partition(".")[0] not in view.names("loops"):
        yield from _known(view, path, tag, view.signals, "tag", at_key=at_key)


def _known(
    view: View, path: Path, name: str, names: Collection[str], what: str, *, at_key: bool = False
) -> Iterator[Problem]:
    if name in names:
        return
    few = f", expected {listed(list(names)[:_FEW], 'or')}" if 0 < len(names) <= _FEW else ""
    wanted = hint(name, list(names)) or few or f", but there is no such {what}"
    yield view.problem(path, f"found the {what.partition(' ')[0]} {name!r}{wanted}", at_key=at_key)
