"""What a schema wants at each place of a file, in words.

Everything is read off the JSON Schema, so a new field needs no sentence of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from typing import cast

from pydantic import BaseModel

from policies.positions import Path
from policies.words import SPOKEN, written

Node = Mapping[str, object]
"""One node of a JSON Schema."""

_LONGEST_FOUND = 48


@dataclass(frozen=True, slots=True)
class Form:
    """What may stand at one place of a file."""

    node: Node
    """The node of the JSON Schema, as it stands there."""
    definitions: Node
    """The parts of the JSON Schema that nodes refer to."""

    @property
    def core(self) -> Node:
        """The node with references followed and the possibility of nothing left out."""
        node = self.node
        while "$ref" in node or "anyOf" in node:
            if "$ref" in node:
                node = _inner(self.definitions, str(node["$ref"]).rpartition("/")[2])
            else:
                node = next(option for option in _nodes(node["anyOf"]) if option.get("type") != "null")
        return node

    @property
    def description(self) -> str:
        """What the author of the schema says of the place."""
        return str(self.node.get("description", ""))

    @property
    def discriminator(self) -> str | None:
        """The key that chooses among several forms, or None if there is only one."""
        key = _inner(self.core, "discriminator").get("propertyName")
        return None if key is None else str(key)

    @property
    def variants(self) -> list[str]:
        """What may stand under the discriminator, in words."""
        other = [f"another name with {listed(self._others, 'and')}"] if self._others else []
        return [*_inner(_inner(self.core, "discriminator"), "mapping"), *other]

    @property
    def keys(self) -> list[str]:
        """The keys a section may have, where they are fixed."""
        return list(_inner(self.core, "properties"))

    @property
    def key_form(self) -> str:
        """What the free keys of a section must look like, in words."""
        return _spoken(next(iter(_inner(self.core, "patternProperties")), ""))

    @property
    def numeric(self) -> bool:
        """Whether it is a number, or two."""
        return self.core.get("type") in {"number", "integer"} or "prefixItems" in self.core

    def variant(self, name: str) -> Form:
        """Return the form that `name` under the discriminator chooses."""
        chooser = _inner(self.core, "discriminator")
        return self._of({"$ref": _inner(chooser, "mapping").get(name) or chooser["defaultMapping"]})

    def child(self, part: str | int) -> Form:
        """Return the form of one key or list position; an empty one where there can be none."""
        core = self.core
        if isinstance(part, int):
            prefix = _nodes(core.get("prefixItems", []))
            return self._of(prefix[part] if part < len(prefix) else _inner(core, "items"))
        properties = _inner(core, "properties")
        if part in properties:
            return self._of(_inner(properties, part))
        free = _inner(core, "patternProperties")
        return self._of(_inner(free, next(iter(free), "")))

    def chosen(self, data: object) -> Form:
        """Return the form that the discriminator found in `data` chooses; this one if there is none."""
        key = self.discriminator
        name = None if key is None else inside(data, key)
        if not isinstance(name, str):
            return self
        meant = self._others and all(inside(data, other) is not None for other in self._others)
        return self.variant(name) if name in self.variants or meant else self

    def at(self, data: object, path: Path) -> Form:
        """Return the form of a place in `data`, chosen by the discriminators found there."""
        form = self
        for part in path:
            form = form.chosen(data).child(part)
            data = inside(data, part)
        return form.chosen(data)

    def wanted(self, unit: str = "") -> str:
        """Return what is accepted, in words; numbers are in `unit`, unless that is empty."""
        core = self.core
        measured = f" in {unit}" if unit else ""
        if "const" in core:
            return str(core["const"])
        if "enum" in core:
            return listed([str(choice) for choice in cast("list[object]", core["enum"])], "or")
        match core.get("type"):
            case "number" | "integer" as kind:
                return f"a {'whole ' if kind == 'integer' else ''}number{_bounds(core)}{measured}"
            case "string":
                return self._wanted_text()
            case "array":
                few = " of at least one entry" if core.get("minItems") else ""
                return f"two numbers{measured}, the lower first" if "prefixItems" in core else f"a list{few}"
            case _:
                return self._wanted_section()

    def _of(self, node: Node) -> Form:
        return replace(self, node=node)

    @property
    def _others(self) -> list[str]:
        """The keys that must stand beside a discriminator that is none of the known ones; none if it must be known."""
        other = _inner(self.core, "discriminator").get("defaultMapping")
        required = [] if other is None else cast("list[str]", self._of({"$ref": other}).core["required"])
        return [key for key in required if key != self.discriminator]

    def _wanted_text(self) -> str:
        pattern, said = str(self.core.get("pattern", "")), self.description
        if not pattern or pattern in SPOKEN or not said:
            return _spoken(pattern)
        return f"the {said[0].lower()}{said[1:].rstrip('.').replace('`', '')}"

    def _wanted_section(self) -> str:
        if self.discriminator is not None:
            return f"a section with {self.discriminator}: {listed(self.variants, 'or')}"
        required = [str(name) for name in cast("list[object]", self.core.get("required", []))]
        if required:
            return f"a section with {listed(required, 'and')}"
        return "a section of at least one entry" if self.core.get("minProperties") else "a section"


@lru_cache(maxsize=8)
def form(model: type[BaseModel]) -> Form:
    """Return the form of a whole file, keys as they are written."""
    schema = model.model_json_schema()
    return Form(schema, _inner(schema, "$defs"))


def published(model: type[BaseModel]) -> dict[str, object]:
    """Return the JSON Schema of a whole file for editors, the defaults of durations as they are written."""
    dialect: dict[str, object] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return dialect | cast("dict[str, object]", _as_written(form(model).node))


def found(value: object) -> str:
    """Return a value of a document as it is quoted in a message."""
    match value:
        case None:
            return "nothing"
        case dict():
            return "a section"
        case bool() | list():
            text = json.dumps(value)
        case int() | float():
            return f"{value:.12g}"
        case _:
            text = repr(value)
    return text if len(text) <= _LONGEST_FOUND else f"{text[: _LONGEST_FOUND - 3]}..."


def hint(name: str, names: Sequence[str]) -> str:
    """Return the end of a sentence that names the nearest of some names, or nothing."""
    near = get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def listed(words: Sequence[str], last: str) -> str:
    """Return words as a list for reading.

    Examples
    --------
    >>> listed(["coil", "input", "holding"], "or")
    'coil, input or holding'
    """
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def value_at(data: object, path: Path) -> object:
    """Return the value at a path of a document, or None."""
    for part in path:
        data = inside(data, part)
    return data


def inside(data: object, part: str | int) -> object:
    """Return one entry of a section or list, or None."""
    if isinstance(data, dict):
        return cast("dict[object, object]", data).get(part)
    if isinstance(data, list) and isinstance(part, int):
        items = cast("list[object]", data)
        return items[part] if part < len(items) else None
    return None


def _inner(node: Node, key: str) -> Node:
    return cast("Node", node.get(key, {}))


def _nodes(value: object) -> list[Node]:
    return cast("list[Node]", value)


def _as_written(node: object) -> object:
    if isinstance(node, list):
        return [_as_written(item) for item in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    plain = {key: _as_written(value) for key, value in cast("dict[str, object]", node).items()}
    if plain.get("type") == "string" and isinstance(plain.get("default"), float):
        plain["default"] = written(cast("float", plain["default"]))
    return plain


def _bounds(node: Node) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    words = {
        "above": "exclusiveMinimum",
        "of at least": "minimum",
        "below": "exclusiveMaximum",
        "of at most": "maximum",
    }
    bounds = [f"{word} {node[key]}" for word, key in words.items() if key in node]
    return f" {' and '.join(bounds)}" if bounds else ""


def _spoken(pattern: str) -> str:
    return SPOKEN.get(pattern, f"text of the form {pattern}" if pattern else "text")
