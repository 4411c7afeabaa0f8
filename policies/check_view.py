"""A policy as it was written, whether or not every part of it can be used.

The cross-rules read from here, so that one mistake does not hide another: what was not understood reads as None, and a
rule says nothing about None.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from policies.check_shape import value_at
from policies.errors import Problem
from policies.hybrid import inferred
from policies.peaks import listed, stretched
from policies.positions import Document, Path
from policies.reconciled import reconciled
from policies.soft import balanced, given
from policies.tablets import blocked, claimed
from policies.tags import Access
from policies.words import seconds


@dataclass(frozen=True, slots=True)
class Signal:
    """One tag, plant or virtual, as far as it was understood."""

    unit: str | None
    """UCUM code."""
    span: tuple[float, float] | None
    """Lowest and highest value, in `unit`."""
    virtual: bool = False
    """Whether a soft sensor gives it."""
    length: int = 1
    """Number of values [1]."""
    writable: bool = False
    """Whether it may be written."""
    connection: str | None = None
    """Name of the connection it comes through."""


@dataclass(frozen=True)
class View:
    """What a document says, read with care."""

    document: Document
    """The policy file."""

    def problem(self, path: Path, message: str, *, at_key: bool = False) -> Problem:
        """Return a problem at a place of the file."""
        return self.document.problem(path, message, at_key=at_key)

    def get(self, *path: str | int) -> object:
        """Return what stands at a path, or None."""
        return value_at(self.document.data, path)

    def names(self, *path: str | int) -> tuple[str, ...]:
        """Return the keys of the section at a path; none if it is no section."""
        section = self.get(*path)
        return tuple(cast("dict[str, object]", section)) if isinstance(section, dict) else ()

    def text(self, *path: str | int) -> str | None:
        """Return the text at a path."""
        value = self.get(*path)
        return value if isinstance(value, str) else None

    def number(self, *path: str | int) -> float | None:
        """Return the finite number at a path, in the unit it was written in."""
        value = self.get(*path)
        usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return float(cast("float", value)) if usable else None

    def span(self, *path: str | int) -> tuple[float, float] | None:
        """Return the two numbers at a path if they are in order, in the unit they were written in."""
        low, high = self.number(*path, 0), self.number(*path, 1)
        return (low, high) if low is not None and high is not None and low < high else None

    def duration(self, *path: str | int) -> float | None:
        """Return the length of the time written at a path [s]."""
        try:
            return seconds(self.get(*path))
        except ValueError:
            return None

    def match(self, pattern: str) -> Iterator[Path]:
        """Give every path that exists and fits a dotted pattern; ``*`` stands for any key or list position."""
        yield from self._match((), self.document.data, pattern.split("."))

    def _match(self, path: Path, data: object, parts: list[str]) -> Iterator[Path]:
        if not parts:
            yield path
            return
        entries: dict[str | int, object] = {}
        if isinstance(data, dict):
            entries = cast("dict[str | int, object]", data)
        elif isinstance(data, list):
            entries = dict(enumerate(cast("list[object]", data)))
        for key, value in entries.items():
            if parts[0] in {"*", key}:
                yield from self._match((*path, key), value, parts[1:])

    @cached_property
    def signals(self) -> dict[str, Signal]:
        """Every tag by name; where a virtual one has the name of a plant tag, the plant tag."""
        virtual = {name: signal for sensor in self.names("soft_sensors") for name, signal in self.given(sensor).items()}
        return virtual | {name: self._plant_tag(name) for name in self.names("tags")}

    def given(self, sensor: str) -> dict[str, Signal]:
        """Return the virtual tags one soft sensor gives."""
        here = ("soft_sensors", sensor)
        span = self.span(*here, "range") or (-math.inf, math.inf)
        unit = self.text(*here, "unit") or ""
        match self.text(*here, "kind"):
            case "refill_balance":
                tags = balanced(sensor, span)
            case "peaks":
                tags = listed(sensor, unit, span, dict.fromkeys(self.names(*here, "listed"), 1.0))
                tags |= stretched(sensor, bool(self.get(*here, "stretch")))
            case "reconciled":
                tags = reconciled(sensor, unit, span, self.names(*here, "witnesses"))
            case "moving_block":
                tags = blocked(sensor, self.span(*here, "range") or (0.0, 100.0))
            case "label_claim":
                masses = self.span(*here, "mass_range") or span
                tags = claimed(sensor, self.span(*here, "range") or (50.0, 150.0), masses)
            case "hybrid":
                tags = inferred(sensor, unit, span, challenged=self.get(*here, "challenger") is not None)
            case _:
                units = {suffix: self.text(*here, "also", suffix) or "" for suffix in self.names(*here, "also")}
                tags = given(sensor, unit, span, units)
        return {name: Signal(unit or None, span, virtual=True) for name, (unit, span) in tags.items()}

    def _plant_tag(self, name: str) -> Signal:
        length = self.get("tags", name, "length")
        return Signal(
            unit=self.text("tags", name, "unit"),
            span=self.span("tags", name, "range"),
            length=length if isinstance(length, int) and length > 0 else 1,
            writable=self.get("tags", name, "access") == Access.WRITE,
            connection=self.text("tags", name, "connection"),
        )
