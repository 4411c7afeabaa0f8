"""Frozen values that are made in every cycle, made as quickly as values that are not frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = TypeVar("Kind", bound=type)

_ABSENT = object()
turned = cast("Callable[[object, type], None]", vars(object)["__class__"].__set__)
"""Makes a value one of another class with the same slots."""
TWINS: dict[type, type] = {}
"""Classes with the slots of those whose values are made quickly, and whose fields can be set."""


def quick(kind: Kind) -> Kind:
    """Return a frozen dataclass with slots whose values are made in half the time; nothing is derived from it.

    `dataclasses` enters each field of a frozen value through `object.__setattr__`. Here a value is of a twin class with
    the same slots that lets its fields be set, until all of them are; nobody else ever meets it as such.

    Raises
    ------
    TypeError
        If it is no frozen dataclass with slots, derived from nothing.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @quick
    ... @dataclass(frozen=True, slots=True)
    ... class Point:
    ...     x: float
    ...     y: float = 0.0
    >>> Point(1.0), Point(1.0) == Point(1.0, y=0.0)
    (Point(x=1.0, y=0.0), True)
    """
    declared = getattr(kind, "__dataclass_params__", None)
    if declared is None or not declared.frozen or "__slots__" not in vars(kind) or kind.__bases__ != (object,):
        raise TypeError(f"{kind.__name__}: expected a frozen dataclass with slots, derived from nothing")
    parts = fields(cast("DataclassInstance", kind))
    if any(part.kw_only for part in parts):
        raise TypeError(f"{kind.__name__}: expected fields that may be given by their place")
    twin = type(kind.__name__, (), {"__slots__": vars(kind)["__slots__"]})
    TWINS[kind] = twin
    known = {"_turned": turned, "_twin": twin, "_kind": kind, "_absent": _ABSENT, **_given(parts)}
    text = "\n    ".join([f"def __init__({', '.join(['self', *_asked(parts)])}):", *_steps(kind, parts)])
    exec(text, known)  # noqa: S102  # as `dataclasses` does; all of it is made of names of fields
    made = cast("Callable[..., None]", known["__init__"])
    made.__qualname__, made.__module__ = f"{kind.__qualname__}.__init__", kind.__module__
    made.__annotations__ = dict(vars(kind)["__init__"].__annotations__)
    kind.__init__ = made  # type: ignore[misc]  # this is what it is for
    kind.__init_subclass__ = classmethod(_refuse)  # type: ignore[assignment]
    return kind


def _given(parts: Iterable[Field[object]]) -> dict[str, object]:
    """Return the defaults of fields and what makes them, by the names they have in the text."""
    values: dict[str, object] = {f"_value_{part.name}": part.default for part in parts if part.default is not MISSING}
    makers = {part.name: part.default_factory for part in parts if part.default_factory is not MISSING}
    return values | {f"_make_{name}": maker for name, maker in makers.items()}


def _asked(parts: Iterable[Field[object]]) -> list[str]:
    """Return the parameters, as text."""
    asked = [part for part in parts if part.init]
    return [
        f"{part.name}=_value_{part.name}"
        if part.default is not MISSING
        else f"{part.name}=_absent"
        if part.default_factory is not MISSING
        else part.name
        for part in asked
    ]


def _steps(kind: type, parts: Sequence[Field[object]]) -> list[str]:
    """Return what is done, one line each; what may fail comes first."""
    made = [part for part in parts if part.default_factory is not MISSING]
    steps = [
        f"if {part.name} is _absent: {part.name} = _make_{part.name}()"
        if part.init
        else f"{part.name} = _make_{part.name}()"
        for part in made
    ]
    own = [part for part in parts if not part.init and part.default is not MISSING]
    held = [part.name for part in parts if part.init or part in made]
    steps += ["_turned(self, _twin)", *(f"self.{name} = {name}" for name in held)]
    steps += [*(f"self.{part.name} = _value_{part.name}" for part in own), "_turned(self, _kind)"]
    return [*steps, "self.__post_init__()"] if hasattr(kind, "__post_init__") else steps


def _refuse(kind: type) -> None:
    raise TypeError(f"{kind.__name__}: nothing is derived from a value that is made quickly")
