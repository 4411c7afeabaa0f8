"""Cross-rules of what a loop is to gain and of the limits it keeps."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_view import View
from policies.errors import Problem

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
