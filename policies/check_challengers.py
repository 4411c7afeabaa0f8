"""Cross-rules of challengers: they are compared on late results, and nothing that moves the plant reads them."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_view import View
from policies.errors import Problem
from policies.hybrid import rival
from policies.watches import Action

_READERS = (
    "loops.*.controlled.*.tag",
    "loops.*.controlled.*.target",
    "loops.*.controlled.*.coming.next",
    "loops.*.controlled.*.coming.at",
    "loops.*.measured.*.tag",
    "loops.*.measured.*.taken",
    "loops.*.measured.*.clock",
    "loops.*.known.*",
    "loops.*.known.*.tag",
    "loops.*.known.*.next",
    "loops.*.known.*.at",
    "tags.*.substitute.tag",
    "soft_sensors.*.flow",
    "soft_sensors.*.path",
    "soft_sensors.*.tag",
    "soft_sensors.*.content",
    "soft_sensors.*.speed",
    "soft_sensors.*.force",
    "soft_sensors.*.weighed",
    "soft_sensors.*.witnesses.*.tag",
    "soft_sensors.*.reads.*",
)


def results(view: View) -> Iterator[Problem]:
    """Check that a challenger can be compared with the model in service."""
    for here in view.match("soft_sensors.*.challenger"):
        if view.get(*here[:2], "lab") is None:
            message = "found a challenger without lab, expected late results on which both can be compared"
            yield view.problem(here, message, at_key=True)
        fewest, newest = view.number(*here, "results"), view.number(*here, "newest")
        if fewest is not None and newest is not None and newest < fewest:
            yield view.problem((*here, "newest"), f"found {newest:g}, expected results, {fewest:g}, or more")


def readers(view: View) -> Iterator[Problem]:
    """Check that no loop reads a challenger, nor anything a loop may read or be held by."""
    kept = {
        tag
        for here in view.match("soft_sensors.*.challenger")
        for tag in view.given(str(here[1]))
        if tag.startswith(rival(str(here[1]))) or tag == f"{here[1]}.BETTER"
    }
    if not kept:
        return
    for path in (path for pattern in _READERS for path in view.match(pattern)):
        if view.text(*path) in kept:
            message = f"found {view.text(*path)!r} of a challenger, expected a tag of what is in service"
            yield view.problem(path, message)
    for here in view.match("watches.*"):
        if view.get(*here, "action") == Action.HOLD and view.text(*here, "tag") in kept:
            message = f"found {view.text(*here, 'tag')!r} of a challenger, which may not hold a loop"
            yield view.problem((*here, "tag"), message)
