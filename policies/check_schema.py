"""The form of a file: which keys there are and what each may hold.

pydantic finds what does not fit; the sentences are ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from typing import TypeVar

from pydantic import ValidationError

from policies.check_shape import Form, form, found, hint, listed, value_at
from policies.errors import Problem
from policies.positions import Document, Path
from policies.words import Declared

Model = TypeVar("Model", bound=Declared)

_UNIT_ALONE = re.compile(r"\[([^\]]+)\]")
_UNKNOWN = "extra_forbidden"
_MISSING = "missing"
_KEY = "[key]"


def validated(document: Document, model: type[Model]) -> tuple[Model | None, list[Problem]]:
    """Return what a document declares, or None, and every way in which it does not fit its schema."""
    try:
        return model.model_validate_json(json.dumps(document.data), strict=True), []
    except ValidationError as error:
        shape = form(model)
        misfits = [_misfit(shape, e["type"], e["loc"], e.get("ctx", {})) for e in error.errors(include_url=False)]
    return None, [*_keys(document, shape, misfits), *_values(document, shape, misfits)]


@dataclass(frozen=True, slots=True)
class _Misfit:
    """One place where a document does not fit the schema."""

    kind: str
    path: Path
    reason: str = ""


def _misfit(shape: Form, kind: str, loc: Sequence[str | int], context: Mapping[str, object]) -> _Misfit:
    path, here = _walked(shape, loc)
    if loc and loc[-1] == _KEY:
        return _Misfit("key", path)
    if kind == _MISSING and path and isinstance(path[-1], int):
        return _Misfit("too_short", path[:-1])
    if kind.startswith("union_tag"):
        return _Misfit(kind, (*path, here.discriminator or ""))
    return _Misfit(kind, path, str(context.get("error", "")))


def _walked(shape: Form, loc: Sequence[str | int]) -> tuple[Path, Form]:
    """Leave out of a location what is no part of the file: the form that was chosen, and the marker of a key."""
    path: Path = ()
    for part in loc[:-1] if loc and loc[-1] == _KEY else loc:
        if shape.discriminator is not None:
            shape = shape.variant(str(part))
        else:
            shape, path = shape.child(part), (*path, part)
    return path, shape


def _keys(document: Document, shape: Form, misfits: Sequence[_Misfit]) -> Iterator[Problem]:
    """Say which keys are unknown and which are missing; a misspelt key is not also missing."""
    missing = [misfit.path for misfit in misfits if misfit.kind == _MISSING]
    for *section, key in (misfit.path for misfit in misfits if misfit.kind == _UNKNOWN):
        unmet = {str(path[-1]): path for path in missing if path[:-1] == tuple(section)}
        near = get_close_matches(str(key), unmet, n=1)
        missing = [path for path in missing if path not in {unmet[name] for name in near}]
        known = near or shape.at(document.data, tuple(section)).keys
        meant = hint(str(key), known) or f"; known are {listed(known, 'and')}"
        yield document.problem((*section, key), f"unknown key{meant}", at_key=True)
    for path in missing:
        yield document.problem(path, f"missing, expected {_expectation(document, shape, path)}", at_key=True)


def _values(document: Document, shape: Form, misfits: Sequence[_Misfit]) -> Iterator[Problem]:
    for misfit in misfits:
        path, value = misfit.path, found(value_at(document.data, misfit.path))
        match misfit.kind:
            case "missing" | "extra_forbidden":
                continue
            case "key":
                wanted = shape.at(document.data, path[:-1]).key_form
                yield document.problem(path, f"found {found(path[-1])}, expected {wanted}", at_key=True)
            case "union_tag_not_found" | "union_tag_invalid":
                choices = listed(shape.at(document.data, path[:-1]).variants, "or")
                absent = misfit.kind == "union_tag_not_found"
                message = f"{'missing' if absent else f'found {value}'}, expected {choices}"
                yield document.problem(path, message, at_key=absent)
            case "value_error":
                yield document.problem(path, _reasoned(value, misfit.reason))
            case _:
                yield document.problem(path, f"found {value}, expected {_expectation(document, shape, path)}")


def _reasoned(value: str, reason: str) -> str:
    if "found" in reason:
        return reason
    return f"found {value}, {reason}" if reason.startswith("expected") else f"found {value}; {reason}"


def _expectation(document: Document, shape: Form, path: Path) -> str:
    here = shape.at(document.data, path)
    return here.wanted(_unit(document, shape, path) if here.numeric else "")


def _unit(document: Document, shape: Form, path: Path) -> str:
    """Return the unit that the description of a field, or of the list around it, speaks of; empty for a pure number."""
    field = path[:-1] if isinstance(path[-1], int) else path
    description = shape.at(document.data, field).description
    if alone := _UNIT_ALONE.search(description):
        return "" if alone[1] == "1" else alone[1]
    if "unit of the tag" in description:
        return _unit_of_tag(document, field)
    unit = value_at(document.data, (*field[:-1], "unit"))
    if "`unit`" not in description or not isinstance(unit, str):
        return ""
    return f"{unit} per second" if "`unit` per second" in description else unit


def _unit_of_tag(document: Document, path: Path) -> str:
    """Return the unit of the tag a number belongs to: named by a key above it, or beside the section it stands in."""
    beside = value_at(document.data, (*path[:-2], "tag"))
    for name, table in product((*reversed(path), beside), ("tags", "soft_sensors")):
        unit = value_at(document.data, (table, name, "unit")) if isinstance(name, str) else None
        if isinstance(unit, str):
            return unit
    return ""
