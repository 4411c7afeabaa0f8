"""Cross-rules of what a loop may do without."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_view import View
from policies.errors import Problem


def needs(view: View) -> Iterator[Problem]:
    """Check that no more is needed than there is."""
    for here in view.match("loops.*.needs.*"):
        there, wanted = view.names(*here[:2], str(here[-1])), view.number(*here)
        if wanted is not None and there and wanted > len(there):
            kind = "controlled" if here[-1] == "controlled" else "moved"
            message = f"found {wanted:g}, expected at most {len(there)}, for so many are {kind}"
            yield view.problem(here, message)


def last(view: View) -> Iterator[Problem]:
    """Check that the only variable of its kind is not one to do without."""
    for word, role, wanted in (("on_bad", "controlled", "hold"), ("on_lost", "moved", "release")):
        for here in view.match(f"loops.*.{role}.*.{word}"):
            if view.text(*here) == "drop" and len(view.names(*here[:3])) == 1:
                message = f"found drop for the only {role} variable, expected {wanted}: nothing would be left"
                yield view.problem(here, message)
