"""Cross-rules of watches: only the locked lane may act, and it must say on what; charts are on what there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from policies.check_shape import hint, listed
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


def foretold(view: View) -> Iterator[Problem]:
    """Check that a watch on what a monitor leaves of its tags names a monitor that watches them."""
    for here in view.match("watches.*.monitor"):
        name, tag = view.text(*here), view.text(*here[:2], "tag")
        if name is None:
            continue
        tags = {tag} if tag else set(view.names(*here[:2], "tags"))
        everything = view.text(*here[:2], "kind") == "detector"
        judged = set(cast("Iterable[object]", view.get("watches", name, "tags") or ()))
        if view.text("watches", name, "kind") != "monitor":
            known = [one for one in view.names("watches") if view.text("watches", one, "kind") == "monitor"]
            yield view.problem(here, f"found {name!r}, expected a watch of kind monitor{hint(name, known)}")
        elif not everything and not tags & judged:
            wanted = "expected a monitor that does"
            yield view.problem(here, f"found {name!r}, which does not watch {listed(sorted(tags), 'or')}; {wanted}")
