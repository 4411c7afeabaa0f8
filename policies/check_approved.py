"""Whether the files of watches are approved by those whom the policy names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import cast

from policies.approval import SUFFIX, NotApproved, verified
from policies.check_view import View
from policies.errors import Problem
from policies.positions import Document, Path

_FILES = ("model", "library")


def approvals(
    document: Document, get: Callable[[str], bytes], files: dict[str, bytes], named: Sequence[str]
) -> Iterator[Problem]:
    """Fill `files` with the approvals a policy asks for, and say which are not there or do not count.

    Parameters
    ----------
    document
        The policy.
    get
        Gives a file beside it.
    files
        The files it names, by name.
    named
        Patterns of the places where it names them.
    """
    view = View(document)
    if view.text("people", "models") == "signed":
        for here in (path for pattern in named for path in view.match(pattern)):
            name = view.text(*here)
            if name is not None and name in files:
                yield from _approved(view, here, name, None, (get, files))
    for here in view.match("watches.*.approved_by"):
        keys = [key for key in _keys(view, here) if isinstance(key, str)]
        for part in _FILES:
            name = view.text(*here[:-1], part)
            if keys and name is not None and name in files:
                yield from _approved(view, here, name, keys, (get, files))


def _keys(view: View, here: Path) -> list[object]:
    found = view.get(*here)
    return cast("list[object]", found) if isinstance(found, list) else []


def _approved(
    view: View, here: Path, name: str, keys: list[str] | None, files: tuple[Callable[[str], bytes], dict[str, bytes]]
) -> Iterator[Problem]:
    get, had = files
    beside = name + SUFFIX
    try:
        had.setdefault(beside, get(beside))
        verified(hashlib.sha256(had[name]).hexdigest(), had[beside], keys)
    except OSError:
        yield view.problem(here, f"found no approval of {name}, expected {beside} beside the policy")
    except NotApproved as error:
        yield view.problem(here, f"{beside} is no approval of {name} that counts: {error}")
