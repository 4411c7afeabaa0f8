"""Cross-rules of watches: only the locked lane may act, and it must say on what."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_view import View
from policies.errors import Problem
from policies.watches import Action


def holds(view: View) -> Iterator[Problem]:
    """Check that a watch that holds names loops, and that one that names loops holds."""
    for here in view.match("watches.*"):
        if view.text(*here, "kind") != "ewma":
            continue
        holding, loops = view.get(*here, "action") == Action.HOLD, view.get(*here, "holds")
        if holding and not loops:
            message = "missing, expected the names of the loops that action: hold freezes"
            yield view.problem((*here, "holds"), message, at_key=True)
        if loops and not holding:
            message = "found loops to hold without action: hold; expected both or neither"
            yield view.problem((*here, "holds"), message)
