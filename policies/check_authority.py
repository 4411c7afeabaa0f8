"""Cross-rules of how far inputs may be corrected: by names that are moved, and never by a share of nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path
from policies.sentences import among
from policies.units import convert, convertible, known

_ALL = 1.0


def shares(view: View) -> Iterator[Problem]:
    """Check that a share is one of a value that cannot be zero, and that amounts are those of moved variables."""
    for loop in view.match("loops.*"):
        moved = view.names(*loop, "moved")
        for here in ((*loop, "authority"), (*loop, "witness", "authority")):
            written = view.get(*here)
            if isinstance(written, int | float) and 0.0 < written < _ALL:
                yield from _of_nothing(view, here, loop)
            if isinstance(written, dict) and written:
                yield from _named(view, here, {str(key) for key in cast("Mapping[object, object]", written)}, moved)


def witnesses(view: View) -> Iterator[Problem]:
    """Check that a second witness can have an effect: more authority with it than without, in the same words."""
    for here in view.match("loops.*.witness"):
        alone, borne = view.get(*here[:2], "authority"), view.get(*here, "authority")
        path = (*here, "authority")
        if alone is None:
            message = "found witness without authority beside it, expected what needs no witness"
            yield view.problem(here, message, at_key=True)
        elif isinstance(alone, int | float) and isinstance(borne, int | float):
            if borne <= alone:
                yield view.problem(path, f"found {borne:g}, expected more than authority, {alone:g}")
        elif isinstance(alone, dict) and isinstance(borne, dict):
            for name in view.names(*path):
                less, more = view.number(*here[:2], "authority", name), view.number(*path, name)
                if less is not None and more is not None and more <= less:
                    yield view.problem((*path, name), f"found {more:g}, expected more than authority, {less:g}")
        elif borne is not None:
            kind = "a share" if isinstance(alone, int | float) else "an amount for each moved variable"
            yield view.problem(path, f"expected {kind}, as authority is")


def _of_nothing(view: View, here: Path, loop: Path) -> Iterator[Problem]:
    for name in view.names(*loop, "moved"):
        span, unit = view.span(*loop, "moved", name, "limits"), view.text(*loop, "moved", name, "unit") or ""
        if known(unit) and convertible(unit, "K") and convert(0.0, unit, "K") != 0.0:
            why = f"whose zero in {unit} is a point of a scale"
        elif span is not None and span[0] <= 0.0 <= span[1]:
            why = "which may be zero"
        else:
            continue
        message = f"found a share of the value of {name}, {why}; expected an amount for each, such as {{{name}: 0.5}}"
        yield view.problem(here, message)
        return


def _named(view: View, here: Path, found: set[str], moved: tuple[str, ...]) -> Iterator[Problem]:
    for name in sorted(found - set(moved)):
        yield view.problem((*here, name), f"found {name!r}, {among(moved, 'moved variable', 'expected')}", at_key=True)
    for name in (name for name in moved if name not in found):
        yield view.problem((*here, name), "missing, expected a number for each moved variable", at_key=True)
