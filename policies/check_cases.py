"""Cross-rules of cases: each procedure has one confirmatory test, and signatures need users."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path


def tests(view: View) -> Iterator[Problem]:
    """Check that every procedure has exactly one step whose outcome is the confirmatory result."""
    own = (("cases", "procedures", name) for name in view.names("cases", "procedures"))
    for here in (("cases", "steps"), *own):
        steps = view.names(*here)
        count = sum(view.get(*here, step, "confirms") is True for step in steps)
        if steps and count != 1:
            yield view.problem(here, f"found {count} steps that confirm, expected one: the confirmatory test")


def signatures(view: View) -> Iterator[Problem]:
    """Check that signatures are asked for only where there are users to sign."""
    here: Path = ("cases", "signatures")
    if view.get(*here) and view.text("people", "orders") != "users":
        yield view.problem(here, "found signatures, but only users sign; expected people: {orders: users}")
