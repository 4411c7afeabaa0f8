"""Cross-rules of cases: each procedure has one confirmatory test."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_view import View
from policies.errors import Problem


def tests(view: View) -> Iterator[Problem]:
    """Check that every procedure has exactly one step whose outcome is the confirmatory result."""
    own = (("cases", "procedures", name) for name in view.names("cases", "procedures"))
    for here in (("cases", "steps"), *own):
        steps = view.names(*here)
        count = sum(view.get(*here, step, "confirms") is True for step in steps)
        if steps and count != 1:
            yield view.problem(here, f"found {count} steps that confirm, expected one: the confirmatory test")
