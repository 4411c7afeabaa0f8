"""What the change from one policy to another means: place by place, by what each place touches.

Compared is what policies mean: what stands where nothing was written counts, words of the file such as comments do
not. Files that a policy names are compared by their bytes and, where they are JSON or YAML, by what they say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from policies import table
from policies.approval import SUFFIX
from policies.check_shape import value_at
from policies.check_view import View
from policies.errors import PolicyError
from policies.files import NAMED
from policies.impact import Impact, gravest, impact
from policies.model import Policy
from policies.positions import Path, dotted, read

ORDER = "order: "
"""Beginning of what is said of parts that stand in another order."""
_MOST_INSIDE = 100
_SHOWN_LIST = 8


@dataclass(frozen=True, slots=True)
class Change:
    """One place where two policies differ."""

    path: str
    """Place, as in messages; behind a colon a place inside the file that is named there; empty for the whole file."""
    old: object
    """What stood there, as it was written, or as it counted where nothing was; None for nothing."""
    new: object
    """What stands there now."""
    impact: Impact
    """What it touches."""

    @property
    def section(self) -> str:
        """Part of the policy it belongs to."""
        return self.path.partition(":")[0].partition(".")[0] or "file"


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two policies."""

    policy: Policy
    means: Mapping[str, object]
    written: object
    named: Mapping[Path, str]

    def shortened(self, path: Path) -> int | None:
        """Return at which depth something shorter is written than what it means; None where nothing is."""
        here = self.written
        for depth, part in enumerate(path):
            if _section(here) is None and _items(here) is None:
                return depth if depth and here is not None else None
            here = value_at(here, (part,))
        return None

    def shown(self, path: Path, value: object) -> object:
        found = value_at(self.written, path)
        return value if found is None else found


def changes(old: Policy, new: Policy) -> tuple[Change, ...]:
    """Return every change from one policy to another, in the order of the format.

    Empty only if the policies and all files they name are the same, byte for byte.
    """
    sides = _side(old), _side(new)
    found = dict[str, Change]()
    for path, *_ in _differences((), sides[0].means, sides[1].means):
        for each in _said(path, sides):
            found.setdefault(each.path, each)
    for path in sorted(set(sides[0].named) & set(sides[1].named), key=dotted):
        for each in _artefact(path, sides):
            found[each.path] = each
    for each in _approvals(sides):
        found.setdefault(each.path, each)
    if not found and old.fingerprint != new.fingerprint:
        return (Change("", f"sha256 {old.fingerprint}", f"sha256 {new.fingerprint}", Impact.NONE),)
    return tuple(found.values())


def _side(policy: Policy) -> _Side:
    document = read(policy.files[""], "policy")
    if policy.tag_table is not None:
        table.merge(document, policy.files[policy.tag_table], policy.tag_table)
    view = View(document)
    named = {path: view.text(*path) or "" for pattern in NAMED for path in view.match(pattern)}
    return _Side(policy, policy.model_dump(mode="json", by_alias=True), document.data, named)


def _differences(path: Path, old: object, new: object) -> Iterator[tuple[Path, object, object]]:
    """Give every place where two plain values differ, with both; None stands for nothing."""
    sections = _section(old), _section(new)
    if sections[0] is not None and sections[1] is not None:
        yield from _sections(path, sections[0], sections[1])
    elif (pairs := _paired(old, new)) is not None:
        for place, (one, other) in enumerate(pairs):
            yield from _differences((*path, place), one, other)
    elif type(old) is not type(new) or old != new:
        yield path, old, new


def _sections(path: Path, old: dict[str, object], new: dict[str, object]) -> Iterator[tuple[Path, object, object]]:
    for key in old | new:
        yield from _differences((*path, key), old.get(key), new.get(key))
    both = [key for key in old if key in new], [key for key in new if key in old]
    if both[0] != both[1]:
        yield path, ORDER + ", ".join(both[0]), ORDER + ", ".join(both[1])


def _paired(old: object, new: object) -> list[tuple[object, object]] | None:
    """Return the parts of two lists of sections of the same length, side by side; None for anything else."""
    lists = _items(old), _items(new)
    if lists[0] is None or lists[1] is None or len(lists[0]) != len(lists[1]):
        return None
    pairs = list(zip(lists[0], lists[1], strict=True))
    return pairs if any(_section(each) is not None for pair in pairs for each in pair) else None


def _section(value: object) -> dict[str, object] | None:
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def _items(value: object) -> list[object] | None:
    return cast("list[object]", value) if isinstance(value, list) else None


def _said(path: Path, sides: tuple[_Side, _Side]) -> Iterator[Change]:
    """Give the change at a place as people wrote it; what follows from other changes is left to those."""
    values = tuple(value_at(side.means, path) for side in sides)
    if all(isinstance(value, dict) for value in values):
        old, new = (ORDER + ", ".join(cast("dict[str, object]", value)) for value in values)
        yield Change(dotted(path), old, new, Impact.OPERATING)
        return
    depths = [side.shortened(path) for side in sides]
    if depths[0] is not None and depths[0] == depths[1]:
        path = path[: depths[0]]
    written = [value_at(side.written, path) for side in sides]
    if written == [None, None] and depths == [None, None]:
        return
    shown = [side.shown(path, value) for side, value in zip(sides, values, strict=True)]
    yield Change(dotted(path), shown[0], shown[1], _touched(path, [value for value in values if value is not None]))


def _touched(path: Path, values: list[object]) -> Impact:
    """Return what a change touches: of a whole section the gravest of its parts, of a name what stands there."""
    parts = [part for value in values for part in _leaves(path, value)]
    return gravest(impact(part) for part in parts or [path])


def _leaves(path: Path, value: object) -> Iterator[Path]:
    section = _section(value)
    if not section:
        yield path
        return
    for key, inner in section.items():
        yield from _leaves((*path, key), inner)


def _artefact(path: Path, sides: tuple[_Side, _Side]) -> Iterator[Change]:
    """Give what differs in a file that both policies name at a place."""
    names = [side.named[path] for side in sides]
    bodies = [side.policy.files[name] for side, name in zip(sides, names, strict=True)]
    here = dotted(path)
    if bodies[0] == bodies[1]:
        if names[0] != names[1]:
            yield Change(here, names[0], names[1], Impact.NONE)
        return
    told = [f"{name}, sha256 {_hash(body)[:16]}" for name, body in zip(names, bodies, strict=True)]
    yield Change(here, told[0], told[1], impact(path))
    contents = [_content(name, body) for name, body in zip(names, bodies, strict=True)]
    if any(content is None for content in contents):
        return
    inside = list(_differences((), *contents))
    for place, one, other in inside[:_MOST_INSIDE]:
        yield Change(f"{here}:{dotted(place)}", _short(one, other), _short(other, one), impact(path))
    if len(inside) > _MOST_INSIDE:
        more = len(inside) - _MOST_INSIDE
        yield Change(f"{here}:", None, f"{more} more places differ", impact(path))


def _approvals(sides: tuple[_Side, _Side]) -> Iterator[Change]:
    """Give the approvals that are not the same; they change nothing in what is approved."""
    old, new = ({name: body for name, body in side.policy.files.items() if name.endswith(SUFFIX)} for side in sides)
    for name in sorted(set(old) | set(new)):
        hashes = [None if name not in had else f"sha256 {_hash(had[name])[:16]}" for had in (old, new)]
        if hashes[0] != hashes[1]:
            yield Change(name, hashes[0], hashes[1], Impact.NONE)


def _content(name: str, body: bytes) -> object:
    """Return what a file says as plain values; None where it is in no form that can be compared so."""
    try:
        return cast("object", json.loads(body)) if name.endswith(".json") else read(body, name).data
    except (PolicyError, ValueError):
        return None


def _short(value: object, other: object) -> object:
    """Return a value as it is shown; of long lists how many of their numbers differ."""
    items, others = _items(value), _items(other)
    if items is None or len(items) <= _SHOWN_LIST:
        return value
    if others is None:
        return f"{len(items)} values"
    differ = sum(one != two for one, two in zip(items, others, strict=False)) + abs(len(items) - len(others))
    return f"{len(items)} values, sha256 {_hash(json.dumps(items).encode())[:16]}, {differ} differ"


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
