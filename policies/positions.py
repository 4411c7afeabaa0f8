"""YAML read together with the place of every word in it.

Policies use the plain part of YAML 1.2: sections, lists, text and numbers, each written where it is used. Scalars
follow the core schema of YAML 1.2.2, clause 10.3.2 (so ``no`` and ``2026-11-20`` are text). Anchors, aliases, tags and
keys written twice are problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, cast

from policies.errors import PolicyError, Problem

Path = tuple[str | int, ...]
"""Keys and list positions from the top of a file to a value."""

LARGEST = 4_000_000
"""Largest file read as YAML [byte]; 1000 tags take about 130 000."""

_DEEPEST = 16
_LONGEST_NUMBER = 40
_BROKEN = "found half a character (a surrogate)"
_WORDS: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NUMBER = re.compile(
    r"(?P<whole>[-+]?[0-9]+)|(?P<based>0o[0-7]+|0x[0-9a-fA-F]+)|(?P<odd>[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file."""

    line: int
    """Line, counted from 1 [1]."""
    column: int
    """Character in the line, counted from 1 [1]."""
    file: str = ""
    """Another file than the document, or nothing."""


@dataclass(slots=True)
class Document:
    """What one YAML file says, and where it says it."""

    name: str
    """File, as it was given."""
    data: object = None
    """The content: dict, list, str, int, float, bool and None."""
    keys: dict[Path, Mark] = field(default_factory=dict[Path, Mark])
    """Place of each key, by the path of its value."""
    values: dict[Path, Mark] = field(default_factory=dict[Path, Mark])
    """Place of each value, by its path."""
    problems: list[Problem] = field(default_factory=list[Problem])
    """What no policy may contain, whatever it means."""

    def problem(self, path: Path, message: str, *, at_key: bool = False) -> Problem:
        """Return a problem with the value at `path`, or with its key.

        Where nothing stands at `path`, the problem is placed at the nearest section around it.
        """
        place = path
        while place and place not in self.values:
            place, at_key = place[:-1], True
        mark = self.keys.get(place) if at_key else None
        mark = mark or self.values.get(place, Mark(1, 1))
        return Problem(mark.file or self.name, mark.line, mark.column, dotted(path), message)


def dotted(path: Path) -> str:
    """Return a path as people write it.

    Examples
    --------
    >>> dotted(("watches", "nir_fit", "holds", 0))
    'watches.nir_fit.holds[0]'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def read(data: bytes, name: str) -> Document:
    """Return the content of a YAML file with the places of its parts.

    Raises
    ------
    PolicyError
        If `data` is too large, no UTF-8, no YAML, or not exactly one document.
    """
    if len(data) > LARGEST:
        raise _refusal(name, Mark(1, 1), f"found more than {LARGEST} bytes, expected a smaller file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place(data[: error.start].decode("utf-8-sig"))
        raise _refusal(name, place, f"found the byte 0x{data[error.start]:02x}, expected text in UTF-8") from None
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415  # start-up stays light

    document = Document(name)
    try:
        _document(_events(text), document)
    except YAMLError as error:
        raise _not_yaml(error, text, name) from None
    return document


def _refusal(name: str, place: Mark, message: str) -> PolicyError:
    return PolicyError([Problem(name, place.line, place.column, "", message)])


def _place(before: str) -> Mark:
    return Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _not_yaml(error: Exception, text: str, name: str) -> PolicyError:
    position = cast("int | None", getattr(error, "position", None))
    if position is not None:
        message = f"found the character U+{ord(text[position]):04X}, which YAML does not permit"
        return _refusal(name, _place(text[:position]), message)
    mark = cast("_Mark | None", getattr(error, "problem_mark", None))
    place = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
    return _refusal(name, place, f"this is not YAML: {getattr(error, 'problem', None) or 'it cannot be read'}")


class _Mark(Protocol):
    """Place as ruamel.yaml gives it."""

    line: int
    """Line, counted from 0 [1]."""
    column: int
    """Character, counted from 0 [1]."""


class _Event(Protocol):
    """The part of a ruamel.yaml event that is used here."""

    start_mark: _Mark
    value: str
    anchor: str | None
    tag: str | None
    implicit: tuple[bool, bool]
    version: tuple[int, int] | None


class _Parser(Protocol):
    def parse(self, stream: str) -> Iterator[_Event]: ...


def _events(text: str) -> Iterator[tuple[str, _Event]]:
    from ruamel.yaml import YAML  # noqa: PLC0415  # start-up stays light

    parser = cast("_Parser", YAML(typ="safe", pure=True))
    for event in parser.parse(text):
        yield type(event).__name__.removesuffix("Event"), event


def _mark(event: _Event) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _document(events: Iterator[tuple[str, _Event]], document: Document) -> None:
    next(events)
    kind, event = next(events)
    if kind == "StreamEnd":
        raise _refusal(document.name, Mark(1, 1), "the file is empty")
    if event.version not in (None, (1, 2)):
        raise _refusal(document.name, _mark(event), "found another version of YAML, expected YAML 1.2")
    document.data = _value(events, next(events), (), document)
    next(events)
    kind, event = next(events)
    if kind != "StreamEnd":
        raise _refusal(document.name, _mark(event), "found a second document, expected only one")


def _value(events: Iterator[tuple[str, _Event]], found: tuple[str, _Event], path: Path, document: Document) -> object:
    kind, event = found
    document.values[path] = _mark(event)
    if len(path) > _DEEPEST:
        raise _refusal(document.name, _mark(event), f"found more than {_DEEPEST} levels, expected fewer")
    if kind == "Alias" or event.anchor is not None or event.tag is not None:
        document.problems.append(document.problem(path, "found an anchor, alias or tag, expected the value itself"))
    match kind:
        case "MappingStart":
            return _section(events, path, document)
        case "SequenceStart":
            return _list(events, path, document)
        case "Scalar":
            return _scalar(event, path, document)
        case _:
            return None


def _section(events: Iterator[tuple[str, _Event]], path: Path, document: Document) -> dict[str, object]:
    section: dict[str, object] = {}
    for kind, event in events:
        if kind == "MappingEnd":
            break
        if kind != "Scalar":
            raise _refusal(document.name, _mark(event), "found a section, list or alias, expected a name as key")
        if _broken(event.value):
            raise _refusal(document.name, _mark(event), f"{_BROKEN}, expected a name as key")
        here = (*path, event.value)
        if event.value in section:
            place, first = _mark(event), document.keys[here].line
            message = f"written twice, first in line {first}; expected it once"
            document.problems.append(Problem(document.name, place.line, place.column, dotted(here), message))
            _value(events, next(events), here, Document(document.name))
            continue
        document.keys[here] = _mark(event)
        section[event.value] = _value(events, next(events), here, document)
    return section


def _list(events: Iterator[tuple[str, _Event]], path: Path, document: Document) -> list[object]:
    items: list[object] = []
    for found in events:
        if found[0] == "SequenceEnd":
            break
        items.append(_value(events, found, (*path, len(items)), document))
    return items


def _scalar(event: _Event, path: Path, document: Document) -> object:
    text = event.value
    if _broken(text):
        document.problems.append(document.problem(path, f"{_BROKEN}, expected text"))
        return None
    return resolved(text) if event.implicit[0] else text


def _broken(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def resolved(text: str) -> object:
    """Return what a scalar without quotation marks means: nothing, true or false, a number, or text.

    Examples
    --------
    >>> resolved("0x10"), resolved("1e3"), resolved("no")
    (16, 1000.0, 'no')
    """
    if text in _WORDS:
        return _WORDS[text]
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if match is None:
        return text
    if match["odd"]:
        return float(text.replace(".", ""))
    return int(text, 10 if match["whole"] else 0) if match["whole"] or match["based"] else float(text)
