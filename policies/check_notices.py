"""Cross-rules of notices: who is told is somebody the policy names, and everybody it names is told of something."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_shape import hint, listed
from policies.check_view import View
from policies.errors import Problem


def receivers(view: View) -> Iterator[Problem]:
    """Check that ways and escalations name receivers, and that no receiver is named in vain."""
    known, used = view.names("notices", "receivers"), set[str]()
    for here in (*view.match("notices.ways.*.to.*"), *view.match("notices.escalations.*.to.*")):
        name = view.text(*here)
        if name is None:
            continue
        used.add(name)
        if known and name not in known:
            wanted = hint(name, list(known)) or f", expected {listed(list(known), 'or')}"
            yield view.problem(here, f"found {name!r}{wanted}")
    for name in known:
        if name not in used:
            message = f"found {name!r}, which no way and no escalation tells anything"
            yield view.problem(("notices", "receivers", name), message, at_key=True)
