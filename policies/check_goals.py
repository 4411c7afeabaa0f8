"""Cross-rules of what a loop is to gain and of the limits it keeps."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path
from policies.units import convertible, known

_ROLES = ("controlled", "moved")


def worth(view: View) -> Iterator[Problem]:
    """Check that more and less are not both worth something, and that nothing held on target is to be more or less."""
    for here in (path for role in _ROLES for path in view.match(f"loops.*.{role}.*")):
        words = [word for word in ("maximise", "minimise") if view.get(*here, word) is not None]
        if len(words) > 1:
            yield view.problem((*here, words[1]), "found minimise beside maximise, expected one of them", at_key=True)
        elif words and view.get(*here, "target") is not None:
            message = f"found {words[0]} beside target, expected one of them"
            yield view.problem((*here, words[0]), message, at_key=True)


def protected(view: View) -> Iterator[Problem]:
    """Check that nothing is earned at the cost of a limit that is lost with its evidence."""
    for here in view.match("loops.*.controlled.*"):
        loop = here[:2]
        words = [f"loops.{loop[1]}.{role}.*.{word}" for role in _ROLES for word in ("maximise", "minimise")]
        earns = any(path for pattern in words for path in view.match(pattern))
        if earns and view.text(*here, "on_bad") == "drop" and view.get(*here, "target") is None:
            message = "found drop on a variable that only has limits, in a loop that is to earn; expected hold"
            yield view.problem((*here, "on_bad"), message)


def distances(view: View) -> Iterator[Problem]:
    """Check that the distance kept from limits is said in one way only."""
    for here in view.match("loops.*.controlled.*"):
        if view.get(*here, "backoff") is not None and view.get(*here, "confidence") is not None:
            yield view.problem(
                (*here, "confidence"), "found confidence beside backoff, expected one of them", at_key=True
            )


def comings(view: View) -> Iterator[Problem]:
    """Check that what is announced has a time, and units that convert."""
    for here in view.match("loops.*.known.*"):
        found = {word for word in ("next", "at") if view.get(*here, word) is not None}
        if len(found) == 1:
            (one,) = found
            message = f"found {one} alone, expected next and at together"
            yield view.problem((*here, one), message, at_key=True)
        shown = view.signals.get(view.text(*here, "tag") or "")
        yield from _converts(view, (*here, "next"), shown.unit if shown else None)
        yield from _converts(view, (*here, "at"), "s")
    for here in view.match("loops.*.controlled.*.coming"):
        if isinstance(view.get(*here[:-1], "target"), int | float):
            message = "found coming beside a target that is a number, expected the tag that shows the target"
            yield view.problem(here, message, at_key=True)
        yield from _converts(view, (*here, "next"), view.text(*here[:-1], "unit"))
        yield from _converts(view, (*here, "at"), "s")


def _converts(view: View, path: Path, wanted: str | None) -> Iterator[Problem]:
    name = view.text(*path) or ""
    unit = view.signals[name].unit if name in view.signals else None
    if unit and wanted and known(unit) and known(wanted) and not convertible(unit, wanted):
        yield view.problem(path, f"found {name!r} in {unit}, expected a tag in a unit that converts to {wanted}")
