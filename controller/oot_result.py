"""A stored outcome of a method for results out of trend: who made it, when, of what, and whether it can be made again.

A stored outcome carries the results themselves beside the hash of the file they came from, all that the method was
told, the version of the method and of the program. Made again from that it is the same, byte for byte; `again` says so
or says what differs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import cast

from pydantic import TypeAdapter, ValidationError

from anomaly.oot.methods import METHODS, judge
from anomaly.oot.study import Outcome, Row, Settings

FORMAT = 1
"""Version of the form of stored outcomes."""

_ROWS = TypeAdapter(tuple[Row, ...])


@dataclass(frozen=True, slots=True)
class Made:
    """Of what, by whom, when and with what an outcome was made."""

    source: str
    """Name of the file of results."""
    sha256: str
    """SHA-256 of the file, hexadecimal."""
    user: str
    """Who made it."""
    at: str
    """When it was made, ISO 8601, UTC."""
    program: str
    """Version of Steadyline."""


@dataclass(frozen=True, slots=True)
class Again:
    """What came of making a stored outcome again."""

    identical: bool
    """Whether it is the same, byte for byte."""
    text: str
    """The stored outcome as it is made now."""
    differences: tuple[str, ...]
    """What differs, one sentence each."""
    outcome: Outcome
    """What the method finds now."""


def stored(rows: Sequence[Row], settings: Settings, made: Made) -> tuple[Outcome, str]:
    """Return what a method finds, and the text in which it is stored.

    Raises
    ------
    ValueError
        If the method finds nothing to judge.
    """
    outcome = judge(rows, settings)
    plain = {
        "oot": FORMAT,
        "made": asdict(made),
        "settings": settings.model_dump(mode="json"),
        "rows": [row.model_dump(mode="json", exclude_defaults=True) for row in rows],
        "outcome": _finite(asdict(outcome)),
    }
    return outcome, json.dumps(plain | {"sha256": _sealed(plain)}, indent=1, ensure_ascii=False) + "\n"


def again(text: str, name: str) -> Again:
    """Make a stored outcome again, from what it carries.

    Parameters
    ----------
    text
        The stored outcome.
    name
        Name of its file, for messages.

    Raises
    ------
    ValueError
        If it is no stored outcome, or its method is not known in that version.
    """
    plain = _read(text, name)
    try:
        rows, settings = carried(text)
        made = Made(**cast("dict[str, str]", plain["made"]))
        before = cast("Mapping[str, object]", plain["outcome"])
        version = before["version"]
    except (KeyError, TypeError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise ValueError(f"{name}: this is no stored outcome of a method for results out of trend: {first}") from error
    known = METHODS[settings.method].version
    if version != known:
        raise ValueError(f"{name}: found version {version!r} of method {settings.method}, known is {known}")
    outcome, now = stored(rows, settings, made)
    return Again(now == text, now, tuple(_differences(plain, json.loads(now), name)), outcome)


def carried(text: str) -> tuple[tuple[Row, ...], Settings]:
    """Return the results a stored outcome carries, and what its method was told."""
    plain = cast("Mapping[str, object]", json.loads(text))
    return _ROWS.validate_python(plain["rows"]), Settings.model_validate(plain["settings"])


def _read(text: str, name: str) -> dict[str, object]:
    try:
        found: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name}:{error.lineno}:{error.colno}: this is no JSON: {error.msg.lower()}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{name}: expected a stored outcome, an object")  # noqa: TRY004  # it is a file
    plain = cast("dict[str, object]", found)
    if plain.get("oot") != FORMAT:
        raise ValueError(f"{name}: found oot {plain.get('oot')!r}, expected a stored outcome of form {FORMAT}")
    return plain


def _differences(before: Mapping[str, object], now: Mapping[str, object], name: str) -> list[str]:
    found: list[str] = []
    sealed = {key: value for key, value in before.items() if key != "sha256"}
    if before.get("sha256") != _sealed(sealed):
        found.append(f"{name}: what it says does not have the hash it carries; it was changed after it was made")
    old, new = (cast("Mapping[str, object]", one["outcome"]) for one in (before, now))
    found += [f"{key}: stored {old.get(key)!r}, made again {new[key]!r}" for key in new if old.get(key) != new[key]]
    return found


def _sealed(plain: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _finite(value: object) -> object:
    """Return a value as JSON can say it: what is no finite number becomes a word."""
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in cast("Mapping[str, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in cast("list[object]", value)]
    return value
